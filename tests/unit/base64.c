/*
 * base64.c - bytes as text, and which texts are none
 */
#include "../support.h"

#include "base/base64.h"

/* RFC 4648, 10, and all of the alphabet. */
static const struct {
    xkv_bytes bytes;
    const char *text;
} pairs[] = {
    {{"", 0}, ""},
    {{"f", 1}, "Zg=="},
    {{"fo", 2}, "Zm8="},
    {{"foo", 3}, "Zm9v"},
    {{"foob", 4}, "Zm9vYg=="},
    {{"fooba", 5}, "Zm9vYmE="},
    {{"foobar", 6}, "Zm9vYmFy"},
    {{"\0\0\0", 3}, "AAAA"},
    {{"\xFF\xFF\xFF", 3}, "////"},
    {{"\xFB\xEF\xBE", 3}, "++++"},
    {{"\x00\x10\x83\x10\x51\x87\x20\x92\x8B\x30\xD3\x8F\x41\x14\x93\x51\x55\x97\x61\x96\x9B\x71"
      "\xD7\x9F\x82\x18\xA3\x92\x59\xA7\xA2\x9A\xAB\xB2\xDB\xAF\xC3\x1C\xB3\xD3\x5D\xB7\xE3\x9E"
      "\xBB\xF3\xDF\xBF",
      48},
     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"},
};

static void test_pairs(void **state) {
    unsigned char out[64];
    size_t len;

    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        xkv_bytes text = xkv_text(pairs[i].text);
        assert_int_equal(xkv__base64_len(pairs[i].bytes.len), text.len);
        xkv__base64_write(pairs[i].bytes, out);
        assert_true(same_bytes(bytes_of(out, text.len), text));
        assert_true(xkv__base64_read(text, out, &len));
        assert_true(same_bytes(bytes_of(out, len), pairs[i].bytes));
    }
}

static void test_refused(void **state) {
    static const char *const texts[] = {
        "Z",        "Zg",       "Zg=",      "Zg===",  "=",    "====", "Z===",      "Zh==", "Zm9=",
        "Zg==Zg==", "Zm8=Zm8=", " Zg==",    "Zg==\n", "Zm-v", "Zm_v", "Zm9v=Zm9v", "Z,9v", "Zm9{",
        "Zm9\x80",  "Zm9*",     "Zm9[Zm9v", "Zm9`",   "Zm9:", "Zm9@", "Zm9.",      "=m9v", "Z=9v"};
    unsigned char out[64];
    size_t len;

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        if (xkv__base64_read(xkv_text(texts[i]), out, &len))
            fail_msg("%s is read", texts[i]);
    }
    assert_false(xkv__base64_read(LIT("Zm\0v"), out, &len));
}

/* Of random bytes; read where the text lies, too. */
static void test_round_trip(void **state) {
    struct rng rng = rng_for("round trip");
    unsigned char bytes[100], text[136];
    size_t len;

    (void)state;
    for (int round = 0; round < 10000; round++) {
        size_t size = rng_below(&rng, sizeof bytes + 1);
        rng_fill(&rng, bytes, size);
        xkv__base64_write(bytes_of(bytes, size), text);
        assert_true(xkv__base64_read(bytes_of(text, xkv__base64_len(size)), text, &len));
        assert_true(same_bytes(bytes_of(text, len), bytes_of(bytes, size)));
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_round_trip),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
