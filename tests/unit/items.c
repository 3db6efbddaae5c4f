/*
 * items.c - packing and unpacking: what is written is read again, and nothing
 * is read that is not there
 */
#include "../items.h"
#include "../heap.h"

#include "command/items.h"

/* -- Writing and reading ----------------------------------------------------- */

static char large[70000];

/* One item of each kind, in an array. */
static void write_all(xkv__writer *writer) {
    xkv__put_array(writer, NULL, 9);
    xkv__put_null(writer, NULL);
    xkv__put_boolean(writer, NULL, false);
    xkv__put_boolean(writer, NULL, true);
    xkv__put_integer(writer, NULL, INT64_MIN);
    xkv__put_text(writer, NULL, LIT("text"));
    xkv__put_value(writer, NULL, LIT("\"value\""));
    xkv__put_entry(writer, NULL, LIT("key"), LIT("[1]"));
    xkv__put_array(writer, NULL, 0);
    xkv__put_object(writer, NULL, 3);
    xkv__put_integer(writer, "a", -1);
    xkv__put_entry(writer, "second", LIT("\0"), NOTHING);
    xkv__put_text(writer, "a name of thirty-two bytes, then", NOTHING);
}

static const xkv_item all[] = {
    {.kind = XKV_ITEM_ARRAY, .integer = 9},
    {.kind = XKV_ITEM_NULL},
    {.kind = XKV_ITEM_FALSE},
    {.kind = XKV_ITEM_TRUE, .integer = 1},
    {.kind = XKV_ITEM_INTEGER, .integer = INT64_MIN},
    {.kind = XKV_ITEM_TEXT, .text = {"text", 4}},
    {.kind = XKV_ITEM_VALUE, .value = {"\"value\"", 7}},
    {.kind = XKV_ITEM_ENTRY, .text = {"key", 3}, .value = {"[1]", 3}},
    {.kind = XKV_ITEM_ARRAY},
    {.kind = XKV_ITEM_OBJECT, .integer = 3},
    {.kind = XKV_ITEM_INTEGER, .name = {"a", 1}, .integer = -1},
    {.kind = XKV_ITEM_ENTRY, .name = {"second", 6}, .text = {"\0", 1}},
    {.kind = XKV_ITEM_TEXT, .name = {"a name of thirty-two bytes, then", 32}},
};

static void assert_item(const xkv_item *item, const xkv_item *expected) {
    assert_int_equal(item->kind, expected->kind);
    assert_true(item->integer == expected->integer);
    assert_true(same_bytes(item->name, expected->name));
    assert_true(same_bytes(item->text, expected->text));
    assert_true(same_bytes(item->value, expected->value));
}

static void test_round_trip(void **state) {
    xkv_reply reply;
    xkv_item item;
    size_t at = 0;

    (void)state;
    xkv_reply_init(&reply, NULL, 0);
    xkv__writer writer = xkv__writer_on(&reply);
    write_all(&writer);
    assert_int_equal(writer.error, XKV_OK);
    for (size_t i = 0; i < COUNT(all); i++) {
        assert_true(xkv_item_next(bytes_of(reply.data, reply.len), &at, &item));
        assert_item(&item, &all[i]);
    }
    assert_int_equal(at, reply.len);
    assert_false(xkv_item_next(bytes_of(reply.data, reply.len), &at, &item));
    assert_int_equal(at, reply.len);
    assert_string_equal(reply_text(&reply),
                        "[null,false,true,-9223372036854775808,\"text\",\"value\","
                        "{\"key\":\"key\",\"value\":[1]},[],{\"a\":-1,\"second\":{\"key\":\"");
    xkv_reply_clear(&reply);
}

