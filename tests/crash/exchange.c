/*
 * exchange.c - a process is killed while it writes a file, or takes one in
 *
 * A child does the same command again and again, and is killed at a random moment. While it
 * writes files, a thread of its own changes all entries again and again, in one step. Then:
 *
 *   - the file is the one that was there before, or a new one, and whole, of one moment;
 *   - the store has its old entries or those of the file, all of them and no others;
 *   - what was left beside the file goes with the next one.
 */
#include "../child.h"
#include "../items.h"

#include <dirent.h>
#include <pthread.h>

enum { ENTRIES_COUNT = 3000, KINDS = 3 };

static const int ops[] = {XKV_OP_BACKUP, XKV_OP_EXPORT_JSONL, XKV_OP_EXPORT_CSV, XKV_OP_RESTORE};

static char box[PATH_SIZE / 2 + 16];

static const char *in_box(const char *name) {
    static char paths[8][PATH_SIZE];
    static unsigned next;
    char *path = paths[next++ % COUNT(paths)];

    snprintf(path, PATH_SIZE, "%s/%s", box, name);
    return path;
}

static const char *file_of(int op) {
    static const char *const names[] = {"out.kv", "out.jsonl", "out.csv"};

    return op == XKV_OP_RESTORE ? "in.kv"
                                : names[op == XKV_OP_BACKUP         ? 0
                                        : op == XKV_OP_EXPORT_JSONL ? 1
                                                                    : 2];
}

static int run_file(struct client *client, int op) {
    xkv_command command = {.op = op, .file_name = xkv_text(in_box(file_of(op)))};

    return run_with(client, command, op == XKV_OP_EXPORT_CSV ? KEYS("of", "n") : NO_ITEMS);
}

/* In one step: all that there was has the same keys. */
static void fill(struct client *client, const char *of) {
    xkv_items items = NO_ITEMS;
    char key[64], value[500];

    for (int i = 0; i < ENTRIES_COUNT; i++) {
        snprintf(key, sizeof key, "key:%05d", i);
        snprintf(value, sizeof value, "{\"of\":\"%s\",\"n\":%*d}", of, i % 300, i);
        items_add(&items, xkv_text(key), xkv_text(value));
    }
    MUST(do_list_of(client, XKV_OP_SET_MANY, items) == XKV_OK);
}

static void open_store(struct client *client, const char *name, unsigned kind) {
    xkv_options options;

    xkv_options_init(&options);
    options.path = in_box(name);
    options.durability = (int)(kind % KINDS);
    options.track_keys = kind % 2;
    client_open(client, &options, false);
}

/* In the child. */
static void *change_until_killed(void *argument) {
    struct client client;

    open_store(&client, "store.kv", *(const unsigned *)argument);
    for (bool old = false;; old = !old)
        fill(&client, old ? "old" : "new");
    return NULL;
}

/* In the child: until it is killed. A restore is of what the store has not. */
static int run_until_killed(const char *directory, const char *op_text, const char *kind_text) {
    int op = atoi(op_text);
    unsigned kind = (unsigned)atoi(kind_text);
    struct client client;
    pthread_t changer;

    snprintf(box, sizeof box, "%s", directory);
    open_store(&client, "store.kv", kind);
    if (op != XKV_OP_RESTORE)
        MUST(pthread_create(&changer, NULL, change_until_killed, &kind) == 0);
    for (;;) {
        if (op == XKV_OP_RESTORE)
            fill(&client, "old");
        printf("begins\n");
        fflush(stdout);
        MUST(run_file(&client, op) == XKV_OK);
    }
}

/* Whether the entries are all there, and all of one origin. */
static const char *origin_of(struct client *client) {
    xkv_bytes key, value;
    size_t at = 0, counts[2] = {0, 0};

    MUST(do_list(client, NOTHING, 0) == XKV_OK);
    while (xkv_reply_next(&client->reply, &at, &key, &value)) {
        counts[memmem(value.data, value.len, "\"old\"", 5) != NULL]++;
    }
    if (counts[0] + counts[1] != ENTRIES_COUNT || (counts[0] != 0 && counts[1] != 0))
        fail_msg("there are %zu new entries and %zu old ones", counts[0], counts[1]);
    return counts[0] ? "new" : "old";
}

