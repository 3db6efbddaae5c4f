/*
 * jsonl.c - lines of JSON, each an object with a key and a value
 *
 * In a store of JSON the value is any JSON, and its text is kept byte for byte. In one of strings
 * it is a string, and what that means is kept. In one of bytes it is a string, of base64.
 */
#include "base/base64.h"
#include "base/text.h"
#include "formats/foreign.h"
#include "formats/json_text.h"
#include "formats/reader.h"

/* -- Lines ------------------------------------------------------------------- */

/* Where in a line something is wrong. */
static void point_to(xkv__taken *taken, xkv_bytes line, const void *at) {
    taken->place.column =
        (uint64_t)((const unsigned char *)at - (const unsigned char *)line.data) + 1;
}

static xkv__step bad_json(const xkv__json *json, xkv_bytes line, xkv__taken *taken) {
    point_to(taken, line, json->at);
    return xkv__reader_bad(taken, "it is not JSON: %s", json->flaw);
}

/* The line at the beginning of bytes, without its end; *used: with it. A little more than
 * a record may have is looked at, and never twice. */
static xkv__step find_line(xkv__reader *reader, xkv_bytes bytes, bool at_end, xkv_bytes *line,
                           size_t *used) {
    const unsigned char *data = bytes.data, *end = NULL;
    bool too_long = bytes.len > XKV__RECORD_MAX + 2; /* 2: CR and LF */
    size_t len = too_long ? XKV__RECORD_MAX + 2 : bytes.len;

    if (len > reader->scanned)
        end = memchr(data + reader->scanned, '\n', len - reader->scanned);
    reader->scanned = end ? 0 : len;
    if (!end && !too_long && !at_end)
        return XKV__MORE;
    if (len == 0)
        return XKV__OVER;
    *used = end ? (size_t)(end - data) + 1 : len;
    *line = (xkv_bytes){data, end ? *used - 1 : len};
    if (line->len > 0 && data[line->len - 1] == '\r')
        line->len--;
    return XKV__ONE;
}

static bool is_blank(xkv_bytes line) {
    const unsigned char *at = line.data, *end = at + line.len;

    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
        at++;
    return at == end;
}

/* -- Reading ----------------------------------------------------------------- */

/* The two members as they are written; without data as long as they have not come. */
struct line_members {
    xkv_bytes key, value;
};

/* Where a member belongs; NULL: nowhere. */
static inline xkv_bytes *place_called(xkv_bytes name, struct line_members *members) {
    if (name.len == 3 && memcmp(name.data, "key", 3) == 0)
        return &members->key;
    if (name.len == 5 && memcmp(name.data, "value", 5) == 0)
        return &members->value;
    return NULL;
}

/* Puts a member there. Most names mean themselves. */
static xkv__step take_member(xkv__reader *reader, const xkv__member *member,
                             struct line_members *members, xkv__taken *taken) {
    char quoted[XKV__QUOTE_SIZE];
    xkv_bytes name = member->name;

    xkv_bytes *place = place_called(name, members);
    reader->text.len = 0;
    if (!place && !xkv__json_meaning(member->name, &reader->text, &name) &&
        reader->text.error != XKV_OK)
        return xkv__reader_error(taken, reader->text.error);
    if (!place)
        place = place_called(name, members);
    if (!place)
        return xkv__reader_bad(taken, "the member %s is neither \"key\" nor \"value\"",
                               xkv__quote(name, quoted));
    if (place->data)
        return xkv__reader_bad(taken, "there is a second member %s", xkv__quote(name, quoted));
    *place = member->value;
    return XKV__ONE;
}

static xkv__step take_members(xkv__reader *reader, xkv_bytes line, struct line_members *members,
                              xkv__taken *taken) {
    xkv__json json = xkv__json_on(line);
    xkv__member member = {{NULL, 0}, {NULL, 0}};

    if (!xkv__json_object(&json)) {
        point_to(taken, line, json.at);
        return xkv__reader_bad(taken, "a line must be an object {\"key\": …, \"value\": …}");
    }
    while (xkv__json_member(&json, &member)) {
        point_to(taken, line, (const unsigned char *)member.name.data - 1);
        if (take_member(reader, &member, members, taken) != XKV__ONE)
            return XKV__BAD;
    }
    if (json.flaw || !xkv__json_over(&json))
        return bad_json(&json, line, taken);
    point_to(taken, line, json.end);
    if (!members->key.data || !members->value.data)
        return xkv__reader_bad(taken, "the member \"%s\" is missing",
                               members->key.data ? "value" : "key");
    return XKV__ONE;
}

/* What a string means, which is called so in messages. */
static xkv__step take_text(xkv_bytes json, const char *called, xkv__buffer *buffer, xkv_bytes *text,
                           xkv__taken *taken) {
    xkv_bytes inside;

    if (!xkv__json_is_string(json, &inside))
        return xkv__reader_bad(taken, "the %s must be a string", called);
    buffer->len = 0;
    if (xkv__json_meaning(inside, buffer, text))
        return XKV__ONE;
    if (buffer->error != XKV_OK)
        return xkv__reader_error(taken, buffer->error);
    return xkv__reader_bad(taken, "the %s has one half of a surrogate pair, which is no character",
                           called);
}

static xkv__step take_key(xkv__reader *reader, xkv_bytes json, xkv__taken *taken) {
    xkv_bytes key;

    if (take_text(json, "key", &reader->text, &key, taken) != XKV__ONE)
        return XKV__BAD;
    return xkv__reader_key(reader, key, taken);
}

