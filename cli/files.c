/*
 * files.c - import, export, backup, restore
 *
 * The library does it, but for the import of a store, which is a walk through one and writes to
 * another.
 */
#include "runs.h"

#include "batch.h"
#include "facts.h"
#include "files.h"
#include "print.h"
#include "progress.h"
#include "salvage.h"
#include "session.h"
#include "terminal.h"
#include "walk.h"

#include <ctype.h>
#include <inttypes.h>

/* -- Kinds of files --------------------------------------------------------------------- */

enum kind { CSV_FILE, JSONL_FILE, STORE_FILE, NO_KIND };

static const struct {
    const char *ending;
    enum kind kind;
} endings[] = {
    {".csv", CSV_FILE},      {".tsv", CSV_FILE},  {".jsonl", JSONL_FILE},
    {".ndjson", JSONL_FILE}, {".kv", STORE_FILE}, {".db", STORE_FILE},
};

static bool ends_with(const char *name, const char *ending) {
    size_t len = strlen(name), most = strlen(ending);

    for (size_t i = 0; i < most && len >= most; i++) {
        if (tolower((unsigned char)name[len - most + i]) != ending[i])
            return false;
    }
    return len >= most;
}

static enum kind kind_of(const char *name) {
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        if (ends_with(name, endings[i].ending))
            return endings[i].kind;
    }
    return NO_KIND;
}

#define CSV_ONLY                                                                                   \
    (HAS(KEY_COLUMN) | HAS(ROW_KEYS) | HAS(TYPES) | HAS(DELIMITER) | HAS(NO_HEADER) |              \
     HAS(COLUMNS) | HAS(NO_KEY))

/* Options that say something about CSV, of a file that is none. */
static int check_options(const struct call *call, enum kind kind) {
    for (int i = 0; i < OPTIONS_END && kind != CSV_FILE; i++) {
        if (call->given & CSV_ONLY & UINT64_C(1) << i)
            return fail_usage(call->command, "--%s is about CSV, and \"%s\" is another file",
                              options_table[i].name, call->words[1]);
    }
    return DONE;
}

/* Before a store is made for it. */
static int check_readable(const char *name) {
    if (can_be_read(name))
        return DONE;
    return fail(STORE_FAILED, "\"%s\" cannot be read: %s", name, terminal_reason());
}

/* -- What was done ---------------------------------------------------------------------- */

static void print_item(const xkv_item *item) {
    if (item->kind == XKV_ITEM_INTEGER)
        printf("%" PRId64, item->integer);
    else if (item->kind == XKV_ITEM_TEXT)
        print_json_text(stdout, item->text);
    else
        fputs(item->kind == XKV_ITEM_TRUE ? "true" : "false", stdout);
}

/* A reply that is one object without others in it. */
static void print_json_report(const xkv_reply *reply) {
    const char *before = "{";
    xkv_item item;
    size_t at = 0;

    while (xkv_item_next((xkv_bytes){reply->data, reply->len}, &at, &item)) {
        if (item.name.len == 0)
            continue;
        fputs(before, stdout);
        print_json_text(stdout, item.name);
        putchar(':');
        print_item(&item);
        before = ",";
    }
    puts("}");
}

/* "1000 entries imported from users.csv" */
static void print_sentence(const struct call *call, int64_t count, const char *what) {
    printf("%" PRId64 " %s %s ", count, count == 1 ? "entry" : "entries", what);
    print_bytes(stdout, xkv_text(call->words[1]), care_for(stdout, CELLS));
}

/* The first number of a reply is of entries, the second of bytes, if there is one. */
static void print_report(const struct session *session, const char *what) {
    const xkv_reply *reply = &session->reply;
    int64_t numbers[2] = {0, -1};
    char size[SIZE_TEXT];
    xkv_item item;
    size_t at = 0, count = 0;

    while (count < 2 && xkv_item_next((xkv_bytes){reply->data, reply->len}, &at, &item)) {
        if (item.kind == XKV_ITEM_INTEGER)
            numbers[count++] = item.integer;
    }
    print_sentence(session->call, numbers[0], what);
    printf(numbers[1] >= 0 ? ", %s\n" : "\n", size_text(numbers[1], size));
}

