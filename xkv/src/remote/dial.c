/* dial.c - see dial.h */
#include "remote/dial.h"

#include "base/error.h"
#include "base/text.h"
#include "remote/protocol.h"
#include "remote/resp.h"
#include "remote/tls.h"
#include "remote/words.h"

#include <stdio.h>
#include <stdlib.h>

/* -- Conversations ------------------------------------------------------------- */

static int line_fault(const char *what, xkv__fault fault) {
    return xkv__fail_fault(XKV_E_SERVER_UNAVAILABLE, what, NULL, fault);
}

static int line_left_ms(const xkv__line *line) {
    int64_t left = (line->deadline_ns - xkv__monitor_now()) / 1000000;
    return left > 0 ? (int)left : 0;
}

/* Waits until it can be read, or (for_room) written. */
static int await_line(const xkv__line *line, bool for_room) {
    xkv__watched watched = {.socket = line->socket, .for_room = for_room};
    xkv__fault fault = xkv__net.wait(&watched, 1, line_left_ms(line));

    if (fault.cause != XKV__FINE)
        return line_fault("cannot wait for the server", fault);
    if (watched.ready)
        return XKV_OK;
    return xkv__fail(XKV_E_SERVER_UNAVAILABLE, "the server did not answer in time");
}

static int send_all(const xkv__line *line, const xkv__buffer *question) {
    size_t done = 0, sent;

    while (done < question->len) {
        xkv__fault fault =
            xkv__net.send(line->socket, question->data + done, question->len - done, &sent);
        if (fault.cause != XKV__FINE)
            return line_fault("cannot send to the server", fault);
        done += sent;
        int error = sent > 0 ? XKV_OK : await_line(line, true);
        if (error != XKV_OK)
            return error;
    }
    return XKV_OK;
}

static int receive_more(const xkv__line *line, xkv__buffer *out) {
    enum { PIECE = 4096 };
    size_t got = 0;
    unsigned char *room = xkv__buffer_reserve(out, PIECE);
    int error = room ? await_line(line, false) : XKV_E_STORE_FULL;

    if (error != XKV_OK)
        return error;
    xkv__fault fault = xkv__net.receive(line->socket, room, PIECE, &got);
    out->len += got;
    return fault.cause == XKV__FINE ? XKV_OK : line_fault("the server ended the connection", fault);
}

int xkv__converse(const xkv__line *line, const xkv__buffer *question, unsigned answers,
                  xkv__buffer *out) {
    int error = question->error == XKV_OK ? send_all(line, question) : question->error;
    size_t begin = 0;
    xkv__resp_scan scan = {.at = 0};

    out->len = 0;
    while (error == XKV_OK && answers > 0) {
        switch (xkv__resp_scan_on(&scan, out->data + begin, out->len - begin)) {
        case XKV__RESP_WHOLE:
            answers -= out->data[begin] != '>';
            begin += scan.at;
            xkv__resp_scan_begin(&scan);
            break;
        case XKV__RESP_MORE:
            error = receive_more(line, out);
            break;
        case XKV__RESP_BAD:
            error = xkv__fail(XKV_E_SERVER_UNAVAILABLE, "what answers there is no Redis server");
        }
    }
    return error;
}

/* -- Getting to know each other ---------------------------------------------------- */

static bool begins(xkv_bytes text, const char *word) {
    return xkv__has_prefix(text, xkv_text(word));
}

/* An error that another attempt would not change is final. */
static int refused(xkv__line *line, xkv_bytes text) {
    char quoted[XKV__QUOTE_SIZE];

    line->is_final = !xkv__is_for_later(text);
    if (begins(text, "WRONGPASS") || begins(text, "ERR invalid password"))
        return xkv__fail(XKV_E_SERVER_UNAVAILABLE,
                         "the server does not know this user and password");
    if (begins(text, "NOAUTH"))
        return xkv__fail(XKV_E_SERVER_UNAVAILABLE,
                         "the server asks for a password: give it in K6_KV_REDIS_URL, by "
                         "redis.passwordEnv, or in the url");
    if (begins(text, "NOPERM"))
        return xkv__refusal(text);
    if (begins(text, "ERR unknown command") || begins(text, "NOPROTO"))
        return xkv__fail(XKV_E_SERVER_UNAVAILABLE,
                         "the server is too old, or no Redis or Valkey: it needs to be as new as "
                         "Redis 6.2 (it said %s)",
                         xkv__quote(text, quoted));
    return xkv__fail(XKV_E_SERVER_UNAVAILABLE, "the server said %s", xkv__quote(text, quoted));
}

