"""Rows as they are stored; imported by store/ only.

Times are microseconds since 1970 (UTC). Lists and nested values that are never searched are JSON text. Nothing here is
a readable secret: issued tokens and service keys are keyed hashes, held tokens and receipts are sealed.
"""

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, MetaData, Text, UniqueConstraint, false, text
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata: MetaData = SQLModel.metadata

STREAM = "main"


class KeyCheckRow(SQLModel, table=True):
    """Proof that a key of the key file is the one this database was written with."""

    __tablename__ = "key_check"

    key_id: str = Field(primary_key=True)
    kind: str
    proof: bytes = Field(sa_type=LargeBinary)


class TenantRow(SQLModel, table=True):
    __tablename__ = "tenant"

    id: str = Field(primary_key=True)
    versions: str = Field(sa_type=Text)
    parties: str = Field(sa_type=Text)
    endpoints: str = Field(sa_type=Text)
    policy: str = Field(sa_type=Text)
    public_url: str | None = None
    revision: int = Field(sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)


class DataKeyRow(SQLModel, table=True):
    """A tenant's data key, sealed under a key-encryption key."""

    __tablename__ = "data_key"

    id: str = Field(primary_key=True)
    tenant: str = Field(foreign_key="tenant.id", ondelete="CASCADE", unique=True)
    master_id: str
    box: bytes = Field(sa_type=LargeBinary)


class PeerRow(SQLModel, table=True):
    """A peer, its registration, and the lease of the exchange that is running.

    lease is the uid of that exchange: the commit names it, so that whoever lost the lease changes nothing (F5).
    """

    __tablename__ = "peer"
    __table_args__ = (
        UniqueConstraint("tenant", "id"),
        CheckConstraint("state IN ('INVITED', 'CONNECTING', 'REGISTERED', 'UNREGISTERED')", name="state"),
        CheckConstraint("lifecycle IN ('MANAGED', 'MANUAL')", name="lifecycle"),
        CheckConstraint("rotation_period >= 0", name="rotation_period"),
        CheckConstraint("renewal IN ('PUT', 'REREGISTER')", name="renewal"),
    )

    uid: str = Field(primary_key=True)
    tenant: str = Field(foreign_key="tenant.id", ondelete="CASCADE")
    id: str
    state: str
    blocked: bool = False
    terms: str = Field(sa_type=Text)
    version: str | None = None
    newest_version: str | None = None
    versions_url: str | None = None
    draft: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    form_in: str | None = None
    quirks: str = Field(default="{}", sa_type=Text, sa_column_kwargs={"server_default": "{}"})
    versions: str = Field(default="[]", sa_type=Text, sa_column_kwargs={"server_default": "[]"})
    may_downgrade: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    requested: str = Field(default="[]", sa_type=Text, sa_column_kwargs={"server_default": "[]"})
    notices: str = Field(default="[]", sa_type=Text, sa_column_kwargs={"server_default": "[]"})
    answered_at: int = Field(default=0, sa_type=BigInteger)
    registered_at: int | None = Field(default=None, sa_type=BigInteger)
    used_access: bytes | None = Field(default=None, sa_type=LargeBinary)
    lifecycle: str = Field(default="MANAGED", sa_column_kwargs={"server_default": "MANAGED"})
    rotation_period: int | None = Field(default=None, sa_type=BigInteger)
    renewal: str = Field(default="PUT", sa_column_kwargs={"server_default": "PUT"})
    lease: str | None = None
    lease_until: int = Field(default=0, sa_type=BigInteger)
    revision: int = Field(sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)


class PeerPartyRow(SQLModel, table=True):
    """A party that a peer holds, from its registration until it is unregistered; a reset does not end that.

    The primary key decides between two that claim it (PR-02).
    """

    __tablename__ = "peer_party"

    tenant: str = Field(primary_key=True)
    country_code: str = Field(primary_key=True)
    party_id: str = Field(primary_key=True)
    role: str = Field(primary_key=True)
    peer_uid: str = Field(foreign_key="peer.uid", ondelete="CASCADE", index=True)
    position: int
    details: str = Field(sa_type=Text)


class PeerEndpointRow(SQLModel, table=True):
    __tablename__ = "peer_endpoint"

    peer_uid: str = Field(primary_key=True, foreign_key="peer.uid", ondelete="CASCADE")
    position: int = Field(primary_key=True)
    module: str
    role: str | None = None
    url: str


_ONE_PER_STATE = "state NOT IN ('RESENT', 'REVOKED')"


