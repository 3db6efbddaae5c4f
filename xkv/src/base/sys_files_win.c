/*
 * sys_files_win.c - see sys.h; files on Windows
 *
 * Paths come with slashes of either kind. Every handle may be read, written, deleted and
 * renamed beside others, as on POSIX systems; LMDB's own handles allow all but the
 * last two, so that a file that LMDB has open is not removed.
 */
#include "base/sys.h"
#include "base/sys_win.h"

#ifdef _WIN32

#include <windows.h>

#include <aclapi.h>
#include <sddl.h>
#include <stdio.h>
#include <winioctl.h>

enum { SHARE_ALL = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE };

static HANDLE system_handle(xkv__handle handle) {
    return (HANDLE)handle.value;
}

/* -- Paths ----------------------------------------------------------------------- */

static bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Behind the next separator, or the end. */
static size_t behind_part(const char *path, size_t at) {
    while (path[at] && path[at] != '/')
        at++;
    return at + (path[at] == '/');
}

/* "C:/" or "//server/share/". What begins with a single slash is of the current drive. */
size_t xkv__path_root(const char *path) {
    if (is_letter(path[0]) && path[1] == ':')
        return path[2] == '/' ? 3 : 0;
    if (path[0] == '/' && path[1] == '/')
        return behind_part(path, behind_part(path, 2));
    return 0;
}

void xkv__path_unify(char *path) {
    for (; *path; path++) {
        if (*path == '\\')
            *path = '/';
    }
}

/* Whether a name, up to its first point, is that of a device, wherever it stands. */
static bool is_device(const char *name, size_t len) {
    static const char *const devices[] = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"};
    size_t stem = 0;

    while (stem < len && name[stem] != '.')
        stem++;
    while (stem > 0 && name[stem - 1] == ' ')
        stem--;
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        if (strlen(devices[i]) == stem && _strnicmp(name, devices[i], stem) == 0)
            return true;
    }
    return stem == 4 && name[3] >= '0' && name[3] <= '9' &&
           (_strnicmp(name, "COM", 3) == 0 || _strnicmp(name, "LPT", 3) == 0);
}

static const char *name_problem(const char *name, size_t len) {
    if (len == 0 || (len <= 2 && strspn(name, ".") >= len))
        return NULL;
    if (is_device(name, len))
        return "has a name that Windows keeps for a device, such as CON or NUL";
    if (name[len - 1] == '.' || name[len - 1] == ' ')
        return "has a name that ends with a point or a space, which Windows leaves out";
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)name[i] < ' ' || strchr("<>:\"|?*", name[i]))
            return "has one of the characters <>:\"|?* or a control character, which Windows "
                   "does not allow in names";
    }
    return NULL;
}

const char *xkv__path_problem(const char *path) {
    const char *problem = NULL;
    size_t at = xkv__path_root(path);

    if (at == 0 && is_letter(path[0]) && path[1] == ':')
        return "goes by the current directory of a drive; write C:/ and the path in full";
    while (path[at] && !problem) {
        size_t next = behind_part(path, at);
        problem = name_problem(path + at, next - at - (path[next - 1] == '/'));
        at = next;
    }
    return problem;
}

static xkv__fault widen_path(const char *path, xkv__wide *wide) {
    xkv__fault fault = xkv__widen(path, wide);

    for (wchar_t *at = wide->text; *at; at++) {
        if (*at == L'/')
            *at = L'\\';
    }
    return fault;
}

/* Whether one of its names is longer than a file system has them. */
static bool has_long_name(const wchar_t *path) {
    enum { NAME_MOST = 255 };
    size_t len = 0;

    for (; *path && len <= NAME_MOST; path++)
        len = *path == L'\\' ? 0 : len + 1;
    return len > NAME_MOST;
}

/* The system says the same of a file that is no directory, of a directory that is missing, and of
 * a path that is longer than the program may use. */
static xkv__fault explain_missing(const xkv__wide *wide) {
    xkv__wide above = *wide;
    DWORD error = GetLastError();
    wchar_t *end;

    if (has_long_name(wide->text))
        return xkv__fault_of(ERROR_FILENAME_EXCED_RANGE);
    if (error != ERROR_PATH_NOT_FOUND && error != ERROR_DIRECTORY)
        return xkv__fault_of((int)error);
    if (wcslen(wide->text) >= MAX_PATH)
        return xkv__fault_of(ERROR_FILENAME_EXCED_RANGE);
    while ((end = wcsrchr(above.text, L'\\')) != NULL) {
        *end = L'\0';
        DWORD attributes = GetFileAttributesW(above.text);
        if (attributes != INVALID_FILE_ATTRIBUTES)
            return xkv__fault_of(attributes & FILE_ATTRIBUTE_DIRECTORY ? (int)error
                                                                       : ERROR_DIRECTORY);
    }
    return xkv__fault_of((int)error);
}

