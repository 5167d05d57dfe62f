"""A session over Python's `websockets`, which reconnects by itself; the cursor goes along. Prints what comes."""

import asyncio
import json
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


async def main(url: str, topic: str) -> None:
    cursor = None
    async for socket in connect(url.replace("http", "ws", 1) + "/v1/ws"):
        watch = {"topic": topic} | ({"resourceVersion": cursor} if cursor else {})
        try:
            await socket.send(json.dumps({"type": "CONNECT", "id": 1, "payload": {"client": "websockets"}}))
            await socket.send(json.dumps({"type": "SUBSCRIBE", "id": 2, "payload": watch}))
            async for frame in socket:
                for envelope in map(json.loads, frame.splitlines()):
                    if envelope["type"] == "EVENT":
                        cursor = envelope["payload"]["through"]
                        for event in envelope["payload"]["events"]:
                            show(event)
        except ConnectionClosed:
            continue


def show(event: dict) -> None:
    if event["type"] == "put":
        print("put", event["data"], flush=True)
    elif event["type"] != "bookmark":
        print(event["type"], flush=True)


asyncio.run(main(*sys.argv[1:]))
