/*
 * powercut.c - simulated power cuts: what was not synced may be lost or torn
 *
 * A killed process loses nothing that it wrote, so killing proves nothing about
 * syncs. Here everything that a store writes to its file, and every sync, is
 * recorded while it serves commands. Then the power is cut at some moment of
 * the record: what was synced by then is on the disk; of what was written
 * since, each 512-byte sector may be there or not. The store is opened from
 * what is left. With durability full every command acknowledged before the cut
 * must be there; with relaxed the last ones may be taken back; and never may
 * the file be damaged, half of a batch be there, or the token of a claim come
 * again. To show that the simulation would find a missing sync,
 * one is run with syncs that do nothing.
 */
#include "../below.h"
#include "../child.h"
#include "../files.h"

#include <pthread.h>

/* -- The record -------------------------------------------------------------- */

enum event_kind { WRITTEN, SYNCED, TRUNCATED, ACKNOWLEDGED };

struct event {
    enum event_kind kind;
    bool durable; /* written by a descriptor that syncs each write */
    size_t at, size;
    uint64_t token; /* of the claim that was acknowledged, 0: it was none */
    unsigned char *data;
};

static struct {
    pthread_mutex_t mutex;
    struct event *events;
    size_t count, room;
    bool forgets_syncs;
} record = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void record_event(struct event event, const void *data) {
    if (data) {
        event.data = malloc(event.size + 1);
        MUST(event.data);
        memcpy(event.data, data, event.size);
    }
    pthread_mutex_lock(&record.mutex);
    if (record.count == record.room) {
        record.room = record.room * 2 + 1024;
        record.events = realloc(record.events, record.room * sizeof *record.events);
        MUST(record.events);
    }
    record.events[record.count++] = event;
    pthread_mutex_unlock(&record.mutex);
}

static void record_clear(void) {
    for (size_t i = 0; i < record.count; i++)
        free(record.events[i].data);
    free(record.events);
    record.events = NULL;
    record.count = record.room = 0;
}

static int64_t record_write(int fd, int64_t at, const void *data, size_t size) {
    bool durable = (fcntl(fd, F_GETFL) & O_DSYNC) != 0 && !record.forgets_syncs;

    record_event(
        (struct event){.kind = WRITTEN, .durable = durable, .at = (size_t)at, .size = size}, data);
    return (int64_t)size;
}

/* Called before the system syncs; what follows in the record follows the sync. */
static int record_sync(int fd) {
    (void)fd;
    if (!record.forgets_syncs)
        record_event((struct event){.kind = SYNCED}, NULL);
    return 0;
}

static int record_truncate(int fd, int64_t size) {
    (void)fd;
    record_event((struct event){.kind = TRUNCATED, .at = (size_t)size}, NULL);
    return 0;
}

/* -- Commands, which follow from their numbers ------------------------------- */

enum { KEYS = 30, WINDOW = 24, COMMANDS = 1500, VALUE_MAX = 75000 };

/* In what is restored every key has the value that this command would have given it. */
enum { RESTORED = 7 };

static char padding[1500];

static xkv_bytes key_of(char out[2000], unsigned n) {
    int pad = n % 6 == 5 ? 1200 : 0;
    return bytes_of(out, (size_t)snprintf(out, 2000, "key:%.*s%u", pad, padding, n));
}

struct step {
    int op;
    unsigned key;
    struct rng rng; /* the rest of the value */
};

/* Two commands in a row are on the same key: what the first one wrote is often
 * given up before it is committed. */
static struct step step_of(uint64_t number) {
    struct rng rng = {test.seed + number * 7919};
    size_t drawn = rng_below(&rng, 1000);
    int op = drawn < 600   ? XKV_OP_SET
             : drawn < 700 ? XKV_OP_SET_MANY
             : drawn < 800 ? XKV_OP_CLAIM_KEY
             : drawn < 990 ? XKV_OP_DELETE
             : drawn < 997 ? XKV_OP_RESTORE
                           : XKV_OP_CLEAR;
    struct rng of_pair = {test.seed - number / 2};
    unsigned key = (unsigned)rng_below(&of_pair, KEYS);

