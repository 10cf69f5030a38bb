"""Connections that existed before: what we do about a peer's tokens, and tokens that another system has issued."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _add_checked("lifecycle", "VARCHAR NOT NULL DEFAULT 'MANAGED'", "lifecycle IN ('MANAGED', 'MANUAL')")
    _add_checked("rotation_period", "BIGINT", "rotation_period >= 0")
    _add_checked("renewal", "VARCHAR NOT NULL DEFAULT 'PUT'", "renewal IN ('PUT', 'REREGISTER')")
    op.add_column("issued_token", sa.Column("weak", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("issued_token", sa.Column("kept_key_id", sa.String(), nullable=True))
    op.add_column("issued_token", sa.Column("kept_box", sa.LargeBinary(), nullable=True))


def _add_checked(column: str, kind: str, check: str) -> None:
    """In one statement, which both databases know: SQLite adds no check to a table that is there."""
    op.execute(f"ALTER TABLE peer ADD COLUMN {column} {kind} CONSTRAINT ck_peer_{column} CHECK ({check})")
