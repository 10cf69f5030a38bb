"""An exchange as it is recorded: every step of it, and never a token."""

from dataclasses import dataclass
from enum import Enum


class ExchangeKind(Enum):
    POST = "POST"
    PUT = "PUT"
    DELETE = "DELETE"


class Direction(Enum):
    INBOUND = "INBOUND"
    """The peer is the Sender."""
    OUTBOUND = "OUTBOUND"
    """We are."""


class Outcome(Enum):
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    REFUSED = "REFUSED"
    ABANDONED = "ABANDONED"
    """Its broker went away; never stored, but seen when a running one is past its deadline."""
    UNKNOWN = "UNKNOWN"
    """Ours was sent and its answer is lost, or no use (F2, F12)."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was done, when it ended and how long it took (microseconds)."""

    summary: str
    ended_at: int
    duration: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """One run of POST, PUT or DELETE credentials. Times in microseconds since 1970. version is empty for one of ours
    that ended before one was chosen.
    """

    uid: str
    peer_uid: str
    kind: ExchangeKind
    version: str
    correlation_id: str
    request_id: str
    started_at: int
    deadline_at: int
    direction: Direction = Direction.INBOUND
    outcome: Outcome = Outcome.RUNNING
    reason: str | None = None
    message: str | None = None
    steps: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = ()
    """What was not right with the peer and was let pass, in words that name the JSON path or the quirk."""
    quirk: str | None = None
    """The setting of the peer with which it would not have been refused (core.quirks)."""
    ended_at: int | None = None
