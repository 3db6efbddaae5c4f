/*
 * driver.h - who waits for completions does the work that brings them
 *
 * Commands that travel to a server come back when somebody sends, receives and reads. Where
 * the thread that wants the replies does it, none has to be woken for each of them: it
 * takes the lead, and others follow (Schmidt et al., "Leader/Followers", 2000). What
 * nobody waits for is left to a thread of the executor's.
 */
#ifndef XKV_STORE_DRIVER_H
#define XKV_STORE_DRIVER_H

#include "base/config.h"

typedef struct xkv__driver {
    /* Works until enough says so, or so many milliseconds (-1: for ever) are over. False: it is
     * another's turn, and nothing was done. */
    bool (*drive)(void *context, bool (*enough)(void *), void *asker, int timeout_ms);

    /* Something may be enough now that is none of the driver's doing. From any thread. */
    void (*nudge)(void *context);
    void *context;
} xkv__driver;

/* Offers a driver, to all who wait for a queue. False: there is another, which goes on. */
bool xkv__driver_offer(const xkv__driver *driver);

/* Takes it back, and waits until nobody uses it. Whoever does must be about to stop. */
void xkv__driver_withdraw(const xkv__driver *driver);

#endif
