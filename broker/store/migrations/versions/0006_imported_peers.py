"""Connections that existed before: what we do about a peer's tokens, and tokens that another system has issued."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("peer", sa.Column("lifecycle", sa.String(), nullable=False, server_default="MANAGED"))
    op.add_column("peer", sa.Column("rotation_period", sa.BigInteger(), nullable=True))
    op.add_column("peer", sa.Column("renewal", sa.String(), nullable=False, server_default="PUT"))
    op.add_column("issued_token", sa.Column("weak", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("issued_token", sa.Column("kept_key_id", sa.String(), nullable=True))
    op.add_column("issued_token", sa.Column("kept_box", sa.LargeBinary(), nullable=True))
