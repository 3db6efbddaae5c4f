/*
 * libxkv.c - libxkv alone, next to what bounds it, in one run
 *
 *     build/release/bench/libxkv [keys [part of a name]]    default 1,000,000, all
 *
 * Every figure is the median over ROUNDS rounds in which all of them take
 * turns, so that a slow moment of the machine strikes all alike; beside it stand
 * the quartiles, and the median of the rounds' ratios to the figure's limit: to
 * what it cannot be faster than, or for two threads to one. One JSON object per
 * line goes to the file named by XKV_BENCH_JSON, if it is set. With
 * XKV_BENCH_QUICK, rounds are short. Stores lie in TMPDIR.
 */
#define _GNU_SOURCE 1
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "disk/lmdb_api.h"

#include "xkv.h"

enum { ROUNDS = 7, VALUE_SIZE = 58, KEY_SIZE = 13 };

static size_t keys = 1000000;
static char *key_table; /* KEY_SIZE bytes each, in order */
static char value[VALUE_SIZE + 1];

static double now_ns(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

/* A cheap walk through all keys in an order that no cache foresees. */
static size_t scatter(size_t i) {
    return (size_t)((i * 0x9e3779b97f4a7c15u) >> 20) % keys;
}

static xkv_bytes key_at(size_t i) {
    return (xkv_bytes){key_table + i * KEY_SIZE, KEY_SIZE};
}

static void make_keys(void) {
    char text[32];

    key_table = malloc(keys * KEY_SIZE);
    if (!key_table)
        die("no memory");
    for (size_t i = 0; i < keys; i++) {
        snprintf(text, sizeof text, "user:%08zu", i % 100000000);
        memcpy(key_table + i * KEY_SIZE, text, KEY_SIZE);
    }
    memset(value, 'v', VALUE_SIZE);
}

/* -- What is measured -------------------------------------------------------- */

static xkv_store *memory, *tracked, *durable;

static void run(xkv_store *store, const xkv_command *command) {
    static _Thread_local char buffer[4096];
    xkv_reply reply;

    xkv_reply_init(&reply, buffer, sizeof buffer);
    if (xkv_exec(store, command, &reply) != XKV_OK)
        die("a command failed");
    xkv_reply_clear(&reply);
}

static void get(xkv_store *store, size_t i) {
    run(store, &(xkv_command){.op = XKV_OP_GET, .key = key_at(scatter(i))});
}

static void set(xkv_store *store, size_t i) {
    run(store,
        &(xkv_command){.op = XKV_OP_SET, .key = key_at(scatter(i)), .value = {value, VALUE_SIZE}});
}

static void memory_get(size_t i) {
    get(memory, i);
}

static void memory_set(size_t i) {
    set(memory, i);
}

static void memory_mix(size_t i) {
    if (i % 10 == 0)
        set(memory, i);
    else
        get(memory, i);
}

static void memory_random(size_t i) {
    (void)i;
    run(memory, &(xkv_command){.op = XKV_OP_RANDOM_KEY, .prefix = xkv_text("user:000")});
}

static void disk_get(size_t i) {
    get(tracked, i);
}

static void disk_random(size_t i) {
    (void)i;
    run(tracked, &(xkv_command){.op = XKV_OP_RANDOM_KEY, .prefix = xkv_text("user:000")});
}

static void disk_set_nosync(size_t i) {
    set(tracked, i);
}

static void disk_set(size_t i) {
    set(durable, i);
}

/* -- What bounds it ---------------------------------------------------------- */

/* Open addressing over pointers to copies of the keys, as plain as can be. */
static char **slots;
static size_t slot_mask;

static size_t hash(const char *key) {
    uint64_t h = 0xcbf29ce484222325u;

    for (int i = 0; i < KEY_SIZE; i++)
        h = (h ^ (unsigned char)key[i]) * 0x100000001b3u;
    return (size_t)(h ^ h >> 32);
}

static char **slot_of(const char *key) {
    size_t at = hash(key) & slot_mask;

    while (slots[at] && memcmp(slots[at], key, KEY_SIZE) != 0)
        at = (at + 1) & slot_mask;
    return &slots[at];
}

static void fill_hash(void) {
    size_t size = 1;

    while (size < keys * 2)
        size *= 2;
    slot_mask = size - 1;
    slots = calloc(size, sizeof *slots);
    for (size_t i = 0; slots && i < keys; i++) {
        char *entry = malloc(KEY_SIZE + VALUE_SIZE);
        if (!entry)
            die("no memory");
        memcpy(entry, key_at(i).data, KEY_SIZE);
        memcpy(entry + KEY_SIZE, value, VALUE_SIZE);
        *slot_of(entry) = entry;
    }
}

static volatile char sink;

static void hash_get(size_t i) {
    char out[VALUE_SIZE];

    memcpy(out, *slot_of(key_at(scatter(i)).data) + KEY_SIZE, VALUE_SIZE);
    sink = out[i % VALUE_SIZE];
}

static MDB_env *raw;
static MDB_dbi raw_dbi;
static MDB_txn *raw_reader;

static void raw_check(int code) {
    if (code != MDB_SUCCESS)
        die(mdb_strerror(code));
}

static void raw_put_one(MDB_txn *txn, size_t i) {
    MDB_val key = {KEY_SIZE, (void *)(uintptr_t)key_at(i).data}, data = {VALUE_SIZE, value};
    raw_check(mdb_put(txn, raw_dbi, &key, &data, 0));
}

static void fill_raw(void) {
    MDB_txn *txn;

    raw_check(mdb_env_create(&raw));
    raw_check(mdb_env_set_mapsize(raw, (size_t)4 << 30));
    raw_check(mdb_env_open(raw, "raw.mdb", MDB_NOSUBDIR | MDB_NOTLS, 0600));
    raw_check(mdb_txn_begin(raw, NULL, 0, &txn));
    raw_check(mdb_dbi_open(txn, NULL, 0, &raw_dbi));
    for (size_t i = 0; i < keys; i++)
        raw_put_one(txn, i);
    raw_check(mdb_txn_commit(txn));
    raw_check(mdb_txn_begin(raw, NULL, MDB_RDONLY, &raw_reader));
    mdb_txn_reset(raw_reader);
}

static void raw_get(size_t i) {
    MDB_val key = {KEY_SIZE, (void *)(uintptr_t)key_at(scatter(i)).data}, data;
    char out[VALUE_SIZE];

    raw_check(mdb_txn_renew(raw_reader));
    raw_check(mdb_get(raw_reader, raw_dbi, &key, &data));
    memcpy(out, data.mv_data, VALUE_SIZE);
    sink = out[i % VALUE_SIZE];
    mdb_txn_reset(raw_reader);
}

static void raw_put(size_t i) {
    MDB_txn *txn;

    raw_check(mdb_txn_begin(raw, NULL, 0, &txn));
    raw_put_one(txn, scatter(i));
    raw_check(mdb_txn_commit(txn));
}

static void copy_value(size_t i) {
    char out[VALUE_SIZE];

    memcpy(out, key_table + scatter(i) * KEY_SIZE % (keys * KEY_SIZE - VALUE_SIZE), VALUE_SIZE);
    sink = out[i % VALUE_SIZE];
}

static int sync_fd;

static void sync_page(size_t i) {
    static char page[4096];

    if (pwrite(sync_fd, page, sizeof page, (off_t)(i % 64 * 4096)) < 0 || fdatasync(sync_fd) != 0)
        die("fdatasync failed");
}

/* -- Measuring --------------------------------------------------------------- */

struct figure {
    const char *name;
    void (*call)(size_t);
    size_t count; /* per round and thread */
    int threads;
    const char *limit; /* the name of another figure, or NULL */
    double ns[ROUNDS]; /* per call, over all threads */
};

static struct figure figures[] = {
    {"memcpy of a value", copy_value, 400000, 1, NULL, {0}},
    {"plain hash look-up", hash_get, 400000, 1, NULL, {0}},
    {"memory get", memory_get, 400000, 1, "plain hash look-up", {0}},
    {"memory get, 2 threads", memory_get, 400000, 2, "memory get", {0}},
    {"memory set", memory_set, 200000, 1, "plain hash look-up", {0}},
    {"memory 90/10 mix", memory_mix, 400000, 1, "plain hash look-up", {0}},
    {"memory 90/10 mix, 2 threads", memory_mix, 400000, 2, "memory 90/10 mix", {0}},
    {"memory random key, prefix", memory_random, 400000, 1, "plain hash look-up", {0}},
    {"raw mdb_get, renew and copy", raw_get, 400000, 1, NULL, {0}},
    {"disk get", disk_get, 400000, 1, "raw mdb_get, renew and copy", {0}},
    {"disk get, 2 threads", disk_get, 400000, 2, "disk get", {0}},
    {"disk random key, prefix, tracked", disk_random, 400000, 1, "plain hash look-up", {0}},
    {"disk set, durability none", disk_set_nosync, 20000, 1, NULL, {0}},
    {"pwrite and fdatasync of a page", sync_page, 100, 1, NULL, {0}},
    {"raw mdb_put, one per commit", raw_put, 100, 1, "pwrite and fdatasync of a page", {0}},
    {"disk set, durability full", disk_set, 100, 1, "raw mdb_put, one per commit", {0}},
};

enum { FIGURES = sizeof figures / sizeof figures[0] };

struct worker {
    const struct figure *figure;
    size_t count;
    size_t first;
    pthread_t thread;
};

static void *work(void *argument) {
    const struct worker *worker = argument;

    for (size_t i = 0; i < worker->count; i++)
        worker->figure->call(worker->first + i);
    return NULL;
}

static double measure(const struct figure *figure, size_t first) {
    struct worker workers[8];
    size_t count = getenv("XKV_BENCH_QUICK") ? figure->count / 5 : figure->count;
    double start = now_ns();

    for (int t = 0; t < figure->threads; t++) {
        workers[t] =
            (struct worker){.figure = figure, .count = count, .first = first + (size_t)t * 7777777};
        if (pthread_create(&workers[t].thread, NULL, work, &workers[t]) != 0)
            die("no thread");
    }
    for (int t = 0; t < figure->threads; t++)
        pthread_join(workers[t].thread, NULL);
    return (now_ns() - start) / (double)(count * (size_t)figure->threads);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Where q of the values are below, 0 to 1, which are taken as they are. */
static double quantile(const double *values, double q) {
    double sorted[ROUNDS];

    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof *sorted, by_value);
    return sorted[(size_t)(q * (ROUNDS - 1) + 0.5)];
}

static xkv_store *open_store(int backend, const char *path, int durability) {
    xkv_options options;
    char why[XKV_MESSAGE_SIZE];
    xkv_store *store;

    xkv_options_init(&options);
    options.backend = backend;
    options.path = path;
    options.track_keys = true;
    options.durability = durability;
    if (xkv_open(&options, &store, why, sizeof why) != XKV_OK)
        die(why);
    return store;
}

static FILE *json_file(void) {
    const char *path = getenv("XKV_BENCH_JSON");

    return path ? fopen(path, "a") : NULL;
}

/* A number that is measured once. */
static void report(const char *name, double number, const char *unit) {
    FILE *json = json_file();

    printf("%-36s %12.1f %21s %s\n", name, number, "", unit);
    if (json) {
        fprintf(json,
                "{\"part\":\"libxkv\",\"name\":\"%s\",\"keys\":%zu,\"value\":%.2f,"
                "\"unit\":\"%s\"}\n",
                name, keys, number, unit);
        fclose(json);
    }
}

static const struct figure *limit_of(const struct figure *figure) {
    for (size_t i = 0; figure->limit && i < sizeof figures / sizeof figures[0]; i++) {
        if (strcmp(figures[i].name, figure->limit) == 0)
            return figures[i].ns[0] > 0 ? &figures[i] : NULL;
    }
    return NULL;
}

static double ratio_of(const struct figure *figure, const struct figure *limit) {
    double ratios[ROUNDS];

    for (int i = 0; i < ROUNDS; i++)
        ratios[i] = figure->ns[i] / limit->ns[i];
    return quantile(ratios, 0.5);
}

static void report_figure(const struct figure *figure) {
    const struct figure *limit = limit_of(figure);
    double middle = quantile(figure->ns, 0.5), low = quantile(figure->ns, 0.25),
           high = quantile(figure->ns, 0.75), ratio = limit ? ratio_of(figure, limit) : 0;
    FILE *json = json_file();

    printf("%-36s %12.1f %10.1f %10.1f ns", figure->name, middle, low, high);
    if (limit)
        printf(" %8.2f x %s", ratio, limit->name);
    printf("\n");
    if (!json)
        return;
    fprintf(json,
            "{\"part\":\"libxkv\",\"name\":\"%s\",\"keys\":%zu,\"value\":%.2f,\"unit\":\"ns\","
            "\"low\":%.2f,\"high\":%.2f",
            figure->name, keys, middle, low, high);
    if (limit)
        fprintf(json, ",\"limit\":\"%s\",\"ratio\":%.3f", limit->name, ratio);
    fprintf(json, "}\n");
    fclose(json);
}

/* Fills the stores; on the way, what an entry takes and how long loading is. */
static void fill_stores(void) {
    struct mallinfo2 before = mallinfo2();
    double start = now_ns();

    memory = open_store(XKV_BACKEND_MEMORY, NULL, XKV_DURABILITY_FULL);
    for (size_t i = 0; i < keys; i++)
        set(memory, i * 2654435761u);
    for (size_t i = 0; i < keys; i++)
        run(memory,
            &(xkv_command){.op = XKV_OP_SET, .key = key_at(i), .value = {value, VALUE_SIZE}});
    struct mallinfo2 after = mallinfo2();
    report("memory set while loading", (now_ns() - start) / (double)(2 * keys), "ns");
    report("memory per entry beyond its payload",
           (double)(after.uordblks - before.uordblks) / (double)keys - KEY_SIZE - VALUE_SIZE,
           "bytes");
    tracked = open_store(XKV_BACKEND_DISK, "none.kv", XKV_DURABILITY_NONE);
    for (size_t i = 0; i < keys; i++)
        run(tracked,
            &(xkv_command){.op = XKV_OP_SET, .key = key_at(i), .value = {value, VALUE_SIZE}});
    xkv_close(tracked);
    start = now_ns();
    tracked = open_store(XKV_BACKEND_DISK, "none.kv", XKV_DURABILITY_NONE);
    report("opening the tracked disk store", (now_ns() - start) / 1e6, "ms");
    durable = open_store(XKV_BACKEND_DISK, "full.kv", XKV_DURABILITY_FULL);
}

/* -- Clearing ---------------------------------------------------------------- */

/* A client that calls on while another clears its store. */
struct bystander {
    xkv_store *store;
    double longest; /* of its calls, ns */
    _Atomic bool stop;
};

static void *stand_by(void *argument) {
    struct bystander *bystander = argument;

    for (size_t i = 0; !atomic_load(&bystander->stop); i++) {
        double start = now_ns();
        run(bystander->store, &(xkv_command){.op = XKV_OP_SET,
                                             .key = key_at(scatter(i) % 1000),
                                             .value = {value, VALUE_SIZE}});
        double took = now_ns() - start;
        if (took > bystander->longest)
            bystander->longest = took;
    }
    return NULL;
}

/* Fills a store, clears it, and watches for a while what that does to others. */
static void clear_once(size_t count, double *caller_ns, double *other_ns) {
    struct bystander bystander = {.store = open_store(XKV_BACKEND_MEMORY, NULL, 0)};
    xkv_store *store = open_store(XKV_BACKEND_MEMORY, NULL, 0);
    pthread_t thread;

    for (size_t i = 0; i < count; i++)
        run(store, &(xkv_command){.op = XKV_OP_SET,
                                  .key = key_at(i * 7919 % count),
                                  .value = {value, VALUE_SIZE}});
    if (pthread_create(&thread, NULL, stand_by, &bystander) != 0)
        die("no thread");
    usleep(2000);
    double start = now_ns();
    run(store, &(xkv_command){.op = XKV_OP_CLEAR});
    *caller_ns = now_ns() - start;
    usleep(2000 + (useconds_t)count / 4);
    atomic_store(&bystander.stop, true);
    pthread_join(thread, NULL);
    *other_ns = bystander.longest;
    xkv_close(store);
    xkv_close(bystander.store);
}

static void measure_clear(size_t count, const char *part) {
    double caller[ROUNDS], other[ROUNDS];
    char name[64];

    snprintf(name, sizeof name, "clear of %zu keys", count);
    if (part && !strstr(name, part))
        return;
    for (int i = 0; i < ROUNDS; i++)
        clear_once(count, &caller[i], &other[i]);
    report(name, quantile(caller, 0.5) / 1e6, "ms");
    snprintf(name, sizeof name, "clear of %zu keys: others wait", count);
    report(name, quantile(other, 0.5) / 1e6, "ms");
}

/* -- All of them -------------------------------------------------------------- */

static bool wanted(const struct figure *figure, const char *part) {
    return !part || strstr(figure->name, part);
}

static void measure_all(const char *part) {
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < FIGURES; i++) {
            if (wanted(&figures[i], part))
                figures[i].ns[round] = measure(&figures[i], (size_t)round * 1000003);
        }
    }
    for (int i = 0; i < FIGURES; i++) {
        if (wanted(&figures[i], part))
            report_figure(&figures[i]);
    }
}

static void enter_directory(char *path, size_t size) {
    const char *parent = getenv("TMPDIR");

    snprintf(path, size, "%s/xkv-bench-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(path) || chdir(path) != 0)
        die("no temporary directory");
}

static void leave_directory(const char *path) {
    if (system("rm -rf none.kv* full.kv* raw.mdb* sync") != 0 || chdir("/") != 0 ||
        rmdir(path) != 0)
        fprintf(stderr, "%s is left behind\n", path);
}

int main(int argc, char **argv) {
    char directory[4096];

    if (argc > 1)
        keys = strtoul(argv[1], NULL, 10);
    if (keys < 1000)
        die("give a number of keys, 1000 or more");
    enter_directory(directory, sizeof directory);
    sync_fd = open("sync", O_RDWR | O_CREAT, 0600);
    make_keys();
    fill_stores();
    fill_hash();
    fill_raw();
    measure_all(argc > 2 ? argv[2] : NULL);
    xkv_close(memory);
    measure_clear(keys / 50, argc > 2 ? argv[2] : NULL);
    measure_clear(keys, argc > 2 ? argv[2] : NULL);
    xkv_close(tracked);
    xkv_close(durable);
    leave_directory(directory);
    return 0;
}
