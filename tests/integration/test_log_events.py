"""The log answers which partner it was, says once that the database is away, and is JSON to the last line."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import structlog

from broker.errors import StoreUnavailableError
from broker.store import outage as outages
from broker.store.transactions import Store, Transaction
from broker.tools.mock_peer.platform import mock_peer
from ocpi_broker.v1 import peer_service_pb2
from tests import database as databases
from tests import postgres, process
from tests import stack as stacks
from tests.database import Database
from tests.integration.importing import newcomer, take_over
from tests.integration.inspection import outage, soon
from tests.integration.test_connect import connect
from tests.peer import encoded, new_party
from tests.stack import Guest, Home, Stack, attached, services

pytestmark = pytest.mark.anyio

Events = list[dict[str, Any]]


@contextmanager
def log_of() -> Iterator[Events]:
    """Everything that is logged within, with what is bound to the task that logs it."""
    processors = structlog.get_config()["processors"]
    seen: Events = []

    def keep(_logger: Any, level: str, event: Any) -> Any:
        seen.append({**event, "log_level": level})
        raise structlog.DropEvent

    structlog.configure(processors=[structlog.contextvars.merge_contextvars, keep])
    try:
        yield seen
    finally:
        structlog.configure(processors=processors)


def ids(name: str) -> dict[str, str]:
    """As the log says them, from a peer's resource name."""
    _, tenant, _, peer = name.split("/")
    return {"tenant": tenant, "peer": peer}


def named(events: Events, name: str) -> Events:
    return [event for event in events if event["event"] == name]


def about(event: dict[str, Any], *fields: str) -> dict[str, Any]:
    return {field: event.get(field) for field in fields}


async def test_each_exchange_of_a_peer_that_ended_is_one_event(stack: Stack, guest: Guest) -> None:
    """POST, refused PUT, PUT, DELETE: which partner, what, how it ended, how long it took."""
    with log_of() as events:
        await guest.sender.register()
        refused = await guest.sender.put({"token": 1})
        await guest.sender.rotate()
        await guest.sender.delete()

    ended = named(events, "exchange_finished")
    told = [about(event, "tenant", "peer", "direction", "kind", "version", "outcome", "reason") for event in ended]
    common = {**ids(guest.name), "direction": "INBOUND", "version": "2.2.1"}
    assert told == [
        {**common, "kind": "POST", "outcome": "SUCCEEDED", "reason": None},
        {**common, "kind": "PUT", "outcome": "REFUSED", "reason": "CREDENTIALS_INVALID"},
        {**common, "kind": "PUT", "outcome": "SUCCEEDED", "reason": None},
        {**common, "kind": "DELETE", "outcome": "SUCCEEDED", "reason": None},
    ]
    assert all(isinstance(event["ms"], int) and 0 <= event["ms"] < 60_000 for event in ended)
    assert ended[1]["request_id"] == refused.headers["X-Request-ID"]


async def test_our_exchanges_and_jobs_are_one_event_each(stack: Stack) -> None:
    ours, theirs = await stack.home(parties=[new_party("EMSP")]), await stack.home(parties=[new_party("CPO")])
    with log_of() as events:
        peer = await connect(stack, ours, theirs)
        await stack.peers.RotatePeer(peer_service_pb2.RotatePeerRequest(name=peer.name, wait=True))
        await stack.peers.UnregisterPeer(peer_service_pb2.UnregisterPeerRequest(name=peer.name, wait=True))

    mine = ids(peer.name)
    exchanges = [event for event in named(events, "exchange_finished") if event["direction"] == "OUTBOUND"]
    jobs = named(events, "job_finished")
    for ended in (exchanges, jobs):
        assert [(event["kind"], event["outcome"]) for event in ended] == [
            ("POST", "SUCCEEDED"),
            ("PUT", "SUCCEEDED"),
            ("DELETE", "SUCCEEDED"),
        ]
        assert [about(event, "tenant", "peer") for event in ended] == [mine] * 3
        assert all(event["ms"] >= 0 for event in ended)
    inbound = [event for event in named(events, "exchange_finished") if event["direction"] == "INBOUND"]
    assert [about(event, "tenant", "peer") for event in inbound] == [ids(f"{theirs.name}/peers/guest")] * 3


