/*
 * resp_hiredis.c - random replies, and such with random faults, as hiredis reads them
 *
 * Pieces of replies of both versions of the protocol are put together at random, split at random
 * places, and fed to hiredis' reader and to ours. They must tell the same, but for what stands
 * in is_more_ours and is_more_theirs. hiredis before 1.0 knows version 2 only: then of
 * version 3 there are no replies here. Bulk errors and attributes are left to tests/unit/resp.c,
 * since no version of hiredis knows all of them.
 */
#include "../resp.h"

#include <hiredis/hiredis.h>

#define KNOWS_VERSION_3 (HIREDIS_MAJOR >= 1)

enum { ROUNDS = SANITIZED ? 30000 : 200000 };

/* -- hiredis ---------------------------------------------------------------------- */

/* Each of these is called as an item is read, an array before its members. */
static struct text *told_by_hiredis(const redisReadTask *task) {
    return task->privdata;
}

static void *tell(const redisReadTask *task, xkv__resp_item item) {
    say_item(told_by_hiredis(task), &item);
    return told_by_hiredis(task);
}

static void *tell_string(const redisReadTask *task, char *data, size_t len) {
    bool is_error = task->type == REDIS_REPLY_ERROR;
    size_t format = 0;

#if KNOWS_VERSION_3
    format = task->type == REDIS_REPLY_VERB ? 4 : 0;
#endif
    return tell(task, (xkv__resp_item){.kind = is_error ? XKV__RESP_ERROR : XKV__RESP_TEXT,
                                       .text = {data + format, len - format}});
}

static void *tell_integer(const redisReadTask *task, long long integer) {
    return tell(task, (xkv__resp_item){.kind = XKV__RESP_INTEGER, .integer = integer});
}

static void *tell_null(const redisReadTask *task) {
    return tell(task, (xkv__resp_item){.kind = XKV__RESP_NULL});
}

static void tell_nobody(void *object) {
    (void)object;
}

#if KNOWS_VERSION_3
static void *tell_array(const redisReadTask *task, size_t members) {
    bool is_push = task->type == REDIS_REPLY_PUSH;
    return tell(task, (xkv__resp_item){.kind = is_push ? XKV__RESP_PUSH : XKV__RESP_ARRAY,
                                       .members = members});
}

static void *tell_double(const redisReadTask *task, double number, char *data, size_t len) {
    (void)number;
    return tell_string(task, data, len);
}

static void *tell_boolean(const redisReadTask *task, int is_true) {
    return tell_integer(task, is_true);
}
#else
static void *tell_array(const redisReadTask *task, int members) {
    return tell(task, (xkv__resp_item){.kind = XKV__RESP_ARRAY, .members = (size_t)members});
}
#endif

static redisReplyObjectFunctions telling = {
    .createString = tell_string,
    .createArray = tell_array,
    .createInteger = tell_integer,
    .createNil = tell_null,
    .freeObject = tell_nobody,
#if KNOWS_VERSION_3
    .createDouble = tell_double,
    .createBool = tell_boolean,
#endif
};

/* What came of some bytes: how many whole replies, what they tell, where the last of them ends, and
 * whether what follows is BAD or only not there yet. */
struct outcome {
    struct text told;
    size_t whole, told_len, at;
    bool is_bad;
};

static void take_replies(redisReader *reader, struct outcome *theirs) {
    void *reply;

    do {
        reply = NULL;
        theirs->is_bad = redisReaderGetReply(reader, &reply) != REDIS_OK;
        if (reply) {
            theirs->whole++;
            theirs->told_len = theirs->told.len;
        }
    } while (reply && !theirs->is_bad);
}

static void read_by_hiredis(xkv_bytes bytes, struct rng *rng, struct outcome *theirs) {
    redisReader *reader = redisReaderCreateWithFunctions(&telling);
    const char *data = bytes.data;

    MUST(reader);
    reader->privdata = &theirs->told; /* the macro for it does not compile with all compilers */
    for (size_t at = 0, piece; at < bytes.len && !theirs->is_bad; at += piece) {
        piece = 1 + rng_below(rng, bytes.len - at);
        MUST(redisReaderFeed(reader, data + at, piece) == REDIS_OK);
        take_replies(reader, theirs);
    }
    redisReaderFree(reader);
}

