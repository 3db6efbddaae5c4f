/*
 * json_reference.h - whether bytes are JSON, the simple way: by recursion, byte by byte
 *
 * What the library's own validator is compared with; it shares no code with that.
 */
#ifndef XKV_TESTS_JSON_REFERENCE_H
#define XKV_TESTS_JSON_REFERENCE_H

#include "support.h"

struct reference {
    const unsigned char *at, *end;
    int depth, depth_max;
};

static inline int reference_byte(const struct reference *json) {
    return json->at < json->end ? *json->at : -1;
}

static inline bool reference_take(struct reference *json, int c) {
    if (reference_byte(json) != c)
        return false;
    json->at++;
    return true;
}

static inline void reference_space(struct reference *json) {
    while (reference_take(json, ' ') || reference_take(json, '\t') || reference_take(json, '\n') ||
           reference_take(json, '\r'))
        ;
}

static inline bool reference_word(struct reference *json, const char *word) {
    while (*word) {
        if (!reference_take(json, *word++))
            return false;
    }
    return true;
}

static inline bool reference_digits(struct reference *json) {
    const unsigned char *first = json->at;

    while (reference_byte(json) >= '0' && reference_byte(json) <= '9')
        json->at++;
    return json->at > first;
}

static inline bool reference_number(struct reference *json) {
    reference_take(json, '-');
    if (!reference_take(json, '0') && !reference_digits(json))
        return false;
    if (reference_take(json, '.') && !reference_digits(json))
        return false;
    if (!reference_take(json, 'e') && !reference_take(json, 'E'))
        return true;
    if (!reference_take(json, '+'))
        reference_take(json, '-');
    return reference_digits(json);
}

/* By decoding: the number that comes out must need so many bytes, and be a character's. */
static inline bool reference_character(struct reference *json) {
    static const long least[] = {0, 0, 0x80, 0x800, 0x10000};
    int first = reference_byte(json);
    int len = first < 0xC0 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF8 ? 4 : 0;
    long c = first & (0xFF >> (len + 1));

    json->at++;
    for (int i = 1; i < len; i++, json->at++) {
        if (reference_byte(json) < 0x80 || reference_byte(json) > 0xBF)
            return false;
        c = c * 64 + (reference_byte(json) - 0x80);
    }
    return len > 0 && c >= least[len] && c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
}

static inline bool reference_escape(struct reference *json) {
    int c = reference_byte(json);

    json->at++;
    if (c != 'u')
        return c > 0 && strchr("\"\\/bfnrt", c) != NULL;
    for (int i = 0; i < 4; i++, json->at++) {
        c = reference_byte(json);
        if (c <= 0 || !strchr("0123456789abcdefABCDEF", c))
            return false;
    }
    return true;
}

static inline bool reference_string(struct reference *json) {
    if (!reference_take(json, '"'))
        return false;
    while (!reference_take(json, '"')) {
        int c = reference_byte(json);
        if (c < 0x20)
            return false;
        if (c >= 0x80) {
            if (!reference_character(json))
                return false;
            continue;
        }
        json->at++;
        if (c == '\\' && !reference_escape(json))
            return false;
    }
    return true;
}

static inline bool reference_value(struct reference *json);

static inline bool reference_member(struct reference *json, bool named) {
    if (named) {
        reference_space(json);
        if (!reference_string(json))
            return false;
        reference_space(json);
        if (!reference_take(json, ':'))
            return false;
    }
    return reference_value(json);
}

static inline bool reference_members(struct reference *json, int close) {
    if (json->depth == json->depth_max)
        return false;
    json->depth++;
    json->at++;
    reference_space(json);
    if (!reference_take(json, close)) {
        do {
            if (!reference_member(json, close == '}'))
                return false;
        } while (reference_take(json, ','));
        if (!reference_take(json, close))
            return false;
    }
    json->depth--;
    return true;
}

/* With the white space around it. */
static inline bool reference_value(struct reference *json) {
    bool valid;

    reference_space(json);
    switch (reference_byte(json)) {
    case '{':
        valid = reference_members(json, '}');
        break;
    case '[':
        valid = reference_members(json, ']');
        break;
    case '"':
        valid = reference_string(json);
        break;
    case 't':
        valid = reference_word(json, "true");
        break;
    case 'f':
        valid = reference_word(json, "false");
        break;
    case 'n':
        valid = reference_word(json, "null");
        break;
    default:
        valid = reference_number(json);
    }
    reference_space(json);
    return valid;
}

static inline bool reference_is_json(xkv_bytes text, int depth_max) {
    const unsigned char *at = text.data;
    struct reference json = {at, at + text.len, 0, depth_max};

    return text.len > 0 && reference_value(&json) && json.at == json.end;
}

#endif