static xkv__fault fault_at(const xkv__wide *wide, bool failed) {
    return failed ? explain_missing(wide) : xkv__fault_of(0);
}

/* -- Users ------------------------------------------------------------------------ */

/* Who runs this process. */
static struct {
    xkv__once once;
    union {
        TOKEN_USER user;
        unsigned char room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } token;
    SECURITY_ATTRIBUTES alone; /* of a file that is for him alone; NULL inside: not known */
} me = {.once = XKV__ONCE};

static bool find_user(void) {
    HANDLE token;
    DWORD size;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return false;
    bool found = GetTokenInformation(token, TokenUser, &me.token, sizeof me.token, &size) != 0;
    CloseHandle(token);
    return found;
}

/* He owns it, and has all rights; nothing is inherited from the directory. */
static void find_me(void) {
    wchar_t *sid, text[256];

    me.alone = (SECURITY_ATTRIBUTES){.nLength = sizeof me.alone};
    if (!find_user() || !ConvertSidToStringSidW(me.token.user.User.Sid, &sid))
        return;
    _snwprintf(text, sizeof text / sizeof text[0], L"O:%lsD:P(A;;FA;;;%ls)", sid, sid);
    text[sizeof text / sizeof text[0] - 1] = L'\0';
    LocalFree(sid);
    ConvertStringSecurityDescriptorToSecurityDescriptorW(text, SDDL_REVISION_1,
                                                         &me.alone.lpSecurityDescriptor, NULL);
}

static SECURITY_ATTRIBUTES *for_me_alone(void) {
    xkv__call_once(&me.once, find_me);
    return &me.alone;
}

static bool is_known_sid(PSID sid, WELL_KNOWN_SID_TYPE type) {
    return IsWellKnownSid(sid, type) != 0;
}

/* What an administrator makes may belong to all administrators. */
static xkv__owner owner_of(PSID owner) {
    (void)for_me_alone();
    if (!owner || !me.token.user.User.Sid)
        return XKV__ANOTHER;
    if (EqualSid(owner, me.token.user.User.Sid))
        return XKV__ME;
    return is_known_sid(owner, WinLocalSystemSid) ||
                   is_known_sid(owner, WinBuiltinAdministratorsSid)
               ? XKV__SYSTEM
               : XKV__ANOTHER;
}

/* Whether "Everyone" may write. (What comes by groups of users, as it does in the root of most
 * drives, is the business of whoever has set up the machine.) */
static bool is_open_to_all(const ACL *rights) {
    const DWORD writing = FILE_WRITE_DATA | FILE_APPEND_DATA | GENERIC_WRITE | GENERIC_ALL;
    ACCESS_ALLOWED_ACE *entry;

    for (DWORD i = 0; rights && i < rights->AceCount; i++) {
        if (GetAce((ACL *)(uintptr_t)rights, i, (void **)&entry) &&
            entry->Header.AceType == ACCESS_ALLOWED_ACE_TYPE &&
            !(entry->Header.AceFlags & INHERIT_ONLY_ACE) && (entry->Mask & writing) &&
            is_known_sid(&entry->SidStart, WinWorldSid))
            return true;
    }
    return !rights; /* without a list everybody may do everything */
}

/* A file system that knows no users leaves a file to whoever has it. */
static void note_owner(HANDLE file, xkv__status *status) {
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PSID owner = NULL;
    ACL *rights = NULL;
    DWORD wanted = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;

    status->owner = XKV__ME;
    if (GetSecurityInfo(file, SE_FILE_OBJECT, wanted, &owner, NULL, &rights, NULL, &descriptor) !=
        ERROR_SUCCESS)
        return;
    status->owner = owner_of(owner);
    status->open_to_all = is_open_to_all(rights);
    LocalFree(descriptor);
}

const char xkv__mend_owner[] = "takeown and icacls";

/* -- Files ------------------------------------------------------------------------ */

/* A name for another file. Others that the system looks behind by itself, such as those of files
 * that are fetched from a network, are none. */