static void read_by_us(xkv_bytes bytes, struct rng *rng, struct outcome *ours) {
    const unsigned char *data = bytes.data;
    xkv__resp_scanned scanned = XKV__RESP_MORE;
    xkv__resp_scan scan = {0};
    size_t begin = 0, seen = 0;

    while (scanned == XKV__RESP_WHOLE || (scanned == XKV__RESP_MORE && seen < bytes.len)) {
        if (scanned == XKV__RESP_MORE)
            seen += 1 + rng_below(rng, bytes.len - seen);
        scanned = xkv__resp_scan_on(&scan, data + begin, seen - begin);
        if (scanned == XKV__RESP_WHOLE) {
            ours->whole++;
            say_walk(&ours->told, bytes_of(data + begin, scan.at));
            begin += scan.at;
            xkv__resp_scan_begin(&scan);
        }
    }
    ours->told_len = ours->told.len;
    ours->at = begin + scan.at;
    ours->is_bad = scanned == XKV__RESP_BAD;
}

/* -- Replies at random -------------------------------------------------------------- */

static void add_text(struct text *out, struct rng *rng) {
    char bytes[40];
    size_t len = rng_below(rng, sizeof bytes);

    rng_fill(rng, bytes, len);
    text_say(out, "$%zu\r\n", len);
    text_add(out, bytes, len);
    text_say(out, "\r\n");
}

static void add_integer(struct text *out, struct rng *rng) {
    int64_t number = (int64_t)(rng_next(rng) >> rng_below(rng, 64));
    text_say(out, ":%" PRId64 "\r\n", rng_chance(rng, 500) ? number : ~number);
}

static void add_small(struct text *out, struct rng *rng) {
    static const char *const small[] = {"+OK\r\n",
                                        "+\r\n",
                                        "-ERR no\r\n",
                                        "$-1\r\n",
                                        "*-1\r\n",
                                        "*0\r\n",
                                        "$0\r\n\r\n",
                                        ":0\r\n", /* from here on version 3 */
                                        "_\r\n",
                                        "#t\r\n",
                                        "#f\r\n",
                                        ",1.5\r\n",
                                        ",-inf\r\n",
                                        "(123456\r\n",
                                        "=7\r\ntxt:abc\r\n",
                                        "%0\r\n",
                                        "~0\r\n"};
    text_say(out, "%s", small[rng_below(rng, KNOWS_VERSION_3 ? COUNT(small) : 8)]);
}

static void add_reply(struct text *out, struct rng *rng, unsigned depth) {
    size_t chosen = rng_below(rng, depth > 0 ? 5 : 3), members = rng_below(rng, 5);
    char first = "*~%"[rng_below(rng, KNOWS_VERSION_3 ? 3 : 1)];

    if (chosen == 0) {
        add_text(out, rng);
    } else if (chosen == 1) {
        add_integer(out, rng);
    } else if (chosen == 2) {
        add_small(out, rng);
    } else {
        text_say(out, "%c%zu\r\n", first, members);
        for (size_t i = 0; i < members * (first == '%' ? 2 : 1); i++)
            add_reply(out, rng, depth - 1);
    }
}

/* Some byte becomes another that means something, goes, or is there twice. */
static void spoil(struct text *text, struct rng *rng) {
    static const char meaning[] = "+-:$*0123456789\r\n x_#,(=%~>tfTF"; /* from _ on version 3 */
    size_t at = rng_below(rng, text->len), rest = text->len - at - 1;

    switch (rng_below(rng, 3)) {
    case 0:
        text->data[at] = meaning[rng_below(rng, KNOWS_VERSION_3 ? sizeof meaning - 1 : 19)];
        break;
    case 1:
        memmove(text->data + at, text->data + at + 1, rest), text->len--;
        break;
    default:
        text_add(text, "\n", 1);
        memmove(text->data + at + 1, text->data + at, rest + 1);
    }
}

/* -- What they read differently ------------------------------------------------------- */

