"""What we want of a peer as Sender, until it is done, and when the next attempt is due: a job outlives a crash (F2).

Times are microseconds since 1970.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from broker.core.exchange import ExchangeKind
from broker.core.model import Sealed, Version
from broker.errors import BrokerError

MOST_ATTEMPTS: Final = 3
"""Attempts that are made by themselves; then it is an operator's turn (F2)."""

_SECOND: Final = 1_000_000
_PAUSES: Final = (30 * _SECOND, 300 * _SECOND)
_SCHEDULED_PAUSES: Final = (300 * _SECOND, 3600 * _SECOND)
"""Nobody waits for a scheduled rotation, and a peer may be down for an hour."""
_JITTER: Final = 0.5
_NAMES: Final = {
    ExchangeKind.POST: "registering",
    ExchangeKind.PUT: "renewing the tokens",
    ExchangeKind.DELETE: "unregistering",
}
_ADVICE: Final = {
    "ANSWER_LOST": "if the peer has carried out our request, its token is lost: ask it to reset this connection and "
    "for a new registration token, and connect again under the same name",
    "PEER_REJECTED_TOKEN": "ask the peer whether it knows this connection and this token, and for a new registration "
    "token",
    "OUTCOME_UNKNOWN": "try again; if the peer says that it has done it, ask it to reset this "
    "connection and for a new registration token",
    "PEER_UNUSABLE": "try again when the peer has mended it, or check its versions URL",
    "PEER_VERSION_UNSUPPORTED": "agree with the peer on a version that both sides offer",
    "PEER_ENDPOINTS_MISSING": "ask the peer to list these modules, or do not require them",
    "NOT_EXPRESSIBLE": "use another version, or give this tenant's parties tenants of their own",
    "EXCHANGE_IN_PROGRESS": "try again when the peer has used its token, or revoke the peer to end its tokens without "
    "grace",
    "INTERNAL": "look for this id in the log of the broker; the peer has no part in it",
}
_IN_DOUBT: Final = "OUTCOME_UNKNOWN"
_SETTLING: Final = frozenset({"ANSWER_LOST", "PEER_REJECTED_TOKEN"})
"""What tells how a request has ended whose outcome was in doubt."""
_SINCE: Final = "; since then:\u00a0"
"""With a blank that no words of a peer can have (outbound.words)."""
_UNHEARD: Final = "a request may have reached the peer, and the attempt ended before an answer came"
_REFUSED: Final = "look at the exchange, tell the peer, and try again"
_REFUSED_BY_KIND: Final = {
    ExchangeKind.POST: f"{_REFUSED}; if it has us registered already, ask it to reset this connection and for a new "
    "registration token",
    ExchangeKind.PUT: f"{_REFUSED}; if it does not offer PUT: peer update --renew reregister, or connect anew",
}


class JobState(Enum):
    WAITING = "WAITING"
    """For its next attempt; while its lease holds, one is running."""
    FAILED = "FAILED"
    """No further attempt is made by itself."""


