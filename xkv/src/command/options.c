/*
 * options.c - the options of a store: one table of name, type and range
 *
 * Everything that is done to options (defaults, setting by name, checking,
 * comparing, copying) walks the table, so a new option is a new row.
 */
#include "command/options.h"
#include "base/error.h"
#include "base/sys.h"
#include "base/text.h"
#include "command/quantity.h"
#include "command/scalar.h"

#include <stdio.h>

enum kind { BOOLEAN, INTEGER, DURATION, SIZE, CHOICE, TEXT };

struct row {
    const char *name;
    enum kind kind;
    size_t offset;              /* of the field in xkv_options */
    int64_t standard;           /* the default, of all kinds but TEXT */
    int64_t min, max;           /* INTEGER, DURATION, SIZE; CHOICE: min is OPEN where it may be */
    const char *const *choices; /* CHOICE: the names of 0, 1, …; TEXT: what is allowed */
    const char *standard_text;
    int error;        /* the code of a bad value */
    bool no_conflict; /* two handles may differ in it: it tells stores apart, or is the handle's */
    bool may_be_open; /* INTEGER: it may be OPEN, whatever min is */
};

static const char *const backends[] = {"disk", "memory", "redis", NULL};
static const char *const serializations[] = {"json", "string", "binary", NULL};
static const char *const durabilities[] = {"full", "relaxed", "none", NULL};
static const char *const freelists[] = {"", "array", "map", "hashmap", NULL};

#define FIELD(field) .offset = offsetof(xkv_options, field)
#define BAD          .error = XKV_E_INVALID_OPTIONS
#define MAY_MISS     .standard_text = ""
#define OPEN         XKV_ANY /* what is left open, which only programs may do */
#define DEFAULT_NAME "default"
#define DAY_MS       (24 * 60 * 60 * 1000)
#define EXACT_MAX    (((int64_t)1 << 53) - 1) /* up to here a double tells integers apart */

static const struct row rows[] = {
    {"backend", CHOICE, FIELD(backend), .choices = backends, .error = XKV_E_INVALID_BACKEND},
    {"name", TEXT, FIELD(name), .standard_text = DEFAULT_NAME, BAD, .no_conflict = true},
    {"path", TEXT, FIELD(path), .standard_text = "./.k6.kv", BAD, .no_conflict = true},
    {"serialization", CHOICE, FIELD(serialization), .choices = serializations, .min = OPEN,
     .error = XKV_E_INVALID_SERIALIZATION},
    {"trackKeys", BOOLEAN, FIELD(track_keys), BAD},
    {"seed", INTEGER, FIELD(seed), .standard = XKV_NO_SEED, .min = -EXACT_MAX, .max = EXACT_MAX,
     BAD, .no_conflict = true},
    {"memory.shardCount", INTEGER, FIELD(shard_count), .max = XKV_SHARDS_MAX, BAD},
    {"disk.timeout", DURATION, FIELD(timeout_ms), .standard = 1000, .max = DAY_MS, BAD},
    {"disk.durability", CHOICE, FIELD(durability), .choices = durabilities, BAD},
    {"disk.noSync", BOOLEAN, FIELD(no_sync), BAD},
    {"disk.readOnly", BOOLEAN, FIELD(read_only), BAD},
    {"disk.initialMmapSize", SIZE, FIELD(initial_map_size), .max = (int64_t)1 << 44, BAD},
    {"disk.noGrowSync", BOOLEAN, FIELD(no_grow_sync), BAD},
    {"disk.noFreelistSync", BOOLEAN, FIELD(no_freelist_sync), BAD},
    {"disk.preLoadFreelist", BOOLEAN, FIELD(pre_load_freelist), BAD},
    {"disk.freelistType", TEXT, FIELD(freelist_type), .choices = freelists, .standard_text = "",
     BAD},
    {"disk.mlock", BOOLEAN, FIELD(mlock), BAD},
    {"url", TEXT, FIELD(url), MAY_MISS, BAD, .no_conflict = true},
    {"redis.partitions", INTEGER, FIELD(redis_partitions), .standard = 1, .min = 1, .max = 64, BAD,
     .may_be_open = true},
    {"redis.timeout", DURATION, FIELD(redis_timeout_ms), .standard = 5000, .min = 1, .max = DAY_MS,
     BAD},
    {"redis.replicas", INTEGER, FIELD(redis_replicas), .max = 16, BAD},
    {"redis.username", TEXT, FIELD(redis_username), MAY_MISS, BAD},
    {"redis.passwordEnv", TEXT, FIELD(redis_password_env), MAY_MISS, BAD},
    {"redis.tls.ca", TEXT, FIELD(tls_ca), MAY_MISS, BAD},
    {"redis.tls.cert", TEXT, FIELD(tls_cert), MAY_MISS, BAD},
    {"redis.tls.key", TEXT, FIELD(tls_key), MAY_MISS, BAD},
    {"redis.tls.serverName", TEXT, FIELD(tls_server_name), MAY_MISS, BAD},
    {"redis.tls.insecure", BOOLEAN, FIELD(tls_insecure), BAD},
    {"metrics.operations", BOOLEAN, FIELD(metrics_operations), BAD},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

/* -- Fields ------------------------------------------------------------------ */

static int64_t field_number(const struct row *row, const xkv_options *options) {
    const char *field = (const char *)options + row->offset;

    if (row->kind == BOOLEAN)
        return *(const bool *)(const void *)field;
    if (row->kind == CHOICE)
        return *(const int *)(const void *)field;
    return *(const int64_t *)(const void *)field;
}

static void set_number(const struct row *row, xkv_options *options, int64_t number) {
    char *field = (char *)options + row->offset;

    if (row->kind == BOOLEAN)
        *(bool *)(void *)field = number != 0;
    else if (row->kind == CHOICE)
        *(int *)(void *)field = (int)number;
    else
        *(int64_t *)(void *)field = number;
}

static const char **text_field(const struct row *row, xkv_options *options) {
    return (const char **)(void *)((char *)options + row->offset);
}

static const char *field_text(const struct row *row, const xkv_options *options) {
    const char *text = *(const char *const *)(const void *)((const char *)options + row->offset);
    return text ? text : row->standard_text;
}

void xkv_options_init(xkv_options *options) {
    memset(options, 0, sizeof *options);
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].kind == TEXT)
            *text_field(&rows[i], options) = rows[i].standard_text;
        else
            set_number(&rows[i], options, rows[i].standard);
    }
}

