"""A held token has a form of its own and may not have worked yet; tokens given to repeats; what operators should see.

The form that a peer had stays that of the token that we hold.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATES = ("PROVISIONAL", "ACTIVE", "RETIRING", "RESENT", "REVOKED")
PURPOSES = ("INVITATION", "MAIN")
ONE_PER_STATE = "state NOT IN ('RESENT', 'REVOKED')"


def upgrade() -> None:
    op.add_column("peer", sa.Column("notices", sa.Text(), nullable=False, server_default="[]"))
    _held_tokens()
    _issued_tokens()
    op.drop_column("peer", "form_out")


def _held_tokens() -> None:
    """Made anew, since the primary key changes."""
    op.execute("CREATE TABLE held_token_before AS SELECT peer_uid, key_id, box, created_at FROM held_token")
    op.drop_table("held_token")
    op.create_table(
        "held_token",
        sa.Column("peer_uid", sa.String(), nullable=False),
        sa.Column("proven", sa.Boolean(), nullable=False),
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
        sa.PrimaryKeyConstraint("peer_uid", "proven", name=op.f("pk_held_token")),
    )
    op.execute(
        "INSERT INTO held_token (peer_uid, proven, key_id, box, created_at, form, tries, next_try_at) "
        "SELECT h.peer_uid, TRUE, h.key_id, h.box, h.created_at, p.form_out, 0, 0 "
        "FROM held_token_before h JOIN peer p ON p.uid = h.peer_uid"
    )
    op.drop_table("held_token_before")


def _issued_tokens() -> None:
    anew = op.get_bind().dialect.name == "sqlite"
    op.drop_index("ux_issued_token_live", "issued_token")
    with op.batch_alter_table("issued_token", recreate="always" if anew else "never") as batch:
        for column, values in (("purpose", PURPOSES), ("state", STATES)):
            name = op.f(f"ck_issued_token_{column}")
            if not anew:
                batch.drop_constraint(name, type_="check")
            batch.create_check_constraint(name, f"{column} IN ({', '.join(map(repr, values))})")
    op.create_index(
        "ux_issued_token_live",
        "issued_token",
        ["peer_uid", "state"],
        unique=True,
        sqlite_where=sa.text(ONE_PER_STATE),
        postgresql_where=sa.text(ONE_PER_STATE),
    )
