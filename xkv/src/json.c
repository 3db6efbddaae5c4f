/*
 * json.c - whether two JSON texts mean the same
 *
 * Each text is read once, and a hash of 128 bits is made of what it means: of
 * text without its escapes, of numbers as doubles, of objects with their members
 * sorted by name. Equal hashes count as equal values; two different ones have
 * the same hash once in some 10^38 pairs. That keeps it linear, whatever order
 * members come in, and without recursion: what is open stands in an array, so
 * depth costs memory and nothing else.
 *
 * Where a name comes twice in an object the last one counts, as it does for
 * those who read it.
 */
#include <locale.h>
#include <stdlib.h>

#include <xxhash.h>

#include "engine.h"

/* A value that is complete, and if it is a member of an object, its name. */
struct node {
    XXH128_hash_t name, value;
    size_t index; /* in the object: of two with one name the later counts */
};

struct reader {
    const unsigned char *at, *end;
    struct node *nodes; /* of all that is open, outermost first */
    size_t count, room;
    size_t *open; /* where the nodes of each open array or object begin, times 2, plus 1 for */
    size_t depth, open_room; /* an object */
    unsigned char *text;     /* room for one text without its escapes */
    bool out_of_memory;
};

/* Kinds of values, so that "1" and 1 differ. */
enum { LITERAL = 1, NUMBER, TEXT, ARRAY, OBJECT };

static XXH128_hash_t hash(int kind, const void *data, size_t len) {
    return XXH3_128bits_withSeed(data, len, (XXH64_hash_t)kind);
}

/* -- Room -------------------------------------------------------------------- */

/* Room for one more element. */
static bool make_room(struct reader *reader, void **array, size_t count, size_t *room,
                      size_t size) {
    if (count < *room)
        return true;
    size_t more = *room ? *room * 2 : 32;
    void *grown = xkv__resize(*array, more * size);
    if (!grown) {
        reader->out_of_memory = true;
        return false;
    }
    *array = grown;
    *room = more;
    return true;
}

static bool push_node(struct reader *reader, struct node node) {
    void *nodes = reader->nodes;

    if (!make_room(reader, &nodes, reader->count, &reader->room, sizeof node))
        return false;
    reader->nodes = nodes;
    reader->nodes[reader->count++] = node;
    return true;
}

static bool push_open(struct reader *reader, bool object) {
    void *open = reader->open;

    if (!make_room(reader, &open, reader->depth, &reader->open_room, sizeof *reader->open))
        return false;
    reader->open = open;
    reader->open[reader->depth++] = reader->count * 2 + object;
    return true;
}

/* -- Scalars ----------------------------------------------------------------- */

static void skip_space(struct reader *reader) {
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) && *reader->at)
        reader->at++;
}

/* The next character that is not space; 0 at the end. */
static unsigned char next(struct reader *reader) {
    skip_space(reader);
    return reader->at < reader->end ? *reader->at : 0;
}

static bool take(struct reader *reader, unsigned char c) {
    if (next(reader) != c)
        return false;
    reader->at++;
    return true;
}

