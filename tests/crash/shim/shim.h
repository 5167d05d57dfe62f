/*
 * The disk below one directory, as the process that uses it sees it: preloaded into a node (LD_PRELOAD), this
 * library stands between the process and the system calls that change files.
 *
 * It decides nothing about durability. It writes down what was done, in one order (`trace.rs` reads it), and the
 * test works out afterwards what a power cut would have left (`disk.rs`). What it does itself is to end the process
 * in the middle of an operation and to make operations fail.
 *
 *   FANFARE_SHIM_DIR       the directory, absolute and without links; without it everything passes through
 *   FANFARE_SHIM_TRACE     the file that the operations are appended to
 *   FANFARE_SHIM_CRASH_AT  the number of the operation, from 1, in which the process dies
 *   FANFARE_SHIM_FAULT     a file with one line, read again before each operation: KINDS EFFECT SKIP COUNT [PART]
 *
 * KINDS are names of operations joined by `+`: create, open (for writing), write, length, rename, remove, sync,
 * space (what statvfs says is free; only ENOSPC).
 * EFFECT is the name of an error, SHORT (half of a write), LIE (a sync that does nothing) or SLOW and milliseconds. The
 * first SKIP matching operations pass, then COUNT are hit, with 0 all. PART is a piece of the path that must match.
 *
 * System calls that a program makes past libc are not seen; the test compares its model with the real directory after
 * each crash, so that they cannot go unnoticed. One lock orders everything: the trace says what happened in which order.
 */
#pragma once
#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* The program under test must not find these names in place of its own. */
#pragma GCC visibility push(hidden)

#define PATH_BYTES_MAX 4096

enum kind { CREATE = 1, WRITE, LENGTH, RESERVE, SYNC, LIST, RENAME, REMOVE, STRANGE, DIED };
enum flag { UNFINISHED = 1, DURABLE = 2, DIRECTORY = 4, FAILED = 8 };

/* What a fault does to one operation. */
struct effect { int error; bool is_short, is_lie; };

/* ---- whose file is it: trace.c ---- */

/* Whether an absolute path lies below the directory. */
bool is_inside(const char *path);
/* The path of a descriptor, into a buffer of PATH_BYTES_MAX. */
const char *path_of(int fd, char *buffer);
/* The absolute path if it lies below the directory, perhaps in the buffer. */
const char *ours(int at, const char *path, char *buffer);
bool is_ours(int fd);
/* What a descriptor stands for has changed. */
void forget(int fd);
uint64_t node_at(const char *path);
uint64_t node_of(int fd, uint64_t *length, bool *is_directory);

/* ---- what was done: trace.c. All but `strange` with the lock held ---- */

extern bool has_trace;
void put(enum kind kind, unsigned flags, uint64_t node, uint64_t offset, uint64_t length, const char *path,
         const struct iovec *data, int count, size_t bytes);
/* A record of names alone; `to` is absolute too. */
void put_name(enum kind kind, unsigned flags, uint64_t node, const char *path, const char *to);
/* What a directory holds at this moment: renames past libc show here at the latest. */
void put_list(int fd, uint64_t node, const char *path);
/* Something was done that the model does not know. The test fails on it. */
void strange(const char *what, const char *path);
/* Counts one operation; whether the process is to die in it. */
bool is_last(void);
void die(void);

/* ---- what fails: fault.c ---- */

void take_lock(void);
/* Gives the lock back and hands the result on. */
int leave(long result);
/* Whether a fault hits this operation; with the lock held. */
struct effect fault(const char *name, const char *path);
/* Enters an operation on a name: takes the lock, counts, and says whether it may go on. `leave` must follow. */
bool enter(const char *name, const char *path);

#pragma GCC visibility pop
