/*
 * format.c - what is in the file of a disk store, and that none of it is believed
 * without its checksum
 *
 * Records are edited behind the library's back, by LMDB itself, so that exactly
 * one of them is wrong in a file that is otherwise sound.
 */
#include "../files.h"
#include "../items.h"

#include "base/xxh64.h"
#include "disk/lmdb_api.h"

/* -- Records ----------------------------------------------------------------- */

enum { CHUNK = 496, LONG = 700, HEADER = 9, FLAGS_AT = 8, RECORD_MAX = 200 };

/* Where a record is, and what it is. */
struct record {
    const char *database;
    unsigned char key[8 + CHUNK + 1];
    size_t key_len;
    unsigned char bytes[RECORD_MAX];
    size_t len;
};

static struct record at_key(const char *database, xkv_bytes key) {
    struct record record = {.database = database, .key_len = key.len};

    memcpy(record.key, key.data, key.len);
    return record;
}

static struct record in_meta(const char *name) {
    return at_key("meta", bytes_of(name, strlen(name) + 1));
}

static struct record the_link(void) {
    struct record record = {.database = "data", .key_len = CHUNK + 1};

    memset(record.key, 'L', CHUNK);
    record.key[CHUNK] = 1;
    return record;
}

static MDB_env *open_env(const char *path, unsigned flags) {
    MDB_env *env;

    MUST(mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, 4) == 0);
    MUST(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOSYNC | flags, 0600) == 0);
    return env;
}

static MDB_val key_of(struct record *record) {
    return (MDB_val){record->key_len, record->key};
}

static void read_record(const char *path, struct record *record) {
    MDB_env *env = open_env(path, MDB_RDONLY);
    MDB_val key = key_of(record), value;
    MDB_txn *txn;
    MDB_dbi dbi;

    MUST(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0);
    MUST(mdb_dbi_open(txn, record->database, 0, &dbi) == 0);
    MUST(mdb_get(txn, dbi, &key, &value) == 0 && value.mv_size <= RECORD_MAX);
    memcpy(record->bytes, value.mv_data, value.mv_size);
    record->len = value.mv_size;
    mdb_txn_abort(txn);
    mdb_env_close(env);
}

