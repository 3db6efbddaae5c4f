/* session.c - see session.h */
#include "session.h"

#include "terminal.h"

#include <stdlib.h>

/* -- Messages --------------------------------------------------------------------- */

/* What scripts do by an option is done by another one here. */
static const struct {
    const char *there, *here;
} words[] = {
    {"wait longer with disk.timeout, or open with disk.readOnly", "or let xkv wait with --wait"},
    {"disk.timeout allows for", "--wait allows for"},
    {"the store was opened with disk.readOnly", "the store was opened for reading"},
    {", and disk.readOnly does not create one", ""},
    {"the column that includeKey writes; leave one of them out", "which --no-key leaves out"},
    {", by redis.passwordEnv, or in the url", ", or in the URL"},
    {"open it with that", "give that with --serialization"},
    {", and who only reads makes none", "; --name tells which, and xkv set makes one"},
};

/* Prints a message of the library in the words of this tool. */
static void print_message(const char *message) {
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const char *at = strstr(message, words[i].there);
        if (!at)
            continue;
        fprintf(stderr, "xkv: %.*s%s%s\n", (int)(at - message), message, words[i].here,
                at + strlen(words[i].there));
        return;
    }
    fprintf(stderr, "xkv: %s\n", message);
}

int fail_store(const char *message) {
    fflush(stdout);
    print_message(message);
    return STORE_FAILED;
}

/* -- Opening ---------------------------------------------------------------------- */

enum { DAY_MS = 24 * 60 * 60 * 1000 };

static int serialization_of(const struct call *call) {
    int serialization = XKV_BINARY;

    if (!has(call, OPTION_SERIALIZATION))
        return XKV_ANY;
    while (strcmp(xkv_serialization_name(serialization), call->texts[OPTION_SERIALIZATION]) != 0)
        serialization--;
    return serialization;
}

/* What leads to a server; redis: alone is where the environment says. */
static bool is_on_server(const char *store) {
    static const char *const starts[] = {
        "redis:", "rediss:", "valkey:", "valkeys:", "unix://", "redis+", "rediss+"};

    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if (strncmp(store, starts[i], strlen(starts[i])) == 0)
            return true;
    }
    return false;
}

const char *shown_store(const char *store) {
    static char shown[300];
    const char *at = strrchr(store, '@'), *host = strstr(store, "://");

    if (!is_on_server(store) || !at || !host || at < host)
        return store;
    snprintf(shown, sizeof shown, "%.*s%s", (int)(host + 3 - store), store, at + 1);
    return shown;
}

static void lead_to_server(xkv_options *options, const struct call *call, const char *url) {
    options->backend = XKV_BACKEND_REDIS;
    options->path = NULL;
    options->url = strcmp(url, "redis:") == 0 ? NULL : url;
    options->redis_partitions = XKV_ANY;
    if (has(call, OPTION_WAIT))
        options->redis_timeout_ms = options->timeout_ms;
}

static xkv_options options_for(const struct call *call, const char *path, bool read_only) {
    xkv_options options;

    xkv_options_init(&options);
    options.path = path;
    options.serialization = serialization_of(call);
    options.read_only = read_only;
    if (has(call, OPTION_WAIT))
        options.timeout_ms = call->texts[OPTION_WAIT] ? call->numbers[OPTION_WAIT] : DAY_MS;
    if (has(call, OPTION_NAME) && path == call->words[0])
        options.name = call->texts[OPTION_NAME];
    if (path && is_on_server(path))
        lead_to_server(&options, call, path);
    return options;
}

static int open_as(const xkv_options *options, xkv_store **store) {
    char message[XKV_MESSAGE_SIZE];

    if (xkv_open(options, store, message, sizeof message) == XKV_OK)
        return DONE;
    print_message(message);
    return STORE_FAILED;
}

/* A store that is opened for writing is made if it is not there, so what must be there is
 * opened for reading first. */
static int must_exist(const struct call *call) {
    xkv_options options = options_for(call, call->words[0], true);
    xkv_store *store;
    int code = open_as(&options, &store);

    xkv_close(store);
    return code;
}

bool session_would_create(const struct call *call) {
    xkv_options options = options_for(call, call->words[0], true);
    xkv_store *store;

    options.serialization = XKV_ANY;
    int error = xkv_open(&options, &store, NULL, 0);
    xkv_close(store);
    return error != XKV_OK;
}

