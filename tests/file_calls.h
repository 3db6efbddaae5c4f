/*
 * file_calls.h - stands between the library and the files of the system
 *
 * Each call that the library has for files can be made to fail: one of them, by its
 * number among those of its kind. For more than that a test replaces a field of
 * xkv__files by itself. file_calls_end puts all back.
 */
#ifndef XKV_TESTS_FILE_CALLS_H
#define XKV_TESTS_FILE_CALLS_H

#include "support.h"

#include "base/sys.h"

#define FILE_CALLS(_)                                                                              \
    _(open, (const char *path, unsigned how, xkv__handle *handle), (path, how, handle))            \
    _(examine, (xkv__handle handle, xkv__status * status), (handle, status))                       \
    _(look, (const char *path, bool follow, xkv__status *status), (path, follow, status))          \
    _(read_at, (xkv__handle handle, void *out, size_t size, uint64_t at, size_t *got),             \
      (handle, out, size, at, got))                                                                \
    _(write_at, (xkv__handle handle, const void *data, size_t size, uint64_t at),                  \
      (handle, data, size, at))                                                                    \
    _(allocate, (xkv__handle handle, uint64_t size), (handle, size))                               \
    _(sync, (xkv__handle handle), (handle))                                                        \
    _(remove, (const char *path), (path))                                                          \
    _(rename, (const char *from, const char *to), (from, to))                                      \
    _(make_directory, (const char *path), (path))                                                  \
    _(sync_directory, (const char *path), (path))                                                  \
    _(current_directory, (char *out, size_t size), (out, size))                                    \
    _(lock, (xkv__handle handle, bool exclusive), (handle, exclusive))                             \
    _(mark, (xkv__handle handle, uint64_t place), (handle, place))                                 \
    _(sign, (xkv__handle handle, uint64_t place), (handle, place))

#define FILE_CALL(name, parameters, arguments) FILE_CALL_##name,
enum file_call {
    FILE_CALLS(FILE_CALL) FILE_CALL_is_marked,
    FILE_CALL_signer,
    FILE_CALL_close,
    FILE_CALLS_END
};
#undef FILE_CALL

#define FILE_CALL(name, parameters, arguments) #name,
static const char *const file_call_names[FILE_CALLS_END] = {FILE_CALLS(FILE_CALL) "is_marked",
                                                            "signer", "close"};
#undef FILE_CALL

static struct {
    enum file_call call;
    int at, count;     /* which of those fails, 0: none; how many there were */
    int number;        /* the errno */
    long open_handles; /* that were opened and not closed since file_calls_begin */
} file_calls;

static inline void file_fail_at(enum file_call call, int at, int number) {
    file_calls.call = call;
    file_calls.at = at;
    file_calls.count = 0;
    file_calls.number = number;
}

/* Ends the failing; whether it came to that. */
static inline bool file_failed(void) {
    bool failed = file_calls.at > 0 && file_calls.count >= file_calls.at;

    file_calls.at = 0;
    return failed;
}

static inline bool file_call_fails(enum file_call call) {
    return file_calls.at > 0 && call == file_calls.call && ++file_calls.count == file_calls.at;
}

#define FILE_CALL(name, parameters, arguments)                                                     \
    static inline xkv__fault failing_##name parameters {                                           \
        if (file_call_fails(FILE_CALL_##name))                                                     \
            return xkv__fault_of(file_calls.number);                                               \
        xkv__fault fault = xkv__system_files.name arguments;                                       \
        file_calls.open_handles += FILE_CALL_##name == FILE_CALL_open && fault.cause == XKV__FINE; \
        return fault;                                                                              \
    }
FILE_CALLS(FILE_CALL)
#undef FILE_CALL

/* Those that cannot say so: as if nothing were known. */
static inline bool failing_is_marked(xkv__handle handle, uint64_t from, uint64_t to) {
    return !file_call_fails(FILE_CALL_is_marked) && xkv__system_files.is_marked(handle, from, to);
}

static inline int64_t failing_signer(xkv__handle handle, uint64_t place) {
    return file_call_fails(FILE_CALL_signer) ? 0 : xkv__system_files.signer(handle, place);
}

static inline void failing_close(xkv__handle handle) {
    (void)file_call_fails(FILE_CALL_close); /* closes it in any case */
    file_calls.open_handles--;
    xkv__system_files.close(handle);
}

static inline void file_calls_begin(void) {
#define FILE_CALL(name, parameters, arguments) xkv__files.name = failing_##name;
    FILE_CALLS(FILE_CALL)
#undef FILE_CALL
    xkv__files.is_marked = failing_is_marked;
    xkv__files.signer = failing_signer;
    xkv__files.close = failing_close;
    file_calls.open_handles = 0;
}

static inline void file_calls_end(void) {
    xkv__files = xkv__system_files;
}

#endif
