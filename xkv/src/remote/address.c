/*
 * address.c - what a url says, and what the options and the environment add to it
 *
 * A url is cut into its parts from its end: what is behind ? and /, then what is
 * before @, then the hosts. A password may hold any of these signs if it is
 * percent-encoded; else the parts make no sense and the url is refused. No reason
 * shows a part by itself, since it may be a piece of a password.
 */
#include "remote/address.h"

#include "base/buffer.h"
#include "base/error.h"
#include "base/sys.h"
#include "base/text.h"

#include <stdio.h>

#define VARIABLE "K6_KV_REDIS_URL"

enum { PORT_MAX = 65535, DB_DIGITS = 9 };

enum place { SERVER, SOCKET, SENTINEL };

static const struct scheme {
    const char *start;
    enum place place;
    bool is_tls;
} schemes[] = {
    {"redis://", SERVER, false},
    {"rediss://", SERVER, true},
    {"valkey://", SERVER, false},
    {"valkeys://", SERVER, true},
    {"unix://", SOCKET, false},
    {"redis+sentinel://", SENTINEL, false},
    {"rediss+sentinel://", SENTINEL, true},
};

enum { SCHEMES = sizeof schemes / sizeof schemes[0] };

/* The names for people. */
static const char *const starts[][2] = {
    [SERVER] = {"redis://", "rediss://"},
    [SOCKET] = {"unix://", "unix://"},
    [SENTINEL] = {"redis+sentinel://", "rediss+sentinel://"},
};

struct reading {
    xkv__address *address;
    const char *source, *url; /* whose value it is, and the value */
    enum place place;
    bool has_db;
    bool is_needed; /* the environment must have all that options refer to */
};

static int refuse(const struct reading *reading, const char *why) {
    char quoted[XKV__QUOTE_SIZE];

    return xkv__fail(XKV_E_INVALID_OPTIONS, "%s is %s: %s", reading->source,
                     xkv__quote_masked(reading->url, quoted), why);
}

/* -- Parts ------------------------------------------------------------------- */

/* A copy of a part without its percent-encoding. */
static int take(const struct reading *reading, const char *part, char **out) {
    *out = xkv__strdup(part);
    if (!*out)
        return XKV_E_STORE_FULL;
    return xkv__decode_percent(*out)
               ? XKV_OK
               : refuse(reading,
                        "two hexadecimal digits, not 00, must follow a %; write %25 for %");
}

/* A number of digits alone, at most so many; -1 if it is none. */
static long number_of(const char *digits, size_t most) {
    size_t len = strspn(digits, "0123456789");
    long number = 0;

    if (len == 0 || len > most || digits[len])
        return -1;
    for (size_t i = 0; i < len; i++)
        number = 10 * number + (digits[i] - '0');
    return number;
}

static int read_db(struct reading *reading, const char *digits) {
    long db = number_of(digits, DB_DIGITS);

    if (db < 0)
        return refuse(reading, "the database must be a number, as in redis://host:6379/2");
    if (reading->has_db)
        return refuse(reading, "it names a database twice");
    reading->has_db = true;
    reading->address->db = (int)db;
    return XKV_OK;
}

static int read_query(struct reading *reading, const char *query) {
    if (strncmp(query, "db=", 3) == 0)
        return read_db(reading, query + 3);
    return refuse(reading, "behind a ? only db=n is known; give all else as options redis.…, a "
                           "password as redis://:password@host or by redis.passwordEnv, and "
                           "write %3F for a ? in it");
}

static int read_socket(struct reading *reading, const char *path) {
    if (!path[0] || !path[1])
        return refuse(reading, "it needs the path of a socket, as unix:///run/redis.sock");
    reading->address->count = 1;
    reading->address->is_unix = true;
    return take(reading, path, &reading->address->hosts[0].name);
}

static int read_master(struct reading *reading, char *path) {
    char *name = path[0] ? path + 1 : path;
    char *db = strchr(name, '/');

    if (db)
        *db++ = '\0';
    if (!*name)
        return refuse(reading, "it needs the name that the sentinels have for the master, as "
                               "redis+sentinel://host:26379/mymaster");
    int error = take(reading, name, &reading->address->master);
    return error == XKV_OK && db && *db ? read_db(reading, db) : error;
}

/* What begins with the first / of a url, if there is one. */
static int read_path(struct reading *reading, char *path) {
    if (reading->place == SOCKET)
        return read_socket(reading, path);
    if (strchr(path, '@'))
        return refuse(reading, "a / in a user's name or password is written %2F");
    if (reading->place == SENTINEL)
        return read_master(reading, path);
    return path[0] && path[1] ? read_db(reading, path + 1) : XKV_OK;
}

static int read_user(struct reading *reading, char *user) {
    xkv__address *address = reading->address;
    char *password = strchr(user, ':');

    if (password)
        *password++ = '\0';
    int error = *user ? take(reading, user, &address->user) : XKV_OK;
    if (error == XKV_OK && password && (*user || *password))
        error = take(reading, password, &address->password);
    return error;
}

/* -- Hosts ------------------------------------------------------------------- */

