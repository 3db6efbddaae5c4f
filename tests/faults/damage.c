/*
 * damage.c - files with bytes changed at random: whatever they say, opening and
 * using them gives errors or data that is right, and never ends the process
 *
 * A store with short, long and nested keys, small and large values and free
 * pages is made once. Each round damages a copy and hands it to a child, which
 * opens it and runs every command. A child that a signal ended is a failure,
 * and so is a value other than the one that was stored.
 */
#include "../child.h"

enum { ROUNDS = SANITIZED ? 60 : 600, KEYS = 300, KEY_MAX = 1300, VALUE_MAX = 9000 };

/* Key number i and its value; both follow from i. */
static xkv_bytes key_of(char *out, size_t i) {
    size_t len = i % 5 == 0 ? 600 + i : i % 7 == 0 ? 400 + i % 111 : 12;

    memset(out, 'k', len);
    snprintf(out + len - 10, 11, "%010zu", i);
    return bytes_of(out, len);
}

static xkv_bytes value_of(char *out, size_t i) {
    size_t len = i % 10 == 0 ? 5000 + i : i % 60;

    memset(out, (int)('a' + i % 26), len);
    return bytes_of(out, len);
}

static void make_store(const char *path) {
    static char key[KEY_MAX], value[VALUE_MAX];
    xkv_options options = disk_options(path);
    struct client client;

    options.durability = XKV_DURABILITY_NONE;
    client_open(&client, &options, false);
    for (size_t i = 0; i < KEYS * 2; i++)
        MUST(do_set(&client, key_of(key, i), value_of(value, i)) == XKV_OK);
    for (size_t i = KEYS; i < KEYS * 2; i++)
        MUST(do_delete(&client, key_of(key, i)) == XKV_OK);
    client_close(&client);
}

/* -- The child ---------------------------------------------------------------- */

static void use_key(struct client *client, size_t i) {
    static char key[KEY_MAX], value[VALUE_MAX];

    if (do_get(client, key_of(key, i)) == XKV_OK)
        MUST(same_bytes(answer(client), value_of(value, i)));
    do_exists(client, key_of(key, i));
}

static void change_key(struct client *client, size_t i) {
    static char key[KEY_MAX], value[VALUE_MAX];

    if (i % 3 == 0)
        do_delete(client, key_of(key, i));
    else
        do_set(client, key_of(key, i), value_of(value, i));
}

static int child_main(const char *path, bool tracked) {
    char why[XKV_MESSAGE_SIZE];
    xkv_options options = disk_options(path);
    struct client client = {.queue = NULL};

    options.track_keys = tracked;
    options.durability = XKV_DURABILITY_NONE;
    xkv_reply_init(&client.reply, NULL, 0);
    if (xkv_open(&options, &client.store, why, sizeof why) != XKV_OK) {
        MUST(strlen(why) > 0);
        return 3;
    }
    do_plain(&client, XKV_OP_SIZE);
    do_list(&client, NOTHING, 0);
    for (size_t i = 0; i < KEYS; i++)
        use_key(&client, i);
    do_random(&client, LIT("k"));
    for (size_t i = 0; i < KEYS; i++)
        change_key(&client, i);
    do_plain(&client, XKV_OP_REBUILD_KEY_LIST);
    do_list(&client, LIT("kk"), 0);
    do_plain(&client, XKV_OP_CLEAR);
    for (size_t i = 0; i < KEYS; i++)
        change_key(&client, i);
    client_close(&client);
    return 0;
}

/* -- The parent ---------------------------------------------------------------- */

struct file {
    unsigned char *bytes;
    size_t size;
};

static struct file read_file(const char *path) {
    struct stat status;
    FILE *in = fopen(path, "rb");

    MUST(in && fstat(fileno(in), &status) == 0);
    struct file file = {malloc((size_t)status.st_size), (size_t)status.st_size};
    MUST(file.bytes && fread(file.bytes, 1, file.size, in) == file.size);
    fclose(in);
    return file;
}

static void write_file(const char *path, const unsigned char *bytes, size_t size) {
    FILE *out = fopen(path, "wb");

    MUST(out && fwrite(bytes, 1, size, out) == size && fclose(out) == 0);
}

/* Headers and pointers matter most, so half of the hits are near a page's start. */
static size_t place_to_hit(struct rng *rng, size_t size) {
    size_t place = rng_below(rng, size);

    if (rng_chance(rng, 500))
        place = place / 4096 * 4096 + rng_below(rng, 160);
    return place < size ? place : size - 1;
}

static void damage(struct rng *rng, unsigned char *bytes, size_t size) {
    size_t hits = 1 + rng_below(rng, 8);

    for (size_t hit = 0; hit < hits; hit++) {
        size_t place = place_to_hit(rng, size), len = 1 + rng_below(rng, 16);
        for (size_t i = place; i < place + len && i < size; i++)
            bytes[i] = rng_chance(rng, 300) ? 0xFF : (unsigned char)rng_next(rng);
    }
    if (rng_chance(rng, 100)) { /* a page that was never written */
        size_t page = rng_below(rng, size / 4096) * 4096;
        memset(bytes + page, 0, 4096);
    }
}

/* Runs a child on the file; returns its exit status. */
static int run_child(const char *path, const char *mode) {
    struct child child;
    int status;

    child_start(&child, (const char *[]){mode, path, NULL});
    fclose(child.to);
    fclose(child.from);
    MUST(waitpid(child.pid, &status, 0) == child.pid);
    if (!WIFEXITED(status))
        fprintf(stderr, "the child was ended by signal %d\n", WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_damage(void **state) {
    char made[PATH_SIZE], damaged[PATH_SIZE];
    struct rng rng = rng_for("damage");
    int refused = 0;
    (void)state;

    make_store(test_path(made, "made.kv"));
    test_path(damaged, "damaged.kv");
    struct file file = read_file(made);
    unsigned char *copy = malloc(file.size);
    assert_non_null(copy);
    write_file(damaged, file.bytes, file.size);
    assert_int_equal(run_child(damaged, "tracked"), 0);
    for (int round = 0; round < ROUNDS; round++) {
        memcpy(copy, file.bytes, file.size);
        damage(&rng, copy, file.size);
        size_t size = rng_chance(&rng, 50) ? rng_below(&rng, file.size) : file.size;
        write_file(damaged, copy, size);
        int status = run_child(damaged, round % 2 ? "tracked" : "untracked");
        if (status != 0 && status != 3)
            fail_msg("round %d: a child ended with %d", round, status);
        refused += status == 3;
    }
    printf("%d of %d damaged files were refused\n", refused, ROUNDS);
    assert_true(refused > ROUNDS / 10 && refused < ROUNDS);
    free(copy);
    free(file.bytes);
}

int main(int argc, char **argv) {
    if (argc == 3)
        return child_main(argv[2], strcmp(argv[1], "tracked") == 0);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_damage)};
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