    return (struct step){op, key, rng};
}

/* Starts with the number of its command. Large values become ever larger, so
 * that the file keeps growing and free pages seldom fit. */
static xkv_bytes value_of(unsigned char out[VALUE_MAX + 8], uint64_t number) {
    struct rng rng = step_of(number).rng;
    size_t large = 1000 + number * (VALUE_MAX - 1000) / COMMANDS;
    size_t len = 8 + rng_below(&rng, rng_chance(&rng, 300) ? large : 300);

    memcpy(out, &number, 8);
    rng_fill(&rng, out + 8, len - 8);
    return bytes_of(out, len);
}

/* The other key of a batch, which gets the same value. */
static unsigned partner(unsigned key) {
    return (key + 1) % KEYS;
}

/* Which command wrote each key, 0 for none. */
struct state {
    uint64_t keys[KEYS];
};

static bool is_restore(uint64_t number) {
    return number <= COMMANDS && step_of(number).op == XKV_OP_RESTORE;
}

static void apply(struct state *state, uint64_t number) {
    struct step step = step_of(number);

    if (step.op == XKV_OP_CLEAR)
        memset(state, 0, sizeof *state);
    else if (step.op == XKV_OP_DELETE)
        state->keys[step.key] = 0;
    else if (step.op == XKV_OP_SET || step.op == XKV_OP_SET_MANY)
        state->keys[step.key] = number;
    for (unsigned n = 0; step.op == XKV_OP_RESTORE && n < KEYS; n++)
        state->keys[n] = RESTORED;
    if (step.op == XKV_OP_SET_MANY)
        state->keys[partner(step.key)] = number;
}

/* -- Recording --------------------------------------------------------------- */

static unsigned char *base; /* the file when the record begins */
static size_t base_size;

static void submit(xkv_store *store, xkv_queue *queue, uint64_t number) {
    static unsigned char value[VALUE_MAX + 8];
    struct step step = step_of(number);
    char key[2000], path[PATH_SIZE];
    xkv_reply reply;

    xkv_items batch = {NULL, 0, 0};
    xkv_command command = {.op = step.op, .key = key_of(key, step.key), .ttl_ms = 1};
    if (step.op == XKV_OP_RESTORE)
        command.file_name = xkv_text(test_path(path, "restored.kv"));
    if (step.op == XKV_OP_SET || step.op == XKV_OP_SET_MANY)
        command.value = value_of(value, number);
    if (step.op == XKV_OP_SET_MANY) {
        MUST(xkv_items_add(&batch, command.key, command.value) == XKV_OK);
        MUST(xkv_items_add(&batch, key_of(key, partner(step.key)), command.value) == XKV_OK);
        command.items = xkv_items_bytes(&batch);
    }
    xkv_reply_init(&reply, NULL, 0);
    MUST(xkv_submit(store, &command, &reply, queue, number) == XKV_PENDING);
    xkv_items_free(&batch);
}

/* The token in the reply to a claim, 0 if there is none. */
static uint64_t token_in(const xkv_reply *reply) {
    xkv_bytes items = {reply->data, reply->len};
    xkv_item item;
    size_t at = 0;

    while (xkv_item_next(items, &at, &item)) {
        if (same_bytes(item.name, LIT("token")))
            return (uint64_t)item.integer;
    }
    return 0;
}

/* A store that others are replaced by. */
static void make_restored(xkv_options options) {
    static unsigned char value[VALUE_MAX + 8];
    struct client client = {NULL, NULL, 0, {0}};
    char key[2000], path[PATH_SIZE];

    options.path = test_path(path, "restored.kv");
    client.store = must_open(&options);
    for (unsigned n = 0; n < KEYS; n++)
        MUST(do_set(&client, key_of(key, n), value_of(value, RESTORED)) == XKV_OK);
    client_close(&client);
}

