"""Connections: one SQLite file with a single writer, or PostgreSQL. The rest of the code does not see which.

SQLite: WAL with full synchronisation; every write transaction begins IMMEDIATE on the one writing connection, which
also owns checkpoints; readers cannot write. PostgreSQL: READ COMMITTED, time limits on locks and statements.
"""

import sqlite3
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.pool import NullPool, QueuePool

_BUSY_MILLISECONDS = 5000
_READERS = 4
_WRITERS = 6
# A database behind a dead network must be noticed: threads would wait for it.
_KEEPALIVE = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}
_POSTGRES_LIMITS = "-c lock_timeout=5s -c statement_timeout=10s -c idle_in_transaction_session_timeout=15s"


@dataclass(frozen=True, slots=True)
class Engines:
    """Where to read and where to write, and how many may at once; the same engine on PostgreSQL."""

    reads: Engine
    writes: Engine
    readers: int
    writers: int

    def dispose(self) -> None:
        self.reads.dispose()
        self.writes.dispose()


def database_url(text: str) -> URL:
    """The URL with our driver. Raises ValueError for anything but SQLite and PostgreSQL."""
    url = make_url(text)
    match url.get_backend_name():
        case "sqlite":
            return url.set(drivername="sqlite")
        case "postgresql":
            return url.set(drivername="postgresql+psycopg")
    raise ValueError("the database URL must start with sqlite:// or postgresql://")


def connect(text: str) -> Engines:
    url = database_url(text)
    return _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)


def migration_engine(text: str) -> Engine:
    """A synchronous engine for migrations, under the same rules.

    But for one: SQLite changes a table by making it anew, and dropping the old one must not take its children along.
    """
    url = database_url(text)
    if url.get_backend_name() == "postgresql":
        return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args={"connect_timeout": 5})
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    _prepare(engine, "BEGIN IMMEDIATE", ["journal_mode=WAL", "foreign_keys=OFF"])
    return engine


def _sqlite(url: URL) -> Engines:
    shared = {"timeout": _BUSY_MILLISECONDS / 1000, "check_same_thread": False}
    writes = _create(url, pool_size=1, connect_args=shared)
    reads = _create(url, pool_size=_READERS, connect_args=shared)
    _prepare(writes, "BEGIN IMMEDIATE", ["journal_mode=WAL", "wal_autocheckpoint=1000"])
    _prepare(reads, "BEGIN", ["wal_autocheckpoint=0", "query_only=ON"])
    return Engines(reads, writes, readers=_READERS, writers=1)


def _postgresql(url: URL) -> Engines:
    engine = _create(
        url,
        pool_size=_READERS + _WRITERS,
        pool_pre_ping=True,
        connect_args={"options": _POSTGRES_LIMITS, "prepare_threshold": None, "connect_timeout": 5, **_KEEPALIVE},
    )
    # A peer is read in several statements: they must see one state of it.
    snapshots = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Engines(snapshots, engine, readers=_READERS, writers=_WRITERS)


def _create(url: URL, **options: Any) -> Engine:
    """hide_parameters: an error's text must not carry values."""
    return create_engine(url, poolclass=QueuePool, max_overflow=0, hide_parameters=True, pool_timeout=5, **options)


def _prepare(engine: Engine, begin: str, pragmas: list[str]) -> None:
    """Take transaction control away from the driver, which would begin deferred (and then fail under load)."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        common = ["synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF", "secure_delete=ON", "mmap_size=0"]
        for pragma in [f"busy_timeout={_BUSY_MILLISECONDS}", *common, *pragmas]:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)


def sqlite_version() -> tuple[int, ...]:
    return sqlite3.sqlite_version_info
