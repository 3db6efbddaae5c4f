/* json_parts.c - see json_parts.h */
#include "base/json_parts.h"

#include "base/text.h"

static const unsigned char *skip_digits(const unsigned char *at, const unsigned char *end) {
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* The same where there must be a digit; NULL if there is none. */
static const unsigned char *some_digits(const unsigned char *at, const unsigned char *end) {
    const unsigned char *behind = skip_digits(at, end);
    return behind > at ? behind : NULL;
}

const unsigned char *xkv__json_number(const unsigned char *at, const unsigned char *end) {
    if (at < end && *at == '-')
        at++;
    if (at < end && *at == '0')
        at++;
    else
        at = some_digits(at, end);
    if (at && at < end && *at == '.')
        at = some_digits(at + 1, end);
    if (!at || at == end || (*at | 0x20) != 'e')
        return at;
    at++;
    if (at < end && (*at == '+' || *at == '-'))
        at++;
    return some_digits(at, end);
}

/* Four hexadecimal digits; -1 if they are not. */
static long code_unit(const unsigned char **at, const unsigned char *end) {
    long unit = 0;

    if (end - *at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = xkv__hex(*(*at)++);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* What follows \u, pairs of surrogates joined. */
static long code_point(const unsigned char **at, const unsigned char *end) {
    long high = code_unit(at, end);

    if (high < 0xD800 || high > 0xDBFF || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
        return high;
    const unsigned char *second = *at + 2;
    long low = code_unit(&second, end);
    if (low < 0xDC00 || low > 0xDFFF)
        return high; /* a lone one */
    *at = second;
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

long xkv__json_escape(const unsigned char **at, const unsigned char *end) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

    if (*at == end)
        return -1;
    unsigned char c = *(*at)++;
    if (c == 'u')
        return code_point(at, end);
    const char *found = c ? strchr(from, c) : NULL;
    return found ? to[found - from] : -1;
}

unsigned char *xkv__put_utf8(unsigned char *out, long c) {
    if (c < 0x80) {
        *out++ = (unsigned char)c;
        return out;
    }
    if (c < 0x800) {
        *out++ = (unsigned char)(0xC0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *out++ = (unsigned char)(0xE0 | c >> 12);
        } else {
            *out++ = (unsigned char)(0xF0 | c >> 18);
            *out++ = (unsigned char)(0x80 | (c >> 12 & 0x3F));
        }
        *out++ = (unsigned char)(0x80 | (c >> 6 & 0x3F));
    }
    *out++ = (unsigned char)(0x80 | (c & 0x3F));
    return out;
}
