/*
 * copies.c - backups, and back
 *
 * A backup is a store of its own, so that whatever opens stores can open it: it is made as a
 * disk store under another name, is filled, closed, and then gets its place. To restore is
 * to replace everything by what another store holds, or a file of other k6 extensions.
 */
#include "base/error.h"
#include "base/text.h"
#include "command/command.h"
#include "command/items.h"
#include "files/input.h"
#include "files/job.h"
#include "formats/bolt.h"
#include "formats/json_text.h"
#include "store/registry.h"

#include <stdio.h>

/* What is wrong with a store's file is said as of a file here. */
static int as_snapshot(int error, int code) {
    switch (error) {
    case XKV_E_DISK_PATH:
    case XKV_E_DISK_STORE_OPEN:
    case XKV_E_DISK_STORE_CORRUPT:
        return xkv__fail_as(error, code);
    case XKV_E_DISK_STORE_READ:
    case XKV_E_DISK_STORE_WRITE:
        return xkv__fail_as(error, XKV_E_SNAPSHOT_IO);
    default:
        return error;
    }
}

/* What is wrong with a file is said without its name by who does not know it. */
static int name_file(const xkv__job *job, int error) {
    return error == XKV_E_SNAPSHOT_READ ? xkv__fail_about(error, "\"%s\"", job->path) : error;
}

static bool is_own_file(const xkv__job *job) {
    xkv__status here, there;

    return job->options->backend == XKV_BACKEND_DISK &&
           xkv__files.look(job->options->path, false, &here).cause == XKV__FINE &&
           xkv__files.look(job->path, false, &there).cause == XKV__FINE &&
           xkv__identity_equal(&here.identity, &there.identity);
}

/* A disk store in a file that nobody else has. */
static xkv_options options_alone(const char *path, int serialization) {
    xkv_options options;

    xkv_options_init(&options);
    options.path = path;
    options.serialization = serialization;
    options.alone = true;
    return options;
}

/* -- Backup ---------------------------------------------------------------------- */

struct backup {
    xkv__job *job;
    xkv__part *part;
    xkv__visit *put;
    void *put_context;
};

static int back_up_entry(void *context, xkv_bytes key, xkv_bytes value) {
    struct backup *backup = context;

    int error = xkv__job_count(backup->job, key.len + value.len);

    xkv__part_grown(backup->part, (uint64_t)backup->job->progress.bytes);
    return error == XKV_OK ? backup->put(backup->put_context, key, value) : error;
}

static int back_up_all(void *context, xkv__visit *put, void *put_context) {
    struct backup *backup = context;
    xkv__job *job = backup->job;

    backup->put = put;
    backup->put_context = put_context;
    job->progress.entries = job->progress.bytes = 0;
    return job->opened->executor->walk(job->opened, (xkv_bytes){NULL, 0}, back_up_entry, backup);
}

/* Opens a store that is not in the registry, since nobody else can want it. */
static int open_copy(const xkv_options *options, xkv__opened **copy) {
    const xkv__executor *executor = xkv__executors[XKV_BACKEND_DISK];
    xkv__site site = {.name = NULL};
    int error = executor->locate(options, &site);

    if (error == XKV_OK)
        error = executor->prepare(options, &site);
    if (error == XKV_OK)
        error = executor->open(executor, options, &site, copy);
    xkv__free(site.name);
    return error;
}

static int write_copy(xkv__job *job, xkv__part *part) {
    xkv_options options = options_alone(part->name, job->options->serialization);
    xkv__opened *copy;

    options.durability = XKV_DURABILITY_NONE; /* it is synced when it is complete */
    int error = open_copy(&options, &copy);
    if (error != XKV_OK)
        return as_snapshot(error, XKV_E_SNAPSHOT_EXPORT);
    part->written = true;
    struct backup backup = {.job = job, .part = part};
    error = xkv__part_hold(part);
    if (error == XKV_OK)
        error = copy->executor->replace(copy, &(xkv__source){back_up_all, &backup, true});
    copy->executor->close(copy);
    /* Of the two stores only the copy is written. */
    return error == XKV_E_DISK_STORE_WRITE ? xkv__fail_as(error, XKV_E_SNAPSHOT_IO) : error;
}

/* What a copy is that was made in pieces. */
static const char not_at_once[] =
    "the copy is not of one moment: what was written meanwhile may be in it or not";

