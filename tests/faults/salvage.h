/*
 * salvage.h - a sound store with long keys and large values, and what is read of it when it
 * has been damaged
 */
#ifndef XKV_TESTS_SALVAGE_H
#define XKV_TESTS_SALVAGE_H

#include "../heap.h"
#include "damages.h"

/* -- A sound file ------------------------------------------------------------ */

static unsigned char *sound;
static size_t sound_size;
static struct model model; /* what is in it */
static struct model ever;  /* and what was, each key with one value */
static char path[PATH_SIZE];

enum { KEYS = 900, KEY_SIZE = XKV_KEY_MAX };

/* Some are too long for one key of LMDB, and share pieces with others. */
static inline xkv_bytes make_key(struct rng *rng, unsigned n, char out[KEY_SIZE]) {
    size_t len = 0, most = n % 300 == 60 ? KEY_SIZE - 40 : 2500;

    if (n % 30 == 0) {
        memset(out, 'a' + (int)(n % 4), most);
        len = 480 + rng_below(rng, most - 480);
    }
    len += (size_t)snprintf(out + len, 40, "%s:%u", n % 3 ? "user" : "order", n);
    if (n % 45 == 0) {
        memset(out + len, 'k', 900);
        len = len + 900 > KEY_SIZE ? KEY_SIZE : len + 900;
    }
    return bytes_of(out, len);
}

static inline void put_one(struct client *client, xkv_bytes key, xkv_bytes value) {
    MUST(do_set(client, key, value) == XKV_OK);
    model_put(&model, key, value);
    model_put(&ever, key, value);
}

/* The last two commits hold the same, since each of them may be what is read. */
static inline void make_sound_file(void) {
    static char value[20000], key[KEY_SIZE + 1000];
    struct rng rng = rng_for("sound file");
    xkv_options options = disk_options(path);
    struct client client;

    options.durability = XKV_DURABILITY_NONE;
    client_open(&client, &options, false);
    for (unsigned n = 0; n < KEYS; n++) {
        xkv_bytes name = make_key(&rng, n, key);
        rng_fill(&rng, (unsigned char *)value, sizeof value);
        size_t size = n % 50 == 0 ? sizeof value : 20 + rng_below(&rng, 200);
        put_one(&client, name, bytes_of(value, size));
        if (n % 7 == 3) { /* leaves free pages behind */
            MUST(do_delete(&client, name) == XKV_OK);
            model_delete(&model, name);
        }
    }
    for (unsigned i = 0; i < 3; i++)
        put_one(&client, LIT("user:last"), LIT("twice"));
    client_close(&client);
    sound = read_file(path, &sound_size);
}

/* -- What is given ----------------------------------------------------------- */

static struct {
    size_t count, doubtful, wrong, out_of_order;
    unsigned char *seen; /* for each pair of the model */
    int fail_at;
} given;

static inline int take(void *context, xkv_bytes key, xkv_bytes value, bool doubtful) {
    const struct model *in = doubtful ? &ever : &model;
    const struct pair *pair = model_get(in, key), *current = model_get(&model, key);

    MUST(context == &given);
    if (given.fail_at > 0 && given.count + 1 == (size_t)given.fail_at)
        return XKV_E_OPERATION_CANCELED;
    given.count++;
    given.doubtful += doubtful;
    given.wrong += !pair || !same_bytes(pair_value(pair), value);
    if (!current)
        return XKV_OK;
    size_t at = (size_t)(current - model.pairs);
    given.out_of_order += !doubtful && at > 0 && memchr(given.seen + at, 1, model.count - at);
    given.seen[at] = 1;
    return XKV_OK;
}

static inline size_t seen_of_model(void) {
    size_t count = 0;

    for (size_t i = 0; i < model.count; i++)
        count += given.seen[i];
    return count;
}

static char message[XKV_MESSAGE_SIZE];

static inline int salvage(xkv_check_report *report) {
    given.count = given.doubtful = given.wrong = given.out_of_order = 0;
    memset(given.seen, 0, model.count);
    message[0] = '\0';
    return xkv_salvage(path, take, &given, report, message, sizeof message);
}

/* What was found, one line each. */
static struct {
    char text[1 << 16];
    size_t len, count;
} findings;

static inline void tell(void *context, const char *finding) {
    MUST(context == &findings);
    MUST(strlen(finding) > 10 && !strchr(finding, '\n'));
    findings.count++;
    if (findings.len + strlen(finding) + 2 < sizeof findings.text)
        findings.len += (size_t)sprintf(findings.text + findings.len, "%s\n", finding);
}

static inline int check(xkv_check_report *report) {
    findings.len = findings.count = 0;
    findings.text[0] = message[0] = '\0';
    int error = xkv_check_file(path, tell, &findings, report, message, sizeof message);
    if (error == XKV_OK)
        assert_int_equal(findings.count, report->findings);
    return error;
}

static inline void must_check(xkv_check_report *report) {
    if (check(report) != XKV_OK)
        fail_msg("%s", message);
}

/* Both say the same. */
static inline void must_salvage(xkv_check_report *report) {
    xkv_check_report other;

    must_check(&other);
    if (salvage(report) != XKV_OK)
        fail_msg("%s", message);
    assert_memory_equal(report, &other, sizeof other);
    assert_int_equal(given.wrong, 0);
    assert_int_equal(given.count, report->keys);
    assert_int_equal(given.doubtful, report->doubtful_keys);
    if (!report->is_scan && report->misplaced_keys == 0)
        assert_int_equal(given.out_of_order, 0);
}

static inline void restore(void) {
    write_file(path, sound, sound_size);
}

/* -- The program ------------------------------------------------------------- */

static inline void salvage_begin(char *argv[]) {
    test_begin(argv);
    xkv_set_hooks(&heap_hooks);
    test_path(path, "damaged.kv");
    make_sound_file();
    MUST((given.seen = calloc(model.count, 1)));
}

static inline int salvage_end(int failures) {
    free(sound);
    free(given.seen);
    model_free(&model);
    model_free(&ever);
    return test_end(failures);
}

#endif
