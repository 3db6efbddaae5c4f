/*
 * base.c - what everything else stands on: the environment and its hooks,
 * randomness, errors, text, replies
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const char *xkv_version(void) {
    return XKV_VERSION;
}

/* -- The environment --------------------------------------------------------- */

static uint64_t system_now_ms(void) {
    struct timespec now;
#ifdef CLOCK_BOOTTIME /* goes on while the machine sleeps */
    clock_gettime(CLOCK_BOOTTIME, &now);
#else
    clock_gettime(CLOCK_MONOTONIC, &now);
#endif
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Seeds need to differ, not to be secret: without /dev/urandom, the clock and
 * an address will do. */
static void system_entropy(void *out, size_t size) {
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, out, size);

    if (fd >= 0)
        close(fd);
    if (got == (ssize_t)size)
        return;
    for (size_t i = 0; i < size; i++) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        ((unsigned char *)out)[i] = (unsigned char)(now.tv_nsec ^ (long)((uintptr_t)&now >> 4));
    }
}

static uint64_t system_wall_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int system_open(const char *path, int flags, unsigned mode) {
    return open(path, flags, (mode_t)mode);
}

static int64_t system_pread(int fd, void *out, size_t size, int64_t at) {
    return pread(fd, out, size, (off_t)at);
}

static int system_mkdir(const char *path, unsigned mode) {
    return mkdir(path, (mode_t)mode);
}

#define SYSTEM_HOOKS                                                                               \
    {                                                                                              \
        .alloc = malloc, .resize = realloc, .release = free, .now_ms = system_now_ms,              \
        .wall_ms = system_wall_ms, .entropy = system_entropy, .open = system_open, .fstat = fstat, \
        .pread = system_pread, .fsync = fsync, .mkdir = system_mkdir                               \
    }

static const xkv_hooks system_hooks = SYSTEM_HOOKS;
xkv_hooks xkv__sys = SYSTEM_HOOKS;

void xkv_set_hooks(const xkv_hooks *hooks) {
    xkv__sys = system_hooks;
    if (!hooks)
        return;
#define TAKE(field)                                                                                \
    if (hooks->field)                                                                              \
    xkv__sys.field = hooks->field
    TAKE(alloc);
    TAKE(resize);
    TAKE(release);
    TAKE(now_ms);
    TAKE(wall_ms);
    TAKE(entropy);
    TAKE(open);
    TAKE(fstat);
    TAKE(pread);
    TAKE(fsync);
    TAKE(mkdir);
#undef TAKE
}

void *xkv__alloc(size_t size) {
    return xkv__sys.alloc(size ? size : 1);
}

void *xkv__resize(void *old, size_t size) {
    return xkv__sys.resize(old, size ? size : 1);
}

void xkv__free(void *memory) {
    if (memory)
        xkv__sys.release(memory);
}

char *xkv__strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = xkv__alloc(size);

    if (copy)
        memcpy(copy, text, size);
    return copy;
}

/* Signals are the business of the program's own threads. */
int xkv__thread_start(pthread_t *thread, void *(*run)(void *), void *argument) {
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ? XKV_OK : xkv__fail(XKV_E_STORE_FULL, "a thread could not be started");
}

/* -- Randomness --------------------------------------------------------------
 *
 * xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", 2021), one generator per thread, its state filled by SplitMix64
 * as its authors advise. While a call of a handle that has a seed runs, another
 * generator takes its place, made for that call: so which thread runs the call,
 * how often it is begun again, and what else the thread does, does not matter. Bounded numbers by
 * Lemire's multiplication method
 * ("Fast random integer generation in an interval", 2019): unbiased, and
 * almost never a division.
 */
typedef struct generator {
    uint64_t state[4];
    bool seeded;
} generator;

static _Thread_local generator own, of_call;
static _Thread_local bool in_call; /* of_call counts, not own */

