/* input.c - see input.h */
#include "files/input.h"

#include "base/error.h"
#include "files/part.h"
#include "store/registry.h"

enum { PIECE = 1 << 20 };

/* To open the file of an open store, and close it again, would cost this process its locks. */
static bool is_open_store(const char *path) {
    xkv__status status;

    return xkv__files.look(path, true, &status).cause == XKV__FINE &&
           xkv__is_open_here(&status.identity);
}

int xkv__input_open(xkv__input *input, const char *path) {
    xkv__status status = {.kind = XKV__REGULAR};

    *input = (xkv__input){.path = path, .handle = XKV__NO_HANDLE};
    if (is_open_store(path))
        return xkv__fail(XKV_E_SNAPSHOT_READ, "\"%s\" is the file of a store that is open", path);
    xkv__fault fault = xkv__files.open(path, 0, &input->handle);
    if (fault.cause == XKV__FINE)
        fault = xkv__files.examine(input->handle, &status);
    if (fault.cause != XKV__FINE) {
        xkv__input_close(input);
        return xkv__file_fault(false, "cannot read", path, fault);
    }
    input->size = status.size;
    if (status.kind == XKV__REGULAR)
        return XKV_OK;
    xkv__input_close(input);
    return xkv__fail(XKV_E_SNAPSHOT_READ, "\"%s\" is %s; give the path of a file", path,
                     status.kind == XKV__DIRECTORY ? "a directory"
                                                   : "a device, a pipe or a socket");
}

void xkv__input_close(xkv__input *input) {
    if (xkv__is_open(input->handle))
        xkv__files.close(input->handle);
    input->handle = XKV__NO_HANDLE;
    xkv__buffer_free(&input->window);
}

/* What was used makes room. */
static void move_up(xkv__input *input) {
    xkv_bytes left = xkv__input_bytes(input);

    if (left.len > 0 && input->start > 0)
        memmove(input->window.data, left.data, left.len);
    input->window.len = left.len;
    input->start = 0;
}

/* Nobody knows what was read of a file that was being written. */
static int check_size(const xkv__input *input) {
    if (input->read == input->size)
        return XKV_OK;
    return xkv__fail(XKV_E_SNAPSHOT_READ,
                     "\"%s\" has changed while it was read: it had %llu bytes, and then %llu; let "
                     "whoever writes it finish first",
                     input->path, (unsigned long long)input->size, (unsigned long long)input->read);
}

int xkv__input_more(xkv__input *input) {
    size_t got = 0, piece = PIECE;

    move_up(input);
    if (piece < input->window.len) /* a large record: its beginning is not moved often */
        piece = input->window.len;
    unsigned char *room = xkv__buffer_reserve(&input->window, piece);
    if (!room)
        return XKV_E_STORE_FULL;
    xkv__fault fault = xkv__files.read_at(input->handle, room, piece, input->read, &got);
    if (fault.cause != XKV__FINE)
        return xkv__file_fault(false, "cannot read", input->path, fault);
    input->window.len += got;
    input->read += got;
    input->at_end = got < piece;
    return input->at_end ? check_size(input) : XKV_OK;
}