static bool is_link(HANDLE file, DWORD attributes) {
    FILE_ATTRIBUTE_TAG_INFO tag;

    return (attributes & FILE_ATTRIBUTE_REPARSE_POINT) &&
           GetFileInformationByHandleEx(file, FileAttributeTagInfo, &tag, sizeof tag) &&
           IsReparseTagNameSurrogate(tag.ReparseTag);
}

static xkv__kind kind_of(HANDLE file, DWORD attributes) {
    if (is_link(file, attributes))
        return XKV__LINK;
    return attributes & FILE_ATTRIBUTE_DIRECTORY ? XKV__DIRECTORY : XKV__REGULAR;
}

/* The volume and the file's number there, of which newer file systems have longer ones. */
static xkv__identity identity_of(HANDLE file, const BY_HANDLE_FILE_INFORMATION *found) {
    xkv__identity identity = {{0}};
    FILE_ID_INFO id;

    if (GetFileInformationByHandleEx(file, FileIdInfo, &id, sizeof id)) {
        memcpy(identity.bytes, &id.VolumeSerialNumber, 8);
        memcpy(identity.bytes + 8, &id.FileId, 16);
        return identity;
    }
    memcpy(identity.bytes, &found->dwVolumeSerialNumber, 4);
    memcpy(identity.bytes + 8, &found->nFileIndexLow, 4);
    memcpy(identity.bytes + 12, &found->nFileIndexHigh, 4);
    return identity;
}

static xkv__fault examine_file(xkv__handle handle, xkv__status *status) {
    HANDLE file = system_handle(handle);
    BY_HANDLE_FILE_INFORMATION found;

    *status = (xkv__status){.kind = XKV__SPECIAL, .owner = XKV__ME};
    if (!xkv__is_open(handle))
        return (xkv__fault){XKV__OTHER, ERROR_INVALID_HANDLE};
    if (GetFileType(file) != FILE_TYPE_DISK)
        return xkv__fault_of(0);
    if (!GetFileInformationByHandle(file, &found))
        return xkv__last_fault(true);
    status->identity = identity_of(file, &found);
    status->kind = kind_of(file, found.dwFileAttributes);
    status->size = (uint64_t)found.nFileSizeHigh << 32 | found.nFileSizeLow;
    status->links = found.nNumberOfLinks;
    note_owner(file, status);
    return xkv__fault_of(0);
}

/* Who may not see who owns it sees the rest. */
static xkv__fault look_at(const char *path, bool follow, xkv__status *status) {
    DWORD flags = FILE_FLAG_BACKUP_SEMANTICS | (follow ? 0 : FILE_FLAG_OPEN_REPARSE_POINT);
    xkv__wide wide;
    xkv__fault fault = widen_path(path, &wide);

    if (fault.cause != XKV__FINE)
        return fault;
    HANDLE file = CreateFileW(wide.text, FILE_READ_ATTRIBUTES | READ_CONTROL, SHARE_ALL, NULL,
                              OPEN_EXISTING, flags, NULL);
    if (file == INVALID_HANDLE_VALUE && GetLastError() == ERROR_ACCESS_DENIED)
        file = CreateFileW(wide.text, FILE_READ_ATTRIBUTES, SHARE_ALL, NULL, OPEN_EXISTING, flags,
                           NULL);
    fault = fault_at(&wide, file == INVALID_HANDLE_VALUE);
    if (fault.cause == XKV__FINE) {
        fault = examine_file((xkv__handle){(intptr_t)file}, status);
        CloseHandle(file);
    }
    return fault;
}

static DWORD disposition(unsigned how) {
    if (how & XKV__NEW)
        return CREATE_NEW;
    return how & XKV__CREATE ? OPEN_ALWAYS : OPEN_EXISTING;
}

static HANDLE create_file(const xkv__wide *wide, unsigned how, DWORD flags) {
    DWORD access = GENERIC_READ | (how & XKV__WRITING ? GENERIC_WRITE : 0);

    return CreateFileW(wide->text, access, SHARE_ALL, for_me_alone(), disposition(how),
                       FILE_FLAG_BACKUP_SEMANTICS | flags, NULL);
}

