"""Jobs: what we want of peers as Sender. Each attempt holds a lease, and what it writes names that lease (F2, F5).

Who writes a job and its peer touches the peer first, so that two of them cannot wait for each other.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, or_, update
from sqlmodel import Session, col, select

from broker.core.exchange import ExchangeKind
from broker.core.job import EndedJob, Job, JobOutcome, JobState
from broker.core.model import Sealed, Version
from broker.store.tables import JobRow, PeerRow
from broker.store.transactions import Transaction

_FREE = {"lease": None, "lease_until": 0}


def find(session: Session, peer_uid: str) -> Job | None:
    row = session.exec(select(JobRow).where(JobRow.peer_uid == peer_uid)).one_or_none()
    return read(row) if row else None


def put(tx: Transaction, peer_uid: str, job: Job) -> None:
    """Begin a job in the place of the one before, whose attempt commits nothing any more."""
    drop(tx, peer_uid)
    if job.state is JobState.FAILED:
        _tell(tx, EndedJob(peer_uid, job, JobOutcome.FAILED))
    tx.session.exec(insert(JobRow).values(peer_uid=peer_uid, **_columns(job), **_FREE))
    tx.changed("peer", peer_uid)


def put_first(tx: Transaction, peer_uid: str, job: Job) -> bool:
    """Begin a job unless there is one; whether there was none."""
    begun = tx.insert_new(JobRow, peer_uid=peer_uid, **_columns(job), **_FREE)
    if begun:
        tx.changed("peer", peer_uid)
    return begun


def resume(tx: Transaction, peer_uid: str, job: Job) -> None:
    """Have the next attempt made at once, with all attempts before it forgotten; one that runs goes on."""
    again = replace(job, state=JobState.WAITING, attempts=0, next_attempt_at=tx.now, scheduled=False)
    tx.session.exec(update(JobRow).where(col(JobRow.peer_uid) == peer_uid).values(**_columns(again)))
    tx.changed("peer", peer_uid)


def drop(tx: Transaction, peer_uid: str) -> None:
    """Something else has taken its place, or has made it needless."""
    _delete(tx, peer_uid, JobOutcome.DROPPED)


def drop_failed(tx: Transaction, peer_uid: str, before: int) -> None:
    """Forget a job that failed for sure, longer ago than that."""
    failed = (col(JobRow.state) == JobState.FAILED.value, col(JobRow.sent_version).is_(None))
    old = col(JobRow.next_attempt_at) <= before
    tx.session.exec(delete(JobRow).where(col(JobRow.peer_uid) == peer_uid, *failed, old))


def due(session: Session, now: int, limit: int, full: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Peers whose job wants an attempt, each after its tenant: what operators want first, then the longest due.

    Those of a blocked one wait, but for its end; so do those of a tenant that is full.
    """
    free = or_(col(JobRow.lease).is_(None), col(JobRow.lease_until) <= now)
    waiting = col(JobRow.state) == JobState.WAITING.value
    query = select(PeerRow.tenant, JobRow.peer_uid).join(PeerRow, col(PeerRow.uid) == JobRow.peer_uid)
    admitted = or_(col(PeerRow.blocked).is_(False), col(JobRow.kind) == ExchangeKind.DELETE.value)
    query = query.where(waiting, col(JobRow.next_attempt_at) <= now, free, admitted)
    query = query.where(col(PeerRow.tenant).not_in(list(full)))
    urgent = (col(JobRow.scheduled), col(JobRow.next_attempt_at))
    return [(tenant, uid) for tenant, uid in session.exec(query.order_by(*urgent).limit(limit))]


def take(tx: Transaction, peer_uid: str, lease: str, until: int) -> bool:
    """Whether the attempt is ours to make. The lease of a broker that died ends by itself."""
    row = tx.session.exec(
        update(JobRow)
        .where(
            col(JobRow.peer_uid) == peer_uid,
            col(JobRow.state) == JobState.WAITING.value,
            col(JobRow.next_attempt_at) <= tx.now,
            or_(col(JobRow.lease).is_(None), col(JobRow.lease_until) <= tx.now),
        )
        .values(lease=lease, lease_until=until)
    )
    return bool(row.rowcount == 1)