/* Serves the commands with a window of them under way. */
static void make_record(const xkv_options *options) {
    xkv_queue *queue = xkv_queue_new();
    xkv_completion done[WINDOW];
    uint64_t submitted = 0, acknowledged = 0;

    MUST(queue);
    xkv_close(must_open(options));
    base = read_file(options->path, &base_size);
    xkv_store *store = must_open(options);
    below_watch(options->path);
    while (acknowledged < COMMANDS) {
        while (submitted < COMMANDS && submitted - acknowledged < WINDOW)
            submit(store, queue, ++submitted);
        size_t count = xkv_completions(queue, done, WINDOW, -1);
        for (size_t i = 0; i < count; i++) {
            MUST(done[i].reply.status == XKV_OK && done[i].tag == ++acknowledged);
            bool claims = step_of(acknowledged).op == XKV_OP_CLAIM_KEY;
            uint64_t token = claims ? token_in(&done[i].reply) : 0;
            record_event((struct event){.kind = ACKNOWLEDGED, .token = token}, NULL);
            xkv_reply_clear(&done[i].reply);
        }
    }
    below_ignore();
    xkv_close(store);
    xkv_queue_free(queue);
}

/* -- Cutting the power ------------------------------------------------------- */

enum { SECTOR = 512, IMAGE_MAX = 64 << 20 };

static unsigned char *image;
static size_t image_size;

/* Writes those sectors of an event that chance leaves; percent of them. */
static void put_sectors(const struct event *event, struct rng *rng, unsigned percent) {
    size_t at = event->at, end = at + event->size;

    MUST(end <= IMAGE_MAX);
    while (at < end) {
        size_t next = (at / SECTOR + 1) * SECTOR < end ? (at / SECTOR + 1) * SECTOR : end;
        if (rng_below(rng, 100) < percent) {
            if (next > image_size)
                image_size = next;
            memcpy(image + at, event->data + (at - event->at), next - at);
        }
        at = next;
    }
}

/* Without a sync an event may be there, be lost, or be there in part. */
static void put_event(const struct event *event, struct rng *rng, bool synced) {
    static const unsigned percents[] = {0, 0, 50, 90, 100, 100};
    unsigned percent = synced ? 100 : percents[rng_below(rng, COUNT(percents))];

    if (event->kind == WRITTEN)
        put_sectors(event, rng, percent);
    if (event->kind == TRUNCATED && percent >= 50)
        image_size = event->at;
}

/* The disk after the power was cut during event number cut. */
static void make_image(size_t cut, struct rng *rng) {
    size_t synced = 0;

    for (size_t i = 0; i < cut; i++) {
        if (record.events[i].kind == SYNCED)
            synced = i;
    }
    memset(image, 0, IMAGE_MAX);
    memcpy(image, base, base_size);
    image_size = base_size;
    for (size_t i = 0; i <= cut; i++) {
        const struct event *event = &record.events[i];
        put_event(event, rng, i < synced || (event->durable && i < cut));
    }
}

static void write_image(const char *path) {
    char lock[PATH_SIZE + 8];

    snprintf(lock, sizeof lock, "%s-lock", path);
    unlink(lock);
    write_file(path, image, image_size);
}

/* -- What is left ------------------------------------------------------------ */

/* The token of a new claim, 0 if there is none. */
static uint64_t next_token(struct client *client) {
    return RUN(client, .op = XKV_OP_CLAIM_KEY, .key = LIT("after")) == XKV_OK
               ? token_in(&client->reply)
               : 0;
}

/* False if the store does not open or something in it is damaged. A claim on it
 * then gets *token. */
