"""The audit chain: proof that no row was altered, removed or put in between."""

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from broker.store.tables import STREAM, AuditRow, ChangeStreamRow
from broker.store.transactions import chained

GENESIS = bytes(32)
_BATCH = 1000


async def first_break(session: AsyncSession) -> int | None:
    """The revision at which the chain does not hold; None if it is whole."""
    head, place = GENESIS, (-1, -1)
    while rows := await _batch(session, place):
        for row in rows:
            head = chained(head, _content(row))
            if head != bytes(row.hash):
                return row.revision
        place = (rows[-1].revision, rows[-1].seq)
    stored = (await session.exec(select(ChangeStreamRow).where(ChangeStreamRow.stream == STREAM))).one()
    return None if head == bytes(stored.audit_head) else stored.revision


async def _batch(session: AsyncSession, after: tuple[int, int]) -> list[AuditRow]:
    revision, seq = after
    later = (col(AuditRow.revision) > revision) | ((col(AuditRow.revision) == revision) & (col(AuditRow.seq) > seq))
    query = select(AuditRow).where(AuditRow.stream == STREAM, later)
    query = query.order_by(col(AuditRow.revision), col(AuditRow.seq)).limit(_BATCH)
    return list(await session.exec(query))


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
