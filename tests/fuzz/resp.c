/*
 * resp.c - any bytes as replies of a server: each is what a simple reader says it is, in pieces of
 * any size, and a cursor never leaves the bytes
 */
#include "../resp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte says how large the pieces are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    must_agree(bytes_of(data + 1, size - 1), 1 + data[0] % 16);
    return 0;
}
