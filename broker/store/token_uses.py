"""What the use of an issued token means: an exchange is confirmed, or its answer may have been lost (F3, F4, F18).

None of these functions commits. Each learns from the database whether the use is news.
"""

from sqlalchemy import and_, or_, update
from sqlmodel import col, select

from broker.core import notices
from broker.core.peer import Peer, TokenState
from broker.store import held_tokens
from broker.store.tables import IssuedTokenRow, PeerRow
from broker.store.transactions import Transaction
from broker.store.transitions import REVOKED, add_notice


def confirm(tx: Transaction, peer: Peer, lookup_id: str) -> bool:
    """First use of the token given last: what it replaced dies now (F3, F4). Whether this was the first use.

    Only now the version counts as used (A34): before, the peer may never have learned that it was reached.
    """
    row = tx.session.exec(
        update(IssuedTokenRow)
        .where(
            col(IssuedTokenRow.lookup_id) == lookup_id,
            col(IssuedTokenRow.state) == TokenState.ACTIVE.value,
            col(IssuedTokenRow.first_used_at).is_(None),
        )
        .values(first_used_at=tx.now)
    )
    if row.rowcount != 1:
        return False
    given, in_use = _end_all_before(tx, peer)
    if given:
        held_tokens.forget_repeats(tx, peer.uid)
    if in_use:
        add_notice(tx, peer, notices.two_users(tx.now))
    used = [version for version in (peer.version, peer.newest_version) if version is not None]
    if used:
        newest = update(PeerRow).where(col(PeerRow.uid) == peer.uid).values(newest_version=str(max(used)))
        tx.session.exec(newest)
    tx.changed("peer", peer.uid)
    return True


def _end_all_before(tx: Transaction, peer: Peer) -> tuple[bool, bool]:
    """Revoke what was replaced, and what repeats were given. Whether one was given any, and whether that was used."""
    table = IssuedTokenRow
    resent = (col(table.peer_uid) == peer.uid, col(table.state) == TokenState.RESENT.value)
    received = tx.session.exec(select(table.received_at).where(*resent)).all()
    ended = col(table.state).in_([TokenState.RETIRING.value, TokenState.RESENT.value])
    tx.session.exec(update(table).where(col(table.peer_uid) == peer.uid, ended).values(**REVOKED))
    return bool(received), any(at is not None for at in received)


def take_resent(tx: Transaction, peer: Peer, lookup_id: str) -> bool:
    """First use of a token that a repeat was given: the one that the repeat has shown ends. Whether this was the first.

    The one that was given first goes on, however long that is not used: the repeat may have come from somebody who has
    stolen a replaced token. If another one that a repeat was given is in use already, that is a suspicion.
    """
    table = IssuedTokenRow
    resent = (col(table.lookup_id) == lookup_id, col(table.state) == TokenState.RESENT.value)
    first = tx.session.exec(update(table).where(*resent, col(table.received_at).is_(None)).values(received_at=tx.now))
    if first.rowcount != 1:
        return False
    own = col(table.peer_uid) == peer.uid
    shown = select(table.repeat_of).where(col(table.lookup_id) == lookup_id).scalar_subquery()
    ended = or_(col(table.state) == TokenState.RETIRING.value, col(table.lookup_id) == shown)
    tx.session.exec(update(table).where(own, ended).values(**REVOKED))
    others = (own, col(table.state) == TokenState.RESENT.value, col(table.lookup_id) != lookup_id)
    in_use = select(table.lookup_id).where(*others, col(table.received_at).is_not(None))
    if tx.session.exec(in_use).first() is not None:
        add_notice(tx, peer, notices.two_users(tx.now))
    tx.changed("peer", peer.uid)
    return True


def note_receipt(tx: Transaction, peer: Peer, lookup_id: str) -> bool:
    """The peer has a token that we offered to it. Whether that is news."""
    row = tx.session.exec(
        update(IssuedTokenRow)
        .where(
            col(IssuedTokenRow.lookup_id) == lookup_id,
            col(IssuedTokenRow.state) == TokenState.PROVISIONAL.value,
            col(IssuedTokenRow.received_at).is_(None),
        )
        .values(received_at=tx.now)
    )
    if row.rowcount == 1:
        tx.changed("peer", peer.uid)
    return bool(row.rowcount == 1)


def note_reuse(tx: Transaction, peer: Peer, lookup_id: str) -> bool:
    """A replaced token is in use: the peer may never have got the new one (F4), or has gone back to it (F18)."""
    table = IssuedTokenRow
    over = and_(col(table.not_after) <= tx.now, col(table.reused_at) < col(table.not_after))
    went_on = and_(col(table.state) == TokenState.RETIRING.value, over)
    row = tx.session.exec(
        update(IssuedTokenRow)
        .where(
            col(IssuedTokenRow.lookup_id) == lookup_id,
            col(IssuedTokenRow.state).in_((TokenState.RETIRING.value, TokenState.REVOKED.value)),
            or_(col(IssuedTokenRow.reused_at).is_(None), went_on),
        )
        .values(reused_at=tx.now)
    )
    if row.rowcount == 1:
        tx.changed("peer", peer.uid)
    return bool(row.rowcount == 1)


def count_failure(tx: Transaction, lookup_id: str) -> int:
    """Count a failed attempt with an invitation (RR-21); how many there were."""
    row = tx.session.exec(
        update(IssuedTokenRow)
        .where(col(IssuedTokenRow.lookup_id) == lookup_id)
        .values(failures=col(IssuedTokenRow.failures) + 1)
        .returning(col(IssuedTokenRow.failures))
    )
    return int(row.scalar_one())
