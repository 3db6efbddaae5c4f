/*
 * conformance.h - the frame of the tests that hold for every kind of store
 *
 * The cases know nothing of the backend: each runs on a fresh store of every
 * setting below, by xkv_exec and by xkv_submit with xkv_completions.
 */
#ifndef XKV_TESTS_CONFORMANCE_H
#define XKV_TESTS_CONFORMANCE_H

#include "../items.h"
#include "../model.h"

/* -- Settings ---------------------------------------------------------------- */

static struct setting {
    int backend, serialization, durability;
    bool track_keys, submits;
} setting; /* of the case that runs */

static bool case_runs;

static inline const char *describe_setting(void) {
    static const char *const serializations[] = {"json", "string", "binary"};
    static const char *const durabilities[] = {"full", "relaxed", "none"};
    static char text[120];

    snprintf(text, sizeof text, "%s, %s, trackKeys %s, durability %s, by %s",
             traits_for(setting.backend)->name, serializations[setting.serialization],
             setting.track_keys ? "true" : "false", durabilities[setting.durability],
             setting.submits ? "xkv_submit" : "xkv_exec");
    return text;
}

/* Number n of all settings; false past the last. Beside servers, only theirs. */
static inline bool setting_number(unsigned n, struct setting *out) {
    if (server_url()) {
        *out = (struct setting){
            .backend = XKV_BACKEND_REDIS, .serialization = (int)(n / 2 % 3), .submits = n % 2};
        return n < 6;
    }
    out->submits = n % 2;
    out->track_keys = n / 2 % 2;
    out->serialization = (int)(n / 4 % 3);
    out->durability = (int)(n / 12 % 4) - 1; /* -1: memory, which has none */
    out->backend = out->durability < 0 ? XKV_BACKEND_MEMORY : XKV_BACKEND_DISK;
    if (out->durability < 0)
        out->durability = XKV_DURABILITY_FULL;
    return n < 48;
}

/* What the case may expect of it. */
static inline const struct traits *traits(void) {
    return traits_for(setting.backend);
}

static inline void open_fresh(struct client *client) {
    static char name[PATH_SIZE];
    xkv_options options;

    xkv_options_init(&options);
    options.backend = setting.backend;
    set_place(&options, fresh_path(name));
    options.serialization = setting.serialization;
    options.durability = setting.durability;
    options.track_keys = setting.track_keys;
    client_open(client, &options, setting.submits);
}

/* A case: commands on a fresh store, checked. */
typedef void conformance_case(struct client *client);

/* Sanitizers look at code, of which there is the same for many settings: there each case meets
 * every fifth, which are of all kinds, the next case those beside them. */
static inline void run_case(void **state) {
    enum { STEP = SANITIZED ? 5 : 1 };
    static unsigned cases;
    conformance_case *body;
    struct client client;

    memcpy(&body, state, sizeof body);
    for (unsigned n = cases++ % STEP; setting_number(n, &setting); n += STEP) {
        open_fresh(&client);
        case_runs = true;
        body(&client);
        case_runs = false;
        client_close(&client);
    }
}

/* A case that failed left its loop: tell where. */
static inline int after_case(void **state) {
    (void)state;
    if (case_runs)
        fprintf(stderr, "with %s\n", describe_setting());
    case_runs = false;
    return 0;
}

/* -- Checks ------------------------------------------------------------------ */

static inline void assert_value(struct client *client, xkv_bytes key, xkv_bytes value) {
    assert_int_equal(do_get(client, key), XKV_OK);
    assert_true(same_bytes(answer(client), value));
    assert_int_equal(do_exists(client, key), XKV_OK);
    assert_int_equal(client->reply.number, 1);
}

static inline void assert_missing(struct client *client, xkv_bytes key) {
    assert_int_equal(do_get(client, key), XKV_E_KEY_NOT_FOUND);
    assert_true(client->reply.len > 0);
    assert_int_equal(do_exists(client, key), XKV_OK);
    assert_int_equal(client->reply.number, 0);
}

static inline void assert_size(struct client *client, int64_t size) {
    assert_int_equal(do_plain(client, XKV_OP_SIZE), XKV_OK);
    assert_int_equal(client->reply.number, size);
}

static inline void put(struct client *client, xkv_bytes key, xkv_bytes value) {
    do_set(client, key, value);
    assert_int_equal(told(client), XKV_OK);
}

/* The reply holds one entry and no other. */
static inline void assert_only_entry(struct client *client, xkv_bytes key, xkv_bytes value) {
    xkv_bytes found, its_value;
    size_t at = 0;

    assert_int_equal(client->reply.number, 1);
    assert_true(xkv_reply_next(&client->reply, &at, &found, &its_value));
    assert_true(same_bytes(found, key) && same_bytes(its_value, value));
    assert_false(xkv_reply_next(&client->reply, &at, &found, &its_value));
}

/* All that can be asked about a prefix, against the model. */
static inline void assert_prefix(struct client *client, const struct model *model,
                                 xkv_bytes prefix) {
    size_t first, count = model_count(model, prefix, &first);

    assert_int_equal(do_list(client, prefix, 0), XKV_OK);
    assert_true(model_matches(model, prefix, 0, &client->reply));
    assert_int_equal(do_random(client, prefix), XKV_OK);
    assert_true(client->reply.number == (int64_t)count || traits()->in_parts);
    if (count == 0) {
        assert_int_equal(client->reply.len, 0);
        return;
    }
    assert_true(starts_with(answer(client), prefix));
    assert_non_null(model_get(model, answer(client)));
}

static inline void assert_model(struct client *client, const struct model *model) {
    assert_size(client, (int64_t)model->count);
    assert_prefix(client, model, NOTHING);
}

/* The commands that take any of these arguments, of which there must be some. */
static inline size_t ops_taking(xkv_arguments arguments, int ops[XKV_OP_END]) {
    size_t count = 0;

    for (int op = 0; op < XKV_OP_END; op++) {
        const xkv_op_info *info = xkv_op_describe(op);
        if ((info->arguments | info->required | info->optional) & arguments)
            ops[count++] = op;
    }
    assert_true(count > 0);
    return count;
}

/* -- The program ------------------------------------------------------------- */

struct named_case {
    const char *name;
    conformance_case *body;
};

#define CASE(name)                                                                                 \
    { #name, case_##name }

enum { CASES_MAX = 100 };

/* All there is in main. others are tests that do not go by settings. */
static inline int run_cases(char *argv[], const struct named_case *cases, size_t count,
                            const struct CMUnitTest *others, size_t other_count) {
    struct CMUnitTest tests[CASES_MAX] = {{NULL, NULL, NULL, NULL, NULL}};

    test_begin(argv);
    MUST(count + other_count <= CASES_MAX);
    for (size_t i = 0; i < count; i++) {
        tests[i] = (struct CMUnitTest){cases[i].name, run_case, NULL, after_case, NULL};
        memcpy(&tests[i].initial_state, &cases[i].body, sizeof cases[i].body);
    }
    for (size_t i = 0; i < other_count; i++)
        tests[count + i] = others[i];
    return test_end(_cmocka_run_group_tests("conformance", tests, count + other_count, NULL, NULL));
}

#endif
