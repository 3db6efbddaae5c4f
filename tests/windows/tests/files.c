/*
 * files.c - what the library makes of Windows' files: paths, rights, sizes, numbers of errors
 */
#include "../../files.h"
#include "../../child.h"

#include <windows.h>

#include <aclapi.h>
#include <winioctl.h>

#include "base/error.h"
#include "base/paths.h"
#include "base/sys.h"

/* -- Failures ------------------------------------------------------------------ */

static void test_faults(void **state) {
    static const struct {
        int number;
        xkv__cause cause;
        int code; /* that becomes of XKV_E_DISK_PATH */
        const char *says;
    } rows[] = {
        {ERROR_FILE_NOT_FOUND, XKV__MISSING, XKV_E_DISK_PATH,
         "no such file or directory (Windows error 2)"},
        {ERROR_ACCESS_DENIED, XKV__DENIED, XKV_E_DISK_PATH, "permission denied"},
        {ERROR_DISK_FULL, XKV__NO_SPACE, XKV_E_STORE_FULL, "no space left on the disk"},
        {1295, XKV__QUOTA, XKV_E_STORE_FULL, "quota"},
        {ENOSPC, XKV__NO_SPACE, XKV_E_STORE_FULL, "no space left"}, /* of LMDB's own */
        {ENOMEM, XKV__NO_MEMORY, XKV_E_STORE_FULL, "memory"},       /* so, too */
        {ERROR_COMMITMENT_LIMIT, XKV__NO_MEMORY, XKV_E_STORE_FULL, "memory"},
        {ERROR_SHARING_VIOLATION, XKV__BUSY, XKV_E_DISK_PATH, "in use"},
        {ERROR_LOCK_VIOLATION, XKV__BUSY, XKV_E_DISK_PATH, "in use"},
        {WSAECONNREFUSED, XKV__REFUSED, XKV_E_DISK_PATH, "nobody listens"},
        {ERROR_NOT_SAME_DEVICE, XKV__OTHER, XKV_E_DISK_PATH, "a system error"},
    };

    (void)state;
    assert_int_equal(xkv__fault_of(0).cause, XKV__FINE);
    for (size_t i = 0; i < COUNT(rows); i++) {
        xkv__fault fault = xkv__fault_of(rows[i].number);
        assert_int_equal(fault.cause, rows[i].cause);
        assert_int_equal(fault.number, rows[i].number);
        int code = xkv__fail_system(XKV_E_DISK_PATH, "cannot try", "C:/a", fault);
        assert_int_equal(code, rows[i].code);
        const char *reason = xkv__reason(code);
        assert_non_null(strstr(reason, "cannot try \"C:/a\": "));
        assert_non_null(strstr(reason, rows[i].says));
    }
}

/* -- Paths ---------------------------------------------------------------------- */

static void test_roots(void **state) {
    (void)state;
    assert_int_equal(xkv__path_root("C:/a"), 3);
    assert_int_equal(xkv__path_root("c:/"), 3);
    assert_int_equal(xkv__path_root("//server/share/a/b"), 15);
    assert_int_equal(xkv__path_root("/a"), 0);
    assert_int_equal(xkv__path_root("C:a"), 0);
    assert_int_equal(xkv__path_root("a/b"), 0);
}

/* What a path stands for; %c is the letter of the current drive. */
static void assert_leads(const char *given, const char *expected) {
    char here[PATH_SIZE], wanted[PATH_SIZE], *path;

    MUST(xkv__files.current_directory(here, sizeof here).cause == XKV__FINE);
    snprintf(wanted, sizeof wanted, expected, here[0]);
    int error = xkv__file_path(given, &path);
    if (error != XKV_OK)
        fail_msg("%s: %s", given, xkv__reason(error));
    assert_string_equal(path, wanted);
    xkv__free(path);
}

