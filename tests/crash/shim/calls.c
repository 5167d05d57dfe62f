/* The functions of libc that change files, in the place of those of libc. */
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- open and close ---- */

static int on_open(int at, const char *given, int flags, int mode) {
    char buffer[PATH_BYTES_MAX];
    const char *path = ours(at, given, buffer);
    if (!path || (flags & (O_ACCMODE | O_CREAT | O_TRUNC)) == O_RDONLY) {
        int fd = (int)syscall(SYS_openat, at, given, flags, mode);
        forget(fd);
        return fd;
    }
    if ((flags & O_TMPFILE) == O_TMPFILE) strange("O_TMPFILE", path);
    bool is_new = !node_at(path) && flags & O_CREAT;
    if (!enter(is_new ? "create" : "open", path)) return leave(-1);
    int fd = (int)syscall(SYS_openat, at, given, flags, mode);
    forget(fd);
    if (fd >= 0 && is_new) put_name(CREATE, 0, node_of(fd, NULL, NULL), path, NULL);
    else if (fd >= 0 && flags & O_TRUNC) put(LENGTH, 0, node_of(fd, NULL, NULL), 0, 0, path, NULL, 0, 0);
    return leave(fd);
}

static int mode_in(int flags, va_list rest) { return flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, int) : 0; }

#define WITH_MODE(flags) va_list rest; va_start(rest, flags); int mode = mode_in(flags, rest); va_end(rest)

