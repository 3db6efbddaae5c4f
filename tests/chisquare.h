/*
 * chisquare.h - whether counts are what chance would make of them
 */
#ifndef XKV_TESTS_CHISQUARE_H
#define XKV_TESTS_CHISQUARE_H

#include "support.h"

/*
 * Pearson's statistic against its distribution's upper tail, five standard
 * deviations out (about once in three million runs by chance). The tail comes
 * from the first terms of Cornish and Fisher's expansion around the normal
 * distribution: df + z sqrt(2 df) + 2/3 (z^2 - 1).
 */
static inline bool chi_square_fits(double statistic, double freedom) {
    double excess = statistic - freedom - 16;

    return excess <= 0 || excess * excess <= 25 * 2 * freedom;
}

static inline double chi_square_term(double count, double expected) {
    return (count - expected) * (count - expected) / expected;
}

/* For equal chances. */
static inline bool counts_are_even(const uint64_t *counts, size_t n) {
    double total = 0, statistic = 0;

    for (size_t i = 0; i < n; i++)
        total += (double)counts[i];
    for (size_t i = 0; i < n; i++)
        statistic += chi_square_term((double)counts[i], total / (double)n);
    return chi_square_fits(statistic, (double)n - 1);
}

#endif