async def test_a_job_that_fails_says_why_and_a_reset_ends_it_no_second_time(stack: Stack, home: Home) -> None:
    async with mock_peer(faults=["reject-token@VERSIONS"]) as platform:
        asked = peer_service_pb2.ConnectPeerRequest(
            parent=home.name, peer_id="host", versions_url=platform.versions_url, token=platform.token, wait=True
        )
        with log_of() as events:
            peer = (await stack.peers.ConnectPeer(asked)).peer
            await stack.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=peer.name))

    [job] = named(events, "job_finished")
    assert about(job, "tenant", "peer", "kind", "outcome", "reason") == {
        **ids(peer.name),
        "kind": "POST",
        "outcome": "FAILED",
        "reason": "PEER_REJECTED_TOKEN",
    }
    [exchange] = named(events, "exchange_finished")
    assert about(exchange, "direction", "outcome", "reason") == {
        "direction": "OUTBOUND",
        "outcome": "REFUSED",
        "reason": "PEER_REJECTED_TOKEN",
    }


async def test_a_job_that_something_else_takes_the_place_of_is_dropped(stack: Stack, home: Home) -> None:
    """And whatever else is logged on the way says which partner."""
    async with mock_peer(faults=["stall@POST*1"]) as platform:
        asked = peer_service_pb2.ConnectPeerRequest(
            parent=home.name, peer_id="host", versions_url=platform.versions_url, token=platform.token
        )
        with log_of() as events:
            peer = (await stack.peers.ConnectPeer(asked)).peer
            async with asyncio.timeout(30):
                await platform.wait_for(event="fault", fault="stall")
            await stack.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=peer.name))

    [job] = named(events, "job_finished")
    assert about(job, "tenant", "peer", "kind", "outcome", "reason") == {
        **ids(peer.name),
        "kind": "POST",
        "outcome": "DROPPED",
        "reason": None,
    }
    rpcs = named(events, "rpc")
    assert [about(event, "tenant", "peer") for event in rpcs] == [ids(peer.name)] * len(rpcs)


async def test_a_call_to_a_peer_that_fails_says_which_one(stack: Stack, home: Home, guest: Guest) -> None:
    """In both directions, and before one is taken over: the events come from where nobody knows a peer."""
    own = ids(guest.name)
    with log_of() as events:
        await guest.sender.discover()
        await guest.sender.post(guest.sender.credentials("a-new-token", url="http://127.0.0.1:1/versions"))
        asked = peer_service_pb2.ConnectPeerRequest(
            parent=home.name, peer_id="lost", versions_url="http://127.0.0.1:1/versions", token="a-token"
        )
        await stack.peers.ConnectPeer(asked)
        with pytest.raises(grpc.RpcError):
            await take_over(home, newcomer("moving", versions_url="http://127.0.0.1:1/versions"), check=True)

        async def all_three() -> bool:
            return len(named(events, "peer_call_failed")) >= 3

        assert await soon(all_three)

    [imported] = [event for event in named(events, "rpc") if event["method"].endswith("/ImportPeer")]
    assert about(imported, "tenant", "peer") == {"tenant": own["tenant"], "peer": "moving"}
    failed = [about(event, "tenant", "peer") for event in named(events, "peer_call_failed")]
    assert own in failed
    assert {"tenant": own["tenant"], "peer": "lost"} in failed
    assert {"tenant": own["tenant"], "peer": "moving"} in failed


async def test_every_rpc_about_a_peer_names_it(stack: Stack, registered: Guest, home: Home) -> None:
    with log_of() as events:
        await home.held(registered.name)
        await home.verify(registered.sender.token)
        await home.peer(registered.name)
        with pytest.raises(grpc.RpcError):
            await home.held(f"{home.name}/peers/nobody")
        await registered.sender.versions()
        await home.verify("no token")
        invited = await home.invite(peer_id="newcomer")

        async def written() -> bool:
            return len(named(events, "rpc")) >= 7

        assert await soon(written)

    mine, tenant = ids(registered.name), ids(registered.name)["tenant"]
    by_method = [(event["method"].rpartition("/")[2], about(event, "tenant", "peer")) for event in named(events, "rpc")]
    assert by_method[:3] == [("GetPeerToken", mine), ("VerifyToken", mine), ("GetPeer", mine)]
    assert by_method[3] == ("GetPeerToken", {"tenant": tenant, "peer": "nobody"})
    assert by_method[4] == ("ListVersions", mine)
    assert by_method[5] == ("VerifyToken", {"tenant": tenant, "peer": None})
    assert by_method[6] == ("InvitePeer", ids(invited.peer.name))
    [request] = named(events, "http_request")
    assert request["tenant"] == tenant


async def test_an_outage_is_said_once_with_its_cause_and_once_that_it_is_over(
    event_loop_for_all: None, postgres_server: postgres.Server, tmp_path: Path
) -> None:
    """Calls, jobs and audit entries go on all the while."""
    with databases.fresh("postgresql", tmp_path, postgres_server) as database:
        async with stacks.running(tmp_path, database) as stack:
            await _outage(stack, database)