def extend(tx: Transaction, peer_uid: str, lease: str, until: int) -> bool:
    """Whether the attempt may go on."""
    return _update(tx, peer_uid, lease, lease_until=until)


def write(tx: Transaction, peer_uid: str, lease: str, job: Job, *, free: bool) -> bool:
    """Replace what is stored of the job, if the lease still holds. free gives it back."""
    written = _update(tx, peer_uid, lease, **_columns(job), **(_FREE if free else {}))
    if written:
        tx.changed("peer", peer_uid)
        if job.state is JobState.FAILED:
            _tell(tx, EndedJob(peer_uid, job, JobOutcome.FAILED))
    return written


def end(tx: Transaction, peer_uid: str, lease: str, outcome: JobOutcome = JobOutcome.SUCCEEDED) -> bool:
    """The job is done; whether the lease still held."""
    ended = _delete(tx, peer_uid, outcome, col(JobRow.lease) == lease)
    if ended:
        tx.changed("peer", peer_uid)
    return ended


def release_every_lease(tx: Transaction) -> None:
    tx.session.exec(update(JobRow).where(col(JobRow.lease).is_not(None)).values(**_FREE))


def read(row: JobRow) -> Job:
    return Job(
        kind=ExchangeKind(row.kind),
        state=JobState(row.state),
        started_at=row.started_at,
        next_attempt_at=row.next_attempt_at,
        version=_version(row.version),
        versions_url=row.versions_url,
        scheduled=row.scheduled,
        force=row.force,
        attempts=row.attempts,
        access=_sealed(row.access_key_id, row.access_box),
        offered=_sealed(row.offered_key_id, row.offered_box),
        offered_lookup_id=row.offered_lookup_id,
        sent_version=_version(row.sent_version),
        confirming=row.confirming,
        reason=row.reason,
        message=row.message,
        running_until=row.lease_until if row.lease else 0,
    )


def _delete(tx: Transaction, peer_uid: str, outcome: JobOutcome, *more: ColumnElement[bool]) -> bool:
    """Whether it was there. One that had failed came to its end before."""
    columns = JobRow.__table__.columns  # type: ignore[attr-defined]  # SQLModel adds __table__ at run time
    gone = tx.session.exec(delete(JobRow).where(col(JobRow.peer_uid) == peer_uid, *more).returning(*columns)).all()
    for job in map(read, gone):  # type: ignore[arg-type]  # all columns of the table, by their names
        if job.state is not JobState.FAILED:
            _tell(tx, EndedJob(peer_uid, job, outcome))
    return bool(gone)


def _tell(tx: Transaction, ended: EndedJob) -> None:
    """The last word of a transaction on a job is what is told of it."""
    same = (ended.peer_uid, ended.job.started_at)
    before = [told for told in tx.told if isinstance(told, EndedJob) and (told.peer_uid, told.job.started_at) == same]
    for told in before:
        tx.told.remove(told)
    tx.told.append(ended)


def _update(tx: Transaction, peer_uid: str, held: str, **values: Any) -> bool:
    row = tx.session.exec(
        update(JobRow).where(col(JobRow.peer_uid) == peer_uid, col(JobRow.lease) == held).values(**values)
    )
    return bool(row.rowcount == 1)


def _columns(job: Job) -> dict[str, Any]:
    """All but the lease."""
    return {
        "kind": job.kind.value,
        "state": job.state.value,
        "started_at": job.started_at,
        "next_attempt_at": job.next_attempt_at,
        "version": str(job.version) if job.version else None,
        "versions_url": job.versions_url,
        "scheduled": job.scheduled,
        "force": job.force,
        "attempts": job.attempts,
        "access_key_id": job.access.key_id if job.access else None,
        "access_box": job.access.box if job.access else None,
        "offered_key_id": job.offered.key_id if job.offered else None,
        "offered_box": job.offered.box if job.offered else None,
        "offered_lookup_id": job.offered_lookup_id,
        "sent_version": str(job.sent_version) if job.sent_version else None,
        "confirming": job.confirming,
        "reason": job.reason,
        "message": job.message,
    }


def _version(text: str | None) -> Version | None:
    return Version(text) if text else None


def _sealed(key_id: str | None, box: bytes | None) -> Sealed | None:
    return Sealed(key_id, bytes(box)) if key_id is not None and box is not None else None
