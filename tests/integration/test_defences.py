"""Defences that show only when something is wrong: each of these tests fails if its defence is taken out."""

import asyncio
import gc
import json
import shutil
import sqlite3
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
import structlog
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, InternalError, OperationalError

from broker import limits
from broker.clock import Clock
from broker.config import Settings
from broker.contract.parties import announcement_to_pb
from broker.crypto import keys, minting
from broker.errors import StoreUnavailableError, TokenRejectedError, TooManyExchangesError
from broker.exchanges import leases, ourselves, receiver_loop
from broker.memory import authenticator, disclosures, readmodel
from broker.ocpi import DIALECTS
from broker.process import bootstrap, composition
from broker.rpc import ocpi_service as rpc_ocpi
from broker.store import engine, exchange_records, transactions
from broker.store.transactions import Store
from gateway import credentials
from ocpi_broker.v1 import (
    admin_service_pb2,
    ocpi_service_pb2,
    peer_service_pb2,
    resources_pb2,
    tenant_service_pb2,
    token_service_pb2,
)
from tests import database as databases
from tests import postgres
from tests import stack as stacks
from tests.database import Database
from tests.peer import Gate, Sender, Served, answering, encoded, new_party, new_token, platform_running, role
from tests.stack import Guest, Home, Stack, key_of, reason, services

pytestmark = pytest.mark.anyio

Outcome = resources_pb2.ExchangeOutcome


def _row(database: Database, name: str) -> str:
    """The uid of a peer's row."""
    tenant, peer = name.split("/")[1::2]
    return str(database.execute(f"SELECT uid FROM peer WHERE tenant = '{tenant}' AND id = '{peer}'")[0][0])


async def _exchanges(stack: Stack, name: str) -> list[resources_pb2.Exchange]:
    """Newest first."""
    answer = await stack.peers.ListExchanges(peer_service_pb2.ListExchangesRequest(parent=name, page_size=1000))
    return list(answer.exchanges)


async def _soon(holds: Callable[[], Awaitable[bool]], seconds: float = 5) -> bool:
    """Whether it comes to hold before the time is up."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await holds():
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


@asynccontextmanager
async def _second_broker(stack: Stack) -> AsyncIterator[stacks.Services]:
    """Another start over the same data, seen by an administrator."""
    async with (
        composition.running(replace(stack.settings, grpc="127.0.0.1:0")) as broker,
        services(broker.grpc, key_of(stack.settings.data_dir, "admin")) as admin,
    ):
        yield admin


# A token dies while something that it began is under way


async def test_a_put_whose_token_dies_meanwhile_is_not_committed(home: Home, registered: Guest) -> None:
    """F4: the first use of the new token ends the old one, also for a PUT with the old one that is open."""
    sender, theirs = registered.sender, new_token()
    await sender.versions()
    fresh = (await sender.put(token=theirs)).token
    gate = Gate()
    registered.platform.script["versions"] = gate
    late = asyncio.create_task(sender.put())
    await gate.reached.wait()

    assert (await home.verify(fresh)).valid
    gate.open()
    reply = await late

    assert reply.outcome == (401, 2000)
    assert (await home.held(registered.name)).token == theirs
    assert (await home.verify(fresh)).valid


async def test_a_delete_whose_token_dies_meanwhile_ends_nothing(
    home: Home, registered: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the reading of the peer and the transaction, which must look again."""
    await registered.sender.versions()
    fresh = (await registered.sender.put()).token
    read = receiver_loop.ReceiverLoop._situation

    async def slow(*args: Any) -> Any:
        situation = await read(*args)
        assert (await home.verify(fresh)).valid
        return situation

    monkeypatch.setattr(receiver_loop.ReceiverLoop, "_situation", slow)
    reply = await registered.sender.delete()

    assert reply.outcome == (401, 2000)
    assert (await home.peer(registered.name)).state == resources_pb2.PEER_STATE_REGISTERED
    assert (await home.verify(fresh)).valid