static int reply_backup(xkv__job *job, int64_t entries, size_t *size_at) {
    xkv__writer writer = xkv__job_reply(job, 4);
    bool at_once = job->opened->executor->at_once;

    xkv__put_integer(&writer, "totalEntries", entries);
    *size_at = xkv__put_integer(&writer, "bytesWritten", 0);
    xkv__put_boolean(&writer, "bestEffort", !at_once);
    xkv__put_text(&writer, "warning", xkv_text(at_once ? "" : not_at_once));
    job->reply->number = entries;
    return writer.error;
}

/* To the store's own file: it is there. */
static int reply_nothing_done(xkv__job *job) {
    xkv_command command = {.op = XKV_OP_SIZE};
    unsigned char room[64];
    xkv_reply reply;
    xkv__call call = {.command = &command, .reply = &reply, .seed = XKV_NO_SEED};
    size_t size_at;

    xkv_reply_init(&reply, room, sizeof room);
    (void)job->opened->executor->run(job->opened, &call);
    int error = reply.status;
    if (error == XKV_OK)
        error = reply_backup(job, reply.number, &size_at);
    xkv_reply_clear(&reply);
    return error;
}

int xkv__backup(xkv__job *job) {
    xkv__part part;
    uint64_t size = 0;
    size_t size_at;

    if (is_own_file(job))
        return reply_nothing_done(job);
    int error = xkv__part_begin(&part, job->path);
    if (error != XKV_OK)
        return error;
    error = write_copy(job, &part);
    if (error == XKV_OK)
        error = reply_backup(job, job->progress.entries, &size_at); /* what can fail is first */
    if (error == XKV_OK)
        error = xkv__part_finish(&part, &size);
    xkv__part_end(&part);
    if (error == XKV_OK)
        xkv__patch_integer(&(xkv__writer){job->reply, XKV_OK}, size_at, size);
    return error;
}

/* -- Restore ------------------------------------------------------------------------ */

/* Where entries come from: one of the two. */
struct origin {
    xkv__job *job;
    xkv__core *core;
    xkv__bolt *bolt;
    xkv__input input; /* of bolt */

    xkv__visit *put;
    void *put_context;
    uint64_t bytes;
    int refused; /* XKV_OK, or why the last entry was not taken in */
};

static int check_budget(const xkv__job *job, uint64_t bytes) {
    const xkv_command *command = job->command;

    if (command->max_entries > 0 && job->progress.entries > command->max_entries)
        return xkv__fail(XKV_E_SNAPSHOT_BUDGET,
                         "\"%s\" has more than maxEntries, %lld; nothing was changed", job->path,
                         (long long)command->max_entries);
    if (command->max_bytes > 0 && bytes > (uint64_t)command->max_bytes)
        return xkv__fail(XKV_E_SNAPSHOT_BUDGET,
                         "\"%s\" has more than maxBytes, %lld, in keys and values; nothing was "
                         "changed",
                         job->path, (long long)command->max_bytes);
    return XKV_OK;
}

static int restore_entry(void *context, xkv_bytes key, xkv_bytes value) {
    struct origin *origin = context;

    origin->bytes += key.len + value.len;
    int error = xkv__job_count(origin->job, key.len + value.len);
    if (error == XKV_OK)
        error = check_budget(origin->job, origin->bytes);
    if (error == XKV_OK)
        error = origin->put(origin->put_context, key, value);
    return origin->refused = error;
}

/* What others have stored is not known to be what this store holds. */
static int restore_foreign(void *context, xkv_bytes key, xkv_bytes value) {
    struct origin *origin = context;
    const xkv__job *job = origin->job;
    char why[XKV_MESSAGE_SIZE], quoted[XKV__QUOTE_SIZE];
    xkv__json json;
    int error = xkv__check_entry(job->options, key, value, why, sizeof why);

    if (error != XKV_OK)
        return xkv__fail(XKV_E_VALUE_PARSE, "\"%s\": %s", job->path, why);
    if (job->options->serialization == XKV_JSON && !xkv__json_valid(value, &json))
        return xkv__fail(XKV_E_VALUE_PARSE,
                         "\"%s\": the value of key %s is not JSON; open the store with the "
                         "serialization \"string\" that it was written with",
                         job->path, xkv__quote(key, quoted));
    return restore_entry(context, key, value);
}

/* What the store met that takes the entries in is no error of the file. */
static int walk_store(struct origin *origin) {
    const xkv__core *core = origin->core;

    origin->refused = XKV_OK;
    int error = core->executor->walk(core->opened, (xkv_bytes){NULL, 0}, restore_entry, origin);
    return origin->refused == XKV_OK ? as_snapshot(error, XKV_E_SNAPSHOT_READ) : error;
}