int open(const char *path, int flags, ...) { WITH_MODE(flags); return on_open(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { WITH_MODE(flags); return on_open(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { WITH_MODE(flags); return on_open(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { WITH_MODE(flags); return on_open(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return on_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, (int)mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int fd) {
    forget(fd);
    return (int)syscall(SYS_close, fd);
}

/* The number of a duplicate may have belonged to another file that was closed past us. */
static int on_fcntl(int fd, int what, long argument) {
    int result = (int)syscall(SYS_fcntl, fd, what, argument);
    if (what == F_DUPFD || what == F_DUPFD_CLOEXEC) forget(result);
    return result;
}

#define WITH_ARGUMENT(what) va_list rest; va_start(rest, what); long argument = va_arg(rest, long); va_end(rest)

int fcntl(int fd, int what, ...) { WITH_ARGUMENT(what); return on_fcntl(fd, what, argument); }
int fcntl64(int fd, int what, ...) { WITH_ARGUMENT(what); return on_fcntl(fd, what, argument); }

int dup(int fd) {
    int result = (int)syscall(SYS_dup, fd);
    forget(result);
    return result;
}

int dup3(int fd, int to, int flags) {
    forget(to);
    return (int)syscall(SYS_dup3, fd, to, flags);
}

/* ---- bytes ---- */

/* Writes at `offset`, or with -1 where the descriptor stands. */
static ssize_t on_write(int fd, const struct iovec *data, int count, off64_t offset) {
    char path[PATH_BYTES_MAX];
    size_t bytes = 0;
    uint64_t length;
    for (int i = 0; i < count; i++) bytes += data[i].iov_len;
    take_lock();
    struct effect effect = fault("write", path_of(fd, path));
    int flags = (int)syscall(SYS_fcntl, fd, F_GETFL, 0);
    uint64_t node = node_of(fd, &length, NULL);
    uint64_t start = flags & O_APPEND ? length : offset < 0 ? (uint64_t)syscall(SYS_lseek, fd, 0, SEEK_CUR) : (uint64_t)offset;
    ssize_t written = -1;
    if (effect.error) errno = effect.error;
    else if (is_last()) {
        put(WRITE, UNFINISHED, node, start, 0, path, data, count, bytes);
        die();
    } else if (effect.is_short && bytes > 1) {
        struct iovec half = {data[0].iov_base, data[0].iov_len > bytes / 2 ? bytes / 2 : data[0].iov_len};
        written = offset < 0 ? syscall(SYS_writev, fd, &half, 1) : syscall(SYS_pwritev, fd, &half, 1, offset, 0);
    } else written = offset < 0 ? syscall(SYS_writev, fd, data, count) : syscall(SYS_pwritev, fd, data, count, offset, 0);
    if (written > 0) put(WRITE, flags & O_DSYNC ? DURABLE : 0, node, start, 0, path, data, count, (size_t)written);
    leave(0);
    return written;
}

ssize_t write(int fd, const void *data, size_t bytes) {
    struct iovec one = {(void *)data, bytes};
    return is_ours(fd) ? on_write(fd, &one, 1, -1) : syscall(SYS_write, fd, data, bytes);
}

ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset) {
    struct iovec one = {(void *)data, bytes};
    return is_ours(fd) ? on_write(fd, &one, 1, offset) : syscall(SYS_pwrite64, fd, data, bytes, offset);
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset) { return pwrite64(fd, data, bytes, offset); }

ssize_t writev(int fd, const struct iovec *data, int count) {
    return is_ours(fd) ? on_write(fd, data, count, -1) : syscall(SYS_writev, fd, data, count);
}

ssize_t pwritev64(int fd, const struct iovec *data, int count, off64_t offset) {
    return is_ours(fd) ? on_write(fd, data, count, offset) : syscall(SYS_pwritev, fd, data, count, offset, 0);
}

ssize_t pwritev(int fd, const struct iovec *data, int count, off_t offset) { return pwritev64(fd, data, count, offset); }

/* Copies inside the kernel would go past the trace: whoever asks falls back to reading and writing. */
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t bytes, unsigned flags) {
    if (!is_ours(to)) return syscall(SYS_copy_file_range, from, from_at, to, to_at, bytes, flags);
    errno = ENOSYS;
    return -1;
}

void *mmap64(void *address, size_t bytes, int protection, int flags, int fd, off64_t offset) {
    if (fd >= 0 && flags & MAP_SHARED && protection & PROT_WRITE && is_ours(fd)) strange("a writable mapping", NULL);
    return (void *)syscall(SYS_mmap, address, bytes, protection, flags, fd, offset);
}

void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset) {
    return mmap64(address, bytes, protection, flags, fd, offset);
}

/* ---- lengths ---- */

int ftruncate64(int fd, off64_t length) {
    char path[PATH_BYTES_MAX];
    if (!is_ours(fd)) return (int)syscall(SYS_ftruncate, fd, length);
    if (!enter("length", path_of(fd, path))) return leave(-1);
    int result = (int)syscall(SYS_ftruncate, fd, length);
    if (!result) put(LENGTH, 0, node_of(fd, NULL, NULL), 0, (uint64_t)length, path, NULL, 0, 0);
    return leave(result);
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
    char path[PATH_BYTES_MAX];
    if (!is_ours(fd)) return (int)syscall(SYS_fallocate, fd, mode, offset, length);
    if (mode & ~FALLOC_FL_KEEP_SIZE) strange("fallocate with a mode", path_of(fd, path));
    if (!enter("length", path_of(fd, path))) return leave(-1);
    int result = (int)syscall(SYS_fallocate, fd, mode, offset, length);
    if (!result && !mode) put(RESERVE, 0, node_of(fd, NULL, NULL), (uint64_t)offset, (uint64_t)length, path, NULL, 0, 0);
    return leave(result);
}

int fallocate(int fd, int mode, off_t offset, off_t length) { return fallocate64(fd, mode, offset, length); }
int posix_fallocate64(int fd, off64_t offset, off64_t length) { return fallocate64(fd, 0, offset, length) ? errno : 0; }
int posix_fallocate(int fd, off_t offset, off_t length) { return posix_fallocate64(fd, offset, length); }

/* ---- syncs: with a trace the real disk is spared, what it would keep is worked out ---- */

static int on_sync(int fd, long call) {
    char path[PATH_BYTES_MAX];
    bool is_directory;
    if (!is_ours(fd)) return (int)syscall(call, fd);
    take_lock();
    struct effect effect = fault("sync", path_of(fd, path));
    uint64_t node = node_of(fd, NULL, &is_directory);
    if (effect.error) {
        put(SYNC, FAILED, node, 0, 0, path, NULL, 0, 0);
        errno = effect.error;
        return leave(-1);
    }
    if (is_last()) die();
    if (effect.is_lie) return leave(0);
    if (is_directory) put_list(fd, node, path);
    else put(SYNC, 0, node, 0, 0, path, NULL, 0, 0);
    return leave(!has_trace ? syscall(call, fd) : 0);
}

int fsync(int fd) { return on_sync(fd, SYS_fsync); }
int fdatasync(int fd) { return on_sync(fd, SYS_fdatasync); }

/* ---- names ---- */

static int on_rename(int at, const char *given, int to_at, const char *to_given, unsigned flags) {
    char buffer[PATH_BYTES_MAX], to_buffer[PATH_BYTES_MAX];
    const char *path = ours(at, given, buffer), *to = ours(to_at, to_given, to_buffer);
    if (!path && !to) return (int)syscall(SYS_renameat2, at, given, to_at, to_given, flags);
    if (!path || !to || flags & ~RENAME_NOREPLACE) strange("a rename of another form", path ? path : to);
    if (!path || !to) return (int)syscall(SYS_renameat2, at, given, to_at, to_given, flags);
    if (!enter("rename", path)) return leave(-1);
    long result = syscall(SYS_renameat2, at, given, to_at, to_given, flags);
    if (!result) put_name(RENAME, 0, 0, path, to);
    return leave(result);
}

int rename(const char *path, const char *to) { return on_rename(AT_FDCWD, path, AT_FDCWD, to, 0); }
int renameat(int at, const char *path, int to_at, const char *to) { return on_rename(at, path, to_at, to, 0); }
int renameat2(int at, const char *path, int to_at, const char *to, unsigned flags) { return on_rename(at, path, to_at, to, flags); }

static int on_remove(int at, const char *given, int flags) {
    char buffer[PATH_BYTES_MAX];
    const char *path = ours(at, given, buffer);
    if (!path) return (int)syscall(SYS_unlinkat, at, given, flags);
    if (!enter("remove", path)) return leave(-1);
    long result = syscall(SYS_unlinkat, at, given, flags);
    if (!result) put_name(REMOVE, 0, 0, path, NULL);
    return leave(result);
}

int unlink(const char *path) { return on_remove(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return on_remove(at, path, flags); }
int rmdir(const char *path) { return on_remove(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int at, const char *given, mode_t mode) {
    char buffer[PATH_BYTES_MAX];
    const char *path = ours(at, given, buffer);
    /* Whoever makes a directory with its parents tries those that are there already: nothing is done then. */
    if (!path || node_at(path)) return (int)syscall(SYS_mkdirat, at, given, mode);
    if (!enter("create", path)) return leave(-1);
    long result = syscall(SYS_mkdirat, at, given, mode);
    if (!result) put_name(CREATE, DIRECTORY, node_at(path), path, NULL);
    return leave(result);
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int linkat(int at, const char *given, int to_at, const char *to_given, int flags) {
    char buffer[PATH_BYTES_MAX];
    const char *to = ours(to_at, to_given, buffer);
    if (to) strange("a second name", to);
    return (int)syscall(SYS_linkat, at, given, to_at, to_given, flags);
}

int link(const char *path, const char *to) { return linkat(AT_FDCWD, path, AT_FDCWD, to, 0); }

/* ---- free space: a disk that refuses for want of it says so when asked ---- */

int statvfs64(const char *path, struct statvfs64 *found) {
    int (*real)(const char *, struct statvfs64 *) = dlsym(RTLD_NEXT, "statvfs64");
    int result = real(path, found);
    if (!result && is_inside(path)) {
        take_lock();
        if (fault("space", path).error == ENOSPC) found->f_bfree = found->f_bavail = 0;
        leave(0);
    }
    return result;
}

int statvfs(const char *path, struct statvfs *found) { return statvfs64(path, (struct statvfs64 *)found); }
