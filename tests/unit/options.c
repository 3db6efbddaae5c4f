/*
 * options.c - every option by its script name, good values and bad
 */
#include "../comma.h"
#include "../support.h"

#include "command/options.h"

#define TRUE_                                                                                      \
    { .type = XKV_TYPE_BOOL, .boolean = true }
#define FALSE_                                                                                     \
    { .type = XKV_TYPE_BOOL, .boolean = false }
#define NUMBER(n)                                                                                  \
    { .type = XKV_TYPE_NUMBER, .number = (n) }
#define TEXT(t)                                                                                    \
    { .type = XKV_TYPE_TEXT, .text = (t) }
#define OTHER(t)                                                                                   \
    { .type = XKV_TYPE_OTHER, .text = (t) }

#define DAY_MS (24.0 * 60 * 60 * 1000)

/* Where an option goes, to look at what came of it. */
enum field_type { IS_BOOL, IS_INT, IS_INT64, IS_TEXT };

static const struct field {
    const char *name;
    enum field_type type;
    size_t offset;
} fields[] = {
    {"backend", IS_INT, offsetof(xkv_options, backend)},
    {"name", IS_TEXT, offsetof(xkv_options, name)},
    {"path", IS_TEXT, offsetof(xkv_options, path)},
    {"serialization", IS_INT, offsetof(xkv_options, serialization)},
    {"trackKeys", IS_BOOL, offsetof(xkv_options, track_keys)},
    {"seed", IS_INT64, offsetof(xkv_options, seed)},
    {"memory.shardCount", IS_INT64, offsetof(xkv_options, shard_count)},
    {"disk.timeout", IS_INT64, offsetof(xkv_options, timeout_ms)},
    {"disk.durability", IS_INT, offsetof(xkv_options, durability)},
    {"disk.noSync", IS_BOOL, offsetof(xkv_options, no_sync)},
    {"disk.readOnly", IS_BOOL, offsetof(xkv_options, read_only)},
    {"disk.initialMmapSize", IS_INT64, offsetof(xkv_options, initial_map_size)},
    {"disk.noGrowSync", IS_BOOL, offsetof(xkv_options, no_grow_sync)},
    {"disk.noFreelistSync", IS_BOOL, offsetof(xkv_options, no_freelist_sync)},
    {"disk.preLoadFreelist", IS_BOOL, offsetof(xkv_options, pre_load_freelist)},
    {"disk.freelistType", IS_TEXT, offsetof(xkv_options, freelist_type)},
    {"disk.mlock", IS_BOOL, offsetof(xkv_options, mlock)},
    {"url", IS_TEXT, offsetof(xkv_options, url)},
    {"redis.partitions", IS_INT64, offsetof(xkv_options, redis_partitions)},
    {"redis.timeout", IS_INT64, offsetof(xkv_options, redis_timeout_ms)},
    {"redis.replicas", IS_INT64, offsetof(xkv_options, redis_replicas)},
    {"redis.username", IS_TEXT, offsetof(xkv_options, redis_username)},
    {"redis.passwordEnv", IS_TEXT, offsetof(xkv_options, redis_password_env)},
    {"redis.tls.ca", IS_TEXT, offsetof(xkv_options, tls_ca)},
    {"redis.tls.cert", IS_TEXT, offsetof(xkv_options, tls_cert)},
    {"redis.tls.key", IS_TEXT, offsetof(xkv_options, tls_key)},
    {"redis.tls.serverName", IS_TEXT, offsetof(xkv_options, tls_server_name)},
    {"redis.tls.insecure", IS_BOOL, offsetof(xkv_options, tls_insecure)},
    {"metrics.operations", IS_BOOL, offsetof(xkv_options, metrics_operations)},
};

static const struct field *field_named(const char *name) {
    for (size_t i = 0; i < COUNT(fields); i++) {
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    }
    return NULL;
}