bool can_be_read(const char *name) {
    FILE *file = strstr(name, ":/") ? stdin : terminal_open(name);

    if (file && file != stdin)
        fclose(file);
    return file != NULL;
}

static void begin(struct session *session, const struct call *call) {
    *session = (struct session){.call = call};
    xkv_reply_init(&session->reply, NULL, 0);
    xkv_set_notice(print_message);
}

static int open_with(struct session *session, const xkv_options *options) {
    int code = open_as(options, &session->store);

    if (code == DONE)
        session->serialization = xkv_store_options(session->store)->serialization;
    return code;
}

int session_open(struct session *session, const struct call *call, enum purpose purpose) {
    xkv_options options = options_for(call, call->words[0], purpose == READING);
    int code = purpose == CHANGING ? must_exist(call) : DONE;

    begin(session, call);
    session->is_new =
        purpose == CREATING && !is_on_server(call->words[0]) && !can_be_read(call->words[0]);
    return code == DONE ? open_with(session, &options) : code;
}

int session_open_source(struct session *session, const struct call *call) {
    xkv_options options = options_for(call, call->words[1], true);
    xkv_command restore = {.op = XKV_OP_RESTORE, .file_name = xkv_text(call->words[1])};

    begin(session, call);
    options.serialization = XKV_ANY;
    if (xkv_open(&options, &session->store, NULL, 0) == XKV_OK) {
        session->serialization = xkv_store_options(session->store)->serialization;
        return DONE;
    }
    options = options_for(call, NULL, false);
    options.backend = XKV_BACKEND_MEMORY;
    int code = open_with(session, &options);
    if (code == DONE)
        code = session_run(session, &restore);
    return code == DONE ? DONE : session_close(session, code);
}

int session_open_new(struct session *session, const struct call *call, const char *path,
                     int serialization) {
    xkv_options options = options_for(call, path, false);

    begin(session, call);
    if (path && can_be_read(path))
        return fail(STORE_FAILED, "\"%s\" is there already; give another name", path);
    session->is_new = path != NULL;
    options.serialization = serialization;
    options.backend = path ? XKV_BACKEND_DISK : XKV_BACKEND_MEMORY;
    return open_with(session, &options);
}

int finish_output(int code) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    return fail(STORE_FAILED, "the output cannot be written: see to room on the disk, and to the "
                              "program that reads it");
}

/* Its files go while it is held: nobody else can have written to it. */
static void remove_if_empty(struct session *session) {
    const xkv_command size = {.op = XKV_OP_SIZE};
    const char *path = xkv_store_options(session->store)->path;
    size_t room = strlen(path) + sizeof "-lock";
    char *lock = malloc(room);

    if (lock && xkv_exec(session->store, &size, &session->reply) == XKV_OK &&
        session->reply.number == 0) {
        snprintf(lock, room, "%s-lock", path);
        remove(path);
        remove(lock);
    }
    free(lock);
}

int session_close(struct session *session, int code) {
    if (session->store && session->is_new && code != DONE && code != NOT_FOUND)
        remove_if_empty(session);
    xkv_reply_clear(&session->reply);
    xkv_close(session->store);
    return finish_output(code);
}

/* -- Running ---------------------------------------------------------------------- */

/* The words of a reply that failed, without the name of the operation, which is the script's. */
static xkv_bytes words_of(const xkv_reply *reply, int op) {
    const char *name = xkv_op_describe(op)->name, *text = reply->data;
    size_t len = strlen(name);

    if (reply->len > len + 2 && memcmp(text, name, len) == 0 && memcmp(text + len, ": ", 2) == 0)
        return (xkv_bytes){text + len + 2, reply->len - len - 2};
    return (xkv_bytes){text, reply->len};
}

int session_run(struct session *session, const xkv_command *command) {
    xkv_reply *reply = &session->reply;
    char message[XKV_MESSAGE_SIZE];
    int error = xkv_exec(session->store, command, reply);

    if (error == XKV_OK)
        return DONE;
    xkv_bytes why = words_of(reply, command->op);
    snprintf(message, sizeof message, "%.*s", (int)why.len, (const char *)why.data);
    print_message(message);
    return error == XKV_E_KEY_NOT_FOUND     ? NOT_FOUND
           : error == XKV_E_INVALID_OPTIONS ? BAD_USAGE
                                            : STORE_FAILED;
}
