"""The audit chain: each row holds the hash of all before it; none is altered, removed or put in between unseen."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, update
from sqlmodel import Session, col, select

from broker.store.tables import STREAM, AuditRow, ChangeStreamRow

GENESIS = bytes(32)
_BATCH = 1000


def append(session: Session, head: bytes, revision: int, now: int, audits: Sequence[Mapping[str, str]]) -> None:
    """Add what a transaction audits after head, under the lock of the change stream's row."""
    rows = []
    for seq, audit in enumerate(audits):
        row = {"stream": STREAM, "revision": revision, "seq": seq, "at": now, **audit}
        head = chained(head, row)
        rows.append({**row, "hash": head})
    if not rows:
        return
    session.exec(insert(AuditRow), params=rows)
    session.exec(update(ChangeStreamRow).where(col(ChangeStreamRow.stream) == STREAM).values(audit_head=head))


def chained(head: bytes, row: Mapping[str, Any]) -> bytes:
    """The hash of an audit row that follows head."""
    text = json.dumps(row, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(head + text.encode()).digest()


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
