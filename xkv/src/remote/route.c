/*
 * route.c - which partitions a command is for; see protocol.h
 *
 * A key lies where its slot says, as a cluster reckons it: so keys that share a tag lie in one
 * partition, and what concerns only these is one step there.
 */
#include "base/sys.h"
#include "command/command.h"
#include "remote/spread.h"

enum { SLOTS_OF_KEYS = 16384 };

unsigned xkv__partition_of(const xkv__dialect *dialect, xkv_bytes key) {
    return dialect->count == 1 ? 0 : xkv__slot_of(key) * dialect->count / SLOTS_OF_KEYS;
}

static uint64_t bit_of(const xkv__dialect *dialect, xkv_bytes key) {
    return UINT64_C(1) << xkv__partition_of(dialect, key);
}

/* Whether all that starts with it has one tag. */
static bool holds_tag(xkv_bytes prefix) {
    return xkv__tag_of(prefix).len < prefix.len;
}

/* Sorts items by their partitions, in the order in which they are there: first has how many each
 * partition has, one behind its place. */
static int sort_items(struct xkv__spread *spread, xkv_bytes items) {
    size_t size = spread->places.len * sizeof(size_t), next[XKV__PARTITIONS_MAX], at = 0;
    size_t *offsets = (size_t *)(void *)xkv__buffer_reserve(&spread->offsets, size);
    xkv_item item;

    if (!offsets)
        return XKV_E_STORE_FULL;
    for (size_t i = 0; i < XKV__PARTITIONS_MAX; i++)
        spread->first[i + 1] += spread->first[i];
    memcpy(next, spread->first, sizeof next);
    for (size_t n = 0; n < spread->places.len; n++) {
        offsets[next[spread->places.data[n]]++] = at;
        (void)xkv_item_next(items, &at, &item);
    }
    return XKV_OK;
}

int xkv__spread_items(const xkv__dialect *dialect, struct xkv__spread *spread, xkv_bytes items) {
    size_t at = 0;

    spread->places.len = 0;
    spread->whom = 0;
    memset(spread->first, 0, sizeof spread->first);
    for (xkv_item item; xkv_item_next(items, &at, &item);) {
        unsigned place = xkv__partition_of(dialect, item.text);
        xkv__buffer_append_byte(&spread->places, (unsigned char)place);
        spread->whom |= UINT64_C(1) << place;
        spread->first[place + 1]++;
    }
    if (spread->whom == 0)
        spread->whom = 1;
    return spread->places.error == XKV_OK ? sort_items(spread, items) : XKV_E_STORE_FULL;
}

static uint64_t begin_spread(const xkv__dialect *dialect, xkv__exchange *exchange) {
    struct xkv__spread *spread = exchange->spread = xkv__alloc(sizeof *spread);

    exchange->error = spread ? XKV_OK : XKV_E_STORE_FULL;
    if (!spread)
        return 1;
    memset(spread, 0, sizeof *spread);
    spread->command = *exchange->call->command;
    exchange->command = &spread->command;
    exchange->error = xkv__spread_begin(dialect, exchange);
    return exchange->error == XKV_OK ? spread->whom : 1;
}

void xkv__spread_free(struct xkv__spread *spread) {
    if (!spread)
        return;
    xkv_items_free(&spread->items);
    xkv__buffer_free(&spread->places);
    xkv__buffer_free(&spread->offsets);
    xkv__buffer_free(&spread->last);
    xkv__buffer_free(&spread->next);
    xkv__buffer_free(&spread->seen);
    xkv__buffer_free(&spread->taken);
    xkv__buffer_free(&spread->merged);
    xkv__free(spread);
}

/* What lies in one partition by all that the command is about: the key, that of the claim, or
 * what they all begin with. Without data if it does not. */
static xkv_bytes one_place(const xkv_command *command) {
    const xkv_op_info *info = xkv__info(command);
    xkv_arguments taken = info->arguments | info->required | info->optional;
    xkv_item item = {.text = {NULL, 0}};
    size_t at = 0;

    if (taken & XKV_ARG_KEY)
        return command->key;
    if (taken & XKV_ARG_CLAIM)
        (void)xkv_item_next(command->items, &at, &item);
    else if ((taken & XKV_ARG_PREFIX) && holds_tag(command->prefix))
        return command->prefix;
    return item.text;
}

static uint64_t whom_of_many(const xkv__dialect *dialect, xkv__exchange *exchange) {
    const xkv_command *command = exchange->call->command;
    xkv_bytes place = command->op < XKV_OP_END ? one_place(command) : (xkv_bytes){NULL, 0};

    if (command->op == XKV_OP_NEXT && place.data &&
        xkv__partition_of(dialect, place) != xkv__partition_of(dialect, command->key))
        place.data = NULL; /* the position lies elsewhere */
    return place.data ? bit_of(dialect, place) : begin_spread(dialect, exchange);
}

uint64_t xkv__whom(const xkv__dialect *dialect, xkv__exchange *exchange) {
    if (dialect->count == 1)
        return 1;
    return exchange->spread ? exchange->spread->whom : whom_of_many(dialect, exchange);
}

bool xkv__changes(const xkv_command *command) {
    if (command->op >= XKV_OP_END)
        return command->op == XKV__OP_TAKE_TURN || command->op == XKV__OP_TAKE_POSITION;
    return xkv__info(command)->access >= XKV_ACCESS_WRITE || command->op == XKV_OP_NEXT_CIRCULAR;
}
