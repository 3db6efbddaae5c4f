/*
 * salvage.c - what can be read of a damaged store is saved
 *
 * What is saved as text goes through a store in memory, so that it is written as any export is;
 * what is saved as a store goes there directly.
 */
#include "salvage.h"

#include "batch.h"
#include "files.h"
#include "print.h"
#include "progress.h"
#include "session.h"

#include <inttypes.h>

struct salvage {
    struct session to;
    struct batch batch;
    int64_t refused; /* that the new store cannot hold */
    int code;        /* why it ended */
};

/* -- Entries ---------------------------------------------------------------------------- */

/* Whether the new store can hold it, and an export of that can be written. */
static bool fits(const struct salvage *salvage, xkv_bytes key, xkv_bytes value) {
    size_t at;

    if (xkv_check_entry(salvage->to.store, key, value, NULL, 0) != XKV_OK)
        return false;
    return salvage->to.serialization != XKV_JSON || xkv_check_json(value, &at) == XKV_OK;
}

/* It may be older than another one of its key, so it takes no place. */
static int take_doubtful(struct salvage *salvage, xkv_bytes key, xkv_bytes value) {
    xkv_command set = {.op = XKV_OP_SET_IF_ABSENT, .key = key, .value = value};
    int code = batch_write(&salvage->batch);

    if (code == DONE)
        code = session_run(&salvage->to, &set);
    return code;
}

static int take(void *context, xkv_bytes key, xkv_bytes value, bool doubtful) {
    struct salvage *salvage = context;

    if (!fits(salvage, key, value)) {
        salvage->refused++;
        return XKV_OK;
    }
    salvage->code =
        doubtful ? take_doubtful(salvage, key, value) : batch_take(&salvage->batch, key, value);
    return salvage->code == DONE ? XKV_OK : XKV_E_INTERNAL;
}

/* -- All of it -------------------------------------------------------------------------- */

/* What the values are is said by the file, or by who knows better. */
static int serialization_of(const struct call *call, const xkv_check_report *report,
                            int *serialization) {
    *serialization = report->serialization;
    if (has(call, OPTION_TAKE_AS))
        *serialization = XKV_BINARY;
    while (has(call, OPTION_TAKE_AS) &&
           strcmp(xkv_serialization_name(*serialization), call->texts[OPTION_TAKE_AS]) != 0)
        --*serialization;
    if (*serialization >= 0)
        return DONE;
    return fail(STORE_FAILED,
                "\"%s\" does not tell any more what its values are: say --serialization json, "
                "string or binary",
                call->words[0]);
}

/* Reads all that can be read into the new store. */
static int read_all(struct salvage *salvage, const struct call *call, xkv_check_report *report) {
    char message[XKV_MESSAGE_SIZE];

    salvage->batch = batch_for(&salvage->to, xkv_text(""), call->words[0]);
    int error = xkv_salvage(call->words[0], take, salvage, report, message, sizeof message);
    if (error != XKV_OK && salvage->code == DONE)
        salvage->code = fail_store(message);
    if (salvage->code == DONE)
        salvage->code = batch_write(&salvage->batch);
    batch_free(&salvage->batch);
    return salvage->code;
}

/* Writes what was read, where that has not been done yet, and says how much it is. */
static int write_all(struct salvage *salvage, const struct call *call, xkv_command *command) {
    xkv_command size = {.op = XKV_OP_SIZE};

    if (command)
        return files_run(&salvage->to, command, "saved in");
    int code = session_run(&salvage->to, &size);
    return code == DONE ? files_tell(call, salvage->to.reply.number, "saved in") : code;
}

static int tell_losses(const struct salvage *salvage, const xkv_check_report *report) {
    if (salvage->refused > 0)
        fprintf(stderr,
                "xkv: left out, since their values are not %s: %" PRId64
                "; --serialization binary takes them as they are\n",
                salvage->to.serialization == XKV_JSON ? "JSON" : "text", salvage->refused);
    if (report->doubtful_keys > 0)
        fprintf(stderr, "xkv: entries that may be old or deleted: %" PRIu64 "\n",
                report->doubtful_keys);
    if (!report->lost_is_known)
        fputs("xkv: how many entries are lost cannot be told\n", stderr);
    else if (report->lost_keys > 0)
        fprintf(stderr, "xkv: entries that are lost: %" PRIu64 "\n", report->lost_keys);
    bool whole = salvage->refused == 0 && report->doubtful_keys == 0 && report->lost_keys == 0 &&
                 report->lost_is_known;
    return whole ? DONE : NOT_FOUND;
}

int salvage(const struct call *call, xkv_command *command) {
    struct salvage salvage = {.code = DONE};
    char message[XKV_MESSAGE_SIZE];
    xkv_check_report report;
    int serialization;

    if (xkv_check_file(call->words[0], NULL, NULL, &report, message, sizeof message) != XKV_OK)
        return fail_store(message);
    int code = serialization_of(call, &report, &serialization);
    if (code == DONE)
        code = session_open_new(&salvage.to, call, command ? NULL : call->words[1], serialization);
    if (code != DONE)
        return code;
    code = read_all(&salvage, call, &report);
    progress_end();
    if (code == DONE)
        code = write_all(&salvage, call, command);
    if (code == DONE)
        code = tell_losses(&salvage, &report);
    return session_close(&salvage.to, code);
}