async def _outage(stack: Stack, database: Database) -> None:
    home = await stack.home()
    async with stack.guest(home) as guest:
        await guest.sender.register()
        await guest.sender.versions()
        with log_of() as events:
            with outage(database):
                for _ in range(6):
                    await home.held(guest.name)
                    with pytest.raises(grpc.RpcError):
                        await home.invite()
                    await asyncio.sleep(0.5)

            async def back() -> bool:
                return bool(named(events, "database_back"))

            assert await soon(back, 15)
            await asyncio.sleep(1.5)

    [away] = named(events, "database_away")
    [over] = named(events, "database_back")
    assert away["log_level"] == "warning"
    assert any(words in away["cause"] for words in ("terminat", "not currently accepting connections"))
    assert over["seconds"] >= 2
    waiting = [event for event in events if event["log_level"] == "warning" and event["event"].endswith("_waiting")]
    assert not waiting


async def test_a_second_outage_is_said_again_and_one_that_comes_and_goes_only_once() -> None:
    now = [100.0]
    watched = outages.Outage(lambda: now[0])
    with log_of() as events:
        for moment, fails in (
            (0, True),
            (0.2, False),
            (0.3, True),
            (0.9, False),
            (1.0, True),
            (2.5, False),
            (3, False),
        ):
            now[0] = 100 + moment
            watched.failed(OSError("gone")) if fails else watched.succeeded()
        now[0] = 200
        watched.failed(OSError("gone\nagain"))

    assert [event["event"] for event in events] == ["database_away", "database_back", "database_away"]
    assert events[1]["seconds"] == 2.5
    assert events[2]["cause"] == "OSError: gone again"
    assert dict(watched.errors.items())["away",] == 4


async def test_an_end_is_told_although_nobody_waits_for_it_any_more(
    own_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is given up while its transaction runs: that is committed, and said."""
    home = await own_stack.home()
    async with own_stack.guest(home) as guest:
        await guest.sender.register()
        await guest.sender.versions()
        change = Store.change

        async def given_up(store: Store, actor: str, work: Any) -> Any:
            begun = threading.Event()

            def slow(tx: Transaction) -> Any:
                begun.set()
                time.sleep(0.1)
                return work(tx)

            task = asyncio.create_task(change(store, actor, slow))
            await asyncio.to_thread(begun.wait)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            raise StoreUnavailableError("given up")

        with log_of() as events:
            with monkeypatch.context() as patched:
                patched.setattr(Store, "change", given_up)
                await guest.sender.delete()

            async def told() -> bool:
                return bool(named(events, "exchange_finished"))

            assert await soon(told)

    [event] = named(events, "exchange_finished")
    assert about(event, "kind", "outcome", "tenant", "peer") == {
        "kind": "DELETE",
        "outcome": "SUCCEEDED",
        **ids(guest.name),
    }


async def _noise(ready: dict[str, str]) -> None:
    """What makes libraries talk: no HTTP where HTTP is due, no HTTP/2 where that is, a hang-up, a wrong path."""
    for address in (ready["http"], ready["grpc"], ready["health"]):
        host, _, port = address.rpartition(":")
        for text in (b"\x16\x03\x01\x02\x00 no", b"GET / HTTP/9.9\r\n\r\n", b""):
            with socket.create_connection((host, int(port)), timeout=5) as wire:
                wire.sendall(text)
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.get(f"http://{ready['http']}/ocpi/versions", headers={"Authorization": encoded("x")})
        await client.get(f"http://{ready['http']}/nothing")
    async with services(ready["grpc"], "obk-wrong") as stranger:
        with suppress(grpc.RpcError):
            await stranger.tokens.GetPeerToken(peer_service_pb2.GetPeerRequest(name="x"), timeout=5)


@pytest.fixture
async def noisy(tmp_path: Path) -> AsyncIterator[process.Program]:
    """As installed, in an interpreter of its own: from the first line to the last."""
    program = process.up(tmp_path, None, "--health", "127.0.0.1:0", program=process.PROGRAM)
    await program.start()
    try:
        yield program
    finally:
        await program.kill()


async def test_every_line_of_a_process_that_serves_is_json(noisy: process.Program, tmp_path: Path) -> None:
    """On both streams, insecure peers and all."""
    async with attached(noisy.ready, tmp_path / "data") as deployment:
        home = await deployment.home()
        async with deployment.guest(home) as guest:
            await guest.sender.register()
    await _noise(noisy.ready)
    assert await noisy.stop() == 0

    lines = (noisy.log.read_text() + noisy.log.with_suffix(".stdout").read_text()).splitlines()
    events = [json.loads(line) for line in lines]
    names = [event["event"] for event in events]
    assert all(isinstance(event, dict) for event in events)
    assert names.count("insecure_peers_allowed") == 1
    assert {"broker_started", "ready", "exchange_finished", "broker_stopped"} <= set(names)