static void test_paths(void **state) {
    (void)state;
    assert_leads("C:\\a b\\c.kv", "C:/a b/c.kv");
    assert_leads("d:/x\\y.kv", "d:/x/y.kv");
    assert_leads("\\x.kv", "%c:/x.kv");
    assert_leads("/tmp/x.kv", "%c:/tmp/x.kv");
    assert_leads("\\\\server\\share\\x.kv", "//server/share/x.kv");
    assert_leads("C:/ä/€/\xF0\x9F\x98\x80.kv", "C:/ä/€/\xF0\x9F\x98\x80.kv");
    assert_leads("file:///C:/a%20b/c.kv", "C:/a b/c.kv");
    assert_leads("file:///C:%5Ca%5Cc.kv", "C:/a/c.kv");
    assert_leads("file:////server/share/c.kv", "//server/share/c.kv");
    assert_leads("C:/a/../b.kv", "C:/a/../b.kv");
    assert_leads("C:/console.kv", "C:/console.kv"); /* not CON */
    assert_leads("C:/com10.kv", "C:/com10.kv");
}

static void test_paths_that_cannot_be(void **state) {
    static const struct {
        const char *path, *says;
    } rows[] = {
        {"C:\\CON", "for a device"},
        {"nul", "for a device"},
        {"C:/aux.kv", "for a device"},
        {"C:/com1.txt", "for a device"},
        {"C:/Lpt9/x.kv", "for a device"},
        {"C:/con .kv", "for a device"},
        {"C:x.kv", "current directory of a drive"},
        {"C:/x.kv:stream", "characters"},
        {"C:/x?.kv", "characters"},
        {"C:/x.kv.", "point or a space"},
        {"C:/x. /y.kv", "point or a space"},
        {"C:\\x\\", "names a directory"},
        {"file:///x.kv", "no drive"},
        {"~\\x.kv", "starts with ~"},
    };
    char *path;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(xkv__file_path(rows[i].path, &path), XKV_E_DISK_PATH);
        const char *reason = xkv__reason(XKV_E_DISK_PATH);
        if (!strstr(reason, rows[i].says))
            fail_msg("%s: %s", rows[i].path, reason);
        xkv__free(path);
    }
}

/* -- Files ------------------------------------------------------------------------ */

static xkv__cause cause_of_opening(const char *path, unsigned how) {
    xkv__handle handle;
    xkv__cause cause = xkv__files.open(path, how, &handle).cause;

    assert_int_equal(xkv__is_open(handle), cause == XKV__FINE);
    if (cause == XKV__FINE)
        xkv__files.close(handle);
    return cause;
}

static void test_opening_files(void **state) {
    char path[PATH_SIZE], other[PATH_SIZE];
    const unsigned create = XKV__WRITING | XKV__CREATE;

    (void)state;
    test_path(path, "ö€");
    assert_int_equal(cause_of_opening(path, 0), XKV__MISSING);
    assert_int_equal(cause_of_opening(path, XKV__WRITING), XKV__MISSING);
    assert_int_equal(cause_of_opening(path, create | XKV__NEW), XKV__FINE);
    assert_int_equal(cause_of_opening(path, create | XKV__NEW), XKV__EXISTS);
    assert_int_equal(cause_of_opening(path, create), XKV__FINE);
    assert_int_equal(cause_of_opening(path, 0), XKV__FINE);
    assert_int_equal(cause_of_opening(test.directory, XKV__WRITING), XKV__IS_DIRECTORY);
    snprintf(other, sizeof other, "%s/below", path);
    assert_int_equal(cause_of_opening(other, create), XKV__NO_DIRECTORY);
    assert_int_equal(cause_of_opening(test_path(other, "no/where"), create), XKV__MISSING);
    assert_int_equal(cause_of_opening("\xff\xfe", create), XKV__OTHER); /* no UTF-8 */
    assert_int_equal(xkv__files.remove(path).cause, XKV__FINE);
    assert_int_equal(xkv__files.remove(path).cause, XKV__MISSING);
}