static uint64_t split_mix(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void fill(generator *source, uint64_t seed) {
    for (int i = 0; i < 4; i++)
        source->state[i] = split_mix(&seed);
    source->seeded = true;
}

void xkv_seed(uint64_t seed) {
    fill(&own, seed);
}

void xkv__draw_for(uint64_t seed, uint64_t stream, uint64_t call) {
    uint64_t mixed = split_mix(&seed) ^ stream;

    fill(&of_call, split_mix(&mixed) ^ call);
    in_call = true;
}

void xkv__draw_freely(void) {
    in_call = false;
}

static uint64_t rotate_left(uint64_t x, unsigned by) {
    return (x << by) | (x >> (64 - by));
}

static uint64_t random_bits(void) {
    generator *source = in_call ? &of_call : &own;
    uint64_t *s = source->state;

    if (XKV__UNLIKELY(!source->seeded)) {
        uint64_t seed = 0;
        xkv__sys.entropy(&seed, sizeof seed);
        xkv_seed(seed);
    }
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* The 128-bit product of two numbers, in halves: C11 has no wider type. */
static uint64_t multiply(uint64_t a, uint64_t b, uint64_t *low) {
    uint64_t a_low = (uint32_t)a, a_high = a >> 32, b_low = (uint32_t)b, b_high = b >> 32;
    uint64_t low_low = a_low * b_low, high_low = a_high * b_low, low_high = a_low * b_high;
    uint64_t middle = (low_low >> 32) + (uint32_t)high_low + (uint32_t)low_high;

    *low = (middle << 32) | (uint32_t)low_low;
    return a_high * b_high + (high_low >> 32) + (low_high >> 32) + (middle >> 32);
}

uint64_t xkv__random_below(uint64_t bound) {
    uint64_t low, high = multiply(random_bits(), bound, &low);

    if (low < bound) {
        uint64_t threshold = (0 - bound) % bound;
        while (low < threshold)
            high = multiply(random_bits(), bound, &low);
    }
    return high;
}

/* -- Errors ------------------------------------------------------------------ */

static const struct {
    const char *name, *text;
} errors[XKV_ERROR_END] = {[XKV_OK] = {"", "no error"},
#define X(code, name, text) [XKV_E_##code] = {name, text},
                           XKV_ERROR_MAP(X)
#undef X
};

static int known_error(int code) {
    return code >= 0 && code < XKV_ERROR_END ? code : XKV_E_INTERNAL;
}

const char *xkv_error_name(int code) {
    return errors[known_error(code)].name;
}

const char *xkv_error_text(int code) {
    return errors[known_error(code)].text;
}

int xkv__explain(char *message, size_t size, int code, const char *format, ...) {
    va_list arguments;

    if (message && size > 0) {
        va_start(arguments, format);
        vsnprintf(message, size, format, arguments);
        va_end(arguments);
    }
    return code;
}

static _Thread_local struct {
    int code;
    char message[XKV_MESSAGE_SIZE];
} reason;

int xkv__fail(int code, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason.message, sizeof reason.message, format, arguments);
    va_end(arguments);
    reason.code = code;
    return code;
}

const char *xkv__reason(int code) {
    const char *text = reason.code == code ? reason.message : xkv_error_text(code);

    reason.code = XKV_OK;
    return text;
}

/* -- Text -------------------------------------------------------------------- */

/* How many bytes the UTF-8 sequence at text takes, 0 if it is not one. Table
 * 3-7 of the Unicode standard: the second byte's range depends on the first. */
static size_t utf8_sequence(const unsigned char *text, size_t left) {
    unsigned char first = text[0], low = 0x80, high = 0xBF;
    size_t len = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;

    if (len == 0 || first > 0xF4 || len > left)
        return 0;
    if (first == 0xE0)
        low = 0xA0;
    else if (first == 0xED)
        high = 0x9F;
    else if (first == 0xF0)
        low = 0x90;
    else if (first == 0xF4)
        high = 0x8F;
    if (len > 1 && (text[1] < low || text[1] > high))
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    }
    return len;
}

static void (*notice_to)(const char *text);

void xkv_set_notice(void (*notice)(const char *text)) {
    notice_to = notice;
}

void xkv__notice(const char *format, ...) {
    char text[XKV_MESSAGE_SIZE];
    va_list arguments;

    if (!notice_to)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    notice_to(text);
}

