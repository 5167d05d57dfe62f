#ifndef FLOOR_HANDSHAKE_H
#define FLOOR_HANDSHAKE_H

#include <stddef.h>

// The length of an answer, its end included.
enum { HANDSHAKE_ANSWER_BYTES_MAX = 160 };

// Writes the answer to a request for a WebSocket (RFC 6455, 4.2.2) and tells its length; 0 when it is none.
size_t handshake_answer(const char *request, char answer[HANDSHAKE_ANSWER_BYTES_MAX]);

#endif
