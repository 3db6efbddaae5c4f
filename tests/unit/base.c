/*
 * base.c - what the library stands on: errors, text, randomness, replies
 */
#include "../chisquare.h"
#include "../heap.h"

#include <ctype.h>

#include "base/error.h"
#include "base/random.h"
#include "base/reply.h"
#include "base/sys.h"
#include "base/text.h"
#include "command/items.h"

/* -- Errors and commands ----------------------------------------------------- */

static const struct {
    int code;
    const char *name, *text;
} errors[] = {
#define X(code, name, text) {XKV_E_##code, name, text},
    XKV_ERROR_MAP(X)
#undef X
};

static void test_errors(void **state) {
    (void)state;
    assert_int_equal(COUNT(errors) + 1, XKV_ERROR_END);
    for (size_t i = 0; i < COUNT(errors); i++) {
        const char *name = errors[i].name, *text = errors[i].text;
        assert_in_range(errors[i].code, 1, XKV_ERROR_END - 1);
        assert_string_equal(xkv_error_name(errors[i].code), name);
        assert_string_equal(xkv_error_text(errors[i].code), text);
        assert_true(strlen(name) > strlen("Error"));
        assert_string_equal(name + strlen(name) - strlen("Error"), "Error");
        assert_true(strlen(text) > 0 && text[strlen(text) - 1] != '.');
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(name, errors[j].name);
    }
}

static void test_error_numbers_that_are_none(void **state) {
    static const int numbers[] = {-1, INT_MIN, INT_MAX, XKV_ERROR_END, XKV_ERROR_END + 1};

    (void)state;
    assert_string_equal(xkv_error_name(XKV_OK), "");
    assert_non_null(xkv_error_text(XKV_OK));
    for (size_t i = 0; i < COUNT(numbers); i++) {
        assert_string_equal(xkv_error_name(numbers[i]), "InternalStoreError");
        assert_non_null(xkv_error_text(numbers[i]));
    }
}

static void test_version(void **state) {
    unsigned major, minor, patch;

    (void)state;
    assert_string_equal(xkv_version(), XKV_VERSION);
    assert_int_equal(sscanf(xkv_version(), "%u.%u.%u", &major, &minor, &patch), 3);
}

/* -- UTF-8 ------------------------------------------------------------------- */

static const struct {
    const char *bytes;
    size_t len;
    bool valid;
} sequences[] = {
#define SEQUENCE(bytes, valid)                                                                     \
    { bytes, sizeof(bytes) - 1, valid }
    SEQUENCE("", true),
    SEQUENCE("plain text", true),
    SEQUENCE("\x00", true),
    SEQUENCE("a\x00z", true),
    SEQUENCE("\x7F", true),
    SEQUENCE("\xC2\x80", true),         /* U+0080, the first of two bytes */
    SEQUENCE("\xDF\xBF", true),         /* U+07FF */
    SEQUENCE("\xE0\xA0\x80", true),     /* U+0800 */
    SEQUENCE("\xED\x9F\xBF", true),     /* U+D7FF, before the surrogates */
    SEQUENCE("\xEE\x80\x80", true),     /* U+E000, after them */
    SEQUENCE("\xEF\xBF\xBF", true),     /* U+FFFF, a noncharacter is valid */
    SEQUENCE("\xF0\x90\x80\x80", true), /* U+10000 */
    SEQUENCE("\xF4\x8F\xBF\xBF", true), /* U+10FFFF */
    SEQUENCE("\x80", false),            /* continuation alone */
    SEQUENCE("\xBF", false),
    SEQUENCE("\xC0\x80", false), /* overlong NUL */
    SEQUENCE("\xC1\xBF", false), /* overlong */
    SEQUENCE("\xE0\x80\x80", false),
    SEQUENCE("\xE0\x9F\xBF", false),
    SEQUENCE("\xF0\x80\x80\x80", false),
    SEQUENCE("\xF0\x8F\xBF\xBF", false),
    SEQUENCE("\xED\xA0\x80", false),             /* U+D800 */
    SEQUENCE("\xED\xBF\xBF", false),             /* U+DFFF */
    SEQUENCE("\xED\xA0\xBD\xED\xB8\x80", false), /* a pair, as CESU-8 writes it */
    SEQUENCE("\xF4\x90\x80\x80", false),         /* U+110000 */
    SEQUENCE("\xF5\x80\x80\x80", false),
    SEQUENCE("\xF8\x88\x80\x80\x80", false), /* five bytes */
    SEQUENCE("\xFE", false),
    SEQUENCE("\xFF", false),
    SEQUENCE("\xC2", false), /* cut short */
    SEQUENCE("\xE2\x82", false),
    SEQUENCE("\xE2", false),
    SEQUENCE("\xF0\x9F\x98", false),
    SEQUENCE("\xF0\x9F", false),
    SEQUENCE("\xF0", false),
    SEQUENCE("\xC2\x41", false), /* a letter where a continuation belongs */
    SEQUENCE("\xE2\x41\x80", false),
    SEQUENCE("\xE2\x82\x41", false),
    SEQUENCE("\xF0\x9F\x98\x41", false),
    SEQUENCE("\xC2\xC2\x80", false),
#undef SEQUENCE
};