const char *xkv_option_name(size_t i) {
    return i < ROWS ? rows[i].name : NULL;
}

void xkv__options_fill(xkv_options *options) {
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].kind == TEXT)
            *text_field(&rows[i], options) = field_text(&rows[i], options);
    }
}

/* -- Messages ---------------------------------------------------------------- */

/* What a row allows, as the end of "… must be". */
static void describe_row(const struct row *row, char *out, size_t size) {
    long long min = row->min, max = row->max;
    int at = 0;

    switch (row->kind) {
    case BOOLEAN:
        snprintf(out, size, "true or false");
        break;
    case INTEGER:
        snprintf(out, size, "an integer from %lld to %lld", min, max);
        break;
    case DURATION:
        snprintf(out, size,
                 "a whole number of milliseconds from %lld to %lld, or " XKV__DURATION_TEXT, min,
                 max);
        break;
    case SIZE:
        snprintf(out, size, "a whole number of bytes from %lld to %lld, or " XKV__SIZE_TEXT, min,
                 max);
        break;
    case CHOICE:
    case TEXT:
        if (!row->choices)
            snprintf(out, size, "text that is not empty");
        for (size_t i = 0; row->choices && row->choices[i]; i++)
            at += snprintf(out + at, size - (size_t)at, "%s\"%s\"",
                           i == 0                ? ""
                           : row->choices[i + 1] ? ", "
                                                 : " or ",
                           row->choices[i]);
        break;
    }
}

static int refuse_option(const struct row *row, const char *got, char *message, size_t size) {
    char allowed[256];

    describe_row(row, allowed, sizeof allowed);
    return xkv__explain(message, size, row->error, "%s must be %s; it is %s", row->name, allowed,
                        got);
}

/* -- Setting ----------------------------------------------------------------- */

static int choice_of(const struct row *row, const char *text) {
    for (int i = 0; row->choices[i]; i++) {
        if (strcmp(row->choices[i], text) == 0)
            return i;
    }
    return -1;
}

static bool text_allowed(const struct row *row, const char *text) {
    if (row->choices)
        return choice_of(row, text) >= 0;
    return text[strspn(text, " \t\r\n")] != '\0' || strcmp(text, row->standard_text) == 0;
}

