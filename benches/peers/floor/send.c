// What a `send` costs on loopback with nothing around it: so many records of 150 bytes at once to each of a thousand sockets in
// turn, which a process on another core reads. Prints a line for each number of records: the number, and microseconds of CPU
// time, user and system, for each record.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SOCKETS = 1000, RECORD_BYTES = 150, RECORDS_MAX = 64, SENDS = 400 * SOCKETS };

static int senders[SOCKETS], readers[SOCKETS];

static void pin(int core) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    if (sched_setaffinity(0, sizeof cores, &cores)) err(1, "core %d", core);
}

static void connect_all(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 16)) err(1, "listen");
    getsockname(listener, (struct sockaddr *)&address, &length);
    for (int i = 0; i < SOCKETS; i++) {
        readers[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(readers[i], (struct sockaddr *)&address, length)) err(1, "connect");
        if ((senders[i] = accept(listener, NULL, NULL)) < 0) err(1, "accept");
    }
    close(listener);
}

// Reads until every socket has ended.
static void read_all(void) {
    static char buffer[64 * 1024];
    struct epoll_event events[SOCKETS];
    int poll_fd = epoll_create1(0);
    for (int i = 0; i < SOCKETS; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = readers[i]};
        if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, readers[i], &event)) err(1, "epoll_ctl");
        close(senders[i]);
    }
    for (int open = SOCKETS; open > 0;) {
        int count = epoll_wait(poll_fd, events, SOCKETS, -1);
        for (int i = 0; i < count; i++) {
            if (recv(events[i].data.fd, buffer, sizeof buffer, MSG_DONTWAIT) == 0) {
                close(events[i].data.fd);
                open--;
            }
        }
    }
}

static double cpu_micros(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

int main(void) {
    static char records[RECORDS_MAX * RECORD_BYTES];
    const size_t counts[] = {1, 10, RECORDS_MAX};
    connect_all();
    pid_t reader = fork();
    if (reader < 0) err(1, "fork");
    if (reader == 0) {
        pin(1);
        read_all();
        _exit(0);
    }
    pin(0);
    for (int i = 0; i < SOCKETS; i++) close(readers[i]);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        double before = cpu_micros();
        for (int sent = 0; sent < SENDS; sent++) {
            if (send(senders[sent % SOCKETS], records, counts[i] * RECORD_BYTES, MSG_NOSIGNAL) < 0) err(1, "send");
        }
        printf("%zu %.3f\n", counts[i], (cpu_micros() - before) / SENDS / (double)counts[i]);
    }
    for (int i = 0; i < SOCKETS; i++) close(senders[i]);
    waitpid(reader, NULL, 0);
}