static int64_t number_of(const xkv_options *options, const struct field *field) {
    const char *at = (const char *)options + field->offset;
    bool flag;
    int small;
    int64_t large;

    if (field->type == IS_BOOL)
        return memcpy(&flag, at, sizeof flag), flag;
    if (field->type == IS_INT)
        return memcpy(&small, at, sizeof small), small;
    return memcpy(&large, at, sizeof large), large;
}

static const char *text_of(const xkv_options *options, const struct field *field) {
    const char *text;

    memcpy(&text, (const char *)options + field->offset, sizeof text);
    return text;
}

/* -- Good values ------------------------------------------------------------- */

static const struct {
    const char *name;
    xkv_scalar value;
    int64_t number;
    const char *text;
} good[] = {
    {"backend", TEXT("disk"), XKV_BACKEND_DISK, NULL},
    {"backend", TEXT("memory"), XKV_BACKEND_MEMORY, NULL},
    {"name", TEXT("users"), 0, "users"},
    {"path", TEXT("/tmp/some.kv"), 0, "/tmp/some.kv"},
    {"serialization", TEXT("json"), XKV_JSON, NULL},
    {"serialization", TEXT("string"), XKV_STRING, NULL},
    {"serialization", TEXT("binary"), XKV_BINARY, NULL},
    {"trackKeys", TRUE_, 1, NULL},
    {"trackKeys", FALSE_, 0, NULL},
    {"seed", NUMBER(0), 0, NULL},
    {"seed", NUMBER(-7), -7, NULL},
    {"seed", NUMBER(9007199254740991.0), 9007199254740991, NULL},
    {"memory.shardCount", NUMBER(0), 0, NULL},
    {"memory.shardCount", NUMBER(65536), 65536, NULL},
    {"disk.timeout", NUMBER(0), 0, NULL},
    {"disk.timeout", NUMBER(250), 250, NULL},
    {"disk.timeout", TEXT("500ms"), 500, NULL},
    {"disk.timeout", TEXT("1s"), 1000, NULL},
    {"disk.timeout", TEXT("1.5s"), 1500, NULL},
    {"disk.timeout", TEXT("2m"), 120000, NULL},
    {"disk.durability", TEXT("full"), XKV_DURABILITY_FULL, NULL},
    {"disk.durability", TEXT("relaxed"), XKV_DURABILITY_RELAXED, NULL},
    {"disk.durability", TEXT("none"), XKV_DURABILITY_NONE, NULL},
    {"disk.noSync", TRUE_, 1, NULL},
    {"disk.readOnly", TRUE_, 1, NULL},
    {"disk.initialMmapSize", NUMBER(0), 0, NULL},
    {"disk.initialMmapSize", NUMBER(65536), 65536, NULL},
    {"disk.initialMmapSize", TEXT("64MiB"), 67108864, NULL},
    {"disk.initialMmapSize", TEXT("64KiB"), 65536, NULL},
    {"disk.initialMmapSize", TEXT("1GiB"), 1073741824, NULL},
    {"disk.initialMmapSize", TEXT("2MB"), 2000000, NULL},
    {"disk.noGrowSync", TRUE_, 1, NULL},
    {"disk.noFreelistSync", TRUE_, 1, NULL},
    {"disk.preLoadFreelist", TRUE_, 1, NULL},
    {"disk.freelistType", TEXT(""), 0, ""},
    {"disk.freelistType", TEXT("array"), 0, "array"},
    {"disk.freelistType", TEXT("map"), 0, "map"},
    {"disk.mlock", TRUE_, 1, NULL},
    {"backend", TEXT("redis"), XKV_BACKEND_REDIS, NULL},
    {"url", TEXT(""), 0, ""},
    {"url", TEXT("redis://localhost"), 0, "redis://localhost"},
    {"redis.partitions", NUMBER(1), 1, NULL},
    {"redis.partitions", NUMBER(64), 64, NULL},
    {"redis.timeout", NUMBER(1), 1, NULL},
    {"redis.timeout", TEXT("1m30s"), 90000, NULL},
    {"redis.replicas", NUMBER(0), 0, NULL},
    {"redis.replicas", NUMBER(16), 16, NULL},
    {"redis.username", TEXT("tester"), 0, "tester"},
    {"redis.passwordEnv", TEXT("REDIS_PASSWORD"), 0, "REDIS_PASSWORD"},
    {"redis.tls.ca", TEXT("ca.pem"), 0, "ca.pem"},
    {"redis.tls.cert", TEXT("me.pem"), 0, "me.pem"},
    {"redis.tls.key", TEXT("me.key"), 0, "me.key"},
    {"redis.tls.serverName", TEXT("redis.internal"), 0, "redis.internal"},
    {"redis.tls.insecure", TRUE_, 1, NULL},
    {"metrics.operations", TRUE_, 1, NULL},
};