static void test_status_of_files(void **state) {
    char path[PATH_SIZE], again[PATH_SIZE];
    xkv__status status, other;
    xkv__handle handle;

    (void)state;
    MUST(xkv__files.open(test_path(path, "status"), XKV__WRITING | XKV__CREATE, &handle).cause ==
         XKV__FINE);
    assert_int_equal(xkv__files.write_at(handle, "bytes", 5, 0).cause, XKV__FINE);
    assert_int_equal(xkv__files.examine(handle, &status).cause, XKV__FINE);
    assert_true(status.kind == XKV__REGULAR && status.owner == XKV__ME && !status.open_to_all);
    assert_true(status.size == 5 && status.links == 1);
    assert_int_equal(xkv__files.rename(path, test_path(again, "status-renamed")).cause, XKV__FINE);
    MUST(xkv__files.look(again, false, &other).cause == XKV__FINE);
    assert_true(xkv__identity_equal(&status.identity, &other.identity));
    assert_int_equal(xkv__files.look(path, true, &other).cause, XKV__MISSING);
    MUST(xkv__files.look(test.directory, false, &other).cause == XKV__FINE);
    assert_int_equal(other.kind, XKV__DIRECTORY);
    assert_false(xkv__identity_equal(&status.identity, &other.identity));
    xkv__files.close(handle);
    assert_int_equal(xkv__files.examine(XKV__NO_HANDLE, &other).cause, XKV__OTHER);
}

/* What is renamed takes the place of a file, also while it is open itself. */
static void test_replacing(void **state) {
    char path[PATH_SIZE], part[PATH_SIZE], bytes[4] = "";
    xkv__handle handle;
    size_t got;

    (void)state;
    write_file(test_path(path, "target"), "old", 3);
    MUST(xkv__files.open(test_path(part, "part"), XKV__WRITING | XKV__CREATE, &handle).cause ==
         XKV__FINE);
    MUST(xkv__files.write_at(handle, "new", 3, 0).cause == XKV__FINE);
    MUST(xkv__files.lock(handle, true).cause == XKV__FINE);
    assert_int_equal(xkv__files.rename(part, path).cause, XKV__FINE);
    xkv__files.close(handle);
    MUST(xkv__files.open(path, 0, &handle).cause == XKV__FINE);
    assert_int_equal(xkv__files.read_at(handle, bytes, 3, 0, &got).cause, XKV__FINE);
    assert_string_equal(bytes, "new");
    xkv__files.close(handle);
}

/* -- Rights ------------------------------------------------------------------------- */

/* Those that a file's list of rights has for everybody. (wine makes the list from what its system
 * has: a mode of three classes of users.) */
static unsigned rights_of_all(const char *path) {
    unsigned char everybody[SECURITY_MAX_SID_SIZE];
    PSECURITY_DESCRIPTOR descriptor;
    ACCESS_ALLOWED_ACE *entry;
    DWORD size = sizeof everybody;
    ACCESS_MASK given = 0;
    ACL *rights;

    MUST(CreateWellKnownSid(WinWorldSid, NULL, everybody, &size));
    MUST(GetNamedSecurityInfoA((char *)(uintptr_t)path, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION,
                               NULL, NULL, &rights, NULL, &descriptor) == ERROR_SUCCESS);
    MUST(rights);
    for (DWORD i = 0; i < rights->AceCount; i++) {
        MUST(GetAce(rights, i, (void **)&entry));
        if (entry->Header.AceType == ACCESS_ALLOWED_ACE_TYPE &&
            EqualSid(&entry->SidStart, everybody))
            given |= entry->Mask;
    }
    LocalFree(descriptor);
    return given;
}

static void let_all_write(const char *path) {
    EXPLICIT_ACCESS_A entry = {.grfAccessPermissions = GENERIC_ALL, .grfAccessMode = SET_ACCESS};
    ACL *rights;

    BuildTrusteeWithNameA(&entry.Trustee, (char *)(uintptr_t) "EVERYONE");
    MUST(SetEntriesInAclA(1, &entry, NULL, &rights) == ERROR_SUCCESS);
    MUST(SetNamedSecurityInfoA((char *)(uintptr_t)path, SE_FILE_OBJECT,
                               DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
                               NULL, NULL, rights, NULL) == ERROR_SUCCESS);
    LocalFree(rights);
}

