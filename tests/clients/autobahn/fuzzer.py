"""What the cases of the suite speak through: Autobahn's own client, which sends whatever a case wants, true or not.

The suite tests servers that echo. A node answers instead: here with an ERROR, because no message of the suite is an envelope.
So a case is given its message when the answer to it comes: one answer to each, in order, and none to what is no message.
"""

import asyncio
import json
from collections import deque

from autobahn.asyncio.websocket import WebSocketClientFactory, WebSocketClientProtocol
from autobahn.websocket import protocol
from sent import Sent, masked

# How long the node may take for what the suite gives it a second: machines may be busy.
PATIENCE_S = 60.0
# How much longer than in the suite a case pauses, to see whether the node does something: 3 s, mostly.
PAUSE_FACTOR = 3
# What is said in JSON to text that is no envelope, and to what is no text.
ANSWERS = {False: "MALFORMED", True: "PROTOCOL_VIOLATION"}
# An empty text holds no envelope and is not answered; a ping behind it is, once it was read.
MARK = b"fanfare"


class Masker:
    """Autobahn's own takes a second for what is masked here in a hundredth."""

    def __init__(self, mask: bytes, _length: int):
        self.mask, self.position = mask, 0

    def process(self, payload: bytes) -> bytes:
        start = self.position % 4
        self.position += len(payload)
        return masked(payload, self.mask[start:] + self.mask[:start])

    def pointer(self) -> int:
        return self.position


protocol.create_xor_masker = Masker


class Fuzzer(WebSocketClientProtocol):
    """One case on one connection. Names in camel case are those that the suite and Autobahn know."""

    connectionWasOpen = False
    createWirelog = True

    def __init__(self, kind: type, patience_s: float):
        super().__init__()
        self.patience_s = patience_s
        self.sent, self.unanswered = Sent(), deque()
        self.txFrameStats = self.sent.frames
        self.octets_answered, self.last_words = 0, None
        # What the case itself would not see.
        self.faults: list[str] = []
        self.lost = asyncio.get_running_loop().create_future()
        self.runCase = kind(self)

    # What happens.

    def onOpen(self):
        self.connectionWasOpen = True
        self.runCase.onOpen()

    def onMessage(self, payload, isBinary):
        for line in payload.splitlines():
            answer = json.loads(line)
            error = answer["payload"]["name"] if answer["type"] == "ERROR" and not isBinary else None
            if self.unanswered and error == ANSWERS[self.unanswered[0][1]]:
                self.answered()
            elif self.sent.is_over and error and self.last_words is None:
                # Before it closes, the node says why.
                self.last_words = answer["payload"]
            else:
                self.faults.append(f"`{text(line)}` answers nothing")

    def onPong(self, payload):
        if payload == MARK:
            self.answered()
        else:
            self.runCase.onPong(text(payload))

    def answered(self):
        payload, is_binary = self.unanswered.popleft()
        self.octets_answered += len(payload)
        self.runCase.onMessage(text(payload), is_binary)

    def onClose(self, wasClean, code, reason):
        self.runCase.onClose(wasClean, code, reason)

    def _connectionLost(self, reason):
        super()._connectionLost(reason)
        try:
            self.runCase.onConnectionLost(self.failedByMe)
        except Exception as error:
            self.faults.append(repr(error))
        if self.last_words and self.remoteCloseCode in (None, 1000):
            self.faults.append(f"the node did not close for `{self.last_words['message']}`")
        self.lost.set_result(None)

    # What a case does.

    def sendData(self, data, sync=False, chopsize=None):
        super().sendData(data, sync, chopsize)
        if self.connectionWasOpen:
            for payload, is_binary in self.sent.feed(data):
                self.unanswered.append((payload, is_binary))
                if not payload and not is_binary:
                    self.sendPing(MARK)

    def sendFrame(self, opcode, payload=b"", **options):
        super().sendFrame(opcode, octets(payload), **options)

    def sendMessage(self, payload, isBinary=False, **options):
        super().sendMessage(octets(payload), isBinary, **options)

    def sendMessageFrameData(self, payload, sync=False):
        return super().sendMessageFrameData(octets(payload), sync)

    def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
        super().sendCloseFrame(code, octets(reasonUtf8), isReply)

    def enableWirelog(self, enable):
        self.createWirelog = enable

    def continueLater(self, delay, fun, tag=None):
        self.later(delay * PAUSE_FACTOR, fun)

    def killAfter(self, delay):
        self.later(max(delay, self.patience_s), self.kill)

    def closeAfter(self, delay):
        self.later(max(delay, self.patience_s), self.sendClose)

    def kill(self):
        self.faults.append("the node did not end the connection in time")
        self.transport.abort()

    def later(self, delay, act):
        def unless_closed():
            if self.state != protocol.WebSocketProtocol.STATE_CLOSED:
                act()

        self.factory.loop.call_later(delay, unless_closed)


async def run(kind: type, address: tuple[str, int], patience_s: float) -> Fuzzer:
    """Runs a case until its connection is lost."""
    host, port = address
    factory = WebSocketClientFactory(f"ws://{host}:{port}/v1/ws", loop=asyncio.get_running_loop())
    factory.setProtocolOptions(
        failByDrop=False,
        openHandshakeTimeout=patience_s,
        closeHandshakeTimeout=patience_s,
        serverConnectionDropTimeout=patience_s,
    )

    def opened() -> Fuzzer:
        fuzzer = Fuzzer(kind, patience_s)
        fuzzer.factory = factory
        return fuzzer

    _, fuzzer = await asyncio.get_running_loop().create_connection(opened, host, port)
    await fuzzer.lost
    return fuzzer


def octets(payload: str | bytes | None) -> bytes | None:
    return payload.encode("latin-1") if isinstance(payload, str) else payload


def text(payload: bytes) -> str:
    return payload.decode("latin-1")