/* Whether what was opened may be: closes it otherwise. again: by what it leads to. */
static xkv__fault check_opened(HANDLE file, unsigned how, bool *again) {
    BY_HANDLE_FILE_INFORMATION found = {0};

    *again = false;
    if (GetFileType(file) != FILE_TYPE_DISK || !GetFileInformationByHandle(file, &found))
        return xkv__fault_of(0);
    xkv__kind kind = kind_of(file, found.dwFileAttributes);
    *again = kind != XKV__LINK && (found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT);
    if (kind == XKV__LINK)
        return (xkv__fault){XKV__IS_LINK, 0};
    if (kind == XKV__DIRECTORY && (how & XKV__WRITING))
        return (xkv__fault){XKV__IS_DIRECTORY, 0};
    return xkv__fault_of(0);
}

static xkv__fault open_file(const char *path, unsigned how, xkv__handle *handle) {
    xkv__wide wide;
    xkv__fault fault = widen_path(path, &wide);
    bool again;

    *handle = XKV__NO_HANDLE;
    if (fault.cause != XKV__FINE)
        return fault;
    HANDLE file = create_file(&wide, how, FILE_FLAG_OPEN_REPARSE_POINT);
    if (file == INVALID_HANDLE_VALUE)
        return fault_at(&wide, true);
    fault = check_opened(file, how, &again);
    if (fault.cause != XKV__FINE || again)
        CloseHandle(file);
    if (fault.cause == XKV__FINE && again) {
        file = create_file(&wide, how & ~(unsigned)XKV__NEW, 0);
        fault = fault_at(&wide, file == INVALID_HANDLE_VALUE);
    }
    if (fault.cause == XKV__FINE)
        *handle = (xkv__handle){(intptr_t)file};
    return fault;
}

static void close_file(xkv__handle handle) {
    CloseHandle(system_handle(handle));
}

static OVERLAPPED place_of(uint64_t at) {
    OVERLAPPED place = {0};

    place.Offset = (DWORD)(at & UINT32_MAX);
    place.OffsetHigh = (DWORD)(at >> 32);
    return place;
}

static DWORD piece_of(size_t size) {
    return size < (1u << 30) ? (DWORD)size : 1u << 30;
}

/* Here locks keep others from reading, too. LMDB has one for a moment when it opens its lock
 * file, at the first byte. */
static bool read_unlocked(HANDLE file, void *out, DWORD size, uint64_t at, DWORD *got) {
    for (int tries = 0;; tries++) {
        OVERLAPPED place = place_of(at);
        *got = 0;
        if (ReadFile(file, out, size, got, &place))
            return true;
        if (GetLastError() != ERROR_LOCK_VIOLATION || tries == 1000)
            return GetLastError() == ERROR_HANDLE_EOF;
        Sleep(1);
    }
}

static bool leads_to_directory(HANDLE file) {
    BY_HANDLE_FILE_INFORMATION found;

    return GetFileInformationByHandle(file, &found) &&
           (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY);
}

static xkv__fault read_file_at(xkv__handle handle, void *out, size_t size, uint64_t at,
                               size_t *got) {
    HANDLE file = system_handle(handle);
    DWORD more = 1;

    for (*got = 0; *got < size && more > 0; *got += more) {
        if (!read_unlocked(file, (char *)out + *got, piece_of(size - *got), at + *got, &more)) {
            xkv__fault fault = xkv__last_fault(true);
            return leads_to_directory(file) ? (xkv__fault){XKV__IS_DIRECTORY, fault.number} : fault;
        }
    }
    return xkv__fault_of(0);
}

/* Who may write nothing, and is not told why, has no room. */
static xkv__fault write_file_at(xkv__handle handle, const void *data, size_t size, uint64_t at) {
    DWORD more;

    for (size_t done = 0; done < size; done += more) {
        OVERLAPPED place = place_of(at + done);
        if (!WriteFile(system_handle(handle), (const char *)data + done, piece_of(size - done),
                       &more, &place))
            return xkv__last_fault(true);
        if (more == 0)
            return xkv__fault_of(ERROR_DISK_FULL);
    }
    return xkv__fault_of(0);
}

static bool set_size(HANDLE file, uint64_t size) {
    FILE_END_OF_FILE_INFO end = {.EndOfFile.QuadPart = (int64_t)size};

    return SetFileInformationByHandle(file, FileEndOfFileInfo, &end, sizeof end) != 0;
}