/* Looks for an error in a number of answers. */
static int check_answers(xkv__line *line, const xkv__buffer *answers) {
    xkv__resp_cursor cursor = xkv__resp_cursor_on(xkv__buffer_bytes(answers));
    xkv__resp_item item;

    while (xkv__resp_next(&cursor, &item)) {
        if (item.kind == XKV__RESP_ERROR)
            return refused(line, item.text);
    }
    return XKV_OK;
}

static void put_hello(const xkv__address *address, xkv__buffer *out) {
    const char *words[9] = {"HELLO", "3"};
    size_t count = 2;

    if (address->password) {
        words[count++] = "AUTH";
        words[count++] = address->user ? address->user : "default";
        words[count++] = address->password;
    }
    words[count++] = "SETNAME";
    words[count] = "xk6-kv";
    xkv__put_command(out, words);
}

static unsigned put_greeting(const xkv__address *address, xkv__buffer *out) {
    char db[16];

    snprintf(db, sizeof db, "%d", address->db);
    put_hello(address, out);
    xkv__put_command(out, (const char *const[]){"INFO", "server", NULL});
    xkv__put_command(out, (const char *const[]){"INFO", "memory", NULL});
    if (address->db == 0)
        return 3;
    xkv__put_command(out, (const char *const[]){"SELECT", db, NULL});
    return 4;
}

/* The value of a line "name:value" of INFO; false if there is none. */
static bool info_line(xkv_bytes info, const char *name, char *out, size_t size) {
    const char *at = info.data, *end = at + info.len;
    size_t len = strlen(name);

    for (const char *next; at < end; at = next + 1) {
        next = memchr(at, '\n', (size_t)(end - at));
        if (!next)
            next = end;
        if ((size_t)(next - at) <= len || memcmp(at, name, len) != 0 || at[len] != ':')
            continue;
        size_t value = (size_t)(next - at) - len - 1;
        while (value > 0 && at[len + value] == '\r')
            value--;
        snprintf(out, size, "%.*s", (int)value, at + len + 1);
        return true;
    }
    return false;
}

/* Which server it is: those that are like Redis say their own version beside. */
static void read_info(xkv_bytes info, xkv__server *server) {
    static const char *const kinds[][2] = {{"valkey", "valkey_version"},
                                           {"dragonfly", "dragonfly_version"},
                                           {"keydb", "mvcc_depth"},
                                           {"redis", "redis_version"}};
    char mode[16] = "";
    size_t i = 0, count = sizeof kinds / sizeof kinds[0];

    while (i < count && !info_line(info, kinds[i][1], server->version, sizeof server->version))
        i++;
    snprintf(server->name, sizeof server->name, "%s", i < count ? kinds[i][0] : "unknown");
    (void)(info_line(info, "redis_mode", mode, sizeof mode) ||
           info_line(info, "server_mode", mode, sizeof mode));
    server->is_cluster = strcmp(mode, "cluster") == 0;
}

static void read_memory(xkv_bytes info, xkv__server *server) {
    char most[24] = "0", policy[24] = "noeviction";

    (void)info_line(info, "maxmemory", most, sizeof most);
    (void)info_line(info, "maxmemory_policy", policy, sizeof policy);
    server->may_evict = strcmp(most, "0") != 0 && strncmp(policy, "allkeys", 7) == 0;
}

static void read_greeting(const xkv__buffer *answers, xkv__server *server) {
    xkv__resp_cursor cursor = xkv__resp_cursor_on(xkv__buffer_bytes(answers));
    xkv__resp_item item = {.text = {NULL, 0}};

    xkv__resp_skip(&cursor);
    if (xkv__resp_next(&cursor, &item) && item.kind == XKV__RESP_TEXT)
        read_info(item.text, server);
    if (xkv__resp_next(&cursor, &item) && item.kind == XKV__RESP_TEXT)
        read_memory(item.text, server);
}

/* Once in the life of the process: connections are made again and again. */
static void warn_once(_Atomic bool *warned, const xkv__server *server, const char *words) {
    if (!atomic_exchange(warned, true))
        xkv__notice("%s %s: %s", server->name, server->version, words);
}

/* Refuses servers that are too old, and warns of those that are not known, or may lose what
 * they have. */
static int judge(xkv__line *line, const xkv__server *server) {
    static _Atomic bool warned_of_kind, warned_of_eviction;
    bool is_redis = strcmp(server->name, "redis") == 0;
    int major = 0, minor = 0;

    if (is_redis && sscanf(server->version, "%d.%d", &major, &minor) == 2 &&
        (major < 6 || (major == 6 && minor < 2))) {
        line->is_final = true;
        return xkv__fail(XKV_E_SERVER_UNAVAILABLE,
                         "the server is Redis %s, and stores need 6.2 or newer, or Valkey",
                         server->version);
    }
    if (!is_redis && strcmp(server->name, "valkey") != 0)
        warn_once(&warned_of_kind, server,
                  "stores on servers are tested with Redis and Valkey, and not with this one");
    if (server->may_evict)
        warn_once(&warned_of_eviction, server,
                  "the server deletes keys when its memory is full, and with them the store: set "
                  "its maxmemory-policy to noeviction");
    return XKV_OK;
}