/* Numbers of any size, and texts longer than any room that was there. */
static void test_sizes(void **state) {
    static const size_t sizes[] = {0, 1, 255, 256, 257, 65535, 65536, sizeof large};
    static const int64_t numbers[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_C(1) << 32};
    char buffer[300];
    xkv_reply reply;
    xkv_item item;
    size_t at = 0;

    (void)state;
    xkv_reply_init(&reply, buffer, sizeof buffer);
    xkv__writer writer = xkv__writer_on(&reply);
    for (size_t i = 0; i < COUNT(sizes); i++)
        xkv__put_entry(&writer, NULL, bytes_of(large, sizes[i]), bytes_of(large, sizes[i] / 2));
    for (size_t i = 0; i < COUNT(numbers); i++)
        xkv__put_integer(&writer, "n", numbers[i]);
    assert_int_equal(writer.error, XKV_OK);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        assert_true(xkv_item_next(bytes_of(reply.data, reply.len), &at, &item));
        assert_true(same_bytes(item.text, bytes_of(large, sizes[i])));
        assert_int_equal(item.value.len, sizes[i] / 2);
    }
    for (size_t i = 0; i < COUNT(numbers); i++) {
        assert_true(xkv_item_next(bytes_of(reply.data, reply.len), &at, &item));
        assert_true(item.integer == numbers[i]);
    }
    assert_int_equal(at, reply.len);
    xkv_reply_clear(&reply);
}

/* Cut anywhere it is not an item, and says so; at stays where it was. Copies of
 * the exact size let AddressSanitizer see each byte that is read beyond. */
static void test_cut_anywhere(void **state) {
    xkv_reply reply;

    (void)state;
    xkv_reply_init(&reply, NULL, 0);
    xkv__writer writer = xkv__writer_on(&reply);
    write_all(&writer);
    for (size_t len = 0; len < reply.len; len++) {
        unsigned char *cut = malloc(len + (len == 0));
        size_t at = 0, n = 0, before = 0;
        xkv_item item;
        MUST(cut);
        memcpy(cut, reply.data, len);
        for (; xkv_item_next(bytes_of(cut, len), &at, &item); n++) {
            assert_item(&item, &all[n]);
            assert_true(at > before && at <= len);
            before = at;
        }
        assert_true(n < COUNT(all));
        assert_int_equal(at, before);
        free(cut);
    }
    xkv_reply_clear(&reply);
}

/* Bytes by chance: reading ends, and stays within. */
static void test_any_bytes(void **state) {
    struct rng rng = rng_for("items");

    (void)state;
    for (int i = 0; i < 200000; i++) {
        size_t len = rng_below(&rng, 60), at = 0;
        unsigned char *bytes = malloc(len + 1);
        xkv_item item;
        MUST(bytes);
        rng_fill(&rng, bytes, len);
        for (size_t j = 0; j < len; j++) {
            if (rng_chance(&rng, 600))
                bytes[j] %= 12;
        }
        while (xkv_item_next(bytes_of(bytes, len), &at, &item)) {
            const unsigned char *text = item.text.data, *value = item.value.data;
            assert_true(at <= len && item.kind <= XKV_ITEM_OBJECT);
            assert_true(item.text.len == 0 || text + item.text.len <= bytes + at);
            assert_true(item.value.len == 0 || value + item.value.len <= bytes + at);
        }
        free(bytes);
    }
}

static void test_kinds_that_are_none(void **state) {
    unsigned char bytes[16] = {0};
    xkv_item item;

    (void)state;
    for (unsigned kind = 0; kind < 256; kind++) {
        size_t at = 0;
        bytes[0] = (unsigned char)kind;
        assert_int_equal(xkv_item_next(bytes_of(bytes, sizeof bytes), &at, &item),
                         kind <= XKV_ITEM_OBJECT);
    }
    size_t at = 0;
    assert_false(xkv_item_next(bytes_of("", 0), &at, &item));
}

/* -- Patching ---------------------------------------------------------------- */

static void test_patching(void **state) {
    xkv_reply reply;

    (void)state;
    xkv_reply_init(&reply, NULL, 0);
    xkv__writer writer = xkv__writer_on(&reply);
    size_t object = xkv__put_object(&writer, NULL, 0);
    size_t number = xkv__put_integer(&writer, "n", 0);
    size_t members = xkv__put_array(&writer, "list", 0);
    for (int i = 0; i < 200; i++) /* the reply moves meanwhile */
        xkv__put_null(&writer, NULL);
    xkv__patch_members(&writer, object, 2);
    xkv__patch_integer(&writer, number, (uint64_t)INT64_MAX);
    xkv__patch_members(&writer, members, 200);
    assert_memory_equal(reply_text(&reply), "{\"n\":9223372036854775807,\"list\":[null,", 38);
    xkv_reply_clear(&reply);
}