int files_tell(const struct call *call, int64_t count, const char *what) {
    if (has(call, OPTION_REPORT)) {
        printf("{\"%.*s\":%" PRId64 ",\"fileName\":", (int)strcspn(what, " "), what, count);
        print_json_text(stdout, xkv_text(call->words[1]));
        puts("}");
    } else {
        print_sentence(call, count, what);
        putchar('\n');
    }
    return DONE;
}

/* -- One command ------------------------------------------------------------------------ */

int files_run(struct session *session, xkv_command *command, const char *what) {
    command->file_name = xkv_text(session->call->words[1]);
    int code = session_run(session, command);
    progress_end();
    if (code == DONE && has(session->call, OPTION_REPORT))
        print_json_report(&session->reply);
    else if (code == DONE)
        print_report(session, what);
    return code;
}

/* Opens the store and runs a command that has to do with the file of a command line. */
static int run_on_file(const struct call *call, enum purpose purpose, xkv_command *command,
                       const char *what) {
    struct session session;

    progress_begin();
    int code = session_open(&session, call, purpose);
    if (code != DONE)
        return code;
    return session_close(&session, files_run(&session, command, what));
}

int run_backup(const struct call *call) {
    xkv_command backup = {.op = XKV_OP_BACKUP};

    return run_on_file(call, READING, &backup, "written to");
}

int run_restore(const struct call *call) {
    xkv_command restore = {.op = XKV_OP_RESTORE};
    int code = check_readable(call->words[1]);

    return code == DONE ? run_on_file(call, CREATING, &restore, "restored from") : code;
}

/* -- Text files ------------------------------------------------------------------------- */

/* A tab is hard to type. */
static xkv_bytes delimiter_of(const struct call *call) {
    xkv_bytes given = text_of(call, OPTION_DELIMITER);

    if (given.len == 0 && ends_with(call->words[1], ".tsv"))
        return xkv_text("\t");
    return given.len == 2 && memcmp(given.data, "\\t", 2) == 0 ? xkv_text("\t") : given;
}

/* The names between commas. */
static int add_columns(const struct call *call, xkv_items *columns) {
    const char *at = call->texts[OPTION_COLUMNS];

    for (size_t len; at; at = at[len] == ',' ? at + len + 1 : NULL) {
        len = strcspn(at, ",");
        if (xkv_items_add(columns, (xkv_bytes){at, len}, xkv_text("")) != XKV_OK)
            return fail(STORE_FAILED, "there is not enough memory");
    }
    return DONE;
}

/* Which files can be written: a store only where there is no other way to copy one. */
static int check_target(const struct call *call, enum kind kind) {
    bool salvages = has(call, OPTION_SALVAGE);

    if (kind == NO_KIND || (kind == STORE_FILE && !salvages))
        return fail_usage(call->command,
                          "\"%s\" does not end with .csv or .jsonl; xkv backup copies a store, and "
                          "xkv list prints to other programs",
                          call->words[1]);
    if (kind == STORE_FILE && (has(call, OPTION_PREFIX) || has(call, OPTION_LIMIT)))
        return fail_usage(call->command,
                          "all that can be read is saved in \"%s\", without a choice",
                          call->words[1]);
    if (has(call, OPTION_TAKE_AS) && !salvages)
        return fail_usage(call->command, "--serialization is for --salvage");
    if (kind == CSV_FILE && !has(call, OPTION_COLUMNS))
        return fail_usage(call->command, "CSV needs --columns, as --columns name,email");
    return DONE;
}

static int export(const struct call *call, enum kind kind, xkv_command *command) {
    if (!has(call, OPTION_SALVAGE))
        return run_on_file(call, READING, command, "exported to");
    progress_begin();
    return salvage(call, kind == STORE_FILE ? NULL : command);
}

