/*
 * claims.c - 500 clients that claim, renew, release, complete and forget: never
 * two holders of one key; and that pop: no key twice
 *
 * The clients are handles on one store, spread over threads; the clock is moved
 * by a thread of its own. Each client writes down what it holds in a ledger. As
 * it does so a little before or after the store, the ledger only calls wrong
 * what cannot be right in any order.
 */
#include "../clock.h"
#include "../items.h"
#include "../kinds.h"

#include <pthread.h>

enum {
    THREADS = 8,
    CLIENTS = 500,
    KEYS_COUNT = 200,
    TTL_MOST = 3000,
    DURATION = SANITIZED ? 10000 : 24000, /* milliseconds of the moved clock */
    TICK = 5,
    STEPS = 5 /* of clients in a tick, at the least: a slow machine's claims would all expire */
};

static const struct kind kinds[] = {
    {"memory", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false},
    {"disk, none, untracked", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, false},
    {"disk, none, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, true},
    {"disk, full, untracked", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, false},
    {"disk, full, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, true},
};

static xkv_options options_of(const struct kind *kind, char name[PATH_SIZE]) {
    xkv_options options = fresh(kind, name);

    options.serialization = XKV_BINARY;
    return options;
}

static xkv_bytes key_number(char out[32], size_t n) {
    return bytes_of(out, (size_t)snprintf(out, 32, "c:%05zu", n));
}

/* The number of such a key. */
static size_t number_of(xkv_bytes key) {
    char digits[8] = "";

    MUST(key.len == 7);
    memcpy(digits, (const char *)key.data + 2, 5);
    return strtoul(digits, NULL, 10);
}

static void fill(const xkv_options *options, size_t count, struct client *client) {
    xkv_items entries = {NULL, 0, 0};
    char text[32];

    client_open(client, options, false);
    for (size_t i = 0; i < count; i++)
        items_add(&entries, key_number(text, i), LIT("1"));
    MUST(do_list_of(client, XKV_OP_SET_MANY, entries) == XKV_OK);
}

/* -- The ledger -------------------------------------------------------------- */

/* When a command ran: the clock and a count of events, before and after. */
struct span {
    uint64_t now_before, now_after, event_before, event_after;
};

static _Atomic uint64_t events;

static void span_begin(struct span *span) {
    span->event_before = atomic_fetch_add(&events, 1);
    span->now_before = clocks_now();
}

static void span_end(struct span *span) {
    span->now_after = clocks_now();
    span->event_after = atomic_fetch_add(&events, 1);
}

/* The last claim on a key that anybody has written down. */
struct page {
    pthread_mutex_t mutex;
    int64_t token;
    bool given_up;     /* its holder has begun to give it back, or it knows that it has ended */
    uint64_t deadline; /* at the least */
    struct span granted;
};

static struct page ledger[KEYS_COUNT];

static void ledger_begin(void) {
    for (size_t i = 0; i < KEYS_COUNT; i++) {
        ledger[i] = (struct page){.token = 0};
        MUST(pthread_mutex_init(&ledger[i].mutex, NULL) == 0);
    }
}

static void ledger_end(void) {
    for (size_t i = 0; i < KEYS_COUNT; i++)
        pthread_mutex_destroy(&ledger[i].mutex);
}

static struct page *page_open(size_t key) {
    pthread_mutex_lock(&ledger[key].mutex);
    return &ledger[key];
}

static void page_close(struct page *page) {
    pthread_mutex_unlock(&page->mutex);
}

/* A new claim. Whoever had the key before must have ended by then; and if
 * somebody who had it later was quicker to write it down, this one must. */
static void ledger_grant(size_t key, int64_t token, uint64_t deadline, const struct span *span) {
    struct page *page = page_open(key);

    MUST(token != page->token);
    if (token > page->token) {
        MUST(page->given_up || page->deadline <= span->now_after);
        page->token = token;
        page->given_up = false;
        page->deadline = deadline;
        page->granted = *span;
    } else {
        MUST(deadline <= page->granted.now_after);
        MUST(page->granted.event_after > span->event_before); /* tokens grow */
    }
    page_close(page);
}

/* Before giving a claim back or renewing it until deadline, at the least. Returns
 * whether somebody else is known to have the key now. */
static bool ledger_before(size_t key, int64_t token, bool gives_up, uint64_t deadline) {
    struct page *page = page_open(key);
    bool lost = page->token != token;

    if (!lost && gives_up)
        page->given_up = true;
    if (!lost && !gives_up && deadline < page->deadline)
        page->deadline = deadline; /* it may be shorter */
    page_close(page);
    return lost;
}

/* It was renewed until deadline: if somebody else has the key, then since that. */
static void ledger_renewed(size_t key, int64_t token, uint64_t deadline) {
    struct page *page = page_open(key);

    if (page->token == token)
        page->deadline = deadline;
    else
        MUST(deadline <= page->granted.now_after);
    page_close(page);
}

/* -- A client ---------------------------------------------------------------- */

enum state { FREE, HOLDS, MUST_RESTOCK };

struct vu {
    xkv_store *store;
    enum state state;
    struct ticket ticket;
    uint64_t deadline; /* at the least */
    /* The command that runs. */
    int op;
    int64_t ttl;
    bool lost; /* before it began */
    struct span span;
    char key[32];
    xkv_items items;
};

struct worker {
    struct vu vus[CLIENTS / THREADS + 1];
    size_t vu_count;
    struct rng rng;
    xkv_queue *queue;
    uint64_t claims, renewals, ends, expired;
};

static xkv_command begin_claiming(struct vu *vu, struct rng *rng) {
    vu->op = rng_chance(rng, 700) ? XKV_OP_CLAIM_RANDOM : XKV_OP_CLAIM_KEY;
    return (xkv_command){.op = vu->op,
                         .key = key_number(vu->key, rng_below(rng, KEYS_COUNT)),
                         .prefix = LIT("c:"),
                         .ttl_ms = vu->ttl};
}

static xkv_command begin_holding(struct vu *vu, struct rng *rng) {
    static const int ops[] = {XKV_OP_RENEW_CLAIM, XKV_OP_RENEW_CLAIM, XKV_OP_RELEASE_CLAIM,
                              XKV_OP_RELEASE_CLAIM, XKV_OP_COMPLETE_CLAIM};
    size_t key = number_of(xkv_text(vu->ticket.key));

    vu->op = ops[rng_below(rng, COUNT(ops))];
    vu->lost = ledger_before(key, vu->ticket.token, vu->op != XKV_OP_RENEW_CLAIM,
                             clocks_now() + (uint64_t)vu->ttl);
    add_ticket(&vu->items, &vu->ticket);
    return (xkv_command){.op = vu->op, .items = xkv_items_bytes(&vu->items), .ttl_ms = vu->ttl};
}

/* Chooses what the client does next; false: nothing. */
static bool begin_step(struct vu *vu, struct rng *rng, xkv_command *command) {
    vu->ttl = 1 + (int64_t)rng_below(rng, TTL_MOST);
    vu->lost = false;
    if (vu->state == HOLDS && rng_chance(rng, 400)) {
        if (rng_chance(rng, 200))
            vu->state = FREE; /* forgotten: it will expire */
        return false;
    }
    if (vu->state == FREE) {
        *command = begin_claiming(vu, rng);
    } else if (vu->state == HOLDS) {
        *command = begin_holding(vu, rng);
    } else {
        vu->op = XKV_OP_SET;
        *command =
            (xkv_command){.op = XKV_OP_SET, .key = xkv_text(vu->ticket.key), .value = LIT("1")};
    }
    span_begin(&vu->span);
    return true;
}

static void claimed(struct worker *worker, struct vu *vu, const xkv_reply *reply) {
    struct claim claim;
    size_t at = 0;

    if (!next_claim(reply, &at, &claim))
        return;
    vu->ticket = ticket_of(&claim);
    vu->deadline = vu->span.now_before + (uint64_t)vu->ttl;
    ledger_grant(number_of(claim.key), claim.token, vu->deadline, &vu->span);
    vu->state = HOLDS;
    worker->claims++;
}

/* A claim that somebody else has had since has ended; and one whose time was
 * not over has not. */
static void answered(struct worker *worker, struct vu *vu, bool held) {
    size_t key = number_of(xkv_text(vu->ticket.key));

    MUST(!(held && vu->lost));
    MUST(held || vu->deadline <= vu->span.now_after);
    if (!held) {
        vu->state = FREE;
        worker->expired++;
    } else if (vu->op == XKV_OP_RENEW_CLAIM) {
        vu->deadline = vu->span.now_before + (uint64_t)vu->ttl;
        ledger_renewed(key, vu->ticket.token, vu->deadline);
        worker->renewals++;
    } else {
        vu->state = vu->op == XKV_OP_COMPLETE_CLAIM ? MUST_RESTOCK : FREE;
        worker->ends++;
    }
}

static void end_step(struct worker *worker, struct vu *vu, const xkv_reply *reply) {
    span_end(&vu->span);
    MUST(reply->status == XKV_OK);
    xkv_items_free(&vu->items);
    if (vu->op == XKV_OP_SET)
        vu->state = FREE;
    else if (vu->op == XKV_OP_CLAIM_KEY || vu->op == XKV_OP_CLAIM_RANDOM)
        claimed(worker, vu, reply);
    else
        answered(worker, vu, reply->number == 1);
}

/* -- Rounds ------------------------------------------------------------------ */

/* Collects what was submitted; what to do with each comes with it. */
static void collect(struct worker *worker, size_t pending,
                    void (*end)(struct worker *, struct vu *, const xkv_reply *)) {
    xkv_completion done[64];

    while (pending > 0) {
        size_t count = xkv_completions(worker->queue, done, COUNT(done), -1);
        for (size_t i = 0; i < count; i++) {
            end(worker, &worker->vus[done[i].tag], &done[i].reply);
            xkv_reply_clear(&done[i].reply);
        }
        pending -= count;
    }
}

/* Each client of a thread makes one step, all at the same time. */
static void round_of_steps(struct worker *worker) {
    xkv_reply reply;
    size_t pending = 0;

    xkv_reply_init(&reply, NULL, 0);
    for (size_t i = 0; i < worker->vu_count; i++) {
        xkv_command command;
        struct vu *vu = &worker->vus[i];
        if (!begin_step(vu, &worker->rng, &command))
            continue;
        if (xkv_submit(vu->store, &command, &reply, worker->queue, i) == XKV_DONE)
            end_step(worker, vu, &reply);
        else
            pending++;
    }
    collect(worker, pending, end_step);
    xkv_reply_clear(&reply);
}

static _Atomic bool stop;

static void *work(void *argument) {
    struct worker *worker = argument;

    while (!atomic_load(&stop))
        round_of_steps(worker);
    return NULL;
}

static void *move_clock(void *argument) {
    const struct timespec nap = {0, 50000};

    (void)argument;
    for (int passed = 0; passed < DURATION; passed += TICK) {
        uint64_t before = atomic_load(&events);
        do
            nanosleep(&nap, NULL);
        while (atomic_load(&events) - before < 2 * STEPS); /* of two events each */
        clocks_pass(TICK);
    }
    atomic_store(&stop, true);
    return NULL;
}

static void workers_open(struct worker *workers, const xkv_options *options) {
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.rng = {test.seed + i}};
        MUST((workers[i].queue = xkv_queue_new()));
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        struct worker *worker = &workers[i % THREADS];
        worker->vus[worker->vu_count++].store = must_open(options);
    }
}

