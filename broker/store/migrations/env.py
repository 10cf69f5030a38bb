"""Alembic's entry: run all pending migrations in one transaction that only one process at a time can be in."""

from alembic import context
from sqlalchemy import Connection, text

from broker.store.engine import migration_engine
from broker.store.tables import metadata

_LOCK = 0x6F637069


def run(url: str) -> None:
    engine = migration_engine(url)
    with engine.connect() as connection:
        context.configure(
            connection=connection, target_metadata=metadata, render_as_batch=connection.dialect.name == "sqlite"
        )
        with context.begin_transaction():
            _exclude_others(connection)
            context.run_migrations()
    engine.dispose()


def _exclude_others(connection: Connection) -> None:
    """SQLite has begun IMMEDIATE already; on PostgreSQL the lock ends with the transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


run(context.config.attributes["url"])