/* Who is told something by redis:// and has TLS ends the connection, with an alert of TLS or
 * without a word (the alert may be lost). Nobody else begins like that. */
static int explain_greeting(xkv__line *line, const xkv__buffer *answers, int error) {
    enum { ALERT = 0x15 };
    bool is_alert = answers->len > 0 && answers->data[0] == ALERT;

    if (is_alert) {
        line->is_final = true;
        return xkv__fail(XKV_E_SERVER_UNAVAILABLE,
                         "the server speaks TLS: let the url begin with rediss://");
    }
    if (error == XKV_E_SERVER_UNAVAILABLE && answers->len == 0 && line_left_ms(line) > 0)
        return xkv__fail_about(error, "it said nothing, as servers do that speak TLS: then let the "
                                      "url begin with rediss://");
    return error;
}

static int greet(const xkv__address *address, xkv__line *line, xkv__server *server) {
    xkv__buffer question = {.len = 0}, answers = {.len = 0};
    unsigned count = put_greeting(address, &question);
    int error = xkv__converse(line, &question, count, &answers);

    if (error != XKV_OK && !address->is_tls)
        error = explain_greeting(line, &answers, error);
    if (error == XKV_OK)
        error = check_answers(line, &answers);
    if (error == XKV_OK) {
        read_greeting(&answers, server);
        error = judge(line, server);
    }
    xkv__buffer_free(&question);
    xkv__buffer_free(&answers);
    return error;
}

unsigned xkv__put_scripts(xkv__buffer *out) {
    unsigned count = 0;

    for (const char *text; (text = xkv__script(count)); count++)
        xkv__put_command(out, (const char *const[]){"SCRIPT", "LOAD", text, NULL});
    return count;
}

static int teach(xkv__line *line) {
    xkv__buffer question = {.len = 0}, answers = {.len = 0};
    unsigned count = xkv__put_scripts(&question);
    int error = xkv__converse(line, &question, count, &answers);

    if (error == XKV_OK)
        error = check_answers(line, &answers);
    xkv__buffer_free(&question);
    xkv__buffer_free(&answers);
    return error;
}

/* -- Dialing --------------------------------------------------------------------- */

static int cannot_connect(xkv__fault fault) {
    if (fault.cause == XKV__NO_HOST)
        return xkv__fail(XKV_E_SERVER_UNAVAILABLE,
                         "there is no host of that name: see whether the url has it right, and "
                         "whether this machine knows it (DNS, /etc/hosts)");
    if (fault.cause == XKV__NO_RESOLVER)
        return xkv__fail(XKV_E_SERVER_UNAVAILABLE,
                         "the name could not be looked up in time: see to the DNS servers of this "
                         "machine (/etc/resolv.conf), or give an address in the url");
    return line_fault("cannot connect", fault);
}

int xkv__connect(const xkv__address *address, const xkv__host *host, const xkv_options *options,
                 xkv__line *line) {
    xkv__fault fault;

    line->socket = XKV__NO_HANDLE;
    line->is_final = false;
    if (address->is_tls) {
        int error =
            xkv__tls_connect(host->name, host->port, options, line_left_ms(line), &line->socket);
        line->is_final = error == XKV_E_INVALID_OPTIONS;
        return error;
    }
    if (address->is_unix && !host->port[0])
        fault = xkv__net.connect_local(host->name, &line->socket);
    else
        fault = xkv__net.connect(host->name, host->port, line_left_ms(line), &line->socket);
    return fault.cause == XKV__FINE ? XKV_OK : cannot_connect(fault);
}

void xkv__hang_up(xkv__line *line) {
    if (xkv__is_open(line->socket))
        xkv__net.close(line->socket);
    line->socket = XKV__NO_HANDLE;
}

int xkv__dial(const xkv__address *address, const xkv__host *host, const xkv_options *options,
              xkv__line *line, xkv__server *server) {
    int error = xkv__connect(address, host, options, line);

    if (error == XKV_OK)
        error = greet(address, line, server);
    if (error == XKV_OK)
        error = teach(line);
    if (error == XKV_OK)
        return XKV_OK;
    xkv__hang_up(line);
    return xkv__fail_about(xkv__fail_as(error, XKV_E_SERVER_UNAVAILABLE), "%s%s%s", host->name,
                           host->port[0] ? ":" : "", host->port);
}
