/*
 * kill.c - a writing process is killed again and again; what it was told is kept
 *
 * A child writes to a disk store through several handles with many commands
 * under way, and reports each acknowledged command over a pipe. At a random
 * moment it is killed. The store is opened again and looked at:
 *
 *   - every acknowledged command has taken effect;
 *   - each handle's keys are as they were after some number of its commands,
 *     no less than acknowledged and no more than submitted: its commands took
 *     effect in order, and none by half;
 *   - every value is whole;
 *   - the index and the counts agree with the data.
 *
 * The commands follow from the seed, so both processes know them. A killed
 * process proves that commits are atomic, not that they are synced: for that,
 * see powercut.c.
 */
#include "../child.h"

#include <poll.h>

enum {
    HANDLES = 4,
    KEYS = 24,   /* of each handle */
    WINDOW = 16, /* commands that a handle may have under way */
    VALUE_MAX = 100 * 1024
};

/* -- What the commands are --------------------------------------------------- */

static char padding[4096];

/* Every eighth key is longer than LMDB's, with a long part in common. */
static xkv_bytes key_of(char out[5000], unsigned handle, unsigned n) {
    int pad = n % 8 == 7 ? 600 * (int)(1 + n / 8) : 0;
    return bytes_of(out, (size_t)snprintf(out, 5000, "h%u:%.*s%02u", handle, pad, padding, n));
}

/* A value says which command wrote it; the rest follows from that. */
struct stamp {
    uint32_t cycle, handle;
    uint64_t number;
    uint64_t length; /* of the whole value */
};

static struct rng rng_of(uint32_t cycle, uint32_t handle, uint64_t number) {
    struct rng rng = {test.seed ^ (uint64_t)cycle << 40 ^ (uint64_t)handle << 56 ^ number};
    rng_next(&rng);
    return rng;
}

/* One value in twenty is large. */
static xkv_bytes value_of(unsigned char *out, uint32_t cycle, uint32_t handle, uint64_t number) {
    struct rng rng = rng_of(cycle, handle, number);
    uint64_t most = rng_chance(&rng, 50) ? VALUE_MAX : 400;
    struct stamp stamp = {cycle, handle, number, sizeof stamp + rng_below(&rng, most)};

    memcpy(out, &stamp, sizeof stamp);
    rng_fill(&rng, out + sizeof stamp, stamp.length - sizeof stamp);
    return bytes_of(out, stamp.length);
}

struct step {
    bool deletes;
    unsigned key;
};

static struct step step_of(uint32_t cycle, uint32_t handle, uint64_t number) {
    struct rng rng = rng_of(cycle, handle + HANDLES, number);
    unsigned key = (unsigned)rng_below(&rng, KEYS);

    return (struct step){rng_chance(&rng, 250), key};
}

static xkv_options options_of(const char *path, uint32_t cycle) {
    xkv_options options = disk_options(path);

    options.durability = cycle % 2 ? XKV_DURABILITY_NONE : XKV_DURABILITY_FULL;
    options.track_keys = cycle / 2 % 2;
    options.timeout_ms = 10000;
    options.initial_map_size = 65536;
    return options;
}

/* -- The child --------------------------------------------------------------- */

/* What the child reports, in one atomic write each. */
struct report {
    uint32_t what; /* a handle's command, by its number; or below */
    uint64_t number;
};

enum { OPENED = 100, CLEARING, CLEARED };

static void report(uint32_t what, uint64_t number) {
    struct report line = {what, number};
    MUST(write(STDOUT_FILENO, &line, sizeof line) == sizeof line);
}

struct writer {
    xkv_store *store[HANDLES];
    uint64_t submitted[HANDLES], acknowledged[HANDLES];
    xkv_queue *queue;
    uint32_t cycle;
    unsigned under_way;
};

static void acknowledge(struct writer *writer, uint64_t tag) {
    uint32_t handle = (uint32_t)(tag >> 32);

    MUST((uint32_t)tag == ++writer->acknowledged[handle]);
    report(handle, writer->acknowledged[handle]);
}

static void collect(struct writer *writer) {
    xkv_completion done[64];
    size_t count = xkv_completions(writer->queue, done, 64, -1);

    for (size_t i = 0; i < count; i++) {
        MUST(done[i].reply.status == XKV_OK);
        acknowledge(writer, done[i].tag);
        xkv_reply_clear(&done[i].reply);
    }
    writer->under_way -= (unsigned)count;
}