/* The whole number that a scalar stands for; false if it stands for none. */
static bool read_number(const struct row *row, const xkv_scalar *value, int64_t *number) {
    if (value->type == XKV_TYPE_TEXT && row->kind == DURATION)
        return xkv__read_duration(xkv_text(value->text), number);
    if (value->type == XKV_TYPE_TEXT && row->kind == SIZE)
        return xkv__read_size(xkv_text(value->text), number);
    return xkv__scalar_integer(value, number);
}

/* Puts a scalar into its field if it is of the row's type and range. */
static bool accept(const struct row *row, xkv_options *options, const xkv_scalar *value) {
    bool is_text = value->type == XKV_TYPE_TEXT;
    int64_t number;
    int choice;

    switch (row->kind) {
    case BOOLEAN:
        if (value->type == XKV_TYPE_BOOL)
            set_number(row, options, value->boolean);
        return value->type == XKV_TYPE_BOOL;
    case CHOICE:
        choice = is_text ? choice_of(row, value->text) : -1;
        if (choice >= 0)
            set_number(row, options, choice);
        return choice >= 0;
    case TEXT:
        if (!is_text || !text_allowed(row, value->text))
            return false;
        *text_field(row, options) = value->text;
        return true;
    case DURATION:
    case SIZE:
    case INTEGER:
        if (!read_number(row, value, &number) || number < row->min || number > row->max)
            return false;
        set_number(row, options, number);
        return true;
    }
    return false;
}

/* "timeout" of "disk.timeout". */
static const char *last_part(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

/* The option that an unknown name stands for, or NULL: one that is only in the
 * wrong place, or else one that is spelt much alike, in its place or out of it. */
static const char *option_meant(const char *name) {
    const char *names[ROWS], *parts[ROWS];

    for (size_t i = 0; i < ROWS; i++) {
        names[i] = rows[i].name;
        parts[i] = last_part(names[i]);
        if (strcmp(parts[i], last_part(name)) == 0)
            return names[i];
    }
    const char *nearest = xkv_nearest(name, names, ROWS);
    const char *part = nearest ? NULL : xkv_nearest(last_part(name), parts, ROWS);
    for (size_t i = 0; part && !nearest; i++) {
        if (parts[i] == part)
            nearest = names[i];
    }
    return nearest;
}

#define GIVE_URL "give url: \"redis://host:port\""

/* What others call what is in the url here, by the last parts of their names. */
static const struct hint {
    const char *names; /* each between spaces */
    const char *text;
} hints[] = {
    {" host port addr address socket ", GIVE_URL},
    {" hosts addrs nodes cluster ", "give url: \"redis://host1:port,host2:port\""},
    {" sentinels sentinel masterName master ",
     "give url: \"redis+sentinel://host:26379/master\", with the hosts of the sentinels"},
    {" password ", GIVE_URL ", and the password in the environment, in the variable that "
                            "redis: {passwordEnv} names, or as redis://:password@host:port"},
    {" db database ", "give url: \"redis://host:port/db\""},
    {" tls ssl ", "give url: \"rediss://host:port\", and what else is needed in redis: {tls: {…}}"},
};

static const char *hint_for(const char *name) {
    char word[32];

    snprintf(word, sizeof word, " %.20s ", last_part(name));
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        if (strlen(word) > 2 && strstr(hints[i].names, word))
            return hints[i].text;
    }
    return NULL;
}

static int unknown_option(const char *name, char *message, size_t size) {
    const char *hint = hint_for(name);
    const char *nearest = hint ? NULL : option_meant(name);
    char quoted[XKV__QUOTE_SIZE];

    xkv__quote(xkv_text(name), quoted);
    if (hint)
        return xkv__explain(message, size, XKV_E_INVALID_OPTIONS, "there is no option %s; %s",
                            quoted, hint);
    if (nearest)
        return xkv__explain(message, size, XKV_E_INVALID_OPTIONS,
                            "there is no option %s; did you mean \"%s\"?", quoted, nearest);
    return xkv__explain(message, size, XKV_E_INVALID_OPTIONS, "there is no option %s", quoted);
}

int xkv_options_set(xkv_options *options, const char *name, const xkv_scalar *value, char *message,
                    size_t size) {
    char got[XKV__SCALAR_SIZE];

    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(rows[i].name, name) != 0)
            continue;
        if (accept(&rows[i], options, value))
            return XKV_OK;
        if (value->type == XKV_TYPE_TEXT)
            xkv__quote_masked(value->text, got);
        else
            xkv__scalar_text(value, got);
        return refuse_option(&rows[i], got, message, size);
    }
    return unknown_option(name, message, size);
}

