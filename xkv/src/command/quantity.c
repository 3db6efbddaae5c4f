/*
 * quantity.c - durations and sizes as text: "1m30s", "64MiB"
 *
 * A quantity is one or more terms that are added up. A term is a decimal number
 * with a unit behind it, and perhaps a space between the two. This takes what
 * Go's time.ParseDuration takes, without signs, and days, as k6 does.
 *
 * All is done in whole numbers: nothing is rounded, nothing wraps around, and
 * how the program's locale writes 1.5 does not matter (as it would to strtod).
 */
#include "command/quantity.h"
#include "base/text.h"

struct unit {
    const char *name;
    int64_t size; /* in the smallest unit of the kind: a nanosecond, a byte */
};

#define MILLISECOND 1000000
#define SECOND      (1000 * (int64_t)MILLISECOND)

static const struct unit times[] = {
    {"ns", 1},
    {"us", 1000},
    {"\xC2\xB5s", 1000}, /* the micro sign, */
    {"\xCE\xBCs", 1000}, /* or the Greek letter */
    {"ms", MILLISECOND},
    {"s", SECOND},
    {"m", 60 * SECOND},
    {"h", 3600 * SECOND},
    {"d", 86400 * SECOND},
    {NULL, 0},
};

static const struct unit sizes[] = {
    {"B", 1},           {"KB", 1000},          {"MB", 1000000},
    {"GB", 1000000000}, {"TB", 1000000000000}, {"KiB", 1024},
    {"MiB", 1048576},   {"GiB", 1073741824},   {"TiB", 1099511627776},
    {NULL, 0},
};

/* Text that is left to read. */
struct scanner {
    const char *at, *end;
};

static xkv_bytes take_digits(struct scanner *scanner) {
    const char *start = scanner->at;

    while (scanner->at < scanner->end && *scanner->at >= '0' && *scanner->at <= '9')
        scanner->at++;
    return (xkv_bytes){start, (size_t)(scanner->at - start)};
}

static bool take_char(struct scanner *scanner, char c) {
    bool there = scanner->at < scanner->end && *scanner->at == c;

    scanner->at += there;
    return there;
}

/* Everything up to what may begin the next term. */
static const struct unit *take_unit(struct scanner *scanner, const struct unit *units) {
    const char *start = scanner->at;

    while (scanner->at < scanner->end && *scanner->at != '.' &&
           (*scanner->at < '0' || *scanner->at > '9'))
        scanner->at++;
    xkv_bytes name = {start, (size_t)(scanner->at - start)};
    while (units->name && xkv__compare(xkv_text(units->name), name) != 0)
        units++;
    return units->name ? units : NULL;
}

/* The larger of two non-negative numbers' product or sum, and INT64_MAX where
 * that would not fit: what is beyond every range. */
static int64_t multiply(int64_t a, int64_t b) {
    return b != 0 && a > INT64_MAX / b ? INT64_MAX : a * b;
}

static int64_t add_up(int64_t a, int64_t b) {
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static int64_t whole_part(xkv_bytes digits, int64_t unit) {
    const char *digit = digits.data;
    int64_t number = 0;

    for (size_t i = 0; i < digits.len; i++)
        number = add_up(multiply(number, 10), digit[i] - '0');
    return multiply(number, unit);
}

/*
 * What the digits behind the point amount to; false if that is not a whole
 * number. The sum of digit[i] * unit / 10^(i + 1) is made from its last digit
 * on, with a division by 10 at each step. One that leaves a rest is the end:
 * what is added later is whole, so the rest would stay.
 */
static bool fraction_part(xkv_bytes digits, int64_t unit, int64_t *part) {
    const char *digit = digits.data;

    *part = 0;
    for (size_t i = digits.len; i > 0; i--) {
        int64_t sum = (digit[i - 1] - '0') * unit + *part; /* less than 10 * unit */
        if (sum % 10 != 0)
            return false;
        *part = sum / 10;
    }
    return true;
}

/* Adds one term to the sum; false if it is none. */
static bool add_term(struct scanner *scanner, const struct unit *units, int64_t *sum) {
    xkv_bytes whole = take_digits(scanner), fraction = {NULL, 0};
    int64_t part;

    if (take_char(scanner, '.'))
        fraction = take_digits(scanner);
    if (whole.len + fraction.len == 0)
        return false;
    take_char(scanner, ' ');
    const struct unit *unit = take_unit(scanner, units);
    if (!unit || !fraction_part(fraction, unit->size, &part))
        return false;
    *sum = add_up(*sum, add_up(whole_part(whole, unit->size), part));
    return true;
}

static bool add_terms(xkv_bytes text, const struct unit *units, int64_t *sum) {
    const char *start = text.data;

    *sum = 0;
    if (text.len == 0)
        return false;
    struct scanner scanner = {start, start + text.len};
    do {
        if (!add_term(&scanner, units, sum))
            return false;
    } while (scanner.at < scanner.end);
    return true;
}

bool xkv__read_size(xkv_bytes text, int64_t *bytes) {
    return add_terms(text, sizes, bytes);
}

bool xkv__read_duration(xkv_bytes text, int64_t *ms) {
    int64_t ns;

    if (!add_terms(text, times, &ns))
        return false;
    *ms = ns == INT64_MAX ? ns : ns / MILLISECOND;
    return ns == INT64_MAX || ns % MILLISECOND == 0;
}
