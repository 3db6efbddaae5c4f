/* sys.c - see sys.h: what is the same on every system */
#include "base/sys.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

/* -- Memory, clocks, chance ------------------------------------------------- */

#define SYSTEM_HOOKS                                                                               \
    {                                                                                              \
        .alloc = malloc, .resize = realloc, .release = free, .now_ms = xkv__system_now_ms,         \
        .wall_ms = xkv__system_wall_ms, .entropy = xkv__system_entropy                             \
    }

xkv_hooks xkv__sys = SYSTEM_HOOKS;

void xkv_set_hooks(const xkv_hooks *hooks) {
    xkv__sys = (xkv_hooks)SYSTEM_HOOKS;
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

/* -- Failures --------------------------------------------------------------- */

static const char *words_of(xkv__cause cause) {
    static const char *const words[] = {
#define X(name, words) words,
        XKV__CAUSE_MAP(X)
#undef X
    };

    return words[cause];
}

bool xkv__means_full(xkv__fault fault) {
    return fault.cause == XKV__NO_SPACE || fault.cause == XKV__QUOTA ||
           fault.cause == XKV__TOO_LARGE || fault.cause == XKV__NO_MEMORY;
}

int xkv__fail_fault(int code, const char *what, const char *path, xkv__fault fault) {
    const char *quote = path ? "\"" : "", *space = path ? " " : "";
    char number[32] = "";

    if (fault.number != 0)
        snprintf(number, sizeof number, " (%s %d)", xkv__fault_numbers, fault.number);
    return xkv__fail(code, "%s%s%s%s%s: %s%s", what, space, quote, path ? path : "", quote,
                     words_of(fault.cause), number);
}

int xkv__fail_system(int code, const char *what, const char *path, xkv__fault fault) {
    return xkv__fail_fault(xkv__means_full(fault) ? XKV_E_STORE_FULL : code, what, path, fault);
}
