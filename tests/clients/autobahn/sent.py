"""Which messages a server must have understood, from the octets that a client has sent."""

import codecs
from collections import Counter

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Sent:
    """Reads the frames of RFC 6455 up to the first that breaks it, or closes: then it is over."""

    def __init__(self):
        self.buffer, self.message, self.is_binary, self.text = bytearray(), None, False, None
        self.is_over = False
        self.frames = Counter()

    def feed(self, data: bytes) -> list[tuple[bytes, bool]]:
        """The messages that end with these octets, and whether they are binary."""
        self.buffer += data
        messages = []
        while frame := self.frame():
            first, payload = frame
            opcode = first & 0x0F
            self.frames[opcode] += 1
            if not self.is_over and (message := self.take(first, opcode, payload)) is not None:
                messages.append((message, self.is_binary))
        return messages

    def take(self, first: int, opcode: int, payload: bytes) -> bytes | None:
        fin, is_control = first & 0x80, opcode >= CLOSE
        known = opcode in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG)
        is_wrong = first & 0x70 or not known or (is_control and (not fin or len(payload) > 125))
        if not is_control:
            is_wrong = is_wrong or (opcode == CONTINUATION) == (self.message is None)
        if is_wrong or opcode == CLOSE:
            self.is_over = True
        if self.is_over or is_control:
            return None
        if opcode != CONTINUATION:
            self.message, self.is_binary = bytearray(), opcode == BINARY
            self.text = codecs.getincrementaldecoder("utf-8")()
        self.message += payload
        try:
            if not self.is_binary:
                self.text.decode(payload, final=bool(fin))
        except UnicodeDecodeError:
            # As soon as it can no longer become valid.
            self.is_over = True
            return None
        if not fin:
            return None
        message, self.message = bytes(self.message), None
        return message

    def frame(self) -> tuple[int, bytes] | None:
        """The next that is whole: its first octet and what it carries."""
        if len(self.buffer) < 2:
            return None
        length, at = self.buffer[1] & 0x7F, 2
        if length >= 126:
            at += 2 if length == 126 else 8
            length = int.from_bytes(self.buffer[2:at], "big")
        if len(self.buffer) < at + 4 + length:
            return None
        mask, payload = self.buffer[at : at + 4], self.buffer[at + 4 : at + 4 + length]
        first = self.buffer[0]
        del self.buffer[: at + 4 + length]
        return first, masked(payload, mask)


def masked(payload: bytes, mask: bytes) -> bytes:
    """Or unmasked, which is the same."""
    length = len(payload)
    repeated = (bytes(mask) * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(length, "big")
