"""A database of its own for a test, and every byte that it keeps."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql

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


@dataclass(frozen=True, slots=True)
class PostgresDatabase:
    server: postgres.Server
    name: str

    @property
    def url(self) -> str:
        return self.server.database(self.name)

    def dump(self) -> bytes:
        return self.server.dump(self.name)

    def tables(self) -> list[str]:
        return [row[0] for row in self.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]

    def execute(self, statement: str) -> Sequence[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(sql.SQL(statement))  # type: ignore[arg-type]  # statements of tests
            return cursor.fetchall() if cursor.description else []


@contextmanager
def fresh(kind: str, folder: Path, server: postgres.Server | None) -> Iterator[Database]:
    """An empty database of this kind, removed afterwards."""
    if server is None or kind == "sqlite":
        yield SqliteDatabase(folder / "broker.db")
        return
    name = server.create()
    try:
        yield PostgresDatabase(server, name)
    finally:
        server.drop(name)
