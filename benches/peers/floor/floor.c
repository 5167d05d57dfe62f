// The floor: what remains of a fan-out when nothing is done but what has to be. One thread, one epoll; a ring of encoded
// frames for each topic, a cursor for each reader. All that is readable is read, then every reader with a cursor behind the
// head is sent what lies between, in one `send`. No history, no acknowledgements, no pings; a reader whose cursor the ring
// has passed is closed. It speaks the target `bare`: `+TOPIC` subscribes and is repeated as the answer, `TOPIC DATA`
// publishes, a delivery is the data.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include "handshake.h"

enum {
    // Sixty-four publications in flight are 9 KiB.
    RING_BYTES = 64 * 1024,
    // What one read may bring; a frame that is larger ends its connection.
    INPUT_BYTES_MAX = 256 * 1024,
    EVENTS = 1024,
    BUCKETS = 4096,
    FRAME_HEAD_BYTES_MAX = 10,
};

struct topic {
    char *name;
    struct connection **readers;
    size_t reader_count, reader_room;
    uint64_t head; // bytes that were ever appended
    bool is_dirty; // stands in the list of those to be swept
    struct topic *next_dirty, *next_in_bucket;
    uint8_t ring[RING_BYTES];
};

struct connection {
    int fd;
    bool is_open; // the handshake is done
    bool is_full; // waits for the socket to take more
    struct topic *topic;
    size_t place; // among the topic's readers
    uint64_t cursor;
    uint8_t *rest; // of an unfinished frame
    size_t rest_bytes;
};

static int poll_fd;
static struct topic *buckets[BUCKETS], *dirty;
static uint8_t input[INPUT_BYTES_MAX + 1];

static struct topic *topic_of(const char *name, size_t bytes) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    struct topic **slot = &buckets[hash % BUCKETS];
    for (struct topic *topic = *slot; topic; topic = topic->next_in_bucket) {
        if (strlen(topic->name) == bytes && !memcmp(topic->name, name, bytes)) return topic;
    }
    struct topic *topic = calloc(1, sizeof *topic);
    if (!topic || !(topic->name = strndup(name, bytes))) err(1, "no memory");
    topic->next_in_bucket = *slot;
    return *slot = topic;
}

static void unsubscribe(struct connection *reader) {
    struct topic *topic = reader->topic;
    if (!topic) return;
    struct connection *last = topic->readers[--topic->reader_count];
    topic->readers[last->place = reader->place] = last;
    reader->topic = NULL;
}

static void subscribe(struct connection *reader, struct topic *topic) {
    unsubscribe(reader);
    if (topic->reader_count == topic->reader_room) {
        topic->reader_room = topic->reader_room ? topic->reader_room * 2 : 4;
        topic->readers = realloc(topic->readers, topic->reader_room * sizeof *topic->readers);
        if (!topic->readers) err(1, "no memory");
    }
    reader->topic = topic;
    reader->cursor = topic->head;
    topic->readers[reader->place = topic->reader_count++] = reader;
}

static void end(struct connection *connection) {
    unsubscribe(connection);
    close(connection->fd);
    free(connection->rest);
    free(connection);
}

static void interest(struct connection *connection, bool is_full) {
    connection->is_full = is_full;
    struct epoll_event event = {.events = EPOLLIN | (is_full ? EPOLLOUT : 0), .data.ptr = connection};
    if (epoll_ctl(poll_fd, EPOLL_CTL_MOD, connection->fd, &event)) err(1, "epoll_ctl");
}

// Sends a reader what it has not been sent; false when it cannot be served any more.
static bool catch_up(struct connection *reader) {
    struct topic *topic = reader->topic;
    while (reader->cursor < topic->head) {
        size_t behind = topic->head - reader->cursor, from = reader->cursor % RING_BYTES;
        if (behind > RING_BYTES) return false;
        size_t first = behind < RING_BYTES - from ? behind : RING_BYTES - from;
        struct iovec parts[2] = {{topic->ring + from, first}, {topic->ring, behind - first}};
        ssize_t sent = first == behind ? send(reader->fd, topic->ring + from, behind, MSG_NOSIGNAL | MSG_DONTWAIT)
                                       : writev(reader->fd, parts, 2);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno != EAGAIN) return false;
        if (sent > 0) reader->cursor += (uint64_t)sent;
        if (sent < (ssize_t)behind) {
            if (!reader->is_full) interest(reader, true);
            return true;
        }
    }
    if (reader->is_full) interest(reader, false);
    return true;
}

static void append(struct topic *topic, const uint8_t *bytes, size_t count) {
    size_t from = topic->head % RING_BYTES;
    size_t first = count < RING_BYTES - from ? count : RING_BYTES - from;
    memcpy(topic->ring + from, bytes, first);
    memcpy(topic->ring, bytes + first, count - first);
    topic->head += count;
}