/* Not all file systems give blocks to what nobody has written to. */
static xkv__fault allocate_blocks(xkv__handle handle, uint64_t size) {
    static const char zeros[4096];
    xkv__fault fault = {XKV__FINE, 0};
    LARGE_INTEGER now;

    if (!GetFileSizeEx(system_handle(handle), &now))
        return xkv__last_fault(true);
    for (uint64_t at = (uint64_t)now.QuadPart; at < size && fault.cause == XKV__FINE;) {
        size_t piece = size - at < sizeof zeros ? (size_t)(size - at) : sizeof zeros;
        fault = write_file_at(handle, zeros, piece, at);
        at += piece;
    }
    return fault;
}

static xkv__fault sync_file(xkv__handle handle) {
    return xkv__last_fault(!FlushFileBuffers(system_handle(handle)));
}

static xkv__fault remove_file(const char *path) {
    xkv__wide wide;
    xkv__fault fault = widen_path(path, &wide);

    return fault.cause == XKV__FINE ? fault_at(&wide, !DeleteFileW(wide.text)) : fault;
}

/* It returns when the journal of the file system has it. */
static xkv__fault rename_file(const char *from, const char *to) {
    xkv__wide wide_from, wide_to;
    xkv__fault fault = widen_path(from, &wide_from);

    if (fault.cause == XKV__FINE)
        fault = widen_path(to, &wide_to);
    if (fault.cause != XKV__FINE)
        return fault;
    return fault_at(&wide_from, !MoveFileExW(wide_from.text, wide_to.text,
                                             MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH));
}

static xkv__fault make_directory(const char *path) {
    xkv__wide wide;
    xkv__fault fault = widen_path(path, &wide);

    return fault.cause == XKV__FINE ? fault_at(&wide, !CreateDirectoryW(wide.text, NULL)) : fault;
}

/* Names are in the journal of the file system, which is written with the file that is synced, and
 * a program cannot ask for more. */
static xkv__fault sync_directory(const char *path) {
    xkv__status status;
    xkv__fault fault = look_at(path, true, &status);

    if (fault.cause == XKV__FINE && status.kind != XKV__DIRECTORY)
        return xkv__fault_of(ERROR_DIRECTORY);
    return fault;
}

static xkv__fault current_directory(char *out, size_t size) {
    xkv__wide wide;
    const DWORD room = sizeof wide.text / sizeof wide.text[0];
    DWORD len = GetCurrentDirectoryW(room, wide.text);

    if (len == 0 || len >= room)
        return len == 0 ? xkv__last_fault(true) : xkv__fault_of(ERROR_FILENAME_EXCED_RANGE);
    if (WideCharToMultiByte(CP_UTF8, 0, wide.text, -1, out, (int)size, NULL, NULL) == 0)
        return xkv__last_fault(true);
    xkv__path_unify(out);
    return xkv__fault_of(0);
}

/* -- Files that are mapped --------------------------------------------------------- */

const bool xkv__map_extends_file = true;

void xkv__make_sparse(xkv__handle handle) {
    DWORD got;

    (void)DeviceIoControl(system_handle(handle), FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &got, NULL);
}

/* -- Locks -------------------------------------------------------------------
 *
 * Locks here are of ranges of bytes, belong to the handle, and keep others from
 * reading or writing there; so all of them lie far behind any data. The system
 * does not tell who holds one, so a signature is two locks: one says that
 * there is one, and another, so many places behind it, which process has left
 * it. To ask is to try to lock: whoever is asked about at that moment
 * sees a lock that is gone at once, and tries again.
 */
static const uint64_t whole_file_at = (uint64_t)1 << 62, size_at = ((uint64_t)1 << 62) + 1,
                      processes = (uint64_t)1 << 32;

enum { LOCK_TRIES = 50 };

static bool try_range(HANDLE file, bool exclusive, uint64_t from, uint64_t size) {
    DWORD flags = LOCKFILE_FAIL_IMMEDIATELY | (exclusive ? LOCKFILE_EXCLUSIVE_LOCK : 0);
    OVERLAPPED place = place_of(from);

    return LockFileEx(file, flags, 0, (DWORD)(size & UINT32_MAX), (DWORD)(size >> 32), &place) != 0;
}

static bool free_range(HANDLE file, uint64_t from, uint64_t size) {
    OVERLAPPED place = place_of(from);

    return UnlockFileEx(file, 0, (DWORD)(size & UINT32_MAX), (DWORD)(size >> 32), &place) != 0;
}

static bool is_busy(void) {
    return GetLastError() == ERROR_LOCK_VIOLATION || GetLastError() == ERROR_IO_PENDING;
}

