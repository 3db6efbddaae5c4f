/*
 * cursor.c - cursors: each key has one, and nothing else is one
 */
#include "../support.h"

#include "base/error.h"
#include "command/cursor.h"
#include "command/items.h"

static xkv__position position;

/* The text of the cursor after key. */
static xkv_bytes cursor_of(xkv_bytes key, xkv_reply *reply) {
    xkv__writer writer = xkv__writer_on(reply);
    xkv_item item;
    size_t at = 0;

    xkv_reply_clear(reply);
    xkv__put_cursor(&writer, "cursor", key);
    assert_int_equal(writer.error, XKV_OK);
    assert_true(xkv_item_next(bytes_of(reply->data, reply->len), &at, &item));
    assert_int_equal(item.kind, XKV_ITEM_TEXT);
    assert_int_equal(at, reply->len);
    return item.text;
}

static void assert_round_trip(xkv_bytes key, xkv_reply *reply) {
    xkv_bytes cursor = cursor_of(key, reply);

    assert_int_equal(cursor.len, (key.len + 3) / 3 * 4);
    assert_int_equal(xkv__cursor_read(cursor, NOTHING, &position), XKV_OK);
    assert_true(same_bytes(bytes_of(position.key, position.len), key));
    assert_int_equal(xkv__cursor_read(cursor, key, &position), XKV_OK);
}

static void test_round_trip(void **state) {
    static unsigned char key[XKV_KEY_MAX];
    xkv_reply reply;

    (void)state;
    xkv_reply_init(&reply, NULL, 0);
    memset(key, 'k', sizeof key);
    for (size_t len = 1; len < 300; len++)
        assert_round_trip(bytes_of(key, len), &reply);
    for (size_t len = XKV_KEY_MAX - 5; len <= XKV_KEY_MAX; len++)
        assert_round_trip(bytes_of(key, len), &reply);
    assert_round_trip(LIT("\0"), &reply);
    assert_round_trip(LIT("a\0b\n\xC3\xA9\xF4\x8F\xBF\xBF"), &reply);
    for (unsigned char c = 0; c < 0x80; c++)
        assert_round_trip(bytes_of(&c, 1), &reply);
    xkv_reply_clear(&reply);
}

static int read_text(const char *cursor, const char *prefix) {
    int status = xkv__cursor_read(xkv_text(cursor), xkv_text(prefix), &position);

    if (status == XKV_OK)
        return status;
    assert_int_equal(status, XKV_E_INVALID_CURSOR);
    assert_non_null(strstr(xkv__reason(status), "the cursor "));
    return status;
}

static void test_known(void **state) {
    (void)state;
    assert_int_equal(read_text("AWE=", ""), XKV_OK); /* \1 a */
    assert_int_equal(position.len, 1);
    assert_int_equal(position.key[0], 'a');
    assert_int_equal(read_text("AWE=", "a"), XKV_OK);
    assert_int_equal(read_text("AWE=", "b"), XKV_E_INVALID_CURSOR);
    assert_int_equal(read_text("AWE=", "aa"), XKV_E_INVALID_CURSOR);
    assert_int_equal(read_text("AWFh", ""), XKV_OK);
    assert_int_equal(read_text("AWFhYQ==", "aaa"), XKV_OK);
}

/* Every other byte in every place of a good cursor, and every length of it:
 * whatever is accepted is the one cursor of its key. */
static void test_changed_anywhere(void **state) {
    static const char *const good[] = {"AWE=", "AWFh", "AWFhYQ==", "AWFiY2RlZg=="};
    char text[32];
    xkv_reply reply;
    int accepted = 0;

    (void)state;
    xkv_reply_init(&reply, NULL, 0);
    for (size_t i = 0; i < COUNT(good); i++) {
        for (size_t at = 0; at < strlen(good[i]) * 256; at++) {
            snprintf(text, sizeof text, "%s", good[i]);
            text[at / 256] = (char)(at % 256);
            xkv_bytes cursor = bytes_of(text, strlen(good[i]));
            if (xkv__cursor_read(cursor, NOTHING, &position) != XKV_OK)
                continue;
            accepted++;
            xkv_bytes key = {position.key, position.len};
            assert_true(same_bytes(cursor_of(key, &reply), cursor));
        }
        for (size_t len = 0; len < strlen(good[i]); len++) {
            int status = xkv__cursor_read(bytes_of(good[i], len), NOTHING, &position);
            assert_true(len > 0 && len % 4 == 0 ? status == XKV_OK || strchr(good[i], '=')
                                                : status == XKV_E_INVALID_CURSOR);
        }
    }
    assert_true(accepted > 100);
    xkv_reply_clear(&reply);
}

static void test_too_long(void **state) {
    static char text[XKV_CURSOR_MAX + 4];

    (void)state;
    memset(text, 'A', sizeof text);
    memcpy(text, "AWFh", 4);
    assert_int_equal(xkv__cursor_read(bytes_of(text, XKV_CURSOR_MAX), NOTHING, &position), XKV_OK);
    assert_int_equal(position.len, XKV_KEY_MAX);
    assert_int_equal(xkv__cursor_read(bytes_of(text, XKV_CURSOR_MAX + 4), NOTHING, &position),
                     XKV_E_INVALID_CURSOR);
    assert_int_equal(xkv__cursor_read(bytes_of(text, SIZE_MAX - 3), NOTHING, &position),
                     XKV_E_INVALID_CURSOR);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_changed_anywhere),
        cmocka_unit_test(test_too_long),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
