"""A watch over `httpx-sse`, resumed as its documentation shows: with the id of the last event. Prints what comes."""

import asyncio
import json
import sys

import httpx
from httpx_sse import aconnect_sse

RETRY_SECONDS = 0.1


async def main(url: str, topic: str) -> None:
    last_event_id = ""
    async with httpx.AsyncClient(timeout=None) as client:
        while True:
            headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
            target = f"{url}/v1/topics/{topic}?watch=true"
            try:
                async with aconnect_sse(client, "GET", target, headers=headers) as source:
                    async for event in source.aiter_sse():
                        last_event_id = event.id
                        # It hands on `retry:` and heartbeats as events without data.
                        if event.data:
                            show(event.event, event.data)
            except httpx.TransportError:
                pass
            await asyncio.sleep(RETRY_SECONDS)


def show(kind: str, data: str) -> None:
    if kind == "put":
        print("put", json.loads(data)["data"], flush=True)
    elif kind != "bookmark":
        print(kind, flush=True)


asyncio.run(main(*sys.argv[1:]))
