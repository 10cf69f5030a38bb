"""What happens in the middle of an exchange: its token dies, its caller goes away, the broker stops."""

import asyncio
import gc
import threading
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from broker.contract.parties import announcement_to_pb
from broker.errors import TokenRejectedError
from broker.exchanges import ourselves, receiver_loop
from broker.ocpi import DIALECTS
from broker.process import composition, grpc_server
from broker.rpc import ocpi_service as rpc_ocpi
from gateway import credentials
from ocpi_broker.v1 import ocpi_service_pb2, resources_pb2
from tests import stack as stacks
from tests.database import Database
from tests.integration.inspection import Outcome, exchanges_of, row_of, soon
from tests.peer import Gate, Sender, encoded, new_party, new_token, platform_running, role
from tests.stack import Guest, Home, Stack, key_of, services

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]


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
    uid = row_of(stack.database, registered.name)
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

    assert await soon(registered)
    assert (await home.held(guest.name)).token == theirs
    assert [one.outcome for one in await exchanges_of(stack, guest.name)] == [Outcome.EXCHANGE_OUTCOME_SUCCEEDED]


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
        return [one.outcome for one in await exchanges_of(stack, guest.name)] == [Outcome.EXCHANGE_OUTCOME_REFUSED]

    with structlog.testing.capture_logs() as logs:
        gate.open()
        assert await soon(over)
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
    [record] = await exchanges_of(stack, guest.name)
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
        assert await soon(logged)  # after the answer has gone

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
    monkeypatch.setattr(grpc_server, "_GRACE_SECONDS", 0.2)
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
    assert [one.outcome for one in await exchanges_of(stack, guest.name)] == [Outcome.EXCHANGE_OUTCOME_REFUSED]
