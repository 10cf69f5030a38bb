"""The brokers that run over this database, as each says itself. Nothing depends on it but what operators are told."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, update
from sqlmodel import col, select

from broker.store.tables import RunningBrokerRow
from broker.store.transactions import Transaction

_FORGOTTEN_MICROSECONDS = 150 * 1_000_000
"""One that was killed is gone after so long; the others say every half minute that they are there."""


@dataclass(frozen=True, slots=True)
class RunningBroker:
    """place is its host and where it listens."""

    place: str
    public_url: str


def announce(tx: Transaction, broker: RunningBroker) -> None:
    row = RunningBrokerRow
    tx.session.exec(delete(row).where(col(row.seen_at) < tx.now - _FORGOTTEN_MICROSECONDS))
    if not tx.insert_new(row, place=broker.place, public_url=broker.public_url, seen_at=tx.now):
        mine = update(row).where(col(row.place) == broker.place)
        tx.session.exec(mine.values(public_url=broker.public_url, seen_at=tx.now))


def withdraw(tx: Transaction, place: str) -> None:
    tx.session.exec(delete(RunningBrokerRow).where(col(RunningBrokerRow.place) == place))


def all_of_them(tx: Transaction) -> Sequence[RunningBroker]:
    rows = tx.session.exec(select(RunningBrokerRow).order_by(RunningBrokerRow.place))
    return [RunningBroker(row.place, row.public_url) for row in rows]
