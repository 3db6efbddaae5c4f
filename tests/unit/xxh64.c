/*
 * xxh64.c - the hash, against published values and against libxxhash
 */
#include "../support.h"

#include <xxhash.h>

#include "base/xxh64.h"

/* As they stand in the literature, so that both cannot be wrong together. */
static void test_published(void **state) {
    static const struct {
        const char *text;
        uint64_t hash;
    } known[] = {
        {"", 0xEF46DB3751D8E999u},
        {"a", 0xD24EC4F1A98C6E5Bu},
        {"abc", 0x44BC2CF5AD770999u},
        {"Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1u},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_int_equal(xkv__xxh64(known[i].text, strlen(known[i].text), 0), known[i].hash);
}

/* Every length around the sizes of steps and stripes, at every alignment, under
 * many seeds. */
static void test_like_libxxhash(void **state) {
    unsigned char bytes[600];
    struct rng rng = rng_for("xxh64");

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)rng_next(&rng);
    for (size_t len = 0; len <= 520; len++) {
        for (size_t at = 0; at < 8; at++) {
            uint64_t seed = at == 0 ? 0 : rng_next(&rng);
            assert_int_equal(xkv__xxh64(bytes + at, len, seed), XXH64(bytes + at, len, seed));
        }
    }
    assert_int_equal(xkv__xxh64(NULL, 0, 7), XXH64("", 0, 7));
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_like_libxxhash),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
