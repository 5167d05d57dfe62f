#include "handshake.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

// What RFC 6455 has both sides append to the key.
static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

enum { KEY_BYTES = 24, BLOCK_BYTES = 64, DIGEST_BYTES = 20 };

static uint32_t rotated(uint32_t word, int bits) { return word << bits | word >> (32 - bits); }

static void sha1_block(const uint8_t block[BLOCK_BYTES], uint32_t state[5]) {
    uint32_t words[80];
    for (int i = 0; i < 16; i++) {
        const uint8_t *b = block + 4 * i;
        words[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    }
    for (int i = 16; i < 80; i++) {
        words[i] = rotated(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 80; i++) {
        uint32_t mix = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                       : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                       : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                                : (b ^ c ^ d) + 0xca62c1d6;
        uint32_t next = rotated(a, 5) + mix + e + words[i];
        e = d, d = c, c = rotated(b, 30), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

// Of key and GUID together: 60 bytes, which with the padding are two blocks.
static void sha1_of_key(const char key[KEY_BYTES], uint8_t digest[DIGEST_BYTES]) {
    uint8_t blocks[2 * BLOCK_BYTES] = {0};
    const size_t bytes = KEY_BYTES + sizeof GUID - 1;
    memcpy(blocks, key, KEY_BYTES);
    memcpy(blocks + KEY_BYTES, GUID, sizeof GUID - 1);
    blocks[bytes] = 0x80;
    blocks[sizeof blocks - 2] = (uint8_t)(bytes * 8 >> 8);
    blocks[sizeof blocks - 1] = (uint8_t)(bytes * 8);
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    sha1_block(blocks, state);
    sha1_block(blocks + BLOCK_BYTES, state);
    for (int i = 0; i < DIGEST_BYTES; i++) digest[i] = (uint8_t)(state[i / 4] >> (24 - i % 4 * 8));
}

// 20 bytes are six groups of three and one of two.
static void base64(const uint8_t digest[DIGEST_BYTES], char text[29]) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < 7; i++) {
        uint32_t group = (uint32_t)digest[3 * i] << 16 | (uint32_t)digest[3 * i + 1] << 8;
        if (i < 6) group |= digest[3 * i + 2];
        for (int j = 0; j < 4; j++) text[4 * i + j] = letters[group >> (18 - 6 * j) & 63];
    }
    text[27] = '=';
    text[28] = 0;
}

size_t handshake_answer(const char *request, char answer[HANDSHAKE_ANSWER_BYTES_MAX]) {
    static const char header[] = "sec-websocket-key:";
    for (const char *line = strstr(request, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, header, sizeof header - 1)) continue;
        const char *key = line + sizeof header - 1;
        while (*key == ' ') key++;
        if (strcspn(key, "\r") != KEY_BYTES) return 0;
        uint8_t digest[DIGEST_BYTES];
        char accept[29];
        sha1_of_key(key, digest);
        base64(digest, accept);
        return (size_t)snprintf(answer, HANDSHAKE_ANSWER_BYTES_MAX,
                                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Accept: %s\r\n\r\n",
                                accept);
    }
    return 0;
}