/* Each sequence at each place of a longer text: some checkers go by words. */
static void test_utf8_sequences(void **state) {
    unsigned char text[40];

    (void)state;
    for (size_t i = 0; i < COUNT(sequences); i++) {
        assert_int_equal(xkv__is_utf8(bytes_of(sequences[i].bytes, sequences[i].len)),
                         sequences[i].valid);
        for (size_t at = 0; at + sequences[i].len <= sizeof text; at++) {
            memset(text, 'x', sizeof text);
            memcpy(text + at, sequences[i].bytes, sequences[i].len);
            assert_int_equal(xkv__is_utf8(bytes_of(text, sizeof text)), sequences[i].valid);
            assert_int_equal(xkv__is_utf8(bytes_of(text, at + sequences[i].len)),
                             sequences[i].valid);
        }
    }
    assert_true(xkv__is_utf8(NOTHING));
}

/* By the definition: decode, then ask whether encoding would give the same. */
static bool utf8_by_decoding(const unsigned char *text, size_t len) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

    for (size_t i = 0; i < len;) {
        size_t need = text[i] < 0x80             ? 1
                      : (text[i] & 0xE0) == 0xC0 ? 2
                      : (text[i] & 0xF0) == 0xE0 ? 3
                      : (text[i] & 0xF8) == 0xF0 ? 4
                                                 : 0;
        if (need == 0 || need > len - i)
            return false;
        uint32_t point = need == 1 ? text[i] : text[i] & (0xFFu >> (need + 1));
        for (size_t j = 1; j < need; j++) {
            if ((text[i + j] & 0xC0) != 0x80)
                return false;
            point = point << 6 | (text[i + j] & 0x3Fu);
        }
        if (point < least[need] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
            return false;
        i += need;
    }
    return true;
}

/* Bytes that are likely to come near to being valid. */
static size_t nearly_utf8(struct rng *rng, unsigned char *out) {
    static const unsigned char likely[] = {0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                           0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEE,
                                           0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF};
    size_t len = rng_below(rng, 24), i = 0;

    memset(out, 'a', 32);
    for (i = rng_below(rng, 9); i < len; i++)
        out[i] = rng_chance(rng, 900) ? likely[rng_below(rng, sizeof likely)]
                                      : (unsigned char)rng_next(rng);
    return i < len ? len : i;
}

static void test_utf8_at_random(void **state) {
    struct rng rng = rng_for("utf8");
    unsigned char text[64];
    int valid = 0;

    (void)state;
    for (int i = 0; i < 2000000; i++) {
        size_t len = nearly_utf8(&rng, text);
        bool expected = utf8_by_decoding(text, len);
        valid += expected;
        if (xkv__is_utf8(bytes_of(text, len)) != expected)
            fail_msg("round %d", i);
    }
    assert_true(valid > 1000);
}

