/* single.c - get, set, delete, exists */
#include "runs.h"

#include "print.h"
#include "session.h"
#include "terminal.h"

#include <stdlib.h>

/* -- Reading one key ---------------------------------------------------------------- */

/* Text has the end of its last line behind it, as a file of text has; bytes on their way to
 * another program are what they are. */
static int print_value(const struct session *session, xkv_bytes value) {
    enum care care = care_for(stdout, LINES);

    if (!has(session->call, OPTION_RAW) || session->serialization != XKV_JSON)
        print_bytes(stdout, value, care);
    else if (!print_json_string_text(stdout, value, care))
        print_bytes(stdout, value, care);
    if (session->serialization != XKV_BINARY || care != AS_IT_IS)
        putchar('\n');
    return DONE;
}

int run_get(const struct call *call) {
    xkv_command get = {.op = XKV_OP_GET, .key = xkv_text(call->words[1])};
    struct session session;
    int code = session_open(&session, call, READING);

    if (code != DONE)
        return code;
    code = session_run(&session, &get);
    if (code == DONE)
        code = print_value(&session, (xkv_bytes){session.reply.data, session.reply.len});
    return session_close(&session, code);
}

int run_exists(const struct call *call) {
    xkv_command exists = {.op = XKV_OP_EXISTS, .key = xkv_text(call->words[1])};
    struct session session;
    int code = session_open(&session, call, READING);

    if (code != DONE)
        return code;
    code = session_run(&session, &exists);
    if (code == DONE) {
        puts(session.reply.number ? "true" : "false");
        code = session.reply.number ? DONE : NOT_FOUND;
    }
    return session_close(&session, code);
}

int run_delete(const struct call *call) {
    xkv_command delete = {.op = XKV_OP_DELETE, .key = xkv_text(call->words[1])};
    struct session session;
    int code = session_open(&session, call, CHANGING);

    if (code != DONE)
        return code;
    code = session_run(&session, &delete);
    if (code == DONE && session.reply.number == 0) {
        fputs("xkv: the key \"", stderr);
        print_bytes(stderr, delete.key, care_for(stderr, CELLS));
        fputs("\" does not exist\n", stderr);
        code = NOT_FOUND;
    }
    return session_close(&session, code);
}

/* -- Writing one key ---------------------------------------------------------------- */

/* A value on its way into a store. */
struct value {
    char *bytes; /* to be freed */
    size_t len, room;
};

static int no_memory(void) {
    return fail(STORE_FAILED, "there is not enough memory for the value");
}

static bool make_room(struct value *value, size_t more) {
    if (value->room - value->len > more)
        return true;
    size_t room = (value->len + more) * 2;
    char *bytes = realloc(value->bytes, room);
    if (!bytes)
        return false;
    value->bytes = bytes;
    value->room = room;
    return true;
}

static bool append(struct value *value, const char *bytes, size_t len) {
    if (!make_room(value, len))
        return false;
    memcpy(value->bytes + value->len, bytes, len);
    value->len += len;
    return true;
}

static int read_input(struct value *value) {
    do {
        if (value->len > XKV_VALUE_MAX)
            return fail(STORE_FAILED, "the input is longer than a value may be, %u bytes",
                        XKV_VALUE_MAX);
        if (!make_room(value, 1 << 16))
            return no_memory();
        value->len += fread(value->bytes + value->len, 1, 1 << 16, stdin);
    } while (!feof(stdin) && !ferror(stdin));
    return ferror(stdin) ? fail(STORE_FAILED, "the input cannot be read") : DONE;
}

/* What get has printed comes back as it was: without the end of the last line, unless it is
 * bytes. */
static int take_value(struct value *value, const char *word, int serialization) {
    int code = DONE;

    if (strcmp(word, "-") != 0)
        return append(value, word, strlen(word)) ? DONE : no_memory();
    code = read_input(value);
    if (code == DONE && serialization != XKV_BINARY && value->len > 0 &&
        value->bytes[value->len - 1] == '\n')
        value->len--;
    return code;
}

/* The text as a JSON string. */
static bool quote(struct value *value) {
    struct value quoted = {NULL, 0, 0};
    bool good = append(&quoted, "\"", 1);
    char escape[8];

    for (size_t i = 0; i < value->len && good; i++) {
        unsigned char c = (unsigned char)value->bytes[i];
        if (c < 0x20)
            good = append(&quoted, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
        else
            good = (c != '"' && c != '\\') || append(&quoted, "\\", 1);
        if (good && c >= 0x20)
            good = append(&quoted, value->bytes + i, 1);
    }
    good = good && append(&quoted, "\"", 1);
    free(value->bytes);
    *value = quoted;
    return good;
}

/* A json store takes it for granted that values are JSON, so it is seen to here. */
static int check_value(const struct session *session, struct value *value) {
    size_t at;

    if (session->serialization != XKV_JSON)
        return has(session->call, OPTION_STRING)
                   ? fail(BAD_USAGE, "--string is for json stores; this one holds %s",
                          session->serialization == XKV_STRING ? "text" : "bytes")
                   : DONE;
    if (has(session->call, OPTION_STRING))
        return quote(value) ? DONE : no_memory();
    int error = xkv_check_json((xkv_bytes){value->bytes, value->len}, &at);
    if (error == XKV_E_STORE_FULL)
        return no_memory();
    if (error != XKV_OK)
        return fail(BAD_USAGE,
                    "the value is not JSON from its byte %zu on, and the store holds JSON; quote "
                    "text as '\"text\"', or use --string",
                    at + 1);
    return DONE;
}

int run_set(const struct call *call) {
    xkv_command set = {.op = XKV_OP_SET, .key = xkv_text(call->words[1])};
    struct value value = {NULL, 0, 0};
    struct session session;
    int code = session_open(&session, call, CREATING);

    if (code != DONE)
        return code;
    code = take_value(&value, call->words[2], session.serialization);
    if (code == DONE)
        code = check_value(&session, &value);
    set.value = (xkv_bytes){value.bytes, value.len};
    if (code == DONE)
        code = session_run(&session, &set);
    free(value.bytes);
    return session_close(&session, code);
}