static int hex(unsigned char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hexadecimal digits; -1 if they are not. */
static long take_unit(struct reader *reader) {
    long unit = 0;

    if (reader->end - reader->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex(*reader->at++);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* What follows \u, pairs of surrogates joined. */
static long take_code_point(struct reader *reader) {
    long high = take_unit(reader);

    if (high < 0xD800 || high > 0xDBFF || reader->end - reader->at < 6 || reader->at[0] != '\\' ||
        reader->at[1] != 'u')
        return high;
    const unsigned char *back = reader->at;
    reader->at += 2;
    long low = take_unit(reader);
    if (low >= 0xDC00 && low <= 0xDFFF)
        return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    reader->at = back; /* a lone one */
    return high;
}

/* A lone surrogate is written as UTF-8 would if it were allowed to. */
static unsigned char *put_utf8(unsigned char *out, long c) {
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

/* What an escape stands for, behind its backslash; -1 if it is none. */
static long take_escape(struct reader *reader) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

    if (reader->at == reader->end)
        return -1;
    unsigned char c = *reader->at++;
    if (c == 'u')
        return take_code_point(reader);
    const char *at = c ? strchr(from, c) : NULL;
    return at ? to[at - from] : -1;
}

static bool take_text(struct reader *reader, XXH128_hash_t *out) {
    unsigned char *end = reader->text;

    reader->at++; /* the quote */
    while (reader->at < reader->end && *reader->at != '"') {
        if (*reader->at < 0x20)
            return false;
        if (*reader->at != '\\') {
            *end++ = *reader->at++;
            continue;
        }
        reader->at++;
        long c = take_escape(reader);
        if (c < 0)
            return false;
        end = put_utf8(end, c);
    }
    if (reader->at == reader->end)
        return false;
    reader->at++;
    *out = hash(TEXT, reader->text, (size_t)(end - reader->text));
    return true;
}

static size_t skip_digits(struct reader *reader) {
    const unsigned char *first = reader->at;

    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    return (size_t)(reader->at - first);
}

static bool at_any(const struct reader *reader, const char *of) {
    return reader->at < reader->end && *reader->at && strchr(of, *reader->at);
}

/* Passes over a number as JSON has it. */
static bool skip_number(struct reader *reader) {
    if (at_any(reader, "-"))
        reader->at++;
    bool zero = at_any(reader, "0");
    size_t digits = skip_digits(reader);
    if (digits == 0 || (zero && digits > 1))
        return false;
    if (at_any(reader, ".")) {
        reader->at++;
        if (skip_digits(reader) == 0)
            return false;
    }
    if (!at_any(reader, "eE"))
        return true;
    reader->at++;
    if (at_any(reader, "+-"))
        reader->at++;
    return skip_digits(reader) > 0;
}

/* The text is that of a number, so all but the decimal point is strtod's, too. */
static double value_of(char *text) {
    char *point = strchr(text, '.');
    const char *local = localeconv()->decimal_point;

    if (point && local[0] && !local[1])
        *point = local[0];
    double value = strtod(text, NULL);
    return value == 0 ? 0 : value; /* -0 is 0 */
}

static bool take_number(struct reader *reader, XXH128_hash_t *out) {
    const unsigned char *first = reader->at;

    if (!skip_number(reader))
        return false;
    size_t len = (size_t)(reader->at - first);
    memcpy(reader->text, first, len);
    reader->text[len] = '\0';
    double value = value_of((char *)reader->text);
    *out = hash(NUMBER, &value, sizeof value);
    return true;
}

static bool take_literal(struct reader *reader, XXH128_hash_t *out) {
    static const char *const words[] = {"null", "true", "false"};

    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(words[i]);
        if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, words[i], len) != 0)
            continue;
        reader->at += len;
        *out = hash(LITERAL, words[i], len);
        return true;
    }
    return false;
}

static bool take_scalar(struct reader *reader, XXH128_hash_t *out) {
    unsigned char c = next(reader);

    if (c == '"')
        return take_text(reader, out);
    if (c == '-' || (c >= '0' && c <= '9'))
        return take_number(reader, out);
    return take_literal(reader, out);
}

/* -- Arrays and objects ------------------------------------------------------ */

static int compare_nodes(const void *a, const void *b) {
    const struct node *one = a, *other = b;
    int order = XXH128_cmp(&one->name, &other->name);

    return order ? order : (one->index > other->index) - (one->index < other->index);
}

/* Sorts members by name, and of those with one name leaves the last. */
static size_t sort_members(struct node *nodes, size_t count) {
    size_t kept = 0;

    qsort(nodes, count, sizeof *nodes, compare_nodes);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && XXH128_isEqual(nodes[i].name, nodes[i + 1].name))
            continue;
        nodes[kept++] = nodes[i];
    }
    for (size_t i = 0; i < kept; i++)
        nodes[i].index = 0; /* it is no part of what is hashed */
    return kept;
}

static bool in_object(const struct reader *reader) {
    return reader->open[reader->depth - 1] & 1;
}