async def test_nothing_is_kept_of_a_registration_that_ended(stack: Stack, registered: Guest) -> None:
    """UN-02: not even what nobody is given any more."""
    uid = _row(stack.database, registered.name)
    await registered.sender.delete()

    kept = {
        table: stack.database.execute(f"SELECT count(*) FROM {table} WHERE peer_uid = '{uid}'")[0][0]
        for table in ("held_token", "peer_party", "peer_endpoint")
    }
    live = stack.database.execute(f"SELECT state FROM issued_token WHERE peer_uid = '{uid}' AND state <> 'REVOKED'")

    assert kept == {"held_token": 0, "peer_party": 0, "peer_endpoint": 0}
    assert not live


# The caller of an exchange goes away


def _register(gateway: stacks.Services, sender: Sender, token: str, correlation: str = "") -> Any:
    """The call that the gateway makes of the sender's POST."""
    announced = DIALECTS["2.2.1"].read_credentials(sender.credentials(token))
    return gateway.ocpi.Register(
        ocpi_service_pb2.RegisterRequest(
            call=ocpi_service_pb2.OcpiCall(
                tenant=sender.base.rpartition("/")[2], authorization=[encoded(sender.token)]
            ),
            version="2.2.1",
            announcement=announcement_to_pb(announced),
        ),
        metadata=(("x-correlation-id", correlation),),
    )


async def _hang_up(stack: Stack, sender: Sender, token: str) -> Gate:
    """A POST whose caller goes away in the middle: the gateway died, or its connection broke."""
    gate, correlation = Gate(), str(uuid.uuid4())
    sender.platform.script["details"] = gate
    sender.platform.accepted.add(token)
    sender.platform.correlations.add(correlation)
    async with stack.speaking(key_of(stack.settings.data_dir, "gateway")) as gateway:
        waiting = asyncio.ensure_future(_register(gateway, sender, token, correlation))
        await gate.reached.wait()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        await asyncio.sleep(0.3)
    return gate


def _raising(error: Exception) -> Callable[..., Any]:
    def work(*_args: Any, **_kwargs: Any) -> Any:
        raise error

    return work


async def test_an_exchange_is_finished_without_its_caller(stack: Stack, home: Home, guest: Guest) -> None:
    """F2: what was begun is not torn apart."""
    theirs = new_token()
    gate = await _hang_up(stack, guest.sender, theirs)

    gate.open()

    async def registered() -> bool:
        return (await home.peer(guest.name)).state == resources_pb2.PEER_STATE_REGISTERED

    assert await _soon(registered)
    assert (await home.held(guest.name)).token == theirs
    assert [one.outcome for one in await _exchanges(stack, guest.name)] == [Outcome.EXCHANGE_OUTCOME_SUCCEEDED]


@pytest.mark.parametrize(("error", "logged"), [(TokenRejectedError(), []), (RuntimeError(), ["defect"])])
async def test_a_refusal_that_nobody_waits_for_is_no_error(
    stack: Stack, guest: Guest, monkeypatch: pytest.MonkeyPatch, error: Exception, logged: list[str]
) -> None:
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_exception_handler", complaints.append)
    monkeypatch.setattr(receiver_loop.ReceiverLoop, "_commit", _raising(error))
    gate = await _hang_up(stack, guest.sender, new_token())

    async def over() -> bool:
        return [one.outcome for one in await _exchanges(stack, guest.name)] == [Outcome.EXCHANGE_OUTCOME_REFUSED]

    with structlog.testing.capture_logs() as logs:
        gate.open()
        assert await _soon(over)
        gc.collect()

    assert complaints == []
    assert [event["event"] for event in logs if event["log_level"] == "error"] == logged