bool xkv__is_utf8(xkv_bytes bytes) {
    const unsigned char *text = bytes.data;
    size_t i = 0;

    while (i < bytes.len) {
        uint64_t eight;
        if (bytes.len - i >= 8) { /* most text is ASCII: eight bytes at a time */
            memcpy(&eight, text + i, 8);
            if ((eight & 0x8080808080808080u) == 0) {
                i += 8;
                continue;
            }
        }
        size_t len = utf8_sequence(text + i, bytes.len - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

int xkv__hex(unsigned char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int xkv__compare(xkv_bytes a, xkv_bytes b) {
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared ? memcmp(a.data, b.data, shared) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool xkv__has_prefix(xkv_bytes key, xkv_bytes prefix) {
    return key.len >= prefix.len &&
           (prefix.len == 0 || memcmp(key.data, prefix.data, prefix.len) == 0);
}

const char *xkv__quote(xkv_bytes bytes, char out[XKV__QUOTE_SIZE]) {
    const unsigned char *text = bytes.data;
    size_t at = 0, i = 0;

    out[at++] = '"';
    while (i < bytes.len && at + 10 < XKV__QUOTE_SIZE) { /* 10: an escape, "…", quote, NUL */
        size_t len = utf8_sequence(text + i, bytes.len - i);
        if (len == 0 || text[i] < 0x20 || text[i] == 0x7F) {
            at += (size_t)snprintf(out + at, 5, "\\x%02x", text[i]);
            i++;
        } else {
            memcpy(out + at, text + i, len);
            at += len;
            i += len;
        }
    }
    snprintf(out + at, XKV__QUOTE_SIZE - at, i < bytes.len ? "\xE2\x80\xA6\"" : "\"");
    return out;
}

/* Levenshtein's distance, for words short enough to be names. */
enum { WORD_MAX = 64 };

static unsigned edit_distance(const char *a, const char *b) {
    unsigned row[WORD_MAX + 1];
    size_t a_len = strlen(a), b_len = strlen(b);

    if (a_len > WORD_MAX || b_len > WORD_MAX)
        return UINT_MAX;
    for (unsigned j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned change = diagonal + ((a[i - 1] | 0x20) != (b[j - 1] | 0x20));
            diagonal = row[j];
            unsigned best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = change < best ? change : best;
        }
    }
    return row[b_len];
}

const char *xkv_nearest(const char *word, const char *const *names, size_t count) {
    const char *nearest = NULL;
    unsigned best = (unsigned)(strlen(word) / 3) + 2; /* farther than this is another word */

    for (size_t i = 0; i < count; i++) {
        unsigned distance = edit_distance(word, names[i]);
        if (distance < best) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

/* -- Replies ----------------------------------------------------------------- */

void xkv_reply_init(xkv_reply *reply, void *buffer, size_t size) {
    *reply = (xkv_reply){.buffer = buffer, .buffer_size = size};
}

void xkv_reply_clear(xkv_reply *reply) {
    xkv__free(reply->owned);
    xkv_reply_init(reply, reply->buffer, reply->buffer_size);
}

void *xkv__reply_room(xkv_reply *reply, size_t size) {
    bool in_buffer = !reply->owned;
    size_t have = in_buffer ? reply->buffer_size : reply->owned_size;

    if (size <= have)
        return in_buffer ? reply->buffer : reply->owned;
    size_t want = reply->len > 0 && size < have * 2 ? have * 2 : size; /* growing: double */
    void *room = xkv__resize(reply->owned, want);
    if (!room)
        return NULL;
    if (in_buffer && reply->len > 0)
        memcpy(room, reply->buffer, reply->len);
    reply->owned = room;
    reply->owned_size = want;
    return room;
}

int xkv__reply_bytes(xkv_reply *reply, xkv_bytes bytes) {
    reply->len = 0;
    void *room = xkv__reply_room(reply, bytes.len);

    if (bytes.len > 0 && !room)
        return XKV_E_STORE_FULL;
    if (bytes.len > 0)
        memcpy(room, bytes.data, bytes.len);
    reply->data = room;
    reply->len = bytes.len;
    return XKV_OK;
}

int xkv__reply_fail(xkv_reply *reply, int code, const char *format, ...) {
    char message[XKV_MESSAGE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    int len = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (len >= (int)sizeof message)
        len = (int)sizeof message - 1;
    reply->status = code;
    reply->number = 0;
    if (xkv__reply_bytes(reply, (xkv_bytes){message, len > 0 ? (size_t)len : 0}) != XKV_OK)
        return xkv__reply_error(reply, code); /* no memory: the static text needs none */
    return code;
}

int xkv__reply_error(xkv_reply *reply, int code) {
    reply->status = code;
    reply->number = 0;
    reply->data = xkv_error_text(code);
    reply->len = strlen(xkv_error_text(code));
    return code;
}
