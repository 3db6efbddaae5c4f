/*
 * exchange_text.c - what stands in text files, and what is wrong with it
 */
#include "exchange.h"

/* -- JSONL ---------------------------------------------------------------------- */

static void case_jsonl_in_part(struct client *client) {
    do_list_of(client, XKV_OP_SET_MANY, ENTRIES("a", "1", "u:1", "1", "u:2", "2", "u:3", "3"));
    assert_int_equal(FILED(client, EXPORT_JSONL, AT("part"), .prefix = LIT("u:"), .limit = 2),
                     XKV_OK);
    assert_int_equal(client->reply.number, 2);
    if (setting.serialization == XKV_JSON)
        assert_file("part", "{\"key\":\"u:1\",\"value\":1}\n{\"key\":\"u:2\",\"value\":2}\n");
    else if (setting.serialization == XKV_STRING)
        assert_file("part",
                    "{\"key\":\"u:1\",\"value\":\"1\"}\n{\"key\":\"u:2\",\"value\":\"2\"}\n");
    else
        assert_file("part",
                    "{\"key\":\"u:1\",\"value\":\"MQ==\"}\n{\"key\":\"u:2\",\"value\":\"Mg==\"}\n");
    assert_int_equal(FILED(client, IMPORT_JSONL, AT("part"), .prefix = LIT("x:"), .limit = 1),
                     XKV_OK);
    assert_int_equal(client->reply.number, 1);
    assert_value(client, LIT("x:u:1"), LIT("1"));
    assert_size(client, 5);
    FILED(client, VALIDATE_JSONL, AT("part"), .limit = 1);
    assert_non_null(strstr(reply_text(&client->reply), "\"records\":1,"));
    assert_non_null(strstr(reply_text(&client->reply), "\"checkedAll\":false"));
    FILED(client, VALIDATE_JSONL, AT("part"), .limit = 2);
    assert_non_null(strstr(reply_text(&client->reply), "\"checkedAll\":true"));
    assert_int_equal(FILED(client, EXPORT_JSONL, AT("part"), .prefix = LIT("none")), XKV_OK);
    assert_file("part", "");
}

/* Line 6 is bad: with batches of two the four before it are there, and no more. */
static void case_bad_jsonl(struct client *client) {
    char text[400] = "";

    for (int i = 1; i <= 7; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 i == 6 ? "{\"key\":\"bad\",\"value\":tru}\n"
                        : "{\"key\":\"k%d\",\"value\":\"MQ==\"}\n",
                 i);
    write_text("bad", text);
    FILED(client, IMPORT_JSONL, AT("bad"), .batch_size = 2);
    assert_fails(client, XKV_E_VALUE_PARSE, "line 6");
    assert_true(answer_says(client, "column") && answer_says(client, "4 entries before it"));
    assert_size(client, 4);
    assert_missing(client, LIT("k5"));
    FILED(client, IMPORT_JSONL, AT("bad"));
    assert_fails(client, XKV_E_VALUE_PARSE, "0 entries before it");
    assert_size(client, 4);
    assert_int_equal(FILED(client, IMPORT_JSONL, AT("bad"), .limit = 5), XKV_OK);
    assert_size(client, 5);
    FILED(client, VALIDATE_JSONL, AT("bad"));
    assert_int_equal(client->reply.status, XKV_OK);
    const char *says = reply_text(&client->reply);
    assert_non_null(strstr(says, "{\"valid\":false,\"records\":5,\"bytesRead\":"));
    assert_non_null(strstr(says, ",\"checkedAll\":false,\"firstError\":{\"line\":6,\"name\":"
                                 "\"ValueParseError\",\"message\":\""));
    FILED(client, VALIDATE_JSONL, AT("bad"), .limit = 5);
    assert_non_null(strstr(reply_text(&client->reply), "\"checkedAll\":false}"));
}