static void write_record(const char *path, struct record *record) {
    MDB_env *env = open_env(path, 0);
    MDB_val key = key_of(record), value = {record->len, record->bytes};
    MDB_txn *txn;
    MDB_dbi dbi;

    MUST(mdb_txn_begin(env, NULL, 0, &txn) == 0);
    MUST(mdb_dbi_open(txn, record->database, MDB_CREATE, &dbi) == 0);
    MUST(mdb_put(txn, dbi, &key, &value, 0) == 0 && mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
}

/* Gives a record the checksum that fits it, for a key as the library has it. */
static void sign(struct record *record, xkv_bytes key) {
    uint64_t sum = xkv__xxh64(record->bytes + FLAGS_AT, record->len - FLAGS_AT,
                              xkv__xxh64(key.data, key.len, 0));

    for (int i = 0; i < 8; i++)
        record->bytes[i] = (unsigned char)(sum >> (56 - 8 * i));
}

/* A record with a value, and whatever flags. */
static void write_signed(const char *path, struct record record, xkv_bytes key, unsigned char flags,
                         xkv_bytes value) {
    record.bytes[FLAGS_AT] = flags;
    memcpy(record.bytes + HEADER, value.data, value.len);
    record.len = HEADER + value.len;
    sign(&record, key);
    write_record(path, &record);
}

/* -- A store ----------------------------------------------------------------- */

static char long_key[LONG];

static xkv_bytes the_long_key(void) {
    memset(long_key, 'L', sizeof long_key);
    return bytes_of(long_key, sizeof long_key);
}

static xkv_options new_store(char path[PATH_SIZE], const char *name) {
    xkv_options options = disk_options(test_path(path, name));
    xkv_command claim = {.op = XKV_OP_CLAIM_KEY, .key = LIT("short")};
    struct client client;

    options.durability = XKV_DURABILITY_NONE;
    client_open(&client, &options, false);
    MUST(do_set(&client, LIT("short"), LIT("the value")) == XKV_OK);
    MUST(do_set(&client, LIT("other"), LIT("another value")) == XKV_OK);
    MUST(do_set(&client, the_long_key(), LIT("long")) == XKV_OK);
    MUST(client_run(&client, &claim) == XKV_OK);
    client_close(&client);
    return options;
}

/* What it gives must be what was put there, or an error of the disk. */
static bool is_refused(struct client *client, int expected) {
    int status = client->reply.status;

    if (status != XKV_OK && status != expected)
        fail_msg("%s: %.*s", xkv_error_name(status), (int)client->reply.len,
                 (const char *)client->reply.data);
    return status != XKV_OK;
}

/* Which of the commands noticed something, the opening among them. */
struct noticed {
    bool open, get, get_long, list, size, claim;
};

static struct noticed look(const xkv_options *options, int on_open, int on_read) {
    xkv_command claim = {.op = XKV_OP_CLAIM_KEY, .key = LIT("other")};
    struct noticed noticed = {.open = false};
    char message[XKV_MESSAGE_SIZE];
    struct client client = {.store = NULL};
    struct ticket ticket;
    int status = xkv_open(options, &client.store, message, sizeof message);

    if (status != XKV_OK) {
        if (status != on_open)
            fail_msg("%s: %s", xkv_error_name(status), message);
        noticed.open = true;
        return noticed;
    }
    do_get(&client, LIT("short"));
    noticed.get = is_refused(&client, on_read);
    assert_true(noticed.get || same_bytes(answer(&client), LIT("the value")));
    do_get(&client, the_long_key());
    noticed.get_long = is_refused(&client, on_read);
    assert_true(noticed.get_long || same_bytes(answer(&client), LIT("long")));
    do_list(&client, NOTHING, 0);
    noticed.list = is_refused(&client, on_read);
    assert_true(noticed.list || client.reply.number == 3);
    do_plain(&client, XKV_OP_SIZE);
    noticed.size = is_refused(&client, on_read);
    assert_true(noticed.size || client.reply.number == 3);
    if (!options->read_only) {
        client_run(&client, &claim);
        noticed.claim = is_refused(&client, on_read);
        assert_true(noticed.claim || (take_ticket(&client, &ticket) && ticket.token > 1));
    }
    client_close(&client);
    return noticed;
}

/* -- Bytes that have changed ------------------------------------------------- */

/* Every byte of a record in turn, one bit of it. */
static void flip_each(const xkv_options *options, struct record sound,
                      void check(const struct noticed *)) {
    read_record(options->path, &sound);
    assert_true(sound.len > HEADER);
    for (size_t i = 0; i < sound.len; i++) {
        struct record flipped = sound;
        flipped.bytes[i] ^= (unsigned char)(1 << i % 8);
        write_record(options->path, &flipped);
        for (int read_only = 0; read_only < 2; read_only++) {
            xkv_options same = *options;
            same.read_only = read_only;
            struct noticed noticed =
                look(&same, XKV_E_DISK_STORE_CORRUPT, XKV_E_DISK_STORE_CORRUPT);
            check(&noticed);
        }
    }
    write_record(options->path, &sound);
}

static void assert_not_opened(const struct noticed *noticed) {
    assert_true(noticed->open);
}

static void assert_value_refused(const struct noticed *noticed) {
    assert_true(noticed->get && noticed->list);
    assert_false(noticed->open || noticed->get_long || noticed->claim);
}

static void assert_link_refused(const struct noticed *noticed) {
    assert_true(noticed->get_long && noticed->list);
    assert_false(noticed->open || noticed->get || noticed->claim);
}

static void test_each_byte(void **state) {
    static const char *const names[] = {"format", "id", "tokens", "links"};
    char path[PATH_SIZE];
    xkv_options options = new_store(path, "flipped.kv");

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        flip_each(&options, in_meta(names[i]), assert_not_opened);
    flip_each(&options, at_key("data", LIT("short")), assert_value_refused);
    flip_each(&options, the_link(), assert_link_refused);
    options.track_keys = true; /* which follows all links when it opens */
    flip_each(&options, the_link(), assert_not_opened);
    flip_each(&options, at_key("data", LIT("short")), assert_value_refused);
    struct noticed nothing = look(&options, 0, 0);
    assert_memory_equal(&nothing, &((struct noticed){.open = false}), sizeof nothing);
}

/* A record whose own bytes are sound, but whose key is another one's. */
static void copy(const char *path, struct record from, struct record to) {
    read_record(path, &from);
    memcpy(to.bytes, from.bytes, from.len);
    to.len = from.len;
    write_record(path, &to);
}

static void test_sound_record_under_another_key(void **state) {
    char path[PATH_SIZE];
    xkv_options options = new_store(path, "moved.kv");
    struct record other_link = the_link();
    struct client client;

    (void)state;
    copy(path, at_key("data", LIT("other")), at_key("data", LIT("short")));
    memset(other_link.key, 'M', CHUNK);
    copy(path, the_link(), other_link);
    client_open(&client, &options, false);
    assert_int_equal(do_get(&client, LIT("short")), XKV_E_DISK_STORE_CORRUPT);
    assert_int_equal(do_list(&client, LIT("short"), 0), XKV_E_DISK_STORE_CORRUPT);
    assert_int_equal(do_list(&client, LIT("M"), 0), XKV_E_DISK_STORE_CORRUPT);
    assert_int_equal(do_get(&client, LIT("other")), XKV_OK);
    client_close(&client);
    copy(path, in_meta("tokens"), in_meta("links"));
    assert_true(look(&options, XKV_E_DISK_STORE_CORRUPT, 0).open);
}

/* A name in "meta" whose byte has changed is not one that was never there: or
 * tokens would begin again with 1, and keys be counted that are none. */
static void test_name_that_has_changed(void **state) {
    static const char *const names[][2] = {{"tokens", "tokenr"}, {"links", "linkr"}};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[PATH_SIZE];
        xkv_options options = new_store(path, names[i][1]);
        copy(path, in_meta(names[i][0]), in_meta(names[i][1]));
        assert_true(look(&options, XKV_E_DISK_STORE_CORRUPT, 0).open);
    }
}

