"""Records of exchanges."""

import json
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, delete, insert, or_, tuple_, update
from sqlmodel import Session, col, select

from broker.core.exchange import Direction, Exchange, ExchangeKind, Outcome, Step
from broker.store import peer_health
from broker.store.tables import ExchangeRow, PeerRow
from broker.store.transactions import Transaction

KEPT_PER_PEER = 500
"""Older records go, so that a peer that repeats itself cannot fill the disk."""


def begin(tx: Transaction, exchange: Exchange) -> None:
    """Record an exchange, running or refused at once. One of a peer that was deleted meanwhile is nobody's."""
    there = select(PeerRow.uid).where(PeerRow.uid == exchange.peer_uid).with_for_update(read=True, key_share=True)
    if tx.session.exec(there).first() is None:
        return
    tx.session.exec(
        insert(ExchangeRow).values(
            uid=exchange.uid,
            peer_uid=exchange.peer_uid,
            direction=exchange.direction.value,
            kind=exchange.kind.value,
            correlation_id=exchange.correlation_id,
            request_id=exchange.request_id,
            **_outcome(exchange),
            started_at=exchange.started_at,
            deadline_at=exchange.deadline_at,
            ended_at=exchange.ended_at,
        )
    )
    if exchange.outcome is not Outcome.RUNNING:
        tx.told.append(exchange)
    _drop_old(tx, exchange.peer_uid)


def end(tx: Transaction, exchange: Exchange) -> None:
    """Close a running exchange. One that is closed stays as it is: its commit may have landed unseen."""
    closed = tx.session.exec(
        update(ExchangeRow).where(*_still_running(exchange)).values(**_outcome(exchange), ended_at=tx.now)
    )
    if closed.rowcount == 1:
        tx.told.append(exchange)
    peer_health.note_exchange(tx, exchange)


def note(tx: Transaction, exchange: Exchange) -> None:
    """The steps of a running exchange so far, for whoever watches."""
    tx.session.exec(
        update(ExchangeRow)
        .where(*_still_running(exchange))
        .values(version=exchange.version, deadline_at=exchange.deadline_at, **_course(exchange))
    )


def amend(tx: Transaction, exchange: Exchange) -> None:
    """What was found out after the end of an exchange."""
    tx.session.exec(update(ExchangeRow).where(col(ExchangeRow.uid) == exchange.uid).values(**_course(exchange)))


def abandon_running(tx: Transaction) -> None:
    """Let what runs count as abandoned from now on."""
    running = col(ExchangeRow.outcome) == Outcome.RUNNING.value
    tx.session.exec(update(ExchangeRow).where(running).values(deadline_at=tx.now - 1))


def page(session: Session, peer_uid: str, before: tuple[int, str] | None, limit: int, now: int) -> list[Exchange]:
    """A peer's exchanges, newest first, older than the given (started_at, uid)."""
    place = tuple_(col(ExchangeRow.started_at), col(ExchangeRow.uid))
    query = select(ExchangeRow).where(ExchangeRow.peer_uid == peer_uid)
    if before is not None:
        query = query.where(place < before)
    query = query.order_by(col(ExchangeRow.started_at).desc(), col(ExchangeRow.uid).desc()).limit(limit)
    return [_exchange(row, now) for row in session.exec(query)]


def _drop_old(tx: Transaction, peer_uid: str) -> None:
    """One that runs stays, however many were refused meanwhile: it has yet to be closed."""
    mine = col(ExchangeRow.peer_uid) == peer_uid
    newest_first = col(ExchangeRow.started_at).desc()
    oldest_kept = (
        select(ExchangeRow.started_at).where(mine).order_by(newest_first).offset(KEPT_PER_PEER - 1).limit(1)
    ).scalar_subquery()
    over = or_(col(ExchangeRow.outcome) != Outcome.RUNNING.value, col(ExchangeRow.deadline_at) < tx.now)
    tx.session.exec(delete(ExchangeRow).where(mine, over, col(ExchangeRow.started_at) < oldest_kept))


def _still_running(exchange: Exchange) -> tuple[ColumnElement[bool], ...]:
    return col(ExchangeRow.uid) == exchange.uid, col(ExchangeRow.outcome) == Outcome.RUNNING.value


def _outcome(exchange: Exchange) -> dict[str, str | None]:
    return {
        "version": exchange.version,
        "outcome": exchange.outcome.value,
        "reason": exchange.reason,
        "message": exchange.message,
        "quirk": exchange.quirk,
        **_course(exchange),
    }


def _course(exchange: Exchange) -> dict[str, str]:
    return {"steps": _write_steps(exchange.steps), "warnings": _write(exchange.warnings)}


def _exchange(row: ExchangeRow, now: int) -> Exchange:
    outcome = Outcome(row.outcome)
    if outcome is Outcome.RUNNING and now > row.deadline_at:
        outcome = Outcome.ABANDONED
    return Exchange(
        uid=row.uid,
        peer_uid=row.peer_uid,
        kind=ExchangeKind(row.kind),
        version=row.version,
        correlation_id=row.correlation_id,
        request_id=row.request_id,
        started_at=row.started_at,
        deadline_at=row.deadline_at,
        direction=Direction(row.direction),
        outcome=outcome,
        reason=row.reason,
        message=row.message,
        steps=tuple(Step(*step) for step in json.loads(row.steps)),
        warnings=tuple(json.loads(row.warnings)),
        quirk=row.quirk,
        ended_at=row.ended_at,
    )


def _write_steps(steps: Iterable[Step]) -> str:
    return _write([[step.summary, step.ended_at, step.duration] for step in steps])


def _write(value: Sequence[object]) -> str:
    return json.dumps(value, ensure_ascii=False)
