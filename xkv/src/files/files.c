/* files.c - see files.h */
#include "files/files.h"

#include "base/error.h"
#include "base/paths.h"
#include "base/reply.h"
#include "command/command.h"
#include "command/items.h"
#include "files/job.h"

#include <stdio.h>

/* -- Progress ------------------------------------------------------------------ */

static struct {
    void (*tell)(const xkv_progress *progress, void *context);
    void *context;
    uint64_t every_ms;
} listener;

void xkv_set_progress(void (*progress)(const xkv_progress *progress, void *context), void *context,
                      int64_t every_ms) {
    listener.tell = progress;
    listener.context = context;
    listener.every_ms = every_ms > 0 ? (uint64_t)every_ms : 0;
}

/* To look at the clock costs as much as to read an entry. */
enum { ENTRIES_PER_LOOK = 256 };

static void tell_now_and_then(xkv__job *job) {
    uint64_t now = xkv__sys.now_ms();

    if (now - job->told_ms < listener.every_ms)
        return;
    job->told_ms = now;
    job->progress.elapsed_ms = (int64_t)(now - job->began_ms);
    listener.tell(&job->progress, listener.context);
}

static int look_round(xkv__job *job) {
    job->uncounted = 0;
    if (listener.tell)
        tell_now_and_then(job);
    if (!job->end || atomic_load(job->end) == XKV_OK)
        return XKV_OK;
    return xkv__fail(XKV_E_OPERATION_CANCELED, "the virtual user ended before all of it was done");
}

int xkv__job_count(xkv__job *job, uint64_t bytes) {
    job->progress.entries++;
    job->progress.bytes += (int64_t)bytes;
    return ++job->uncounted < ENTRIES_PER_LOOK ? XKV_OK : look_round(job);
}

/* -- Jobs ------------------------------------------------------------------------ */

int xkv__job_size(const xkv__job *job, const char *path, uint64_t *size) {
    xkv__status status;
    bool writes = xkv__info(job->command)->access == XKV_ACCESS_EXPORT;
    xkv__fault fault = xkv__files.look(path, true, &status);

    if (fault.cause != XKV__FINE)
        return xkv__file_fault(writes, "cannot examine", path, fault);
    *size = status.size;
    return XKV_OK;
}

xkv__writer xkv__job_reply(xkv__job *job, size_t members) {
    xkv__writer writer = xkv__writer_on(job->reply);

    xkv__put_object(&writer, NULL, members);
    return writer;
}

/* fileName as text that ends. It may be left out where a store's own default makes sense. */
static int file_of(const xkv_command *command, char **path) {
    static const char standard[] = "./.k6.kv";
    xkv_bytes given = command->file_name;
    char *text = xkv__alloc(given.len + sizeof standard);
    int error = text ? XKV_OK : XKV_E_STORE_FULL;

    *path = NULL;
    if (!text)
        return error;
    memcpy(text, given.len > 0 ? given.data : standard,
           given.len > 0 ? given.len : sizeof standard);
    if (given.len > 0)
        text[given.len] = '\0';
    if (given.len != 0 && (strlen(text) != given.len || strspn(text, " \t\r\n") == given.len))
        error =
            xkv__fail(XKV_E_INVALID_OPTIONS,
                      "fileName must not be blank, or have a NUL in it; give the path of a file");
    if (error == XKV_OK)
        error = xkv__file_path(text, path);
    xkv__free(text);
    if (error == XKV_E_DISK_PATH)
        error = xkv__fail_about(xkv__fail_as(error, XKV_E_INVALID_OPTIONS), "fileName");
    return error;
}

static xkv__job_body *const bodies[XKV_OP_END] = {
    [XKV_OP_BACKUP] = xkv__backup,           [XKV_OP_RESTORE] = xkv__restore,
    [XKV_OP_EXPORT_JSONL] = xkv__export,     [XKV_OP_EXPORT_CSV] = xkv__export,
    [XKV_OP_IMPORT_JSONL] = xkv__import,     [XKV_OP_IMPORT_CSV] = xkv__import,
    [XKV_OP_VALIDATE_JSONL] = xkv__validate, [XKV_OP_VALIDATE_CSV] = xkv__validate,
};

void xkv__files_run(xkv__opened *opened, xkv__call *call) {
    const char *name = xkv__info(call->command)->name;
    uint64_t now = xkv__sys.now_ms();
    xkv__job job = {.opened = opened,
                    .command = call->command,
                    .reply = call->reply,
                    .end = call->end,
                    .options = opened->options,
                    .progress = {.op = call->command->op},
                    .began_ms = now,
                    .told_ms = now};
    int error = file_of(call->command, &job.path);

    job.progress.file_name = job.path;
    if (error == XKV_OK)
        error = bodies[call->command->op](&job);
    xkv__free(job.path);
    if (error == XKV_OK)
        return;
    xkv_reply_clear(call->reply);
    xkv__reply_fail(call->reply, error, "%s: %s", name, xkv__reason(error));
}