static bool find_state(const xkv_options *options, struct state *found, uint64_t *token) {
    static unsigned char expected[VALUE_MAX + 8];
    char message[XKV_MESSAGE_SIZE] = "", key[2000];
    struct client client = {NULL, NULL, 0, {0}};
    int64_t count = 0;
    bool whole = xkv_open(options, &client.store, message, sizeof message) == XKV_OK;

    if (!whole) {
        fprintf(stderr, "%s\n", message);
        return false;
    }
    memset(found, 0, sizeof *found);
    for (unsigned n = 0; n < KEYS && whole; n++) {
        int status = do_get(&client, key_of(key, n));
        if (status == XKV_E_KEY_NOT_FOUND)
            continue;
        whole = status == XKV_OK && client.reply.len >= 8;
        if (whole)
            memcpy(&found->keys[n], client.reply.data, 8);
        whole = whole && same_bytes(answer(&client), value_of(expected, found->keys[n]));
        count++;
    }
    whole = whole && do_list(&client, NOTHING, 0) == XKV_OK && client.reply.number == count;
    whole = whole && do_plain(&client, XKV_OP_SIZE) == XKV_OK && client.reply.number == count;
    whole = whole && do_set(&client, LIT("after"), LIT("the cut")) == XKV_OK;
    *token = whole ? next_token(&client) : 0;
    client_close(&client);
    return whole;
}

/* The same in another process, since LMDB may crash on what is damaged. */
static bool find_state_apart(const char *path, struct state *found) {
    char seed[32], line[64];
    const char *const arguments[] = {"look", path, seed, NULL};
    struct child child;
    bool whole;

    snprintf(seed, sizeof seed, "%" PRIu64, test.seed);
    child_start(&child, arguments);
    whole = child_says(&child, "whole");
    for (unsigned n = 0; n < KEYS && whole; n++) {
        whole = child_hear(&child, line, sizeof line);
        found->keys[n] = whole ? strtoull(line, NULL, 10) : 0;
    }
    return child_end(&child) == 0 && whole;
}

static int look(const char *path, const char *seed) {
    xkv_options options = disk_options(path);
    struct state found;
    uint64_t token;

    test.seed = strtoull(seed, NULL, 10);
    options.durability = XKV_DURABILITY_NONE;
    if (!freopen("/dev/null", "w", stderr) || !find_state(&options, &found, &token))
        return 1;
    printf("whole\n");
    for (unsigned n = 0; n < KEYS; n++)
        printf("%" PRIu64 "\n", found.keys[n]);
    return 0;
}

/* How many commands have taken effect: least to most; UINT64_MAX if no such
 * number explains what is there. */
static uint64_t explain(const struct state *found, uint64_t least, uint64_t most) {
    struct state state = {{0}};

    for (uint64_t number = 0; number <= most && number <= COMMANDS; number++) {
        if (number > 0)
            apply(&state, number);
        if (number >= least && memcmp(&state, found, sizeof state) == 0)
            return number;
    }
    return UINT64_MAX;
}

struct tally {
    unsigned cuts, damaged, lost, claims, repeated, restores;
};

static void cut_at(const xkv_options *options, size_t cut, struct rng *rng, struct tally *tally) {
    uint64_t acknowledged = 0, last_token = 0, token = UINT64_MAX;
    struct state found;

    for (size_t i = 0; i < cut; i++) {
        acknowledged += record.events[i].kind == ACKNOWLEDGED;
        if (record.events[i].token > last_token)
            last_token = record.events[i].token;
    }
    make_image(cut, rng);
    write_image(options->path);
    tally->cuts++;
    tally->restores += is_restore(acknowledged + 1);
    bool whole = record.forgets_syncs ? find_state_apart(options->path, &found)
                                      : find_state(options, &found, &token);
    tally->claims += last_token > 0;
    tally->repeated += whole && token <= last_token;
    if (!whole)
        tally->damaged++;
    else if (explain(&found, acknowledged, acknowledged + WINDOW) == UINT64_MAX) {
        tally->lost++;
        if (explain(&found, 0, acknowledged + WINDOW) == UINT64_MAX)
            tally->damaged++; /* not the state of any moment */
    }
}

