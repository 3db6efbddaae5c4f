/*
 * exchange.h - files that commands write and read, for tests of those
 */
#ifndef XKV_TESTS_EXCHANGE_H
#define XKV_TESTS_EXCHANGE_H

#include "../files.h"
#include "conformance.h"

static inline xkv_bytes file(const char *name) {
    static char paths[4][PATH_SIZE];
    static unsigned next;

    return xkv_text(test_path(paths[next++ % COUNT(paths)], name));
}

static inline size_t size_of(const char *name) {
    struct stat status;

    MUST(stat(file(name).data, &status) == 0);
    return (size_t)status.st_size;
}

static inline void write_text(const char *name, const char *text) {
    write_file(file(name).data, text, strlen(text));
}

/* The file is exactly this. */
static inline void assert_file(const char *name, const char *text) {
    size_t size;
    char *data = read_file(file(name).data, &size);

    data[size] = '\0';
    assert_string_equal(data, text);
    free(data);
}

/* No file of that name, nor one that was to become it. */
static inline void assert_no_file(const char *name) {
    char part[PATH_SIZE];

    assert_int_equal(access(file(name).data, F_OK), -1);
    snprintf(part, sizeof part, "%s.part", (const char *)file(name).data);
    assert_int_equal(access(part, F_OK), -1);
}

/* FILED(client, RESTORE, AT("name"), .max_entries = 2) */
#define AT(name)                    .file_name = file(name)
#define FILED(client, command, ...) RUN(client, .op = XKV_OP_##command, __VA_ARGS__)

static inline void assert_fails(struct client *client, int status, const char *says) {
    assert_string_equal(xkv_error_name(client->reply.status), xkv_error_name(status));
    if (!answer_says(client, says))
        fail_msg("\"%s\" does not mention \"%s\"", reply_text(&client->reply), says);
}

#endif