async def test_a_defect_in_an_exchange_has_one_id_everywhere(
    stack: Stack, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log explains what the answer and the record only name."""
    monkeypatch.setattr(receiver_loop.ReceiverLoop, "_commit", _raising(RuntimeError("our mistake")))
    await guest.sender.discover()

    with structlog.testing.capture_logs() as logs:
        reply = await guest.sender.post()

    [defect] = [event for event in logs if event["event"] == "defect"]
    [record] = await _exchanges(stack, guest.name)
    assert reply.outcome == (200, 3000)
    assert record.message == f"internal error {defect['error_id']}"
    assert record.request_id == defect["request_id"]


async def test_a_defect_outside_an_exchange_names_its_request(
    stack: Stack, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ourselves.Ourselves, "credentials", _raising(RuntimeError("our mistake")))
    await guest.sender.discover()

    with structlog.testing.capture_logs() as logs:

        async def logged() -> bool:
            return any(event["event"] == "rpc" and event["outcome"] == "INTERNAL" for event in logs)

        await guest.sender.get()
        assert await _soon(logged)  # after the answer has gone

    [defect] = [event for event in logs if event["event"] == "defect"]
    [call] = [event for event in logs if event["event"] == "rpc" and event["outcome"] == "INTERNAL"]
    assert defect["request_id"] == call["request_id"]


async def test_a_stop_waits_for_an_exchange_without_its_caller(
    event_loop_for_all: None, database: Database, tmp_path: Path
) -> None:
    """The peer was called with our knowledge of its token: the end must be on record, whichever it is."""
    party = new_party()
    async with platform_running() as platform:
        async with stacks.running(tmp_path, database) as stack:
            home = await stack.home()
            invitation = await home.invite(party)
            gate = await _hang_up(stack, stack.sender(invitation, platform, party), new_token())
            asyncio.get_running_loop().call_later(0.5, gate.open)

        assert database.execute("SELECT state FROM peer") == [("REGISTERED",)]
        assert database.execute("SELECT outcome FROM exchange") == [("SUCCEEDED",)]


@pytest.mark.parametrize(("roles", "beside"), [(1, False), (600, True)])
async def test_a_long_announcement_is_not_worked_on_in_the_event_loop(
    stack: Stack, home: Home, monkeypatch: pytest.MonkeyPatch, roles: int, beside: bool
) -> None:
    """F7: also where it will be refused; everybody else would wait meanwhile."""
    here, seen = threading.current_thread(), {}

    def watch(module: Any, name: str) -> None:
        work = getattr(module, name)

        def watched(*args: Any) -> Any:
            seen[name] = threading.current_thread() is not here
            return work(*args)

        monkeypatch.setattr(module, name, watched)

    async with platform_running() as platform:
        sender = stack.sender(await home.invite(), platform, new_party())
        await sender.register()
        watch(credentials, "announcement_to_pb")
        watch(rpc_ocpi, "announcement_from_pb")
        watch(receiver_loop, "screen")

        reply = await sender.post(roles=[role(f"DE/{number:03}/CPO") for number in range(roles)])

    assert reply.outcome == (405, 2000)
    assert seen == dict.fromkeys(("announcement_to_pb", "announcement_from_pb", "screen"), beside)


async def test_a_stop_gives_an_exchange_its_time_from_the_first_moment(
    event_loop_for_all: None, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that has not come to its lease when the stop begins."""
    monkeypatch.setattr(composition, "_GRACE_SECONDS", 0.2)
    begun, read = asyncio.Event(), rpc_ocpi.OcpiServicer._request

    async def slow(*args: Any) -> receiver_loop.Request:
        begun.set()
        await asyncio.sleep(1)
        return await read(*args)

    monkeypatch.setattr(rpc_ocpi.OcpiServicer, "_request", slow)
    party = new_party()
    async with platform_running() as platform, stacks.running(tmp_path, database) as stack, AsyncExitStack() as second:
        home = await stack.home()
        sender = stack.sender(await home.invite(party), platform, party)
        token = new_token()
        platform.accepted.add(token)
        broker = await second.enter_async_context(composition.running(replace(stack.settings, grpc="127.0.0.1:0")))
        async with services(broker.grpc, key_of(stack.settings.data_dir, "gateway")) as gateway:
            post = asyncio.ensure_future(_register(gateway, sender, token))
            await begun.wait()

            await second.aclose()

            assert (await post).credentials.token


async def test_the_budget_for_callbacks_ends_an_exchange(
    stack: Stack, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A33: all callbacks together, whatever each of them may take."""
    monkeypatch.setattr(receiver_loop, "BUDGET_SECONDS", 0.5)
    gate = Gate()
    guest.platform.script["details"] = gate
    await guest.sender.discover()
    started = asyncio.get_running_loop().time()

    reply = await guest.sender.post()

    gate.open()
    assert reply.outcome == (200, 3001)
    assert asyncio.get_running_loop().time() - started < 5
    assert [one.outcome for one in await _exchanges(stack, guest.name)] == [Outcome.EXCHANGE_OUTCOME_REFUSED]


# Who may ask


async def test_what_the_broker_offers_is_told_to_callers_only(stack: Stack) -> None:
    """Reflection is a stream, which is guarded apart."""
    ask = reflection_pb2.ServerReflectionRequest(list_services="*")
    async with grpc.aio.insecure_channel(stack.target) as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([ask]))
        with pytest.raises(grpc.RpcError) as caught:
            [answer async for answer in call]

    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert reason(caught.value) == "CALLER_UNAUTHENTICATED"


async def test_a_tenant_is_known_to_every_broker_at_once(own_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only after the next poll: whoever created it may reach any broker with the next call."""
    monkeypatch.setattr(readmodel, "_POLL_SECONDS", 3600)
    async with _second_broker(own_stack) as admin:
        home = await own_stack.home()

        answer = await admin.peers.ListPeers(peer_service_pb2.ListPeersRequest(parent=home.name))

        assert not answer.peers


async def test_a_new_tenant_may_be_granted_at_every_broker(own_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readmodel, "_POLL_SECONDS", 3600)
    async with _second_broker(own_stack) as admin:
        home = await own_stack.home()

        answer = await admin.admin.CreateCaller(_reader(home.name))

        assert list(answer.caller.tenants) == [home.name]


def _reader(*tenants: str) -> admin_service_pb2.CreateCallerRequest:
    caller = admin_service_pb2.Caller(role=admin_service_pb2.CALLER_ROLE_READER, tenants=tenants)
    return admin_service_pb2.CreateCallerRequest(caller_id=f"c{uuid.uuid4().hex[:12]}", caller=caller)


async def _refusals_without(stack: Stack, home: Home) -> list[str]:
    """What those who still write for the tenant are told."""
    calls = home.invite(), stack.services.admin.CreateCaller(_reader("tenants/-", home.name))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    return [reason(answer) if isinstance(answer, grpc.RpcError) else "" for answer in answers]


async def test_nothing_is_written_for_a_tenant_that_another_broker_has_deleted(own_stack: Stack) -> None:
    """Memory has not heard of it yet. A grant that was left would be good for the next tenant of that id."""
    home = await own_stack.home()
    own_stack.database.execute(f"DELETE FROM tenant WHERE id = '{home.name.removeprefix('tenants/')}'")

    assert await _refusals_without(own_stack, home) == ["NOT_FOUND", "INVALID_ARGUMENT"]


async def test_nothing_is_written_for_a_tenant_that_is_being_deleted(
    event_loop_for_all: None, postgres_server: postgres.Server, tmp_path: Path
) -> None:
    with databases.fresh("postgresql", tmp_path, postgres_server) as database:
        async with stacks.running(tmp_path, database) as stack:
            home = await stack.home()
            with psycopg.connect(database.url) as deleting:
                deleting.execute("DELETE FROM tenant WHERE id = %s", [home.name.removeprefix("tenants/")])
                refusals = asyncio.create_task(_refusals_without(stack, home))
                await asyncio.sleep(0.5)
                assert not refusals.done()

            assert await refusals == ["NOT_FOUND", "INVALID_ARGUMENT"]


# The lease of a broker that died


@pytest.mark.parametrize("ended", [True, False])
async def test_a_lease_ends_by_itself_and_not_before(
    stack: Stack, guest: Guest, monkeypatch: pytest.MonkeyPatch, *, ended: bool
) -> None:
    """F1, F5: a broker that died may not hold the connection for ever, one that lives may."""
    monkeypatch.setattr(leases, "_WAIT_SECONDS", 0.1)
    await guest.sender.discover()
    until = 1 if ended else 2**60
    uid = _row(stack.database, guest.name)
    stack.database.execute(f"UPDATE peer SET lease = 'of the dead', lease_until = {until} WHERE uid = '{uid}'")

    reply = await guest.sender.post()

    assert reply.outcome == ((200, 1000) if ended else (200, 3000))


async def test_the_start_of_the_only_broker_frees_what_a_crash_left(
    own_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite nobody else can be running an exchange; on PostgreSQL another broker may be."""
    monkeypatch.setattr(leases, "_WAIT_SECONDS", 0.1)
    home = await own_stack.home()
    async with own_stack.guest(home) as guest:
        await guest.sender.register()
        uid = _row(own_stack.database, guest.name)
        own_stack.database.execute(f"UPDATE peer SET lease = 'of the dead', lease_until = {2**60} WHERE uid = '{uid}'")
        own_stack.database.execute(
            f"UPDATE exchange SET outcome = 'RUNNING', deadline_at = {2**60} WHERE peer_uid = '{uid}'"
        )

        async with _second_broker(own_stack):
            left = (await _exchanges(own_stack, guest.name))[-1].outcome
            reply = await guest.sender.put()

    alone = own_stack.database.url.startswith("sqlite")
    assert reply.outcome == ((200, 1000) if alone else (200, 3000))
    assert left == (Outcome.EXCHANGE_OUTCOME_ABANDONED if alone else Outcome.EXCHANGE_OUTCOME_RUNNING)


# Failures without end


async def test_an_invitation_with_nothing_but_failures_is_taken_back(
    stack: Stack, home: Home, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RR-21; an operator sees it, and the audit says so."""
    monkeypatch.setattr(leases, "_MAX_FAILURES", 3)
    guest.platform.script["versions"] = answering(Served(status=500))
    await guest.sender.discover()

    replies = [(await guest.sender.post()).outcome for _ in range(4)]

    assert replies == [(200, 3001)] * 3 + [(401, 2000)]
    assert (await guest.sender.versions()).outcome == (401, 2000)
    assert (await home.peer(guest.name)).warnings
    audited = stack.database.execute(
        f"SELECT detail FROM audit WHERE action = 'invitation.withdrawn' AND resource = '{guest.name}'"
    )
    assert [json.loads(row[0]) for row in audited] == [{"failures": 3}]


async def test_a_failure_of_ours_does_not_use_up_an_invitation(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    """F7: a full house is nothing that the peer did wrong."""
    monkeypatch.setattr(leases, "_MAX_FAILURES", 1)
    await guest.sender.discover()
    with monkeypatch.context() as full:
        full.setattr(limits.ExchangeSlots, "slot", _full)
        assert (await guest.sender.post()).status == 429

    assert (await guest.sender.post()).outcome == (200, 1000)


def _full(*_: Any) -> None:
    raise TooManyExchangesError("too many registrations are running; try again in a moment")


async def test_a_registered_peer_keeps_its_token_however_often_it_fails(
    home: Home, registered: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is for those who guess at an invitation; a peer that is down for a day must not lose its connection."""
    monkeypatch.setattr(leases, "_MAX_FAILURES", 2)
    registered.platform.script["versions"] = answering(Served(status=500))

    replies = [(await registered.sender.put()).outcome for _ in range(3)]

    assert replies == [(200, 3001)] * 3
    assert (await home.verify(registered.sender.token)).valid


async def test_records_of_exchanges_do_not_fill_the_disk(
    stack: Stack, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest are kept, of every peer for itself."""
    monkeypatch.setattr(exchange_records, "KEPT_PER_PEER", 3)
    await guest.sender.discover()
    for _ in range(5):
        assert (await guest.sender.delete()).outcome == (405, 2000)

    await guest.sender.post()

    found = await _exchanges(stack, guest.name)
    assert len(found) == 3
    assert found[0].outcome == Outcome.EXCHANGE_OUTCOME_SUCCEEDED


# What is on record


async def test_what_was_given_out_is_on_record_after_a_stop(
    event_loop_for_all: None, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in memory, written at the latest when the broker stops."""
    monkeypatch.setattr(disclosures, "_INTERVAL_SECONDS", 3600)
    async with stacks.running(tmp_path, database) as stack:
        home = await stack.home()
        async with stack.guest(home) as guest:
            await guest.sender.register()
            for _ in range(3):
                await home.held(guest.name)

    assert _disclosed(database) == [("callers/admin", guest.name, 3)]


async def test_what_was_given_out_is_on_record_soon(own_stack: Stack) -> None:
    """Also if the broker is killed later; nothing is written where nothing was given out."""
    home = await own_stack.home()
    async with own_stack.guest(home) as guest:
        await guest.sender.register()
        with pytest.raises(grpc.RpcError):
            await home.held(f"{home.name}/peers/unknown")
        await home.held(guest.name)

        async def written() -> bool:
            return bool(_disclosed(own_stack.database))

        assert await _soon(written)
        assert _disclosed(own_stack.database) == [("callers/admin", guest.name, 1)]


def _disclosed(database: Database) -> list[tuple[str, str, int]]:
    rows = database.execute("SELECT actor, resource, detail FROM audit WHERE action = 'token.disclosed'")
    return [(actor, resource, json.loads(detail)["times"]) for actor, resource, detail in rows]


ALTERED = {
    "not at all": None,
    "a word": "UPDATE audit SET actor = 'nobody' WHERE action = 'peer.invited'",
    "a hash": "UPDATE audit SET hash = (SELECT hash FROM copy_of_audit ORDER BY revision DESC LIMIT 1)"
    " WHERE action = 'peer.invited'",
    "a row less": "DELETE FROM audit WHERE action = 'peer.invited'",
    "the last row less": "DELETE FROM audit WHERE revision = (SELECT max(revision) FROM audit)",
}


async def test_the_audit_chain_shows_what_was_altered(own_stack: Stack) -> None:
    """It is whole as long as nobody wrote into it behind the broker's back."""
    home = await own_stack.home()
    async with own_stack.guest(home) as guest:
        await guest.sender.register()
    database = own_stack.database
    database.execute("CREATE TABLE copy_of_audit AS SELECT * FROM audit")
    found = {}
    for title, statement in ALTERED.items():
        if statement:
            database.execute(statement)
        info = await own_stack.services.admin.GetServerInfo(admin_service_pb2.GetServerInfoRequest())
        found[title] = next(check.ok for check in info.checks if check.subject == "audit chain")
        database.execute("DELETE FROM audit")
        database.execute("INSERT INTO audit SELECT * FROM copy_of_audit")

    assert found == {title: statement is None for title, statement in ALTERED.items()}


# Keys that are not this database's


async def test_a_key_file_that_is_gone_is_not_made_anew(database: Database, tmp_path: Path) -> None:
    """New keys would open nothing that is stored, and nobody would notice until a peer is called."""
    settings = Settings(tmp_path, "127.0.0.1:0", "https://ocpi.example.com", database.url)
    await bootstrap.prepare(settings, migrate=True)
    copy = shutil.move(settings.key_file, tmp_path / "copy")

    with pytest.raises(bootstrap.NotReadyError, match="missing"):
        await bootstrap.prepare(settings, migrate=True)

    assert not settings.key_file.exists()
    shutil.move(copy, settings.key_file)
    await bootstrap.prepare(settings, migrate=True)


async def test_the_keys_of_another_database_are_refused(database: Database, tmp_path: Path) -> None:
    settings = Settings(tmp_path, "127.0.0.1:0", "https://ocpi.example.com", database.url)
    await bootstrap.prepare(settings, migrate=True)
    proofs = database.execute("SELECT key_id FROM key_check")
    settings.key_file.unlink()
    keys.create(settings.key_file)

    with pytest.raises(bootstrap.NotReadyError, match="does not belong to this database"):
        await bootstrap.prepare(settings, migrate=True)

    assert database.execute("SELECT key_id FROM key_check") == proofs


async def test_another_key_under_a_known_id_is_refused(database: Database, tmp_path: Path) -> None:
    settings = Settings(tmp_path, "127.0.0.1:0", "https://ocpi.example.com", database.url)
    await bootstrap.prepare(settings, migrate=True)
    document = json.loads(settings.key_file.read_text())
    document["peppers"][0]["key"] = document["encryption_keys"][0]["key"]
    settings.key_file.write_text(json.dumps(document))

    with pytest.raises(bootstrap.NotReadyError, match="does not belong to this database"):
        await bootstrap.prepare(settings, migrate=True)


# A database that is damaged, busy or away


async def test_a_damaged_row_stops_nobody_else(own_stack: Stack) -> None:
    """What was known of its peer stays: a 401 would make the peer give up. A start copes with it as well."""
    home = await own_stack.home()
    async with own_stack.guest(home) as damaged, own_stack.guest(home) as sound:
        await damaged.sender.register()
        await sound.sender.register()
        uid = _row(own_stack.database, damaged.name)
        own_stack.database.execute(f"UPDATE peer SET terms = 'SPOILT' WHERE uid = '{uid}'")

        assert (await damaged.sender.versions()).outcome == (200, 1000)  # its first use: the row is read anew
        assert (await damaged.sender.versions()).outcome == (200, 1000)
        await sound.sender.rotate()
        assert (await sound.sender.versions()).outcome == (200, 1000)
        async with _second_broker(own_stack) as admin:
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

            assert await _soon(back)
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

        assert await _soon(confirmed)


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

    assert _disclosed(database) == [("callers/admin", guest.name, 1)]


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
            assert not _disclosed(own_stack.database)
            await home.held(guest.name)

        async def written() -> bool:
            return sum(times for _, _, times in _disclosed(own_stack.database)) == 2

        assert await _soon(written)


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


async def test_a_party_is_free_again_after_a_delete(stack: Stack, home: Home) -> None:
    """PR-02: nobody is kept from a party by a connection that is over."""
    party = new_party()
    async with stack.guest(home, party) as former:
        await former.sender.register()
        await former.sender.delete()
        invitation = await home.invite()

        successor = stack.sender(invitation, former.platform, party)

        assert (await successor.register()).outcome == (200, 1000)


async def test_a_party_is_kept_for_a_peer_that_was_reset(
    stack: Stack, home: Home, registered: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It will come back. Another that wants the party is told so from memory, and that is no failed attempt."""
    monkeypatch.setattr(leases, "_MAX_FAILURES", 1)
    await stack.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=registered.name))
    country_code, party_id, _ = registered.party.split("/")
    key = token_service_pb2.PartyKey(country_code=country_code, party_id=party_id)
    with pytest.raises(grpc.RpcError) as no_token:
        await stack.tokens.GetPeerToken(token_service_pb2.GetPeerTokenRequest(parent=home.name, party=key))
    async with platform_running() as platform:
        claimant = stack.sender(await home.invite(), platform, registered.party)
        await claimant.discover()

        replies = [(await claimant.post()).outcome for _ in range(2)]

        assert replies == [(200, 2001)] * 2
        assert platform.received == []
    assert reason(no_token.value) == "WRONG_STATE"


async def test_a_registration_after_a_reset_is_a_new_one(stack: Stack, home: Home, registered: Guest) -> None:
    before = (await home.peer(registered.name)).register_time.ToNanoseconds()
    answer = await stack.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=registered.name))
    registered.sender.token = answer.token

    await registered.sender.register()

    since = (await home.peer(registered.name)).register_time.ToNanoseconds()
    await registered.sender.rotate()
    assert since > before
    assert (await home.peer(registered.name)).register_time.ToNanoseconds() == since


async def test_the_record_of_a_running_exchange_is_not_pushed_out(
    stack: Stack, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_records, "KEPT_PER_PEER", 2)
    await guest.sender.discover()
    gate = guest.platform.script["versions"] = Gate()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(guest.sender.post())
        await gate.reached.wait()
        for _ in range(4):
            assert (await guest.sender.delete()).outcome == (405, 2000)
        gate.open()

    assert running.result().outcome == (200, 1000)
    assert Outcome.EXCHANGE_OUTCOME_SUCCEEDED in [one.outcome for one in await _exchanges(stack, guest.name)]


async def test_a_damaged_caller_keeps_nobody_else_out_after_a_start(own_stack: Stack) -> None:
    home = await own_stack.home()
    await own_stack.caller(admin_service_pb2.CALLER_ROLE_READER, home.name)
    own_stack.database.execute("UPDATE caller SET tenants = 'SPOILT' WHERE role = 'reader'")

    async with _second_broker(own_stack) as admin:
        await admin.tenants.GetTenant(tenant_service_pb2.GetTenantRequest(name=home.name))


async def test_a_peer_that_rotates_for_ever_does_not_fill_the_database(own_stack: Stack) -> None:
    home = await own_stack.home()
    async with own_stack.guest(home) as guest:
        await guest.sender.register()

        for _ in range(25):
            await guest.sender.rotate()

        states = _states(own_stack.database, guest.name)
        assert states.count("ACTIVE") == 1
        assert 15 <= states.count("REVOKED") <= 21
        assert (await home.verify(guest.sender.token)).valid


async def test_an_invitation_that_is_replaced_for_ever_does_not_fill_the_database(own_stack: Stack) -> None:
    home = await own_stack.home()
    invitation = await home.invite()

    for _ in range(25):
        last = await own_stack.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=invitation.peer.name))

    states = _states(own_stack.database, invitation.peer.name)
    assert states.count("ACTIVE") == 1
    assert 15 <= states.count("REVOKED") <= 21
    assert (await home.verify(last.token, module="credentials")).valid


def _states(database: Database, name: str) -> list[str]:
    """Of all tokens that were issued to a peer and are kept."""
    rows = database.execute(f"SELECT state FROM issued_token WHERE peer_uid = '{_row(database, name)}'")
    return [row[0] for row in rows]


async def test_only_so_many_wait_for_an_exchange_of_the_same_peer(home: Home, guest: Guest) -> None:
    """Each of them asks the database again and again."""
    gate = Gate()
    guest.platform.script["versions"] = gate
    await guest.sender.discover()
    first = asyncio.create_task(guest.sender.post())
    await gate.reached.wait()

    others = [asyncio.create_task(guest.sender.post()) for _ in range(30)]
    refused, waiting = await asyncio.wait(others, timeout=3)

    assert {task.result().outcome for task in refused} == {(200, 3000)}
    assert len(waiting) == 24
    gate.open()
    assert (await first).outcome == (200, 1000)
    await asyncio.gather(*others)