/* One of the events between the acknowledgement of what came before a restore, and its own. */
static size_t cut_of_restore(struct rng *rng) {
    size_t cut = 0, seen = 0;
    uint64_t next = 1;

    for (size_t i = 0; i < record.count; i++) {
        if (is_restore(next) && rng_below(rng, ++seen) == 0)
            cut = i;
        next += record.events[i].kind == ACKNOWLEDGED;
    }
    return cut;
}

/* A tenth of the cuts while a store is restored; a third of the others right after an
 * acknowledgement, the rest anywhere. */
static size_t any_cut(struct rng *rng) {
    if (rng_chance(rng, 100))
        return cut_of_restore(rng);
    size_t cut = rng_below(rng, record.count);

    if (rng_chance(rng, 333)) {
        while (cut + 1 < record.count && record.events[cut].kind != ACKNOWLEDGED)
            cut++;
    }
    return cut;
}

static struct tally cut_often(int durability, bool forgets_syncs, unsigned cuts) {
    struct rng rng = rng_for("power cuts");
    struct tally tally = {.cuts = 0};
    char path[PATH_SIZE];

    xkv_options options = disk_options(test_path(path, "cut.kv"));
    options.durability = durability;
    options.initial_map_size = 65536;
    record.forgets_syncs = forgets_syncs;
    make_restored(options);
    make_record(&options);
    options.durability = XKV_DURABILITY_NONE; /* looking needs no syncs */
    options.track_keys = true;
    for (size_t i = 0; i < record.count; i++) { /* these are rare, and delicate */
        if (record.events[i].kind == TRUNCATED)
            cut_at(&options, i, &rng, &tally);
    }
    while (tally.cuts < cuts)
        cut_at(&options, any_cut(&rng), &rng, &tally);
    printf("%u cuts: %u lost acknowledged commands, %u damaged; %u after claims, %u with a token "
           "that came again; %u while a store was restored\n",
           tally.cuts, tally.lost, tally.damaged, tally.claims, tally.repeated, tally.restores);
    record_clear();
    free(base);
    unlink(path);
    unlink(test_path(path, "restored.kv"));
    return tally;
}

/* -- The tests --------------------------------------------------------------- */

static void test_full(void **state) {
    struct tally tally = cut_often(XKV_DURABILITY_FULL, false, SANITIZED ? 60 : 300);

    (void)state;
    assert_int_equal(tally.damaged, 0);
    assert_int_equal(tally.lost, 0);
    assert_int_equal(tally.repeated, 0);
    assert_true(tally.claims > tally.cuts / 2);
    assert_true(tally.restores > 0);
}

static void test_relaxed(void **state) {
    struct tally tally = cut_often(XKV_DURABILITY_RELAXED, false, SANITIZED ? 60 : 300);

    (void)state;
    assert_int_equal(tally.damaged, 0);
    assert_int_equal(tally.repeated, 0);
    assert_true(tally.claims > tally.cuts / 2);
    assert_true(tally.restores > 0);
}

/* A disk that says it has synced when it has not is found out. */
static void test_syncs_that_do_nothing(void **state) {
    struct tally tally = cut_often(XKV_DURABILITY_FULL, true, 20);

    (void)state;
    assert_true(tally.damaged + tally.lost > 10);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_relaxed),
        cmocka_unit_test(test_syncs_that_do_nothing),
    };

    memset(padding, 'p', sizeof padding - 1);
    if (argc == 4 && strcmp(argv[1], "look") == 0)
        return look(argv[2], argv[3]);
    test_begin(argv);
    image = malloc(IMAGE_MAX);
    MUST(image);
    below.on_write = record_write;
    below.on_sync = record_sync;
    below.on_truncate = record_truncate;
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    free(image);
    return test_end(failures);
}