class JobOutcome(Enum):
    """How a job ended."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    """It waits for an operator, who may have it go on."""
    DROPPED = "DROPPED"
    """An exchange of the peer does as well, or an operator wants something else."""


@dataclass(frozen=True, slots=True)
class Job:
    """kind says by which request. A job of an unknown outcome has sent one whose answer is lost."""

    kind: ExchangeKind
    state: JobState
    started_at: int
    next_attempt_at: int
    version: Version | None = None
    """The one that is wanted; None: the newest that both have, or the one in use."""
    versions_url: str | None = None
    """Where a registration begins; later ones begin where the peer is registered."""
    scheduled: bool = False
    force: bool = False
    """A DELETE that ends the registration on our side whatever the peer says (F17)."""
    attempts: int = 0
    access: Sealed | None = None
    """The peer's invitation; while confirming, the token that was held before, if both may be the right one (F6)."""
    offered: Sealed | None = None
    """The text of the issued token in our request, so that a repeat carries the same one (F2)."""
    offered_lookup_id: str | None = None
    sent_version: Version | None = None
    """The version in which a request was sent whose outcome is not known."""
    confirming: bool = False
    """It has succeeded; the token that we got is still to be tried (RS-13)."""
    reason: str | None = None
    message: str | None = None
    running_until: int = 0
    """Until when the lease of the attempt holds that is running; 0 without one."""

    @property
    def what(self) -> str:
        """What it does, in words."""
        return _NAMES[self.kind]

    @property
    def is_for_tokens(self) -> bool:
        """Whether an exchange of the peer does as well: nothing but tokens is in view."""
        return self.kind is not ExchangeKind.DELETE and (self.kind is ExchangeKind.POST or self.version is None)

    @property
    def outcome_unknown(self) -> bool:
        return self.sent_version is not None and not self.confirming

    @property
    def advice(self) -> str:
        """What an operator can do, or ask the peer for."""
        if self.reason is None or self.confirming:
            return ""
        if self.force:
            return "tell the peer that the registration has ended"
        if self.kind is ExchangeKind.DELETE:
            return "try again, or use force to end it on our side; the peer may then think that it is still connected"
        return _ADVICE.get(self.reason, _REFUSED_BY_KIND[self.kind])

    def is_running(self, now: int) -> bool:
        return now < self.running_until


@dataclass(frozen=True, slots=True)
class EndedJob:
    """A job as it was when it ended."""

    peer_uid: str
    job: Job
    outcome: JobOutcome


def confirming(job: Job, spare: Sealed | None, now: int) -> Job:
    """What remains of a job that has succeeded: to try the token that we got. spare is another one that may work."""
    return replace(
        job,
        attempts=0,
        next_attempt_at=now,
        access=spare,
        offered=None,
        offered_lookup_id=None,
        sent_version=None,
        confirming=True,
        reason=None,
        message=None,
    )


def failed(job: Job, error: BrokerError, at: int, *, again: bool, in_doubt: bool = False) -> Job:
    """A job after another attempt without success; it is made again at that time, or waits for an operator.

    in_doubt says that an attempt before has left a request whose outcome is not known. What is known of that stays in
    front of what has gone wrong since, and beside what settles it.
    """
    reason, message, doubt = error.reason, error.advised, _doubt(job)
    if in_doubt and reason in _SETTLING:
        message = f"{message}; before that: {doubt}" if doubt else message
    elif in_doubt:
        first = doubt or (message if reason == _IN_DOUBT else _UNHEARD)
        reason, message = _IN_DOUBT, first if message == first else f"{first}{_SINCE}{message}"
    state = JobState.WAITING if again else JobState.FAILED
    return replace(job, state=state, attempts=job.attempts + 1, next_attempt_at=at, reason=reason, message=message)


def _doubt(job: Job) -> str | None:
    """What was seen when a request went out of sight; None if its attempt has died, or has not said it."""
    return (job.message or "").partition(_SINCE)[0] if job.reason == _IN_DOUBT else None


def without_invitation(job: Job) -> Job:
    """What is left to do when an exchange of the peer has registered us meanwhile (F6)."""
    if job.kind is not ExchangeKind.POST or job.confirming:
        return job
    return replace(job, kind=ExchangeKind.PUT, access=None, versions_url=None)


def next_attempt(job: Job, now: int, chance: float, *, not_before: int = 0) -> int | None:
    """When to try again after another failure; None if it is an operator's turn. chance is from [0, 1).

    not_before is until when the peer wants to be left alone (Retry-After).
    """
    made = job.attempts + 1
    if made >= MOST_ATTEMPTS:
        return None
    pause = (_SCHEDULED_PAUSES if job.scheduled else _PAUSES)[made - 1]
    return max(now + round(pause * (1 + _JITTER * chance)), not_before)