static void case_last_wins(struct client *client) {
    write_text("twice", "{\"key\":\"a\",\"value\":\"MQ==\"}\n{\"key\":\"b\",\"value\":\"MQ==\"}\r\n"
                        "\n{\"value\":\"Mg==\",\"key\":\"a\"}");
    FILED(client, IMPORT_JSONL, AT("twice"), .batch_size = setting.track_keys ? 1 : 0);
    assert_int_equal(told(client), XKV_OK);
    assert_int_equal(client->reply.number, 3);
    assert_size(client, 2);
    assert_value(client, LIT("a"),
                 setting.serialization == XKV_BINARY   ? LIT("2")
                 : setting.serialization == XKV_STRING ? LIT("Mg==")
                                                       : LIT("\"Mg==\""));
}

/* -- CSV ------------------------------------------------------------------------ */

static bool has_objects(struct client *client) {
    if (setting.serialization != XKV_BINARY)
        return true;
    run_with(client, (xkv_command){.op = XKV_OP_EXPORT_CSV, .file_name = file("binary")},
             KEYS("a"));
    assert_fails(client, XKV_E_INVALID_OPTIONS, "binary");
    FILED(client, IMPORT_CSV, AT("binary"), .key_column = LIT("a"));
    assert_int_not_equal(client->reply.status, XKV_OK);
    assert_no_file("binary");
    return false;
}

static int export_csv(struct client *client, xkv_command command, xkv_items columns) {
    command.op = XKV_OP_EXPORT_CSV;
    command.file_name = file("table.csv");
    return run_with(client, command, columns);
}

static void case_csv(struct client *client) {
    if (!has_objects(client))
        return;
    do_list_of(client, XKV_OP_SET_MANY,
               ENTRIES("u:1", "{\"name\":\"A, \\\"B\\\"\",\"age\":30,\"on\":true}", "u:2",
                       "{\"age\":null,\"name\":\"x\\ny\"}", "z", "[1]"));
    export_csv(client, (xkv_command){.prefix = LIT("u:")}, KEYS("name", "age", "on"));
    assert_int_equal(told(client), XKV_OK);
    assert_file("table.csv", "key,name,age,on\r\nu:1,\"A, \"\"B\"\"\",30,true\r\n"
                             "u:2,\"x\ny\",,\r\n");
    export_csv(
        client,
        (xkv_command){.prefix = LIT("u:"), .limit = 1, .without_key = true, .delimiter = LIT(";")},
        KEYS("age", "name"));
    assert_file("table.csv", "age;name\r\n30;\"A, \"\"B\"\"\"\r\n");
    export_csv(client, (xkv_command){.op = 0}, KEYS("name")); /* z is no object */
    assert_fails(client, XKV_E_VALUE_PARSE, "z");
    assert_file("table.csv", "age;name\r\n30;\"A, \"\"B\"\"\"\r\n"); /* the old one */
    export_csv(client, (xkv_command){.prefix = LIT("u:")}, KEYS("key"));
    assert_fails(client, XKV_E_INVALID_OPTIONS, "key");
    export_csv(client, (xkv_command){.prefix = LIT("u:")}, NO_ITEMS);
    assert_fails(client, XKV_E_INVALID_OPTIONS, "columns");
}

static void assert_stored(struct client *client, const char *key, const char *value) {
    assert_int_equal(do_get(client, xkv_text(key)), XKV_OK);
    if (!same_bytes(answer(client), xkv_text(value)))
        fail_msg("%s is %.*s, not %s", key, (int)client->reply.len,
                 (const char *)client->reply.data, value);
}