static void test_utf8_every_code_point(void **state) {
    unsigned char text[4];

    (void)state;
    for (uint32_t point = 0x800; point < 0x120000; point++) {
        size_t len = point < 0x10000 ? 3 : 4;
        for (size_t i = len - 1, left = point; i > 0; i--, left >>= 6)
            text[i] = (unsigned char)(0x80 | (left & 0x3F));
        text[0] = (unsigned char)(len == 3 ? 0xE0 | point >> 12 : 0xF0 | point >> 18);
        bool valid = point <= 0x10FFFF && !(point >= 0xD800 && point <= 0xDFFF);
        assert_int_equal(xkv__is_utf8(bytes_of(text, len)), valid);
    }
}

/* -- Comparing, quoting ------------------------------------------------------ */

static void test_compare(void **state) {
    static const xkv_bytes ordered[] = {
        {NULL, 0},   {"\0", 1},   {"\0\0", 2},   {"\0\1", 2},     {"A", 1},    {"a", 1},
        {"a\0", 2},  {"aa", 2},   {"ab", 2},     {"b", 1},        {"\x7F", 1}, {"\xC2\x80", 2},
        {"\xF4", 1}, {"\xFF", 1}, {"\xFF\0", 2}, {"\xFF\xFF", 2},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(ordered); i++) {
        for (size_t j = 0; j < COUNT(ordered); j++) {
            int order = xkv__compare(ordered[i], ordered[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}

static void test_has_prefix(void **state) {
    (void)state;
    assert_true(xkv__has_prefix(LIT("abc"), NOTHING));
    assert_true(xkv__has_prefix(LIT("abc"), LIT("ab")));
    assert_true(xkv__has_prefix(LIT("abc"), LIT("abc")));
    assert_false(xkv__has_prefix(LIT("abc"), LIT("abcd")));
    assert_false(xkv__has_prefix(LIT("abc"), LIT("b")));
    assert_true(xkv__has_prefix(LIT("a\0b"), LIT("a\0")));
    assert_true(xkv__has_prefix(NOTHING, NOTHING));
}

/* A password has many places, right and wrong ones. */
static void test_quote_masked(void **state) {
    static const char *const texts[][2] = {
        {"redis://host", "redis://host"},
        {"redis://host:1/2", "redis://host:1/2"},
        {"redis://me:secret@host", "redis://***@host"},
        {"redis://secret@host,other", "redis://***@host,other"},
        {"redis://:secret/@host", "redis://***@host"},
        {"redis://:secret@secret@host", "redis://***@host"},
        {"redis://:secret?@host", "redis://***@host"},
        {"redis://:a://secret@host", "redis://***@host"},
        {"redis://host?password=secret", "redis://host\xE2\x80\xA6"},
        {"redis://:secret@host?password=secret", "redis://***@host\xE2\x80\xA6"},
        {":secret@host", "***@host"},
        {"redis://me:secret", "redis://me:\xE2\x80\xA6"}, /* without a host */
        {"redis://me:secret/2?db=1", "redis://me:\xE2\x80\xA6"},
        {"redis://me:123456789", "redis://me:\xE2\x80\xA6"},
        {"redis://me?a:secret", "redis://me\xE2\x80\xA6"},
        {"redis://[::1]:99", "redis://[::1]:99"},
        {"redis://host:99999/1", "redis://host:99999/1"},
        {"secret://secret@host", "secret://***@host"}, /* a scheme is none */
        {"what?", "what?"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        char out[XKV__QUOTE_SIZE], expected[XKV__QUOTE_SIZE];
        snprintf(expected, sizeof expected, "\"%s\"", texts[i][1]);
        assert_string_equal(xkv__quote_masked(texts[i][0], out), expected);
    }
    char out[XKV__QUOTE_SIZE];
    static char longest[5000];
    memset(longest, 's', sizeof longest - 1);
    memcpy(longest, "redis://", 8);
    longest[3000] = '@';
    xkv__quote_masked(longest, out);
    assert_int_equal(strncmp(out, "\"redis://***@sss", 16), 0);
    assert_true(strlen(out) < sizeof out);
}

static void test_quote(void **state) {
    char out[XKV__QUOTE_SIZE], *full = out;
    struct rng rng = rng_for("quote");
    unsigned char text[200];

    (void)state;
    assert_string_equal(xkv__quote(LIT("user:1"), full), "\"user:1\"");
    assert_string_equal(xkv__quote(NOTHING, full), "\"\"");
    assert_string_equal(xkv__quote(LIT("a\0b"), full), "\"a\\x00b\"");
    assert_string_equal(xkv__quote(LIT("\xC3\xA9"), full), "\"\xC3\xA9\"");
    assert_string_equal(xkv__quote(LIT("\n\xFF"), full), "\"\\x0a\\xff\"");
    memset(text, 'k', sizeof text);
    xkv__quote(bytes_of(text, sizeof text), out);
    assert_non_null(strstr(out, "\xE2\x80\xA6")); /* it says that it was cut */
    for (int i = 0; i < 100000; i++) {
        rng_fill(&rng, text, sizeof text);
        memset(out, 1, sizeof out);
        xkv__quote(bytes_of(text, rng_below(&rng, sizeof text)), out);
        assert_true(strnlen(out, sizeof out) < sizeof out);
        assert_true(xkv__is_utf8(xkv_text(out)));
        for (const char *at = out; *at; at++)
            assert_false(iscntrl((unsigned char)*at));
    }
}

static void test_nearest(void **state) {
    static const char *const names[] = {"backend", "trackKeys", "disk.timeout", "prefix", "limit"};
    static const struct {
        const char *word, *nearest;
    } cases[] = {
        {"backend", "backend"},
        {"backand", "backend"},
        {"trackkeys", "trackKeys"},
        {"trackKey", "trackKeys"},
        {"disk.timeuot", "disk.timeout"},
        {"prefx", "prefix"},
        {"limits", "limit"},
        {"zzzzzzzz", NULL},
        {"", NULL},
        {"somethingElseAltogether", NULL},
    };
    char huge[3000];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *nearest = xkv_nearest(cases[i].word, names, COUNT(names));
        if (cases[i].nearest)
            assert_string_equal(nearest, cases[i].nearest);
        else
            assert_null(nearest);
    }
    memset(huge, 'a', sizeof huge);
    huge[sizeof huge - 1] = '\0';
    assert_null(xkv_nearest(huge, names, COUNT(names)));
    assert_null(xkv_nearest("backend", names, 0));
}

/* -- Randomness -------------------------------------------------------------- */

static uint64_t raw(struct rng *rng, uint64_t bound) {
    (void)rng;
    return xkv__random_below(bound);
}

/* What many programs do: too low numbers come too often. */
static uint64_t modulo(struct rng *rng, uint64_t bound) {
    return rng_next(rng) % bound;
}

/* Draws into at most 64 cells of the range, and compares with their sizes. */
static bool is_even(uint64_t (*draw)(struct rng *, uint64_t), uint64_t bound) {
    struct rng rng = rng_for("bounded");
    uint64_t counts[64] = {0}, draws = 300000;
    uint64_t cell = bound / 64 + (bound % 64 != 0), cells = (bound - 1) / cell + 1;
    double statistic = 0;

    for (uint64_t i = 0; i < draws; i++) {
        uint64_t drawn = draw(&rng, bound);
        assert_true(drawn < bound);
        counts[drawn / cell]++;
    }
    for (uint64_t i = 0; i < cells; i++) {
        uint64_t size = i + 1 < cells ? cell : bound - cell * (cells - 1);
        double expected = (double)draws * ((double)size / (double)bound);
        statistic += chi_square_term((double)counts[i], expected);
    }
    return cells < 2 || chi_square_fits(statistic, (double)cells - 1);
}

static void test_random_below(void **state) {
    static const uint64_t bounds[] = {
        1,          2,          3,          5,          10,
        63,         64,         65,         1000,       1000003,
        1ull << 32, 3ull << 31, 3ull << 62, 1ull << 63, (1ull << 63) + 1,
        UINT64_MAX,
    };

    (void)state;
    xkv_seed(test.seed);
    for (size_t i = 0; i < COUNT(bounds); i++) {
        if (!is_even(raw, bounds[i]))
            fail_msg("bound %" PRIu64, bounds[i]);
    }
}

/* The check above is worth something only if it finds a bias. */
static void test_modulo_is_found_out(void **state) {
    (void)state;
    assert_true(is_even(modulo, 64));
    assert_false(is_even(modulo, 3ull << 62));
    assert_false(is_even(modulo, 5ull << 61));
}

static void test_seed_repeats(void **state) {
    uint64_t first[50];
    size_t same = 0;

    (void)state;
    xkv_seed(7);
    for (size_t i = 0; i < COUNT(first); i++)
        first[i] = xkv__random_below(UINT64_MAX);
    xkv_seed(7);
    for (size_t i = 0; i < COUNT(first); i++)
        assert_true(first[i] == xkv__random_below(UINT64_MAX));
    xkv_seed(8);
    for (size_t i = 0; i < COUNT(first); i++)
        same += first[i] == xkv__random_below(UINT64_MAX);
    assert_int_equal(same, 0);
}

/* -- Hooks ------------------------------------------------------------------- */

static uint64_t noon(void) {
    return 43200000;
}

static void test_hooks(void **state) {
    const xkv_hooks clock_only = {.now_ms = noon};

    (void)state;
    xkv_set_hooks(&clock_only);
    assert_true(xkv__sys.now_ms() == 43200000);
    assert_true(xkv__sys.alloc == malloc); /* NULL fields mean the system's own */
    xkv_set_hooks(NULL);
    assert_true(xkv__sys.now_ms() != 43200000);
    xkv__free(NULL);
}

/* -- Replies ----------------------------------------------------------------- */

static void test_reply_in_the_callers_buffer(void **state) {
    char buffer[16];
    xkv_reply reply;

    (void)state;
    xkv_reply_init(&reply, buffer, sizeof buffer);
    assert_int_equal(reply.status, XKV_OK);
    assert_int_equal(xkv__reply_bytes(&reply, LIT("sixteen bytes ok")), XKV_OK);
    assert_ptr_equal(reply.data, buffer);
    assert_null(reply.owned);
    assert_int_equal(xkv__reply_bytes(&reply, LIT("seventeen bytes ..")), XKV_OK);
    assert_ptr_not_equal(reply.data, buffer);
    assert_memory_equal(reply.data, "seventeen bytes ..", 18);
    xkv_reply_clear(&reply);
    assert_null(reply.owned);
    assert_int_equal(reply.len, 0);
    assert_int_equal(xkv__reply_bytes(&reply, LIT("again")), XKV_OK);
    assert_ptr_equal(reply.data, buffer); /* clear keeps the caller's buffer */
    xkv_reply_clear(&reply);
    xkv_reply_clear(&reply);
}

static void test_reply_without_a_buffer(void **state) {
    xkv_reply reply;

    (void)state;
    xkv_reply_init(&reply, NULL, 0);
    assert_int_equal(xkv__reply_bytes(&reply, NOTHING), XKV_OK);
    assert_int_equal(reply.len, 0);
    assert_int_equal(xkv__reply_bytes(&reply, LIT("x")), XKV_OK);
    assert_memory_equal(reply.data, "x", 1);
    xkv_reply_clear(&reply);
}

static void add_entries(xkv_reply *reply, size_t count) {
    xkv__writer writer = xkv__writer_on(reply);
    char text[32];

    for (size_t i = 0; i < count; i++) {
        size_t len = (size_t)snprintf(text, sizeof text, "key%zu", i);
        xkv__put_entry(&writer, NULL, bytes_of(text, len), bytes_of(text, i % 5));
    }
    assert_int_equal(writer.error, XKV_OK);
}

/* Entries that outgrow the caller's buffer, and then what the reply owns. */
static void test_reply_entries(void **state) {
    char buffer[64], text[32];
    xkv_bytes key, value;
    xkv_reply reply;

    (void)state;
    xkv_reply_init(&reply, buffer, sizeof buffer);
    for (size_t count = 0; count < 300; count += 7) {
        size_t at = 0, n = 0;
        xkv_reply_clear(&reply);
        add_entries(&reply, count);
        for (; xkv_reply_next(&reply, &at, &key, &value); n++) {
            snprintf(text, sizeof text, "key%zu", n);
            assert_true(same_bytes(key, xkv_text(text)));
            assert_true(same_bytes(value, bytes_of(text, n % 5)));
        }
        assert_int_equal(n, count);
        assert_int_equal(at, reply.len);
    }
    xkv_reply_clear(&reply);
}

static void test_reply_failures(void **state) {
    xkv_reply reply;
    char text[2000];

    (void)state;
    xkv_reply_init(&reply, NULL, 0);
    assert_int_equal(xkv__reply_fail(&reply, XKV_E_VALUE_PARSE, "key %d", 7), XKV_E_VALUE_PARSE);
    assert_int_equal(reply.status, XKV_E_VALUE_PARSE);
    assert_true(same_bytes(bytes_of(reply.data, reply.len), LIT("key 7")));
    memset(text, 'm', sizeof text);
    text[sizeof text - 1] = '\0';
    xkv__reply_fail(&reply, XKV_E_INTERNAL, "%s", text);
    assert_in_range(reply.len, 100, XKV_MESSAGE_SIZE);
    xkv_reply_clear(&reply);
    xkv_set_hooks(&heap_hooks);
    heap_fail_at(1, true); /* no memory for the message: the table's text will do */
    assert_int_equal(xkv__reply_fail(&reply, XKV_E_STORE_FULL, "%s", text), XKV_E_STORE_FULL);
    assert_true(
        same_bytes(bytes_of(reply.data, reply.len), xkv_text(xkv_error_text(XKV_E_STORE_FULL))));
    assert_true(heap_failed());
    xkv_reply_clear(&reply);
    xkv_set_hooks(NULL);
}

static void test_messages_are_cut(void **state) {
    char message[8];

    (void)state;
    memset(message, 'z', sizeof message);
    assert_int_equal(xkv__explain(message, 5, XKV_E_INTERNAL, "%s", "longer"), XKV_E_INTERNAL);
    assert_string_equal(message, "long");
    assert_int_equal(message[5], 'z');
    assert_int_equal(xkv__explain(NULL, 0, XKV_E_INTERNAL, "%s", "x"), XKV_E_INTERNAL);
    assert_int_equal(xkv__explain(message, 0, XKV_E_INTERNAL, "%s", "x"), XKV_E_INTERNAL);
    assert_string_equal(message, "long");
}

static void test_reasons(void **state) {
    (void)state;
    assert_int_equal(xkv__fail(XKV_E_DISK_PATH, "path %s", "x"), XKV_E_DISK_PATH);
    assert_string_equal(xkv__reason(XKV_E_DISK_PATH), "path x");
    assert_string_equal(xkv__reason(XKV_E_DISK_PATH), xkv_error_text(XKV_E_DISK_PATH));
    xkv__fail(XKV_E_DISK_PATH, "stale");
    assert_string_equal(xkv__reason(XKV_E_STORE_FULL), xkv_error_text(XKV_E_STORE_FULL));
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_error_numbers_that_are_none),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_utf8_sequences),
        cmocka_unit_test(test_utf8_at_random),
        cmocka_unit_test(test_utf8_every_code_point),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_has_prefix),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_quote_masked),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_random_below),
        cmocka_unit_test(test_modulo_is_found_out),
        cmocka_unit_test(test_seed_repeats),
        cmocka_unit_test(test_hooks),
        cmocka_unit_test(test_reply_in_the_callers_buffer),
        cmocka_unit_test(test_reply_without_a_buffer),
        cmocka_unit_test(test_reply_entries),
        cmocka_unit_test(test_reply_failures),
        cmocka_unit_test(test_messages_are_cut),
        cmocka_unit_test(test_reasons),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