static void submit(struct writer *writer, uint32_t handle) {
    static unsigned char value[VALUE_MAX + sizeof(struct stamp)];
    uint64_t number = ++writer->submitted[handle];
    struct step step = step_of(writer->cycle, handle, number);
    char key[5000];
    xkv_reply reply;

    xkv_command command = {.op = step.deletes ? XKV_OP_DELETE : XKV_OP_SET,
                           .key = key_of(key, handle, step.key)};
    if (!step.deletes)
        command.value = value_of(value, writer->cycle, handle, number);
    xkv_reply_init(&reply, NULL, 0);
    uint64_t tag = (uint64_t)handle << 32 | number;
    if (xkv_submit(writer->store[handle], &command, &reply, writer->queue, tag) == XKV_PENDING) {
        writer->under_way++;
        return;
    }
    MUST(reply.status == XKV_OK);
    acknowledge(writer, tag);
    xkv_reply_clear(&reply);
}

/* With nothing under way, so that what comes before and after is clear, too. */
static void clear_all(struct writer *writer) {
    xkv_command clear = {.op = XKV_OP_CLEAR};
    xkv_reply reply;

    while (writer->under_way > 0)
        collect(writer);
    report(CLEARING, 0);
    xkv_reply_init(&reply, NULL, 0);
    MUST(xkv_exec(writer->store[0], &clear, &reply) == XKV_OK);
    report(CLEARED, 0);
}

static int write_until_killed(const char *path, const char *seed, const char *cycle) {
    struct writer writer = {.cycle = (uint32_t)strtoul(cycle, NULL, 10)};
    struct rng rng;

    test.seed = strtoull(seed, NULL, 10);
    rng = rng_of(writer.cycle, 99, 0);
    xkv_options options = options_of(path, writer.cycle);
    for (unsigned i = 0; i < HANDLES; i++)
        writer.store[i] = must_open(&options);
    writer.queue = xkv_queue_new();
    MUST(writer.queue);
    report(OPENED, 0);
    for (;;) {
        uint32_t handle = (uint32_t)rng_below(&rng, HANDLES);
        if (writer.submitted[handle] - writer.acknowledged[handle] < WINDOW)
            submit(&writer, handle);
        else
            collect(&writer);
        if (rng_below(&rng, 3000) == 0)
            clear_all(&writer);
    }
}

/* -- What should be there ---------------------------------------------------- */

/* Which command wrote each key: cycle and number, 0 and 0 if it is not there. */
struct version {
    uint32_t cycle;
    uint64_t number;
};

struct state {
    struct version keys[HANDLES][KEYS];
};

static struct state known; /* what the store holds, before a cycle */

static struct {
    uint64_t acknowledged[HANDLES];
    bool opened, clearing;
} heard;

static void apply(struct version keys[KEYS], uint32_t cycle, uint32_t handle, uint64_t number) {
    struct step step = step_of(cycle, handle, number);

    keys[step.key] = step.deletes ? (struct version){0, 0} : (struct version){cycle, number};
}

/* Acknowledged commands go into known at once; a clear waits for its report. */
static void hear(const struct report *line, uint32_t cycle) {
    if (line->what < HANDLES) {
        MUST(line->number == ++heard.acknowledged[line->what]);
        apply(known.keys[line->what], cycle, line->what, line->number);
        heard.clearing = false;
    } else if (line->what == OPENED) {
        heard.opened = true;
    } else if (line->what == CLEARING) {
        heard.clearing = true;
    } else {
        memset(&known, 0, sizeof known);
        heard.clearing = false;
    }
}

/* -- What is there ----------------------------------------------------------- */

static void find_state(struct client *client, struct state *found) {
    static unsigned char expected[VALUE_MAX + sizeof(struct stamp)];
    char key[5000];

    memset(found, 0, sizeof *found);
    for (unsigned handle = 0; handle < HANDLES; handle++) {
        for (unsigned n = 0; n < KEYS; n++) {
            struct stamp stamp;
            int status = do_get(client, key_of(key, handle, n));
            if (status == XKV_E_KEY_NOT_FOUND)
                continue;
            if (status != XKV_OK || client->reply.len < sizeof stamp)
                fail_msg("h%u:%u: %s", handle, n, xkv_error_name(status));
            memcpy(&stamp, client->reply.data, sizeof stamp);
            assert_int_equal(stamp.handle, handle);
            xkv_bytes whole = value_of(expected, stamp.cycle, stamp.handle, stamp.number);
            assert_true(same_bytes(whole, answer(client)));
            found->keys[handle][n] = (struct version){stamp.cycle, stamp.number};
        }
    }
}

static bool same_versions(const struct version *a, const struct version *b) {
    for (unsigned n = 0; n < KEYS; n++) {
        if (a[n].cycle != b[n].cycle || a[n].number != b[n].number)
            return false;
    }
    return true;
}

/* Whether a handle's keys are as after its acknowledged commands and up to
 * WINDOW more. */
