"""Tenants and their data keys."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from broker.core.model import Sealed, Tenant, WrappedKey
from broker.store import json_columns
from broker.store.tables import DataKeyRow, PeerRow, TenantRow
from broker.store.transactions import Transaction


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """A tenant with what the database adds: its row's revision and times in microseconds."""

    tenant: Tenant
    revision: int
    created_at: int
    updated_at: int


def insert(tx: Transaction, tenant: Tenant, key: WrappedKey) -> bool:
    """Whether the id was free."""
    inserted = tx.insert_new(
        TenantRow, id=tenant.id, **_columns(tenant), revision=1, created_at=tx.now, updated_at=tx.now
    )
    if inserted:
        tx.session.add(DataKeyRow(id=key.id, tenant=key.tenant, master_id=key.sealed.key_id, box=key.sealed.box))
        _announce(tx, "tenant.created", tenant)
    return inserted


def replace(tx: Transaction, tenant: Tenant, revision: int) -> bool:
    """Whether the revision was still the current one."""
    changed = tx.session.exec(
        update(TenantRow)
        .where(col(TenantRow.id) == tenant.id, col(TenantRow.revision) == revision)
        .values(**_columns(tenant), revision=revision + 1, updated_at=tx.now)
    )
    if changed.rowcount == 1:
        _announce(tx, "tenant.updated", tenant)
    return changed.rowcount == 1


def keep(tx: Transaction, tenants: Iterable[str]) -> frozenset[str]:
    """Those of them that there are: until this transaction ends nobody deletes one, or writes for one that goes."""
    rows = tx.session.exec(
        update(TenantRow)
        .where(col(TenantRow.id).in_(sorted(tenants)))
        .values(revision=col(TenantRow.revision))
        .returning(col(TenantRow.id))
    )
    return frozenset(tenant for (tenant,) in rows)


def remove(tx: Transaction, tenant: str, revision: int) -> bool:
    """Whether it was there at that revision. Its peers and its data key go with it.

    Each peer is named as changed: whoever reads the log late may find a new tenant of that id, and none of these.
    """
    keep(tx, [tenant])  # so that no peer comes after those that are listed here
    uids = tx.session.exec(select(PeerRow.uid).where(PeerRow.tenant == tenant)).all()
    gone = tx.session.exec(delete(TenantRow).where(col(TenantRow.id) == tenant, col(TenantRow.revision) == revision))
    if gone.rowcount == 1:
        tx.changed("tenant", tenant)
        for uid in uids:
            tx.changed("peer", uid)
        tx.audit("tenant.deleted", tenant, f"tenants/{tenant}")
    return gone.rowcount == 1


def has_registered_peer(tx: Transaction, tenant: str) -> bool:
    """Locks the peers first: a registration that is being committed counts, and a later one finds nothing."""
    rows = update(PeerRow).where(col(PeerRow.tenant) == tenant).values(lease_until=col(PeerRow.lease_until))
    tx.session.exec(rows)
    query = select(PeerRow.uid).where(PeerRow.tenant == tenant, PeerRow.state == "REGISTERED").limit(1)
    return tx.session.exec(query).first() is not None


def find(session: Session, tenant: str) -> TenantRecord | None:
    row = (session.exec(select(TenantRow).where(TenantRow.id == tenant))).one_or_none()
    return _record(row) if row else None


def page(session: Session, after: str, limit: int, only: frozenset[str] | None) -> list[TenantRecord]:
    """The tenants whose ids follow the given one, by id; among those named, or all."""
    query = select(TenantRow).where(TenantRow.id > after).order_by(TenantRow.id).limit(limit)
    if only is not None:
        query = query.where(col(TenantRow.id).in_(only))
    return [_record(row) for row in session.exec(query)]


def ids(session: Session) -> list[str]:
    return list(session.exec(select(TenantRow.id)))


def data_keys(session: Session, tenant: str) -> list[WrappedKey]:
    rows = session.exec(select(DataKeyRow).where(DataKeyRow.tenant == tenant))
    return [WrappedKey(row.id, row.tenant, Sealed(row.master_id, bytes(row.box))) for row in rows]


def _announce(tx: Transaction, action: str, tenant: Tenant) -> None:
    tx.changed("tenant", tenant.id)
    tx.audit(
        action,
        tenant.id,
        f"tenants/{tenant.id}",
        versions=[str(version) for version in tenant.versions],
        parties=[str(party.key) for party in tenant.parties],
        public_url=tenant.public_url,
        policy=json_columns.write_policy(tenant.policy),
    )


def _columns(tenant: Tenant) -> dict[str, str | None]:
    return {
        "versions": json_columns.write_versions(tenant.versions),
        "parties": json_columns.write_parties(tenant.parties),
        "endpoints": json_columns.write_endpoints(tenant.endpoints),
        "policy": json_columns.write_policy(tenant.policy),
        "public_url": tenant.public_url,
    }


def _record(row: TenantRow) -> TenantRecord:
    tenant = Tenant(
        id=row.id,
        versions=json_columns.read_versions(row.versions),
        parties=json_columns.read_parties(row.parties),
        public_url=row.public_url,
        endpoints=json_columns.read_endpoints(row.endpoints),
        policy=json_columns.read_policy(row.policy),
    )
    return TenantRecord(tenant, row.revision, row.created_at, row.updated_at)