static int read_port(struct reading *reading, const char *digits, xkv__host *host) {
    long port = number_of(digits, sizeof host->port - 1);

    if (port < 1 || port > PORT_MAX)
        return refuse(reading, "a port must be a number from 1 to 65535; a password stands before "
                               "an @, as redis://:password@host:6379");
    snprintf(host->port, sizeof host->port, "%u", (unsigned)port % (PORT_MAX + 1));
    return XKV_OK;
}

/* Takes the name of a host, and returns what is behind it; NULL if it is none. */
static char *end_of_name(char **name) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-._";
    size_t len = strspn(*name, letters);
    bool is_bare = **name != '[';

    if (is_bare)
        return len > 0 && ((*name)[len] == ':' || !(*name)[len]) ? *name + len : NULL;
    char *end = strchr(*name, ']');
    char *zone = strstr(++*name, "%25");
    len = strspn(*name, "0123456789abcdefABCDEF:.");
    if (!end || len < 2 || (*name + len != end && *name + len != zone))
        return NULL;
    *end = '\0';
    return end + 1;
}

static int read_host(struct reading *reading, char *name) {
    xkv__address *address = reading->address;
    xkv__host *host = &address->hosts[address->count];
    char *rest = end_of_name(&name);

    if (!rest || (*rest && *rest != ':'))
        return refuse(reading, "it needs hosts, as redis://host:6379 or redis://host1,host2, with "
                               "brackets around IPv6 addresses: redis://[::1]:6379");
    bool has_port = *rest;
    *rest = '\0';
    snprintf(host->port, sizeof host->port, reading->place == SENTINEL ? "26379" : "6379");
    int error = has_port ? read_port(reading, rest + 1, host) : XKV_OK;
    if (error != XKV_OK)
        return error;
    address->count++;
    return take(reading, name, &host->name);
}

static int read_hosts(struct reading *reading, char *list) {
    int error = XKV_OK;

    while (list && error == XKV_OK) {
        char *next = strchr(list, ',');
        if (next)
            *next++ = '\0';
        if (reading->address->count == XKV__HOSTS_MAX)
            return refuse(reading, "it has more than 64 hosts");
        error = read_host(reading, list);
        list = next;
    }
    return error;
}

/* -- The url ----------------------------------------------------------------- */

static int read_authority(struct reading *reading, char *authority) {
    char *at = strrchr(authority, '@');
    char *hosts = at ? at + 1 : authority;
    int error = XKV_OK;

    if (at) {
        *at = '\0';
        error = read_user(reading, authority);
    }
    if (error != XKV_OK)
        return error;
    if (reading->place != SOCKET)
        return read_hosts(reading, hosts);
    return *hosts ? refuse(reading, "a socket has no host: write unix:///path, with three slashes")
                  : XKV_OK;
}

static int read_parts(struct reading *reading, char *text) {
    char *query = strchr(text, '?');
    int error = strchr(text, '#') ? refuse(reading, "a # is written %23") : XKV_OK;

    if (query)
        *query++ = '\0';
    if (error == XKV_OK && query)
        error = read_query(reading, query);
    char *path = strchr(text, '/');
    if (error == XKV_OK)
        error = read_path(reading, path ? path : text + strlen(text));
    if (path)
        *path = '\0';
    return error == XKV_OK ? read_authority(reading, text) : error;
}

/* NULL if a url has none of ours. */
static const struct scheme *scheme_of(const char *url) {
    for (size_t i = 0; i < SCHEMES; i++) {
        if (strncmp(url, schemes[i].start, strlen(schemes[i].start)) == 0)
            return &schemes[i];
    }
    return NULL;
}

static int read_url(struct reading *reading) {
    const struct scheme *scheme = scheme_of(reading->url);

    if (!scheme)
        return refuse(reading, "it must begin with redis://, rediss:// (TLS), unix:// or "
                               "redis+sentinel://, as in redis://host:6379");
    reading->place = scheme->place;
    reading->address->is_tls = scheme->is_tls;
    char *text = xkv__strdup(reading->url + strlen(scheme->start));
    if (!text)
        return XKV_E_STORE_FULL;
    int error = read_parts(reading, text);
    xkv__free(text);
    return error;
}

/* -- Options and environment ---------------------------------------------------- */

static bool is_given(const char *text) {
    return text && *text;
}

static int find_url(struct reading *reading, const xkv_options *options) {
    bool in_options = is_given(options->url);

    reading->source = in_options ? "url" : VARIABLE " of the environment";
    reading->url = in_options ? options->url : xkv__environment(VARIABLE);
    if (is_given(reading->url) || !reading->is_needed)
        return XKV_OK;
    return xkv__fail(XKV_E_INVALID_OPTIONS,
                     "a store on a server needs to know where that is: give url: "
                     "\"redis://host:6379\", or set " VARIABLE " in the environment of the "
                     "process");
}

static int add_user(const xkv_options *options, xkv__address *address) {
    if (!is_given(options->redis_username))
        return XKV_OK;
    if (address->user)
        return xkv__fail(XKV_E_INVALID_OPTIONS,
                         "the url has a user's name, and redis.username another: give one");
    address->user = xkv__strdup(options->redis_username);
    return address->user ? XKV_OK : XKV_E_STORE_FULL;
}

