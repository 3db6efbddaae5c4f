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
#include "command/json.h"
#include "base/json_parts.h"
#include "base/sys.h"
#include "base/text.h"
#include "base/xxh64.h"

#include <stdlib.h>

struct hash {
    uint64_t high, low;
};

/* A member of an object. */
struct member {
    struct hash name, value;
    size_t index; /* of two with one name the later counts */
};

/* An array or object that is open. Of an array's elements only a hash is kept;
 * members of objects wait until they can be sorted. */
struct frame {
    bool is_object;
    size_t first;         /* of its members */
    struct hash elements; /* all so far */
};

struct reader {
    const unsigned char *at, *end;
    struct member *members; /* of all objects that are open, outermost first */
    size_t count, room;
    struct frame *frames; /* what is open, outermost first */
    size_t depth, frames_room;
    unsigned char *text; /* room for one text without its escapes */
    bool out_of_memory;
};

/* Kinds of values, so that "1" and 1 differ. */
enum { HASH_LITERAL = 1, HASH_NUMBER, HASH_TEXT, HASH_ARRAY, HASH_OBJECT };

/* Two hashes under seeds that have nothing in common. */
static struct hash hash(int kind, const void *data, size_t len) {
    uint64_t seed = (uint64_t)kind;

    return (struct hash){xkv__xxh64(data, len, seed), xkv__xxh64(data, len, ~seed << 32 | seed)};
}

static bool same_hash(struct hash a, struct hash b) {
    return a.high == b.high && a.low == b.low;
}

static int compare_hashes(const struct hash *a, const struct hash *b) {
    if (a->high != b->high)
        return a->high < b->high ? -1 : 1;
    return (a->low > b->low) - (a->low < b->low);
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

static bool push_member(struct reader *reader, struct hash name) {
    void *members = reader->members;

    if (!make_room(reader, &members, reader->count, &reader->room, sizeof *reader->members))
        return false;
    reader->members = members;
    reader->members[reader->count] = (struct member){.name = name, .index = reader->count};
    reader->count++;
    return true;
}

static bool push_frame(struct reader *reader, bool is_object) {
    void *frames = reader->frames;

    if (!make_room(reader, &frames, reader->depth, &reader->frames_room, sizeof *reader->frames))
        return false;
    reader->frames = frames;
    reader->frames[reader->depth++] = (struct frame){is_object, reader->count, {0, 0}};
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

static bool take_text(struct reader *reader, struct hash *out) {
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
        long c = xkv__json_escape(&reader->at, reader->end);
        if (c < 0)
            return false;
        end = xkv__put_utf8(end, c);
    }
    if (reader->at == reader->end)
        return false;
    reader->at++;
    *out = hash(HASH_TEXT, reader->text, (size_t)(end - reader->text));
    return true;
}

static double value_of(const char *text) {
    double value = xkv__read_double(text);
    return value == 0 ? 0 : value; /* -0 is 0 */
}

static bool take_number(struct reader *reader, struct hash *out) {
    const unsigned char *first = reader->at;

    reader->at = xkv__json_number(first, reader->end);
    if (!reader->at)
        return false;
    size_t len = (size_t)(reader->at - first);
    memcpy(reader->text, first, len);
    reader->text[len] = '\0';
    double value = value_of((char *)reader->text);
    *out = hash(HASH_NUMBER, &value, sizeof value);
    return true;
}

static bool take_literal(struct reader *reader, struct hash *out) {
    static const char *const words[] = {"null", "true", "false"};

    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(words[i]);
        if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, words[i], len) != 0)
            continue;
        reader->at += len;
        *out = hash(HASH_LITERAL, words[i], len);
        return true;
    }
    return false;
}

static bool take_scalar(struct reader *reader, struct hash *out) {
    unsigned char c = next(reader);

    if (c == '"')
        return take_text(reader, out);
    if (c == '-' || (c >= '0' && c <= '9'))
        return take_number(reader, out);
    return take_literal(reader, out);
}

/* -- Arrays and objects ------------------------------------------------------ */

static int compare_members(const void *a, const void *b) {
    const struct member *one = a, *other = b;
    int order = compare_hashes(&one->name, &other->name);

    return order ? order : (one->index > other->index) - (one->index < other->index);
}

/* The hash of two hashes. */
static struct hash join(int kind, struct hash a, struct hash b) {
    struct hash both[2] = {a, b};
    return hash(kind, both, sizeof both);
}

/* Of the members of an object, sorted by name; of those with one name, of the last. */
static struct hash hash_members(struct member *members, size_t count) {
    struct hash all = {0, 0};