/* -- What sound records say -------------------------------------------------- */

/* A number that has not eight bytes, though its checksum fits. */
static void test_number_of_another_size(void **state) {
    char path[PATH_SIZE];
    xkv_options options = new_store(path, "number.kv");
    struct record link = the_link();
    xkv_command claim = {.op = XKV_OP_CLAIM_KEY, .key = LIT("short")};
    struct client client;

    (void)state;
    write_signed(path, link, bytes_of(link.key, link.key_len), 0, LIT("123456789"));
    write_signed(path, in_meta("tokens"), LIT("tokens\0"), 0, LIT("1234567"));
    write_signed(path, in_meta("links"), LIT("links\0"), 0, LIT(""));
    client_open(&client, &options, false);
    assert_int_equal(do_get(&client, the_long_key()), XKV_E_DISK_STORE_CORRUPT);
    assert_int_equal(do_plain(&client, XKV_OP_SIZE), XKV_E_DISK_STORE_CORRUPT);
    assert_int_equal(client_run(&client, &claim), XKV_E_DISK_STORE_CORRUPT);
    client_close(&client);
}

/* -- Links that are sound, and lead nowhere ---------------------------------- */

/* The record of level n with a piece of a key; level 0 is the database "data". */
static struct record on_level(unsigned n, size_t piece, bool link) {
    struct record record = {.database = n ? "deep" : "data"};
    size_t skip = n ? 8 : 0;

    if (n)
        record.key[7] = (unsigned char)n;
    memset(record.key + skip, 'L', piece);
    record.key[skip + piece] = 1;
    record.key_len = skip + piece + link;
    return record;
}

static void write_link(const char *path, unsigned from, unsigned to) {
    struct record link = on_level(from, CHUNK, true);
    const unsigned char number[8] = {0, 0, 0, 0, 0, 0, 0, (unsigned char)to};

    write_signed(path, link, bytes_of(link.key, link.key_len), 0, bytes_of(number, sizeof number));
}

static void assert_list_refused(const xkv_options *options) {
    struct client client;

    client_open(&client, options, false);
    assert_int_equal(do_list(&client, NOTHING, 0), XKV_E_DISK_STORE_CORRUPT);
    assert_int_equal(do_get(&client, LIT("short")), XKV_OK);
    client_close(&client);
}

