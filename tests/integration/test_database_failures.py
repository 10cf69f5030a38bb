"""A database that is damaged, busy or away."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, InternalError, OperationalError

from broker.clock import Clock
from broker.crypto import minting
from broker.errors import StoreUnavailableError
from broker.memory import authenticator, disclosures, readmodel
from broker.store import engine, transactions
from broker.store.transactions import Store
from ocpi_broker.v1 import admin_service_pb2, tenant_service_pb2, token_service_pb2
from tests import database as databases
from tests import postgres
from tests import stack as stacks
from tests.database import Database
from tests.integration.inspection import disclosed, row_of, second_broker, soon
from tests.peer import encoded
from tests.stack import Stack, reason

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]


async def test_a_damaged_row_stops_nobody_else(own_stack: Stack) -> None:
    """What was known of its peer stays: a 401 would make the peer give up. A start copes with it as well."""
    home = await own_stack.home()
    async with own_stack.guest(home) as damaged, own_stack.guest(home) as sound:
        await damaged.sender.register()
        await sound.sender.register()
        uid = row_of(own_stack.database, damaged.name)
        own_stack.database.execute(f"UPDATE peer SET terms = 'SPOILT' WHERE uid = '{uid}'")

        assert (await damaged.sender.versions()).outcome == (200, 1000)  # its first use: the row is read anew
        assert (await damaged.sender.versions()).outcome == (200, 1000)
        await sound.sender.rotate()
        assert (await sound.sender.versions()).outcome == (200, 1000)
        async with second_broker(own_stack) as admin:
            ask = token_service_pb2.VerifyTokenRequest(authorization=encoded(sound.sender.token), module="locations")
            assert (await admin.tokens.VerifyToken(ask)).valid


async def test_memory_answers_for_a_limited_time_only(
    event_loop_for_all: None, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F10: with the database away peers are served as before, until a block or a DELETE may have been missed."""
    monkeypatch.setitem(readmodel.ReadModel.__init__.__kwdefaults__, "max_staleness", 0.8)
    async with stacks.running(tmp_path, database) as stack:
        home = await stack.home()
        async with stack.guest(home) as guest:
            await guest.sender.register()
            await guest.sender.versions()
            one = token_service_pb2.GetPeerTokenRequest(peer=guest.name)
            batch = token_service_pb2.BatchGetPeerTokensRequest(parent=home.name, requests=[one])

            async def ask() -> set[str]:
                calls = home.held(guest.name), stack.tokens.BatchGetPeerTokens(batch), home.verify(guest.sender.token)
                answers = await asyncio.gather(*calls, return_exceptions=True)
                return {reason(answer) if isinstance(answer, grpc.RpcError) else "" for answer in answers}

            with monkeypatch.context() as away:
                away.setattr(Store, "read", _away)
                assert await ask() == {""}
                await asyncio.sleep(1)
                assert await ask() == {"STORE_UNAVAILABLE"}
                assert (await guest.sender.versions()).status == 503

            async def back() -> bool:
                return await ask() == {""}

            assert await soon(back)
            assert (await guest.sender.versions()).outcome == (200, 1000)


