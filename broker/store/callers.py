"""Internal services and the keyed hashes of their service keys."""

import json

from sqlalchemy import update
from sqlmodel import Session, col, select

from broker.core.caller import Caller, CallerRole
from broker.core.model import Fingerprint
from broker.store.tables import CallerRow
from broker.store.transactions import Transaction


def insert(tx: Transaction, caller_id: str, role: CallerRole, tenants: frozenset[str], key: Fingerprint) -> bool:
    """Whether the id was free."""
    inserted = tx.insert_new(
        CallerRow,
        id=caller_id,
        role=role.value,
        tenants=json.dumps(sorted(tenants)),
        lookup_id=key.lookup_id,
        pepper_id=key.pepper_id,
        digest=key.digest,
        created_at=tx.now,
    )
    if inserted:
        tx.changed("caller", caller_id)
        tx.audit("caller.created", "", f"callers/{caller_id}", role=role.value, tenants=sorted(tenants))
    return inserted


def revoke(tx: Transaction, caller_id: str) -> bool:
    """Whether there was an unrevoked caller of that id."""
    row = tx.session.exec(
        update(CallerRow)
        .where(col(CallerRow.id) == caller_id, col(CallerRow.revoked_at).is_(None))
        .values(revoked_at=tx.now)
    )
    if row.rowcount == 1:
        tx.changed("caller", caller_id)
        tx.audit("caller.revoked", "", f"callers/{caller_id}")
    return bool(row.rowcount == 1)


def forget_tenant(tx: Transaction, tenant: str) -> None:
    """Take a tenant that is gone out of every grant: a later one of the same id is somebody else's."""
    tx.session.exec(update(CallerRow).values(role=col(CallerRow.role)))  # locks them: another tenant may go just now
    tx.session.expire_all()
    for caller in everything(tx.session):
        if tenant in caller.tenants:
            rest = json.dumps(sorted(caller.tenants - {tenant}))
            tx.session.exec(update(CallerRow).where(col(CallerRow.id) == caller.id).values(tenants=rest))
            tx.changed("caller", caller.id)


def find(session: Session, caller_id: str) -> Caller | None:
    row = (session.exec(select(CallerRow).where(CallerRow.id == caller_id))).one_or_none()
    return _caller(row) if row else None


def ids(session: Session) -> list[str]:
    return list(session.exec(select(CallerRow.id)))


def owner(session: Session, lookup_id: str) -> tuple[str, int | None] | None:
    """Id and revocation of the caller that has this key."""
    query = select(CallerRow.id, CallerRow.revoked_at).where(CallerRow.lookup_id == lookup_id)
    return session.exec(query).one_or_none()


def everything(session: Session) -> list[Caller]:
    return [_caller(row) for row in session.exec(select(CallerRow))]


def page(session: Session, after: str, limit: int) -> list[Caller]:
    query = select(CallerRow).where(CallerRow.id > after).order_by(CallerRow.id).limit(limit)
    return [_caller(row) for row in session.exec(query)]


def _caller(row: CallerRow) -> Caller:
    return Caller(
        id=row.id,
        role=CallerRole(row.role),
        tenants=frozenset(json.loads(row.tenants)),
        lookup_id=row.lookup_id,
        pepper_id=row.pepper_id,
        digest=bytes(row.digest),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
