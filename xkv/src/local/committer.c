/*
 * committer.c - see committer.h
 *
 * The committer takes all that is queued each time, runs it in one transaction and commits
 * once (group commit: Gray and Reuter, "Transaction processing", 1993, 9.4.7), so the cost
 * of a sync is shared by all who wait for it.
 */
#include "local/committer.h"

#include "base/sys.h"
#include "local/engine.h"

enum { PATIENCE_MAX_NS = 10000000 };

struct xkv__committer {
    xkv__backend *backend; /* NULL: it does not run */
    xkv__thread thread;
    xkv__monitor monitor; /* all that follows is under it */
    xkv__requests queue;
    unsigned queued; /* how many are in the queue */
    unsigned wanted; /* at how many the thread wants to be woken */
    bool look, closing;
};

void xkv__committer_take(xkv__committer *committer, xkv__request *request) {
    xkv__monitor_enter(&committer->monitor);
    xkv__requests_append(&committer->queue, request);
    bool awaited = ++committer->queued == committer->wanted;
    xkv__monitor_leave(&committer->monitor);
    if (awaited)
        xkv__monitor_wake(&committer->monitor);
}

void xkv__committer_look(xkv__committer *committer) {
    xkv__monitor_enter(&committer->monitor);
    committer->look = true;
    xkv__monitor_wake(&committer->monitor);
    xkv__monitor_leave(&committer->monitor);
}

static bool is_roused(const xkv__committer *committer) {
    return committer->look || committer->closing;
}

/*
 * Takes the whole queue, once it is worth a commit. *look: and is to see what is due. False
 * at the end.
 *
 * Clients that wait for their writes come back at about the same time, after the commit
 * that held them; those that came too late for it are in the queue already. A committer that
 * took those at once would always commit one half of its clients while the other half
 * waits. So it waits for as many as it has lately had to do with, but no longer than half
 * of what a commit takes at the least: that much is to be saved by having one less. A
 * client that is alone and waits for each of its writes is never kept waiting here. (The
 * same thought as PostgreSQL's commit_delay and commit_siblings, without settings.)
 */
static bool take_queue(xkv__committer *committer, unsigned clients, int64_t least_ns,
                       xkv__requests *queue, bool *look) {
    xkv__monitor_enter(&committer->monitor);
    committer->wanted = 1;
    while (committer->queued == 0 && !is_roused(committer))
        xkv__monitor_wait(&committer->monitor);
    committer->wanted = clients;
    int64_t patience = least_ns / 2 < PATIENCE_MAX_NS ? least_ns / 2 : PATIENCE_MAX_NS;
    int64_t deadline = xkv__monitor_now() + patience;
    bool in_time = true;
    while (committer->queued < clients && !is_roused(committer) && in_time)
        in_time = xkv__monitor_wait_until(&committer->monitor, deadline);
    *queue = committer->queue;
    *look = committer->look;
    committer->queue = (xkv__requests){NULL, NULL};
    committer->queued = 0;
    committer->look = false;
    xkv__monitor_leave(&committer->monitor);
    return queue->first || *look;
}

/* Makes a group of those whose turn it still is. */
static xkv__call *make_group(xkv__requests *queue) {
    xkv__call *group = NULL, **end = &group;

    for (xkv__request *request; (request = xkv__requests_take(queue));) {
        if (!xkv__request_take(request)) {
            xkv__request_fail(request, atomic_load(&request->end));
            continue;
        }
        request->call.next = NULL;
        *end = &request->call;
        end = &request->call.next;
    }
    return group;
}

/* Hands out the results; returns how many there were. */
static unsigned hand_out(xkv__call *group) {
    unsigned count = 0;

    for (; group; count++) {
        xkv__call *next = group->next;
        xkv__request_done(xkv__request_of(group));
        group = next;
    }
    return count;
}

/* What a commit takes at the least, whatever is in it: the quickest of late. It
 * is forgotten slowly, so that a disk that has become slower is noticed. */
static int64_t least_of(int64_t least_ns, int64_t took_ns) {
    int64_t forgotten = least_ns + least_ns / 32;
    return least_ns == 0 || took_ns < forgotten ? took_ns : forgotten;
}

static void *committer_main(void *argument) {
    xkv__committer *committer = argument;
    xkv__requests queue;
    unsigned clients = 1;
    int64_t least_ns = 0;
    bool look;

    while (take_queue(committer, clients, least_ns, &queue, &look)) {
        if (look) /* what comes with it need not be a write */
            (void)xkv__run_group(committer->backend, NULL);
        if (!queue.first)
            continue;
        int64_t start = xkv__monitor_now();
        uint64_t commits = committer->backend->commits;
        xkv__call *over = xkv__run_group(committer->backend, make_group(&queue));
        if (committer->backend->commits != commits) /* else there was nothing to sync */
            least_ns = least_of(least_ns, xkv__monitor_now() - start);
        xkv__monitor_enter(&committer->monitor);
        clients = committer->queued; /* came while the others were committed */
        xkv__monitor_leave(&committer->monitor);
        clients += hand_out(over);
    }
    return NULL;
}

xkv__committer *xkv__committer_new(void) {
    xkv__committer *committer = xkv__alloc(sizeof *committer);

    if (!committer)
        return NULL;
    memset(committer, 0, sizeof *committer);
    if (xkv__monitor_init(&committer->monitor) == XKV_OK)
        return committer;
    xkv__free(committer);
    return NULL;
}

void xkv__committer_free(xkv__committer *committer) {
    if (!committer)
        return;
    xkv__monitor_destroy(&committer->monitor);
    xkv__free(committer);
}

int xkv__committer_start(xkv__committer *committer, xkv__backend *backend) {
    committer->backend = backend;
    int error = xkv__thread_start(&committer->thread, committer_main, committer);
    if (error != XKV_OK)
        committer->backend = NULL;
    return error;
}

bool xkv__committer_runs(const xkv__committer *committer) {
    return committer->backend != NULL;
}

void xkv__committer_stop(xkv__committer *committer) {
    if (!xkv__committer_runs(committer))
        return;
    xkv__monitor_enter(&committer->monitor);
    committer->closing = true;
    xkv__monitor_wake(&committer->monitor);
    xkv__monitor_leave(&committer->monitor);
    xkv__thread_join(committer->thread);
}
