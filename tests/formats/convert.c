/*
 * convert.c - the readers and writers of files as a filter, for oracle.py
 *
 *   convert read FORMAT [SETTING=VALUE…]    entries from a file: an array [key, value] of JSON for
 * each convert write FORMAT [SETTING=VALUE…]   a file from JSONL of a store of JSON convert valid
 * for each line 1 if it is JSON, else 0
 *
 * FORMAT is jsonl or csv. What cannot be read or written goes to stderr, and is exit status 1.
 */
#include "../formats.h"

#include "command/items.h"
#include "formats/json_text.h"

static struct text all_of_stdin(void) {
    struct text text = {NULL, 0, 0};
    char piece[4096];
    size_t len;

    while ((len = fread(piece, 1, sizeof piece, stdin)) > 0)
        text_add(&text, piece, len);
    return text;
}

static void put(xkv__buffer *out) {
    MUST(out->error == XKV_OK);
    MUST(out->len == 0 || fwrite(out->data, 1, out->len, stdout) == out->len);
    out->len = 0;
}

static int complain(int error) {
    fprintf(stderr, "%s: %s\n", xkv_error_name(error), xkv__reason(error));
    return 1;
}

/* -- Settings ---------------------------------------------------------------- */

/* Items of names with a comma between; none of them has one itself. */
static xkv__columns *columns_of(const char *names) {
    static xkv_reply reply;
    xkv__writer writer = xkv__writer_on(&reply);

    for (const char *at = names; *at;) {
        size_t len = strcspn(at, ",");
        xkv__put_text(&writer, NULL, bytes_of(at, len));
        at += len + (at[len] == ',');
    }
    xkv__columns *columns = xkv__columns_new(bytes_of(reply.data, reply.len));
    MUST(columns);
    return columns;
}

static void set(xkv__layout *layout, const char *setting) {
    const char *value = strchr(setting, '=') + 1;

    if (strncmp(setting, "delimiter", 9) == 0)
        layout->delimiter = xkv_text(value);
    else if (strncmp(setting, "types", 5) == 0)
        layout->types = *value == '1';
    else if (strncmp(setting, "header", 6) == 0)
        layout->no_header = *value == '0';
    else if (strncmp(setting, "serialization", 13) == 0)
        layout->serialization = *value - '0';
    else if (strncmp(setting, "columns", 7) == 0)
        layout->columns = columns_of(value);
    else
        MUST(!"a setting that is known");
}

/* -- Commands ---------------------------------------------------------------- */

/* A value as JSON: text of JSON as it is, others quoted; bytes must be UTF-8. */
static void print_entry(const xkv__taken *taken, bool is_json, xkv__buffer *out) {
    xkv__buffer_append_byte(out, '[');
    xkv__json_quote(taken->key, out);
    xkv__buffer_append_byte(out, ',');
    if (is_json)
        xkv__buffer_append(out, taken->value.data, taken->value.len);
    else
        xkv__json_quote(taken->value, out);
    xkv__buffer_append(out, "]\n", 2);
    put(out);
}

static int run_read(const xkv__format *format, const xkv__layout *layout, xkv_bytes file) {
    struct feed feed = {file, 0, 0, 777};
    xkv__reader *reader = format->new (layout);
    xkv__buffer out = {NULL, 0, 0, XKV_OK};
    unsigned char *bytes = NULL;
    xkv__taken taken;
    xkv__step step;

    MUST(reader);
    while ((step = feed_step(format, reader, &feed, &bytes, &taken)) == XKV__ONE)
        print_entry(&taken, format == &xkv__csv || layout->serialization == XKV_JSON, &out);
    int status = step == XKV__BAD ? complain(taken.error) : 0;
    format->free(reader);
    xkv__buffer_free(&out);
    free(bytes);
    return status;
}

static int run_write(const xkv__format *format, const xkv__layout *layout, xkv_bytes file) {
    const xkv__layout source = {.serialization = layout->serialization};
    struct feed feed = {file, 0, 0, 0};
    xkv__reader *reader = xkv__jsonl.new(&source);
    xkv__buffer out = {NULL, 0, 0, XKV_OK};
    unsigned char *bytes = NULL;
    xkv__taken taken;

    MUST(reader);
    int error = format->check(layout);
    if (error == XKV_OK)
        error = format->head(layout, &out);
    while (error == XKV_OK && feed_step(&xkv__jsonl, reader, &feed, &bytes, &taken) == XKV__ONE) {
        put(&out);
        error = format->entry(layout, taken.key, taken.value, &out);
    }
    put(&out);
    xkv__jsonl.free(reader);
    xkv__buffer_free(&out);
    free(bytes);
    return error == XKV_OK ? 0 : complain(error);
}

static int run_valid(xkv_bytes file) {
    const unsigned char *at = file.data, *end = at + file.len, *line_end;
    xkv__json json;

    for (; at < end && (line_end = memchr(at, '\n', (size_t)(end - at))); at = line_end + 1)
        puts(xkv__json_valid(bytes_of(at, (size_t)(line_end - at)), &json) ? "1" : "0");
    return 0;
}

int main(int argc, char **argv) {
    xkv__layout layout = {.include_key = true, .row_keys = true};

    if (argc < 2 || (strcmp(argv[1], "valid") != 0 && argc < 3)) {
        fprintf(stderr, "usage: convert read|write jsonl|csv [SETTING=VALUE...], convert valid\n");
        return 2;
    }
    struct text file = all_of_stdin();
    if (argc == 2)
        return run_valid(bytes_of(file.data, file.len));
    const xkv__format *format = strcmp(argv[2], "csv") == 0 ? &xkv__csv : &xkv__jsonl;
    for (int i = 3; i < argc; i++)
        set(&layout, argv[i]);
    if (!layout.columns)
        layout.columns = columns_of("");
    int status = strcmp(argv[1], "read") == 0
                     ? run_read(format, &layout, bytes_of(file.data, file.len))
                     : run_write(format, &layout, bytes_of(file.data, file.len));
    text_free(&file);
    return status;
}