static int each(void *context, xkv__visit *put, void *put_context) {
    struct origin *origin = context;

    origin->put = put;
    origin->put_context = put_context;
    origin->bytes = 0;
    origin->job->progress.entries = origin->job->progress.bytes = 0;
    if (origin->bolt)
        return name_file(origin->job, xkv__bolt_walk(origin->bolt, restore_foreign, origin));
    return walk_store(origin);
}

/* -- Where it comes from --------------------------------------------------------------- */

static int read_input(void *context, void *out, size_t size, uint64_t at) {
    const xkv__input *input = context;
    size_t got;
    xkv__fault fault = xkv__files.read_at(input->handle, out, size, at, &got);

    if (fault.cause != XKV__FINE)
        return xkv__file_fault(false, "cannot read", input->path, fault);
    if (got < size)
        return xkv__fail(XKV_E_SNAPSHOT_READ, "it ends before its pages do");
    return XKV_OK;
}

/* Without a lock file nobody has it open, and none need be made. */
static bool has_lock_file(const char *path) {
    xkv__status status;
    size_t size = strlen(path) + sizeof "-lock";
    char *name = xkv__alloc(size);
    bool has = true;

    if (name) {
        snprintf(name, size, "%s-lock", path);
        has = xkv__files.look(name, false, &status).cause == XKV__FINE;
    }
    xkv__free(name);
    return has;
}

/* A store that is open already is taken with whatever options it has; but values of another kind
 * would not be what this store promises. */
static int check_serialization(const xkv__job *job, const xkv_options *from) {
    if (from->serialization == job->options->serialization)
        return XKV_OK;
    return xkv__fail(XKV_E_SNAPSHOT_READ,
                     "\"%s\" holds values of serialization \"%s\", and this store of \"%s\"; open "
                     "a store with the former",
                     job->path, xkv_serialization_name(from->serialization),
                     xkv_serialization_name(job->options->serialization));
}

static int open_store(struct origin *origin) {
    const xkv__job *job = origin->job;
    xkv_options options = options_alone(job->path, job->options->serialization);

    options.read_only = true;
    options.alone = !has_lock_file(job->path);
    options = xkv__options_completed(&options);
    int error = as_snapshot(xkv__core_get_any(&options, &origin->core), XKV_E_SNAPSHOT_READ);
    if (error == XKV_OK)
        return check_serialization(job, &origin->core->options);
    origin->core = NULL; /* it may have been one that could not be opened after all */
    return error;
}

/* A file that this process has open must not be opened and closed once more: that would cost
 * it its locks. */
static int open_origin(struct origin *origin) {
    xkv__job *job = origin->job;
    unsigned char start[XKV__BOLT_BEGINNING];
    xkv__status status;

    if (is_own_file(job))
        return xkv__fail(XKV_E_SNAPSHOT_READ, "\"%s\" is the store's own file", job->path);
    if (xkv__files.look(job->path, false, &status).cause == XKV__FINE &&
        xkv__is_open_here(&status.identity))
        return open_store(origin);
    int error = xkv__input_open(&origin->input, job->path);
    if (error != XKV_OK)
        return error;
    job->progress.total_bytes = (int64_t)origin->input.size;
    bool bolt = origin->input.size >= sizeof start &&
                read_input(&origin->input, start, sizeof start, 0) == XKV_OK &&
                xkv__is_bolt((xkv_bytes){start, sizeof start});
    if (bolt)
        return name_file(
            job, xkv__bolt_open(&origin->bolt, read_input, &origin->input, origin->input.size));
    xkv__input_close(&origin->input);
    return open_store(origin);
}

static void close_origin(struct origin *origin) {
    xkv__bolt_close(origin->bolt);
    xkv__input_close(&origin->input);
    if (origin->core)
        xkv__core_release(origin->core);
}

/* What can fail comes before what cannot be taken back. */
int xkv__restore(xkv__job *job) {
    struct origin origin = {.job = job, .input.handle = XKV__NO_HANDLE};
    xkv__writer writer = xkv__job_reply(job, 1);
    size_t at = xkv__put_integer(&writer, "totalEntries", 0);
    int error = writer.error;

    if (error == XKV_OK)
        error = open_origin(&origin);
    if (error == XKV_OK)
        error = job->opened->executor->replace(job->opened, &(xkv__source){each, &origin, false});
    close_origin(&origin);
    if (error != XKV_OK)
        return error;
    xkv__patch_integer(&writer, at, (uint64_t)job->progress.entries);
    job->reply->number = job->progress.entries;
    return XKV_OK;
}