static void test_good_values(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        char message[XKV_MESSAGE_SIZE] = "untouched";
        const struct field *field = field_named(good[i].name);
        xkv_options options;
        xkv_options_init(&options);
        options.backend = XKV_BACKEND_MEMORY; /* where a name is allowed, too */
        if (xkv_options_set(&options, good[i].name, &good[i].value, message, sizeof message))
            fail_msg("%zu: %s", i, message);
        if (good[i].text)
            assert_string_equal(text_of(&options, field), good[i].text);
        else
            assert_int_equal(number_of(&options, field), good[i].number);
        assert_int_equal(xkv__options_check(&options, message, sizeof message), XKV_OK);
    }
}

/* -- Bad values -------------------------------------------------------------- */

#define O XKV_E_INVALID_OPTIONS

/* What comes back, and two things that the message must mention: the value,
 * and what is allowed. */
static const struct {
    const char *name;
    xkv_scalar value;
    int code;
    const char *says[2];
} bad[] = {
    {"backend", TEXT("redis2"), XKV_E_INVALID_BACKEND, {"redis2", "\"memory\""}},
    {"backend", TEXT("Memory"), XKV_E_INVALID_BACKEND, {"Memory", "\"disk\""}},
    {"backend", TEXT(""), XKV_E_INVALID_BACKEND, {"\"\"", "\"memory\""}},
    {"backend", NUMBER(1), XKV_E_INVALID_BACKEND, {"1", "\"memory\""}},
    {"backend", OTHER("an array"), XKV_E_INVALID_BACKEND, {"an array", "\"memory\""}},
    {"name", NUMBER(5), O, {"5", "text"}},
    {"name", TEXT(""), O, {"\"\"", "text"}},
    {"path", TEXT(""), O, {"\"\"", "text"}},
    {"path", TRUE_, O, {"true", "text"}},
    {"serialization", TEXT("xml"), XKV_E_INVALID_SERIALIZATION, {"xml", "\"binary\""}},
    {"serialization", FALSE_, XKV_E_INVALID_SERIALIZATION, {"false", "\"json\""}},
    {"trackKeys", TEXT("true"), O, {"\"true\"", "true or false"}},
    {"trackKeys", NUMBER(1), O, {"1", "true or false"}},
    {"trackKeys", OTHER("an object"), O, {"an object", "true or false"}},
    {"seed", NUMBER(1.5), O, {"1.5", "integer"}},
    {"seed", NUMBER(9007199254740992.0), O, {"9007199254740992", "9007199254740991"}},
    {"seed", NUMBER(-0x1p63), O, {"-9.223372036854776e+18", "integer"}},
    {"seed", TEXT("7"), O, {"\"7\"", "integer"}},
    {"seed", TRUE_, O, {"true", "integer"}},
    {"memory.shardCount", NUMBER(-1), O, {"-1", "65536"}},
    {"memory.shardCount", NUMBER(65537), O, {"65537", "65536"}},
    {"memory.shardCount", NUMBER(1.5), O, {"1.5", "integer"}},
    {"memory.shardCount", TEXT("8"), O, {"\"8\"", "integer"}},
    {"disk.timeout", NUMBER(-1), O, {"-1", "milliseconds"}},
    {"disk.timeout", NUMBER(0.5), O, {"0.5", "milliseconds"}},
    {"disk.timeout", NUMBER(1e300), O, {"1e+300", "milliseconds"}},
    {"disk.timeout", NUMBER(DAY_MS * 1000), O, {"86400000000", "milliseconds"}},
    {"disk.timeout", TEXT("soon"), O, {"soon", "\"500ms\""}},
    {"disk.timeout", TEXT("-1s"), O, {"-1s", "\"1s\""}},
    {"disk.timeout", TEXT("1"), O, {"\"1\"", "\"1s\""}},
    {"disk.timeout", TEXT(""), O, {"\"\"", "\"1s\""}},
    {"disk.timeout", TEXT("1 s s"), O, {"1 s s", "\"1s\""}},
    {"disk.timeout", TEXT("1MiB"), O, {"1MiB", "\"1s\""}},
    {"disk.timeout", TEXT("nans"), O, {"nans", "\"1s\""}},
    {"disk.timeout", TEXT("0x10s"), O, {"0x10s", "\"1s\""}},
    {"disk.timeout", TEXT("9e99s"), O, {"9e99s", "\"1s\""}},
    {"disk.timeout", TRUE_, O, {"true", "milliseconds"}},
    {"disk.durability", TEXT("maybe"), O, {"maybe", "\"relaxed\""}},
    {"disk.durability", NUMBER(0), O, {"0", "\"full\""}},
    {"disk.noSync", NUMBER(0), O, {"0", "true or false"}},
    {"disk.readOnly", TEXT("no"), O, {"\"no\"", "true or false"}},
    {"disk.initialMmapSize", NUMBER(-4096), O, {"-4096", "bytes"}},
    {"disk.initialMmapSize", NUMBER(0.25), O, {"0.25", "bytes"}},
    {"disk.initialMmapSize", TEXT("big"), O, {"big", "\"64MiB\""}},
    {"disk.initialMmapSize", TEXT("1s"), O, {"1s", "\"64MiB\""}},
    {"disk.initialMmapSize", TEXT("64 Mi"), O, {"64 Mi", "\"64MiB\""}},
    {"disk.initialMmapSize", NUMBER(1e30), O, {"1e+30", "bytes"}},
    {"disk.noGrowSync", TEXT("x"), O, {"\"x\"", "true or false"}},
    {"disk.noFreelistSync", NUMBER(2), O, {"2", "true or false"}},
    {"disk.preLoadFreelist", OTHER("a function"), O, {"a function", "true or false"}},
    {"disk.freelistType", TEXT("tree"), O, {"tree", "\"array\""}},
    {"disk.freelistType", FALSE_, O, {"false", "\"map\""}},
    {"disk.mlock", NUMBER(1), O, {"1", "true or false"}},
    {"url", NUMBER(6379), O, {"6379", "text"}},
    {"url", TEXT("\t "), O, {"\\x09", "text"}},
    {"redis.partitions", NUMBER(0), O, {"0", "1 to 64"}},
    {"redis.partitions", NUMBER(65), O, {"65", "1 to 64"}},
    {"redis.partitions", TEXT("8"), O, {"\"8\"", "integer"}},
    {"redis.timeout", NUMBER(0), O, {"0", "from 1"}},
    {"redis.timeout", TEXT("5"), O, {"\"5\"", "\"1s\""}},
    {"redis.replicas", NUMBER(-1), O, {"-1", "0 to 16"}},
    {"redis.replicas", NUMBER(17), O, {"17", "0 to 16"}},
    {"redis.username", FALSE_, O, {"false", "text"}},
    {"redis.passwordEnv", OTHER("an object"), O, {"an object", "text"}},
    {"redis.tls.ca", TEXT(" "), O, {"\" \"", "text"}},
    {"redis.tls.cert", NUMBER(1), O, {"1", "text"}},
    {"redis.tls.key", TRUE_, O, {"true", "text"}},
    {"redis.tls.serverName", NUMBER(1), O, {"1", "text"}},
    {"redis.tls.insecure", TEXT("yes"), O, {"\"yes\"", "true or false"}},
    {"metrics.operations", TEXT("yes"), O, {"yes", "true or false"}},
};

