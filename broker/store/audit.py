"""The audit chain: proof that no row was altered, removed or put in between."""

from sqlmodel import Session, col, select

from broker.store.tables import STREAM, AuditRow, ChangeStreamRow
from broker.store.transactions import chained

GENESIS = bytes(32)
_BATCH = 1000


def first_break(session: Session) -> int | None:
    """The revision at which the chain does not hold; None if it is whole."""
    head, place = GENESIS, (-1, -1)
    while rows := _batch(session, place):
        for row in rows:
            head = chained(head, _content(row))
            if head != bytes(row.hash):
                return row.revision
        place = (rows[-1].revision, rows[-1].seq)
    stored = (session.exec(select(ChangeStreamRow).where(ChangeStreamRow.stream == STREAM))).one()
    return None if head == bytes(stored.audit_head) else stored.revision


def _batch(session: Session, after: tuple[int, int]) -> list[AuditRow]:
    revision, seq = after
    later = (col(AuditRow.revision) > revision) | ((col(AuditRow.revision) == revision) & (col(AuditRow.seq) > seq))
    query = select(AuditRow).where(AuditRow.stream == STREAM, later)
    query = query.order_by(col(AuditRow.revision), col(AuditRow.seq)).limit(_BATCH)
    return list(session.exec(query))


def _content(row: AuditRow) -> dict[str, str | int]:
    return {
        "stream": row.stream,
        "revision": row.revision,
        "seq": row.seq,
        "at": row.at,
        "actor": row.actor,
        "action": row.action,
        "tenant": row.tenant,
        "resource": row.resource,
        "detail": row.detail,
    }
