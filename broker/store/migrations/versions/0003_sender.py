"""What being the Sender needs: jobs, tokens that are offered but not accepted yet, exchanges of ours."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# A table that SQLite makes anew loses its checks: all of them are said again.
CHECKS: dict[str, dict[str, tuple[str, ...]]] = {
    "peer": {"state": ("INVITED", "CONNECTING", "REGISTERED", "UNREGISTERED")},
    "issued_token": {
        "purpose": ("INVITATION", "MAIN"),
        "state": ("PROVISIONAL", "ACTIVE", "RETIRING", "REVOKED"),
    },
    "exchange": {
        "kind": ("POST", "PUT", "DELETE"),
        "outcome": ("RUNNING", "SUCCEEDED", "REFUSED", "UNKNOWN"),
        "direction": ("INBOUND", "OUTBOUND"),
    },
}


def upgrade() -> None:
    op.add_column("peer", sa.Column("used_access", sa.LargeBinary(), nullable=True))
    op.add_column("issued_token", sa.Column("received_at", sa.BigInteger(), nullable=True))
    op.add_column("exchange", sa.Column("direction", sa.String(), nullable=False, server_default="INBOUND"))
    for table, checks in CHECKS.items():
        _restate(table, checks)
    op.create_table(
        "job",
        sa.Column("peer_uid", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("versions_url", sa.String(), nullable=True),
        sa.Column("scheduled", sa.Boolean(), nullable=False),
        sa.Column("force", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=False),
        sa.Column("access_key_id", sa.String(), nullable=True),
        sa.Column("access_box", sa.LargeBinary(), nullable=True),
        sa.Column("offered_lookup_id", sa.String(), nullable=True),
        sa.Column("offered_key_id", sa.String(), nullable=True),
        sa.Column("offered_box", sa.LargeBinary(), nullable=True),
        sa.Column("sent_version", sa.String(), nullable=True),
        sa.Column("confirming", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("lease", sa.String(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('POST', 'PUT', 'DELETE')", name=op.f("ck_job_kind")),
        sa.CheckConstraint("state IN ('WAITING', 'FAILED')", name=op.f("ck_job_state")),
        sa.ForeignKeyConstraint(["peer_uid"], ["peer.uid"], name=op.f("fk_job_peer_uid_peer"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("peer_uid", name=op.f("pk_job")),
    )
    op.create_index("ix_job_state_next_attempt_at", "job", ["state", "next_attempt_at"])


def _restate(table: str, checks: dict[str, tuple[str, ...]]) -> None:
    anew = op.get_bind().dialect.name == "sqlite"
    with op.batch_alter_table(table, recreate="always" if anew else "never") as batch:
        for column, values in checks.items():
            name = op.f(f"ck_{table}_{column}")
            if not anew and column != "direction":
                batch.drop_constraint(name, type_="check")
            batch.create_check_constraint(name, f"{column} IN ({', '.join(map(repr, values))})")