static bool same_options(const xkv_options *a, const xkv_options *b) {
    for (size_t i = 0; i < COUNT(fields); i++) {
        bool same = fields[i].type == IS_TEXT
                        ? strcmp(text_of(a, &fields[i]), text_of(b, &fields[i])) == 0
                        : number_of(a, &fields[i]) == number_of(b, &fields[i]);
        if (!same)
            return false;
    }
    return true;
}

static void assert_says(const char *message, const char *what) {
    if (!strstr(message, what))
        fail_msg("\"%s\" does not mention %s", message, what);
}

static void test_bad_values(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        char message[XKV_MESSAGE_SIZE] = "";
        xkv_options options, before;
        xkv_options_init(&options);
        before = options;
        int code = xkv_options_set(&options, bad[i].name, &bad[i].value, message, sizeof message);
        if (code != bad[i].code)
            fail_msg("%zu: %s gave %s", i, bad[i].name, xkv_error_name(code));
        assert_says(message, bad[i].name);
        assert_says(message, bad[i].says[0]);
        assert_says(message, bad[i].says[1]);
        assert_true(same_options(&options, &before));
    }
}

/* NaN and the infinities are numbers of no range. */
static void test_numbers_that_are_none(void **state) {
    static const char *const names[] = {"memory.shardCount", "disk.timeout", "disk.initialMmapSize",
                                        "trackKeys", "backend"};
    double zero = 0;
    const double numbers[] = {zero / zero, 1 / zero, -1 / zero};
    char message[XKV_MESSAGE_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(names) * COUNT(numbers); i++) {
        const char *name = names[i / COUNT(numbers)];
        xkv_scalar value = NUMBER(numbers[i % COUNT(numbers)]);
        xkv_options options;
        xkv_options_init(&options);
        assert_int_not_equal(xkv_options_set(&options, name, &value, message, sizeof message),
                             XKV_OK);
        assert_says(message, name);
    }
}

