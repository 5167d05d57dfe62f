"""What became of a case, and which may become anything else than passed."""

from dataclasses import dataclass

# Of these the suite says itself that they may end otherwise than it likes best; why they do.
NON_STRICT = {
    "6.4.3": "text is judged when its frame is whole; until then it is bounded, and nobody has seen it",
    "6.4.4": "as 6.4.3",
}
INFORMATIONAL = {
    "7.1.6": "RFC 6455 leaves open what is still read behind a close",
    "7.13": "RFC 6455 leaves open what becomes of close codes from 5000",
}
MANY_FRAGMENTS = "the message comes in more fragments than the 1,024 that the node takes"
NOT_RUN = {f"9.{kind}.{size}": MANY_FRAGMENTS for kind in (3, 4) for size in (1, 2, 3, 4)} | {
    "12": "the node does not negotiate permessage-deflate: a batch is compressed once for all its readers instead",
    "13": "as 12",
}


@dataclass
class Verdict:
    """In a word; and why, unless the case was simply passed."""

    word: str
    why: str = ""

    @classmethod
    def of(cls, number: str, fuzzer) -> "Verdict":
        case = fuzzer.runCase
        ends = (case.behavior, case.behaviorClose)
        if fuzzer.faults:
            return cls("failed", "; ".join(fuzzer.faults))
        if ends == ("OK", "OK") and reason(NON_STRICT, number) is None:
            return cls("passed")
        if ends == ("NON-STRICT", "OK") and (why := reason(NON_STRICT, number)):
            return cls("non-strict", why)
        if ends == ("INFORMATIONAL", "INFORMATIONAL") and (why := reason(INFORMATIONAL, number)):
            return cls("informational", why)
        told = f"{fuzzer.remoteCloseCode}, {fuzzer.last_words}"
        return cls("failed", f"{' and '.join(ends)}: {case.result} {case.resultClose}. The node closed with {told}")


def selects(sections, number: str) -> bool:
    return any(f"{number}.".startswith(f"{section}.") for section in sections)


def reason(reasons: dict[str, str], number: str) -> str | None:
    return next((why for section, why in reasons.items() if selects([section], number)), None)