/* -- Checking, comparing, copying -------------------------------------------- */

static bool in_range(const struct row *row, const xkv_options *options) {
    int64_t number = row->kind == TEXT ? 0 : field_number(row, options);
    int64_t choices = 0;

    switch (row->kind) {
    case BOOLEAN:
        return true;
    case TEXT:
        return text_allowed(row, field_text(row, options));
    case CHOICE:
        while (row->choices[choices])
            choices++;
        return number >= row->min && number < choices;
    default:
        return number == row->standard || (number >= row->min && number <= row->max) ||
               (row->may_be_open && number == OPEN);
    }
}

const char *xkv_backend_name(int backend) {
    bool is_one = backend >= XKV_BACKEND_DISK && backend <= XKV_BACKEND_REDIS;
    return is_one ? backends[backend] : NULL;
}

const char *xkv_serialization_name(int serialization) {
    bool is_one = serialization >= XKV_JSON && serialization <= XKV_BINARY;
    return is_one ? serializations[serialization] : NULL;
}

/* On disk a name would be ignored, and two of them be one store. */
static int check_name(const xkv_options *options, char *message, size_t size) {
    char quoted[XKV__QUOTE_SIZE];

    if (options->backend != XKV_BACKEND_DISK || !options->name ||
        strcmp(options->name, DEFAULT_NAME) == 0)
        return XKV_OK;
    return xkv__explain(message, size, XKV_E_INVALID_OPTIONS,
                        "name is %s, but a store on disk is known by its path: give that instead, "
                        "or backend \"memory\" or \"redis\"",
                        xkv__quote_masked(options->name, quoted));
}

int xkv__options_check(const xkv_options *options, char *message, size_t size) {
    char got[XKV__VALUE_TEXT];

    for (size_t i = 0; i < ROWS; i++) {
        if (in_range(&rows[i], options))
            continue;
        if (rows[i].kind == TEXT)
            xkv__quote_masked(field_text(&rows[i], options), got);
        else
            snprintf(got, sizeof got, "%lld", (long long)field_number(&rows[i], options));
        return refuse_option(&rows[i], got, message, size);
    }
    return check_name(options, message, size);
}

static void value_text(const struct row *row, const xkv_options *options,
                       char out[XKV__VALUE_TEXT]) {
    if (row->kind == TEXT)
        xkv__quote_masked(field_text(row, options), out);
    else if (row->kind == CHOICE)
        snprintf(out, XKV__VALUE_TEXT, "\"%s\"", row->choices[field_number(row, options)]);
    else if (row->kind == BOOLEAN)
        snprintf(out, XKV__VALUE_TEXT, "%s", field_number(row, options) ? "true" : "false");
    else
        snprintf(out, XKV__VALUE_TEXT, "%lld", (long long)field_number(row, options));
}

/* Whether one of two leaves open what the other may have settled. */
static bool is_open(const struct row *row, const xkv_options *one, const xkv_options *other) {
    return (row->kind == CHOICE || row->may_be_open) &&
           (field_number(row, one) == OPEN || field_number(row, other) == OPEN);
}

const char *xkv__options_difference(const xkv_options *one, const xkv_options *other,
                                    char a[XKV__VALUE_TEXT], char b[XKV__VALUE_TEXT]) {
    for (size_t i = 0; i < ROWS; i++) {
        bool same = rows[i].kind == TEXT
                        ? strcmp(field_text(&rows[i], one), field_text(&rows[i], other)) == 0
                        : field_number(&rows[i], one) == field_number(&rows[i], other);
        if (same || rows[i].no_conflict || is_open(&rows[i], one, other))
            continue;
        value_text(&rows[i], one, a);
        value_text(&rows[i], other, b);
        return rows[i].name;
    }
    return NULL;
}

int xkv__options_copy(xkv_options *to, const xkv_options *from) {
    int error = XKV_OK;

    *to = *from;
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].kind != TEXT)
            continue;
        *text_field(&rows[i], to) = xkv__strdup(field_text(&rows[i], from));
        if (!*text_field(&rows[i], to))
            error = XKV_E_STORE_FULL;
    }
    if (error != XKV_OK)
        xkv__options_free(to);
    return error;
}

void xkv__options_free(xkv_options *options) {
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].kind == TEXT) {
            xkv__free((void *)(uintptr_t)*text_field(&rows[i], options));
            *text_field(&rows[i], options) = NULL;
        }
    }
}