class IssuedTokenRow(SQLModel, table=True):
    """A token that we generated, as a keyed hash. Per peer at most one is in each state but RESENT and REVOKED.

    One that was imported is kept sealed beside its hash until it is revoked, so that whoever leaves can take it along.
    """

    __tablename__ = "issued_token"
    __table_args__ = (
        CheckConstraint("purpose IN ('INVITATION', 'MAIN')", name="purpose"),
        CheckConstraint("state IN ('PROVISIONAL', 'ACTIVE', 'RETIRING', 'RESENT', 'REVOKED')", name="state"),
        Index(
            "ux_issued_token_live",
            "peer_uid",
            "state",
            unique=True,
            sqlite_where=text(_ONE_PER_STATE),
            postgresql_where=text(_ONE_PER_STATE),
        ),
    )

    lookup_id: str = Field(primary_key=True)
    tenant: str
    peer_uid: str = Field(foreign_key="peer.uid", ondelete="CASCADE", index=True)
    purpose: str
    state: str
    pepper_id: str
    digest: bytes = Field(sa_type=LargeBinary)
    created_at: int = Field(sa_type=BigInteger)
    not_after: int | None = Field(default=None, sa_type=BigInteger)
    first_used_at: int | None = Field(default=None, sa_type=BigInteger)
    reused_at: int | None = Field(default=None, sa_type=BigInteger)
    received_at: int | None = Field(default=None, sa_type=BigInteger)
    repeat_of: str | None = None
    failures: int = 0
    weak: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    kept_key_id: str | None = None
    kept_box: bytes | None = Field(default=None, sa_type=LargeBinary)


class HeldTokenRow(SQLModel, table=True):
    """A token that the peer generated for us, sealed under the tenant's data key.

    One has worked; those that the peer has announced since, in its last exchange and in a repeat of that, are tried at
    next_try_at.
    """

    __tablename__ = "held_token"

    peer_uid: str = Field(primary_key=True, foreign_key="peer.uid", ondelete="CASCADE")
    proven: bool = Field(default=True, primary_key=True)
    of_repeat: bool = Field(default=False, primary_key=True)
    key_id: str
    box: bytes = Field(sa_type=LargeBinary)
    created_at: int = Field(sa_type=BigInteger)
    form: str | None = None
    finding: str | None = Field(default=None, sa_type=Text)
    tries: int = 0
    next_try_at: int = Field(default=0, sa_type=BigInteger)


class ExchangeRow(SQLModel, table=True):
    """One run of POST, PUT or DELETE in either direction; outcome stays RUNNING if its broker dies."""

    __tablename__ = "exchange"
    __table_args__ = (
        CheckConstraint("kind IN ('POST', 'PUT', 'DELETE')", name="kind"),
        CheckConstraint("direction IN ('INBOUND', 'OUTBOUND')", name="direction"),
        CheckConstraint("outcome IN ('RUNNING', 'SUCCEEDED', 'REFUSED', 'UNKNOWN')", name="outcome"),
        Index("ix_exchange_peer_uid_started_at", "peer_uid", "started_at"),
    )

    uid: str = Field(primary_key=True)
    peer_uid: str = Field(foreign_key="peer.uid", ondelete="CASCADE")
    direction: str = Field(default="INBOUND", sa_column_kwargs={"server_default": "INBOUND"})
    kind: str
    version: str
    outcome: str
    reason: str | None = None
    message: str | None = Field(default=None, sa_type=Text)
    correlation_id: str
    request_id: str
    steps: str = Field(default="[]", sa_type=Text)
    warnings: str = Field(default="[]", sa_type=Text, sa_column_kwargs={"server_default": "[]"})
    quirk: str | None = None
    started_at: int = Field(sa_type=BigInteger)
    deadline_at: int = Field(sa_type=BigInteger)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)