/* Whatever the program's locale, a message shows a number as scripts write it. */
static void test_locale(void **state) {
    static const struct {
        double number;
        const char *shown;
    } numbers[] = {{1.5, "it is 1.5"},
                   {-0.1, "it is -0.1"},
                   {1e-7, "it is 1e-07"},
                   {1.25e30, "it is 1.25e+30"},
                   {1e15 + 0.5, "it is 1000000000000000.5"}};

    (void)state;
    comma_begin();
    for (size_t i = 0; i < COUNT(numbers); i++) {
        char message[XKV_MESSAGE_SIZE];
        xkv_scalar value = NUMBER(numbers[i].number);
        xkv_options options;
        xkv_options_init(&options);
        assert_int_equal(xkv_options_set(&options, "disk.timeout", &value, message, sizeof message),
                         XKV_E_INVALID_OPTIONS);
        if (!strstr(message, numbers[i].shown))
            fail_msg("%s", message);
    }
    comma_end();
}

static void test_unknown_names(void **state) {
    static const struct {
        const char *name, *suggestion;
    } cases[] = {
        {"trackkeys", "trackKeys"},
        {"backEnd", "backend"},
        {"disk.timeOut", "disk.timeout"},
        {"disk.durabilty", "disk.durability"},
        {"serialisation", "serialization"},
        {"pth", "path"},
        {"memory.shardcount", "memory.shardCount"},
        /* in the wrong place */
        {"readOnly", "\"disk.readOnly\""},
        {"timeout", "\"disk.timeout\""},
        {"durability", "\"disk.durability\""},
        {"operations", "\"metrics.operations\""},
        {"memory.timeout", "\"disk.timeout\""},
        {"disk.path", "\"path\""},
        {"disk.trackKeys", "\"trackKeys\""},
        /* and misspelt */
        {"readonly", "\"disk.readOnly\""},
        {"durabilty", "\"disk.durability\""},
        {"partitions", "\"redis.partitions\""},
        {"username", "\"redis.username\""},
        {"serverName", "\"redis.tls.serverName\""},
        {"redis.ca", "\"redis.tls.ca\""},
        {"redis.url", "\"url\""},
        {"redis.partition", "\"redis.partitions\""},
        /* what other clients have */
        {"host", "give url: \"redis://host:port\""},
        {"redis.port", "give url: \"redis://host:port\""},
        {"addr", "give url: \"redis://host:port\""},
        {"socket", "give url: \"redis://host:port\""},
        {"socket.host", "give url: \"redis://host:port\""},
        {"cluster", "redis://host1:port,host2:port"},
        {"cluster.nodes", "redis://host1:port,host2:port"},
        {"sentinels", "redis+sentinel://host:26379/master"},
        {"masterName", "redis+sentinel://host:26379/master"},
        {"password", "redis: {passwordEnv}"},
        {"redis.password", "redis: {passwordEnv}"},
        {"db", "redis://host:port/db"},
        {"tls", "rediss://host:port"},
        {"redis.tls", "redis: {tls: {"},
    };
    const xkv_scalar value = TRUE_;
    char message[XKV_MESSAGE_SIZE];
    xkv_options options;

    (void)state;
    xkv_options_init(&options);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(xkv_options_set(&options, cases[i].name, &value, message, sizeof message),
                         O);
        assert_says(message, cases[i].name);
        assert_says(message, cases[i].suggestion);
    }
    assert_int_equal(xkv_options_set(&options, "qqqqqqqqqqqqqqq", &value, message, sizeof message),
                     O);
    assert_says(message, "qqqqqqqqqqqqqqq");
    assert_int_equal(xkv_options_set(&options, "", &value, message, sizeof message), O);
}