/* For places that somebody may ask about just now. */
static bool insist_on(HANDLE file, bool exclusive, uint64_t from, uint64_t size) {
    bool locked = try_range(file, exclusive, from, size);

    for (int tries = 0; !locked && is_busy() && tries < LOCK_TRIES; tries++) {
        Sleep(tries < LOCK_TRIES / 2 ? 0 : 1);
        locked = try_range(file, exclusive, from, size);
    }
    return locked;
}

/* A lock of the other kind that this handle has goes first, and comes again if need be. */
static xkv__fault lock_file(xkv__handle handle, bool exclusive) {
    HANDLE file = system_handle(handle);

    if (try_range(file, exclusive, whole_file_at, 1))
        return xkv__fault_of(0);
    if (!is_busy())
        return xkv__last_fault(true);
    bool had_other = free_range(file, whole_file_at, 1);
    if (had_other && try_range(file, exclusive, whole_file_at, 1))
        return xkv__fault_of(0);
    if (had_other)
        (void)try_range(file, !exclusive, whole_file_at, 1);
    return xkv__fault_of(ERROR_LOCK_VIOLATION);
}

void xkv__hold_size(xkv__handle handle) {
    (void)insist_on(system_handle(handle), false, size_at, 1);
}

void xkv__let_size(xkv__handle handle) {
    (void)free_range(system_handle(handle), size_at, 1);
}

void xkv__cut_file(xkv__handle handle, uint64_t size) {
    HANDLE file = system_handle(handle);
    LARGE_INTEGER now;

    if (!try_range(file, true, size_at, 1))
        return;
    if (GetFileSizeEx(file, &now) && (uint64_t)now.QuadPart > size)
        (void)set_size(file, size);
    (void)free_range(file, size_at, 1);
}

static xkv__fault mark_file(xkv__handle handle, uint64_t place) {
    return xkv__last_fault(!insist_on(system_handle(handle), false, place, 1));
}

static bool is_file_marked(xkv__handle handle, uint64_t from, uint64_t to) {
    HANDLE file = system_handle(handle);

    if (to <= from)
        return false;
    if (!insist_on(file, true, from, to - from))
        return is_busy(); /* else it is a file system without locks */
    free_range(file, from, to - from);
    return false;
}

/* Nothing is written: it is only asked whether this handle might. */
static bool may_write(HANDLE file) {
    OVERLAPPED place = place_of(0);
    DWORD done;

    return WriteFile(file, "", 0, &done, &place) != 0;
}

static xkv__fault sign_file(xkv__handle handle, uint64_t place) {
    HANDLE file = system_handle(handle);
    uint64_t mine = place + 1 + GetCurrentProcessId();

    if (!may_write(file))
        return xkv__last_fault(true);
    (void)free_range(file, place, 1); /* from the last time */
    (void)free_range(file, mine, 1);
    if (!insist_on(file, true, mine, 1))
        return xkv__last_fault(true);
    return xkv__last_fault(!insist_on(file, true, place, 1));
}

/* Whether another handle has signed somewhere there. Who asks is not in the way of others who do.
 */
static bool is_signed(HANDLE file, uint64_t from, uint64_t size) {
    if (!try_range(file, false, from, size))
        return is_busy();
    free_range(file, from, size);
    return false;
}

/* Halves the range that the process is in. */
static int64_t signer_of(xkv__handle handle, uint64_t place) {
    HANDLE file = system_handle(handle);
    uint64_t from = place + 1, size = processes;

    if (!is_signed(file, place, 1) || !is_signed(file, from, size))
        return 0;
    while (size > 1) {
        size /= 2;
        if (!is_signed(file, from, size))
            from += size;
    }
    return is_signed(file, from, 1) ? (int64_t)(from - place - 1) : 0;
}

#define SYSTEM_FILES                                                                               \
    {                                                                                              \
        .open = open_file, .close = close_file, .examine = examine_file, .look = look_at,          \
        .read_at = read_file_at, .write_at = write_file_at, .allocate = allocate_blocks,           \
        .sync = sync_file, .remove = remove_file, .rename = rename_file,                           \
        .make_directory = make_directory, .sync_directory = sync_directory,                        \
        .current_directory = current_directory, .lock = lock_file, .mark = mark_file,              \
        .is_marked = is_file_marked, .sign = sign_file, .signer = signer_of                        \
    }

xkv__file_calls xkv__files = SYSTEM_FILES;
const xkv__file_calls xkv__system_files = SYSTEM_FILES;

#endif
