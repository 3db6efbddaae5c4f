/*
 * disk.c - a failing disk under LMDB: no space, short writes, syncs that fail
 */
#include "../below.h"
#include "../model.h"

/* -- Faults ------------------------------------------------------------------ */

enum fault_kind { NO_SPACE, SHORT_WRITE, WRITE_ERROR, SYNC_ERROR };

static struct {
    enum fault_kind kind;
    int at, count; /* which call fails, how many there were */
    int error;     /* what errno becomes, 0: as the kind has it */
    bool fired, on_meta_page;
} fault;

enum { META_END = 2 * 4096 }; /* LMDB's two meta pages come first */

static void arm(enum fault_kind kind, int at) {
    fault.kind = kind;
    fault.at = at;
    fault.count = 0;
    fault.fired = fault.on_meta_page = false;
}

static bool disarm(void) {
    fault.at = 0;
    return fault.fired;
}

static bool due(bool sync) {
    if (fault.at == 0 || (fault.kind == SYNC_ERROR) != sync || ++fault.count != fault.at)
        return false;
    fault.fired = true;
    errno = fault.error ? fault.error : fault.kind == NO_SPACE ? ENOSPC : EIO;
    return true;
}

static int64_t faulty_write(int fd, int64_t at, const void *data, size_t size) {
    (void)fd, (void)data;
    if (!due(false))
        return (int64_t)size;
    fault.on_meta_page = at < META_END;
    return fault.kind == SHORT_WRITE ? (int64_t)size / 2 : -1;
}

static int faulty_sync(int fd) {
    (void)fd;
    return due(true) ? -1 : 0;
}

/* -- A store, its model ------------------------------------------------------ */

struct twins {
    xkv_options options;
    struct client client;
    struct model model;
    char path[PATH_SIZE];
};

static char value_room[30000];

static void twins_open(struct twins *twins, int durability, bool track_keys, bool submits) {
    twins->options = disk_options(fresh_path(twins->path));
    twins->options.durability = durability;
    twins->options.track_keys = track_keys;
    twins->model = (struct model){NULL, 0, 0};
    client_open(&twins->client, &twins->options, submits);
    below_watch(twins->path);
}

static void twins_reopen(struct twins *twins) {
    bool submits = twins->client.queue != NULL;

    client_close(&twins->client);
    client_open(&twins->client, &twins->options, submits);
}

static void twins_close(struct twins *twins) {
    below_ignore();
    client_close(&twins->client);
    model_free(&twins->model);
}

/* A set or delete of a random key; the model follows if it is acknowledged. */
static int change(struct twins *twins, struct rng *rng) {
    char text[32];
    xkv_bytes key =
        bytes_of(text, (size_t)snprintf(text, sizeof text, "key%u", (unsigned)rng_below(rng, 100)));
    xkv_bytes value = {value_room, rng_below(rng, sizeof value_room)};
    bool set = rng_chance(rng, 700);
    int status = set ? do_set(&twins->client, key, value) : do_delete(&twins->client, key);

    if (status == XKV_OK && set)
        model_put(&twins->model, key, value);
    else if (status == XKV_OK)
        model_delete(&twins->model, key);
    return status;
}

static void assert_content(struct twins *twins) {
    do_list(&twins->client, NOTHING, 0);
    assert_int_equal(told(&twins->client), XKV_OK);
    assert_true(model_matches(&twins->model, NOTHING, 0, &twins->client.reply));
    assert_int_equal(do_random(&twins->client, LIT("key")), XKV_OK);
    assert_int_equal(twins->client.reply.number, twins->model.count);
    assert_int_equal(do_plain(&twins->client, XKV_OP_SIZE), XKV_OK);
    assert_int_equal(twins->client.reply.number, twins->model.count);
}

/* The command that failed may be there or not; take over what is. */
static void adopt_content(struct twins *twins, const struct model *before) {
    struct model found = {NULL, 0, 0};
    xkv_bytes key, value;
    size_t at = 0, differences = 0;

    assert_int_equal(do_list(&twins->client, NOTHING, 0), XKV_OK);
    while (xkv_reply_next(&twins->client.reply, &at, &key, &value)) {
        const struct pair *pair = model_get(before, key);
        differences += !pair || !same_bytes(pair_value(pair), value);
        model_put(&found, key, value);
    }
    for (size_t i = 0; i < before->count; i++)
        differences += !model_get(&found, pair_key(&before->pairs[i]));
    assert_in_range(differences, 0, 1);
    model_free(&twins->model);
    twins->model = found;
}

/* After a failed write of a meta page LMDB itself gives up, reads included; they
 * say so. After any other fault they work. */
