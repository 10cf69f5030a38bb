"""What a peer needs beyond the specification, and what it may do below the tenant's rules.

A hub is known by its party in the role HUB, which is stored already.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("peer", "hub")
    op.alter_column("peer", "header_form", new_column_name="form_out")
    op.add_column("peer", sa.Column("form_in", sa.String(), nullable=True))
    for name in ("draft", "may_downgrade"):
        op.add_column("peer", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    for name, empty in (("quirks", "{}"), ("versions", "[]"), ("requested", "[]")):
        op.add_column("peer", sa.Column(name, sa.Text(), nullable=False, server_default=empty))
    op.add_column("exchange", sa.Column("warnings", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("exchange", sa.Column("quirk", sa.String(), nullable=True))