static bool explains(const struct version *from, const struct version *found, uint32_t cycle,
                     uint32_t handle) {
    struct version keys[KEYS];

    memcpy(keys, from, sizeof keys);
    for (uint64_t more = 0; more <= WINDOW; more++) {
        if (more > 0)
            apply(keys, cycle, handle, heard.acknowledged[handle] + more);
        if (same_versions(keys, found))
            return true;
    }
    return false;
}

/* A clear that was under way has been done, or not, for all handles alike. */
static bool explains_all(const struct state *from, const struct state *found, uint32_t cycle) {
    for (unsigned handle = 0; handle < HANDLES; handle++) {
        if (!explains(from->keys[handle], found->keys[handle], cycle, handle))
            return false;
    }
    return true;
}

/* The pieces of the store fit together. */
static void check_whole(struct client *client, const struct state *found) {
    int64_t total = 0;
    char prefix[8];

    for (unsigned handle = 0; handle < HANDLES; handle++) {
        int64_t count = 0;
        for (unsigned n = 0; n < KEYS; n++)
            count += found->keys[handle][n].cycle != 0;
        total += count;
        snprintf(prefix, sizeof prefix, "h%u:", handle);
        assert_int_equal(do_list(client, xkv_text(prefix), 0), XKV_OK);
        assert_int_equal(client->reply.number, count);
        assert_int_equal(do_random(client, xkv_text(prefix)), XKV_OK);
        assert_int_equal(client->reply.number, count);
    }
    assert_int_equal(do_plain(client, XKV_OP_SIZE), XKV_OK);
    assert_int_equal(client->reply.number, total);
    assert_int_equal(do_list(client, NOTHING, 0), XKV_OK);
    assert_int_equal(client->reply.number, total);
}

/* -- Cycles ------------------------------------------------------------------ */

/* Hears reports until a moment comes; then kills, and hears what is left. */
static void hear_and_kill(struct child *child, uint32_t cycle, uint64_t after_ms) {
    int fd = fileno(child->from);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    uint64_t end = clock_ms() + after_ms;
    bool killed = false;
    struct report line;

    memset(&heard, 0, sizeof heard);
    for (;;) {
        uint64_t now = clock_ms();
        if (!killed && now >= end) {
            kill((pid_t)child->pid, SIGKILL);
            killed = true;
        }
        if (!killed && poll(&wait, 1, (int)(end - now)) == 0)
            continue;
        ssize_t got = read(fd, &line, sizeof line);
        if (got == 0)
            break;
        MUST(got == sizeof line);
        if (line.what == OPENED && !heard.opened)
            end = clock_ms() + after_ms; /* a slow machine gets its time, too */
        hear(&line, cycle);
    }
    int status = child_end(child);
    assert_true(killed && WIFSIGNALED(status));
}

static void run_cycle(const char *path, uint32_t cycle, struct rng *rng) {
    char seed_text[32], cycle_text[32];
    const char *const arguments[] = {"write", path, seed_text, cycle_text, NULL};
    struct child child;
    struct client client;
    struct state found, cleared = {0};

    snprintf(seed_text, sizeof seed_text, "%" PRIu64, test.seed);
    snprintf(cycle_text, sizeof cycle_text, "%u", cycle);
    child_start(&child, arguments);
    hear_and_kill(&child, cycle, rng_chance(rng, 100) ? rng_below(rng, 10) : rng_below(rng, 200));
    xkv_options options = options_of(path, cycle / 3); /* any kind of store opens it */
    client_open(&client, &options, false);
    find_state(&client, &found);
    if (!explains_all(&known, &found, cycle) &&
        !(heard.clearing && explains_all(&cleared, &found, cycle)))
        fail_msg("cycle %u: what is there follows from no order of events", cycle);
    check_whole(&client, &found);
    client_close(&client);
    known = found;
}

static unsigned cycles_wanted(void) {
    const char *given = getenv("XKV_CRASH_CYCLES");
    return given && *given ? (unsigned)strtoul(given, NULL, 10) : 200;
}

static void test_kill(void **state) {
    char path[PATH_SIZE];
    struct rng rng = rng_for("kill");
    unsigned cycles = cycles_wanted();
    uint64_t commands = 0;

    (void)state;
    test_path(path, "killed.kv");
    for (uint32_t cycle = 1; cycle <= cycles; cycle++) {
        run_cycle(path, cycle, &rng);
        for (unsigned handle = 0; handle < HANDLES; handle++)
            commands += heard.acknowledged[handle];
        if (cycle % 50 == 0)
            printf("%u of %u kills, %" PRIu64 " acknowledged commands\n", cycle, cycles, commands);
    }
    assert_true(commands > cycles || cycles < 10);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill),
    };

    memset(padding, 'p', sizeof padding - 1);
    if (argc == 5 && strcmp(argv[1], "write") == 0)
        return write_until_killed(argv[2], argv[3], argv[4]);
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
