/*
 * full_disk.c - a store on a disk that is really full
 *
 * Needs the right to mount a small tmpfs; where it is missing, the test says
 * that it was skipped.
 */
#include "../model.h"

#ifdef __linux__
#include <sys/mount.h>
#endif

static char mount_point[PATH_SIZE];

static bool mount_small_disk(const char *size) {
    test_path(mount_point, "disk");
    MUST(mkdir(mount_point, 0755) == 0);
#ifdef __linux__
    if (mount("tmpfs", mount_point, "tmpfs", MS_NOSUID | MS_NODEV, size) == 0)
        return true;
#endif
    printf("skipped: a tmpfs of %s cannot be mounted here (%s)\n", size, strerror(errno));
    rmdir(mount_point);
    return false;
}

static int unmount(void **state) {
    (void)state;
#ifdef __linux__
    umount2(mount_point, MNT_DETACH);
#endif
    rmdir(mount_point);
    return 0;
}

/* -- A store on it ----------------------------------------------------------- */

static char value_room[3000];

static xkv_bytes key_number(char out[32], unsigned n) {
    return bytes_of(out, (size_t)snprintf(out, 32, "key%06u", n));
}

/* Sets keys until there is no room; how many were acknowledged. */
static unsigned fill_up(struct client *client, struct model *model) {
    char key[32];

    for (unsigned n = 0; n < 100000; n++) {
        xkv_bytes value = bytes_of(value_room, sizeof value_room);
        int status = do_set(client, key_number(key, n), value);
        if (status != XKV_OK) {
            assert_int_equal(status, XKV_E_STORE_FULL);
            assert_true(client->reply.len > 0);
            return n;
        }
        model_put(model, key_number(key, n), value);
    }
    fail_msg("the disk did not become full");
    return 0;
}

static void assert_content(struct client *client, const struct model *model) {
    do_list(client, NOTHING, 0);
    assert_int_equal(told(client), XKV_OK);
    assert_true(model_matches(model, NOTHING, 0, &client->reply));
    assert_int_equal(do_random(client, NOTHING), XKV_OK);
    assert_int_equal(client->reply.number, model->count);
}

static void delete_some(struct client *client, struct model *model, unsigned count) {
    char key[32];

    for (unsigned n = 0; n < count; n++) {
        do_delete(client, key_number(key, n));
        assert_int_equal(told(client), XKV_OK);
        assert_int_equal(client->reply.number, 1);
        model_delete(model, key_number(key, n));
    }
}

static void use_full_disk(const xkv_options *options, bool submits) {
    struct model model = {NULL, 0, 0};
    struct client client;
    char key[32];

    client_open(&client, options, submits);
    unsigned filled = fill_up(&client, &model);
    assert_in_range(filled, 100, 100000);
    assert_content(&client, &model);
    for (int i = 0; i < 20; i++) { /* however often it is tried */
        int status = do_set(&client, LIT("one more"), bytes_of(value_room, sizeof value_room));
        if (status == XKV_OK)
            model_put(&model, LIT("one more"), bytes_of(value_room, sizeof value_room));
        else
            assert_int_equal(status, XKV_E_STORE_FULL);
    }
    assert_content(&client, &model);
    delete_some(&client, &model, filled / 2);
    assert_content(&client, &model);
    for (unsigned n = 0; n < filled / 4; n++) { /* there is room again */
        do_set(&client, key_number(key, n), bytes_of(value_room, 1000));
        assert_int_equal(told(&client), XKV_OK);
        model_put(&model, key_number(key, n), bytes_of(value_room, 1000));
    }
    client_close(&client);
    client_open(&client, options, submits);
    assert_content(&client, &model);
    assert_int_equal(do_plain(&client, XKV_OP_CLEAR), XKV_OK);
    model_clear(&model);
    assert_content(&client, &model);
    client_close(&client);
    model_free(&model);
}

static void test_full_disk(void **state) {
    char path[PATH_SIZE];

    (void)state;
    for (int i = 0; i < 12; i++) {
        if (!mount_small_disk("size=4m"))
            skip();
        xkv_options options = disk_options(test_path(path, "disk/store.kv"));
        options.durability = i / 4;
        options.track_keys = i % 2;
        use_full_disk(&options, i / 2 % 2);
        unmount(NULL);
    }
}

/* Not even room to begin with. */
static void test_no_room_to_open(void **state) {
    char path[PATH_SIZE], filler[PATH_SIZE], message[XKV_MESSAGE_SIZE];
    static char block[4096];
    xkv_store *store;

    (void)state;
    if (!mount_small_disk("size=64k"))
        skip();
    FILE *file = fopen(test_path(filler, "disk/filler"), "w");
    assert_non_null(file);
    setvbuf(file, NULL, _IONBF, 0);
    while (fwrite(block, sizeof block, 1, file) == 1)
        continue;
    fclose(file);
    xkv_options options = disk_options(test_path(path, "disk/store.kv"));
    assert_int_equal(xkv_open(&options, &store, message, sizeof message), XKV_E_STORE_FULL);
    assert_int_equal(access(path, F_OK), -1); /* half a store is none */
    assert_int_equal(unlink(filler), 0);
    assert_int_equal(xkv_open(&options, &store, message, sizeof message), XKV_OK);
    xkv_close(store);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_full_disk, unmount),
        cmocka_unit_test_teardown(test_no_room_to_open, unmount),
    };

    (void)argc;
    test_begin(argv);
    memset(value_room, 'v', sizeof value_room);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
