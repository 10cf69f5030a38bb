"""Connections: one SQLite file with a single writer, or PostgreSQL. The rest of the code does not see which.

SQLite: WAL with full synchronisation; every write transaction begins IMMEDIATE on the one writing connection, which
also owns checkpoints; readers cannot write. PostgreSQL: READ COMMITTED, time limits on locks and statements.
"""

import sqlite3
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool

_BUSY_MILLISECONDS = 5000
_READERS = 4
_POOL = 10
_POSTGRES_LIMITS = "-c lock_timeout=5s -c statement_timeout=10s -c idle_in_transaction_session_timeout=15s"


@dataclass(frozen=True, slots=True)
class Engines:
    """Where to read and where to write; the same engine on PostgreSQL."""

    reads: AsyncEngine
    writes: AsyncEngine

    async def dispose(self) -> None:
        await self.reads.dispose()
        await self.writes.dispose()


def database_url(text: str) -> URL:
    """The URL with our driver. Raises ValueError for anything but SQLite and PostgreSQL."""
    url = make_url(text)
    match url.get_backend_name():
        case "sqlite":
            return url.set(drivername="sqlite+aiosqlite")
        case "postgresql":
            return url.set(drivername="postgresql+psycopg")
    raise ValueError("the database URL must start with sqlite:// or postgresql://")


def connect(text: str) -> Engines:
    url = database_url(text)
    return _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)


def migration_engine(text: str) -> Engine:
    """A synchronous engine for migrations, under the same rules."""
    url = database_url(text)
    if url.get_backend_name() == "postgresql":
        return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args={"connect_timeout": 5})
    engine = create_engine(url.set(drivername="sqlite"), poolclass=NullPool, hide_parameters=True)
    _prepare(engine, "BEGIN IMMEDIATE", ["journal_mode=WAL"])
    return engine


def _sqlite(url: URL) -> Engines:
    writes = _create(url, pool_size=1, max_overflow=0, connect_args={"timeout": _BUSY_MILLISECONDS / 1000})
    reads = _create(url, pool_size=_READERS, max_overflow=0, connect_args={"timeout": _BUSY_MILLISECONDS / 1000})
    _prepare(writes.sync_engine, "BEGIN IMMEDIATE", ["journal_mode=WAL", "wal_autocheckpoint=1000"])
    _prepare(reads.sync_engine, "BEGIN", ["wal_autocheckpoint=0", "query_only=ON"])
    return Engines(reads, writes)


def _postgresql(url: URL) -> Engines:
    engine = _create(
        url,
        pool_size=_POOL,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={"options": _POSTGRES_LIMITS, "prepare_threshold": None, "connect_timeout": 5},
    )
    return Engines(engine, engine)


def _create(url: URL, **options: Any) -> AsyncEngine:
    """hide_parameters: an error's text must not carry values."""
    return create_async_engine(url, poolclass=AsyncAdaptedQueuePool, hide_parameters=True, pool_timeout=5, **options)


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
