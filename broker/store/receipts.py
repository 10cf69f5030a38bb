"""Answers kept for a day under the caller's request_id, so that a repeated mutation is harmless."""

from dataclasses import dataclass

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from broker.core.model import Sealed
from broker.store.tables import ReceiptRow
from broker.store.transactions import Transaction

KEPT_MICROSECONDS = 24 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Receipt:
    """The hash of the request and its sealed answer."""

    request_hash: bytes
    answer: Sealed


def find(session: Session, caller: str, request_id: str) -> Receipt | None:
    query = select(ReceiptRow).where(ReceiptRow.caller == caller, ReceiptRow.request_id == request_id)
    row = (session.exec(query)).one_or_none()
    return Receipt(bytes(row.request_hash), Sealed(row.master_id, bytes(row.box))) if row else None


def reserve(tx: Transaction, caller: str, request_id: str, request_hash: bytes) -> bool:
    """Whether the id was free; if not, its receipt is there. Waits for another call with the same id to end."""
    tx.session.exec(delete(ReceiptRow).where(col(ReceiptRow.created_at) < tx.now - KEPT_MICROSECONDS))
    return tx.insert_new(
        ReceiptRow,
        caller=caller,
        request_id=request_id,
        request_hash=request_hash,
        master_id="",
        box=b"",
        created_at=tx.now,
    )


def complete(tx: Transaction, caller: str, request_id: str, answer: Sealed) -> None:
    """Put the answer beside the reservation, in the same transaction."""
    mine = (col(ReceiptRow.caller) == caller, col(ReceiptRow.request_id) == request_id)
    tx.session.exec(update(ReceiptRow).where(*mine).values(master_id=answer.key_id, box=answer.box))
