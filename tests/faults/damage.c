/*
 * damage.c - files that were damaged between two openings
 *
 * LMDB trusts its file, and may take the process with it when the file lies. A
 * damaged store must be refused, or else used without harm: what it gives is
 * what was put there, or an error. Only a key that was itself damaged may be
 * missing, and another be there in its place.
 */
#include "damages.h"

/* -- A sound file ------------------------------------------------------------ */

static unsigned char *sound;
static size_t sound_size;
static struct model model;
static char path[PATH_SIZE];

enum { KEYS = 600 };

static size_t make_key(struct rng *rng, unsigned n, char out[3000]) {
    size_t len = (size_t)snprintf(out, 3000, "%s:%u:", n % 3 ? "user" : "order", n);

    if (n % 40 == 0) { /* too long for one LMDB key */
        memset(out + len, 'k', 2500);
        len += 500 + rng_below(rng, 2000);
    }
    return len;
}

static void make_sound_file(void) {
    static char value[9000], key[3000];
    struct rng rng = rng_for("sound file");
    xkv_options options = disk_options(path);
    struct client client;

    options.durability = XKV_DURABILITY_NONE;
    memset(value, 'v', sizeof value);
    client_open(&client, &options, false);
    for (unsigned n = 0; n < KEYS; n++) {
        xkv_bytes name = {key, make_key(&rng, n, key)};
        snprintf(value, sizeof value, "%u", n);
        xkv_bytes content = {value, n % 50 == 0 ? sizeof value : 20 + rng_below(&rng, 200)};
        MUST(do_set(&client, name, content) == XKV_OK);
        model_put(&model, name, content);
        if (n % 7 == 3) { /* leaves free pages behind */
            MUST(do_delete(&client, name) == XKV_OK);
            model_delete(&model, name);
        }
    }
    client_close(&client);
}

/* -- Use --------------------------------------------------------------------- */

static bool is_failure_of_disk(int status) {
    return status == XKV_E_DISK_STORE_CORRUPT || status == XKV_E_DISK_STORE_READ ||
           status == XKV_E_DISK_STORE_WRITE;
}

static void look_at_keys(struct client *client) {
    for (size_t i = 0; i < model.count; i += 3) {
        const struct pair *pair = &model.pairs[i];
        int status = do_get(client, pair_key(pair));
        if (status == XKV_OK)
            assert_true(same_bytes(answer(client), pair_value(pair)));
        else
            assert_true(status == XKV_E_KEY_NOT_FOUND || is_failure_of_disk(status));
    }
}

static void look_at_list(struct client *client, xkv_bytes prefix) {
    xkv_bytes key, value;
    size_t at = 0;
    int status = do_list(client, prefix, 0);

    if (status != XKV_OK)
        assert_true(is_failure_of_disk(status));
    while (xkv_reply_next(&client->reply, &at, &key, &value)) {
        const struct pair *pair = model_get(&model, key);
        if (pair)
            assert_true(same_bytes(value, pair_value(pair)));
    }
}

static void use(struct client *client, struct rng *rng, bool writes) {
    look_at_keys(client);
    look_at_list(client, NOTHING);
    look_at_list(client, LIT("user:1"));
    for (int i = 0; i < 5; i++) {
        int status = do_random(client, i % 2 ? LIT("user:") : NOTHING);
        assert_true(status == XKV_OK || is_failure_of_disk(status));
    }
    do_plain(client, XKV_OP_SIZE);
    do_plain(client, XKV_OP_REBUILD_KEY_LIST);
    for (size_t i = 0; i < 40 && writes; i++) {
        const struct pair *pair = &model.pairs[rng_below(rng, model.count)];
        int status = i % 2 ? do_delete(client, pair_key(pair))
                           : do_set(client, pair_key(pair), pair_value(pair));
        assert_true(status == XKV_OK || is_failure_of_disk(status));
    }
    if (writes && rng_chance(rng, 100))
        do_plain(client, XKV_OP_CLEAR);
}

static struct {
    unsigned round, refused;
    size_t damage;
} now;

static void one_round(struct rng *rng, unsigned char *file) {
    char message[XKV_MESSAGE_SIZE] = "";
    struct client client = {.store = NULL};
    size_t size = sound_size;

    memcpy(file, sound, sound_size);
    damages[now.damage](rng, file, &size);
    write_file(path, file, size);
    xkv_options options = disk_options(path);
    options.durability = XKV_DURABILITY_NONE;
    options.read_only = rng_chance(rng, 300);
    options.track_keys = rng_chance(rng, 300);
    int status = xkv_open(&options, &client.store, message, sizeof message);
    if (status != XKV_OK) {
        now.refused++;
        assert_true(strlen(message) > 0);
        assert_true(status == XKV_E_DISK_STORE_CORRUPT || status == XKV_E_DISK_STORE_OPEN);
        return;
    }
    use(&client, rng, !options.read_only);
    client_close(&client);
}

static void test_damage(void **state) {
    unsigned char *file = malloc(sound_size);
    unsigned rounds = SANITIZED ? 50 : 250;
    struct rng rng = rng_for("damage");

    (void)state;
    assert_non_null(file);
    for (now.damage = 0; now.damage < COUNT(damages); now.damage++) {
        now.refused = 0;
        for (now.round = 0; now.round < rounds; now.round++)
            one_round(&rng, file);
        printf("damage %zu: %u of %u refused\n", now.damage, now.refused, rounds);
    }
    free(file);
    now.round = 0;
}

static int after(void **state) {
    (void)state;
    if (now.round > 0)
        fprintf(stderr, "damage %zu, round %u\n", now.damage, now.round);
    return 0;
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_damage, after),
    };

    (void)argc;
    test_begin(argv);
    test_path(path, "damaged.kv");
    make_sound_file();
    sound = read_file(path, &sound_size);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    free(sound);
    model_free(&model);
    return test_end(failures);
}
