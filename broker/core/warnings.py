"""What an operator should look at: one warning for each thing that is not as it should be, with an id for scripts.

Times are microseconds since 1970.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from broker.core.dates import date
from broker.core.job import JobState
from broker.core.lifecycle import Care
from broker.core.notices import ASK
from broker.core.peer import Peer, PeerState, Rejection, TokenState, reject
from broker.core.warning_ids import WarningId

_LOST = "the peer has lost our answer, or somebody else has repeated its PUT"

_Found: TypeAlias = tuple[WarningId, str]


@dataclass(frozen=True, slots=True)
class PeerWarning:
    """id stays the same over releases; message says what was observed, and what to do."""

    id: str
    message: str


def warnings(peer: Peer, now: int) -> list[PeerWarning]:
    """In the order in which they should be looked at."""
    found = [
        *_token_warnings(peer, now),
        *_held_warnings(peer),
        *_import_warnings(peer),
        *_party_warnings(peer),
        *_job_warnings(peer),
    ]
    kept = [PeerWarning(one.id, f"{one.message} (seen {date(one.at)})") for one in peer.notices]
    return [PeerWarning(*one) for one in found] + kept


def _token_warnings(peer: Peer, now: int) -> Iterator[_Found]:
    old = peer.token(TokenState.RETIRING)
    if old is not None and old.reused_at is not None:
        yield (
            WarningId.OLD_TOKEN_IN_USE,
            "the peer still uses its old token: the answer with the new one may have been lost",
        )
    active = peer.token(TokenState.ACTIVE)
    resent = [token for token in peer.issued if token.state is TokenState.RESENT and token.is_in_use]
    if active is not None and any(token.not_after is not None and now >= token.not_after for token in resent):
        yield (
            WarningId.OLD_TOKEN_IN_USE,
            f"a token that a repeated PUT was given is in use, and the one given first never was: {_LOST}; {ASK}",
        )
    shown = [token.reused_at for token in peer.issued if token.state is TokenState.REVOKED and token.reused_at]
    if shown and peer.state is PeerState.REGISTERED and max(shown) > _last_used(peer):
        since = f"the peer shows a token that was replaced: since {date(max(shown))}"
        yield WarningId.REPLACED_TOKEN_SHOWN, f"{since}; was it restored from a backup?"
    if _is_locked_out(peer, now):
        yield WarningId.LOCKED_OUT, f"no token of the peer works: {_way_in(peer.care)}"
    invitation = peer.invitation
    usable = invitation is not None and reject(peer, invitation, now) in (None, Rejection.BLOCKED)
    if peer.state is PeerState.INVITED and not usable:
        yield WarningId.INVITATION_EXPIRED, "the invitation can no longer be used: reset the peer to issue a new one"


def _way_in(care: Care) -> str:
    """How a peer that is locked out gets a token: not by a call that its operators have ruled out."""
    again = "reset it and let it register again"
    if care.is_manual:
        return f"its lifecycle is manual, so {again}, or unregister it with --force and import it with a new token"
    if not care.may_put:
        return f"it knows no PUT, so ask it for a registration token and connect again, or {again}"
    return f"rotate the peer, or {again}"


def _held_warnings(peer: Peer) -> Iterator[_Found]:
    """A token that has not been tried yet is nothing to look at."""
    for token in peer.to_be_tried:
        if token.finding is None:
            continue
        services = "services get it all the same" if token is peer.held else "services get the one before"
        since = f"the token that the peer announced on {date(token.created_at)} has not worked yet"
        yield WarningId.TOKEN_UNPROVEN, f"{since}, and {services}: {token.finding}; it is tried again"


def _import_warnings(peer: Peer) -> Iterator[_Found]:
    if any(token.weak and token.state is not TokenState.REVOKED for token in peer.issued):
        yield (
            WarningId.IMPORTED_TOKEN_WEAK,
            "the token that was imported for the peer is easy to guess: have it replaced",
        )


def _party_warnings(peer: Peer) -> Iterator[_Found]:
    if peer.quarantined and peer.announced:
        yield WarningId.QUARANTINED, "the peer is quarantined: approve its requested_parties to open it"
    elif peer.quarantined:
        why = "none of the parties that it announced may be had; see its last exchange, and name those that it is"
        yield WarningId.QUARANTINED, f"the peer is quarantined: {why} (peer approve)"
    elif len(peer.requested) > len(peer.announced):
        yield (
            WarningId.PARTIES_REQUESTED,
            "the peer waits for approval of parties beyond its invitation: see requested_parties",
        )


def _job_warnings(peer: Peer) -> Iterator[_Found]:
    job = peer.job
    if job is not None and job.state is JobState.FAILED:
        yield WarningId.JOB_FAILED, f"{job.what} failed: {job.message}"
    elif job is not None and job.outcome_unknown and job.attempts:
        yield (
            WarningId.ANSWER_UNKNOWN,
            f"{job.what}: it is not known whether the peer has done it: {job.message or 'no answer came'}",
        )


def _is_locked_out(peer: Peer, now: int) -> bool:
    """Not while a job that has not failed yet is about to offer a token."""
    if peer.state is not PeerState.REGISTERED or peer.blocked:
        return False
    if peer.job is not None and peer.job.state is JobState.WAITING and peer.job.reason is None:
        return False
    if peer.care.is_manual and not peer.issued:
        return False  # it was imported as one that never calls us
    return all(reject(peer, token, now) is not None for token in peer.issued)


def _last_used(peer: Peer) -> int:
    """When the peer was on its newest token; what it showed before it was given that is no news."""
    active = peer.token(TokenState.ACTIVE)
    return (active.first_used_at or active.created_at) if active else 0