// The head of a text frame as a server sends it.
static size_t frame_head(size_t bytes, uint8_t head[FRAME_HEAD_BYTES_MAX]) {
    head[0] = 0x81;
    size_t wide = bytes < 126 ? 0 : bytes < 65536 ? 2 : 8;
    head[1] = wide == 0 ? (uint8_t)bytes : wide == 2 ? 126 : 127;
    for (size_t i = 0; i < wide; i++) head[2 + i] = (uint8_t)((uint64_t)bytes >> 8 * (wide - 1 - i));
    return 2 + wide;
}

static bool text(struct connection *from, uint8_t *text, size_t bytes) {
    uint8_t head[FRAME_HEAD_BYTES_MAX];
    if (bytes && *text == '+') {
        subscribe(from, topic_of((char *)text + 1, bytes - 1));
        struct iovec parts[2] = {{head, frame_head(bytes, head)}, {text, bytes}};
        return writev(from->fd, parts, 2) == (ssize_t)(parts[0].iov_len + bytes);
    }
    uint8_t *gap = memchr(text, ' ', bytes);
    if (!gap) return false;
    struct topic *topic = topic_of((char *)text, (size_t)(gap - text));
    size_t data_bytes = bytes - (size_t)(gap + 1 - text), head_bytes = frame_head(data_bytes, head);
    if (head_bytes + data_bytes > RING_BYTES) return false;
    append(topic, head, head_bytes);
    append(topic, gap + 1, data_bytes);
    if (!topic->is_dirty) {
        topic->is_dirty = true;
        topic->next_dirty = dirty;
        dirty = topic;
    }
    return true;
}

// Takes the first frame off the input: its bytes, 0 when it is not there as a whole, -1 when the connection is over.
static ssize_t frame(struct connection *from, uint8_t *bytes, size_t count) {
    if (count < 2) return 0;
    size_t length = bytes[1] & 0x7f, wide = length == 126 ? 2 : length == 127 ? 8 : 0, head = 2 + wide + 4;
    if (!(bytes[1] & 0x80)) return -1;
    if (count < head) return 0;
    if (wide) length = 0;
    for (size_t i = 0; i < wide; i++) length = length << 8 | bytes[2 + i];
    if (length > INPUT_BYTES_MAX - head) return -1;
    if (count < head + length) return 0;
    const uint8_t *mask = bytes + head - 4;
    for (size_t i = 0; i < length; i++) bytes[head + i] ^= mask[i % 4];
    if (bytes[0] == 0x81 ? !text(from, bytes + head, length) : bytes[0] != 0x8a) return -1;
    return (ssize_t)(head + length);
}

// Whether the connection goes on.
static bool readable(struct connection *from) {
    size_t kept = from->rest_bytes;
    if (kept) memcpy(input, from->rest, kept);
    ssize_t got = recv(from->fd, input + kept, INPUT_BYTES_MAX - kept, MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    free(from->rest);
    from->rest = NULL;
    from->rest_bytes = 0;
    size_t count = kept + (size_t)got, used = 0;
    if (!from->is_open) {
        input[count] = 0;
        char *close = strstr((char *)input, "\r\n\r\n");
        if (close) {
            char answer[HANDSHAKE_ANSWER_BYTES_MAX];
            size_t bytes = handshake_answer((char *)input, answer);
            if (!bytes || send(from->fd, answer, bytes, MSG_NOSIGNAL) != (ssize_t)bytes) return false;
            from->is_open = true;
            used = (size_t)((uint8_t *)close + 4 - input);
        }
    }
    while (from->is_open) {
        ssize_t taken = frame(from, input + used, count - used);
        if (taken < 0) return false;
        if (taken == 0) break;
        used += (size_t)taken;
    }
    if (count > used) {
        from->rest_bytes = count - used;
        if (!(from->rest = malloc(from->rest_bytes))) err(1, "no memory");
        memcpy(from->rest, input + used, from->rest_bytes);
    }
    return from->rest_bytes < INPUT_BYTES_MAX;
}

static void welcome(int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct connection *connection = calloc(1, sizeof *connection);
        if (!connection) err(1, "no memory");
        connection->fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event)) err(1, "epoll_ctl");
    }
}

static void sweep(void) {
    while (dirty) {
        struct topic *topic = dirty;
        dirty = topic->next_dirty;
        topic->is_dirty = false;
        // From the last one on: who is closed gives its place to one that was served.
        for (size_t i = topic->reader_count; i-- > 0;) {
            struct connection *reader = topic->readers[i];
            // One that is closed here may still stand among this turn's events, so its end is left to the poll.
            if (!reader->is_full && !catch_up(reader)) {
                unsubscribe(reader);
                shutdown(reader->fd, SHUT_RDWR);
            }
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 2) errx(2, "usage: floor PORT");
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) err(1, "port %s", argv[1]);
    poll_fd = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN}, events[EVENTS];
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(poll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!connection) {
                welcome(listener);
                continue;
            }
            bool goes_on = !(events[i].events & EPOLLIN) || readable(connection);
            if (goes_on && events[i].events & EPOLLOUT && connection->topic) goes_on = catch_up(connection);
            if (!goes_on || events[i].events & EPOLLERR) end(connection);
        }
        sweep();
    }
}
