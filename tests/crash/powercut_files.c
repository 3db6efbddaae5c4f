/*
 * powercut_files.c - simulated power cuts while a file takes the place of another
 *
 * The calls that backups and exports make for files are heard, and at each of them the power
 * may be cut. On the disk is then what was synced: of what was written to a file since, each
 * sector may be there or not; and a name leads to the old file or the new one until its
 * directory is synced. What the target may be by then is compared with the old file and the
 * new one, byte by byte; when the command has been answered, it must be the new one. To show
 * that the simulation would find what is missing, some is run with syncs that do nothing and
 * a file that is removed before its place is taken.
 */
#include "../files.h"
#include "../items.h"

#include "base/sys.h"

enum { ENTRIES = 400, ROUNDS = 12, SECTOR = 512, CUTS_MAX = 1000 };

/* -- Files, as they are or may be ---------------------------------------------- */

struct image {
    bool exists;
    unsigned char *data;
    size_t size;
};

static void image_clear(struct image *image) {
    free(image->data);
    *image = (struct image){false, NULL, 0};
}

static void image_move(struct image *to, struct image *from) {
    image_clear(to);
    *to = *from;
    *from = (struct image){false, NULL, 0};
}

static struct image image_of(const char *path) {
    struct image image = {access(path, F_OK) == 0, NULL, 0};

    if (image.exists)
        image.data = read_file(path, &image.size);
    return image;
}

static bool same_images(const struct image *a, const struct image *b) {
    return a->exists == b->exists &&
           same_bytes(bytes_of(a->data, a->size), bytes_of(b->data, b->size));
}

/* -- The disk --------------------------------------------------------------------- */

static char target[PATH_SIZE], part[PATH_SIZE + 8];

static enum fault { NOTHING_WRONG, NO_SYNC, NO_SYNC_OF_NAMES, GAP } planted;

/* What would outlast a cut for certain. While a name is not synced, its old file may be there
 * again. */
static struct {
    struct image part, target, before;
    bool pending;
    struct rng rng;
} disk;

struct cut {
    struct image image; /* what the target may be */
    bool answered;      /* the command has been */
};

static struct {
    struct cut list[CUTS_MAX];
    size_t count;
} cuts;

/* Each sector is as it was synced, or as it was written. */
static struct image tear(const struct image *synced, const struct image *written) {
    static const unsigned percents[] = {0, 50, 90, 100};
    unsigned percent = percents[rng_below(&disk.rng, COUNT(percents))];
    struct image torn = {written->exists, NULL, written->size};

    if (!torn.exists)
        return torn;
    torn.data = calloc(1, torn.size + 1);
    MUST(torn.data);
    if (synced->size > 0)
        memcpy(torn.data, synced->data, synced->size < torn.size ? synced->size : torn.size);
    for (size_t at = 0; at < torn.size; at += SECTOR) {
        if (rng_below(&disk.rng, 100) < percent)
            memcpy(torn.data + at, written->data + at,
                   torn.size - at < SECTOR ? torn.size - at : SECTOR);
    }
    return torn;
}

static struct image torn_target(void) {
    struct image written = image_of(target), torn = tear(&disk.target, &written);

    image_clear(&written);
    return torn;
}

static void add_cut(struct image image, bool answered) {
    MUST(cuts.count < CUTS_MAX);
    cuts.list[cuts.count++] = (struct cut){image, answered};
}

static void cut_here(bool answered) {
    add_cut(torn_target(), answered);
    if (disk.pending)
        add_cut(tear(&disk.before, &disk.before), answered);
}

/* -- The calls ----------------------------------------------------------------------- */

static bool is_file(xkv__handle handle, const char *path) {
    xkv__status ours, there;

    return xkv__system_files.examine(handle, &ours).cause == XKV__FINE &&
           xkv__system_files.look(path, false, &there).cause == XKV__FINE &&
           xkv__identity_equal(&ours.identity, &there.identity);
}

static xkv__fault heard_write(xkv__handle handle, const void *data, size_t size, uint64_t at) {
    xkv__fault fault = xkv__system_files.write_at(handle, data, size, at);

    cut_here(false);
    return fault;
}

static xkv__fault heard_sync(xkv__handle handle) {
    const char *path = is_file(handle, part) ? part : is_file(handle, target) ? target : NULL;

    cut_here(false);
    if (path && planted != NO_SYNC) {
        struct image now = image_of(path);
        image_move(path == part ? &disk.part : &disk.target, &now);
    }
    return (xkv__fault){XKV__FINE, 0};
}

static xkv__fault heard_remove(const char *path) {
    cut_here(false);
    image_clear(strcmp(path, target) == 0 ? &disk.target : &disk.part);
    xkv__fault fault = xkv__system_files.remove(path);
    cut_here(false);
    return fault;
}

static xkv__fault heard_rename(const char *from, const char *to) {
    MUST(strcmp(from, part) == 0 && strcmp(to, target) == 0);
    cut_here(false);
    struct image old = torn_target();
    image_move(&disk.before, &old);
    if (planted == GAP) {
        remove(to);
        cut_here(false);
    }
    xkv__fault fault = xkv__system_files.rename(from, to);
    image_move(&disk.target, &disk.part);
    disk.pending = true;
    cut_here(false);
    return fault;
}

