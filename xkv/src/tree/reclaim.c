/*
 * reclaim.c - large trees are freed in the background
 *
 * To free an entry takes about as long as to find it. The tree of a million
 * entries that a clear has unlinked in no time would keep its virtual user,
 * and all that wait for the same event loop, for a good second. So who drops
 * the last reference to a tree frees XKV__FREED_AT_ONCE steps' worth of it,
 * which is all of a small one, and leaves the rest to one thread of the
 * process. It is the same for the data of a store that is closed, claims, the
 * index of a disk store, and a snapshot that outlived what it was taken of.
 *
 * What waits is a list of dead nodes: nodes that nobody refers to. They are
 * linked through themselves, so that this cannot fail for want of memory. Whoever
 * frees takes one node off the list. A leaf is freed with its entries. A branch
 * puts those children that die with it on the list, in its place; so the list
 * is a stack of less than XKV__FANOUT nodes per level and tree, and there is
 * work for more than one at nearly every moment. Large values count as more
 * steps, and a leaf may be put back half done.
 *
 * Bounds. A script that fills a store and clears it in a loop, on a machine that
 * has no processor to spare, must not make dead memory pile up. So the dead
 * are paid for by the new: while anything waits, who makes an entry frees twice
 * as much as it makes. Say that no tree ever took more than P steps, and that one
 * of N steps is dropped while D wait. Since the tree before it was dropped, its
 * N have been made, and so 2 N freed if there were as many: no more than P ever
 * wait, even if only as much were freed as is made; and a loop of small trees,
 * after a large one, soon has nothing left to wait. So the process takes at most
 * twice the memory that it took before, however slow the thread is, and nobody
 * waits for the thread. The price is a step or two more for each put, as long as
 * something waits.
 *
 * The thread keeps its priority: it takes the allocator's locks, and who holds a
 * lock at a low priority makes all others wait at it. It gives the processor away
 * after each node instead.
 *
 * The thread is started when it is first needed, and ended by the close of the
 * last store, which frees what still waits. Where there is no thread to be
 * had, who drops a tree frees it. In the child of a fork there is none at first,
 * and what waited in the parent stays with the parent.
 */
#include "tree/reclaim.h"
#include "base/sys.h"
#include "tree/btree.h"
#include "tree/btree_nodes.h"

enum {
    STEP_BYTES = 2048, /* of a value, that take a step to free */
    PORTION = 64,      /* steps; who pays does it in portions */
    NO_LIMIT = 1 << 30
};

/* A stack of dead nodes; last is of use to put it on another. */
struct dead {
    struct xkv__node *first, *last;
};

static struct {
    xkv__monitor monitor;
    struct dead dead; /* inside the monitor, as all that follows */
    bool running, ending;
    xkv__thread thread;
} reclaimer = {.monitor = XKV__MONITOR_STATIC};

_Atomic bool xkv__reclaim_waits;

/* -- The dead ---------------------------------------------------------------- */

static void push(struct dead *dead, struct xkv__node *node) {
    node->dead.next = dead->first;
    if (!dead->first)
        dead->last = node;
    dead->first = node;
}

/* Puts all of above, which is not empty, on top, and leaves it empty. */
static void push_all(struct dead *dead, struct dead *above) {
    above->last->dead.next = dead->first;
    if (!dead->first)
        dead->last = above->last;
    dead->first = above->first;
    above->first = NULL;
}

static struct xkv__node *pop(struct dead *dead) {
    struct xkv__node *node = dead->first;

    if (node)
        dead->first = node->dead.next;
    return node;
}

/* Drops a reference to a node, which is among the dead if it was the last. */
static void drop(struct dead *dead, struct xkv__node *node, unsigned level) {
    if (!xkv__unrefer(&node->refs))
        return;
    node->dead.level = level;
    push(dead, node);
}

/* -- Freeing ----------------------------------------------------------------- */

static size_t steps_of(size_t size) {
    return 1 + size / STEP_BYTES;
}

void xkv__entry_release(xkv__entry *entry) {
    if (entry && xkv__unrefer(&entry->refs))
        xkv__free(entry);
}

void xkv__separator_release(struct xkv__separator *separator) {
    if (separator && xkv__unrefer(&separator->refs))
        xkv__free(separator);
}

/* Frees entries from the end of a leaf; what is left of it is dead still. */
static size_t free_leaf(struct dead *dead, struct xkv__leaf *leaf, size_t budget) {
    size_t steps = 1;

    while (leaf->base.n > 0 && steps < budget) {
        xkv__entry *entry = leaf->entry[--leaf->base.n];
        if (xkv__unrefer(&entry->refs)) {
            steps += steps_of(entry->value_len);
            xkv__free(entry);
        } else {
            steps++;
        }
    }
    if (leaf->base.n > 0)
        push(dead, &leaf->base);
    else
        xkv__free(leaf);
    return steps;
}

static size_t free_branch(struct dead *dead, struct xkv__branch *branch, unsigned level) {
    size_t steps = 1 + branch->base.n;

    for (unsigned i = branch->base.n; i-- > 0;) {
        xkv__separator_release(i > 0 ? branch->low[i] : NULL);
        drop(dead, branch->child[i], level - 1);
    }
    xkv__free(branch);
    return steps;
}

