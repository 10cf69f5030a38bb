"""Whether a connection works: what one probe of it found, what several say together, and when the next is due.

A probe asks a registered peer for its version list with the token that we hold. One that fails may be bad luck: the
connection is FAILING after FAILURES of them in a row, and OK again after one that succeeds. Times are microseconds
since 1970.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, TypeAlias

from broker.core.chance import chance
from broker.core.dates import date
from broker.core.model import HeaderForm, Policy
from broker.core.peer import Peer, PeerState
from broker.core.warning_ids import WarningId
from broker.core.warnings import PeerWarning

FAILURES: Final = 3
"""Failed probes in a row that make a connection FAILING."""
_EARLIEST: Final = 0.75
_LATEST: Final = 0.9
"""The part of the interval after which the next probe is due: each peer's turn is another one. What is left of the
interval is for the probes that confirm a failure, so that it is found within one interval."""
_RETRY: Final = (1 - _LATEST) / (FAILURES - 1)
_LONGEST_RETRY: Final = 120 * 1_000_000
_SOON: Final = 0.1
"""The part of the interval that passes before a peer is probed that was never met: it may have been imported just now,
with a thousand others."""
_IDLE: Final = 3600 * 1_000_000
"""How often it is looked whether a peer is to be probed that was not, give or take a half."""
_CONNECTING: Final = 60 * 1_000_000


class HealthState(Enum):
    UNKNOWN = "UNKNOWN"
    """Not probed, or not often enough to say."""
    OK = "OK"
    FAILING = "FAILING"


class Trouble(Enum):
    """What kept a probe from succeeding."""

    WRONG_AUTH_FORM = "WRONG_AUTH_FORM"
    """The token was refused in the form in which services are given it, and taken in the other one."""
    PEER_REJECTED_TOKEN = "PEER_REJECTED_TOKEN"  # noqa: S105  no secret
    """401 or 403, in each form that was tried."""
    NOT_FOUND = "NOT_FOUND"
    """404 or 410."""
    REDIRECTED = "REDIRECTED"
    """3xx: the version list has moved, and redirects are not followed."""
    HTTP_ERROR = "HTTP_ERROR"
    """Any other HTTP status than a success."""
    OCPI_ERROR = "OCPI_ERROR"
    """An OCPI status code that says so."""
    UNREADABLE = "UNREADABLE"
    """A success that is no version list."""
    TLS_FAILED = "TLS_FAILED"
    """The peer's certificate is not to be trusted, or there was no TLS at all."""
    UNREACHABLE = "UNREACHABLE"
    """No connection came about."""
    NO_ANSWER = "NO_ANSWER"
    """The answer did not come in time, or not whole."""
    URL_REFUSED = "URL_REFUSED"
    """A URL that may not be called."""
    TOKEN_UNREADABLE = "TOKEN_UNREADABLE"  # noqa: S105  no secret
    """The token that we hold does not open: nothing was sent."""


@dataclass(frozen=True, slots=True)
class Worked:
    """The peer took the token in this form; asked is the form that was tried first."""

    form: HeaderForm
    asked: HeaderForm


@dataclass(frozen=True, slots=True)
class Refused:
    """401 or 403 in each form that was tried. message has the peer's words, if it said something."""

    message: str


@dataclass(frozen=True, slots=True)
class Failed:
    """What else went wrong; message says what was observed."""

    trouble: Trouble
    message: str


Outcome: TypeAlias = Worked | Refused | Failed
"""Of one probe."""


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of a connection. trouble and message are those of the last failed probe of a FAILING one."""

    state: HealthState = HealthState.UNKNOWN
    since: int | None = None
    """Of a FAILING one: when the first of the probes that failed did."""
    trouble: Trouble | None = None
    message: str = ""
    failures: int = 0
    """Probes that failed in a row, up to FAILURES."""
    failing_from: int | None = None
    """When the first of these failed."""
    last_probe: int | None = None
    last_in: int | None = None
    """When the peer last showed a token of ours that works, to within a few minutes."""
    last_out: int | None = None
    """When the peer last answered as it should to a token of its own."""


NO_HEALTH: Final = Health()


def step(health: Health, outcome: Outcome, now: int) -> Health:
    """What is known after another probe, which ended now."""
    after = replace(health, last_probe=now, last_out=now if isinstance(outcome, Worked) else health.last_out)
    found = _trouble(outcome)
    if found is None:
        since = health.since if health.state is HealthState.OK else now
        return replace(
            after, state=HealthState.OK, since=since, trouble=None, message="", failures=0, failing_from=None
        )
    failures, first = min(health.failures + 1, FAILURES), health.failing_from or now
    after = replace(after, failures=failures, failing_from=first)
    if failures < FAILURES:
        return after
    trouble, message = found
    return replace(after, state=HealthState.FAILING, since=first, trouble=trouble, message=message)


def unprobed(health: Health, now: int) -> Health:
    """What is known of a peer that is not probed any more: when it was met last."""
    if health.state is HealthState.UNKNOWN and not health.failures:
        return health
    return Health(since=now, last_probe=health.last_probe, last_in=health.last_in, last_out=health.last_out)


def idle_until(peer: Peer, policy: Policy, now: int) -> int | None:
    """When to look again at a peer that is not to be probed now; None if it is."""
    if peer.state is PeerState.CONNECTING:
        return now + _CONNECTING
    if policy.probe_interval and not peer.blocked and peer.state is PeerState.REGISTERED and peer.held is not None:
        return None
    return now + round(_IDLE * (0.5 + chance(peer.uid, now)))


def due(uid: str, health: Health, interval: int, now: int, *, anew: bool) -> int:
    """When a peer is to be probed whose turn has come, or who has to be given one (anew); now: at once.

    interval is in seconds. Whatever has failed is looked at again at once. A peer that was met since is quiet for less
    than the interval. One that was not takes its turn some time within the interval, so that many of them do not come
    all at once.
    """
    if health.failures:
        return now
    quiet = _turn(uid, health.last_out, interval) if health.last_out is not None else now
    if quiet > now or not anew:
        return max(quiet, now)
    return now + _part(interval, _SOON + (_LATEST - _SOON) * chance(uid, now))


def following(uid: str, health: Health, interval: int, now: int) -> int:
    """When the next probe is due, after one that ended now: sooner while it is not sure that the connection fails."""
    if 0 < health.failures < FAILURES:
        return now + min(_part(interval, _RETRY), _LONGEST_RETRY)
    return _turn(uid, now, interval)


def warning(health: Health) -> PeerWarning | None:
    """What an operator should look at."""
    if health.state is not HealthState.FAILING or health.since is None or health.trouble is None:
        return None
    since = f"the connection has been failing since {date(health.since)}"
    return PeerWarning(WarningId.CONNECTION_FAILING, f"{since}: {health.trouble.value}: {health.message}")


def _trouble(outcome: Outcome) -> tuple[Trouble, str] | None:
    match outcome:
        case Worked(form, asked) if form is asked:
            return None
        case Worked(form, asked):
            what = (
                f"versions list: the token is refused in the form {asked.value}, in which services are given it, and "
                f"taken in the form {form.value}: set the quirk auth_form_out={form.value}"
            )
            return Trouble.WRONG_AUTH_FORM, what
        case Refused(message):
            return Trouble.PEER_REJECTED_TOKEN, message
        case Failed(trouble, message):
            return trouble, message


def _turn(uid: str, since: int, interval: int) -> int:
    return since + _part(interval, _EARLIEST + (_LATEST - _EARLIEST) * chance(uid, since))


def _part(interval: int, part: float) -> int:
    return round(interval * 1_000_000 * part)
