"""The change log: what a broker reads to keep its memory current."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from broker.store.tables import STREAM, ChangeRow, ChangeStreamRow


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed up to a revision, each (kind, key) once."""

    revision: int
    things: tuple[tuple[str, str], ...]
    more: bool = False
    """Whether the limit was reached."""


def newest(session: Session) -> int:
    query = select(ChangeStreamRow.revision).where(ChangeStreamRow.stream == STREAM)
    return (session.exec(query)).one()


def since(session: Session, revision: int, limit: int) -> Changes:
    """The changes after a revision, in order; whole revisions, and several only as far as limit rows hold them.

    Revisions that changed nothing but the audit log are reached, too: others wait for them by number.
    """
    reached = newest(session)
    if reached <= revision:  # most often: brokers ask several times a second
        return Changes(reached, ())
    rows = session.exec(_after(revision).limit(limit)).all()
    if len(rows) < limit:
        return _changes(rows, max([reached, *(row.revision for row in rows)]))
    first, last = rows[0].revision, rows[-1].revision
    if first == last:
        return _changes(session.exec(_after(revision).where(ChangeRow.revision == first)).all(), first, more=True)
    whole = [row for row in rows if row.revision != last]
    return _changes(whole, whole[-1].revision, more=True)


def _after(revision: int) -> SelectOfScalar[ChangeRow]:
    return (
        select(ChangeRow)
        .where(ChangeRow.stream == STREAM, ChangeRow.revision > revision)
        .order_by(col(ChangeRow.revision), col(ChangeRow.seq))
    )


def _changes(rows: Iterable[ChangeRow], reached: int, *, more: bool = False) -> Changes:
    return Changes(reached, tuple(dict.fromkeys((row.kind, row.key) for row in rows)), more)
