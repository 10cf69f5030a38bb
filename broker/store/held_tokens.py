"""Tokens that peers generate for us: one that has worked, and those announced since that have not.

None of these functions commits.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, insert, not_, or_, update
from sqlmodel import col, select

from broker.core.model import HeaderForm, Sealed
from broker.core.peer import HeldToken
from broker.store import peer_health
from broker.store.tables import HeldTokenRow
from broker.store.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Held:
    """A token that the peer has announced, and what is known of it. finding says why it is not proven to work.

    of_repeat says that it came with a token of ours that was replaced: perhaps not from the peer (F11).
    """

    sealed: Sealed
    form: HeaderForm | None
    proven: bool
    finding: str | None = None
    pause: int = 0
    """Microseconds until an unproven one is tried."""
    before: HeldToken | None = None
    """The one before, if it has just worked in this one's stead."""
    of_repeat: bool = False


def hold(tx: Transaction, peer_uid: str, held: Held) -> None:
    """A token that is proven replaces all others; one that is not stands beside the one that is (F-C of decisions), and
    that of a repeat beside what the exchange has brought that it repeats.
    """
    table = HeldTokenRow
    if held.before is not None and not held.before.proven:
        prove(tx, peer_uid, held.before, held.form)
    replaced = [col(table.peer_uid) == peer_uid]
    if not held.proven:
        replaced.append(col(table.proven).is_(False))
        if held.of_repeat:
            replaced.append(col(table.of_repeat).is_(True))
    tx.session.exec(delete(table).where(*replaced))
    tx.session.exec(
        insert(table).values(
            peer_uid=peer_uid,
            proven=held.proven,
            of_repeat=held.of_repeat and not held.proven,
            key_id=held.sealed.key_id,
            box=held.sealed.box,
            created_at=tx.now,
            form=held.form.value if held.form else None,
            finding=held.finding,
            next_try_at=tx.now + held.pause,
            tries=0,
        )
    )
    peer_health.expect(tx, peer_uid)


def claim_try(tx: Transaction, peer_uid: str, token: HeldToken, until: int, *, hurried: bool) -> bool:
    """Whether the try of an unproven token is ours to make; nobody else makes one before that time.

    It must be due; a hurried one need not, if it is put off no further than memory has it. The claim of a broker that
    died is over by itself.
    """
    due = col(HeldTokenRow.next_try_at) <= tx.now
    as_known = col(HeldTokenRow.next_try_at) == token.next_try_at
    row = tx.session.exec(
        update(HeldTokenRow)
        .where(*_unproven(peer_uid, token), or_(due, as_known) if hurried else due)
        .values(next_try_at=until)
    )
    return bool(row.rowcount == 1)


def put_off_try(tx: Transaction, peer_uid: str, token: HeldToken, finding: str, at: int) -> bool:
    """An unproven token has not worked; it is tried again at that time. Whether it still was what is held."""
    row = tx.session.exec(
        update(HeldTokenRow)
        .where(*_unproven(peer_uid, token))
        .values(finding=finding, tries=col(HeldTokenRow.tries) + 1, next_try_at=at)
    )
    if row.rowcount == 1:
        tx.changed("peer", peer_uid)
    return bool(row.rowcount == 1)


def prove(tx: Transaction, peer_uid: str, token: HeldToken, form: HeaderForm | None) -> bool:
    """An unproven token has worked in this form: services get it from now on. Whether it still was what is held."""
    table = HeldTokenRow
    this = _unproven(peer_uid, token)
    if tx.session.exec(select(table.peer_uid).where(*this)).first() is None:
        return False
    tx.session.exec(delete(table).where(col(table.peer_uid) == peer_uid, not_(and_(*this))))
    known = {"proven": True, "of_repeat": False, "finding": None, "next_try_at": 0}
    tx.session.exec(update(table).where(*this).values(form=form.value if form else None, **known))
    peer_health.expect(tx, peer_uid)
    tx.changed("peer", peer_uid)
    return True


def forget_repeats(tx: Transaction, peer_uid: str) -> None:
    """The exchange counts, and not what came with a repeat of it; there is always a token beside that."""
    table = HeldTokenRow
    tx.session.exec(delete(table).where(col(table.peer_uid) == peer_uid, col(table.of_repeat)))
    tx.changed("peer", peer_uid)


def _unproven(peer_uid: str, token: HeldToken) -> tuple[ColumnElement[bool], ...]:
    table = HeldTokenRow
    same = (col(table.key_id) == token.sealed.key_id, col(table.box) == token.sealed.box)
    return (col(table.peer_uid) == peer_uid, col(table.proven).is_(False), *same)
