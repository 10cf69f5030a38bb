"""What operators want of a peer, as the job that stands for it. A job that is there goes on, or makes room."""

from dataclasses import replace
from typing import Final

from broker.core.exchange import ExchangeKind
from broker.core.job import Job, JobState
from broker.core.lifecycle import Care
from broker.core.model import Version
from broker.core.peer import IssuedToken, Peer, PeerState, TokenState, room
from broker.errors import ConflictError, WrongStateError
from broker.store import jobs
from broker.store.transactions import Transaction

RUNNING: Final = "an attempt at what was wanted of the peer before is running; try again when it is over"


def begun_job(tx: Transaction, kind: ExchangeKind, *, version: Version | None = None, force: bool = False) -> Job:
    return Job(kind, JobState.WAITING, tx.now, tx.now, version=version, force=force)


def renew(tx: Transaction, peer: Peer, version: Version | None) -> None:
    """Begin a PUT, or have the one go on that runs or whose outcome is in doubt."""
    job = peer.job
    if job is not None and job.kind is ExchangeKind.DELETE:
        raise WrongStateError("the peer is being unregistered")
    begun = job is not None and (job.is_running(tx.now) or job.outcome_unknown or job.confirming)
    if job is not None and job.kind is ExchangeKind.PUT and begun:
        jobs.resume(tx, peer.uid, job)
        return
    if begun:
        raise ConflictError(RUNNING)
    if room(peer.issued, tx.now) is None:
        raise WrongStateError(
            "the peer has not used the token of the last exchange yet: until it is known which one it has, "
            "no other can be offered; wait until it has called us once, or renews them itself; to end them all without "
            "grace, revoke the peer"
        )
    jobs.put(tx, peer.uid, begun_job(tx, ExchangeKind.PUT, version=version))


def end(tx: Transaction, peer: Peer, *, force: bool) -> None:
    """Begin a DELETE. What was offered to the peer stays on record: if this fails, it may be offered again."""
    before = peer.job
    if before is not None and before.kind is ExchangeKind.DELETE and not force:
        jobs.resume(tx, peer.uid, before)
        return
    job = begun_job(tx, ExchangeKind.DELETE, force=force)
    if before is not None:
        job = replace(job, offered=before.offered, offered_lookup_id=before.offered_lookup_id)
    jobs.put(tx, peer.uid, job)


def replace_revoked(tx: Transaction, peer: Peer) -> None:
    """New tokens for those that were just revoked, whatever else was wanted of the peer but its end."""
    job = peer.job
    if job is not None and job.kind is ExchangeKind.DELETE:
        return
    if job is not None and job.outcome_unknown:
        jobs.resume(tx, peer.uid, replace(job, offered=None, offered_lookup_id=None))
    else:
        jobs.put(tx, peer.uid, begun_job(tx, ExchangeKind.PUT))


def lay_down(tx: Transaction, peer: Peer, care: Care) -> None:
    """Drop the job that is not wanted any more under this care. Raises ConflictError while it cannot be dropped."""
    job = peer.job
    if job is None or not (care.is_manual or (job.kind is ExchangeKind.PUT and not care.may_put)):
        return
    if job.is_running(tx.now) or job.outcome_unknown or job.confirming:
        raise ConflictError(
            "a request to the peer is running, or its outcome is not known yet; try again when the job is done"
        )
    jobs.drop(tx, peer.uid)


def require_over(peer: Peer) -> None:
    """That nothing is left of the peer which somebody could miss. Raises WrongStateError with what to do first."""
    job = peer.job
    if peer.state is PeerState.REGISTERED:
        raise WrongStateError("the peer is registered; unregister it first, then it can be deleted")
    if job is not None and job.state is JobState.WAITING:
        end = "wait until it is over" if peer.state is PeerState.UNREGISTERED else "unregister the peer, which ends it"
        raise WrongStateError(f"what was wanted of the peer ({job.kind.value}) still goes on; {end}; then delete it")
    if peer.parties:
        raise WrongStateError("the peer was reset and still has its parties; unregister it first, then delete it")


def dies(token: IssuedToken, *, open_: bool) -> bool:
    """Whether a revocation ends it. One that is being offered at this moment is new, and its answer is to be heard."""
    return token.state is not TokenState.REVOKED and not (open_ and token.state is TokenState.PROVISIONAL)


def is_open(job: Job | None, now: int) -> bool:
    """Whether the peer may be about to give us a token."""
    return job is not None and job.is_running(now) and job.outcome_unknown