/* To itself, or back: followed, it would never end. */
static void test_links_that_lead_back(void **state) {
    char path[PATH_SIZE];
    xkv_options options = new_store(path, "back.kv");
    struct client client;

    (void)state;
    for (unsigned to = 0; to < 2; to++) {
        write_link(path, 0, to);
        if (to == 1)
            write_link(path, 1, 1);
        assert_list_refused(&options);
    }
    client_open(&client, &options, false);
    static char key[1500];
    memset(key, 'L', sizeof key);
    assert_int_equal(do_get(&client, bytes_of(key, sizeof key)), XKV_E_DISK_STORE_CORRUPT);
    assert_int_equal(do_set(&client, bytes_of(key, sizeof key), NOTHING), XKV_E_DISK_STORE_CORRUPT);
    client_close(&client);
    options.track_keys = true; /* and an index is made of all keys */
    assert_refused(&options, XKV_E_DISK_STORE_CORRUPT, "back.kv");
}

/* More levels than the longest key has, or as many and a longer rest. */
static void test_keys_that_are_too_long(void **state) {
    enum { LAST = XKV_KEY_MAX / CHUNK };
    char path[PATH_SIZE];
    xkv_options options = new_store(path, "deep.kv");
    struct record rest = on_level(LAST, XKV_KEY_MAX % CHUNK + 1, false);

    (void)state;
    for (unsigned n = 0; n <= LAST; n++)
        write_link(path, n, n + 1);
    assert_list_refused(&options);
    rest.len = HEADER; /* it comes before the link */
    write_record(path, &rest);
    assert_list_refused(&options);
}

/* A record of "deep" that belongs to no level. */
static void test_record_without_a_level(void **state) {
    char path[PATH_SIZE];
    xkv_options options = new_store(path, "homeless.kv");
    struct record record = at_key("deep", LIT("\0\0\0\0\0\0\1"));
    struct client client;

    (void)state;
    record.len = HEADER;
    write_record(path, &record);
    assert_list_refused(&options);
    client_open(&client, &options, false); /* a new long key finds a level all the same */
    static char key[600];
    memset(key, 'M', sizeof key);
    assert_int_equal(do_set(&client, bytes_of(key, sizeof key), LIT("1")), XKV_OK);
    assert_int_equal(do_get(&client, bytes_of(key, sizeof key)), XKV_OK);
    client_close(&client);
}

/* The number of links is wrong in size, while links are made and go. */
static void test_links_that_cannot_be_counted(void **state) {
    char path[PATH_SIZE];
    xkv_options options = new_store(path, "uncounted.kv");
    struct client client;
    static char key[600];

    (void)state;
    memset(key, 'M', sizeof key);
    write_signed(path, in_meta("links"), LIT("links\0"), 0, LIT("1"));
    client_open(&client, &options, false);
    assert_int_equal(do_set(&client, bytes_of(key, sizeof key), NOTHING), XKV_E_DISK_STORE_CORRUPT);
    assert_int_equal(do_delete(&client, the_long_key()), XKV_E_DISK_STORE_CORRUPT);
    assert_int_equal(do_get(&client, the_long_key()), XKV_OK);
    client_close(&client);
}

/* -- What describes the store ------------------------------------------------ */

static void test_formats(void **state) {
    static const struct {
        const char *text;
        int error;
        const char *says;
    } rows[] = {
        {"xk6-kv 3 binary", XKV_E_DISK_STORE_OPEN, "store format 3"},
        {"xk6-kv 1 binary", XKV_E_DISK_STORE_OPEN, "store format 1"},
        {"xk6-kv 2 json", XKV_E_DISK_STORE_OPEN, "serialization \"json\""},
        {"xk6-kv", XKV_E_DISK_STORE_CORRUPT, "damaged"},
        {"", XKV_E_DISK_STORE_CORRUPT, "damaged"},
        {"xk6-kv 2 binary                                                 ",
         XKV_E_DISK_STORE_CORRUPT, "damaged"},
    };
    char path[PATH_SIZE];
    xkv_options options = new_store(path, "formats.kv");

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        write_signed(path, in_meta("format"), LIT("format\0"), 0, xkv_text(rows[i].text));
        assert_refused(&options, rows[i].error, rows[i].says);
        options.read_only = !options.read_only;
    }
}