/* -- Messages, names, defaults ----------------------------------------------- */

static void test_message_sizes(void **state) {
    const xkv_scalar value = NUMBER(-1);
    xkv_options options;
    char message[64];

    (void)state;
    xkv_options_init(&options);
    assert_int_equal(xkv_options_set(&options, "disk.timeout", &value, NULL, 0), O);
    for (size_t size = 0; size < sizeof message; size++) {
        memset(message, 'z', sizeof message);
        assert_int_equal(xkv_options_set(&options, "disk.timeout", &value, message, size), O);
        assert_int_equal(message[size], 'z');
        if (size > 0)
            assert_true(strlen(message) < size);
    }
}

/* Whatever a script passes, a message has room. */
static void test_long_values_and_names(void **state) {
    static char text[100000];
    char message[XKV_MESSAGE_SIZE];
    const xkv_scalar value = TEXT(text), other = OTHER(text);
    xkv_options options;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    xkv_options_init(&options);
    for (size_t i = 0; i < COUNT(fields); i++) {
        if (fields[i].type == IS_TEXT && strcmp(fields[i].name, "disk.freelistType") != 0)
            continue;
        const xkv_scalar *both[] = {&value, &other};
        for (size_t j = 0; j < 2; j++) {
            int code = xkv_options_set(&options, fields[i].name, both[j], message, sizeof message);
            assert_int_not_equal(code, XKV_OK);
            assert_true(strnlen(message, sizeof message) < sizeof message);
        }
    }
    assert_int_equal(xkv_options_set(&options, text, &value, message, sizeof message), O);
    assert_true(strnlen(message, sizeof message) < sizeof message);
}

static void test_names(void **state) {
    size_t count = 0;

    (void)state;
    for (; xkv_option_name(count); count++)
        assert_non_null(field_named(xkv_option_name(count)));
    assert_int_equal(count, COUNT(fields));
    assert_null(xkv_option_name(count + 1000));
}

