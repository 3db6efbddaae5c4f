/* paths.c - see paths.h */
#include "base/paths.h"
#include "base/error.h"
#include "base/sys.h"
#include "base/text.h"

#include <stdio.h>

/* -- What an option stands for ------------------------------------------------- */

static int check_names(const char *path) {
    const char *problem = xkv__path_problem(path);

    return problem ? xkv__fail(XKV_E_DISK_PATH, "\"%s\" %s", path, problem) : XKV_OK;
}

/* An absolute copy of path, as text: the file need not exist yet. */
static int absolute_path(const char *path, char **absolute) {
    char directory[4096] = "";
    bool relative = xkv__path_root(path) == 0;
    xkv__fault fault = {XKV__FINE, 0};

    int error = check_names(path);
    if (error != XKV_OK)
        return error;
    if (relative)
        fault = xkv__files.current_directory(directory, sizeof directory);
    if (fault.cause != XKV__FINE)
        return xkv__fail_system(
            XKV_E_DISK_PATH, "the current directory cannot be told, which leads to", path, fault);
    if (relative && path[0] == '/') { /* of the current drive, where there are such */
        directory[xkv__path_root(directory) - 1] = '\0';
        path++;
    }
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    size_t size = strlen(directory) + strlen(path) + 2;
    *absolute = xkv__alloc(size);
    if (!*absolute)
        return XKV_E_STORE_FULL;
    snprintf(*absolute, size, "%s%s%s", directory, relative ? "/" : "", path);
    return XKV_OK;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Whether a path does, in capital letters or small ones; start is in small ones. */
static bool starts_with(const char *path, const char *start) {
    while (*start && lower(*path) == *start)
        path++, start++;
    return *start == '\0';
}

/* Whether it starts as "https://" does. */
static bool is_url(const char *path) {
    size_t scheme =
        strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

    return scheme > 1 && starts_with(path + scheme, "://");
}

/* "/C:/file" is "C:/file" where drives have letters. */
static int strip_slash(char *path, const char *quoted) {
    if (path[0] == '/' && xkv__path_root(path + 1) > 1)
        memmove(path, path + 1, strlen(path));
    if (xkv__path_root(path) == 0 && path[strlen(path) - 1] != '/')
        return xkv__fail(XKV_E_DISK_PATH, "%s names no drive; write file:///C:/ and the path",
                         quoted);
    return check_names(path);
}

/* A copy of the path in a file URL, which is what import.meta.resolve gives scripts. */
static int path_of_url(const char *url, char **path) {
    const char *at = url + strlen("file:");
    char quoted[XKV__QUOTE_SIZE];

    xkv__quote(xkv_text(url), quoted);
    if (starts_with(at, "//"))
        at += starts_with(at, "//localhost/") ? strlen("//localhost") : strlen("//");
    if (*at != '/')
        return xkv__fail(XKV_E_DISK_PATH, "%s has a host; write file:/// and an absolute path",
                         quoted);
    if (strpbrk(at, "?#"))
        return xkv__fail(XKV_E_DISK_PATH,
                         "%s has a ? or # that ends its path; write %%3F for ?, %%23 for #",
                         quoted);
    *path = xkv__strdup(at);
    if (*path && !xkv__decode_percent(*path))
        return xkv__fail(XKV_E_DISK_PATH,
                         "%s has a %% that two hexadecimal digits, not 00, do not follow; write "
                         "%%25 for %%",
                         quoted);
    if (!*path)
        return XKV_E_STORE_FULL;
    xkv__path_unify(*path);
    return strip_slash(*path, quoted);
}

/* The absolute path that an option stands for. */
static int resolve(const char *path, char **absolute) {
    char quoted[XKV__QUOTE_SIZE];

    if (strcmp(path, "~") == 0 || starts_with(path, "~/"))
        return xkv__fail(XKV_E_DISK_PATH,
                         "%s starts with ~, which only a shell turns into the home directory; "
                         "write the path in full, in a script with __ENV.HOME",
                         xkv__quote(xkv_text(path), quoted));
    if (starts_with(path, "file:/"))
        return path_of_url(path, absolute);
    if (is_url(path))
        return xkv__fail(XKV_E_DISK_PATH,
                         "%s is a URL, and only paths and URLs that start with file: are opened; "
                         "download what it leads to, and give the path of that; for a store on a "
                         "server give backend \"redis\" and url",
                         xkv__quote_masked(path, quoted));
    return absolute_path(path, absolute);
}

int xkv__file_path(const char *given, char **path) {
    char quoted[XKV__QUOTE_SIZE];
    size_t len = strlen(given);

    *path = NULL;
    if (len > XKV_PATH_MAX)
        return xkv__fail(XKV_E_DISK_PATH, "the path %s is %zu bytes long; at most %u are allowed",
                         xkv__quote(xkv_text(given), quoted), len, XKV_PATH_MAX);
    char *unified = xkv__strdup(given);
    if (!unified)
        return XKV_E_STORE_FULL;
    xkv__path_unify(unified);
    int error = resolve(unified, path);
    xkv__free(unified);
    if (error == XKV_OK && (*path)[strlen(*path) - 1] == '/')
        return xkv__fail(XKV_E_DISK_PATH, "\"%s\" names a directory; give the path of a file",
                         *path);
    return error;
}

/* -- Directories ------------------------------------------------------------ */

int xkv__sync_parent(const char *path) {
    size_t root = xkv__path_root(path), len = (size_t)(strrchr(path, '/') - path);
    char *directory = xkv__strdup(path);

    if (!directory)
        return XKV_E_STORE_FULL;
    directory[len < root ? root : len] = '\0';
    xkv__fault fault = xkv__files.sync_directory(directory);
    xkv__free(directory);
    return fault.cause == XKV__FINE
               ? XKV_OK
               : xkv__fail_system(XKV_E_DISK_PATH, "cannot sync the directory of", path, fault);
}

static bool is_directory(const char *path) {
    xkv__status status;
    return xkv__files.look(path, true, &status).cause == XKV__FINE && status.kind == XKV__DIRECTORY;
}

static int ensure_directory(const char *path) {
    xkv__fault fault = xkv__files.make_directory(path);

    if (fault.cause == XKV__FINE)
        return xkv__sync_parent(path);
    if (fault.cause == XKV__EXISTS || is_directory(path)) /* such as a read-only one */
        return XKV_OK;
    return xkv__fail_system(XKV_E_DISK_PATH, "cannot create the directory", path, fault);
}

int xkv__make_parents(char *path) {
    char *slash = strchr(path + xkv__path_root(path), '/');
    int error = XKV_OK;

    for (; slash && error == XKV_OK; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        error = ensure_directory(path);
        *slash = '/';
    }
    return error;
}
