/*
 * answer.c - any reply of a server as the answer to any command: it is refused, or becomes a reply
 * whose items can be read to their end
 */
#include "../items.h"

#include "base/error.h"
#include "remote/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static xkv_options options;
static xkv__dialect dialect = {.options = &options, .count = 1};

/* Claims, of which any command takes what it wants: keys, entries, claims. They are more than an
 * answer has bytes behind what it says of each. */
static xkv_bytes some_items(void) {
    enum { CLAIMS = 20 };
    static xkv_items items;
    static bool is_made;

    for (int i = 0; !is_made && i < CLAIMS; i++)
        MUST(xkv_items_add_claim(&items, LIT("claim-7"), LIT("key"), 7) == XKV_OK);
    is_made = true;
    return xkv_items_bytes(&items);
}

static void begin(void) {
    if (options.name)
        return;
    xkv_options_init(&options);
    memcpy(dialect.id, "0123456789abcdef", XKV__ID_SIZE);
    MUST(xkv__partitions_name(&dialect, 1) == XKV_OK);
}

static bool is_whole(xkv_bytes answer) {
    xkv__resp_scan scan;

    xkv__resp_scan_begin(&scan);
    return xkv__resp_scan_on(&scan, answer.data, answer.len) == XKV__RESP_WHOLE &&
           scan.at == answer.len;
}

static void read_items(const xkv_reply *reply) {
    xkv_item item;

    for (size_t at = 0; xkv_item_next((xkv_bytes){reply->data, reply->len}, &at, &item);)
        MUST(at <= reply->len);
}

static void answer_command(const xkv_command *command, xkv_bytes bytes) {
    const xkv__answers given = {.from = 1, .of = {bytes}};
    xkv__exchange exchange;
    xkv_reply reply;
    const xkv__call call = {.command = command, .reply = &reply, .seed = XKV_NO_SEED};

    xkv_reply_init(&reply, NULL, 0);
    xkv__exchange_begin(&exchange, &call);
    int error = xkv__answer(&dialect, &exchange, &given);
    if (error == XKV_OK)
        read_items(&reply);
    else if (error != XKV__ASK_AGAIN)
        (void)xkv__reason(error);
    xkv__exchange_end(&exchange);
    xkv_reply_clear(&reply);
}

/* The first byte says which command, the second with what. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3)
        return 0;
    xkv_bytes bytes = {data + 2, size - 2};
    xkv_command command = {.op = data[0] % XKV_OP_END,
                           .key = LIT("key"),
                           .value = LIT("1"),
                           .expected = LIT("{\"a\":1}"),
                           .expect = data[1] % 3,
                           .limit = data[1] / 8 % 4,
                           .count = 3,
                           .include_current = data[1] & 4,
                           .items = some_items()};

    begin();
    dialect.serialization = data[1] / 32 % 3;
    if (!is_whole(bytes))
        return 0;
    answer_command(&command, bytes);
    (void)xkv__answer_store(&dialect, bytes);
    memcpy(dialect.id, "0123456789abcdef", XKV__ID_SIZE);
    dialect.count = 1;
    return 0;
}
