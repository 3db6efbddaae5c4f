/* text.c - see text.h */
#include "base/text.h"

#include <limits.h>
#include <stdio.h>

/* Table 3-7 of the Unicode standard: the second byte's range depends on the first. */
size_t xkv__utf8_sequence(const unsigned char *text, size_t left) {
    unsigned char first = text[0], low = 0x80, high = 0xBF;
    size_t len = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;

    if (len == 0 || first > 0xF4 || len > left)
        return 0;
    if (first == 0xE0)
        low = 0xA0;
    else if (first == 0xED)
        high = 0x9F;
    else if (first == 0xF0)
        low = 0x90;
    else if (first == 0xF4)
        high = 0x8F;
    if (len > 1 && (text[1] < low || text[1] > high))
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    }
    return len;
}

bool xkv__is_utf8(xkv_bytes bytes) {
    const unsigned char *text = bytes.data;
    size_t i = 0;

    while (i < bytes.len) {
        uint64_t eight;
        if (bytes.len - i >= 8) { /* most text is ASCII: eight bytes at a time */
            memcpy(&eight, text + i, 8);
            if ((eight & 0x8080808080808080u) == 0) {
                i += 8;
                continue;
            }
        }
        size_t len = text[i] < 0x80 ? 1 : xkv__utf8_sequence(text + i, bytes.len - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

int xkv__hex(unsigned char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int xkv__compare(xkv_bytes a, xkv_bytes b) {
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared ? memcmp(a.data, b.data, shared) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool xkv__has_prefix(xkv_bytes key, xkv_bytes prefix) {
    return key.len >= prefix.len &&
           (prefix.len == 0 || memcmp(key.data, prefix.data, prefix.len) == 0);
}

const char *xkv__quote(xkv_bytes bytes, char out[XKV__QUOTE_SIZE]) {
    const unsigned char *text = bytes.data;
    size_t at = 0, i = 0;

    out[at++] = '"';
    while (i < bytes.len && at + 10 < XKV__QUOTE_SIZE) { /* 10: an escape, "…", quote, NUL */
        size_t len = xkv__utf8_sequence(text + i, bytes.len - i);
        if (len == 0 || text[i] < 0x20 || text[i] == 0x7F) {
            at += (size_t)snprintf(out + at, 5, "\\x%02x", text[i]);
            i++;
        } else {
            memcpy(out + at, text + i, len);
            at += len;
            i += len;
        }
    }
    snprintf(out + at, XKV__QUOTE_SIZE - at, i < bytes.len ? "\xE2\x80\xA6\"" : "\"");
    return out;
}

/* How much of a text is no secret for sure, since it is a URL's scheme. */
static size_t scheme_len(const char *text, const char *at) {
    const char *slashes = strstr(text, "://");
    return slashes && (!at || slashes < at) ? (size_t)(slashes - text) + 3 : 0;
}

/* How much may be shown of what has no @: up to a port that is none, since that is
 * the password of somebody who has forgotten the host; and up to a query. */
static size_t open_len(const char *rest) {
    const char *colon = *rest == '[' ? NULL : strchr(rest, ':');
    size_t query = strcspn(rest, "?");
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
    bool is_port = !colon || (digits <= 5 && strchr(",/?", colon[1 + digits]));
    size_t secret = is_port ? query : (size_t)(colon + 1 - rest);

    return secret < query ? secret : query;
}

const char *xkv__quote_masked(const char *text, char out[XKV__QUOTE_SIZE]) {
    char shown[2 * XKV__QUOTE_SIZE];
    const char *at = strrchr(text, '@');
    size_t scheme = scheme_len(text, at);
    const char *rest = at ? at : text + scheme;

    if (scheme == 0 && !at)
        return xkv__quote(xkv_text(text), out);
    size_t open = at ? strcspn(rest, "?") : open_len(rest);
    bool is_whole = !rest[open];
    if (open > XKV__QUOTE_SIZE)
        open = XKV__QUOTE_SIZE;
    snprintf(shown, sizeof shown, "%.*s%s%.*s%s", (int)scheme, text, at ? "***" : "", (int)open,
             rest, is_whole ? "" : "…");
    return xkv__quote(xkv_text(shown), out);
}

bool xkv__decode_percent(char *text) {
    char *to = text;

    for (const char *at = text; *at; at++) {
        if (*at != '%') {
            *to++ = *at;
            continue;
        }
        int high = xkv__hex((unsigned char)at[1]);
        int low = high < 0 ? -1 : xkv__hex((unsigned char)at[2]);
        if (low < 0 || high + low == 0)
            return false;
        *to++ = (char)(high << 4 | low);
        at += 2;
    }
    *to = '\0';
    return true;
}

/* Levenshtein's distance, for words short enough to be names. */
enum { WORD_MAX = 64 };

static unsigned edit_distance(const char *a, const char *b) {
    unsigned row[WORD_MAX + 1];
    size_t a_len = strlen(a), b_len = strlen(b);

    if (a_len > WORD_MAX || b_len > WORD_MAX)
        return UINT_MAX;
    for (unsigned j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned change = diagonal + ((a[i - 1] | 0x20) != (b[j - 1] | 0x20));
            diagonal = row[j];
            unsigned best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = change < best ? change : best;
        }
    }
    return row[b_len];
}

const char *xkv_nearest(const char *word, const char *const *names, size_t count) {
    const char *nearest = NULL;
    unsigned best = (unsigned)(strlen(word) / 3) + 2; /* farther than this is another word */

    for (size_t i = 0; i < count; i++) {
        unsigned distance = edit_distance(word, names[i]);
        if (distance < best) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}
