/*
 * random.c - see random.h
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
#include "base/random.h"
#include "base/sys.h"

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
