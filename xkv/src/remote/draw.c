/*
 * draw.c - what chance chooses of several partitions; see spread.h
 *
 * A key is to have the same chance wherever it lies. If it is known of each partition that
 * it has at most so many keys, its bound, then one is chosen in proportion to the bounds,
 * and there a number below its bound is drawn: the key of that number, or none, and then all
 * is drawn again. So each key has one chance in the sum of the bounds, however the keys move,
 * as long as no partition has more than its bound. Each answer says how many there are: where
 * they are more, all are counted again before anything is drawn.
 *
 * Bounds are remembered for a short while, somewhat above what was counted, so that most draws
 * are one question to one partition.
 */
#include "base/monitor.h"
#include "base/random.h"
#include "base/sys.h"
#include "remote/spread.h"

enum {
    REMEMBERED = 16, /* prefixes, */
    PREFIX_LEN = 64, /* none of which is longer, */
    FRESH_MS = 100   /* for so long */
};

/* -- Random numbers ---------------------------------------------------------------- */

static bool is_seeded(const xkv__exchange *exchange) {
    return exchange->call->seed != XKV_NO_SEED;
}

/* Steps and partitions draw apart from each other: what one of them draws says nothing of the
 * others. */
void xkv__draws_begin(const xkv__exchange *exchange, unsigned place) {
    const xkv__call *call = exchange->call;

    if (!is_seeded(exchange))
        return;
    xkv__draw_for((uint64_t)call->seed, call->stream, call->number);
    if (exchange->spread)
        xkv__draw_for(xkv__random_below(UINT64_MAX), exchange->spread->round, place);
}

void xkv__draws_end(const xkv__exchange *exchange) {
    if (is_seeded(exchange))
        xkv__draw_freely();
}

/* -- One key ------------------------------------------------------------------------- */

uint64_t xkv__draw_place(const xkv__exchange *exchange) {
    const struct xkv__spread *spread = exchange->spread;
    int64_t sum = 0, number;
    unsigned place = 0;

    for (unsigned i = 0; i < XKV__PARTITIONS_MAX; i++)
        sum += spread->share[i];
    if (sum == 0)
        return 0;
    xkv__draws_begin(exchange, 0);
    number = (int64_t)xkv__random_below((uint64_t)sum);
    xkv__draws_end(exchange);
    while (number >= spread->share[place])
        number -= spread->share[place++];
    return UINT64_C(1) << place;
}

/* -- Many keys ------------------------------------------------------------------------ */

/* Sums of shares: each is that of the two below it, and the shares are the last. */
struct sums {
    int64_t of[2 * XKV__PARTITIONS_MAX];
};

static struct sums sums_of(const int64_t share[XKV__PARTITIONS_MAX]) {
    struct sums sums;

    memcpy(sums.of + XKV__PARTITIONS_MAX, share, XKV__PARTITIONS_MAX * sizeof *share);
    for (unsigned i = XKV__PARTITIONS_MAX - 1; i > 0; i--)
        sums.of[i] = sums.of[2 * i] + sums.of[2 * i + 1];
    sums.of[0] = 0;
    return sums;
}

/* The partition of one of all keys, which is then no longer there if it is taken. */
static unsigned draw_of(struct sums *sums, bool takes) {
    int64_t number = (int64_t)xkv__random_below((uint64_t)sums->of[1]);
    unsigned at = 1;

    while (at < XKV__PARTITIONS_MAX) {
        sums->of[at] -= takes;
        at *= 2;
        if (number >= sums->of[at])
            number -= sums->of[at++];
    }
    sums->of[at] -= takes;
    return at - XKV__PARTITIONS_MAX;
}

static uint64_t those_with_a_share(const struct xkv__spread *spread) {
    uint64_t whom = 0;

    for (unsigned i = 0; i < XKV__PARTITIONS_MAX; i++)
        whom |= (uint64_t)(spread->share[i] > 0) << i;
    return whom;
}

/* Of more than half of the keys those are drawn that are left: they are fewer. */
uint64_t xkv__draw_split(const xkv__exchange *exchange, int64_t count, bool repeats) {
    struct xkv__spread *spread = exchange->spread;
    int64_t counts[XKV__PARTITIONS_MAX];
    struct sums sums = sums_of(spread->share);
    int64_t total = sums.of[1];

    if (!repeats && count > total)
        count = total;
    bool leaves = !repeats && count > total / 2;
    memcpy(counts, spread->share, sizeof counts);
    memset(spread->share, 0, sizeof spread->share);
    xkv__draws_begin(exchange, 0);
    for (int64_t left = total == 0 ? 0 : leaves ? total - count : count; left > 0; left--)
        spread->share[draw_of(&sums, !repeats)]++;
    xkv__draws_end(exchange);
    for (unsigned i = 0; leaves && i < XKV__PARTITIONS_MAX; i++)
        spread->share[i] = counts[i] - spread->share[i];
    return those_with_a_share(spread);
}

/* Where groups begin, and where the last ends, in random order but for that. NULL when memory is
 * short. */
