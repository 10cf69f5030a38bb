"""Who may ask, at every broker over the same data at once; and how long the lease of a broker that died holds."""

import asyncio
import uuid
from pathlib import Path

import grpc
import psycopg
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from broker.exchanges import leases
from broker.memory import readmodel
from ocpi_broker.v1 import admin_service_pb2, peer_service_pb2
from tests import database as databases
from tests import postgres
from tests import stack as stacks
from tests.integration.inspection import Outcome, exchanges_of, row_of, second_broker
from tests.stack import Guest, Home, Stack, reason

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]


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
    async with second_broker(own_stack) as admin:
        home = await own_stack.home()

        answer = await admin.peers.ListPeers(peer_service_pb2.ListPeersRequest(parent=home.name))

        assert not answer.peers


async def test_a_new_tenant_may_be_granted_at_every_broker(own_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readmodel, "_POLL_SECONDS", 3600)
    async with second_broker(own_stack) as admin:
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
    uid = row_of(stack.database, guest.name)
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
        uid = row_of(own_stack.database, guest.name)
        own_stack.database.execute(f"UPDATE peer SET lease = 'of the dead', lease_until = {2**60} WHERE uid = '{uid}'")
        own_stack.database.execute(
            f"UPDATE exchange SET outcome = 'RUNNING', deadline_at = {2**60} WHERE peer_uid = '{uid}'"
        )

        async with second_broker(own_stack):
            left = (await exchanges_of(own_stack, guest.name))[-1].outcome
            reply = await guest.sender.put()

    alone = own_stack.database.url.startswith("sqlite")
    assert reply.outcome == ((200, 1000) if alone else (200, 3000))
    assert left == (Outcome.EXCHANGE_OUTCOME_ABANDONED if alone else Outcome.EXCHANGE_OUTCOME_RUNNING)
