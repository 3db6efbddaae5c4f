/*
 * quantity.c - durations and sizes as text: what is read, exactly, and what is not
 */
#include "../comma.h"
#include "../support.h"

#include "command/quantity.h"

typedef bool reader(xkv_bytes text, int64_t *number);

struct quantity {
    const char *text;
    int64_t number; /* NONE: not one */
};

enum { NONE = -1 };

#define HOUR    3600000
#define TERA    ((int64_t)1 << 40)
#define ENDLESS INT64_MAX /* what stands for all that is larger */

static const struct quantity durations[] = {
    {"0s", 0},
    {"500ms", 500},
    {"1s", 1000},
    {"1m30s", 90000},
    {"1h0m0s", HOUR},
    {"1h2m3s4ms", HOUR + 123004},
    {"1.5h", HOUR * 3 / 2},
    {"2d12h", 60 * HOUR},
    {"1m 30s", NONE},
    {"30s1m", 90000},
    {"1s1s", 2000},
    {"1 s", 1000},
    {"1  s", NONE},
    {" 1s", NONE},
    {"1s ", NONE},
    {"1s\n", NONE},
    {".5s", 500},
    {"5.s", 5000},
    {".s", NONE},
    {"1..5s", NONE},
    {"1.5.5s", NONE},
    {"1,5s", NONE},
    {"1_000s", NONE},
    {"0.001s", 1},
    {"0.0010000000000000000000000000000s", 1},
    {"0.0015s", NONE},
    {"0.0010000000000000000000000000001s", NONE},
    {"1.1h", 3960000}, /* as doubles these products are no whole numbers */
    {"4.35m", 261000},
    {"1.005s", 1005},
    {"1000us", 1},
    {"1500us", NONE},
    {"500us500us", 1},
    {"1000000ns", 1},
    {"1000\xC2\xB5s", 1},
    {"1000\xCE\xBCs", 1},
    {"1000\xC2\xB6s", NONE},
    {"1000\xB5s", NONE},
    {"0001s", 1000},
    {"", NONE},
    {"s", NONE},
    {"1", NONE},
    {"1m30", NONE},
    {"1.", NONE},
    {"-1s", NONE},
    {"+1s", NONE},
    {"--1s", NONE},
    {"1m-30s", NONE},
    {"1S", NONE},
    {"1M", NONE},
    {"1Ms", NONE},
    {"1sec", NONE},
    {"1 second", NONE},
    {"1w", NONE},
    {"1sx", NONE},
    {"s1", NONE},
    {"1e3ms", NONE},
    {"0x10s", NONE},
    {"infs", NONE},
    {"nans", NONE},
    {"\xEF\xBC\x91s", NONE}, /* a digit, but not one of these ten */
    {"64MiB", NONE},
    {"9223372036854ms", 9223372036854}, /* the last whole one in nanoseconds of 64 bits */
    {"9223372036855ms", ENDLESS},
    {"9223372036854775807ns", ENDLESS},
    {"9223372036854775808ns", ENDLESS},
    {"18446744073709551617ns", ENDLESS}, /* 2^64 + 1: 1, if it wrapped around */
    {"5124095576030431h", ENDLESS},
    {"99999999999999999999999999999999999999999999999999d", ENDLESS},
    {"99999999999999999999.5s", ENDLESS},
    {"200000d200000d", ENDLESS},
};