static xkv_bytes *find_groups(const struct xkv__spread *spread, size_t each) {
    xkv__resp_cursor cursor = xkv__resp_cursor_on(xkv__buffer_bytes(&spread->taken));
    xkv_bytes *groups = xkv__alloc((spread->groups + 1) * sizeof *groups);

    for (size_t n = 0; groups && n < spread->groups; n++) {
        const unsigned char *from = cursor.at;
        for (size_t i = 0; i < each; i++)
            xkv__resp_skip(&cursor);
        groups[n] = (xkv_bytes){from, (size_t)(cursor.at - from)};
    }
    return groups;
}

/* Fisher and Yates. */
int xkv__draw_shuffled(const xkv__exchange *exchange, size_t each) {
    struct xkv__spread *spread = exchange->spread;
    xkv_bytes *groups = find_groups(spread, each);

    if (!groups)
        return XKV_E_STORE_FULL;
    xkv__draws_begin(exchange, 0);
    for (size_t left = spread->groups; left > 0; left--) {
        size_t n = (size_t)xkv__random_below(left);
        xkv__buffer_append(&spread->merged, groups[n].data, groups[n].len);
        groups[n] = groups[left - 1];
    }
    xkv__draws_end(exchange);
    xkv__free(groups);
    return spread->merged.error;
}

/* -- Bounds ------------------------------------------------------------------------- */

/* What is known of the keys with a prefix. */
struct known {
    int64_t until_ns; /* it is of use; 0: never */
    bool free;        /* only keys without a claim count */
    size_t prefix_len;
    unsigned char prefix[PREFIX_LEN];
    int64_t count[XKV__PARTITIONS_MAX], bound[XKV__PARTITIONS_MAX];
    int64_t counts, bounds; /* sums of them */
};

struct xkv__bounds {
    struct known known[REMEMBERED];
};

struct xkv__bounds *xkv__bounds_new(void) {
    struct xkv__bounds *bounds = xkv__alloc(sizeof *bounds);

    if (bounds)
        memset(bounds, 0, sizeof *bounds);
    return bounds;
}

void xkv__bounds_free(struct xkv__bounds *bounds) {
    xkv__free(bounds);
}

static struct known *find_known(const xkv__dialect *dialect, const struct xkv__spread *spread,
                                bool free) {
    xkv_bytes prefix = spread->command.prefix;

    for (size_t i = 0; i < REMEMBERED; i++) {
        struct known *known = &dialect->bounds->known[i];
        if (known->until_ns != 0 && known->free == free && known->prefix_len == prefix.len &&
            (prefix.len == 0 || memcmp(known->prefix, prefix.data, prefix.len) == 0))
            return known;
    }
    return NULL;
}

/* The same, or that which was forgotten first, for this prefix. */
static struct known *find_or_forget(const xkv__dialect *dialect, const struct xkv__spread *spread,
                                    bool free) {
    struct known *known = find_known(dialect, spread, free), *all = dialect->bounds->known;
    xkv_bytes prefix = spread->command.prefix;

    if (known || prefix.len > PREFIX_LEN)
        return known;
    known = all;
    for (size_t i = 1; i < REMEMBERED; i++) {
        if (all[i].until_ns < known->until_ns)
            known = &all[i];
    }
    known->free = free;
    known->prefix_len = prefix.len;
    if (prefix.len > 0)
        memcpy(known->prefix, prefix.data, prefix.len);
    return known;
}

/* Whoever finds them out of date counts anew; until that is done they are of use to others. */
static bool is_fresh(struct known *known) {
    int64_t now = xkv__monitor_now();
    bool fresh = now < known->until_ns;

    if (!fresh)
        known->until_ns = now + FRESH_MS * INT64_C(1000000);
    return fresh;
}

bool xkv__bounds_recall(const xkv__dialect *dialect, struct xkv__spread *spread, bool free) {
    struct known *known = find_known(dialect, spread, free);

    if (!known || known->counts < known->bounds / 2 || !is_fresh(known))
        return false;
    memcpy(spread->share, known->bound, sizeof spread->share);
    spread->total = known->counts;
    return true;
}

/* Room for some that come meanwhile. */
static int64_t bound_for(int64_t count) {
    return count + count / 8 + 4;
}

static void set_known(struct known *known, unsigned partition, int64_t count, int64_t bound) {
    known->counts += count - known->count[partition];
    known->bounds += bound - known->bound[partition];
    known->count[partition] = count;
    known->bound[partition] = bound;
}

void xkv__bounds_remember(const xkv__dialect *dialect, const struct xkv__spread *spread,
                          bool free) {
    struct known *known = find_or_forget(dialect, spread, free);

    if (!known)
        return;
    for (unsigned i = 0; i < dialect->count; i++)
        set_known(known, i, spread->share[i], bound_for(spread->share[i]));
    known->until_ns = xkv__monitor_now() + FRESH_MS * INT64_C(1000000);
}

/* A bound that is far too high costs draws that are in vain. */
void xkv__bounds_correct(const xkv__dialect *dialect, const struct xkv__spread *spread, bool free,
                         unsigned partition, int64_t count) {
    struct known *known = find_known(dialect, spread, free);

    if (!known)
        return;
    int64_t bound = known->bound[partition], next = bound_for(count);
    bool fits = bound >= count && bound <= 2 * next;
    set_known(known, partition, count, fits ? bound : next);
}
