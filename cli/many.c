/*
 * many.c - list, keys, count, random
 *
 * Entries are read in pages, so that a store of any size can be listed. A page is asked for by
 * the number of its entries; that is adapted to their size.
 */
#include "runs.h"

#include "print.h"
#include "session.h"
#include "walk.h"

#include <inttypes.h>

/* -- How entries are printed ---------------------------------------------------------- */

struct printer {
    struct session *session;
    bool with_values;
    enum care care;
    int64_t count;
    /* What stands before all, between two, and behind all. */
    const char *before, *between, *after;
    int (*entry)(const struct printer *printer, xkv_bytes key, xkv_bytes value);
};

static int print_row(const struct printer *printer, xkv_bytes key, xkv_bytes value) {
    print_bytes(stdout, key, printer->care);
    if (printer->with_values) {
        putchar('\t');
        print_bytes(stdout, value, printer->care);
    }
    return DONE;
}

static int print_csv_row(const struct printer *printer, xkv_bytes key, xkv_bytes value) {
    print_csv(stdout, key, printer->care);
    if (printer->with_values) {
        putchar(',');
        print_csv(stdout, value, printer->care);
    }
    return DONE;
}

static int fail_json(xkv_bytes key) {
    fputs("xkv: the value of \"", stderr);
    print_bytes(stderr, key, care_for(stderr, CELLS));
    fputs("\" is not JSON; xkv get prints it as it is, and xkv list does without --json\n", stderr);
    return STORE_FAILED;
}

static int print_json_entry(const struct printer *printer, xkv_bytes key, xkv_bytes value) {
    if (!printer->with_values) {
        print_json_text(stdout, key);
        return DONE;
    }
    fputs("{\"key\":", stdout);
    print_json_text(stdout, key);
    fputs(",\"value\":", stdout);
    if (!print_json_value(stdout, printer->session->serialization, value))
        return fail_json(key);
    putchar('}');
    return DONE;
}

static struct printer printer_for(struct session *session, bool with_values) {
    const struct call *call = session->call;
    struct printer printer = {.session = session,
                              .with_values = with_values,
                              .care = care_for(stdout, CELLS),
                              .before = "",
                              .between = "\n",
                              .after = "\n",
                              .entry = print_row};

    if (has(call, OPTION_CSV)) {
        printer.before = with_values ? "key,value\r\n" : "key\r\n";
        printer.between = printer.after = "\r\n";
        printer.entry = print_csv_row;
    }
    if (has(call, OPTION_JSON) || has(call, OPTION_JSONL))
        printer.entry = print_json_entry;
    if (has(call, OPTION_JSON)) {
        printer.before = "[";
        printer.between = ",\n";
        printer.after = "]\n";
    }
    return printer;
}

static int print_entry(void *context, xkv_bytes key, xkv_bytes value) {
    struct printer *printer = context;

    fputs(printer->count++ == 0 ? printer->before : printer->between, stdout);
    return printer->entry(printer, key, value);
}

static int print_end(const struct printer *printer, int code) {
    if (printer->count == 0 && *printer->before)
        fputs(printer->before, stdout);
    if (printer->count > 0 || *printer->after == ']')
        fputs(printer->after, stdout);
    return code;
}

/* -- Commands ----------------------------------------------------------------------- */

/* At most one form can be printed. */
static int check_forms(const struct call *call) {
    if (has(call, OPTION_JSON) + has(call, OPTION_JSONL) + has(call, OPTION_CSV) > 1)
        return fail_usage(call->command, "only one of --json, --jsonl and --csv can be printed");
    return DONE;
}

static int print_all(const struct call *call, bool with_values) {
    struct session session;
    int code = check_forms(call);

    if (code == DONE)
        code = session_open(&session, call, READING);
    if (code != DONE)
        return code;
    struct printer printer = printer_for(&session, with_values);
    code = walk(&session, with_values, print_entry, &printer);
    return session_close(&session, print_end(&printer, code));
}

int run_list(const struct call *call) {
    return print_all(call, true);
}

int run_keys(const struct call *call) {
    return print_all(call, false);
}

int run_count(const struct call *call) {
    xkv_command count = {.op = XKV_OP_COUNT, .prefix = text_of(call, OPTION_PREFIX)};
    struct session session;
    int code = session_open(&session, call, READING);

    if (code != DONE)
        return code;
    code = session_run(&session, &count);
    if (code == DONE)
        printf("%" PRId64 "\n", session.reply.number);
    return session_close(&session, code);
}

/* The keys of a reply, or that there are none. */
static int print_drawn(struct session *session) {
    struct printer printer = printer_for(session, false);
    xkv_bytes key, value, prefix = text_of(session->call, OPTION_PREFIX);
    size_t at = 0;

    while (xkv_reply_next(&session->reply, &at, &key, &value))
        print_entry(&printer, key, value);
    print_end(&printer, DONE);
    if (printer.count > 0)
        return DONE;
    if (prefix.len == 0)
        return fail(NOT_FOUND, "\"%s\" has no keys", shown_store(session->call->words[0]));
    return fail(NOT_FOUND, "\"%s\" has no key that begins with \"%s\"",
                shown_store(session->call->words[0]), session->call->texts[OPTION_PREFIX]);
}

int run_random(const struct call *call) {
    xkv_command draw = {.op = XKV_OP_RANDOM_KEYS,
                        .prefix = text_of(call, OPTION_PREFIX),
                        .count = has(call, OPTION_DRAWS) ? call->numbers[OPTION_DRAWS] : 1};
    struct session session;
    int code = check_forms(call);

    if (code == DONE)
        code = session_open(&session, call, READING);
    if (code != DONE)
        return code;
    code = session_run(&session, &draw);
    if (code == DONE)
        code = print_drawn(&session);
    return session_close(&session, code);
}
