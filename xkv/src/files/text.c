/*
 * text.c - exports, imports, and checks of text files
 */
#include "base/text.h"
#include "base/error.h"
#include "command/items.h"
#include "files/batch.h"
#include "files/input.h"
#include "files/job.h"
#include "formats/format.h"

#include <stdio.h>

/* Bytes that are written at once. */
enum { PIECE_OUT = 1 << 20 };

static const xkv__format *format_of(int op) {
    switch (op) {
    case XKV_OP_EXPORT_CSV:
    case XKV_OP_IMPORT_CSV:
    case XKV_OP_VALIDATE_CSV:
        return &xkv__csv;
    default:
        return &xkv__jsonl;
    }
}

static xkv__layout layout_of(const xkv__job *job) {
    const xkv_command *command = job->command;

    return (xkv__layout){.serialization = job->options->serialization,
                         .prefix = command->prefix,
                         .check_only = command->op == XKV_OP_VALIDATE_CSV,
                         .delimiter = command->delimiter,
                         .no_header = command->no_header,
                         .types = command->types,
                         .row_keys = command->row_keys.len > 0,
                         .key_column = command->key_column,
                         .include_key = !command->without_key};
}

static int64_t most_of(const xkv_command *command) {
    return command->limit > 0 ? command->limit : INT64_MAX;
}

/* -- Exports -------------------------------------------------------------------- */

struct export {
    xkv__job *job;
    const xkv__format *format;
    xkv__layout layout;
    xkv__output output;
    xkv__buffer out;
    int64_t left;
};

/* What a visit returns when there are enough: no error of anything else. */
enum { ENOUGH = XKV_E_SNAPSHOT_BUDGET };

static int flush(struct export *export) {
    int error = export->out.len > 0
                    ? xkv__output_write(&export->output, export->out.data, export->out.len)
                    : XKV_OK;
    export->out.len = 0;
    return error;
}

static int export_entry(void *context, xkv_bytes key, xkv_bytes value) {
    struct export *export = context;
    size_t before = export->out.len;

    if (export->left-- <= 0)
        return ENOUGH;
    int error = export->format->entry(&export->layout, key, value, &export->out);
    if (error != XKV_OK)
        return error;
    error = xkv__job_count(export->job, export->out.len - before);
    return error == XKV_OK && export->out.len >= PIECE_OUT ? flush(export) : error;
}

static int export_all(struct export *export) {
    xkv__job *job = export->job;
    int error = export->format->head(&export->layout, &export->out);

    if (error == XKV_OK)
        error =
            job->opened->executor->walk(job->opened, job->command->prefix, export_entry, export);
    if (error == ENOUGH)
        error = XKV_OK;
    return error == XKV_OK ? flush(export) : error;
}

static int reply_exported(xkv__job *job, uint64_t size) {
    xkv__writer writer = xkv__job_reply(job, 3);

    xkv__put_integer(&writer, "exported", job->progress.entries);
    xkv__put_text(&writer, "fileName", job->command->file_name);
    xkv__put_integer(&writer, "bytesWritten", (int64_t)size);
    job->reply->number = job->progress.entries;
    return writer.error;
}

static int begin_export(struct export *export) {
    int error = XKV_E_STORE_FULL;

    export->layout.columns = xkv__columns_new(export->job->command->items);
    if (export->layout.columns)
        error = export->format->check(&export->layout);
    return error == XKV_OK ? xkv__output_begin(&export->output, export->job->path) : error;
}

int xkv__export(xkv__job *job) {
    struct export export = {.job = job,
                            .format = format_of(job->command->op),
                            .layout = layout_of(job),
                            .left = most_of(job->command)};
    uint64_t size = 0;
    int error = begin_export(&export);

    if (error == XKV_OK) {
        error = export_all(&export);
        if (error == XKV_OK)
            error = reply_exported(job, export.output.written); /* what can fail comes before */
        if (error == XKV_OK)
            error = xkv__output_finish(&export.output, &size);
        xkv__output_end(&export.output);
    }
    xkv__buffer_free(&export.out);
    xkv__columns_free(export.layout.columns);
    return error;
}

