/*
 * exchange.c - files are written and read beside clients that read and write
 *
 * A backup or an export is of one moment: all keys that a writer writes in one step are of
 * one generation, no generation is older than what was acknowledged before it began or than
 * what the one before it had, and what a writer had seen of the others when it wrote is
 * there, too. XKV_EXCHANGE_ROUNDS says how many of each are taken.
 */
#include "../items.h"
#include "../kinds.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

static const struct kind kinds[] = {
    {"memory", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false},
    {"disk, none", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, false},
    {"disk, none, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, true},
    {"disk, relaxed", XKV_BACKEND_DISK, XKV_DURABILITY_RELAXED, false},
    {"disk, full, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, true},
};

static xkv_options options; /* of the store that is tested */

static xkv_bytes file(const char *name) {
    static _Thread_local char paths[4][PATH_SIZE];
    static _Thread_local unsigned next;

    return xkv_text(test_path(paths[next++ % COUNT(paths)], name));
}

static int run_file(struct client *client, int op, const char *name) {
    return RUN(client, .op = op, .file_name = file(name));
}

#define FILED(client, command, name) run_file(client, XKV_OP_##command, name)

/* What writes a store's entries to a file, and what reads them again. */
static const struct way {
    int out, in;
} ways[] = {
    {XKV_OP_BACKUP, XKV_OP_RESTORE},
    {XKV_OP_EXPORT_JSONL, XKV_OP_IMPORT_JSONL},
};

static void open_kind(struct client *client, const struct kind *kind) {
    static char name[PATH_SIZE];

    running = kind;
    options = fresh(kind, name);
    client_open(client, &options, false);
}

/* Filling, between which the keys of all writers lie. */
enum { PLACES = 8, FILLING = SANITIZED ? 100 : 1000 };

static void fill(struct client *client) {
    xkv_items items = NO_ITEMS;
    char key[64];

    for (int place = 0; place < PLACES; place++) {
        for (int n = 0; n < FILLING; n++) {
            snprintf(key, sizeof key, "%d:filling:%05d", place, n);
            items_add(&items, xkv_text(key), LIT("1"));
        }
    }
    MUST(do_list_of(client, XKV_OP_SET_MANY, items) == XKV_OK);
}

/* -- Writers ------------------------------------------------------------------------ */

enum { WRITERS = 8 };

static struct { _Atomic long begun, acknowledged; /* generations */ } writers[WRITERS];

static _Atomic bool ends;

/* A value: the generation, and what was acknowledged of the others before it was written. */
static void write_generation(struct client *client, size_t self, long generation) {
    xkv_items items = NO_ITEMS;
    char key[64], value[WRITERS * 22 + 25];
    int at = snprintf(value, sizeof value, "[%ld", generation);

    for (size_t i = 0; i < WRITERS; i++)
        at += snprintf(value + at, sizeof value - (size_t)at, ",%ld",
                       i == self ? 0 : atomic_load(&writers[i].acknowledged));
    snprintf(value + at, sizeof value - (size_t)at, "]");
    atomic_store(&writers[self].begun, generation);
    for (int place = 0; place < PLACES; place++) {
        snprintf(key, sizeof key, "%d:writer:%zu", place, self);
        items_add(&items, xkv_text(key), xkv_text(value));
    }
    MUST(do_list_of(client, XKV_OP_SET_MANY, items) == XKV_OK);
    atomic_store(&writers[self].acknowledged, generation);
}

static void *write_generations(void *argument) {
    size_t self = *(const size_t *)argument;
    struct client client;

    client_open(&client, &options, self % 2);
    for (long generation = 2; !atomic_load(&ends); generation++)
        write_generation(&client, self, generation);
    client_close(&client);
    return NULL;
}

/* -- What a moment is ------------------------------------------------------------------- */

struct moment {
    long generations[WRITERS], seen[WRITERS][WRITERS];
};

static void note_value(struct moment *moment, int place, size_t writer, const char *value) {
    char *at;
    long generation = strtol(value + 1, &at, 10);

    if (place > 0 && moment->generations[writer] != generation)
        fail_msg("of writer %zu there are generations %ld and %ld", writer,
                 moment->generations[writer], generation);
    moment->generations[writer] = generation;
    for (size_t i = 0; i < WRITERS; i++)
        moment->seen[writer][i] = strtol(at + 1, &at, 10);
}

/* Reads a file, into a store in memory. */
static void read_moment(struct moment *moment, int op, const char *name) {
    static const struct kind plain = {"memory", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false};
    char place_name[PATH_SIZE], key[64], value[512];
    xkv_options plain_options = fresh(&plain, place_name);
    struct client client;

    client_open(&client, &plain_options, false);
    run_file(&client, op, name);
    assert_int_equal(told(&client), XKV_OK);
    assert_int_equal(do_plain(&client, XKV_OP_SIZE), XKV_OK);
    assert_int_equal(client.reply.number, PLACES * (FILLING + WRITERS));
    for (int place = 0; place < PLACES; place++) {
        for (size_t i = 0; i < WRITERS; i++) {
            snprintf(key, sizeof key, "%d:writer:%zu", place, i);
            assert_int_equal(do_get(&client, xkv_text(key)), XKV_OK);
            snprintf(value, sizeof value, "%.*s", (int)client.reply.len,
                     (const char *)client.reply.data);
            note_value(moment, place, i, value);
        }
    }
    client_close(&client);
}

static void check_moment(const struct moment *moment, const long before[WRITERS],
                         const long after[WRITERS]) {
    for (size_t i = 0; i < WRITERS; i++) {
        assert_in_range(moment->generations[i], before[i], after[i]);
        for (size_t j = 0; j < WRITERS; j++) {
            if (moment->seen[i][j] > moment->generations[j])
                fail_msg("writer %zu had seen generation %ld of writer %zu, which has %ld", i,
                         moment->seen[i][j], j, moment->generations[j]);
        }
    }
}

static unsigned rounds_wanted(void) {
    const char *given = getenv("XKV_EXCHANGE_ROUNDS");
    return given && *given ? (unsigned)strtoul(given, NULL, 10) : SANITIZED ? 3 : 10;
}

/* least: generations that have been seen in a file, and gets those that are seen now. */
static void carry_and_check(struct client *client, const struct way *way, long least[WRITERS]) {
    long after[WRITERS];
    struct moment moment;

    for (size_t i = 0; i < WRITERS; i++) {
        long acknowledged = atomic_load(&writers[i].acknowledged);
        least[i] = acknowledged > least[i] ? acknowledged : least[i];
    }
    run_file(client, way->out, "moment");
    assert_int_equal(told(client), XKV_OK);
    for (size_t i = 0; i < WRITERS; i++)
        after[i] = atomic_load(&writers[i].begun);
    read_moment(&moment, way->in, "moment");
    check_moment(&moment, least, after);
    memcpy(least, moment.generations, sizeof moment.generations);
}

static void test_one_moment(void **state) {
    size_t numbers[WRITERS];
    pthread_t threads[WRITERS];

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct client client;
        long written = 0, least[WRITERS] = {0};
        open_kind(&client, &kinds[i]);
        fill(&client);
        atomic_store(&ends, false);
        for (size_t j = 0; j < WRITERS; j++)
            atomic_store(&writers[j].acknowledged, 0);
        for (size_t j = 0; j < WRITERS; j++)
            write_generation(&client, j, 1);
        for (size_t j = 0; j < WRITERS; j++) {
            numbers[j] = j;
            MUST(pthread_create(&threads[j], NULL, write_generations, &numbers[j]) == 0);
        }
        for (size_t round = rounds_wanted() * COUNT(ways); round > 0; round--)
            carry_and_check(&client, &ways[round % COUNT(ways)], least);
        atomic_store(&ends, true);
        for (size_t j = 0; j < WRITERS; j++) {
            pthread_join(threads[j], NULL);
            written += atomic_load(&writers[j].acknowledged);
        }
        assert_true(written > WRITERS); /* somebody wrote meanwhile */
        client_close(&client);
    }
    running = NULL;
}

/* -- A command that stands still ------------------------------------------------------------ */

/* One is stopped half way where it tells of its progress. */
static struct {
    _Atomic int op;
    sem_t stands, goes_on;
} standing = {.op = -1};

static void stand(const xkv_progress *progress, void *context) {
    int op = progress->op;

    (void)context;
    if (!atomic_compare_exchange_strong(&standing.op, &op, -1))
        return;
    sem_post(&standing.stands);
    sem_wait(&standing.goes_on);
}

struct submitter {
    xkv_store *store;
    xkv_queue *queue;
};

static struct submitter submitter_open(void) {
    struct submitter submitter = {must_open(&options), xkv_queue_new()};

    MUST(submitter.queue);
    return submitter;
}

static void submitter_close(struct submitter *submitter) {
    xkv_close(submitter->store);
    xkv_queue_free(submitter->queue);
}

/* Returns whether it was done at once: then with this status. */
static bool submit(struct submitter *submitter, xkv_command command, uint64_t tag, int status) {
    xkv_reply reply;

    xkv_reply_init(&reply, NULL, 0);
    int how = xkv_submit(submitter->store, &command, &reply, submitter->queue, tag);
    MUST(how == XKV_PENDING || reply.status == status);
    xkv_reply_clear(&reply);
    return how == XKV_DONE;
}

static void collect(struct submitter *submitter, uint64_t tag, int status) {
    xkv_completion done;

    MUST(xkv_completions(submitter->queue, &done, 1, 60000) == 1);
    if (done.tag != tag || done.reply.status != status)
        fail_msg("command %d is %s: %.*s", (int)done.tag, xkv_error_name(done.reply.status),
                 (int)done.reply.len, (const char *)done.reply.data);
    xkv_reply_clear(&done.reply);
}

static void begin_standing(struct submitter *submitter, int op, const char *name) {
    atomic_store(&standing.op, op);
    MUST(!submit(submitter, (xkv_command){.op = op, .file_name = file(name)}, 1, XKV_OK));
    sem_wait(&standing.stands);
}

static void end_standing(struct submitter *submitter) {
    sem_post(&standing.goes_on);
    collect(submitter, 1, XKV_OK);
}

/* Nobody waits for a restore but who has to: reads are as before, and writes are queued or done.
 * What its own handle brings comes after it. */
static void restore_beside(struct client *client) {
    struct submitter first = submitter_open(), second = submitter_open();
    const xkv_command set = {.op = XKV_OP_SET, .key = LIT("later"), .value = LIT("1")};
    const xkv_command set_old = {.op = XKV_OP_SET, .key = LIT("old"), .value = LIT("1")};
    const xkv_command get = {.op = XKV_OP_GET, .key = LIT("old")};

    MUST(FILED(client, BACKUP, "restored") == XKV_OK);
    bool was_set = submit(&first, set_old, 0, XKV_OK);
    begin_standing(&first, XKV_OP_RESTORE, "restored");
    if (!was_set)
        collect(&first, 0, XKV_OK);
    MUST(do_get(client, LIT("old")) == XKV_OK);
    MUST(submit(&second, get, 2, XKV_OK));
    bool done = submit(&second, set, 3, XKV_OK);
    MUST(!submit(&first, get, 4, XKV_OK) && !submit(&first, set_old, 5, XKV_OK) &&
         !submit(&first, get, 6, XKV_OK));
    end_standing(&first);
    collect(&first, 4, XKV_E_KEY_NOT_FOUND);
    collect(&first, 5, XKV_OK);
    collect(&first, 6, XKV_OK);
    if (!done)
        collect(&second, 3, XKV_OK);
    /* What was done went with the rest; what was queued came after it. */
    int status = do_get(client, LIT("later"));
    MUST(options.backend == XKV_BACKEND_DISK || status == (done ? XKV_E_KEY_NOT_FOUND : XKV_OK));
    MUST(do_plain(client, XKV_OP_SIZE) == XKV_OK);
    MUST(client->reply.number == PLACES * FILLING + 1 + (status == XKV_OK));
    submitter_close(&first);
    submitter_close(&second);
}

/* A write is done while a backup stands still, and is not in it. */
static void back_up_beside(struct client *client) {
    struct submitter first = submitter_open();

    for (size_t i = 0; i < COUNT(ways); i++) {
        MUST(do_delete(client, LIT("9 meanwhile")) == XKV_OK);
        begin_standing(&first, ways[i].out, "beside");
        MUST(do_set(client, LIT("9 meanwhile"), LIT("1")) == XKV_OK);
        MUST(do_delete(client, LIT("7:filling:00099")) == XKV_OK);
        end_standing(&first);
        MUST(do_plain(client, XKV_OP_CLEAR) == XKV_OK);
        run_file(client, ways[i].in, "beside");
        assert_int_equal(told(client), XKV_OK);
        MUST(do_get(client, LIT("9 meanwhile")) == XKV_E_KEY_NOT_FOUND);
        MUST(do_get(client, LIT("7:filling:00099")) == XKV_OK);
    }
    submitter_close(&first);
}

/* A handle is closed while its command stands still: that ends as it would have. */
static void close_beside(struct client *client) {
    static const int ops[] = {XKV_OP_BACKUP, XKV_OP_EXPORT_JSONL, XKV_OP_RESTORE,
                              XKV_OP_IMPORT_JSONL, XKV_OP_VALIDATE_JSONL};

    MUST(FILED(client, BACKUP, "closed.kv") == XKV_OK);
    MUST(FILED(client, EXPORT_JSONL, "closed.jsonl") == XKV_OK);
    for (size_t i = 0; i < COUNT(ops); i++) {
        struct submitter first = submitter_open();
        begin_standing(&first, ops[i],
                       ops[i] == XKV_OP_BACKUP || ops[i] == XKV_OP_RESTORE ? "closed.kv"
                                                                           : "closed.jsonl");
        xkv_close(first.store);
        end_standing(&first);
        xkv_queue_free(first.queue);
        MUST(do_plain(client, XKV_OP_SIZE) == XKV_OK);
        MUST(client->reply.number == PLACES * FILLING);
    }
}

static void test_standing_still(void **state) {
    static void (*const bodies[])(struct client * client) = {restore_beside, back_up_beside,
                                                             close_beside};

    (void)state;
    MUST(sem_init(&standing.stands, 0, 0) == 0 && sem_init(&standing.goes_on, 0, 0) == 0);
    xkv_set_progress(stand, NULL, 0);
    for (size_t i = 0; i < COUNT(kinds) * COUNT(bodies); i++) {
        struct client client;
        open_kind(&client, &kinds[i / COUNT(bodies)]);
        fill(&client);
        bodies[i % COUNT(bodies)](&client);
        client_close(&client);
    }
    xkv_set_progress(NULL, NULL, 0);
    running = NULL;
}

/* -- Everything at once ------------------------------------------------------------------------ */

static const struct job {
    int op;
    const char *name;
} jobs[] = {
    {XKV_OP_BACKUP, "one.kv"},
    {XKV_OP_BACKUP, "two.kv"},
    {XKV_OP_EXPORT_JSONL, "one.jsonl"},
    {XKV_OP_IMPORT_JSONL, "in.jsonl"},
    {XKV_OP_RESTORE, "in.kv"},
    {XKV_OP_VALIDATE_JSONL, "in.jsonl"},
    {XKV_OP_LIST, NULL},
    {XKV_OP_SET, NULL},
    {XKV_OP_SET, NULL},
    {XKV_OP_POP_RANDOM, NULL},
};

static void *do_job(void *argument) {
    const struct job *job = argument;
    struct client client;

    client_open(&client, &options, job->op % 2);
    for (int i = 0; i < (job->name ? 3 : 30); i++) {
        xkv_command command = {.op = job->op, .key = LIT("key"), .value = LIT("1")};
        if (job->name)
            command.file_name = file(job->name);
        client_run(&client, &command);
        MUST(told(&client) == XKV_OK);
    }
    client_close(&client);
    return NULL;
}

static void test_all_at_once(void **state) {
    pthread_t threads[COUNT(jobs)];
    struct job copies[COUNT(jobs)];

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct client client;
        open_kind(&client, &kinds[i]);
        fill(&client);
        MUST(FILED(&client, BACKUP, "in.kv") == XKV_OK);
        MUST(FILED(&client, EXPORT_JSONL, "in.jsonl") == XKV_OK);
        memcpy(copies, jobs, sizeof jobs);
        for (size_t j = 0; j < COUNT(jobs); j++)
            MUST(pthread_create(&threads[j], NULL, do_job, &copies[j]) == 0);
        for (size_t j = 0; j < COUNT(jobs); j++)
            pthread_join(threads[j], NULL);
        MUST(FILED(&client, RESTORE, "two.kv") == XKV_OK);
        assert_int_equal(do_plain(&client, XKV_OP_STATS), XKV_OK);
        assert_null(strstr(reply_text(&client.reply), "\"consistent\":false"));
        client_close(&client);
    }
    running = NULL;
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_one_moment, after_case),
        cmocka_unit_test_teardown(test_standing_still, after_case),
        cmocka_unit_test_teardown(test_all_at_once, after_case),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