static xkv__fault heard_sync_directory(const char *path) {
    (void)path;
    cut_here(false);
    disk.pending = disk.pending && planted == NO_SYNC_OF_NAMES;
    cut_here(false);
    return (xkv__fault){XKV__FINE, 0};
}

static void hear(void) {
    xkv__files.write_at = heard_write;
    xkv__files.sync = heard_sync;
    xkv__files.remove = heard_remove;
    xkv__files.rename = heard_rename;
    xkv__files.sync_directory = heard_sync_directory;
}

/* -- Rounds ------------------------------------------------------------------------------ */

static const struct way {
    int out, in;
} ways[] = {
    {XKV_OP_BACKUP, XKV_OP_RESTORE},
    {XKV_OP_EXPORT_JSONL, XKV_OP_IMPORT_JSONL},
    {XKV_OP_EXPORT_CSV, XKV_OP_IMPORT_CSV},
};

/* Values have their key, as what is imported from CSV has. */
static void fill(struct client *client, unsigned round) {
    xkv_items items = NO_ITEMS;
    char key[64], value[400];

    for (int i = 0; i < ENTRIES; i++) {
        snprintf(key, sizeof key, "key:%05d", i);
        snprintf(value, sizeof value, "{\"key\":\"%s\",\"n\":\"%*u\"}", key, 1 + i % 300, round);
        items_add(&items, xkv_text(key), xkv_text(value));
    }
    MUST(do_list_of(client, XKV_OP_SET_MANY, items) == XKV_OK);
}

/* What is in a new file is what the store holds. */
static void check_new(struct client *client, const struct way *way) {
    xkv_options options = memory_options("check");
    struct client other;
    xkv_command command = {.op = way->in, .file_name = xkv_text(target)};

    if (way->in == XKV_OP_IMPORT_CSV)
        command.key_column = LIT("key");
    options.serialization = XKV_JSON;
    client_open(&other, &options, false);
    client_run(&other, &command);
    assert_int_equal(told(&other), XKV_OK);
    assert_int_equal(do_list(client, NOTHING, 0), XKV_OK);
    assert_int_equal(do_list(&other, NOTHING, 0), XKV_OK);
    assert_int_equal(other.reply.number, ENTRIES);
    assert_true(same_bytes(answer(client), answer(&other)));
    client_close(&other);
}

static struct tally { unsigned cuts, old, new, lost, damaged; } tally;

static void judge(const struct image *old, const struct image *new) {
    for (size_t i = 0; i < cuts.count; i++) {
        struct cut *cut = &cuts.list[i];
        bool is_old = same_images(&cut->image, old), is_new = same_images(&cut->image, new);
        tally.cuts++;
        tally.new += is_new;
        tally.old += is_old;
        tally.lost += is_old && cut->answered;
        tally.damaged += !is_old && !is_new;
        image_clear(&cut->image);
    }
    cuts.count = 0;
}

static void run_round(struct client *client, const struct way *way, unsigned round) {
    struct image old = image_of(target), new;
    bool csv = way->out == XKV_OP_EXPORT_CSV;

    fill(client, round);
    hear();
    run_with(client, (xkv_command){.op = way->out, .file_name = xkv_text(target)},
             csv ? KEYS("n") : NO_ITEMS);
    xkv__files = xkv__system_files;
    assert_int_equal(told(client), XKV_OK);
    cut_here(true);
    new = image_of(target);
    judge(&old, &new);
    check_new(client, way);
    image_clear(&old);
    image_clear(&new);
}

static struct tally cut_often(enum fault fault) {
    xkv_options options = memory_options("from");
    struct client client;

    options.serialization = XKV_JSON;
    planted = fault;
    tally = (struct tally){0, 0, 0, 0, 0};
    disk.rng = rng_for("power cuts");
    client_open(&client, &options, false);
    for (size_t i = 0; i < COUNT(ways); i++) {
        for (unsigned round = 1; round <= ROUNDS; round++)
            run_round(&client, &ways[i], round);
        unlink(target);
        disk.pending = false;
        image_clear(&disk.part);
        image_clear(&disk.target);
        image_clear(&disk.before);
    }
    client_close(&client);
    printf("%u cuts: %u old files, %u new ones, %u of them lost, %u damaged\n", tally.cuts,
           tally.old, tally.new, tally.lost, tally.damaged);
    return tally;
}

static void test_old_or_new(void **state) {
    struct tally found = cut_often(NOTHING_WRONG);

    (void)state;
    assert_int_equal(found.lost, 0);
    assert_int_equal(found.damaged, 0);
    assert_true(found.old > ROUNDS && found.new > ROUNDS);
}

static void test_planted(void **state) {
    (void)state;
    assert_true(cut_often(NO_SYNC).damaged > ROUNDS);
    assert_true(cut_often(NO_SYNC_OF_NAMES).lost > ROUNDS);
    assert_true(cut_often(GAP).damaged > ROUNDS);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_or_new),
        cmocka_unit_test(test_planted),
    };

    (void)argc;
    test_begin(argv);
    test_path(target, "target");
    snprintf(part, sizeof part, "%s.part", target);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