static void test_rights(void **state) {
    char path[PATH_SIZE], lock[PATH_SIZE], message[XKV_MESSAGE_SIZE];
    xkv_store *store;

    (void)state;
    xkv_options options = disk_options(test_path(path, "own.kv"));
    xkv_close(must_open(&options));
    assert_int_equal(rights_of_all(path), 0);
    assert_int_equal(rights_of_all(test_path(lock, "own.kv-lock")), 0);
    let_all_write(path);
    assert_true(rights_of_all(path) != 0);
    assert_int_equal(xkv_open(&options, &store, message, sizeof message), XKV_E_DISK_PATH);
    assert_non_null(strstr(message, "may be written to by every user"));
    assert_non_null(strstr(message, "icacls"));
}

/* -- Sizes --------------------------------------------------------------------------- */

static uint64_t size_of(const char *path) {
    xkv__status status;

    MUST(xkv__files.look(path, true, &status).cause == XKV__FINE);
    return status.size;
}

/* LMDB makes the file as long as its map: that is small, and cut again. */
static void test_size_stays(void **state) {
    char path[PATH_SIZE], text[2000];
    struct client client;
    uint64_t before = 0;

    (void)state;
    xkv_options options = disk_options(test_path(path, "size.kv"));
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 10; i++) {
        client_open(&client, &options, false);
        assert_true(size_of(path) <= 2 << 20);
        if (i == 0)
            assert_int_equal(do_set(&client, LIT("key"), bytes_of(text, sizeof text)), XKV_OK);
        assert_int_equal(do_plain(&client, XKV_OP_STATS), XKV_OK);
        client_close(&client);
        assert_true(i == 0 || size_of(path) == before);
        before = size_of(path);
        assert_true(before < 64 << 10);
    }
}

/* A refused file is as long as before, and has the same bytes. */
static void test_refused_files_stay(void **state) {
    char path[PATH_SIZE], message[XKV_MESSAGE_SIZE];
    size_t size, size_after;
    xkv_store *store;

    (void)state;
    xkv_options options = disk_options(test_path(path, "other.kv"));
    options.serialization = XKV_STRING;
    xkv_close(must_open(&options));
    void *before = read_file(path, &size);
    options.serialization = XKV_JSON;
    assert_int_equal(xkv_open(&options, &store, message, sizeof message), XKV_E_DISK_STORE_OPEN);
    void *after = read_file(path, &size_after);
    assert_int_equal(size, size_after);
    assert_memory_equal(before, after, size);
    free(before);
    free(after);
}

/* It grows while it is written to, and a reader, whose map ends with the file, follows. */
static void test_growing(void **state) {
    static char value[100000];
    char path[PATH_SIZE], key[32];
    xkv_options options = disk_options(test_path(path, "grows.kv"));
    struct client writer;

    (void)state;
    client_open(&writer, &options, false);
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "key%d", i);
        assert_int_equal(do_set(&writer, xkv_text(key), bytes_of(value, sizeof value)), XKV_OK);
    }
    assert_in_range(size_of(path), 10000000, 40000000);
    client_close(&writer);
    assert_in_range(size_of(path), 10000000, 11000000);
    client_open(&writer, &options, false);
    assert_int_equal(do_plain(&writer, XKV_OP_SIZE), XKV_OK);
    assert_int_equal(writer.reply.number, 100);
    client_close(&writer);
}

/* -- The environment -------------------------------------------------------------------- */

static void test_environment(void **state) {
    (void)state;
    assert_null(xkv__environment("XKV_NOT_THERE"));
    MUST(SetEnvironmentVariableW(L"XKV_THERE", L"ö€"));
    const char *value = xkv__environment("XKV_THERE");
    assert_string_equal(value, "ö€");
    assert_ptr_equal(xkv__environment("XKV_THERE"), value); /* which stays */
    MUST(SetEnvironmentVariableW(L"XKV_THERE", L"another"));
    assert_string_equal(xkv__environment("XKV_THERE"), "another");
    assert_string_equal(value, "ö€");
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),        cmocka_unit_test(test_roots),
        cmocka_unit_test(test_paths),         cmocka_unit_test(test_paths_that_cannot_be),
        cmocka_unit_test(test_opening_files), cmocka_unit_test(test_status_of_files),
        cmocka_unit_test(test_replacing),     cmocka_unit_test(test_rights),
        cmocka_unit_test(test_size_stays),    cmocka_unit_test(test_refused_files_stay),
        cmocka_unit_test(test_growing),       cmocka_unit_test(test_environment),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
