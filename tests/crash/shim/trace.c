/* Whose file a call is about, and the record of what it did. */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The head of a record; the path and the data follow it. `trace.rs` has the same table. */
struct record {
    uint32_t kind, flags;
    uint64_t node, offset, length;
    uint32_t path_bytes, data_bytes;
};

/* Descriptors that are remembered: more than a node under test opens. Those above are looked up each time. */
#define KNOWN_MAX 65536
/* Pieces of one gathering write: the limit of Linux. */
#define PIECES_MAX 1024

enum known { UNKNOWN = 0, OURS, OTHER };

static unsigned char known[KNOWN_MAX];
static char root[PATH_BYTES_MAX];
static size_t root_bytes;
static int trace = -1;
bool has_trace;
static unsigned long done_count, crash_at;

__attribute__((constructor)) static void begin(void) {
    const char *directory = getenv("FANFARE_SHIM_DIR"), *file = getenv("FANFARE_SHIM_TRACE"), *at = getenv("FANFARE_SHIM_CRASH_AT");
    if (!directory || strlen(directory) >= sizeof root) return;
    if (file) trace = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    has_trace = trace >= 0;
    crash_at = at ? strtoul(at, NULL, 10) : 0;
    strcpy(root, directory);
    root_bytes = strlen(root);
}

/* ---- whose file is it ---- */

bool is_inside(const char *path) {
    return root_bytes && !strncmp(path, root, root_bytes) && (path[root_bytes] == '/' || !path[root_bytes]);
}

const char *path_of(int fd, char *buffer) {
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long n = syscall(SYS_readlinkat, AT_FDCWD, link, buffer, PATH_BYTES_MAX - 1);
    buffer[n > 0 ? n : 0] = 0;
    return buffer;
}

bool is_ours(int fd) {
    if (!root_bytes || fd < 0) return false;
    if (fd < KNOWN_MAX && known[fd] != UNKNOWN) return known[fd] == OURS;
    char buffer[PATH_BYTES_MAX];
    int saved = errno;
    bool ours = is_inside(path_of(fd, buffer));
    errno = saved;
    if (fd < KNOWN_MAX) known[fd] = ours ? OURS : OTHER;
    return ours;
}

void forget(int fd) {
    if (fd >= 0 && fd < KNOWN_MAX) known[fd] = UNKNOWN;
}

const char *ours(int at, const char *path, char *buffer) {
    if (!root_bytes || !path) return NULL;
    if (path[0] == '/') return is_inside(path) ? path : NULL;
    if (at == AT_FDCWD || !is_inside(path_of(at, buffer))) return NULL;
    size_t n = strlen(buffer);
    snprintf(buffer + n, PATH_BYTES_MAX - n, "/%s", path);
    return buffer;
}

/* ---- the trace ---- */

void put(enum kind kind, unsigned flags, uint64_t node, uint64_t offset, uint64_t length, const char *path,
                const struct iovec *data, int count, size_t bytes) {
    if (trace < 0) return;
    path = path ? path + root_bytes : "";
    struct iovec pieces[PIECES_MAX + 2];
    struct record head = {kind, flags, node, offset, length, (uint32_t)strlen(path), (uint32_t)bytes};
    pieces[0] = (struct iovec){&head, sizeof head};
    pieces[1] = (struct iovec){(void *)path, head.path_bytes};
    int n = 2;
    for (int i = 0; i < count && bytes; i++) {
        size_t part = data[i].iov_len < bytes ? data[i].iov_len : bytes;
        pieces[n++] = (struct iovec){data[i].iov_base, part};
        bytes -= part;
    }
    int saved = errno;
    long wanted = (long)sizeof head + head.path_bytes + head.data_bytes;
    /* A trace with a hole would prove things that are not so. */
    if (n > PIECES_MAX || syscall(SYS_writev, trace, pieces, n) != wanted) abort();
    errno = saved;
}

void put_name(enum kind kind, unsigned flags, uint64_t node, const char *path, const char *to) {
    struct iovec data = {(void *)(to ? to + root_bytes : to), to ? strlen(to + root_bytes) : 0};
    put(kind, flags, node, 0, 0, path, &data, 1, data.iov_len);
}

void strange(const char *what, const char *path) {
    take_lock();
    put(STRANGE, 0, 0, 0, 0, path, &(struct iovec){(void *)what, strlen(what)}, 1, strlen(what));
    leave(0);
}

void die(void) {
    put(DIED, 0, 0, 0, done_count, NULL, NULL, 0, 0);
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

bool is_last(void) { return ++done_count == crash_at; }

uint64_t node_at(const char *path) {
    struct stat64 found;
    return syscall(SYS_newfstatat, AT_FDCWD, path, &found, AT_SYMLINK_NOFOLLOW) ? 0 : found.st_ino;
}

uint64_t node_of(int fd, uint64_t *length, bool *is_directory) {
    struct stat64 found = {0};
    syscall(SYS_fstat, fd, &found);
    if (length) *length = (uint64_t)found.st_size;
    if (is_directory) *is_directory = S_ISDIR(found.st_mode);
    return found.st_ino;
}

/* As (node u64, name, 0)... */
void put_list(int fd, uint64_t node, const char *path) {
    static char raw[1 << 16], text[1 << 22];
    size_t filled = 0;
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int own = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (long n; own >= 0 && (n = syscall(SYS_getdents64, own, raw, sizeof raw)) > 0;)
        for (long at = 0; at < n;) {
            struct { uint64_t node; int64_t next; uint16_t bytes; uint8_t type; char name[]; } *entry = (void *)(raw + at);
            at += entry->bytes;
            if (!strcmp(entry->name, ".") || !strcmp(entry->name, "..")) continue;
            size_t bytes = strlen(entry->name) + 1;
            if (filled + 8 + bytes > sizeof text) abort();
            memcpy(text + filled, &entry->node, 8);
            memcpy(text + filled + 8, entry->name, bytes);
            filled += 8 + bytes;
        }
    syscall(SYS_close, own);
    struct iovec data = {text, filled};
    put(LIST, 0, node, 0, 0, path, &data, 1, filled);
}