class JobRow(SQLModel, table=True):
    """What we want of a peer as Sender, until it is done; at most one per peer.

    access is a token that may only be shown for this job, offered the text of the issued token that a request carries:
    both sealed, and gone with the job. lease is the uid of the attempt that is running; what it commits names it.
    """

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint("kind IN ('POST', 'PUT', 'DELETE')", name="kind"),
        CheckConstraint("state IN ('WAITING', 'FAILED')", name="state"),
        Index("ix_job_state_next_attempt_at", "state", "next_attempt_at"),
    )

    peer_uid: str = Field(primary_key=True, foreign_key="peer.uid", ondelete="CASCADE")
    kind: str
    state: str
    version: str | None = None
    versions_url: str | None = None
    scheduled: bool = False
    force: bool = False
    started_at: int = Field(sa_type=BigInteger)
    attempts: int = 0
    next_attempt_at: int = Field(sa_type=BigInteger)
    access_key_id: str | None = None
    access_box: bytes | None = Field(default=None, sa_type=LargeBinary)
    offered_lookup_id: str | None = None
    offered_key_id: str | None = None
    offered_box: bytes | None = Field(default=None, sa_type=LargeBinary)
    sent_version: str | None = None
    confirming: bool = False
    reason: str | None = None
    message: str | None = Field(default=None, sa_type=Text)
    lease: str | None = None
    lease_until: int = Field(default=0, sa_type=BigInteger)


class PeerHealthRow(SQLModel, table=True):
    """What is known of a connection, and when it is probed next; there from the first token that we hold of the peer.

    Apart from the peer, since most of it is nobody's news. Whoever moves next_probe_at from what it saw has the probe
    to itself; below zero it says since when the peer waits to be given its turn anew.
    """

    __tablename__ = "peer_health"
    __table_args__ = (
        CheckConstraint("state IN ('UNKNOWN', 'OK', 'FAILING')", name="state"),
        Index("ix_peer_health_next_probe_at_tenant", "next_probe_at", "tenant"),
        Index(
            "ix_peer_health_failing",
            "tenant",
            "peer_uid",
            sqlite_where=text("state = 'FAILING'"),
            postgresql_where=text("state = 'FAILING'"),
        ),
    )

    peer_uid: str = Field(primary_key=True, foreign_key="peer.uid", ondelete="CASCADE")
    tenant: str
    state: str
    since: int | None = Field(default=None, sa_type=BigInteger)
    trouble: str | None = None
    message: str | None = Field(default=None, sa_type=Text)
    failures: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    failing_from: int | None = Field(default=None, sa_type=BigInteger)
    last_probe: int | None = Field(default=None, sa_type=BigInteger)
    last_in: int | None = Field(default=None, sa_type=BigInteger)
    last_out: int | None = Field(default=None, sa_type=BigInteger)
    next_probe_at: int = Field(sa_type=BigInteger)


class CallerRow(SQLModel, table=True):
    """An internal service and the keyed hash of its service key."""

    __tablename__ = "caller"

    id: str = Field(primary_key=True)
    role: str
    tenants: str = Field(sa_type=Text)
    lookup_id: str = Field(unique=True)
    pepper_id: str
    digest: bytes = Field(sa_type=LargeBinary)
    created_at: int = Field(sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)


class ReceiptRow(SQLModel, table=True):
    """The sealed answer to a mutation, so that the same request_id gets the same answer."""

    __tablename__ = "receipt"

    caller: str = Field(primary_key=True)
    request_id: str = Field(primary_key=True)
    request_hash: bytes = Field(sa_type=LargeBinary)
    master_id: str
    box: bytes = Field(sa_type=LargeBinary)
    created_at: int = Field(sa_type=BigInteger, index=True)


class RunningBrokerRow(SQLModel, table=True):
    """A broker that runs over this database, by its host and where it listens, and the public URL it was given."""

    __tablename__ = "running_broker"

    place: str = Field(primary_key=True)
    public_url: str
    seen_at: int = Field(sa_type=BigInteger)


class ChangeStreamRow(SQLModel, table=True):
    """The one row that orders all changes; locked as the last act of every changing transaction."""

    __tablename__ = "change_stream"

    stream: str = Field(primary_key=True)
    revision: int = Field(sa_type=BigInteger)
    audit_head: bytes = Field(sa_type=LargeBinary)


class ChangeRow(SQLModel, table=True):
    """What changed at a revision; brokers keep their memory current from it."""

    __tablename__ = "change"

    stream: str = Field(primary_key=True)
    revision: int = Field(primary_key=True, sa_type=BigInteger)
    seq: int = Field(primary_key=True)
    kind: str
    key: str
    at: int = Field(sa_type=BigInteger)


class AuditRow(SQLModel, table=True):
    """Who did what; each row's hash covers the one before it."""

    __tablename__ = "audit"

    stream: str = Field(primary_key=True)
    revision: int = Field(primary_key=True, sa_type=BigInteger)
    seq: int = Field(primary_key=True)
    at: int = Field(sa_type=BigInteger)
    actor: str
    action: str
    tenant: str
    resource: str
    detail: str = Field(sa_type=Text)
    hash: bytes = Field(sa_type=LargeBinary)