async def test_a_token_works_before_its_first_use_can_be_written(
    own_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database takes the connection and hangs. One note waits for it, however often the token is used."""
    change, answers = Store.change, asyncio.Event()
    waiting: list[str] = []

    async def hang(store: Store, actor: str, work: Any) -> Any:
        waiting.append(actor)
        await answers.wait()
        return await change(store, actor, work)

    monkeypatch.setattr(authenticator, "_PATIENCE_SECONDS", 0.2)
    home = await own_stack.home()
    async with own_stack.guest(home) as guest:
        await guest.sender.register()
        with monkeypatch.context() as hanging:
            hanging.setattr(Store, "change", hang)
            assert (await guest.sender.versions()).outcome == (200, 1000)
            assert [(await home.verify(guest.sender.token)).valid for _ in range(3)] == [True] * 3
            assert waiting.count(guest.name) == 1

            assert (await home.peer(guest.name)).unconfirmed
        answers.set()

        async def confirmed() -> bool:
            return not (await home.peer(guest.name)).unconfirmed

        assert await soon(confirmed)


async def _away(*_: Any) -> None:
    await asyncio.sleep(0.05)
    raise StoreUnavailableError("the database is away")


async def test_nobody_takes_the_failed_look_of_another_for_an_answer(
    own_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls at the same time share a look into the database. If it fails, it fails for all: a 401 is for ever."""
    home = await own_stack.home()
    unknown = minting.mint(minting.SecretKind.ISSUED_TOKEN)
    monkeypatch.setattr(Store, "read", _away)

    answers = await asyncio.gather(*(home.verify(unknown) for _ in range(10)), return_exceptions=True)

    assert [reason(answer) for answer in answers if isinstance(answer, grpc.RpcError)] == ["STORE_UNAVAILABLE"] * 10


async def test_what_was_counted_is_not_lost_to_a_stop_while_the_database_is_busy(
    event_loop_for_all: None, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stop comes while a write waits for its next attempt."""
    monkeypatch.setattr(disclosures, "_INTERVAL_SECONDS", 0.05)
    monkeypatch.setattr(transactions.random, "uniform", lambda *_: 0.5)
    log, busy = transactions.Transaction.log, asyncio.Event()

    def log_unless_busy(transaction: transactions.Transaction) -> int | None:
        if busy.is_set():
            raise LOCKED
        return log(transaction)

    monkeypatch.setattr(transactions.Transaction, "log", log_unless_busy)
    async with stacks.running(tmp_path, database) as stack:
        home = await stack.home()
        async with stack.guest(home) as guest:
            await guest.sender.register()
            busy.set()
            await home.held(guest.name)
            await asyncio.sleep(0.3)
            busy.clear()

    assert disclosed(database) == [("callers/admin", guest.name, 1)]


async def test_what_was_counted_outlasts_a_database_that_is_away(
    own_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token was given out meanwhile, from memory: that is written down as soon as it can be."""
    monkeypatch.setattr(disclosures, "_INTERVAL_SECONDS", 0.05)
    home = await own_stack.home()
    async with own_stack.guest(home) as guest:
        await guest.sender.register()
        await guest.sender.versions()
        with monkeypatch.context() as away:
            away.setattr(Store, "change", _away)
            await home.held(guest.name)
            await asyncio.sleep(1)
            assert not disclosed(own_stack.database)
            await home.held(guest.name)

        async def written() -> bool:
            return sum(times for _, _, times in disclosed(own_stack.database)) == 2

        assert await soon(written)


LOCKED = OperationalError("", {}, sqlite3.OperationalError("database is locked"))
SERIALISATION = DBAPIError("", {}, psycopg.errors.SerializationFailure())
DEADLOCK = DBAPIError("", {}, psycopg.errors.DeadlockDetected())


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A store of an empty file, for work that needs no tables."""
    one = Store(engine.connect(f"sqlite:///{tmp_path / 'broker.db'}"), Clock())
    yield one
    await one.aclose()


def _failing(times: int, error: Exception) -> tuple[list[int], Callable[[Any], str]]:
    """Work that fails so many times first, and how often it was done."""
    runs: list[int] = []

    def work(_: Any) -> str:
        runs.append(1)
        if len(runs) <= times:
            raise error
        return "done"

    return runs, work


@pytest.mark.parametrize("error", [LOCKED, SERIALISATION, DEADLOCK], ids=["locked", "serialisation", "deadlock"])
async def test_a_race_that_the_database_lost_for_us_is_run_again(store: Store, error: Exception) -> None:
    for perform in (store.read, store.jot, partial(store.change, "test")):
        runs, work = _failing(2, error)

        assert await perform(work) == "done"
        assert len(runs) == 3


async def test_a_database_that_only_reads_after_a_failover_is_said_to_be_away(
    postgres_server: postgres.Server, tmp_path: Path
) -> None:
    with databases.fresh("postgresql", tmp_path, postgres_server) as database:
        database.execute(f"ALTER DATABASE {make_url(database.url).database} SET default_transaction_read_only = on")
        standby = Store(engine.connect(database.url), Clock())

        with pytest.raises(StoreUnavailableError):
            await standby.jot(lambda tx: tx.session.connection().exec_driver_sql("CREATE TABLE one (id int)"))

        await standby.aclose()


async def test_a_database_that_stays_busy_is_said_to_be_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "_ATTEMPTS", 3)
    runs, work = _failing(100, LOCKED)

    with pytest.raises(StoreUnavailableError):
        await store.jot(work)

    assert len(runs) == 3


async def test_work_is_not_repeated_for_other_reasons(store: Store) -> None:
    """A connection that broke may have committed; a statement that is wrong stays wrong."""
    for error, told in (
        (OperationalError("", {}, sqlite3.OperationalError("disk I/O error")), StoreUnavailableError),
        (InternalError("", {}, psycopg.errors.IdleInTransactionSessionTimeout()), StoreUnavailableError),
        (IntegrityError("", {}, sqlite3.IntegrityError("UNIQUE constraint failed")), IntegrityError),
    ):
        runs, work = _failing(1, error)

        with pytest.raises(told):
            await store.jot(work)

        assert len(runs) == 1


async def test_a_damaged_caller_keeps_nobody_else_out_after_a_start(own_stack: Stack) -> None:
    home = await own_stack.home()
    await own_stack.caller(admin_service_pb2.CALLER_ROLE_READER, home.name)
    own_stack.database.execute("UPDATE caller SET tenants = 'SPOILT' WHERE role = 'reader'")

    async with second_broker(own_stack) as admin:
        await admin.tenants.GetTenant(tenant_service_pb2.GetTenantRequest(name=home.name))