/* Frees a node that has been taken off a list, as far as the budget goes. What
 * then is dead in its place goes to the list dead. Returns the steps taken. */
static size_t free_node(struct dead *dead, struct xkv__node *node, size_t budget) {
    unsigned level = node->dead.level;

    return level == 0 ? free_leaf(dead, (struct xkv__leaf *)node, budget)
                      : free_branch(dead, (struct xkv__branch *)node, level);
}

static void note_whether_waits(void) {
    atomic_store_explicit(&xkv__reclaim_waits, reclaimer.dead.first != NULL, memory_order_relaxed);
}

/* Puts the dead where everybody takes from. Inside the monitor. */
static void offer(struct dead *dead) {
    if (!dead->first)
        return;
    push_all(&reclaimer.dead, dead);
    note_whether_waits();
    xkv__monitor_wake(&reclaimer.monitor);
}

/* Frees of what waits for everybody. Inside the monitor, which is left for the
 * work. Returns the steps taken, 0 if nothing waits. */
static size_t free_waiting(size_t budget) {
    struct xkv__node *node = pop(&reclaimer.dead);
    struct dead rest = {NULL, NULL};

    note_whether_waits();
    if (!node)
        return 0;
    xkv__monitor_leave(&reclaimer.monitor);
    size_t steps = free_node(&rest, node, budget);
    xkv__monitor_enter(&reclaimer.monitor);
    offer(&rest);
    return steps;
}

/* -- The thread -------------------------------------------------------------- */

static void free_all_that_waits(void) {
    while (free_waiting(NO_LIMIT) > 0)
        ;
}

/* Others come first: a thread that works on and on uses up its time slice at
 * the cost of one that has something to answer. */
static void let_others_run(void) {
    xkv__monitor_leave(&reclaimer.monitor);
    xkv__thread_yield();
    xkv__monitor_enter(&reclaimer.monitor);
}

static void *reclaim_main(void *argument) {
    (void)argument;
    xkv__monitor_enter(&reclaimer.monitor);
    for (;;) {
        while (free_waiting(NO_LIMIT) > 0)
            let_others_run();
        if (reclaimer.ending)
            break;
        xkv__monitor_wait(&reclaimer.monitor);
    }
    xkv__monitor_leave(&reclaimer.monitor);
    return NULL;
}

static void before_fork(void) {
    xkv__monitor_enter(&reclaimer.monitor);
}

static void after_fork(void) {
    xkv__monitor_leave(&reclaimer.monitor);
}

/* What waited would be freed page by copied page, to no use. */
static void after_fork_in_child(void) {
    reclaimer.dead.first = NULL;
    note_whether_waits();
    reclaimer.running = reclaimer.ending = false;
    xkv__monitor_renew(&reclaimer.monitor);
}

static void watch_forks(void) {
    xkv__watch_forks(before_fork, after_fork, after_fork_in_child);
}

/* Inside the monitor. Whether there is a thread. */
static bool start(void) {
    static xkv__once once = XKV__ONCE;

    xkv__call_once(&once, watch_forks);
    if (!reclaimer.running)
        reclaimer.running = xkv__thread_start(&reclaimer.thread, reclaim_main, NULL) == XKV_OK;
    return reclaimer.running;
}

/* -- Interface --------------------------------------------------------------- */

/* Leaves the dead to the thread; false, and they are the caller's, if there is none. */
static bool leave(struct dead *dead) {
    xkv__monitor_enter(&reclaimer.monitor);
    bool left = start();
    if (left)
        offer(dead);
    xkv__monitor_leave(&reclaimer.monitor);
    return left;
}

void xkv__node_release(struct xkv__node *node, unsigned level) {
    struct dead dead = {NULL, NULL};
    size_t budget = XKV__FREED_AT_ONCE;

    if (node)
        drop(&dead, node, level);
    while (dead.first) {
        size_t steps = free_node(&dead, pop(&dead), budget);
        budget = steps < budget ? budget - steps : 0;
        if (budget == 0 && dead.first && !leave(&dead))
            budget = NO_LIMIT;
    }
}

void xkv__tree_release(xkv__tree *tree) {
    xkv__node_release(tree->root, tree->height);
    *tree = XKV__TREE_EMPTY;
}

void xkv__reclaim_pay(size_t size) {
    static _Thread_local size_t debt;

    debt += 2 * steps_of(size);
    if (debt < PORTION)
        return;
    xkv__monitor_enter(&reclaimer.monitor);
    size_t steps = free_waiting(debt);
    xkv__monitor_leave(&reclaimer.monitor);
    debt = steps > 0 && steps < debt ? debt - steps : 0;
}

/* The thread ends once it finds nothing. Who waits for it may as well help. */
void xkv__reclaim_finish(void) {
    xkv__monitor_enter(&reclaimer.monitor);
    reclaimer.ending = true;
    xkv__monitor_wake(&reclaimer.monitor);
    free_all_that_waits();
    bool running = reclaimer.running;
    xkv__monitor_leave(&reclaimer.monitor);
    if (running)
        xkv__thread_join(reclaimer.thread);
    xkv__monitor_enter(&reclaimer.monitor);
    free_all_that_waits(); /* what came after the thread's last look */
    reclaimer.running = reclaimer.ending = false;
    xkv__monitor_leave(&reclaimer.monitor);
}
