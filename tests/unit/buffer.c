/*
 * buffer.c - bytes that grow: what is appended is there, and stays there when memory is short
 */
#include "../heap.h"

#include "base/buffer.h"

static void test_appended(void **state) {
    struct rng rng = rng_for("appended");
    static unsigned char expected[200000];
    xkv__buffer buffer = {NULL, 0, 0, XKV_OK};
    size_t len = 0;

    (void)state;
    rng_fill(&rng, expected, sizeof expected);
    while (len < 190000) {
        size_t size = rng_below(&rng, rng_chance(&rng, 50) ? 9000 : 20);
        if (size == 1)
            xkv__buffer_append_byte(&buffer, expected[len]);
        else
            xkv__buffer_append(&buffer, expected + len, size);
        len += size;
        assert_true(same_bytes(xkv__buffer_bytes(&buffer), bytes_of(expected, len)));
    }
    assert_int_equal(buffer.error, XKV_OK);
    xkv__buffer_free(&buffer);
    assert_null(buffer.data);
    xkv__buffer_free(&buffer); /* twice is nothing */
}

/* There is room for as much as was asked for, none included. */
static void test_reserved(void **state) {
    static const size_t sizes[] = {0, 1, 255, 256, 257, 100000, 0, 1};
    xkv__buffer buffer = {NULL, 0, 0, XKV_OK};

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        unsigned char *at = xkv__buffer_reserve(&buffer, sizes[i]);
        assert_non_null(at);
        assert_ptr_equal(at, buffer.data + buffer.len);
        memset(at, 'x', sizes[i]);
        buffer.len += sizes[i];
        assert_true(buffer.len <= buffer.room);
    }
    xkv__buffer_free(&buffer);
}

/* It is as it was, whatever is tried then. */
static void test_memory_is_short(void **state) {
    xkv__buffer buffer = {NULL, 0, 0, XKV_OK};
    static const char large[5000];

    (void)state;
    xkv_set_hooks(&heap_hooks);
    xkv__buffer_append(&buffer, "abc", 3);
    heap_fail_at(1, false);
    xkv__buffer_append(&buffer, large, sizeof large);
    assert_true(heap_failed());
    assert_int_equal(buffer.error, XKV_E_STORE_FULL);
    assert_null(xkv__buffer_reserve(&buffer, 0));
    xkv__buffer_append_byte(&buffer, 'd');
    assert_true(same_bytes(xkv__buffer_bytes(&buffer), LIT("abc")));
    xkv__buffer_free(&buffer);
    assert_int_equal(buffer.error, XKV_OK);
    assert_null(xkv__buffer_reserve(&buffer, SIZE_MAX));
    assert_int_equal(buffer.error, XKV_E_STORE_FULL);
    xkv__buffer_free(&buffer);
    assert_int_equal(atomic_load(&heap.live), 0);
    xkv_set_hooks(NULL);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appended),
        cmocka_unit_test(test_reserved),
        cmocka_unit_test(test_memory_is_short),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
