/*
 * exchange.c - files that cannot be written or read, and every call and allocation of the
 * commands for files that fails in turn
 *
 * Whatever fails: there is the old file or the new one, whole, and nothing beside it; the
 * store is as before, or holds all that was to come; and nothing stays open or allocated.
 */
#include "../child.h"
#include "../file_calls.h"
#include "../files.h"
#include "../heap.h"
#include "../items.h"
#include "../kinds.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#ifdef __linux__
#include <sys/mount.h>
#endif

static const struct kind kinds[] = {
    {"memory", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false},
    {"disk, none", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, false},
    {"disk, full, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, true},
};

/* -- Places ---------------------------------------------------------------------- */

static char box[PATH_SIZE / 2 + 16]; /* a directory that has the files alone */

static const char *in_box(const char *name) {
    static char paths[8][PATH_SIZE];
    static unsigned next;
    char *path = paths[next++ % COUNT(paths)];

    snprintf(path, PATH_SIZE, "%s/%s", box, name);
    return path;
}

static void box_make(void) {
    snprintf(box, sizeof box, "%s/box", test.directory);
    remove_tree(box);
    MUST(mkdir(box, 0755) == 0);
}

static int files_in_box(void) {
    DIR *directory = opendir(box);
    int count = -2; /* "." and ".." */

    MUST(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static bool holds_text(const char *path, const char *text) {
    size_t size;
    char *data = read_file(path, &size);
    bool same = size == strlen(text) && memcmp(data, text, size) == 0;

    free(data);
    return same;
}

static void write_text(const char *path, const char *text) {
    write_file(path, text, strlen(text));
}

/* -- Commands ---------------------------------------------------------------------- */

static const int writing_ops[] = {XKV_OP_BACKUP, XKV_OP_EXPORT_JSONL, XKV_OP_EXPORT_CSV};
static const int reading_ops[] = {XKV_OP_RESTORE, XKV_OP_IMPORT_JSONL, XKV_OP_IMPORT_CSV,
                                  XKV_OP_VALIDATE_JSONL, XKV_OP_VALIDATE_CSV};

static bool is_writing(int op) {
    return op == XKV_OP_BACKUP || op == XKV_OP_EXPORT_JSONL || op == XKV_OP_EXPORT_CSV;
}

static bool is_importing(int op) {
    return xkv_op_describe(op)->access == XKV_ACCESS_IMPORT;
}

static xkv_items columns; /* of CSV files */

static int run_file(struct client *client, int op, const char *path) {
    xkv_command command = {.op = op, .file_name = xkv_text(path)};

    if (op == XKV_OP_EXPORT_CSV)
        command.items = xkv_items_bytes(&columns);
    if (op == XKV_OP_IMPORT_CSV)
        command.key_column = LIT("key");
    return client_run(client, &command);
}

static const char *source_of(int op) {
    if (op == XKV_OP_RESTORE)
        return "new.kv";
    return op == XKV_OP_IMPORT_CSV || op == XKV_OP_VALIDATE_CSV ? "new.csv" : "new.jsonl";
}

enum { ENTRIES_COUNT = 60 };

static void fill(struct client *client, const char *name) {
    xkv_items items = NO_ITEMS;
    char key[64], value[128];

    MUST(do_plain(client, XKV_OP_CLEAR) == XKV_OK);
    for (int i = 0; i < ENTRIES_COUNT; i++) {
        snprintf(key, sizeof key, "%s:%03d", name, i);
        snprintf(value, sizeof value, "{\"n\":%d,\"text\":\"of %s\"}", i, name);
        items_add(&items, xkv_text(key), xkv_text(value));
    }
    MUST(do_list_of(client, XKV_OP_SET_MANY, items) == XKV_OK);
}

/* How many of the old entries and of the new ones there are. */
static int64_t count_of(struct client *client, const char *prefix) {
    MUST(do_prefix(client, XKV_OP_COUNT, xkv_text(prefix)) == XKV_OK);
    return client->reply.number;
}

/* The files that are read. */
static void make_sources(void) {
    static const struct kind plain = {"memory", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false};
    char name[PATH_SIZE], path[PATH_SIZE];
    xkv_options options = fresh(&plain, name);
    struct client client;

    client_open(&client, &options, false);
    fill(&client, "new");
    MUST(run_file(&client, XKV_OP_BACKUP, test_path(path, "new.kv")) == XKV_OK);
    MUST(run_file(&client, XKV_OP_EXPORT_JSONL, test_path(path, "new.jsonl")) == XKV_OK);
    MUST(run_file(&client, XKV_OP_EXPORT_CSV, test_path(path, "new.csv")) == XKV_OK);
    client_close(&client);
}

/* -- What must hold after a command ---------------------------------------------------- */

static int64_t entries_in(const char *path) {
    xkv_options options;
    struct client client;

    xkv_options_init(&options);
    options.path = path;
    options.read_only = true;
    client_open(&client, &options, false);
    MUST(do_plain(&client, XKV_OP_SIZE) == XKV_OK);
    int64_t count = client.reply.number;
    client_close(&client);
    unlink(in_box("out-lock"));
    return count;
}

static size_t lines_in(const char *path) {
    size_t size, count = 0;
    char *data = read_file(path, &size);

    for (size_t i = 0; i < size; i++)
        count += data[i] == '\n';
    free(data);
    return count;
}

static bool is_whole(int op, const char *path) {
    if (op == XKV_OP_BACKUP)
        return entries_in(path) == ENTRIES_COUNT;
    return lines_in(path) == ENTRIES_COUNT + (op == XKV_OP_EXPORT_CSV);
}

static void check_target(int op, int status, const char *what, bool litter) {
    const char *out = in_box("out");
    bool old = holds_text(out, "old");

    if (!litter && files_in_box() != 1)
        fail_msg("%s, %s: there is litter", xkv_op_describe(op)->name, what);
    if (status == XKV_OK && old)
        fail_msg("%s, %s: nothing was written", xkv_op_describe(op)->name, what);
    if (!old && !is_whole(op, out))
        fail_msg("%s, %s: the new file is not whole", xkv_op_describe(op)->name, what);
}

static void check_store(struct client *client, int op, int status, const char *what) {
    int64_t old = count_of(client, "old"), new = count_of(client, "new");
    bool restored = op == XKV_OP_RESTORE && status == XKV_OK;
    int64_t wants_old = restored ? 0 : ENTRIES_COUNT;
    int64_t wants_new = is_importing(op) && status == XKV_OK ? ENTRIES_COUNT : 0;

    if (old != wants_old || new != wants_new)
        fail_msg("%s, %s, %s: %d old and %d new entries", xkv_op_describe(op)->name, what,
                 xkv_error_name(status), (int)old, (int)new);
    if (new != 0)
        fill(client, "old");
}

/* The path that a command works on in a sweep. */
static const char *path_of(int op) {
    static char path[PATH_SIZE];

    if (!is_writing(op))
        return test_path(path, source_of(op));
    box_make();
    write_text(in_box("out"), "old");
    return in_box("out");
}

/* -- Failing calls ---------------------------------------------------------------------- */

static bool met[XKV_OP_END][FILE_CALLS_END];

static bool may_litter(enum file_call call) {
    return call == FILE_CALL_remove;
}

static bool fail_call(struct client *client, int op, enum file_call call, int at, int number) {
    char what[80], path[PATH_SIZE];
    long handles = file_calls.open_handles;

    snprintf(path, sizeof path, "%s", path_of(op));
    snprintf(what, sizeof what, "%s number %d, errno %d", file_call_names[call], at, number);
    file_fail_at(call, at, number);
    int status = run_file(client, op, path);
    bool failed = file_failed();
    if (status != XKV_OK && !failed)
        fail_msg("%s, %s: %s", xkv_op_describe(op)->name, what, reply_text(&client->reply));
    if (file_calls.open_handles != handles)
        fail_msg("%s, %s: %ld handles stay open", xkv_op_describe(op)->name, what,
                 file_calls.open_handles - handles);
    met[op][call] |= failed;
    check_store(client, op, status, what);
    if (is_writing(op))
        check_target(op, status, what, may_litter(call));
    return failed;
}

static void fail_calls(struct client *client, int op) {
    static const int numbers[] = {EIO, EACCES, ENOSPC, ENOENT};
    bool failed;

    for (int call = 0; call < FILE_CALLS_END; call++) {
        int at = 0;
        do {
            failed = false;
            at++;
            for (size_t i = 0; i < COUNT(numbers); i++)
                failed |= fail_call(client, op, (enum file_call)call, at, numbers[i]);
            assert_in_range(at, 1, 1000);
        } while (failed);
    }
}

static void for_each_kind(void (*body)(struct client *client, int op)) {
    char name[PATH_SIZE];

    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct client client;
        running = &kinds[i];
        xkv_options options = fresh(running, name);
        client_open(&client, &options, i % 2);
        fill(&client, "old");
        for (size_t j = 0; j < COUNT(writing_ops); j++)
            body(&client, writing_ops[j]);
        for (size_t j = 0; j < COUNT(reading_ops); j++)
            body(&client, reading_ops[j]);
        client_close(&client);
    }
    running = NULL;
}

static void test_failing_calls(void **state) {
    (void)state;
    file_calls_begin();
    for_each_kind(fail_calls);
    file_calls_end();
    for (size_t i = 0; i < COUNT(writing_ops); i++) {
        static const int needed[] = {FILE_CALL_open, FILE_CALL_sync,    FILE_CALL_rename,
                                     FILE_CALL_look, FILE_CALL_examine, FILE_CALL_sync_directory};
        for (size_t j = 0; j < COUNT(needed); j++)
            assert_true(met[writing_ops[i]][needed[j]]);
    }
    assert_true(met[XKV_OP_EXPORT_CSV][FILE_CALL_write_at]);
    for (size_t i = 0; i < COUNT(reading_ops); i++)
        assert_true(met[reading_ops[i]][FILE_CALL_read_at]);
}

/* -- Failing allocations ------------------------------------------------------------------ */

static bool fail_allocation(struct client *client, int op, long n, bool for_good) {
    char what[80], path[PATH_SIZE];

    snprintf(path, sizeof path, "%s", path_of(op));
    snprintf(what, sizeof what, "allocation %ld%s", n, for_good ? " and all after it" : "");
    xkv_reply_clear(&client->reply);
    long before = heap.live;
    heap_fail_at(n, for_good);
    int status = run_file(client, op, path);
    bool failed = heap_failed();
    if (status != XKV_OK && (!failed || status != XKV_E_STORE_FULL))
        fail_msg("%s, %s: %s", xkv_op_describe(op)->name, what, reply_text(&client->reply));
    xkv_reply_clear(&client->reply);
    if (!is_importing(op) && heap.live != before)
        fail_msg("%s, %s: %ld blocks stay allocated", xkv_op_describe(op)->name, what,
                 heap.live - before);
    check_store(client, op, status, what);
    if (is_writing(op))
        check_target(op, status, what, false);
    return failed;
}

static void fail_allocations(struct client *client, int op) {
    path_of(op);
    for (int for_good = 0; for_good < 2; for_good++) {
        for (long n = 1; fail_allocation(client, op, n, for_good); n++)
            assert_in_range(n, 1, 5000);
    }
}

static void test_failing_allocations(void **state) {
    (void)state;
    long before = heap.live;
    for_each_kind(fail_allocations);
    assert_int_equal(heap.live, before);
}

/* -- Targets --------------------------------------------------------------------------- */

static struct client plain; /* a store in memory, with entries */

static void make_directory(const char *path) {
    MUST(mkdir(path, 0755) == 0);
}

static void make_fifo(const char *path) {
    MUST(mkfifo(path, 0644) == 0);
}

static void make_link(const char *path) {
    write_text(in_box("linked"), "old");
    MUST(symlink(in_box("linked"), path) == 0);
}

static void make_dangling(const char *path) {
    MUST(symlink("nowhere", path) == 0);
}

static void make_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    MUST(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    MUST(fd >= 0 && bind(fd, (struct sockaddr *)(void *)&address, sizeof address) == 0);
    close(fd);
}

static const struct {
    void (*make)(const char *path);
    const char *says;
} places[] = {
    {make_directory, "is a directory"},
    {make_fifo, "a device, a pipe or a socket"},
    {make_socket, "a device, a pipe or a socket"},
    {make_link, "symbolic link"},
    {make_dangling, "symbolic link"},
};

static void assert_file_error(int code, const char *says) {
    if (plain.reply.status != code || !answer_says(&plain, says))
        fail_msg("not %s with \"%s\", but %s", xkv_error_name(code), says,
                 reply_text(&plain.reply));
}

static void test_bad_targets(void **state) {
    struct stat before, after;

    (void)state;
    for (size_t i = 0; i < COUNT(places) * COUNT(writing_ops); i++) {
        box_make();
        const char *path = in_box("out");
        places[i / COUNT(writing_ops)].make(path);
        MUST(lstat(path, &before) == 0);
        int files = files_in_box();
        run_file(&plain, writing_ops[i % COUNT(writing_ops)], path);
        assert_file_error(XKV_E_SNAPSHOT_EXPORT, places[i / COUNT(writing_ops)].says);
        MUST(lstat(path, &after) == 0);
        assert_true(before.st_ino == after.st_ino && before.st_mode == after.st_mode);
        assert_int_equal(files_in_box(), files);
        run_file(&plain, writing_ops[i % COUNT(writing_ops)], "/dev/null");
        assert_file_error(XKV_E_SNAPSHOT_EXPORT, "a device");
    }
}

static void test_parents(void **state) {
    struct stat status;
    char name[400];

    (void)state;
    box_make();
    write_text(in_box("file"), "old");
    memset(name, 'n', 300);
    name[300] = '\0';
    for (size_t i = 0; i < COUNT(writing_ops); i++) {
        run_file(&plain, writing_ops[i], in_box("file/out"));
        assert_file_error(XKV_E_SNAPSHOT_EXPORT, "file");
        run_file(&plain, writing_ops[i], in_box(name));
        assert_file_error(XKV_E_SNAPSHOT_EXPORT, "too long");
        assert_int_equal(files_in_box(), 1);
    }
    for (size_t i = 0; i < COUNT(writing_ops); i++) {
        remove_tree(in_box("made"));
        assert_int_equal(run_file(&plain, writing_ops[i], in_box("made/of/out")), XKV_OK);
        MUST(stat(in_box("made/of/out"), &status) == 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
}

/* Another name of the old file keeps it. */
static void test_hard_links(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(writing_ops); i++) {
        box_make();
        write_text(in_box("out"), "old");
        MUST(link(in_box("out"), in_box("twin")) == 0);
        assert_int_equal(run_file(&plain, writing_ops[i], in_box("out")), XKV_OK);
        assert_true(holds_text(in_box("twin"), "old"));
        assert_true(is_whole(writing_ops[i], in_box("out")));
        assert_int_equal(files_in_box(), 2);
    }
}

static void test_no_right(void **state) {
    const bool root = geteuid() == 0;

    (void)state;
    for (size_t i = 0; i < COUNT(writing_ops) + COUNT(reading_ops); i++) {
        box_make();
        write_text(in_box("out"), "old");
        MUST(chmod(in_box("out"), 0) == 0 && chmod(box, 0) == 0);
        MUST(!root || seteuid(65534) == 0);
        int op = i < COUNT(writing_ops) ? writing_ops[i] : reading_ops[i - COUNT(writing_ops)];
        run_file(&plain, op, in_box("out"));
        MUST(!root || seteuid(0) == 0);
        MUST(chmod(box, 0755) == 0 && chmod(in_box("out"), 0600) == 0);
        assert_file_error(XKV_E_SNAPSHOT_PERMISSION, "out");
        assert_true(files_in_box() == 1 && holds_text(in_box("out"), "old"));
    }
}

/* A store that another process writes is no target, but can be restored from. */
static void test_store_of_another(void **state) {
    struct child holder;
    struct stat before, after;

    (void)state;
    box_make();
    const char *const arguments[] = {"hold", in_box("held.kv"), NULL};
    child_start(&holder, arguments);
    assert_true(child_says(&holder, "open"));
    MUST(stat(in_box("held.kv"), &before) == 0);
    for (size_t i = 0; i < COUNT(writing_ops); i++) {
        run_file(&plain, writing_ops[i], in_box("held.kv"));
        assert_file_error(XKV_E_SNAPSHOT_EXPORT, "another process has open");
    }
    MUST(stat(in_box("held.kv"), &after) == 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(child_end(&holder), 0);
}

/* What was left goes; what is being written stays. */
static void test_parts(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(writing_ops); i++) {
        box_make();
        write_text(in_box("out.part"), "left");
        assert_int_equal(run_file(&plain, writing_ops[i], in_box("out")), XKV_OK);
        assert_int_equal(files_in_box(), 1);
        write_text(in_box("out"), "old");
        write_text(in_box("out.part"), "going on");
        int fd = open(in_box("out.part"), O_RDWR | O_CLOEXEC);
        MUST(fd >= 0 && flock(fd, LOCK_EX) == 0);
        run_file(&plain, writing_ops[i], in_box("out"));
        assert_file_error(XKV_E_SNAPSHOT_EXPORT, "is being written");
        assert_true(holds_text(in_box("out"), "old"));
        assert_true(holds_text(in_box("out.part"), "going on"));
        close(fd);
    }
}

/* -- Two at once ------------------------------------------------------------------------- */

static int looks;

/* Another process looks at the part just before it gets its place. */
static xkv__fault look_and_rename(const char *from, const char *to) {
    int fd = open(from, O_RDWR | O_CLOEXEC);

    MUST(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK);
    close(fd);
    looks++;
    return xkv__system_files.rename(from, to);
}

/* One that may be taken for a part that was left would be removed, and another written. */
static void test_locked_to_the_end(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(writing_ops); i++, looks = 0) {
        box_make();
        xkv__files.rename = look_and_rename;
        assert_int_equal(run_file(&plain, writing_ops[i], in_box("out")), XKV_OK);
        xkv__files = xkv__system_files;
        assert_true(looks == 1 && files_in_box() == 1);
    }
}

/* Another process does so while nobody has locked it: that is, before a lock is asked for. */
static xkv__fault steal_and_lock(xkv__handle handle, bool exclusive) {
    struct stat part;

    if (stat(in_box("out.part"), &part) == 0 && part.st_size > 0) {
        MUST(unlink(in_box("out.part")) == 0);
        write_text(in_box("out.part"), "");
        looks++;
    }
    return xkv__system_files.lock(handle, exclusive);
}

static void test_stolen_part(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(writing_ops); i++) {
        box_make();
        write_text(in_box("out"), "old");
        looks = 0;
        xkv__files.lock = steal_and_lock;
        run_file(&plain, writing_ops[i], in_box("out"));
        xkv__files = xkv__system_files;
        if (looks == 0) /* an export: it was locked before anything was in it */
            continue;
        assert_file_error(XKV_E_SNAPSHOT_EXPORT, "is being written");
        assert_true(holds_text(in_box("out"), "old") && holds_text(in_box("out.part"), ""));
    }
}

/* -- No room --------------------------------------------------------------------------- */

static char large[3 << 20];

static void assert_no_room(int op, const char *out) {
    write_text(out, "old");
    int status = run_file(&plain, op, out);
    if (status != XKV_E_SNAPSHOT_IO && status != XKV_E_STORE_FULL)
        fail_msg("%s: %s", xkv_op_describe(op)->name, reply_text(&plain.reply));
    assert_true(holds_text(out, "old"));
    assert_int_equal(files_in_box(), 1);
}

static void put_large(void) {
    memset(large, 'x', sizeof large);
    memcpy(large, "{\"text\":\"", 9);
    memcpy(large + sizeof large - 2, "\"}", 2);
    MUST(do_set(&plain, LIT("old:large"), bytes_of(large, sizeof large)) == XKV_OK);
}

static void test_file_limit(void **state) {
    struct rlimit before, little;

    (void)state;
    MUST(getrlimit(RLIMIT_FSIZE, &before) == 0);
    little = before;
    little.rlim_cur = 1 << 20;
    put_large();
    for (size_t i = 0; i < COUNT(writing_ops); i++) {
        box_make();
        MUST(setrlimit(RLIMIT_FSIZE, &little) == 0);
        assert_no_room(writing_ops[i], in_box("out"));
        MUST(setrlimit(RLIMIT_FSIZE, &before) == 0);
    }
    fill(&plain, "old");
}

static void test_full_disk(void **state) {
    (void)state;
    box_make();
#ifdef __linux__
    if (mount("tmpfs", box, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m") == 0) {
        put_large();
        for (size_t i = 0; i < COUNT(writing_ops); i++)
            assert_no_room(writing_ops[i], in_box("out"));
        fill(&plain, "old");
        umount2(box, MNT_DETACH);
        return;
    }
#endif
    printf("skipped: no small disk can be mounted here\n");
}

/* -- Inputs ---------------------------------------------------------------------------- */

static void test_bad_inputs(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(places) * COUNT(reading_ops); i++) {
        int op = reading_ops[i % COUNT(reading_ops)];
        box_make();
        places[i / COUNT(reading_ops)].make(in_box("in"));
        run_file(&plain, op, in_box("in"));
        assert_file_error(XKV_E_SNAPSHOT_READ, "in");
        run_file(&plain, op, "/dev/zero");
        assert_file_error(XKV_E_SNAPSHOT_READ, "/dev/zero");
        run_file(&plain, op, in_box("missing"));
        assert_file_error(XKV_E_SNAPSHOT_NOT_FOUND, "missing");
        check_store(&plain, XKV_OP_VALIDATE_CSV, XKV_E_SNAPSHOT_READ, "a bad input");
    }
}

/* A file that is another one, when it is read, than when it was opened. */
static char changing[PATH_SIZE];
static off_t new_size;

static xkv__fault change_and_read(xkv__handle handle, void *out, size_t size, uint64_t at,
                                  size_t *got) {
    MUST(truncate(changing, new_size) == 0);
    return xkv__system_files.read_at(handle, out, size, at, got);
}

static void test_changing_inputs(void **state) {
    static const off_t changes[] = {-1, 1, -50, 2 << 20};

    (void)state;
    for (size_t i = 1; i < COUNT(reading_ops) * COUNT(changes); i++) {
        char source[PATH_SIZE];
        size_t size;
        int op = reading_ops[i % COUNT(reading_ops)];
        if (op == XKV_OP_RESTORE)
            continue; /* LMDB reads by itself */
        void *data = read_file(test_path(source, source_of(op)), &size);
        box_make();
        snprintf(changing, sizeof changing, "%s", in_box("in"));
        write_file(changing, data, size);
        free(data);
        new_size = (off_t)size + changes[i / COUNT(reading_ops)];
        xkv__files.read_at = change_and_read;
        run_file(&plain, op, changing);
        xkv__files.read_at = xkv__system_files.read_at;
        bool checked = plain.reply.status == XKV_OK; /* what was added is no record */
        if (checked)
            assert_non_null(strstr(reply_text(&plain.reply), "\"valid\":false"));
        else if (plain.reply.status != XKV_E_SNAPSHOT_READ)
            assert_file_error(XKV_E_VALUE_PARSE, "line");
        check_store(&plain, XKV_OP_VALIDATE_CSV, plain.reply.status, "a changing input");
    }
}

static int plain_close(void **state) {
    (void)state;
    client_close(&plain);
    return 0;
}

static int plain_open(void **state) {
    static char name[PATH_SIZE];
    xkv_options options = fresh(&kinds[0], name);

    (void)state;
    client_open(&plain, &options, false);
    fill(&plain, "old");
    return 0;
}

#define PLAIN(test) cmocka_unit_test_setup_teardown(test, plain_open, plain_close)

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_failing_calls, after_case),
        cmocka_unit_test_teardown(test_failing_allocations, after_case),
        PLAIN(test_bad_targets),
        PLAIN(test_parents),
        PLAIN(test_hard_links),
        PLAIN(test_no_right),
        PLAIN(test_store_of_another),
        PLAIN(test_parts),
        PLAIN(test_locked_to_the_end),
        PLAIN(test_stolen_part),
        PLAIN(test_file_limit),
        PLAIN(test_full_disk),
        PLAIN(test_bad_inputs),
        PLAIN(test_changing_inputs),
    };

    if (argc == 3 && strcmp(argv[1], "hold") == 0)
        return child_hold(argv[2]);
    test_begin(argv);
    xkv_set_hooks(&heap_hooks);
    columns = KEYS("n", "text");
    make_sources();
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    xkv_items_free(&columns);
    return test_end(failures);
}
