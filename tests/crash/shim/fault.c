/* The one lock that orders all operations, and which of them fail. */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void take_lock(void) { pthread_mutex_lock(&lock); }

static bool names(const char *list, const char *name) {
    size_t n = strlen(name);
    for (const char *at = list; (at = strstr(at, name)); at += n)
        if ((at == list || at[-1] == '+') && (!at[n] || at[n] == '+')) return true;
    return false;
}

static int number_of(const char *name) {
    static const struct { const char *name; int number; } errors[] = {
        {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EROFS", EROFS}, {"EACCES", EACCES}, {"EMFILE", EMFILE}};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (!strcmp(errors[i].name, name)) return errors[i].number;
    abort();
}

struct effect fault(const char *name, const char *path) {
    static char last[256];
    static unsigned long seen_count;
    struct effect none = {0}, effect = {0};
    char line[sizeof last] = "", kinds[64], what[32], part[128] = "";
    unsigned long skip, count;
    const char *file = getenv("FANFARE_SHIM_FAULT");
    if (!file) return none;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
    long n = fd < 0 ? 0 : syscall(SYS_read, fd, line, sizeof line - 1);
    syscall(SYS_close, fd);
    line[n > 0 ? n : 0] = 0;
    if (strcmp(line, last)) {
        strcpy(last, line);
        seen_count = 0;
    }
    if (sscanf(line, "%63s %31s %lu %lu %127s", kinds, what, &skip, &count, part) < 4) return none;
    if (!names(kinds, name) || !strstr(path, part)) return none;
    seen_count++;
    if (seen_count <= skip || (count && seen_count > skip + count)) return none;
    if (!strncmp(what, "SLOW", 4)) {
        long ms = strtol(what + 4, NULL, 10);
        struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
        /* Only this call is slow, not the disk. */
        pthread_mutex_unlock(&lock);
        nanosleep(&wait, NULL);
        pthread_mutex_lock(&lock);
    } else if (!strcmp(what, "SHORT")) effect.is_short = true;
    else if (!strcmp(what, "LIE")) effect.is_lie = true;
    else effect.error = number_of(what);
    return effect;
}

bool enter(const char *name, const char *path) {
    pthread_mutex_lock(&lock);
    struct effect effect = fault(name, path);
    if (!effect.error && is_last()) die();
    errno = effect.error;
    return !effect.error;
}

int leave(long result) {
    pthread_mutex_unlock(&lock);
    return (int)result;
}
