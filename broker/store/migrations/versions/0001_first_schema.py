"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("resource", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "revision", "seq", name=op.f("pk_audit")),
    )
    op.create_table(
        "caller",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("tenants", sa.Text(), nullable=False),
        sa.Column("lookup_id", sa.String(), nullable=False),
        sa.Column("pepper_id", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_caller")),
        sa.UniqueConstraint("lookup_id", name=op.f("uq_caller_lookup_id")),
    )
    op.create_table(
        "change",
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "revision", "seq", name=op.f("pk_change")),
    )
    op.create_table(
        "change_stream",
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("audit_head", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("stream", name=op.f("pk_change_stream")),
    )
    op.create_table(
        "key_check",
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_key_check")),
    )
    op.create_table(
        "receipt",
        sa.Column("caller", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("master_id", sa.String(), nullable=False),
        sa.Column("box", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("caller", "request_id", name=op.f("pk_receipt")),
    )
    op.create_index(op.f("ix_receipt_created_at"), "receipt", ["created_at"], unique=False)

    op.create_table(
        "tenant",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("versions", sa.Text(), nullable=False),
        sa.Column("parties", sa.Text(), nullable=False),
        sa.Column("endpoints", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("public_url", sa.String(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenant")),
    )
    op.create_table(
        "data_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("master_id", sa.String(), nullable=False),
        sa.Column("box", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.id"], name=op.f("fk_data_key_tenant_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_key")),
        sa.UniqueConstraint("tenant", name=op.f("uq_data_key_tenant")),
    )
    op.create_table(
        "peer",
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("newest_version", sa.String(), nullable=True),
        sa.Column("versions_url", sa.String(), nullable=True),
        sa.Column("hub", sa.String(), nullable=True),
        sa.Column("header_form", sa.String(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=True),
        sa.Column("lease", sa.String(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('INVITED', 'REGISTERED', 'UNREGISTERED')", name=op.f("ck_peer_state")),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.id"], name=op.f("fk_peer_tenant_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_peer")),
        sa.UniqueConstraint("tenant", "id", name=op.f("uq_peer_tenant")),
    )
    op.create_table(
        "exchange",
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("peer_uid", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("deadline_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('POST', 'PUT', 'DELETE')", name=op.f("ck_exchange_kind")),
        sa.CheckConstraint("outcome IN ('RUNNING', 'SUCCEEDED', 'REFUSED')", name=op.f("ck_exchange_outcome")),
        sa.ForeignKeyConstraint(["peer_uid"], ["peer.uid"], name=op.f("fk_exchange_peer_uid_peer"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_exchange")),
    )
    op.create_index("ix_exchange_peer_uid_started_at", "exchange", ["peer_uid", "started_at"], unique=False)

    op.create_table(
        "held_token",
        sa.Column("peer_uid", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("box", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["peer_uid"], ["peer.uid"], name=op.f("fk_held_token_peer_uid_peer"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("peer_uid", name=op.f("pk_held_token")),
    )
    op.create_table(
        "issued_token",
        sa.Column("lookup_id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("peer_uid", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("pepper_id", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=True),
        sa.Column("first_used_at", sa.BigInteger(), nullable=True),
        sa.Column("reused_at", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.CheckConstraint("purpose IN ('INVITATION', 'MAIN')", name=op.f("ck_issued_token_purpose")),
        sa.CheckConstraint("state IN ('ACTIVE', 'RETIRING', 'REVOKED')", name=op.f("ck_issued_token_state")),
        sa.ForeignKeyConstraint(
            ["peer_uid"], ["peer.uid"], name=op.f("fk_issued_token_peer_uid_peer"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("lookup_id", name=op.f("pk_issued_token")),
    )
    op.create_index(op.f("ix_issued_token_peer_uid"), "issued_token", ["peer_uid"], unique=False)
    op.create_index(
        "ux_issued_token_live",
        "issued_token",
        ["peer_uid", "state"],
        unique=True,
        sqlite_where=sa.text("state <> 'REVOKED'"),
        postgresql_where=sa.text("state <> 'REVOKED'"),
    )

    op.create_table(
        "peer_endpoint",
        sa.Column("peer_uid", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("module", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("url", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["peer_uid"], ["peer.uid"], name=op.f("fk_peer_endpoint_peer_uid_peer"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("peer_uid", "position", name=op.f("pk_peer_endpoint")),
    )
    op.create_table(
        "peer_party",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("country_code", sa.String(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("peer_uid", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["peer_uid"], ["peer.uid"], name=op.f("fk_peer_party_peer_uid_peer"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant", "country_code", "party_id", "role", name=op.f("pk_peer_party")),
    )
    op.create_index(op.f("ix_peer_party_peer_uid"), "peer_party", ["peer_uid"], unique=False)
    op.execute(
        sa.text("INSERT INTO change_stream (stream, revision, audit_head) VALUES ('main', 0, :head)").bindparams(
            sa.bindparam("head", bytes(32), sa.LargeBinary())
        )
    )


def downgrade() -> None:
    for table in (
        "peer_party",
        "peer_endpoint",
        "issued_token",
        "held_token",
        "exchange",
        "peer",
        "data_key",
        "tenant",
        "receipt",
        "key_check",
        "change_stream",
        "change",
        "caller",
        "audit",
    ):
        op.drop_table(table)