    qsort(members, count, sizeof *members, compare_members);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && same_hash(members[i].name, members[i + 1].name))
            continue;
        all = join(HASH_OBJECT, all, join(HASH_OBJECT, members[i].name, members[i].value));
    }
    return all;
}

static struct frame *innermost(struct reader *reader) {
    return reader->depth > 0 ? &reader->frames[reader->depth - 1] : NULL;
}

/* Makes one value of the innermost open array or object. */
static struct hash finish(struct reader *reader) {
    struct frame *frame = innermost(reader);
    struct hash all = frame->elements;

    if (reader->count > frame->first) /* only objects have members */
        all = hash_members(reader->members + frame->first, reader->count - frame->first);
    reader->count = frame->first;
    reader->depth--;
    return join(frame->is_object ? HASH_OBJECT : HASH_ARRAY, all, (struct hash){0, 0});
}

/* The name of a member, and the colon behind it; nothing in an array. */
static bool begin_place(struct reader *reader) {
    const struct frame *frame = innermost(reader);
    struct hash name;

    if (!frame || !frame->is_object)
        return true;
    return next(reader) == '"' && take_text(reader, &name) && take(reader, ':') &&
           push_member(reader, name);
}

/* Puts a value where it belongs; false if it is the outermost. */
static bool place(struct reader *reader, struct hash value) {
    struct frame *frame = innermost(reader);

    if (!frame)
        return false;
    if (frame->is_object)
        reader->members[reader->count - 1].value = value;
    else
        frame->elements = join(HASH_ARRAY, frame->elements, value);
    return true;
}

/* Begins an array or object; an empty one is complete at once. */
static bool begin(struct reader *reader, bool *complete, struct hash *value) {
    bool is_object = *reader->at++ == '{';

    if (!push_frame(reader, is_object))
        return false;
    *complete = take(reader, is_object ? '}' : ']');
    if (*complete)
        *value = finish(reader);
    return true;
}

/* Reads a value up to where the next one begins: all of it, or the bracket. */
static bool read_value(struct reader *reader, bool *complete, struct hash *value) {
    unsigned char c = next(reader);

    *complete = true;
    if (c == '{' || c == '[')
        return begin(reader, complete, value);
    return take_scalar(reader, value);
}

/* After a value: closes what ends here. *done when nothing is open any more;
 * then *value is all. */
static bool go_on(struct reader *reader, struct hash *value, bool *done) {
    while (place(reader, *value)) {
        *done = false;
        if (take(reader, ','))
            return true;
        if (!take(reader, innermost(reader)->is_object ? '}' : ']'))
            return false;
        *value = finish(reader);
    }
    *done = true;
    return true;
}

static bool read_all(struct reader *reader, struct hash *out) {
    bool complete, done = false;

    while (!done) {
        if (!begin_place(reader) || !read_value(reader, &complete, out))
            return false;
        if (complete && !go_on(reader, out, &done))
            return false;
    }
    return next(reader) == 0 && reader->at == reader->end;
}

/* *valid: whether it is JSON, and *used how much of it was read. XKV_OK or XKV_E_STORE_FULL. */
static int hash_json(xkv_bytes json, struct hash *out, bool *valid, size_t *used) {
    struct reader reader = {.at = json.len > 0 ? json.data : ""};

    const unsigned char *start = reader.at;
    reader.end = reader.at + json.len;
    reader.text = xkv__alloc(json.len + 1); /* no text grows by losing its escapes */
    reader.out_of_memory = !reader.text;
    *valid = reader.text && read_all(&reader, out);
    *used = (size_t)(reader.at - start);
    xkv__free(reader.text);
    xkv__free(reader.members);
    xkv__free(reader.frames);
    return reader.out_of_memory ? XKV_E_STORE_FULL : XKV_OK;
}

int xkv__json_equal(xkv_bytes a, xkv_bytes b, bool *equal) {
    struct hash one, other;
    size_t used;
    bool valid;

    *equal = xkv__compare(a, b) == 0;
    if (*equal)
        return XKV_OK;
    int error = hash_json(a, &one, &valid, &used);
    if (error != XKV_OK || !valid)
        return error;
    error = hash_json(b, &other, &valid, &used);
    if (error == XKV_OK && valid)
        *equal = same_hash(one, other);
    return error;
}

int xkv_check_json(xkv_bytes text, size_t *at) {
    struct hash meaning;
    bool valid;
    int error = hash_json(text, &meaning, &valid, at);

    return error == XKV_OK && !valid ? XKV_E_VALUE_PARSE : error;
}