static void case_csv_back(struct client *client) {
    if (!has_objects(client))
        return;
    write_text("in.csv", "\xEF\xBB\xBFid,name,n\r\n1,\"a\"\"b\",007\r\n2,,7.5\n1,last,");
    assert_int_equal(FILED(client, IMPORT_CSV, AT("in.csv"), .key_column = LIT("id")), XKV_OK);
    assert_int_equal(client->reply.number, 3);
    assert_stored(client, "1", "{\"id\":\"1\",\"name\":\"last\",\"n\":\"\"}");
    assert_stored(client, "2", "{\"id\":\"2\",\"name\":\"\",\"n\":\"7.5\"}");
    FILED(client, IMPORT_CSV, AT("in.csv"), .key_column = LIT("id"), .types = true,
          .prefix = LIT("t:"));
    assert_int_equal(told(client), XKV_OK);
    assert_stored(client, "t:1", "{\"id\":1,\"name\":\"last\",\"n\":null}");
    FILED(client, IMPORT_CSV, AT("in.csv"), .row_keys = LIT("row"), .prefix = LIT("r:"),
          .limit = 2);
    assert_int_equal(client->reply.number, 2);
    assert_stored(client, "r:0000000001", "{\"id\":\"1\",\"name\":\"a\\\"b\",\"n\":\"007\"}");
    assert_size(client, 6);
    write_text("bare.csv", "x;1\ny;2\n");
    FILED(client, IMPORT_CSV, AT("bare.csv"), .key_column = LIT("0"), .no_header = true,
          .delimiter = LIT(";"));
    assert_int_equal(told(client), XKV_OK);
    assert_true(do_exists(client, LIT("y")) == XKV_OK && client->reply.number == 1);
}

static void case_bad_csv(struct client *client) {
    if (!has_objects(client))
        return;
    write_text("bad.csv", "id,name\n1,a\n2,b\n3,c,d\n4,e\n");
    FILED(client, IMPORT_CSV, AT("bad.csv"), .key_column = LIT("id"), .batch_size = 1);
    assert_fails(client, XKV_E_VALUE_PARSE, "line 4");
    assert_true(answer_says(client, "2 entries before it"));
    assert_size(client, 2);
    FILED(client, IMPORT_CSV, AT("bad.csv"), .key_column = LIT("no such"));
    assert_fails(client, XKV_E_INVALID_OPTIONS, "no such");
    FILED(client, IMPORT_CSV, AT("bad.csv"), .batch_size = 1);
    assert_fails(client, XKV_E_INVALID_OPTIONS, "keyColumn");
    FILED(client, IMPORT_CSV, AT("bad.csv"), .key_column = LIT("id"), .row_keys = LIT("row"));
    assert_fails(client, XKV_E_INVALID_OPTIONS, "exclude");
    FILED(client, IMPORT_CSV, AT("bad.csv"), .row_keys = LIT("rows"));
    assert_fails(client, XKV_E_INVALID_OPTIONS, "\"row\"");
    FILED(client, VALIDATE_CSV, AT("bad.csv"));
    assert_non_null(strstr(reply_text(&client->reply), "{\"valid\":false,\"rows\":2,"));
    assert_non_null(strstr(reply_text(&client->reply), "\"firstError\":{\"row\":3,"));
    FILED(client, VALIDATE_CSV, AT("bad.csv"), .limit = 2);
    assert_non_null(strstr(reply_text(&client->reply), "{\"valid\":true,\"rows\":2,"));
    assert_non_null(strstr(reply_text(&client->reply), "\"checkedAll\":false}"));
    assert_size(client, 2);
}

/* -- Names of files ---------------------------------------------------------------- */

static void case_names(struct client *client) {
    static const xkv_bytes bad[] = {{" \t", 2}, {"a\0b", 3}, {"~/x", 3}, {"file://host/x", 13}};
    char parents[PATH_SIZE];

    for (size_t i = 0; i < COUNT(bad); i++) {
        RUN(client, .op = XKV_OP_EXPORT_JSONL, .file_name = bad[i]);
        assert_fails(client, XKV_E_INVALID_OPTIONS, "exportJSONL: ");
    }
    RUN(client, .op = XKV_OP_EXPORT_JSONL);
    assert_fails(client, XKV_E_INVALID_OPTIONS, "fileName");
    assert_int_equal(FILED(client, EXPORT_JSONL, AT("made/of/parents")), XKV_OK);
    assert_int_equal(size_of("made/of/parents"), 0);
    remove_tree(test_path(parents, "made"));
}

static const struct named_case cases[] = {
    CASE(jsonl_in_part), CASE(bad_jsonl), CASE(last_wins), CASE(csv),
    CASE(csv_back),      CASE(bad_csv),   CASE(names),
};

int main(int argc, char *argv[]) {
    (void)argc;
    return run_cases(argv, cases, COUNT(cases), NULL, 0);
}