static void assert_only_reads(struct twins *twins) {
    static const xkv_command writes[] = {
        {.op = XKV_OP_SET, .key = {"key1", 4}, .value = {"1", 1}},
        {.op = XKV_OP_DELETE, .key = {"key1", 4}},
        {.op = XKV_OP_CLEAR},
    };

    for (size_t i = 0; i < COUNT(writes); i++) {
        assert_int_equal(client_run(&twins->client, &writes[i]), XKV_E_DISK_STORE_WRITE);
        assert_true(twins->client.reply.len > 0);
    }
    for (int op = 0; op < XKV_OP_END; op++) {
        xkv_command command = {.op = op, .key = LIT("no such key")};
        if (xkv_op_describe(op)->access != XKV_ACCESS_READ)
            continue;
        int status = client_run(&twins->client, &command);
        if (fault.on_meta_page && status == XKV_E_DISK_STORE_READ)
            continue;
        assert_int_equal(status, op == XKV_OP_GET ? XKV_E_KEY_NOT_FOUND : XKV_OK);
    }
}

/* -- One fault at a time ----------------------------------------------------- */

/* What must follow from a fault: the store goes on as if nothing had happened,
 * or it takes no more writes until it is opened anew. */
static void check_aftermath(struct twins *twins, int status, const struct model *before) {
    bool sure = fault.kind == NO_SPACE && !fault.on_meta_page;

    assert_int_not_equal(status, XKV_OK); /* every write and sync is needed */
    if (sure)
        assert_int_equal(status, XKV_E_STORE_FULL);
    assert_true(status == XKV_E_STORE_FULL || status == XKV_E_DISK_STORE_WRITE);
    assert_true(twins->client.reply.len > 0);
    if (fault.kind == SYNC_ERROR)
        assert_int_equal(status, XKV_E_DISK_STORE_WRITE);
    if (sure || (status == XKV_E_STORE_FULL && !fault.on_meta_page)) {
        assert_content(twins);
        return;
    }
    assert_only_reads(twins);
    twins_reopen(twins);
    adopt_content(twins, before);
}

/* Every n-th call fails once, while random changes are made. */
static void fail_each(enum fault_kind kind, int durability, bool track_keys, bool submits) {
    struct rng rng = rng_for("fail each");
    struct twins twins;
    int fired = 0;

    twins_open(&twins, durability, track_keys, submits);
    for (int i = 0; i < 60; i++)
        assert_int_equal(change(&twins, &rng), XKV_OK);
    for (int at = 1; at <= 12; at++) {
        for (int i = 0; i < 4; i++) {
            struct model before = model_copy(&twins.model);
            arm(kind, at);
            int status = change(&twins, &rng);
            if (disarm()) {
                fired++;
                check_aftermath(&twins, status, &before);
            }
            assert_int_equal(change(&twins, &rng), XKV_OK);
            model_free(&before);
        }
        assert_content(&twins);
        twins_reopen(&twins);
        assert_content(&twins);
    }
    assert_true(fired > 0 || (kind == SYNC_ERROR && durability == XKV_DURABILITY_NONE));
    twins_close(&twins);
}

static void fail_each_everywhere(enum fault_kind kind) {
    for (int i = 0; i < 12; i++)
        fail_each(kind, i / 4, i % 2, i / 2 % 2);
}

static void test_no_space(void **state) {
    (void)state;
    fail_each_everywhere(NO_SPACE);
}

static void test_short_writes(void **state) {
    (void)state;
    fail_each_everywhere(SHORT_WRITE);
}

static void test_write_errors(void **state) {
    (void)state;
    fail_each_everywhere(WRITE_ERROR);
}

static void test_sync_errors(void **state) {
    (void)state;
    fail_each_everywhere(SYNC_ERROR);
}

/* -- Groups ------------------------------------------------------------------ */

enum { GROUP = 25 };

/* Many commands at once, and no space for one of the writes they cause: each
 * is told for itself whether it has taken effect. */
