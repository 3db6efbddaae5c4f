/*
 * random.h - random numbers: a generator for each thread, and for calls with a seed
 */
#ifndef XKV_BASE_RANDOM_H
#define XKV_BASE_RANDOM_H

#include "base/config.h"

/* A random number below bound (1 or more), without bias. */
uint64_t xkv__random_below(uint64_t bound);

/* Until xkv__draw_freely, the random numbers of this thread are a function of
 * these three. */
void xkv__draw_for(uint64_t seed, uint64_t stream, uint64_t call);
void xkv__draw_freely(void);

#endif