/* Format 1 had no checksums on what describes the store. */
static void test_file_of_format_1(void **state) {
    static const char text[] = "xk6-kv 1 json";
    char path[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, "format1.kv"));
    struct record format = in_meta("format"), data = at_key("data", LIT("key"));
    struct record deep = at_key("deep", LIT("\0\0\0\0\0\0\0\1rest"));

    (void)state;
    memcpy(format.bytes, text, sizeof text);
    format.len = sizeof text;
    write_record(path, &format);
    data.len = deep.len = 12;
    write_record(path, &data);
    write_record(path, &deep);
    for (int i = 0; i < 4; i++) {
        options.read_only = i % 2;
        options.track_keys = i / 2;
        assert_refused(&options, XKV_E_DISK_STORE_OPEN, "store format 1");
    }
}

/* Files with less, or other things, than a store has. */
static void test_other_files(void **state) {
    char path[PATH_SIZE];
    struct record plain = {.database = NULL, .key = "data", .key_len = 4, .len = 1};
    xkv_options options = disk_options(test_path(path, "plain.mdb"));
    struct record format = in_meta("other"), data = at_key("data", LIT("key"));

    (void)state;
    write_record(path, &plain);
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, "another program");
    options = disk_options(test_path(path, "formatless.kv"));
    data.len = HEADER;
    write_record(path, &data);
    data.database = "deep";
    write_record(path, &data);
    memcpy(format.bytes + HEADER, "?", 1);
    format.len = HEADER + 1;
    sign(&format, bytes_of(format.key, format.key_len));
    write_record(path, &format);
    assert_refused(&options, XKV_E_DISK_STORE_CORRUPT, "damaged");
    options = disk_options(test_path(path, "empty.mdb"));
    mdb_env_close(open_env(path, 0));
    options.read_only = true;
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, "");
    options.read_only = false;
    xkv_close(must_open(&options));
}

/* A record may have more, one day. */
static void test_unknown_flags(void **state) {
    char path[PATH_SIZE];
    xkv_options options = new_store(path, "flags.kv");
    struct record link = the_link();
    struct client client;

    (void)state;
    for (int bit = 0; bit < 8; bit++) {
        unsigned char flags = (unsigned char)(1 << bit);
        write_signed(path, at_key("data", LIT("short")), LIT("short"), flags, LIT("more"));
        write_signed(path, link, bytes_of(link.key, link.key_len), flags, LIT("\0\0\0\0\0\0\0\1"));
        client_open(&client, &options, false);
        assert_int_equal(do_get(&client, LIT("short")), XKV_E_DISK_STORE_READ);
        assert_true(answer_says(&client, "newer version"));
        assert_int_equal(do_list(&client, NOTHING, 0), XKV_E_DISK_STORE_READ);
        assert_true(answer_says(&client, "newer version"));
        assert_int_equal(do_get(&client, the_long_key()), XKV_E_DISK_STORE_READ);
        assert_true(answer_says(&client, "newer version"));
        assert_int_equal(do_set(&client, the_long_key(), LIT("new")), XKV_E_DISK_STORE_WRITE);
        assert_true(answer_says(&client, "newer version"));
        assert_int_equal(do_get(&client, LIT("other")), XKV_OK);
        client_close(&client);
    }
    write_signed(path, in_meta("of a newer version"), LIT("of a newer version\0"), 1, LIT("?"));
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, "newer version");
}

/* What a newer version describes besides, as records that we can read, is no
 * reason to refuse the file. */
static void test_unknown_names(void **state) {
    char path[PATH_SIZE];
    xkv_options options = new_store(path, "names.kv");

    (void)state;
    write_signed(path, in_meta("something new"), LIT("something new\0"), 0, LIT("?"));
    struct noticed nothing = look(&options, 0, 0);
    assert_memory_equal(&nothing, &((struct noticed){.open = false}), sizeof nothing);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_byte),
        cmocka_unit_test(test_sound_record_under_another_key),
        cmocka_unit_test(test_name_that_has_changed),
        cmocka_unit_test(test_number_of_another_size),
        cmocka_unit_test(test_links_that_lead_back),
        cmocka_unit_test(test_keys_that_are_too_long),
        cmocka_unit_test(test_record_without_a_level),
        cmocka_unit_test(test_links_that_cannot_be_counted),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_file_of_format_1),
        cmocka_unit_test(test_unknown_flags),
        cmocka_unit_test(test_unknown_names),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
