"""Every fault of a mock peer in every exchange, and what the text demands of us then: two tables.

Written from Part 4 of the requirements and not from what the broker does: F2 to F4, F7, F8, F12, F17, RS-10, UN-06.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from broker.core.exchange import ExchangeKind
from broker.tools.mock_peer import faults
from broker.tools.mock_peer.faults import Place

POST, PUT, DELETE = ExchangeKind.POST, ExchangeKind.PUT, ExchangeKind.DELETE
_TOKENS = (POST, PUT)
_ALL = (POST, PUT, DELETE)


class First(Enum):
    """Where a job of ours stands after its first attempt."""

    DONE = "done"
    REFUSED = "refused: nothing was done, and it is an operator's turn"
    LATER = "refused: nothing was done, and it is tried again"
    UNKNOWN = "the peer may have done it"


class Retry(Enum):
    """What the same command brings when the fault is gone."""

    WELL = "done"
    LOST = "a strict peer has done it and keeps to that: only a reset by its operator helps"
    REJECTED = "the peer has forgotten us: the same"


@dataclass(frozen=True, slots=True)
class Sent:
    """We are the Sender. told: the peer has carried a DELETE out."""

    fault: str
    kind: ExchangeKind
    first: First
    reason: str = ""
    retry: Retry = Retry.WELL
    lenient: bool = False
    told: bool = True

    def __str__(self) -> str:
        return f"{self.kind.value} {self.fault}{' lenient' if self.lenient else ''}"


class Outcome(Enum):
    """How an exchange ended that the mock peer began, as it sees it."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Received:
    """We are the Receiver. code is that of OCPI in our refusal."""

    fault: str
    kind: ExchangeKind
    outcome: Outcome
    code: int | None = None

    def __str__(self) -> str:
        return f"{self.kind.value} {self.fault}"


_LOST = (
    "drop-answer", "drop-after-headers", "stall", "504-after-commit", "500-after-commit", "html", "empty",
    "gzip-bomb:5",
)  # fmt: skip
_GARBLED = (
    "no-content", "wrong-envelope", "wrong-envelope:array", "wrong-envelope:null", "wrong-envelope:string",
    "no-token", "same-token", "space-token",
)  # fmt: skip
_KEPT = ("huge:5", "long-token")
"""There is a token in it, so that it is a success (F12)."""
_FORGIVEN = (
    "drop-answer",
    "drop-after-headers",
    "504-after-commit",
    "wrong-envelope",
    "no-token",
    "same-token",
)
"""What is also tried at a peer that lets a request be repeated: one of each sort."""
_TOLERATED = ("slow:0.2", "trickle:0.2", "content-type", "status-string", "no-timestamp", "extra-fields")
_TOLERATED_TOKENS = ("lowercase-ids", "url-is-details", "no-callback", "callback-twice")
_TOLERATED_READS = ("raw-only", "base64-only", "wrapped-versions", "details-in-list")
_REFUSED = (
    ("redirect", First.REFUSED, "PEER_REFUSED"),
    ("refuse:2001", First.REFUSED, "PEER_REFUSED"),
    ("refuse:3000", First.LATER, "PEER_REFUSED"),
    ("refuse:3001", First.LATER, "PEER_REFUSED"),
    ("refuse:3002", First.REFUSED, "PEER_REFUSED"),
    ("refuse:3003", First.REFUSED, "PEER_REFUSED"),
    ("http:400", First.REFUSED, "PEER_REFUSED"),
    ("http:404", First.REFUSED, "PEER_REFUSED"),
    ("http:429", First.LATER, "PEER_REFUSED"),
    ("http:503", First.UNKNOWN, "OUTCOME_UNKNOWN"),
    ("reject-token", First.REFUSED, "PEER_REJECTED_TOKEN"),
)
_UNREADABLE = (
    ("drop-answer@versions", First.LATER, "PEER_UNUSABLE"),
    ("truncate@details", First.LATER, "PEER_UNUSABLE"),
    ("stall@versions", First.LATER, "PEER_UNUSABLE"),
    ("html@details", First.LATER, "PEER_UNUSABLE"),
    ("no-content@versions", First.LATER, "PEER_UNUSABLE"),
    ("huge:2@versions", First.LATER, "PEER_UNUSABLE"),
    ("gzip-bomb:2@details", First.LATER, "PEER_UNUSABLE"),
    ("wrong-envelope@versions", First.LATER, "PEER_UNUSABLE"),
    ("redirect@versions", First.REFUSED, "PEER_UNUSABLE"),
    ("http:404@versions", First.REFUSED, "PEER_UNUSABLE"),
    ("http:503@versions", First.LATER, "PEER_UNUSABLE"),
    ("refuse:3000@details", First.LATER, "PEER_UNUSABLE"),
    ("foreign-endpoint", First.REFUSED, "PEER_UNUSABLE"),
    ("wrong-version-in-details", First.REFUSED, "PEER_VERSION_UNSUPPORTED"),
    ("reject-token@versions", First.REFUSED, "PEER_REJECTED_TOKEN"),
)
_DONE_WITHOUT_BODY = ("no-content", "empty")
"""A DELETE needs no answer but that it was done (UN-04)."""
_DELETED = (
    ("redirect", First.LATER, "PEER_REFUSED"),
    ("refuse:2001", First.LATER, "PEER_REFUSED"),
    ("refuse:3000", First.LATER, "PEER_REFUSED"),
    ("http:400", First.LATER, "PEER_REFUSED"),
    ("http:429", First.LATER, "PEER_REFUSED"),
    ("http:503", First.UNKNOWN, "OUTCOME_UNKNOWN"),
)


