"""Transactions: reads, changes with change log and audit, jottings without; repeated when the database is busy.

A change writes what it changed and who did it into the change log and the audit chain, as the last statements of the
same transaction, under the lock of one row: revisions become visible in order and without gaps. A jotting (a lease, a
counter) is nobody's news and writes neither. Work is a function that can run again: races lost to the database's
serialisation are repeated. It is plain code in one thread: awaiting each statement costs several times more.
"""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlmodel import Session, SQLModel, col

from broker.errors import StoreUnavailableError
from broker.store import audit
from broker.store.engine import Engines
from broker.store.outage import Outage
from broker.store.tables import STREAM, ChangeRow, ChangeStreamRow

T = TypeVar("T")
Reading: TypeAlias = Session
"""What a read is given: SQL is for the store alone, its callers only hand this on."""

_ATTEMPTS = 10
_RETRIED_STATES = frozenset({"40001", "40P01", "55P03"})
_AWAY_STATES = frozenset({"25006", "25P03"})
"""The server became a standby, or ended a transaction that stood still. The driver takes both for errors of ours."""


@dataclass(slots=True)
class Transaction:
    """A session and what will be logged of it. now is in microseconds."""

    session: Session
    now: int
    actor: str = ""
    _changes: list[tuple[str, str]] = field(default_factory=list)
    _audits: list[dict[str, str]] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)
    """What has come to an end by this transaction; those who listen hear of it when it is committed."""

    def changed(self, kind: str, key: str) -> None:
        """Tell every broker that this thing must be read again."""
        self._changes.append((kind, key))

    def audit(self, action: str, tenant: str, resource: str, *, actor: str | None = None, **detail: Any) -> None:
        """Write down who did what; detail never holds a token. The actor is the transaction's unless given."""
        text = json.dumps(detail, sort_keys=True, separators=(",", ":"))
        who = self.actor if actor is None else actor
        self._audits.append({"actor": who, "action": action, "tenant": tenant, "resource": resource, "detail": text})

    def insert_new(self, table: type[SQLModel], **values: Any) -> bool:
        """Insert a row unless its key is taken; whether it was inserted. The database decides races."""
        return bool(self.insert_free(table, [values]))

    def insert_free(self, table: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> set[tuple[Any, ...]]:
        """Insert the rows whose keys are free; their primary keys."""
        statement = _insert_for(self.session)(table).on_conflict_do_nothing()
        key = table.__table__.primary_key.columns  # type: ignore[attr-defined]  # SQLModel adds __table__ at run time
        # Rows as parameters: SQLAlchemy keeps the compiled statement, which it does not for a list of values.
        inserted = self.session.exec(statement.returning(*key), params=rows)
        return {tuple(row) for row in inserted.all()}

    def log(self) -> int | None:
        """The last statements of a change: take the revision, write both logs. None if there is nothing to log."""
        if not self._changes and not self._audits:
            return None
        taken = self.session.exec(
            update(ChangeStreamRow)
            .where(col(ChangeStreamRow.stream) == STREAM)
            .values(revision=col(ChangeStreamRow.revision) + 1)
            .returning(col(ChangeStreamRow.revision), col(ChangeStreamRow.audit_head))
        )
        revision, head = taken.one()
        self._log_changes(revision)
        audit.append(self.session, bytes(head), revision, self.now, self._audits)
        return int(revision)

    def _log_changes(self, revision: int) -> None:
        rows = [
            {"stream": STREAM, "revision": revision, "seq": seq, "kind": kind, "key": key, "at": self.now}
            for seq, (kind, key) in enumerate(dict.fromkeys(self._changes))
        ]
        if rows:
            self.session.exec(insert(ChangeRow), params=rows)


class Store:
    """Opens transactions, each wholly in a thread of the store's own. clock gives microseconds since 1970.

    A transaction runs to its end even when whoever waits for it goes away.
    """

    def __init__(self, engines: Engines, clock: Callable[[], int]) -> None:
        self._engines = engines
        self._clock = clock
        self._listeners: list[Callable[[], Awaitable[None]]] = []
        self._told: list[Callable[[Any, int], None]] = []
        self.outage = Outage()
        self._readers = ThreadPoolExecutor(engines.readers, thread_name_prefix="store-read")
        self._writers = ThreadPoolExecutor(engines.writers, thread_name_prefix="store-write")

    @property
    def dialect(self) -> str:
        return str(self._engines.writes.dialect.name)

    def on_change(self, listener: Callable[[], Awaitable[None]]) -> None:
        """Await this after each change committed here, before its result is returned. It must not raise."""
        self._listeners.append(listener)

    def on_told(self, listener: Callable[[Any, int], None]) -> None:
        """Call this for each thing that a transaction of ours has told, with the time of that, after its commit."""
        self._told.append(listener)

    async def clock_offset(self) -> int:
        """Microseconds by which the database's clock is ahead of ours; zero on SQLite, which has none of its own."""
        if self.dialect == "sqlite":
            return 0

        def ask(session: Session) -> int:
            before = time.time_ns() // 1000
            theirs = session.scalar(select(func.extract("epoch", func.clock_timestamp()))) or 0
            after = time.time_ns() // 1000
            return int(theirs * 1_000_000) - (before + after) // 2

        return await self.read(ask)

    async def read(self, work: Callable[[Session], T]) -> T:
        """Run a read-only transaction. Raises StoreUnavailableError."""

        def once() -> T:
            with Session(self._engines.reads, expire_on_commit=False) as session:
                return work(session)

        return await self._persist(self._readers, once)

    async def change(self, actor: str, work: Callable[[Transaction], T]) -> T:
        """Run a transaction that changes things, and log it. Raises StoreUnavailableError."""
        loop = asyncio.get_running_loop()

        def once() -> T:
            with Session(self._engines.writes, expire_on_commit=False) as session:
                transaction = Transaction(session, self._clock(), actor)
                result = work(transaction)
                transaction.log()
                session.commit()
                self._tell(loop, transaction)
                return result

        result = await self._persist(self._writers, once)
        for listener in self._listeners:
            await listener()
        return result

    async def jot(self, work: Callable[[Transaction], T]) -> T:
        """Run a transaction whose content is not news: leases, exchange records, counters."""
        loop = asyncio.get_running_loop()

        def once() -> T:
            with Session(self._engines.writes, expire_on_commit=False) as session:
                transaction = Transaction(session, self._clock())
                result = work(transaction)
                session.commit()
                self._tell(loop, transaction)
                return result

        return await self._persist(self._writers, once)

    async def aclose(self) -> None:
        """Wait for the transactions that run, then close all connections."""
        for threads in (self._readers, self._writers):
            await asyncio.to_thread(threads.shutdown)
        self._engines.dispose()

    def _tell(self, loop: asyncio.AbstractEventLoop, committed: Transaction) -> None:
        """From the store's thread, so that it is told also if nobody waits for the transaction any more."""
        for thing in committed.told:
            for listener in self._told:
                loop.call_soon_threadsafe(listener, thing, committed.now)

    async def _persist(self, threads: ThreadPoolExecutor, once: Callable[[], T]) -> T:
        """Repeat what the database refused for its own reasons; say plainly when it is away."""
        loop = asyncio.get_running_loop()
        for attempt in range(_ATTEMPTS):
            try:
                result = await loop.run_in_executor(threads, once)
            except (DBAPIError, PoolTimeoutError, OSError) as err:
                if not _is_store_failure(err):
                    raise
                if attempt + 1 == _ATTEMPTS or not _may_repeat(err):
                    self.outage.failed(err)
                    raise StoreUnavailableError("the database does not answer; try again") from err
                self.outage.repeated()
            else:
                self.outage.succeeded()
                return result
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  jitter, no secret
        raise AssertionError("unreachable")


def _is_store_failure(err: Exception) -> bool:
    """Whether the database is busy or away, rather than our statement wrong."""
    away = isinstance(err, OperationalError | InterfaceError | PoolTimeoutError | OSError)
    return away or _may_repeat(err) or _sqlstate(err) in _AWAY_STATES


def _may_repeat(err: Exception) -> bool:
    cause = getattr(err, "orig", None)
    busy = "database is locked" in str(cause) or "database is busy" in str(cause)
    return busy or _sqlstate(err) in _RETRIED_STATES


def _sqlstate(err: Exception) -> str | None:
    """PostgreSQL's code for what happened; SQLite has none."""
    return getattr(getattr(err, "orig", None), "sqlstate", None)


def _insert_for(session: Session) -> Any:
    """Both dialects offer ON CONFLICT with the same words, in modules of their own."""
    name = session.get_bind().dialect.name
    return sqlite.insert if name == "sqlite" else postgresql.insert