/* hiredis takes the item at which we have found that it is none. */
static bool is_more_theirs(const unsigned char *at, const unsigned char *end) {
    const unsigned char *line_end = memmem(at, (size_t)(end - at), "\r\n", 2);

    if (!line_end)
        return true; /* it judges no line before its end has come */
    long long number = strtoll((const char *)at + 1, NULL, 10);
    size_t len = (size_t)(line_end - at);
    switch (*at) {
    case '+':
    case '-':
    case ',': /* before 1.0, and in numbers after, a line may have half a line end in it */
        return memchr(at, '\n', len) || memchr(at, '\r', len);
    case '$':
    case '=': /* it does not look at the end of a string, and has no limit; and null is any's */
        return number > XKV__RESP_BULK_MAX || (*at == '=' && number == -1) ||
               end - (line_end + 2) < number + 2 || memcmp(line_end + 2 + number, "\r\n", 2) != 0;
    case '#':
        return at[1] == 'T' || at[1] == 'F';
    case '>':
        return true; /* it lets pushes be anywhere */
    case '*':
        return number > XKV__RESP_MEMBERS_MAX;
    default:
        return number > XKV__RESP_MEMBERS_MAX || number == -1;
    }
}

/* We take signs as the protocol has them: it does not say that a plus, or a minus before zero, is
 * not to be sent. Numbers that are but text to us we leave alone. And we know all kinds. */
static bool is_more_ours(xkv_bytes bytes) {
    const char *only_ours = KNOWS_VERSION_3 ? ",(!|" : "_#,(!=%~>|";
    xkv__resp_cursor cursor = xkv__resp_cursor_on(bytes);
    xkv__resp_item item;

    for (const unsigned char *at; (at = cursor.at) < cursor.end;) {
        size_t left = (size_t)(cursor.end - at);
        if (memchr(only_ours, *at, strlen(only_ours)) || (left > 1 && memcmp(at, ":+", 2) == 0) ||
            (left > 3 && memcmp(at, ":-0\r", 4) == 0))
            return true;
        xkv__resp_next(&cursor, &item);
    }
    return false;
}

static bool is_excused(xkv_bytes bytes, const struct outcome *ours, const struct outcome *theirs) {
    const unsigned char *data = bytes.data;
    bool we_stop_first = ours->is_bad && ours->whole <= theirs->whole;

    return we_stop_first ? is_more_theirs(data + ours->at, data + bytes.len) : is_more_ours(bytes);
}

/* As far as both come, they tell the same; and they come equally far, or it is known why not. */
static void compare(xkv_bytes bytes, struct rng *rng, bool is_spoiled) {
    struct outcome ours = {.whole = 0}, theirs = {.whole = 0};

    read_by_us(bytes, rng, &ours);
    read_by_hiredis(bytes, rng, &theirs);
    bool is_same = ours.is_bad == theirs.is_bad && ours.whole == theirs.whole;
    size_t len = ours.told_len < theirs.told_len ? ours.told_len : theirs.told_len;
    if ((!is_same && !(is_spoiled && is_excused(bytes, &ours, &theirs))) ||
        (is_same && ours.told_len != theirs.told_len) ||
        (len > 0 && memcmp(ours.told.data, theirs.told.data, len) != 0)) {
        fwrite(bytes.data, 1, bytes.len, stdout);
        fail_msg("we read %zu replies, bad: %d; hiredis %zu, bad: %d", ours.whole, ours.is_bad,
                 theirs.whole, theirs.is_bad);
    }
    text_free(&ours.told);
    text_free(&theirs.told);
}

static void test_like_hiredis(void **state) {
    struct rng rng = rng_for("hiredis");

    (void)state;
    printf("hiredis %d.%d.%d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    for (int i = 0; i < ROUNDS; i++) {
        struct text replies = {NULL, 0, 0};
        size_t faults = rng_chance(&rng, 500) ? 1 + rng_below(&rng, 3) : 0;
        /* hiredis goes down seven levels, and a fault can hang one reply into another. */
        unsigned depth = faults > 0 ? 2 : 4;
        for (size_t count = 1 + rng_below(&rng, 3); count > 0; count--)
            add_reply(&replies, &rng, depth);
        for (size_t fault = 0; fault < faults; fault++)
            spoil(&replies, &rng);
        replies.data[replies.len] = '\0';
        compare(bytes_of(replies.data, replies.len), &rng, faults > 0);
        text_free(&replies);
    }
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_like_hiredis)};

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