/* Its name is not shown: somebody may have given the password itself. */
static int add_password(const xkv_options *options, bool is_needed, xkv__address *address) {
    if (!is_given(options->redis_password_env))
        return XKV_OK;
    if (address->password)
        return xkv__fail(XKV_E_INVALID_OPTIONS,
                         "the url has a password, and redis.passwordEnv names another: give one");
    const char *password = xkv__environment(options->redis_password_env);
    if (!password && !is_needed)
        return XKV_OK;
    if (!password)
        return xkv__fail(XKV_E_INVALID_OPTIONS,
                         "redis.passwordEnv must be the name of a variable in the environment of "
                         "the process, which holds the password; it is not");
    if (!*password && !address->user)
        return XKV_OK;
    address->password = xkv__strdup(password);
    return address->password ? XKV_OK : XKV_E_STORE_FULL;
}

static int check_user(const xkv__address *address) {
    if (!address->user || address->password)
        return XKV_OK;
    return xkv__fail(XKV_E_INVALID_OPTIONS,
                     "there is a user's name for the server, and no password: name the variable "
                     "that holds it in redis.passwordEnv, or write redis://user:password@host, "
                     "and redis://:password@host if it has no users");
}

static int check_tls(const xkv_options *options, const xkv__address *address) {
    bool has_ca = is_given(options->tls_ca), has_cert = is_given(options->tls_cert);
    bool has_any = has_ca || has_cert || is_given(options->tls_key) ||
                   is_given(options->tls_server_name) || options->tls_insecure;

    if (has_any && !address->is_tls && address->count > 0)
        return xkv__fail(XKV_E_INVALID_OPTIONS,
                         "options redis.tls.… are given, but the url is not one of TLS: let it "
                         "begin with rediss://, or leave them out");
    if (has_cert != is_given(options->tls_key))
        return xkv__fail(XKV_E_INVALID_OPTIONS,
                         "redis.tls.cert and redis.tls.key go together: give both or none");
    return XKV_OK;
}

/* A url or a password that is not known yet may be what would make the rest right. */
static int add_options(const xkv_options *options, bool is_needed, xkv__address *address) {
    int error = add_user(options, address);
    bool is_known = address->count > 0;

    if (error == XKV_OK)
        error = add_password(options, is_needed, address);
    if (error == XKV_OK && is_known && (is_needed || !is_given(options->redis_password_env)))
        error = check_user(address);
    return error == XKV_OK ? check_tls(options, address) : error;
}

static int read_address(const xkv_options *options, bool is_needed, xkv__address *address) {
    struct reading reading = {.address = address, .is_needed = is_needed};

    memset(address, 0, sizeof *address);
    int error = find_url(&reading, options);
    if (error == XKV_OK && is_given(reading.url))
        error = read_url(&reading);
    if (error == XKV_OK)
        error = add_options(options, is_needed, address);
    if (error != XKV_OK)
        xkv__address_free(address);
    return error;
}

int xkv__address_read(const xkv_options *options, xkv__address *address) {
    return read_address(options, true, address);
}

int xkv__address_foresee(const xkv_options *options, xkv__address *address) {
    return read_address(options, false, address);
}

void xkv__address_free(xkv__address *address) {
    for (unsigned i = 0; i < address->count; i++)
        xkv__free(address->hosts[i].name);
    xkv__free(address->master);
    xkv__free(address->user);
    xkv__free(address->password);
    memset(address, 0, sizeof *address);
}

/* -- For people ------------------------------------------------------------------ */

static void add_text(xkv__buffer *out, const char *text) {
    xkv__buffer_append(out, text, strlen(text));
}

static void add_host(xkv__buffer *out, const xkv__host *host) {
    bool in_brackets = strchr(host->name, ':');

    if (in_brackets)
        add_text(out, "[");
    add_text(out, host->name);
    add_text(out, in_brackets ? "]:" : ":");
    add_text(out, host->port);
}

static void add_hosts(xkv__buffer *out, const xkv__address *address) {
    for (unsigned i = 0; i < address->count; i++) {
        if (i > 0)
            add_text(out, ",");
        add_host(out, &address->hosts[i]);
    }
}

char *xkv__address_text(const xkv__address *address) {
    enum place place = address->is_unix ? SOCKET : address->master ? SENTINEL : SERVER;
    xkv__buffer out = {.data = NULL};
    char db[32];

    add_text(&out, starts[place][address->is_tls]);
    if (place == SOCKET)
        add_text(&out, address->hosts[0].name);
    else
        add_hosts(&out, address);
    if (place == SENTINEL) {
        add_text(&out, "/");
        add_text(&out, address->master);
    }
    snprintf(db, sizeof db, "%s%d", place == SOCKET ? "?db=" : "/", address->db);
    if (address->db > 0)
        add_text(&out, db);
    xkv__buffer_append_byte(&out, '\0');
    if (out.error == XKV_OK)
        return (char *)out.data;
    xkv__buffer_free(&out);
    return NULL;
}
