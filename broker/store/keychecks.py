"""Proofs that the key file belongs to this database."""

from collections.abc import Mapping

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from broker.store.tables import KeyCheckRow
from broker.store.transactions import Transaction


async def stored(session: AsyncSession) -> Mapping[str, bytes]:
    """Proof by key id."""
    return {row.key_id: bytes(row.proof) for row in await session.exec(select(KeyCheckRow))}


async def add(tx: Transaction, kind: str, key_id: str, proof: bytes) -> None:
    await tx.insert_new(KeyCheckRow, key_id=key_id, kind=kind, proof=proof)
