"""Whether connections work: what probes have found, and when the next is due. Who is registered waits for a turn."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_FAILING = sa.text("state = 'FAILING'")


def upgrade() -> None:
    op.create_table(
        "peer_health",
        sa.Column("peer_uid", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("trouble", sa.String(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("failing_from", sa.BigInteger(), nullable=True),
        sa.Column("last_probe", sa.BigInteger(), nullable=True),
        sa.Column("last_in", sa.BigInteger(), nullable=True),
        sa.Column("last_out", sa.BigInteger(), nullable=True),
        sa.Column("next_probe_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('UNKNOWN', 'OK', 'FAILING')", name=op.f("ck_peer_health_state")),
        sa.ForeignKeyConstraint(
            ["peer_uid"], ["peer.uid"], name=op.f("fk_peer_health_peer_uid_peer"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("peer_uid", name=op.f("pk_peer_health")),
    )
    op.create_index("ix_peer_health_next_probe_at_tenant", "peer_health", ["next_probe_at", "tenant"])
    op.create_index(
        "ix_peer_health_failing",
        "peer_health",
        ["tenant", "peer_uid"],
        sqlite_where=_FAILING,
        postgresql_where=_FAILING,
    )
    op.execute(
        "INSERT INTO peer_health (peer_uid, tenant, state, next_probe_at) "
        "SELECT uid, tenant, 'UNKNOWN', -1 FROM peer JOIN held_token ON peer_uid = uid"
    )