def _sent() -> Iterator[Sent]:
    for kind in _TOKENS:
        for fault in (*_LOST, *_GARBLED):
            yield Sent(fault, kind, First.UNKNOWN, "OUTCOME_UNKNOWN", Retry.LOST)
        for fault in _FORGIVEN:
            yield Sent(fault, kind, First.UNKNOWN, "OUTCOME_UNKNOWN", lenient=True)
        for fault in (*_KEPT, *_TOLERATED, *_TOLERATED_TOKENS, *_TOLERATED_READS):
            yield Sent(fault, kind, First.DONE)
        for fault, first, reason in (*_REFUSED, *_UNREADABLE):
            yield Sent(fault, kind, first, reason)
    yield Sent("truncate", PUT, First.DONE)  # who it is, is known; of a POST see test_odd_answers
    yield Sent("http:405", POST, First.REFUSED, "PEER_REJECTED_TOKEN")
    yield Sent("http:405", PUT, First.REFUSED, "PEER_REFUSED")
    yield Sent("missing-version", POST, First.REFUSED, "PEER_VERSION_UNSUPPORTED")
    yield Sent("missing-version", PUT, First.DONE)
    yield Sent("callback-old-token", POST, First.LATER, "PEER_REFUSED")
    yield Sent("callback-old-token", PUT, First.DONE)
    yield Sent("forget*1", PUT, First.REFUSED, "PEER_REJECTED_TOKEN", Retry.REJECTED)
    yield Sent("forget*1", DELETE, First.DONE)
    for fault in (fault for fault in (*_LOST, "truncate", "huge:5") if fault not in _DONE_WITHOUT_BODY):
        yield Sent(fault, DELETE, First.UNKNOWN, "OUTCOME_UNKNOWN")
    for fault in (*_TOLERATED, *_DONE_WITHOUT_BODY, "wrong-envelope:array"):
        yield Sent(fault, DELETE, First.DONE)
    for fault in ("http:404", "http:405", "reject-token"):
        yield Sent(fault, DELETE, First.DONE, told=False)
    for fault, first, reason in _DELETED:
        yield Sent(fault, DELETE, first, reason)


_UNUSABLE = (
    "drop-answer@callback", "drop-after-headers@callback", "truncate@callback", "stall@callback", "html@callback",
    "no-content@callback", "empty@callback", "504-after-commit@callback", "huge:2@callback", "gzip-bomb:2@callback",
    "wrong-envelope@callback", "wrong-envelope:string@callback", "redirect@callback", "refuse:2000@callback",
    "http:404@callback", "callback-401", "foreign-endpoint",
)  # fmt: skip
_REFUSED_BY_US = (
    ("missing-version", 3002),
    ("wrong-version-in-details", 3002),
    ("missing-module:credentials", 3003),
    ("no-parties", 2001),
)
_WELL = (
    "slow:0.2@callback", "trickle:0.2@callback", "content-type@callback", "status-string@callback",
    "no-timestamp@callback", "extra-fields@callback", "raw-only", "base64-only", "wrapped-versions",
    "details-in-list", "lowercase-ids", "url-is-details", "twice",
)  # fmt: skip


def _received() -> Iterator[Received]:
    for kind in _TOKENS:
        for fault in ("hang-up", "hang-up-late"):
            yield Received(fault, kind, Outcome.UNKNOWN)
        for fault in _UNUSABLE:
            yield Received(fault, kind, Outcome.FAILED, 3001)
        for fault, code in _REFUSED_BY_US:
            yield Received(fault, kind, Outcome.FAILED, code)
        for fault in _WELL:
            yield Received(fault, kind, Outcome.DONE)
    yield Received("put-unchanged-token", PUT, Outcome.DONE)
    yield Received("hang-up", DELETE, Outcome.UNKNOWN)
    yield Received("twice@DELETE", DELETE, Outcome.DONE)


SENT = tuple(_sent())
RECEIVED = tuple(_received())

ELSEWHERE = frozenset({"put-inside-put", "post-inside-post", "delete-inside-put", "echo-roles", "missing-module"})
"""Faults that have tests of their own beside the tables of the Sender, in this package."""


def features(row: Sent | Received) -> tuple[tuple[str, object], ...]:
    """What a row brings together: fault, exchange and side, where the fault strikes, and how it must end."""
    fault = ("fault", faults.parse(row.fault).name)
    if isinstance(row, Received):
        return (fault, ("exchange", row.kind), ("side", "Receiver"), ("end", row.outcome))
    peer = ("peer", "lenient" if row.lenient else "strict")
    return (fault, ("exchange", row.kind), ("side", "Sender"), ("end", (row.first, row.reason, row.retry)), peer)


def armed(row: Sent | Received) -> str:
    """The fault's text, at the exchange of the row and nowhere else if it could be at others."""
    fault = faults.parse(row.fault)
    place = Place(row.kind.value)
    if "@" in row.fault or place not in fault.kind.usual or len(fault.kind.usual) in (1, len(Place)):
        return _where_it_must(row, fault.name)
    name, star, times = row.fault.partition("*")
    return f"{name}@{place.value}{star}{times}"


def _where_it_must(row: Sent | Received, name: str) -> str:
    return f"{row.fault}@{row.kind.value}" if row.fault == "reject-token" and name == row.fault else row.fault
