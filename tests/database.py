"""A database of its own for a test, and every byte that it keeps."""

import atexit
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql

from broker.store import schema
from tests import postgres


class Database(Protocol):
    """What tests do with a database behind the broker's back."""

    url: str

    def dump(self) -> bytes:
        """All that a thief of the database would get."""

    def tables(self) -> list[str]: ...

    def execute(self, statement: str) -> Sequence[tuple[Any, ...]]: ...


@dataclass(frozen=True, slots=True)
class SqliteDatabase:
    file: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.file}"

    def dump(self) -> bytes:
        """The files themselves, write-ahead log and shared memory too."""
        files = sorted(self.file.parent.glob(f"{self.file.name}*"))
        assert self.file in files, "the broker keeps its data elsewhere"
        return b"".join(path.read_bytes() for path in files)

    def tables(self) -> list[str]:
        return [row[0] for row in self.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]

    def execute(self, statement: str) -> Sequence[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.file, timeout=10)) as connection, connection:
            return connection.execute(statement).fetchall()


@dataclass(slots=True)
class PostgresDatabase:
    """One connection for all that a test asks: the server starts a process for each."""

    server: postgres.Server
    name: str
    _connection: psycopg.Connection[Any] | None = None

    @property
    def url(self) -> str:
        return self.server.database(self.name)

    def dump(self) -> bytes:
        return self.server.dump(self.name)

    def tables(self) -> list[str]:
        return [row[0] for row in self.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]

    def execute(self, statement: str) -> Sequence[tuple[Any, ...]]:
        try:
            return self._executed(statement)
        except psycopg.OperationalError:
            if self._connection is None or not self._connection.closed:
                raise
            return self._executed(statement)  # the connection was ended from outside

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def admit(self, *, connections: bool) -> None:
        """Whether anybody may connect. Those who are connected when nobody may are thrown out."""
        self.server.admit(self.name, connections=connections)

    def _executed(self, statement: str) -> Sequence[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self.url, autocommit=True)
        cursor = self._connection.execute(sql.SQL(statement))  # type: ignore[arg-type]  # statements of tests
        return cursor.fetchall() if cursor.description else []


@contextmanager
def fresh(kind: str, folder: Path, server: postgres.Server | None, *, empty: bool = False) -> Iterator[Database]:
    """A database of this kind with today's schema and nothing in it, or without one; removed afterwards."""
    if server is None or kind == "sqlite":
        file = folder / "broker.db"
        if not empty:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_sqlite_template(), file)
        yield SqliteDatabase(file)
        return
    database = PostgresDatabase(server, server.create(None if empty else _postgres_template(server)))
    try:
        yield database
    finally:
        database.close()
        server.drop(database.name)


@cache
def _sqlite_template() -> Path:
    """Copying a database costs a tenth of migrating one."""
    folder = tempfile.TemporaryDirectory(prefix="ocpi-broker-template-")
    atexit.register(folder.cleanup)
    file = Path(folder.name) / "broker.db"
    schema.upgrade(f"sqlite:///{file}")
    return file


@cache
def _postgres_template(server: postgres.Server) -> str:
    name = server.create()
    schema.upgrade(server.database(name))
    return name