static void test_names_of_backends(void **state) {
    (void)state;
    assert_string_equal(xkv_backend_name(XKV_BACKEND_DISK), "disk");
    assert_string_equal(xkv_backend_name(XKV_BACKEND_MEMORY), "memory");
    assert_string_equal(xkv_backend_name(XKV_BACKEND_REDIS), "redis");
    assert_null(xkv_backend_name(XKV_BACKEND_REDIS + 1));
    assert_null(xkv_backend_name(-1));
}

static void test_defaults(void **state) {
    char message[XKV_MESSAGE_SIZE];
    xkv_options options;

    (void)state;
    memset(&options, 0x5A, sizeof options);
    xkv_options_init(&options);
    assert_int_equal(options.backend, XKV_BACKEND_DISK);
    assert_string_equal(options.name, "default");
    assert_string_equal(options.path, "./.k6.kv");
    assert_int_equal(options.serialization, XKV_JSON);
    assert_false(options.track_keys);
    assert_int_equal(options.shard_count, 0);
    assert_int_equal(options.timeout_ms, 1000);
    assert_int_equal(options.durability, XKV_DURABILITY_FULL);
    assert_false(options.no_sync || options.read_only || options.metrics_operations);
    assert_int_equal(options.initial_map_size, 0);
    assert_string_equal(options.freelist_type, "");
    assert_int_equal(options.redis_partitions, 1);
    assert_int_equal(options.redis_timeout_ms, 5000);
    assert_int_equal(options.redis_replicas, 0);
    assert_false(options.tls_insecure);
    assert_string_equal(options.url, "");
    assert_string_equal(options.redis_password_env, "");
    assert_int_equal(xkv__options_check(&options, message, sizeof message), XKV_OK);
}

/* -- Passwords ---------------------------------------------------------------- */

/* A URL, in whatever option it is given, is shown without its password. */
static void test_passwords_are_masked(void **state) {
    static const char *const names[] = {"backend",      "serialization",    "disk.durability",
                                        "disk.timeout", "redis.partitions", "redis.tls.insecure"};
    char message[XKV_MESSAGE_SIZE];
    const xkv_scalar value = TEXT("rediss://me:secret@somewhere:1?password=secret");
    xkv_options options;

    (void)state;
    xkv_options_init(&options);
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_int_not_equal(xkv_options_set(&options, names[i], &value, message, sizeof message),
                             XKV_OK);
        assert_says(message, "\"rediss://***@somewhere:1\xE2\x80\xA6\"");
        if (strstr(message, "secret"))
            fail_msg("%s", message);
    }
}

static void test_open_masks_passwords(void **state) {
    static const char secret[] = "redis://:secret@somewhere";
    xkv_options named = disk_options(secret), other = disk_options("a.kv");
    xkv_options *both[] = {&named, &other};
    char message[XKV_MESSAGE_SIZE];
    xkv_store *store;

    (void)state;
    other.name = secret;
    for (size_t i = 0; i < COUNT(both); i++) {
        assert_int_not_equal(xkv_open(both[i], &store, message, sizeof message), XKV_OK);
        assert_says(message, "redis://***@somewhere");
        if (strstr(message, "secret"))
            fail_msg("%s", message);
    }
}

/* Texts that two stores differ in. */
static void test_differences_are_masked(void **state) {
    char a[XKV__VALUE_TEXT], b[XKV__VALUE_TEXT];
    xkv_options one, other;

    (void)state;
    xkv_options_init(&one);
    other = one;
    one.url = "redis://a";
    other.url = "redis://b"; /* tells stores apart */
    assert_null(xkv__options_difference(&one, &other, a, b));
    one.redis_username = "redis://:secret@a";
    other.redis_username = NULL;
    assert_string_equal(xkv__options_difference(&one, &other, a, b), "redis.username");
    assert_string_equal(a, "\"redis://***@a\"");
    assert_string_equal(b, "\"\"");
}