/* -- Reading ---------------------------------------------------------------------- */

/* A file whose entries are taken one by one. */
struct reading {
    xkv__job *job;
    const xkv__format *format;
    xkv__layout layout;
    xkv__input input;
    xkv__reader *reader;
    xkv__taken taken;
    int64_t left;
    bool cut; /* there is more than was asked for */
};

/* Where keys come from has to be said, once, and only what is checked need not have any. */
static int check_keys(const xkv_command *command) {
    bool column = command->key_column.len > 0, rows = command->row_keys.len > 0;

    if (command->op == XKV_OP_IMPORT_CSV && !column && !rows)
        return xkv__fail(XKV_E_INVALID_OPTIONS,
                         "where the keys come from is missing; give keyColumn, the name of a "
                         "column, or keys: \"row\" for the prefix and the number of the row");
    if (column && rows)
        return xkv__fail(XKV_E_INVALID_OPTIONS, "keyColumn and keys exclude each other; give one");
    if (rows && xkv__compare(command->row_keys, xkv_text("row")) != 0)
        return xkv__fail(XKV_E_INVALID_OPTIONS,
                         "keys must be \"row\"; for the keys of a column give keyColumn");
    return XKV_OK;
}

static int open_reading(struct reading *reading, xkv__job *job) {
    const xkv_command *command = job->command;
    int error = check_keys(command);

    *reading = (struct reading){.job = job,
                                .format = format_of(command->op),
                                .layout = layout_of(job),
                                .left = most_of(command)};
    if (command->op == XKV_OP_VALIDATE_CSV && command->key_column.len == 0)
        reading->layout.row_keys = true;
    if (error == XKV_OK)
        error = xkv__input_open(&reading->input, job->path);
    if (error != XKV_OK)
        return error;
    job->progress.total_bytes = (int64_t)reading->input.size;
    reading->reader = reading->format->new (&reading->layout);
    if (reading->reader)
        return XKV_OK;
    xkv__input_close(&reading->input);
    return XKV_E_STORE_FULL;
}

static void close_reading(struct reading *reading) {
    reading->format->free(reading->reader);
    xkv__input_close(&reading->input);
}

/* Takes the next entry: *more, or there is none. What is wrong with the file itself, and not with
 * an entry, is *broken. */
static int take(struct reading *reading, bool *more, bool *broken) {
    xkv__taken *taken = &reading->taken;
    int error = XKV_OK;

    *more = *broken = false;
    if (reading->left == 0) {
        reading->cut = reading->job->progress.bytes < (int64_t)reading->input.size;
        return XKV_OK;
    }
    while (error == XKV_OK) {
        xkv__input *input = &reading->input;
        xkv__step step =
            reading->format->next(reading->reader, xkv__input_bytes(input), input->at_end, taken);
        xkv__input_use(input, taken->used);
        reading->job->progress.bytes = (int64_t)(input->read - xkv__input_bytes(input).len);
        if (step == XKV__BAD)
            return taken->error;
        if (step != XKV__MORE) {
            *more = step == XKV__ONE;
            reading->left -= *more;
            return XKV_OK;
        }
        error = xkv__input_more(input);
    }
    *broken = true;
    return error;
}

/* -- Imports --------------------------------------------------------------------- */

static int import_all(struct reading *reading, xkv__batch *batch) {
    bool more = true, broken;
    int error = XKV_OK;

    while (error == XKV_OK && more) {
        error = take(reading, &more, &broken);
        if (error == XKV_OK && more)
            error = xkv__batch_add(batch, reading->taken.key, reading->taken.value);
        if (error == XKV_OK && more)
            error = xkv__job_count(reading->job, 0);
    }
    return error == XKV_OK ? xkv__batch_store(batch) : error;
}