static void workers_run(struct worker *workers, void *(*body)(void *)) {
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        MUST(pthread_create(&threads[i], NULL, body, &workers[i]) == 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void workers_close(struct worker *workers) {
    for (size_t i = 0; i < THREADS; i++) {
        for (size_t j = 0; j < workers[i].vu_count; j++)
            xkv_close(workers[i].vus[j].store);
        xkv_queue_free(workers[i].queue);
    }
}

static struct worker workers[THREADS];

static void claim_for_a_while(const struct kind *kind) {
    uint64_t claims = 0, renewals = 0, ends = 0, expired = 0;
    struct client client;
    char name[PATH_SIZE];
    pthread_t clock;
    xkv_options options = options_of(kind, name);

    fill(&options, KEYS_COUNT, &client);
    ledger_begin();
    workers_open(workers, &options);
    atomic_store(&stop, false);
    MUST(pthread_create(&clock, NULL, move_clock, NULL) == 0);
    workers_run(workers, work);
    pthread_join(clock, NULL);
    for (size_t i = 0; i < THREADS; i++) {
        claims += workers[i].claims;
        renewals += workers[i].renewals;
        ends += workers[i].ends;
        expired += workers[i].expired;
    }
    workers_close(workers);
    ledger_end();
    client_close(&client);
    printf("%s: %" PRIu64 " claims, %" PRIu64 " renewed, %" PRIu64 " given back, %" PRIu64
           " found expired\n",
           kind->name, claims, renewals, ends, expired);
    assert_true(claims > KEYS_COUNT && renewals > 0 && ends > 0 && expired > 0);
}

static void test_claims(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++)
        claim_for_a_while(&kinds[i]);
}

/* -- Popping ----------------------------------------------------------------- */

enum { POPPED = 10000 };

static _Atomic unsigned popped[POPPED];

static void end_pop(struct worker *worker, struct vu *vu, const xkv_reply *reply) {
    xkv_bytes key, value;
    size_t at = 0;

    MUST(reply->status == XKV_OK);
    if (reply->number == 0)
        vu->state = HOLDS; /* has got all that there was for it */
    for (; xkv_reply_next(reply, &at, &key, &value); worker->ends++)
        MUST(atomic_fetch_add(&popped[number_of(key)], 1) == 0);
}

static bool round_of_pops(struct worker *worker) {
    xkv_reply reply;
    size_t pending = 0, begun = 0;

    xkv_reply_init(&reply, NULL, 0);
    for (size_t i = 0; i < worker->vu_count; i++) {
        struct vu *vu = &worker->vus[i];
        bool many = rng_chance(&worker->rng, 200);
        xkv_command command = {.op = many ? XKV_OP_POP_RANDOM_MANY : XKV_OP_POP_RANDOM,
                               .prefix = LIT("c:"),
                               .count = 1 + (int64_t)rng_below(&worker->rng, 4)};
        if (vu->state == HOLDS)
            continue;
        begun++;
        if (xkv_submit(vu->store, &command, &reply, worker->queue, i) == XKV_DONE)
            end_pop(worker, vu, &reply);
        else
            pending++;
    }
    collect(worker, pending, end_pop);
    xkv_reply_clear(&reply);
    return begun > 0;
}

static void *pop_all(void *argument) {
    while (round_of_pops(argument))
        ;
    return NULL;
}

static void test_popping(void **state) {
    size_t keys = SANITIZED ? 2000 : POPPED;
    char name[PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct client client;
        uint64_t all = 0;
        /* Counting and walking for each key takes its time. */
        size_t count =
            kinds[i].backend == XKV_BACKEND_DISK && !kinds[i].track_keys ? keys / 5 : keys;
        xkv_options options = options_of(&kinds[i], name);
        fill(&options, count, &client);
        for (size_t j = 0; j < POPPED; j++)
            atomic_store(&popped[j], 0);
        workers_open(workers, &options);
        workers_run(workers, pop_all);
        for (size_t j = 0; j < THREADS; j++)
            all += workers[j].ends;
        workers_close(workers);
        assert_int_equal(all, count);
        assert_int_equal(do_plain(&client, XKV_OP_SIZE), XKV_OK);
        assert_int_equal(client.reply.number, 0);
        client_close(&client);
    }
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_popping),
    };

    (void)argc;
    test_begin(argv);
    clocks_stop();
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