static void run_group(struct twins *twins, struct rng *rng, xkv_queue *queue) {
    char texts[GROUP][16];
    bool is_set[GROUP];
    xkv_completion done;
    xkv_reply reply;
    int failed = 0;

    xkv_reply_init(&reply, NULL, 0);
    for (size_t i = 0; i < GROUP; i++) {
        is_set[i] = rng_chance(rng, 700);
        snprintf(texts[i], sizeof texts[i], "key%u", (unsigned)rng_below(rng, 100));
        xkv_command command = {.op = is_set[i] ? XKV_OP_SET : XKV_OP_DELETE,
                               .key = xkv_text(texts[i]),
                               .value = bytes_of(value_room, 100 * (i + 1))};
        MUST(xkv_submit(twins->client.store, &command, &reply, queue, i) == XKV_PENDING);
    }
    for (size_t i = 0; i < GROUP; i++) {
        assert_int_equal(xkv_completions(queue, &done, 1, -1), 1);
        assert_int_equal(done.tag, i);
        assert_true(done.reply.status == XKV_OK || done.reply.status == XKV_E_STORE_FULL);
        failed += done.reply.status != XKV_OK;
        if (done.reply.status == XKV_OK && is_set[i])
            model_put(&twins->model, xkv_text(texts[i]), bytes_of(value_room, 100 * (i + 1)));
        else if (done.reply.status == XKV_OK)
            assert_int_equal(done.reply.number, model_delete(&twins->model, xkv_text(texts[i])));
        xkv_reply_clear(&done.reply);
    }
    /* What failed together is tried one by one, and there is room by then: only
     * who was alone in its group can have failed. */
    assert_in_range(failed, 0, 1);
}

/* Meta pages are spared: what they mean is tested above. */
static int64_t spare_meta_pages(int fd, int64_t at, const void *data, size_t size) {
    return at < META_END ? (int64_t)size : faulty_write(fd, at, data, size);
}

static void test_no_space_for_a_group(void **state) {
    struct rng rng = rng_for("groups");
    xkv_queue *queue = xkv_queue_new();
    int fired = 0;

    (void)state;
    assert_non_null(queue);
    for (int track_keys = 0; track_keys < 2; track_keys++) {
        struct twins twins;
        twins_open(&twins, XKV_DURABILITY_FULL, track_keys, false);
        below.on_write = spare_meta_pages;
        for (int i = 0; i < 100; i++) {
            arm(NO_SPACE, 1 + (int)rng_below(&rng, 6));
            run_group(&twins, &rng, queue);
            fired += disarm();
            assert_content(&twins);
        }
        twins_reopen(&twins);
        assert_content(&twins);
        twins_close(&twins);
        below.on_write = faulty_write;
    }
    assert_true(fired > 50);
    xkv_queue_free(queue);
}

/* -- Limits on what a file may become ----------------------------------------- */

static struct {
    int64_t at;
    int error;
} limit;

/* The write that crosses it is cut short, and the next one fails, as on a real
 * disk: LMDB makes EIO of the first. */
static int64_t limited_write(int fd, int64_t at, const void *data, size_t size) {
    (void)fd, (void)data;
    if (limit.at == 0 || at + (int64_t)size <= limit.at)
        return (int64_t)size;
    if (at < limit.at)
        return limit.at - at;
    errno = limit.error;
    return -1;
}

/* Changes until no more will fit; how many of them did not. */
static void fill_up(struct twins *twins, struct rng *rng, const char *says) {
    for (unsigned full = 0, tries = 0; full < 20; tries++) {
        MUST(tries < 10000);
        int status = change(twins, rng);
        if (status == XKV_OK)
            continue;
        assert_int_equal(status, XKV_E_STORE_FULL);
        if (!answer_says(&twins->client, says))
            fail_msg("\"%s\" is not mentioned", says);
        full++;
    }
}

static void reach_limit(int durability, bool submits, int error, const char *says) {
    struct rng rng = rng_for("limits");
    struct stat status;
    struct twins twins;

    twins_open(&twins, durability, true, submits);
    for (int i = 0; i < 10; i++)
        MUST(change(&twins, &rng) == XKV_OK);
    MUST(stat(twins.path, &status) == 0);
    limit.at = status.st_size + 100 * 4096 + 1000; /* within a page */
    limit.error = error;
    fill_up(&twins, &rng, says);
    assert_content(&twins);
    MUST(stat(twins.path, &status) == 0 && status.st_size <= limit.at);
    limit.at = 0; /* there is room again: it goes on, in the same process */
    for (int i = 0; i < 100; i++)
        assert_int_equal(change(&twins, &rng), XKV_OK);
    assert_content(&twins);
    twins_reopen(&twins);
    assert_content(&twins);
    twins_close(&twins);
}

static void test_limits(void **state) {
    (void)state;
    below.on_write = limited_write;
    for (int i = 0; i < 6; i++) {
        reach_limit(i / 2, i % 2, ENOSPC, "the disk is full");
        reach_limit(i / 2, i % 2, EDQUOT, "disk quota");
        reach_limit(i / 2, i % 2, EFBIG, "file system");
    }
    below.on_write = faulty_write;
}

/* -- The tokens of claims ---------------------------------------------------- */

static int claim(struct client *client) {
    return RUN(client, .op = XKV_OP_CLAIM_KEY, .key = LIT("key1"));
}

