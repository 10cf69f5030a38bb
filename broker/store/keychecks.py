"""Proofs that the key file belongs to this database."""

from collections.abc import Mapping

from sqlmodel import Session, select

from broker.store.tables import KeyCheckRow
from broker.store.transactions import Transaction


def stored(session: Session) -> Mapping[str, bytes]:
    """Proof by key id."""
    return {row.key_id: bytes(row.proof) for row in session.exec(select(KeyCheckRow))}


def add(tx: Transaction, kind: str, key_id: str, proof: bytes) -> None:
    tx.insert_new(KeyCheckRow, key_id=key_id, kind=kind, proof=proof)
