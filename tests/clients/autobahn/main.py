"""Autobahn's test suite for WebSocket servers against a node: `HOST:PORT [--patience SECONDS] [CASE...]`.

Prints what became of each section, each case that was not simply passed with the reason, and the totals; ends with 1 if a case
failed. Cases are selected by their numbers, or by those of their sections.
"""

import argparse
import asyncio
import sys
from collections import Counter

import suite
from fuzzer import PATIENCE_S, Fuzzer, run
from verdict import NOT_RUN, Verdict, reason, selects

# Most cases wait more than they work; those of section 9, with their megabytes, would keep each other waiting.
AT_ONCE, LARGE_AT_ONCE = 8, 4


async def judged(cases: dict[str, type], address: tuple[str, int], patience_s: float) -> dict[str, tuple[Fuzzer, Verdict]]:
    async def one(number: str, kind: type, places: asyncio.Semaphore):
        async with places:
            fuzzer = await run(kind, address, patience_s)
            return number, (fuzzer, Verdict.of(number, fuzzer))

    async def all_of(are_large: bool):
        chosen = {number: kind for number, kind in cases.items() if selects(["9"], number) == are_large}
        places = asyncio.Semaphore(LARGE_AT_ONCE if are_large else AT_ONCE)
        return await asyncio.gather(*(one(number, kind, places) for number, kind in chosen.items()))

    return dict(await all_of(False) + await all_of(True))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("node")
    parser.add_argument("--patience", type=float, default=PATIENCE_S)
    parser.add_argument("cases", nargs="*")
    options = parser.parse_intermixed_args()
    host, _, port = options.node.rpartition(":")
    known, sections = suite.load()
    chosen = {number: kind for number, kind in known.items() if selects(options.cases or sections, number)}
    ran = {number: kind for number, kind in chosen.items() if reason(NOT_RUN, number) is None}
    outcomes = asyncio.run(judged(ran, (host, int(port)), options.patience))
    print("octets", sum(fuzzer.octets_answered for fuzzer, _ in outcomes.values()))
    for section, title in sections.items():
        if counts := Counter(verdict.word for number, (_, verdict) in outcomes.items() if selects([section], number)):
            print(f"section {section}, {title}: {shown(counts)}")
    for number, (_, verdict) in outcomes.items():
        if verdict.why:
            print(f"{number} {verdict.word}: {verdict.why}")
    for numbers, why in NOT_RUN.items():
        if not options.cases or selects(options.cases, numbers):
            print(f"{numbers} not run: {why}")
    totals = Counter(verdict.word for _, verdict in outcomes.values())
    print(f"total: {shown(totals)}, {len(chosen) - len(ran)} not run")
    return 1 if totals["failed"] or not outcomes else 0


def shown(counts: Counter) -> str:
    return ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())