static size_t first_node(const struct reader *reader) {
    return reader->open[reader->depth - 1] / 2;
}

/* Makes one value of the innermost open array or object. */
static XXH128_hash_t finish(struct reader *reader) {
    struct node *nodes = reader->nodes + first_node(reader);
    size_t count = reader->count - first_node(reader);
    bool object = in_object(reader);

    if (object)
        count = sort_members(nodes, count);
    reader->count = first_node(reader);
    reader->depth--;
    return hash(object ? OBJECT : ARRAY, count > 0 ? (const void *)nodes : "",
                count * sizeof *nodes);
}

/* The name of a member, and the colon behind it. */
static bool take_name(struct reader *reader, XXH128_hash_t *name) {
    return next(reader) == '"' && take_text(reader, name) && take(reader, ':');
}

/* Puts a value where it belongs: false at the outermost, which is complete. */
static bool place(struct reader *reader, XXH128_hash_t value) {
    reader->nodes[reader->count - 1].value = value;
    return reader->depth > 0;
}

/* Opens a place for the next value: in an object, with its name. */
static bool open_place(struct reader *reader) {
    struct node node;

    memset(&node, 0, sizeof node); /* also what pads it, since it is hashed */
    if (reader->depth > 0 && in_object(reader)) {
        if (!take_name(reader, &node.name))
            return false;
        node.index = reader->count;
    }
    return push_node(reader, node);
}

/* Begins an array or object; an empty one is complete at once. */
static bool begin(struct reader *reader, bool *complete, XXH128_hash_t *value) {
    bool object = *reader->at++ == '{';

    if (!push_open(reader, object))
        return false;
    *complete = take(reader, object ? '}' : ']');
    if (*complete)
        *value = finish(reader);
    return true;
}

/* Reads a value up to where the next one begins: all of it, or the bracket. */
static bool read_value(struct reader *reader, bool *complete, XXH128_hash_t *value) {
    unsigned char c = next(reader);

    *complete = true;
    if (c == '{' || c == '[')
        return begin(reader, complete, value);
    return take_scalar(reader, value);
}

/* After a value: closes what ends here. *done when nothing is open any more. */
static bool go_on(struct reader *reader, XXH128_hash_t value, bool *done) {
    while (place(reader, value)) {
        *done = false;
        if (take(reader, ','))
            return true;
        if (!take(reader, in_object(reader) ? '}' : ']'))
            return false;
        value = finish(reader);
    }
    *done = true;
    return true;
}

static bool read_all(struct reader *reader, XXH128_hash_t *out) {
    bool complete, done = false;
    XXH128_hash_t value;

    while (!done) {
        if (!open_place(reader) || !read_value(reader, &complete, &value))
            return false;
        if (complete && !go_on(reader, value, &done))
            return false;
    }
    *out = reader->nodes[0].value;
    return next(reader) == 0 && reader->at == reader->end;
}

/* *valid: whether it is JSON. XKV_OK or XKV_E_STORE_FULL. */
static int hash_json(xkv_bytes json, XXH128_hash_t *out, bool *valid) {
    struct reader reader = {.at = json.data};

    reader.end = reader.at + json.len;
    reader.text = xkv__alloc(json.len + 1); /* no text grows by losing its escapes */
    reader.out_of_memory = !reader.text;
    *valid = reader.text && read_all(&reader, out);
    xkv__free(reader.text);
    xkv__free(reader.nodes);
    xkv__free(reader.open);
    return reader.out_of_memory ? XKV_E_STORE_FULL : XKV_OK;
}

int xkv__json_equal(xkv_bytes a, xkv_bytes b, bool *equal) {
    XXH128_hash_t one, other;
    bool valid;

    *equal = xkv__compare(a, b) == 0;
    if (*equal)
        return XKV_OK;
    int error = hash_json(a, &one, &valid);
    if (error != XKV_OK || !valid)
        return error;
    error = hash_json(b, &other, &valid);
    if (error == XKV_OK && valid)
        *equal = XXH128_isEqual(one, other);
    return error;
}
