/*
 * store.c - a store's file with any changes, checked and salvaged
 *
 * Input is a list of edits of a sound file, of eight bytes each. The file is changed in memory,
 * from where the library reads it. One of the edits puts a checksum right, which chance would not;
 * without that, entries that are not doubtful must be those that were put there.
 */
#include "../files.h"
#include "../model.h"

#include "base/bytes.h"
#include "base/sys.h"
#include "base/xxh64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAGE = 4096 };

static struct {
    unsigned char *bytes, *sound;
    size_t size, sound_size;
    bool forged; /* a checksum, or the number of a page, was put right */
} file;

static struct model model;
static char path[PATH_SIZE];

static xkv__fault read_edited(xkv__handle handle, void *out, size_t size, uint64_t at,
                              size_t *got) {
    size_t rest = at < file.size ? file.size - (size_t)at : 0;

    (void)handle;
    *got = size < rest ? size : rest;
    if (*got > 0)
        memcpy(out, file.bytes + at, *got);
    return xkv__fault_of(0);
}

static xkv__fault examine_edited(xkv__handle handle, xkv__status *status) {
    xkv__fault fault = xkv__system_files.examine(handle, status);

    status->size = file.size;
    return fault;
}

/* -- The sound file ------------------------------------------------------------ */

static void put(struct client *client, unsigned n, size_t key_len, size_t value_len) {
    static char key[XKV_KEY_MAX], value[10000];

    memset(key, 'k', key_len);
    size_t len = (size_t)snprintf(value, 40, "%03u", n);
    memcpy(key + (key_len > 1000 ? key_len - len : 0), value, len);
    memset(value, 'a' + (int)(n % 26), value_len);
    MUST(do_set(client, bytes_of(key, key_len), bytes_of(value, value_len)) == XKV_OK);
    model_put(&model, bytes_of(key, key_len), bytes_of(value, value_len));
}

static void remove_directory(void) {
    xkv__files = xkv__system_files;
    remove_tree(test.directory);
}

static void make_sound(void) {
    static char *argv[] = {(char *)(uintptr_t) "store", NULL};
    struct client client;

    test_begin(argv);
    MUST(atexit(remove_directory) == 0);
    xkv_options options = disk_options(test_path(path, "fuzzed.kv"));
    options.durability = XKV_DURABILITY_NONE;
    client_open(&client, &options, false);
    for (unsigned n = 0; n < 100; n++)
        put(&client, n, n % 20 == 19 ? 1200 + n : 10 + n, n % 40 == 39 ? 9000 : 60);
    for (unsigned n = 0; n < 2; n++)
        put(&client, 100, 10, 60);
    client_close(&client);
    file.sound = read_file(path, &file.sound_size);
    MUST((file.bytes = malloc(file.sound_size)));
    xkv__files.read_at = read_edited;
    xkv__files.examine = examine_edited;
}

/* -- Edits ------------------------------------------------------------------------ */

/* Puts the checksum of a leaf's node right, if it has one. */
static void forge(unsigned char *page, unsigned i) {
    size_t at = xkv__get_u16(page + 16 + 2 * (i % 64));

    if (at > PAGE - 8)
        return;
    unsigned char *node = page + at;
    size_t key_len = xkv__get_u16(node + 6), size = xkv__get_u16(node);
    if (at + 8 + key_len + size > PAGE || size < 9)
        return;
    unsigned char *record = node + 8 + key_len;
    xkv__put_be64(record, xkv__xxh64(record + 8, size - 8, xkv__xxh64(node + 8, key_len, 0)));
    file.forged = true;
}

static void edit(const uint8_t *in) {
    size_t pages = file.sound_size / PAGE, number = xkv__get_u16(in + 1) % pages,
           place = xkv__get_u16(in + 3) % (PAGE - 8);
    unsigned char *page = file.bytes + number * PAGE, *at = page + place;
    uint64_t value = xkv__get_u16(in + 5);

    switch (in[0] % 8) {
    case 0:
        at[0] = in[5];
        break;
    case 1:
        memcpy(at, &value, 2);
        break;
    case 2:
        memcpy(at, &value, 8);
        break;
    case 3: /* a place or a size, a little other */
        value = (uint64_t)xkv__get_u16(at) + in[5] - 128u;
        memcpy(at, &value, 2);
        break;
    case 4:
        memmove(page, file.bytes + value % pages * PAGE, PAGE);
        memcpy(page, &number, 8);
        file.forged = true; /* it may be one of another tree */
        break;
    case 5: /* what stands elsewhere on the page */
        memmove(at, page + value % (PAGE - 8), 1 + in[7] % 8);
        break;
    case 6:
        forge(page, in[3]);
        break;
    default:
        file.size = in[7] % 16 ? file.size : value * 16 % (file.sound_size + 1);
    }
}

/* -- What is given ------------------------------------------------------------- */

static uint64_t entries, sum;

static int see(void *context, xkv_bytes key, xkv_bytes value, bool doubtful) {
    const struct pair *pair = model_get(&model, key);

    (void)context;
    MUST(key.len > 0 && key.len <= XKV_KEY_MAX);
    if (!doubtful && !file.forged)
        MUST(pair && same_bytes(pair_value(pair), value));
    for (size_t i = 0; i < value.len; i++)
        sum += ((const unsigned char *)value.data)[i];
    entries++;
    return XKV_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char message[XKV_MESSAGE_SIZE];
    xkv_check_report report;

    if (!file.bytes)
        make_sound();
    memcpy(file.bytes, file.sound, file.sound_size);
    file.size = file.sound_size;
    file.forged = false;
    for (size_t i = 0; i + 8 <= size && i < 64 * 8; i += 8)
        edit(data + i);
    entries = 0;
    int error = xkv_salvage(path, see, NULL, &report, message, sizeof message);
    MUST(error == XKV_OK || error == XKV_E_DISK_STORE_OPEN);
    MUST(error != XKV_OK || entries == report.keys);
    MUST(report.findings > 0 || error != XKV_OK || entries == model.count);
    return 0;
}