/* The batches before what is wrong have been stored, and whoever mends the file wants to know. */
static int explain_import(const xkv__job *job, const xkv__batch *batch, int error) {
    char why[XKV_MESSAGE_SIZE];

    if (error != XKV_E_VALUE_PARSE)
        return error;
    snprintf(why, sizeof why, "%s", xkv__reason(error));
    return xkv__fail(error, "%s (\"%s\"; %lld entries before it were stored)", why, job->path,
                     (long long)(job->progress.entries - batch->count));
}

/* A reply whose numbers are not known yet: what can fail comes before what is stored. */
struct imported {
    xkv__writer writer;
    size_t entries_at, bytes_at;
};

static int begin_reply(xkv__job *job, struct imported *reply) {
    reply->writer = xkv__job_reply(job, 3);
    reply->entries_at = xkv__put_integer(&reply->writer, "imported", 0);
    xkv__put_text(&reply->writer, "fileName", job->command->file_name);
    reply->bytes_at = xkv__put_integer(&reply->writer, "bytesRead", 0);
    return reply->writer.error;
}

static void end_reply(xkv__job *job, struct imported *reply) {
    xkv__patch_integer(&reply->writer, reply->entries_at, (uint64_t)job->progress.entries);
    xkv__patch_integer(&reply->writer, reply->bytes_at, (uint64_t)job->progress.bytes);
    job->reply->number = job->progress.entries;
}

int xkv__import(xkv__job *job) {
    const xkv_command *command = job->command;
    int64_t most = command->batch_size > 0 ? command->batch_size : XKV_BATCH_DEFAULT;
    xkv__batch batch = xkv__batch_for(job->opened, most);
    struct reading reading;
    struct imported reply;
    int error = begin_reply(job, &reply);

    if (error == XKV_OK)
        error = open_reading(&reading, job);
    if (error != XKV_OK)
        return error;
    error = import_all(&reading, &batch);
    if (error == XKV_OK)
        end_reply(job, &reply);
    else
        error = explain_import(job, &batch, error);
    xkv__batch_free(&batch);
    close_reading(&reading);
    return error;
}

/* -- Checks ----------------------------------------------------------------------- */

static void put_first_error(xkv__writer *writer, const struct reading *reading, int error) {
    bool lines = reading->format == &xkv__jsonl;
    const xkv__place *place = &reading->taken.place;

    xkv__put_object(writer, "firstError", 3);
    xkv__put_integer(writer, lines ? "line" : "row",
                     (int64_t)(lines ? place->line : place->record));
    xkv__put_text(writer, "name", xkv_text(xkv_error_name(error)));
    xkv__put_text(writer, "message", xkv_text(xkv__reason(error)));
}

static int reply_checked(const struct reading *reading, int error) {
    xkv__job *job = reading->job;
    bool valid = error == XKV_OK;
    xkv__writer writer = xkv__job_reply(job, valid ? 4 : 5);

    xkv__put_boolean(&writer, "valid", valid);
    xkv__put_integer(&writer, reading->format->count, job->progress.entries);
    xkv__put_integer(&writer, "bytesRead", job->progress.bytes);
    xkv__put_boolean(&writer, "checkedAll", valid && !reading->cut);
    if (!valid)
        put_first_error(&writer, reading, error);
    job->reply->number = valid;
    return writer.error;
}

int xkv__validate(xkv__job *job) {
    struct reading reading;
    bool more = true, broken = false;
    int error = open_reading(&reading, job);

    if (error != XKV_OK)
        return error;
    while (error == XKV_OK && more) {
        error = take(&reading, &more, &broken);
        if (error == XKV_OK && more)
            error = xkv__job_count(job, 0);
    }
    broken = broken || (error != XKV_OK && error != XKV_E_VALUE_PARSE);
    if (!broken)
        error = reply_checked(&reading, error);
    close_reading(&reading);
    return error;
}
