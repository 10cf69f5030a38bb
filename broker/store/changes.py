"""The change log: what a broker reads to keep its memory current."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from broker.store.tables import STREAM, ChangeRow, ChangeStreamRow


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed up to a revision, each (kind, key) once."""

    revision: int
    things: tuple[tuple[str, str], ...]


def newest(session: Session) -> int:
    query = select(ChangeStreamRow.revision).where(ChangeStreamRow.stream == STREAM)
    return (session.exec(query)).one()


def since(session: Session, revision: int, limit: int) -> Changes:
    """The changes after a revision, in order; at most limit of them, but whole revisions."""
    query = (
        select(ChangeRow.revision, ChangeRow.kind, ChangeRow.key)
        .where(ChangeRow.stream == STREAM, ChangeRow.revision > revision)
        .order_by(col(ChangeRow.revision), col(ChangeRow.seq))
        .limit(limit)
    )
    rows = list(session.exec(query))
    if len(rows) == limit and rows[0][0] != rows[-1][0]:
        rows = [row for row in rows if row[0] != rows[-1][0]]
    reached = rows[-1][0] if rows else revision
    return Changes(reached, tuple(dict.fromkeys((kind, key) for _, kind, key in rows)))