/* -- Structs filled by hand -------------------------------------------------- */

static const struct {
    size_t offset;
    int64_t number;
    bool is_int;
    int code;
    const char *name;
} by_hand[] = {
#define INT_FIELD(field, number, code, name)                                                       \
    { offsetof(xkv_options, field), number, true, code, name }
#define LONG_FIELD(field, number, name)                                                            \
    { offsetof(xkv_options, field), number, false, O, name }
    INT_FIELD(backend, -1, XKV_E_INVALID_BACKEND, "backend"),
    INT_FIELD(backend, 3, XKV_E_INVALID_BACKEND, "backend"),
    INT_FIELD(serialization, 3, XKV_E_INVALID_SERIALIZATION, "serialization"),
    INT_FIELD(serialization, INT_MIN, XKV_E_INVALID_SERIALIZATION, "serialization"),
    INT_FIELD(durability, 3, O, "disk.durability"),
    INT_FIELD(durability, -1, O, "disk.durability"),
    LONG_FIELD(shard_count, -1, "memory.shardCount"),
    LONG_FIELD(shard_count, XKV_SHARDS_MAX + 1, "memory.shardCount"),
    LONG_FIELD(timeout_ms, -1, "disk.timeout"),
    LONG_FIELD(timeout_ms, INT64_MAX, "disk.timeout"),
    LONG_FIELD(redis_partitions, 0, "redis.partitions"),
    LONG_FIELD(redis_partitions, -2, "redis.partitions"),
    LONG_FIELD(redis_timeout_ms, 0, "redis.timeout"),
    LONG_FIELD(redis_replicas, 17, "redis.replicas"),
    LONG_FIELD(initial_map_size, -1, "disk.initialMmapSize"),
    LONG_FIELD(initial_map_size, INT64_MAX, "disk.initialMmapSize"),
};

static void test_open_checks_ranges(void **state) {
    char path[PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(by_hand); i++) {
        char message[XKV_MESSAGE_SIZE] = "";
        xkv_options options = disk_options(test_path(path, "never.kv"));
        xkv_store *store = (xkv_store *)(void *)path;
        int number = (int)by_hand[i].number;
        if (by_hand[i].is_int)
            memcpy((char *)&options + by_hand[i].offset, &number, sizeof number);
        else
            memcpy((char *)&options + by_hand[i].offset, &by_hand[i].number, sizeof(int64_t));
        assert_int_equal(xkv_open(&options, &store, message, sizeof message), by_hand[i].code);
        assert_null(store);
        assert_says(message, by_hand[i].name);
    }
    assert_int_equal(access(path, F_OK), -1);
}

/* A name for a store on disk would be ignored. */
static void test_open_refuses_name_on_disk(void **state) {
    char path[PATH_SIZE], message[XKV_MESSAGE_SIZE] = "";
    xkv_options options = disk_options(test_path(path, "named.kv"));
    xkv_store *store = NULL;

    (void)state;
    options.name = "users";
    assert_int_equal(xkv_open(&options, &store, message, sizeof message), O);
    assert_null(store);
    assert_says(message, "name is \"users\"");
    assert_says(message, "path");
    assert_int_equal(access(path, F_OK), -1);
    static const char *const allowed[] = {NULL, "default"};
    for (size_t i = 0; i < COUNT(allowed); i++) {
        options.name = allowed[i];
        assert_int_equal(xkv_open(&options, &store, message, sizeof message), XKV_OK);
        xkv_close(store);
    }
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_values),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_numbers_that_are_none),
        cmocka_unit_test(test_locale),
        cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_message_sizes),
        cmocka_unit_test(test_long_values_and_names),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_names_of_backends),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_passwords_are_masked),
        cmocka_unit_test(test_open_masks_passwords),
        cmocka_unit_test(test_differences_are_masked),
        cmocka_unit_test(test_open_checks_ranges),
        cmocka_unit_test(test_open_refuses_name_on_disk),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