/* How often the last kill has left something; and whose entries were in files, and stores. */
static struct { unsigned littered, files[2], old, new; } tally;

/* A file that is there is whole; it is read by another store. */
static void check_file(int op) {
    xkv_options options = memory_options("check");
    struct client client;
    xkv_command command = {.op = op == XKV_OP_BACKUP         ? XKV_OP_RESTORE
                                 : op == XKV_OP_EXPORT_JSONL ? XKV_OP_IMPORT_JSONL
                                                             : XKV_OP_IMPORT_CSV};

    if (access(in_box(file_of(op)), F_OK) != 0)
        return; /* killed during the first */
    options.serialization = XKV_JSON;
    command.file_name = xkv_text(in_box(file_of(op)));
    if (op == XKV_OP_EXPORT_CSV)
        command.key_column = LIT("key");
    client_open(&client, &options, false);
    client_run(&client, &command);
    assert_int_equal(told(&client), XKV_OK);
    tally.files[*origin_of(&client) == 'o']++;
    client_close(&client);
}

static bool has_litter(void) {
    DIR *directory = opendir(box);
    bool found = false;

    MUST(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        found |= strstr(entry->d_name, ".part") != NULL;
    closedir(directory);
    return found;
}

static void run_cycle(int op, unsigned kind, struct rng *rng) {
    char op_text[16], kind_text[16], line[64];
    const char *const arguments[] = {"run", box, op_text, kind_text, NULL};
    struct child child;
    struct client client;

    snprintf(op_text, sizeof op_text, "%d", op);
    snprintf(kind_text, sizeof kind_text, "%u", kind);
    child_start(&child, arguments);
    for (size_t i = 1 + rng_below(rng, 2); i > 0; i--)
        MUST(child_hear(&child, line, sizeof line));
    /* Seldom long, so that a busy machine, too, is done with some of them before. */
    usleep((useconds_t)rng_below(rng, rng_chance(rng, 200) ? 200000 : 12000));
    child_kill(&child);
    tally.littered += has_litter();
    if (op != XKV_OP_RESTORE)
        check_file(op);
    open_store(&client, "store.kv", kind);
    bool is_old = strcmp(origin_of(&client), "old") == 0;
    tally.old += op == XKV_OP_RESTORE && is_old;
    tally.new += op == XKV_OP_RESTORE && !is_old;
    fill(&client, "old");
    MUST(run_file(&client, op) == XKV_OK);
    fill(&client, "old");
    client_close(&client);
    assert_false(has_litter());
}

/* Half as many as of writers: each takes longer. */
static unsigned cycles_wanted(void) {
    const char *given = getenv("XKV_CRASH_CYCLES");
    return (given && *given ? (unsigned)strtoul(given, NULL, 10) : 200) / 2;
}

static void make_box(void) {
    struct client client;

    snprintf(box, sizeof box, "%s/box", test.directory);
    MUST(mkdir(box, 0755) == 0);
    open_store(&client, "other.kv", 2);
    fill(&client, "new");
    xkv_bytes in = xkv_text(in_box("in.kv"));
    MUST(RUN(&client, .op = XKV_OP_BACKUP, .file_name = in) == XKV_OK);
    client_close(&client);
    open_store(&client, "store.kv", 2);
    fill(&client, "old");
    client_close(&client);
}

static void test_kill(void **state) {
    struct rng rng = rng_for("kill");
    unsigned cycles = cycles_wanted();

    (void)state;
    make_box();
    for (unsigned cycle = 0; cycle < cycles; cycle++)
        run_cycle(ops[cycle % COUNT(ops)], cycle / (unsigned)COUNT(ops), &rng);
    printf("%u kills: %u with a file in part, %u stores with the old entries, %u with the new\n",
           cycles, tally.littered, tally.old, tally.new);
    printf("%u files with the old entries, %u with the new\n", tally.files[1], tally.files[0]);
    assert_true(cycles < 100 || (tally.littered > 0 && tally.old > 0 && tally.new > 0));
    assert_true(cycles < 100 || (tally.files[0] > 0 && tally.files[1] > 0));
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill),
    };

    if (argc == 5 && strcmp(argv[1], "run") == 0)
        return run_until_killed(argv[2], argv[3], argv[4]);
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
