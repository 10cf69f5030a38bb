"""Tenants that must outlast a transaction: what is written for one must not be left behind by another's deletion."""

from collections.abc import Iterable

from sqlalchemy import update
from sqlmodel import col

from broker.store.tables import TenantRow
from broker.store.transactions import Transaction


def keep(tx: Transaction, tenants: Iterable[str]) -> frozenset[str]:
    """Those of them that there are. Nobody deletes one of these before this transaction ends."""
    rows = tx.session.exec(
        update(TenantRow)
        .where(col(TenantRow.id).in_(sorted(tenants)))
        .values(revision=col(TenantRow.revision))
        .returning(col(TenantRow.id))
    )
    return frozenset(tenant for (tenant,) in rows)
