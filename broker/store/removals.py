"""Peers that are deleted. What was done with them stays in the audit log."""

from sqlalchemy import delete
from sqlmodel import col

from broker.core.peer import Peer
from broker.store.tables import PeerRow
from broker.store.transactions import Transaction


def remove(tx: Transaction, peer: Peer) -> None:
    """The peer and all that belongs to it: tokens, parties, endpoints, exchanges, a job that has ended."""
    tx.session.exec(delete(PeerRow).where(col(PeerRow.uid) == peer.uid))
    tx.changed("peer", peer.uid)
