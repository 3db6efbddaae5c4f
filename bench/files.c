/*
 * files.c - files in and out, next to what bounds them, in one run
 *
 *     build/release/bench/files [rows [part of a name [scattered]]]    default 1,000,000, all
 *
 * (with a third argument the keys are in no order.) A file of users, eight columns and about 100
 * bytes a row, goes into a store and out of it. Every figure is the median of ROUNDS rounds in
 * which all take turns; MB are those of the file (of keys and values for backups). The limits:
 * copying a file's bytes in memory, writing them to a file and syncing it, counting its lines. One
 * JSON object per line goes to the file named by XKV_BENCH_JSON, if it is set. Files lie in TMPDIR.
 */
#define _GNU_SOURCE 1
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "xkv.h"

enum { ROUNDS = 5 };

static size_t rows = 1000000;
static bool scattered; /* keys are in no order */

static double now_s(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void die(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static double size_of(const char *path) {
    struct stat found;
    if (stat(path, &found) != 0)
        die(path);
    return (double)found.st_size;
}

/* -- Files to begin with ------------------------------------------------------- */

static void make_users(void) {
    FILE *csv = fopen("users.csv", "w"), *jsonl = fopen("users.jsonl", "w");

    if (!csv || !jsonl)
        die("cannot write");
    fputs("id,name,email,city,age,balance,active,note\n", csv);
    for (size_t i = 0; i < rows; i++) {
        char id[32];
        size_t age = 18 + i % 60;
        const char *active = i % 3 ? "true" : "false";
        snprintf(id, sizeof id, "user:%08zu", scattered ? i * 2654435761u % 100000000 : i);
        fprintf(csv, "%s,Ada Lovelace %zu,ada%zu@example.com,\"London, UK\",%zu,%zu.25,%s,none\n",
                id, i, i, age, i % 10000, active);
        fprintf(jsonl,
                "{\"key\":\"%s\",\"value\":{\"name\":\"Ada Lovelace "
                "%zu\",\"email\":\"ada%zu@example.com\",\"age\":%zu,\"balance\":%zu.25,\"active\":%"
                "s}}\n",
                id, i, i, age, i % 10000, active);
    }
    fclose(csv);
    fclose(jsonl);
}

static char *read_all(const char *path, size_t *size) {
    FILE *file = fopen(path, "r");
    *size = (size_t)size_of(path);
    char *data = malloc(*size + 1);

    if (!file || !data || fread(data, 1, *size, file) != *size)
        die(path);
    fclose(file);
    return data;
}

/* -- The limits ------------------------------------------------------------------ */

static char *csv_bytes, *other_bytes;
static size_t csv_size;

static double copy_bytes(void) {
    double start = now_s();
    memcpy(other_bytes, csv_bytes, csv_size);
    return (double)csv_size / (now_s() - start);
}

static double write_bytes(void) {
    double start = now_s();
    int fd = open("raw", O_WRONLY | O_CREAT | O_TRUNC, 0600);

    for (size_t at = 0; at < csv_size; at += 1 << 20) {
        size_t piece = csv_size - at < 1 << 20 ? csv_size - at : 1 << 20;
        if (write(fd, csv_bytes + at, piece) != (ssize_t)piece)
            die("cannot write");
    }
    if (fsync(fd) != 0 || close(fd) != 0)
        die("cannot write");
    return (double)csv_size / (now_s() - start);
}

static double count_lines(void) {
    double start = now_s();
    if (system("wc -l users.csv > lines") != 0)
        die("there is no wc");
    return (double)csv_size / (now_s() - start);
}

/* -- Commands --------------------------------------------------------------------- */

static xkv_store *memory, *disk;

static xkv_store *open_store(int backend, const char *path) {
    xkv_options options;
    char why[XKV_MESSAGE_SIZE];
    xkv_store *store;

    xkv_options_init(&options);
    options.backend = backend;
    options.durability = XKV_DURABILITY_NONE;
    options.path = path;
    if (xkv_open(&options, &store, why, sizeof why) != XKV_OK)
        die(why);
    return store;
}

static double run(xkv_store *store, const xkv_command *command) {
    xkv_reply reply;
    double start = now_s();

    xkv_reply_init(&reply, NULL, 0);
    if (xkv_exec(store, command, &reply) != XKV_OK) {
        fprintf(stderr, "%.*s\n", (int)reply.len, (const char *)reply.data);
        exit(1);
    }
    double took = now_s() - start;
    xkv_reply_clear(&reply);
    return took;
}

/* An import begins with an empty store; what it takes to free the old one is not counted. */
static void renew(xkv_store **store) {
    xkv_close(*store);
    if (store == &disk && (remove("store.kv") != 0 || remove("store.kv-lock") != 0))
        die("cannot remove store.kv");
    *store = store == &disk ? open_store(XKV_BACKEND_DISK, "store.kv")
                            : open_store(XKV_BACKEND_MEMORY, NULL);
}

/* Bytes a second, by the size of the file. */
static double file_run(xkv_store **which, int op, const char *path) {
    xkv_command command = {.op = op, .file_name = xkv_text(path)};
    xkv_items columns = {NULL, 0, 0};
    xkv_store *store;
    bool imports = op == XKV_OP_IMPORT_CSV || op == XKV_OP_IMPORT_JSONL;

    if (op == XKV_OP_IMPORT_CSV || op == XKV_OP_VALIDATE_CSV)
        command.key_column = xkv_text("id");
    if (op == XKV_OP_EXPORT_CSV) {
        static const char *const names[] = {"name", "email", "age", "balance", "active"};
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            (void)xkv_items_add(&columns, xkv_text(names[i]), (xkv_bytes){NULL, 0});
        command.items = xkv_items_bytes(&columns);
    }
    if (imports)
        renew(which);
    store = *which;
    double took = run(store, &command);
    xkv_items_free(&columns);
    return size_of(path) / took;
}

#define FILE_RUN(name, store, op, path)                                                            \
    static double name(void) {                                                                     \
        return file_run(&(store), op, path);                                                       \
    }
FILE_RUN(csv_into_memory, memory, XKV_OP_IMPORT_CSV, "users.csv")
FILE_RUN(csv_out_of_memory, memory, XKV_OP_EXPORT_CSV, "out.csv")
FILE_RUN(jsonl_into_memory, memory, XKV_OP_IMPORT_JSONL, "users.jsonl")
FILE_RUN(jsonl_out_of_memory, memory, XKV_OP_EXPORT_JSONL, "out.jsonl")
FILE_RUN(back_memory_up, memory, XKV_OP_BACKUP, "memory.kv")
FILE_RUN(restore_memory, memory, XKV_OP_RESTORE, "memory.kv")
FILE_RUN(csv_into_disk, disk, XKV_OP_IMPORT_CSV, "users.csv")
FILE_RUN(jsonl_into_disk, disk, XKV_OP_IMPORT_JSONL, "users.jsonl")
FILE_RUN(jsonl_out_of_disk, disk, XKV_OP_EXPORT_JSONL, "out.jsonl")
FILE_RUN(back_disk_up, disk, XKV_OP_BACKUP, "disk.kv")
FILE_RUN(restore_disk, disk, XKV_OP_RESTORE, "disk.kv")
FILE_RUN(check_csv, memory, XKV_OP_VALIDATE_CSV, "users.csv")
FILE_RUN(check_jsonl, memory, XKV_OP_VALIDATE_JSONL, "users.jsonl")

/* In an order in which each finds what it needs. The target is in MB/s. */
static struct figure {
    const char *name, *limit;
    double (*measure)(void);
    double target, rate[ROUNDS];
} figures[] = {
    {"copying the bytes", NULL, copy_bytes, 0, {0}},
    {"writing and syncing the bytes", NULL, write_bytes, 0, {0}},
    {"wc -l", NULL, count_lines, 0, {0}},
    {"validateCSV", "wc -l", check_csv, 400, {0}},
    {"validateJSONL", "wc -l", check_jsonl, 400, {0}},
    {"importCSV, memory", "wc -l", csv_into_memory, 150, {0}},
    {"importJSONL, memory", "wc -l", jsonl_into_memory, 150, {0}},
    {"exportCSV, memory", "writing and syncing the bytes", csv_out_of_memory, 150, {0}},
    {"exportJSONL, memory", "writing and syncing the bytes", jsonl_out_of_memory, 150, {0}},
    {"backup, memory", "writing and syncing the bytes", back_memory_up, 300, {0}},
    {"restore, memory", "wc -l", restore_memory, 0, {0}},
    {"importCSV, disk none", "writing and syncing the bytes", csv_into_disk, 60, {0}},
    {"importJSONL, disk none", "writing and syncing the bytes", jsonl_into_disk, 60, {0}},
    {"exportJSONL, disk none", "writing and syncing the bytes", jsonl_out_of_disk, 150, {0}},
    {"backup, disk none", "writing and syncing the bytes", back_disk_up, 300, {0}},
    {"restore, disk none", "writing and syncing the bytes", restore_disk, 0, {0}},
};
enum { FIGURES = sizeof figures / sizeof figures[0] };

/* -- The report -------------------------------------------------------------------- */

static int ascending(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double median(const double *values) {
    double sorted[ROUNDS];

    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof sorted[0], ascending);
    return sorted[ROUNDS / 2];
}

static const struct figure *limit_of(const struct figure *figure) {
    for (int i = 0; figure->limit && i < FIGURES; i++) {
        if (strcmp(figures[i].name, figure->limit) == 0)
            return &figures[i];
    }
    return NULL;
}

static void report(const struct figure *figure) {
    const struct figure *limit = limit_of(figure);
    const char *path = getenv("XKV_BENCH_JSON");
    double ratios[ROUNDS] = {0}, rate = median(figure->rate) / 1e6;

    for (int i = 0; limit && i < ROUNDS; i++)
        ratios[i] = figure->rate[i] / limit->rate[i];
    printf("%-32s %8.0f MB/s", figure->name, rate);
    if (limit)
        printf("   %5.2f of %s", median(ratios), limit->name);
    if (figure->target > 0)
        printf("   at least %.0f: %s", figure->target, rate >= figure->target ? "met" : "NOT met");
    printf("\n");
    FILE *json = path ? fopen(path, "a") : NULL;
    if (!json)
        return;
    fprintf(json,
            "{\"part\":\"files\",\"name\":\"%s%s\",\"rows\":%zu,\"mb_s\":%.1f,\"target\":%.0f",
            figure->name, scattered && limit ? ", scattered keys" : "", rows, rate,
            scattered ? 0 : figure->target);
    if (limit)
        fprintf(json, ",\"limit\":\"%s\",\"ratio\":%.3f", limit->name, median(ratios));
    fprintf(json, "}\n");
    fclose(json);
}

int main(int argc, char **argv) {
    const char *parent = getenv("TMPDIR"), *part = argc > 2 ? argv[2] : "";
    char path[4096];
    size_t size;

    if (argc > 1)
        rows = strtoul(argv[1], NULL, 10);
    if (rows < 1000)
        die("give a number of rows, 1000 or more");
    scattered = argc > 3;
    snprintf(path, sizeof path, "%s/xkv-files-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(path) || chdir(path) != 0)
        die("no temporary directory");
    make_users();
    csv_bytes = read_all("users.csv", &csv_size);
    other_bytes = read_all("users.csv", &size);
    memory = open_store(XKV_BACKEND_MEMORY, NULL);
    disk = open_store(XKV_BACKEND_DISK, "store.kv");
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < FIGURES; i++) {
            if (!figures[i].limit || strstr(figures[i].name, part))
                figures[i].rate[round] = figures[i].measure();
        }
    }
    for (int i = 0; i < FIGURES; i++) {
        if (!figures[i].limit || strstr(figures[i].name, part))
            report(&figures[i]);
    }
    xkv_close(memory);
    xkv_close(disk);
    char command[4200];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    return chdir("/") != 0 || system(command) != 0;
}