/* Makes bytes of what is base64 so far. */
static xkv__step take_base64(xkv__reader *reader, xkv__taken *taken) {
    xkv__buffer *buffer = &reader->value;

    buffer->len = 0;
    unsigned char *out = xkv__buffer_reserve(buffer, taken->value.len / 4 * 3);
    if (!out)
        return xkv__reader_error(taken, buffer->error);
    if (!xkv__base64_read(taken->value, out, &buffer->len))
        return xkv__reader_bad(
            taken, "the value must be base64, of the standard alphabet and with padding");
    taken->value = xkv__buffer_bytes(buffer);
    return XKV__ONE;
}

static xkv__step take_value(xkv__reader *reader, xkv_bytes json, xkv__taken *taken) {
    int serialization = reader->layout.serialization;

    taken->value = json;
    if (serialization == XKV_JSON)
        return XKV__ONE;
    if (take_text(json, "value", &reader->value, &taken->value, taken) != XKV__ONE)
        return XKV__BAD;
    return serialization == XKV_STRING ? XKV__ONE : take_base64(reader, taken);
}

static xkv__step take_line(xkv__reader *reader, xkv_bytes line, xkv__taken *taken) {
    struct line_members members = {{NULL, 0}, {NULL, 0}};

    taken->place = (xkv__place){reader->line, 1, ++reader->record};
    if (line.len > XKV__RECORD_MAX)
        return xkv__reader_bad(taken, "the line is longer than %d bytes", XKV__RECORD_MAX);
    if (take_members(reader, line, &members, taken) != XKV__ONE)
        return XKV__BAD;
    point_to(taken, line, members.key.data);
    if (take_key(reader, members.key, taken) != XKV__ONE)
        return XKV__BAD;
    point_to(taken, line, members.value.data);
    xkv__step step = take_value(reader, members.value, taken);
    if (step == XKV__ONE)
        taken->place.column = 1;
    return step;
}

static xkv__step jsonl_next(xkv__reader *reader, xkv_bytes bytes, bool at_end, xkv__taken *taken) {
    const unsigned char *data = bytes.data;
    xkv_bytes line = {NULL, 0};
    size_t at = 0;

    *taken = (xkv__taken){.used = 0};
    xkv__step step = xkv__reader_begin(reader, bytes, at_end, &at, taken);
    while (step == XKV__ONE) {
        size_t used = 0;
        xkv_bytes rest = {at > 0 ? data + at : data, bytes.len - at};
        step = find_line(reader, rest, at_end, &line, &used);
        if (step != XKV__ONE)
            break;
        at += used;
        bool blank = is_blank(line);
        if (!blank)
            step = take_line(reader, line, taken);
        reader->line++;
        if (!blank)
            break;
    }
    taken->used = at;
    return step;
}

static xkv__reader *jsonl_new(const xkv__layout *layout) {
    return xkv__reader_new(layout, sizeof(xkv__reader));
}

/* -- Writing ----------------------------------------------------------------- */

static int jsonl_check(const xkv__layout *layout) {
    (void)layout;
    return XKV_OK;
}

static int jsonl_head(const xkv__layout *layout, xkv__buffer *out) {
    (void)layout;
    return out->error;
}

/* A line is a line: line ends can only stand in white space, and become spaces. */
static void put_json(xkv_bytes value, xkv__buffer *out) {
    size_t from = out->len;

    xkv__buffer_append(out, value.data, value.len);
    for (size_t i = from; i < out->len; i++) {
        if (out->data[i] == '\n' || out->data[i] == '\r')
            out->data[i] = ' ';
    }
}

static void put_base64(xkv_bytes value, xkv__buffer *out) {
    size_t len = xkv__base64_len(value.len);
    unsigned char *at = xkv__buffer_reserve(out, len + 2);

    if (!at)
        return;
    at[0] = at[len + 1] = '"';
    xkv__base64_write(value, at + 1);
    out->len += len + 2;
}

static int put_value(int serialization, xkv_bytes key, xkv_bytes value, xkv__buffer *out) {
    xkv__json json;

    if (serialization == XKV_BINARY) {
        put_base64(value, out);
        return out->error;
    }
    if (serialization == XKV_JSON) {
        if (!xkv__json_valid(value, &json))
            return xkv__foreign_value(key, "not JSON");
        put_json(value, out);
        return out->error;
    }
    if (!xkv__is_utf8(value))
        return xkv__foreign_value(key, "not UTF-8");
    xkv__json_quote(value, out);
    return out->error;
}

static int jsonl_entry(const xkv__layout *layout, xkv_bytes key, xkv_bytes value,
                       xkv__buffer *out) {
    size_t before = out->len;

    if (!xkv__is_utf8(key))
        return xkv__foreign_key(key);
    xkv__buffer_append(out, "{\"key\":", 7);
    xkv__json_quote(key, out);
    xkv__buffer_append(out, ",\"value\":", 9);
    int error = put_value(layout->serialization, key, value, out);
    xkv__buffer_append(out, "}\n", 2);
    if (error == XKV_OK)
        error = out->error;
    if (error != XKV_OK)
        out->len = before;
    return error;
}

const xkv__format xkv__jsonl = {
    .name = "JSONL",
    .count = "records",
    .new = jsonl_new,
    .next = jsonl_next,
    .free = xkv__reader_free,
    .check = jsonl_check,
    .head = jsonl_head,
    .entry = jsonl_entry,
};