/* The first claim saves the tokens, and that is synced whatever the durability.
 * LMDB has committed by then: the store must not take it for undone, and must
 * not wait for an index that never comes. */
static void fail_token_sync(int durability, bool track_keys, int which, int error) {
    struct twins twins;

    twins_open(&twins, durability, track_keys, false);
    below.on_sync = faulty_sync;
    MUST(do_set(&twins.client, LIT("key1"), LIT("1")) == XKV_OK);
    model_put(&twins.model, LIT("key1"), LIT("1"));
    arm(SYNC_ERROR, which);
    fault.error = error;
    int status = claim(&twins.client);
    assert_true(disarm());
    fault.error = 0;
    assert_int_equal(status, XKV_E_DISK_STORE_WRITE);
    assert_content(&twins);
    assert_only_reads(&twins);
    twins_reopen(&twins);
    assert_content(&twins);
    assert_int_equal(claim(&twins.client), XKV_OK);
    twins_close(&twins);
}

static void test_token_sync_errors(void **state) {
    static const int errors[] = {EIO, ENOSPC};

    (void)state;
    for (int i = 0; i < 4; i++) {
        fail_token_sync(XKV_DURABILITY_NONE, i / 2, 1, errors[i % 2]);
        fail_token_sync(XKV_DURABILITY_RELAXED, i / 2, 2, errors[i % 2]); /* the first is LMDB's */
    }
}

/* -- Claims and clear -------------------------------------------------------- */

/* A clear that the disk has no room for has ended no claim. */
static void undo_clear(int durability, bool track_keys, bool submits) {
    struct twins twins;

    twins_open(&twins, durability, track_keys, submits);
    MUST(do_set(&twins.client, LIT("key1"), LIT("1")) == XKV_OK);
    model_put(&twins.model, LIT("key1"), LIT("1"));
    MUST(claim(&twins.client) == XKV_OK && twins.client.reply.number == 1);
    arm(NO_SPACE, 1);
    int status = do_plain(&twins.client, XKV_OP_CLEAR);
    assert_true(disarm() && !fault.on_meta_page);
    assert_int_equal(status, XKV_E_STORE_FULL);
    assert_content(&twins);
    assert_int_equal(claim(&twins.client), XKV_OK);
    assert_int_equal(twins.client.reply.number, 0); /* it is held */
    assert_int_equal(do_plain(&twins.client, XKV_OP_CLEAR), XKV_OK);
    MUST(do_set(&twins.client, LIT("key1"), LIT("1")) == XKV_OK);
    assert_int_equal(claim(&twins.client), XKV_OK);
    assert_int_equal(twins.client.reply.number, 1);
    twins_close(&twins);
}

static void test_undone_clear_ends_no_claims(void **state) {
    (void)state;
    for (int i = 0; i < 12; i++)
        undo_clear(i / 4, i % 2, i / 2 % 2);
}

/* -- A store that has failed can still be looked at --------------------------- */

static void look_at_failed(int durability, bool track_keys, bool submits) {
    struct twins twins;
    struct rng rng = rng_for("look at failed");
    xkv_bytes none = NOTHING;

    twins_open(&twins, durability, track_keys, submits);
    below.on_sync = faulty_sync;
    for (int i = 0; i < 20; i++)
        MUST(change(&twins, &rng) == XKV_OK);
    arm(SYNC_ERROR, 1);
    MUST(do_set(&twins.client, LIT("key1"), none) == XKV_E_DISK_STORE_WRITE);
    MUST(disarm());
    assert_int_equal(do_plain(&twins.client, XKV_OP_STATS), XKV_OK);
    assert_int_equal(do_plain(&twins.client, XKV_OP_ALLOCATION_STATS), XKV_OK);
    assert_int_equal(do_plain(&twins.client, XKV_OP_REBUILD_KEY_LIST), XKV_OK);
    assert_only_reads(&twins);
    twins_close(&twins);
}

static void test_looking_at_a_failed_store(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++)
        look_at_failed(XKV_DURABILITY_FULL, i / 2, i % 2);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_space),
        cmocka_unit_test(test_short_writes),
        cmocka_unit_test(test_write_errors),
        cmocka_unit_test(test_sync_errors),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_token_sync_errors),
        cmocka_unit_test(test_undone_clear_ends_no_claims),
        cmocka_unit_test(test_looking_at_a_failed_store),
        cmocka_unit_test(test_no_space_for_a_group),
    };

    (void)argc;
    test_begin(argv);
    memset(value_room, 'v', sizeof value_room);
    below.on_write = faulty_write;
    below.on_sync = faulty_sync;
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
