"""Health of a connection as operators see it, with probes of a broker that runs; and who has called us when."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from structlog.testing import capture_logs

from broker.core.health import Health, HealthState
from broker.exchanges import health_watch
from broker.memory import contacts
from broker.memory.contacts import Contacts
from broker.store import engine, held_tokens, peer_health
from broker.store.transactions import Store
from ocpi_broker.v1 import admin_service_pb2, peer_service_pb2, resources_pb2, tenant_service_pb2
from tests.database import Database
from tests.integration.inspection import soon
from tests.integration.probed_peers import SECOND, Hand, World, world
from tests.peer import raw
from tests.process import Operator
from tests.stack import Guest, Home, Stack

pytestmark = pytest.mark.anyio

FAILING, OK = resources_pb2.HEALTH_STATE_FAILING, resources_pb2.HEALTH_STATE_OK
UNKNOWN = resources_pb2.HEALTH_STATE_UNKNOWN


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_watch, "_POLL_SECONDS", 0.05)
    monkeypatch.setattr(contacts, "_INTERVAL_SECONDS", 0.05)


@pytest.fixture
async def watched(often: None, own_stack: Stack) -> AsyncIterator[tuple[Stack, Home, Guest]]:
    """A registered peer of a tenant that probes every second."""
    policy = resources_pb2.TenantPolicy(probe_interval=Duration(seconds=1))
    home = await own_stack.home(policy=policy)
    async with own_stack.guest(home) as guest:
        await guest.sender.register()
        yield own_stack, home, guest


def becomes(home: Home, guest: Guest, state: int) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return (await home.peer(guest.name)).health.state == state

    return holds


async def failing(home: Home, **more: Any) -> list[str]:
    request = peer_service_pb2.ListPeersRequest(parent=home.name, failing=True, **more)
    return [peer.name for peer in (await home.stack.peers.ListPeers(request)).peers]


async def set_interval(stack: Stack, home: Home, seconds: int) -> resources_pb2.Tenant:
    policy = resources_pb2.TenantPolicy(probe_interval=Duration(seconds=seconds))
    request = tenant_service_pb2.UpdateTenantRequest(
        tenant=resources_pb2.Tenant(name=home.name, policy=policy), update_mask=FieldMask(paths=["policy"])
    )
    return (await stack.services.tenants.UpdateTenant(request)).tenant


async def test_a_dead_token_is_found_told_and_forgotten(watched: tuple[Stack, Home, Guest]) -> None:
    """Registered, probed, the token dies at the peer, it comes back; each seen over the API."""
    stack, home, guest = watched
    assert await soon(becomes(home, guest, OK), 20)
    assert await failing(home) == []
    accepted = set(guest.platform.accepted)
    etag = (await home.peer(guest.name)).etag

    guest.platform.accepted.clear()
    assert await soon(becomes(home, guest, FAILING), 20)
    peer = await home.peer(guest.name)
    assert peer.health.reason == resources_pb2.HEALTH_REASON_PEER_REJECTED_TOKEN
    assert peer.health.message.startswith("versions list: HTTP 401")
    assert [warning for warning in peer.warnings if "has been failing since" in warning]
    assert (await failing(home), await failing(home, order_by="token_time")) == ([guest.name], [guest.name])
    info = await stack.services.admin.GetServerInfo(admin_service_pb2.GetServerInfoRequest())
    checks = {check.subject: check for check in info.checks}
    tenant = home.name.removeprefix("tenants/")
    assert f"1 of tenant {tenant}; see: ocpi-broker peer list --failing" in checks["connections"].finding
    assert checks["connections"].ok

    guest.platform.accepted |= accepted
    assert await soon(becomes(home, guest, OK), 20)
    peer = await home.peer(guest.name)
    assert (peer.health.reason, peer.health.message, list(peer.warnings)) == (0, "", [])
    assert (peer.etag, await failing(home)) == (etag, [])


async def test_a_form_that_the_peer_does_not_read_any_more(watched: tuple[Stack, Home, Guest]) -> None:
    stack, home, guest = watched
    guest.platform.form = raw
    assert await soon(becomes(home, guest, FAILING), 20)
    peer = await home.peer(guest.name)
    assert peer.health.reason == resources_pb2.HEALTH_REASON_WRONG_AUTH_FORM
    assert peer.auth_form_out == resources_pb2.HEADER_FORM_BASE64
    assert "auth_form_out=raw" in peer.warnings[0]

    changed = resources_pb2.Peer(name=guest.name, quirks={"auth_form_out": "raw"})
    await stack.peers.UpdatePeer(
        peer_service_pb2.UpdatePeerRequest(peer=changed, update_mask=FieldMask(paths=["quirks"]))
    )
    assert await soon(becomes(home, guest, OK), 20)


async def test_probes_are_switched_off_and_on(watched: tuple[Stack, Home, Guest]) -> None:
    stack, home, guest = watched
    guest.platform.accepted.clear()
    assert await soon(becomes(home, guest, FAILING), 20)

    tenant = await set_interval(stack, home, 0)
    assert tenant.policy.probe_interval == Duration(seconds=0)
    assert await soon(becomes(home, guest, UNKNOWN), 20)
    assert await failing(home) == []

    await set_interval(stack, home, 1)
    assert await soon(becomes(home, guest, FAILING), 20)


async def test_commands_show_it(watched: tuple[Stack, Home, Guest]) -> None:
    """The shapes that scripts rely on."""
    stack, home, guest = watched
    tenant, name = guest.name.split("/")[1::2]
    guest.platform.accepted.clear()
    assert await soon(becomes(home, guest, FAILING), 20)
    listing = await _run(stack, "peer", "list", "--failing", "--tenant", tenant, "--json")
    listed = json.loads(listing)["peers"]
    assert [peer["peer"] for peer in listed] == [name]
    health = listed[0]["health"]
    assert list(health) == [
        "state",
        "since",
        "reason",
        "message",
        "last_contact_in",
        "last_contact_out",
        "last_probe",
    ]
    assert (health["state"], health["reason"]) == ("FAILING", "PEER_REJECTED_TOKEN")
    assert None not in health.values()
    assert health["last_contact_out"] < health["last_probe"]
    text = await _run(stack, "peer", "show", name, "--tenant", tenant)
    assert "the connection has been failing since" in text
    changed = json.loads(await _run(stack, "tenant", "update", tenant, "--probe-interval", "30m", "--json"))
    assert changed["policy"]["probe_interval"] == "30m"


async def _run(stack: Stack, *words: str) -> str:
    key = str(stack.settings.data_dir / "admin.key")
    operator = Operator(env={"OCPI_BROKER_TARGET": stack.target, "OCPI_BROKER_KEY_FILE": key})
    ran = await operator.run(*words)
    assert ran.code == 0, ran
    return ran.stdout


async def test_a_registration_is_contact_in_both_directions(stack: Stack, guest: Guest, home: Home) -> None:
    await guest.sender.register()

    health = (await home.peer(guest.name)).health
    assert health.state == UNKNOWN
    assert health.last_contact_in_time.seconds > 0
    assert health.last_contact_out_time == health.last_contact_in_time
    assert not health.HasField("last_probe_time")


async def test_a_call_of_the_peer_is_contact(often: None, own_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contacts, "_RESOLUTION", 0)  # the registration was a minute ago at most
    home = await own_stack.home()
    async with own_stack.guest(home) as guest:
        await guest.sender.register()
        own_stack.database.execute("UPDATE peer_health SET last_in = 1, last_out = 1")
        revision = own_stack.database.execute("SELECT revision FROM change_stream")
        assert (await home.verify(guest.sender.token)).valid

        async def met() -> bool:
            return (await home.peer(guest.name)).health.last_contact_in_time.seconds > 0

        assert await soon(met, 10)
        assert (await home.peer(guest.name)).health.last_contact_out_time.seconds == 0
        # the first use of a token is a change; that the peer has called is none
        later = own_stack.database.execute("SELECT revision FROM change_stream")
        assert later[0][0] - revision[0][0] == 1


async def test_a_peer_that_is_invited_has_no_health(stack: Stack, home: Home) -> None:
    invited = await home.invite()

    assert invited.peer.health == resources_pb2.Health(state=UNKNOWN)
    assert (await home.peer(invited.peer.name)).health == resources_pb2.Health(state=UNKNOWN)


async def test_a_reset_forgets_it(stack: Stack, home: Home, guest: Guest) -> None:
    await guest.sender.register()
    answer = await stack.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=guest.name))

    assert answer.peer.health == resources_pb2.Health(state=UNKNOWN)


# Who has called


@pytest.fixture
async def one(database: Database, tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path, database) as found:
        await found.tenant("acme")
        await found.add("acme", "kwl", "rjs")
        yield found


async def test_who_calls_often_is_written_once_in_a_while(one: World) -> None:
    called = Contacts(one.broker.store, one.clock)
    kwl, begin = await one.peer("kwl"), one.clock.now
    for _ in range(299):
        called.note(kwl)
        await called.flush()
        one.clock.now += SECOND
    assert (await one.health("kwl")).last_in == begin

    one.clock.now = begin + 300 * SECOND
    called.note(kwl)
    await called.flush()
    assert (await one.health("kwl")).last_in == begin + 300 * SECOND
    assert (await one.health("rjs")).last_in is None


async def test_a_later_call_at_another_broker_stands(one: World) -> None:
    await one.broker.store.jot(lambda tx: peer_health.note_calls(tx, {"kwl": 9, "gone": 5}))
    await one.broker.store.jot(lambda tx: peer_health.note_calls(tx, {"kwl": 8}))

    assert (await one.health("kwl")).last_in == 9


async def test_calls_of_many_are_written_whole(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contacts, "_BATCH", 3)
    names = [f"p{number}" for number in range(10)]
    await one.add("acme", *names)
    called = Contacts(one.broker.store, one.clock)
    for name in names:
        called.note(await one.peer(name))
    await called.flush()

    assert [(await one.health(name)).last_in for name in names] == [one.clock.now] * 10


async def test_what_cannot_be_written_is_kept(one: World) -> None:
    """The database is away for a moment."""
    gone = Store(engine.connect("postgresql://nobody@127.0.0.1:1/none"), Hand())
    called = Contacts(gone, one.clock)
    called.note(await one.peer("kwl"))
    with capture_logs() as logs:
        await called._try_to_flush()
    await gone.aclose()
    assert [entry for entry in logs if entry["event"] != "database_away"] == []

    called._store = one.broker.store
    await called.flush()
    assert (await one.health("kwl")).last_in == one.clock.now


# What is stored


async def test_a_probe_does_not_take_back_what_an_exchange_or_a_call_has_written(one: World) -> None:
    await one.broker.store.jot(lambda tx: peer_health.note_calls(tx, {"kwl": 77}))
    health = await one.turn_comes("kwl")
    while health.state is not HealthState.OK:
        health = await one.turn_comes("kwl")

    assert health == Health(
        HealthState.OK, since=one.clock.now, last_probe=one.clock.now, last_out=one.clock.now, last_in=77
    )


async def test_a_contact_that_came_meanwhile_stands(one: World) -> None:
    turns = await one.broker.store.read(lambda session: peer_health.due(session, one.clock.now, 10))
    one.database.execute("UPDATE peer_health SET last_out = 88")
    moves = [peer_health.Move(turn, one.clock.now + 5, turn.health) for turn in turns]
    await one.broker.store.jot(lambda tx: peer_health.apply(tx, moves))

    assert (await one.health("kwl")).last_out == 88


async def test_a_turn_is_taken_once(one: World) -> None:
    now = one.clock.now
    turns = await one.broker.store.read(lambda session: peer_health.due(session, now, 10))
    moves = [peer_health.Move(turn, now + 5, turn.health) for turn in turns]

    first = await one.broker.store.jot(lambda tx: peer_health.apply(tx, moves))
    again = await one.broker.store.jot(lambda tx: peer_health.apply(tx, moves))
    assert (len(first), len(again)) == (2, 0)


async def test_a_new_token_gives_the_turn_anew(one: World) -> None:
    await one.turn_comes("kwl")
    turn = one.turn("kwl")
    sealed = (await one.peer("kwl")).held
    assert sealed is not None
    await one.change(lambda tx: held_tokens.hold(tx, "kwl", held_tokens.Held(sealed.sealed, sealed.form, proven=True)))

    assert turn > 0 > one.turn("kwl")


async def test_whose_turn_it_is_is_found_by_an_index(one: World) -> None:
    """With 100,000 peers it is asked twice a second."""
    query = (
        "SELECT * FROM peer_health WHERE next_probe_at <= 5 AND tenant NOT IN ('acme') ORDER BY next_probe_at LIMIT 9"
    )
    if one.broker.store.dialect == "sqlite":
        plan = str(one.database.execute(f"EXPLAIN QUERY PLAN {query}"))
        assert "TEMP B-TREE" not in plan
    else:
        one.database.execute("SET enable_seqscan = off")
        plan = str(one.database.execute(f"EXPLAIN {query}"))
    assert "ix_peer_health_next_probe_at_tenant" in plan