static const struct quantity amounts[] = {
    {"0B", 0},
    {"1B", 1},
    {"4096B", 4096},
    {"64KiB", 65536},
    {"64MiB", 64 << 20},
    {"64 MiB", 64 << 20},
    {"1.5KiB", 1536},
    {"0.0009765625KiB", 1},
    {"0.00048828125KiB", NONE},
    {"0.1KiB", NONE},
    {"2MB", 2000000},
    {"1.000001MB", 1000001},
    {"1.0000001MB", NONE},
    {"1GB", 1000000000},
    {"1TB", 1000000000000},
    {"1GiB512MiB", 1536 << 20},
    {"16TiB", 16 * TERA},
    {"8388607TiB", 8388607 * TERA},
    {"8388608TiB", ENDLESS}, /* 2^63 */
    {"16777217TiB", ENDLESS},
    {"18446744073709551616B", ENDLESS},
    {"64", NONE},
    {"64Mi", NONE},
    {"64mib", NONE},
    {"64M", NONE},
    {"64kB", NONE},
    {"-64MiB", NONE},
    {"0.5B", NONE},
    {"1s", NONE},
    {"", NONE},
};

static void assert_read(reader *read, const struct quantity *quantity) {
    int64_t number = -2;
    bool ok = read(xkv_text(quantity->text), &number);

    if (ok != (quantity->number != NONE))
        fail_msg("\"%s\" is %s", quantity->text, ok ? "read" : "refused");
    if (ok && number != quantity->number)
        fail_msg("\"%s\" is read as %" PRId64, quantity->text, number);
}

static void test_table(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(durations); i++)
        assert_read(xkv__read_duration, &durations[i]);
    for (size_t i = 0; i < COUNT(amounts); i++)
        assert_read(xkv__read_size, &amounts[i]);
}

/* In many locales 1.5 is written 1,5; then strtod reads "1.5" as 1. */
static void test_locale(void **state) {
    comma_begin();
    test_table(state);
    comma_end();
}

/* Bytes without a NUL behind them, and with some inside. */
static void test_bytes(void **state) {
    static const char text[] = "1m30s\0001s";
    int64_t number;

    (void)state;
    for (size_t len = 0; len < sizeof text; len++) {
        char *exact = malloc(len ? len : 1); /* so that AddressSanitizer sees a step too far */
        assert_non_null(exact);
        memcpy(exact, text, len);
        bool good = len == 2 || len == 5;
        assert_int_equal(xkv__read_duration((xkv_bytes){exact, len}, &number), good);
        free(exact);
    }
    assert_false(xkv__read_duration(NOTHING, &number));
    assert_false(xkv__read_size(NOTHING, &number));
}

/* Every whole number of milliseconds comes back, whatever unit it is told in. */
static void test_thousandths(void **state) {
    struct rng rng = {test.seed};
    char text[64];
    int64_t number;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        long long ms = (long long)(rng_next(&rng) % 9223372036854u) >> rng_below(&rng, 43);
        snprintf(text, sizeof text, "%lld.%03llds", ms / 1000, ms % 1000);
        if (!xkv__read_duration(xkv_text(text), &number) || number != ms)
            fail_msg("%s is not %lld", text, ms);
        snprintf(text, sizeof text, "%lldh%lldm%lld.%03llds", ms / HOUR, ms / 60000 % 60,
                 ms / 1000 % 60, ms % 1000);
        if (!xkv__read_duration(xkv_text(text), &number) || number != ms)
            fail_msg("%s is not %lld", text, ms);
    }
}

/* Whatever is tried, it is a number of the range, or none. */
static void test_noise(void **state) {
    static const char letters[] = "0123456789...smhdunBKMGTi \xC2\xB5-+e";
    struct rng rng = {test.seed};

    (void)state;
    for (int i = 0; i < 200000; i++) {
        char text[24];
        size_t len = rng_below(&rng, sizeof text);
        int64_t number = 0;
        for (size_t j = 0; j < len; j++)
            text[j] = letters[rng_below(&rng, sizeof letters)];
        reader *read = i % 2 ? xkv__read_duration : xkv__read_size;
        assert_true(!read((xkv_bytes){text, len}, &number) || number >= 0);
    }
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table), cmocka_unit_test(test_locale),
        cmocka_unit_test(test_bytes), cmocka_unit_test(test_thousandths),
        cmocka_unit_test(test_noise),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
