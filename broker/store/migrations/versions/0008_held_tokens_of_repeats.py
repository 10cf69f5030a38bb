"""What a repeat brings, and is given, stands beside what the exchange has brought that it repeats, and has given."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("issued_token", sa.Column("repeat_of", sa.String(), nullable=True))
    _held_tokens()


def _held_tokens() -> None:
    """Made anew, since the primary key changes."""
    op.execute("CREATE TABLE held_token_before AS SELECT * FROM held_token")
    op.drop_table("held_token")
    op.create_table(
        "held_token",
        sa.Column("peer_uid", sa.String(), nullable=False),
        sa.Column("proven", sa.Boolean(), nullable=False),
        sa.Column("of_repeat", sa.Boolean(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("box", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("form", sa.String(), nullable=True),
        sa.Column("finding", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["peer_uid"], ["peer.uid"], name=op.f("fk_held_token_peer_uid_peer"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("peer_uid", "proven", "of_repeat", name=op.f("pk_held_token")),
    )
    op.execute(
        "INSERT INTO held_token "
        "(peer_uid, proven, of_repeat, key_id, box, created_at, form, finding, tries, next_try_at) "
        "SELECT peer_uid, proven, FALSE, key_id, box, created_at, form, finding, tries, next_try_at "
        "FROM held_token_before"
    )
    op.drop_table("held_token_before")