int run_export(const struct call *call) {
    enum kind kind = kind_of(call->words[1]);
    xkv_command command = {.op = kind == CSV_FILE ? XKV_OP_EXPORT_CSV : XKV_OP_EXPORT_JSONL,
                           .prefix = text_of(call, OPTION_PREFIX),
                           .limit = call->numbers[OPTION_LIMIT],
                           .delimiter = delimiter_of(call),
                           .without_key = has(call, OPTION_NO_KEY)};
    xkv_items columns = {NULL, 0, 0};
    int code = check_options(call, kind);

    if (code == DONE)
        code = check_target(call, kind);
    if (code == DONE)
        code = add_columns(call, &columns);
    command.items = xkv_items_bytes(&columns);
    if (code == DONE)
        code = export(call, kind, &command);
    xkv_items_free(&columns);
    return code;
}

static int import_text(const struct call *call, enum kind kind) {
    xkv_command command = {.op = kind == CSV_FILE ? XKV_OP_IMPORT_CSV : XKV_OP_IMPORT_JSONL,
                           .prefix = text_of(call, OPTION_NEW_PREFIX),
                           .limit = call->numbers[OPTION_LIMIT],
                           .delimiter = delimiter_of(call),
                           .key_column = text_of(call, OPTION_KEY_COLUMN),
                           .row_keys = text_of(call, OPTION_ROW_KEYS),
                           .no_header = has(call, OPTION_NO_HEADER),
                           .types = has(call, OPTION_TYPES)};

    if (kind == CSV_FILE && has(call, OPTION_KEY_COLUMN) == has(call, OPTION_ROW_KEYS))
        return fail_usage(call->command, "CSV needs --key COLUMN, for keys from a column, or "
                                         "--keys row, for the numbers of the rows");
    return run_on_file(call, CREATING, &command, "imported from");
}

/* -- Stores ----------------------------------------------------------------------------- */

static int copy(struct session *from, struct session *to) {
    struct batch batch = batch_for(to, text_of(to->call, OPTION_NEW_PREFIX), to->call->words[1]);
    int code = walk(from, true, batch_take, &batch);

    if (code == DONE)
        code = batch_write(&batch);
    batch_free(&batch);
    progress_end();
    return code == DONE ? files_tell(to->call, batch.count, "imported from") : code;
}

static int import_into(struct session *from, const struct call *call) {
    struct session to;
    int code = session_open(&to, call, CREATING);

    if (code == DONE && to.serialization != from->serialization)
        code = fail(STORE_FAILED, "\"%s\" has serialization \"%s\", and \"%s\" has \"%s\"",
                    call->words[1], xkv_serialization_name(from->serialization),
                    shown_store(call->words[0]), xkv_serialization_name(to.serialization));
    if (code == DONE)
        code = copy(from, &to);
    return session_close(&to, code);
}

/* A new store is made for what the source holds, unless that was said. */
static int import_store(const struct call *call) {
    struct call target = *call;
    struct session from;
    int code = session_open_source(&from, call);

    if (code != DONE)
        return code;
    if (!has(call, OPTION_SERIALIZATION) && session_would_create(call)) {
        target.given |= HAS(SERIALIZATION);
        target.texts[OPTION_SERIALIZATION] = xkv_serialization_name(from.serialization);
    }
    return session_close(&from, import_into(&from, &target));
}

int run_import(const struct call *call) {
    enum kind kind = kind_of(call->words[1]);
    int code = check_options(call, kind);

    if (code != DONE)
        return code;
    if (kind == NO_KIND)
        return fail_usage(call->command,
                          "\"%s\" does not end with .csv, .jsonl or .kv; name it after what it is",
                          call->words[1]);
    code = check_readable(call->words[1]);
    if (code != DONE)
        return code;
    return kind == STORE_FILE ? import_store(call) : import_text(call, kind);
}