/* After its first failure a writer does nothing more, patching included. */
static void test_writer_without_memory(void **state) {
    long before = heap.live;

    (void)state;
    for (long n = 1;; n++) {
        xkv_reply reply;
        xkv_reply_init(&reply, NULL, 0);
        xkv__writer writer = xkv__writer_on(&reply);
        heap_fail_at(n, false);
        size_t members = xkv__put_array(&writer, NULL, 0);
        size_t number = xkv__put_integer(&writer, NULL, 1);
        for (int i = 0; i < 4; i++)
            xkv__put_value(&writer, NULL, bytes_of(large, 3000));
        xkv__patch_members(&writer, members, 5);
        xkv__patch_integer(&writer, number, 2);
        bool failed = heap_failed();
        assert_int_equal(writer.error, failed ? XKV_E_STORE_FULL : XKV_OK);
        xkv_reply_clear(&reply);
        assert_int_equal(heap.live, before);
        if (!failed)
            return;
    }
}

/* -- Lists for commands ------------------------------------------------------ */

static void test_lists(void **state) {
    struct ticket ticket = {"claim-7", "key", 7, 0};
    xkv_items items = ENTRIES("a", "1", "b", "");
    size_t at = 0;
    xkv_item item;
    int64_t token;

    (void)state;
    add_ticket(&items, &ticket);
    items_add(&items, bytes_of(large, XKV_KEY_MAX), bytes_of(large, sizeof large));
    xkv_bytes bytes = xkv_items_bytes(&items);
    assert_true(xkv_item_next(bytes, &at, &item) && item.kind == XKV_ITEM_ENTRY);
    assert_true(same_bytes(item.text, LIT("a")) && same_bytes(item.value, LIT("1")));
    assert_true(xkv_item_next(bytes, &at, &item) && item.value.len == 0);
    assert_true(xkv_item_next(bytes, &at, &item) && same_bytes(item.text, LIT("key")));
    memcpy(&token, item.value.data, sizeof token);
    assert_int_equal(token, 7);
    assert_int_equal(item.value.len, sizeof token + 7);
    assert_true(xkv_item_next(bytes, &at, &item) && item.value.len == sizeof large);
    assert_int_equal(at, bytes.len);
    xkv_items_free(&items);
    assert_null(items.data);
    xkv_items_free(&items);
}

static void test_list_too_long(void **state) {
    xkv_items items = {NULL, 0, 0};

    (void)state;
    assert_int_equal(xkv_items_add(&items, LIT("k"), bytes_of(large, (size_t)UINT32_MAX + 1)),
                     XKV_E_STORE_FULL);
    assert_int_equal(xkv_items_add(&items, LIT("k"), bytes_of(large, UINT32_MAX)),
                     XKV_E_STORE_FULL);
    assert_int_equal(items.len, 0);
    heap_fail_at(1, false);
    assert_int_equal(xkv_items_add(&items, LIT("k"), LIT("1")), XKV_E_STORE_FULL);
    heap_failed();
    assert_int_equal(items.len, 0);
    xkv_items_free(&items);
}

/* -- Going through a reply --------------------------------------------------- */

static void test_reply_next(void **state) {
    xkv_bytes key, value;
    xkv_reply reply;
    size_t at = 0;

    (void)state;
    xkv_reply_init(&reply, NULL, 0);
    xkv__writer writer = xkv__writer_on(&reply);
    write_all(&writer);
    assert_true(xkv_reply_next(&reply, &at, &key, &value) && same_bytes(key, LIT("text")));
    assert_true(xkv_reply_next(&reply, &at, &key, &value) && same_bytes(value, LIT("[1]")));
    assert_true(xkv_reply_next(&reply, &at, &key, &value) && same_bytes(key, LIT("\0")));
    assert_true(xkv_reply_next(&reply, &at, &key, &value) && key.len == 0);
    assert_false(xkv_reply_next(&reply, &at, &key, &value));
    at = 0;
    reply.status = XKV_E_INTERNAL; /* then the bytes are a message */
    assert_false(xkv_reply_next(&reply, &at, &key, &value));
    xkv_reply_clear(&reply);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_kinds_that_are_none),
        cmocka_unit_test(test_patching),
        cmocka_unit_test(test_writer_without_memory),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_list_too_long),
        cmocka_unit_test(test_reply_next),
    };

    (void)argc;
    test_begin(argv);
    memset(large, 'x', sizeof large);
    xkv_set_hooks(&heap_hooks);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
