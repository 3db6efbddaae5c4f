/* facts.c - see facts.h */
#include "facts.h"
#include "print.h"

#include <inttypes.h>
#include <stdlib.h>

/* -- Counts ------------------------------------------------------------------------- */

/* The integer of a name in the items of STATS. */
static int64_t find_integer(const xkv_reply *reply, const char *name) {
    xkv_item item;
    size_t at = 0;

    while (xkv_item_next((xkv_bytes){reply->data, reply->len}, &at, &item)) {
        if (item.kind == XKV_ITEM_INTEGER && item.name.len == strlen(name) &&
            memcmp(item.name.data, name, item.name.len) == 0)
            return item.integer;
    }
    return 0;
}

int facts_take(struct session *session, struct facts *facts) {
    xkv_command stats = {.op = XKV_OP_STATS};
    const xkv_options *options = xkv_store_options(session->store);
    char message[XKV_MESSAGE_SIZE];
    int code = session_run(session, &stats);

    bool is_file = options->backend == XKV_BACKEND_DISK;
    *facts = (struct facts){
        .path = xkv_text(is_file ? options->path : shown_store(session->call->words[0])),
        .is_file = is_file,
        .serialization = options->serialization,
        .count = find_integer(&session->reply, "count"),
        .bytes = find_integer(&session->reply, "sizeBytes")};
    if (code == DONE &&
        xkv_store_activity(session->store, &facts->activity, message, sizeof message) != XKV_OK)
        code = fail_store(message);
    return code;
}

void facts_print_json(const struct facts *facts) {
    printf(",\"entries\":%" PRId64 ",\"bytes\":%" PRId64 ",\"commits\":%" PRId64, facts->count,
           facts->bytes, facts->activity.commits);
    if (facts->activity.writer > 0)
        printf(",\"writer\":%" PRId64, facts->activity.writer);
    else
        fputs(",\"writer\":null", stdout);
}

const char *size_text(int64_t bytes, char out[SIZE_TEXT]) {
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
    double size = (double)bytes;
    size_t unit = 0;

    for (; size >= 999.5 && unit < 6; unit++)
        size /= 1000;
    snprintf(out, SIZE_TEXT, unit == 0 || size >= 99.95 ? "%.0f %s" : "%.1f %s", size, units[unit]);
    return out;
}

/* -- Prefixes ----------------------------------------------------------------------- */

enum { SAMPLE = 1000 };

/* Where the first of some characters stands in a key; its length if none does. */
static size_t find_any(xkv_bytes key, const char *any) {
    const char *text = key.data;
    size_t i = 0;

    while (i < key.len && (text[i] == '\0' || !strchr(any, text[i])))
        i++;
    return i;
}

static xkv_bytes prefix_of(xkv_bytes key) {
    size_t len = find_any(key, ":/");

    if (len == key.len)
        len = find_any(key, "_-.|#@ ");
    if (len < key.len)
        return (xkv_bytes){key.data, len + 1};
    return (xkv_bytes){key.data, find_any(key, "0123456789")};
}

static int compare_bytes(const void *one, const void *other) {
    const xkv_bytes *a = one, *b = other;
    int order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);

    return order ? order : (a->len > b->len) - (a->len < b->len);
}

static int compare_prefixes(const void *one, const void *other) {
    const struct prefix *a = one, *b = other;

    if (a->keys != b->keys)
        return a->keys > b->keys ? -1 : 1;
    return compare_bytes(&a->name, &b->name);
}

void prefixes_sort(struct prefixes *prefixes) {
    qsort(prefixes->list, prefixes->count, sizeof prefixes->list[0], compare_prefixes);
}

/* Keeps it if it is among the largest. */
static void keep(struct prefixes *prefixes, struct prefix prefix) {
    size_t i = prefixes->count;

    while (i > 0 && compare_prefixes(&prefix, &prefixes->list[i - 1]) < 0)
        i--;
    if (i == PREFIXES_MOST)
        return;
    if (prefixes->count < PREFIXES_MOST)
        prefixes->count++;
    memmove(&prefixes->list[i + 1], &prefixes->list[i],
            (prefixes->count - 1 - i) * sizeof prefixes->list[0]);
    prefixes->list[i] = prefix;
}

/* Sorted, those that are equal stand together. One that only a single key has is none. */
static void group(struct prefixes *prefixes, xkv_bytes *names, size_t count) {
    qsort(names, count, sizeof names[0], compare_bytes);
    for (size_t i = 0, next; i < count; i = next) {
        for (next = i + 1; next < count && compare_bytes(&names[i], &names[next]) == 0;)
            next++;
        if (next - i > 1 && names[i].len > 0)
            keep(prefixes, (struct prefix){names[i], (int64_t)(next - i)});
    }
}

/* Copies the names, since they lie in a reply, and tells of all keys instead of the sample's. */
static int finish(struct prefixes *prefixes, int64_t total, size_t sample) {
    size_t size = 1;

    for (size_t i = 0; i < prefixes->count; i++)
        size += prefixes->list[i].name.len;
    char *at = prefixes->names = malloc(size);
    if (!at)
        return fail(STORE_FAILED, "there is not enough memory");
    for (size_t i = 0; i < prefixes->count; i++) {
        struct prefix *prefix = &prefixes->list[i];
        prefix->name.data = memcpy(at, prefix->name.data, prefix->name.len);
        prefix->keys = (int64_t)((double)prefix->keys / (double)sample * (double)total + 0.5);
        at += prefix->name.len;
    }
    return DONE;
}

int prefixes_sample(struct session *session, int64_t total, struct prefixes *prefixes) {
    xkv_command draw = {.op = XKV_OP_RANDOM_KEYS, .count = SAMPLE};
    xkv_bytes names[SAMPLE], key, value;
    size_t count = 0, at = 0;
    int code = session_run(session, &draw);

    *prefixes = (struct prefixes){.count = 0};
    if (code != DONE)
        return code;
    while (count < SAMPLE && xkv_reply_next(&session->reply, &at, &key, &value))
        names[count++] = prefix_of(key);
    group(prefixes, names, count);
    return finish(prefixes, total, count);
}

void prefixes_print_json(const struct prefixes *prefixes) {
    putchar('[');
    for (size_t i = 0; i < prefixes->count; i++) {
        fputs(i == 0 ? "{\"prefix\":" : ",{\"prefix\":", stdout);
        print_json_text(stdout, prefixes->list[i].name);
        printf(",\"keys\":%" PRId64 "}", prefixes->list[i].keys);
    }
    putchar(']');
}

void prefixes_free(struct prefixes *prefixes) {
    free(prefixes->names);
    prefixes->names = NULL;
}
