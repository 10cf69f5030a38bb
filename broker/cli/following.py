"""How a job goes on, told line by line for as long as somebody waits.

What is told is what the broker has on record. Nothing here decides what the job does, and leaving does not end it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from broker.cli.exchange_documents import in_milliseconds
from broker.cli.failures import in_commands, reason_of
from broker.cli.names import id_of, state_word, tenant_of
from broker.cli.notation import party_text
from broker.core.warning_ids import WarningId
from ocpi_broker.v1.resources_pb2 import (
    EXCHANGE_DIRECTION_OUTBOUND,
    EXCHANGE_OUTCOME_RUNNING,
    JOB_STATE_FAILED,
    JOB_STATE_WAITING,
    PEER_STATE_UNREGISTERED,
    Exchange,
    ExchangeStep,
    Job,
    Peer,
    PeerState,
)

POLL = 0.5

_IN_DOUBT = "it is not known whether the peer has done it"
_MINUTES_FROM = 120
_TOLD = 5


@dataclass(frozen=True, slots=True)
class Sight:
    """A peer and its newest exchanges, newest first."""

    peer: Peer
    exchanges: Sequence[Exchange] = ()


@dataclass(frozen=True, slots=True)
class Clock:
    """What waiting needs: the time, and how to let some of it pass."""

    now: Callable[[], datetime]
    sleep: Callable[[float], None]


class Story:
    """The lines to tell about a job, each of them once. before: uids of exchanges that are no news."""

    def __init__(self, before: frozenset[str]) -> None:
        self._before = before
        self._told: dict[str, int] = {}
        self._warned: dict[str, int] = {}
        self._pause: datetime | None = None

    def news(self, sight: Sight, now: datetime) -> Iterator[str]:
        """What has happened since the last time."""
        for exchange in reversed(sight.exchanges):
            if exchange.direction == EXCHANGE_DIRECTION_OUTBOUND and exchange.uid not in self._before:
                yield from map(_told, exchange.steps[self._told.get(exchange.uid, 0) :])
                self._told[exchange.uid] = len(exchange.steps)
                yield from (f"warning: {text}" for text in exchange.warnings[self._warned.get(exchange.uid, 0) :])
                self._warned[exchange.uid] = len(exchange.warnings)
        yield from self._pauses(sight.peer.job, now)

    def _pauses(self, job: Job, now: datetime) -> Iterator[str]:
        """A job that has not been tried yet waits for nothing but its turn."""
        if job.state != JOB_STATE_WAITING or not job.attempts:
            return
        due = next_attempt(job)
        if due != self._pause:
            self._pause = due
            yield f"{_why(job)}; next attempt in {in_words((due - now).total_seconds())}"


def ended_before(exchanges: Sequence[Exchange]) -> frozenset[str]:
    """The exchanges that are no news, as they were before the command. One that runs may be that of a job to join."""
    return frozenset(exchange.uid for exchange in exchanges if exchange.outcome != EXCHANGE_OUTCOME_RUNNING)


def follow(look: Callable[[], Sight], say: Callable[[str], None], story: Story, until: datetime, clock: Clock) -> Peer:
    """The peer as it is when its job is done, has failed, or will not go on before `until`."""
    while True:
        sight = look()
        for line in story.news(sight, clock.now()):
            say(line)
        if _over(sight.peer, clock.now(), until):
            return sight.peer
        clock.sleep(POLL)


def failure(peer: Peer, wanted: PeerState, now: datetime) -> str | None:
    """Why what was wanted is not so, in one sentence; None if it is.

    An end by force is one, also if a job is left that says that the peer could not be told (F17).
    """
    if peer.state == wanted == PEER_STATE_UNREGISTERED:
        return None
    if peer.HasField("job"):
        return _refusal(peer.job) if peer.job.state == JOB_STATE_FAILED else _unfinished(peer, now)
    if peer.state == wanted:
        return None
    return f"{id_of(peer.name)} is {state_word(peer.state)}: the job was ended by something else"


def quarantine(peer: Peer) -> str:
    """What is the matter with a peer that has exchanged tokens with us and is quarantined."""
    what = f"{id_of(peer.name)} has exchanged tokens with us and is in quarantine: services get no token for it"
    asked = ", ".join(party_text(party) for party in peer.requested_parties[:_TOLD])
    return "; ".join([what, *([f"it announced {asked}"] if asked else []), *(one.message for one in peer.findings)])


def unproven(peer: Peer) -> str | None:
    """What is the matter with a peer whose new token has not worked; None if it has."""
    found = next((one.message for one in peer.findings if one.id == WarningId.TOKEN_UNPROVEN), None)
    if found is None:
        return None
    ask = "ask the peer whether it knows this token, or for a new registration token, and connect again"
    return f"{id_of(peer.name)} has exchanged tokens with us, but {found}; {ask}"


def next_attempt(job: Job) -> datetime:
    return job.next_attempt_time.ToDatetime(tzinfo=UTC)


def where_to_look(name: str) -> str:
    """The command that tells how a job stands, for who did not stay."""
    return f"`ocpi-broker peer show {id_of(name)} --tenant {tenant_of(name)}`"


def in_words(seconds: float) -> str:
    """30 s, or 5 min where seconds do not matter."""
    whole = max(0, round(seconds))
    return f"{whole} s" if whole < _MINUTES_FROM else f"{round(whole / 60)} min"


def _told(step: ExchangeStep) -> str:
    if not step.HasField("duration"):
        return step.summary
    return f"{step.summary} ({in_milliseconds(step.duration.ToNanoseconds() / 1e6)})"


def _over(peer: Peer, now: datetime, until: datetime) -> bool:
    job = peer.job
    if not peer.HasField("job") or job.state == JOB_STATE_FAILED or now >= until:
        return True
    return job.state == JOB_STATE_WAITING and next_attempt(job) > until


def _why(job: Job) -> str:
    """What the last attempt came to."""
    message = job.last_error.message or "it has not worked yet"
    return f"{message}; {_IN_DOUBT}" if job.outcome_unknown else message


def _refusal(job: Job) -> str:
    return in_commands("; ".join(part for part in (_with_reason(job, job.last_error.message), job.advice) if part))


def _with_reason(job: Job, told: str) -> str:
    reason = reason_of(job.last_error)
    return f"{told} [{reason}]" if reason else told


def _unfinished(peer: Peer, now: datetime) -> str:
    job = peer.job
    tried = job.attempts and job.HasField("last_error")
    so_far = f"not done yet, {_with_reason(job, _why(job))}" if tried else "not done yet"
    due = f", next attempt in {in_words((next_attempt(job) - now).total_seconds())}"
    goes_on = "the job goes on by itself" + (due if job.state == JOB_STATE_WAITING else "")
    if_not = f"; if that does not help, {job.advice}" if tried and job.advice else ""
    return in_commands(f"{so_far}; {goes_on}{if_not}: see {where_to_look(peer.name)}")
