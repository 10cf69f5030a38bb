"""Which peers are probed, when, how many at a time and by whom; what becomes of what was found."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from broker.core.health import Health, HealthState, Trouble
from broker.core.model import HeaderForm, Token
from broker.exchanges import health_watch
from broker.memory.readmodel import HELD_TOKEN
from broker.outbound.http_call import Budgets
from broker.store import held_tokens, peer_health, tenants, transitions
from broker.store.transactions import Transaction
from tests import database as databases
from tests import postgres
from tests.database import Database
from tests.integration.probed_peers import HOUR, MISSING, SECOND, UNAUTHORIZED, World, held_by, with_quirk, world
from tests.integration.test_log_events import about, log_of, named

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]

OK, FAILING, UNKNOWN = HealthState.OK, HealthState.FAILING, HealthState.UNKNOWN


@pytest.fixture
async def one(database: Database, tmp_path: Path) -> AsyncIterator[World]:
    """A broker, a tenant, and a peer that works and was probed."""
    async with world(tmp_path, database) as found:
        await found.tenant("acme")
        await found.add("acme", "kwl")
        await found.turn_comes("kwl")
        yield found


def changes(logs: list[Any]) -> list[tuple[str, str, str, str, str | None]]:
    return [
        (log["log_level"], log["tenant"], log["peer"], log["state"], log["reason"])
        for log in logs
        if log["event"] == "peer_health_changed"
    ]


async def test_a_peer_that_works(one: World) -> None:
    health = await one.health("kwl")

    now = one.clock.now
    assert health == Health(OK, since=now, last_probe=now, last_out=now)
    assert 0.75 * HOUR <= one.turn("kwl") - now <= 0.9 * HOUR
    assert one.host.asked == {"kwl": 1}


async def test_what_breaks_is_found_within_one_interval_and_told_once(one: World) -> None:
    met = one.clock.now
    one.host.says["kwl"] = UNAUTHORIZED
    with capture_logs() as logs:
        states = [(await one.turn_comes("kwl")).state for _ in range(5)]

    health = await one.health("kwl")
    assert states == [OK, OK, FAILING, FAILING, FAILING]
    assert changes(logs) == [("warning", "acme", "kwl", "FAILING", "PEER_REJECTED_TOKEN")]
    assert health.trouble is Trouble.PEER_REJECTED_TOKEN
    assert (health.message or "").startswith("versions list: HTTP 401")
    assert health.since is not None
    assert met < health.since <= met + HOUR
    assert (health.last_out, health.last_probe) == (met, one.clock.now)


async def test_a_probe_that_fails_below_http_says_which_peer_it_was(one: World) -> None:
    one.host.base = "http://127.0.0.1:1"
    await one.add("acme", "gone")
    with log_of() as events:
        await one.turn_comes("gone")

    failed = named(events, "peer_call_failed")
    assert [about(event, "tenant", "peer") for event in failed] == [{"tenant": "acme", "peer": "gone"}] * len(failed)
    assert failed


async def test_a_failure_is_known_after_three_probes_within_the_interval(one: World) -> None:
    met = one.clock.now
    one.host.says["kwl"] = MISSING
    while (await one.turn_comes("kwl")).state is OK:
        assert one.clock.now < met + HOUR

    assert one.clock.now <= met + HOUR
    assert one.host.asked["kwl"] == 1 + 3  # a 404 says nothing about the form


async def test_one_success_ends_it(one: World) -> None:
    one.host.says["kwl"] = MISSING
    for _ in range(4):
        await one.turn_comes("kwl")
    one.host.says.clear()
    with capture_logs() as logs:
        health = await one.turn_comes("kwl")

    assert health == Health(OK, since=one.clock.now, last_probe=one.clock.now, last_out=one.clock.now)
    assert changes(logs) == [("info", "acme", "kwl", "OK", None)]


async def test_a_failure_in_between_is_not_told(one: World) -> None:
    with capture_logs() as logs:
        for served in (MISSING, MISSING, None, MISSING, MISSING, None):
            one.host.says["kwl"] = served
            await one.turn_comes("kwl")

    assert changes(logs) == []


async def test_nothing_of_it_has_a_revision_or_touches_the_peer(one: World) -> None:
    """Or 100,000 peers that are met every hour would make every broker read them anew."""
    revision, peer = one.revision(), await one.peer("kwl")
    for served in (None, MISSING, MISSING, MISSING, MISSING, None):
        one.host.says["kwl"] = served
        await one.turn_comes("kwl")

    assert one.revision() == revision
    assert await one.peer("kwl") == peer


async def test_a_wrong_form_is_found_and_mended_by_the_quirk(one: World) -> None:
    one.database.execute("UPDATE held_token SET form = 'base64'")
    await one.change(lambda tx: tx.changed("peer", "kwl"))
    for _ in range(3):
        health = await one.turn_comes("kwl")
    assert (health.state, health.trouble) == (FAILING, Trouble.WRONG_AUTH_FORM)
    assert "set the quirk auth_form_out=raw" in health.message
    peer = await one.peer("kwl")
    assert (peer.form_out, peer.quirks.auth_form_out) == (HeaderForm.BASE64, None)  # nothing is changed by itself

    await one.change(lambda tx: transitions.adjust(tx, peer, with_quirk(peer, auth_form_out=HeaderForm.RAW)))
    await one.broker.look()  # an operator need not wait for the next turn

    assert (await one.health("kwl")).state is OK


async def test_a_token_that_does_not_open(one: World) -> None:
    foreign = one.broker.model.sealed("acme", "another", Token(held_by("kwl")), HELD_TOKEN)
    await one.change(
        lambda tx: (
            held_tokens.hold(tx, "kwl", held_tokens.Held(foreign, HeaderForm.RAW, proven=True)),
            tx.changed("peer", "kwl"),
        )
    )
    asked = one.host.asked["kwl"]
    for _ in range(3):
        health = await one.turn_comes("kwl")

    assert (health.state, health.trouble) == (FAILING, Trouble.TOKEN_UNREADABLE)
    assert one.host.asked["kwl"] == asked


# Who is probed


async def test_who_was_imported_is_probed_within_an_interval_and_not_at_once(one: World) -> None:
    names = [f"p{number:03}" for number in range(100)]
    await one.add("acme", *names)
    begin = one.clock.now

    assert await one.broker.look() == 0
    turns = [one.turn(name) for name in names]
    assert min(turns) >= begin + HOUR // 10
    assert max(turns) <= begin + HOUR
    assert len({turn // (6 * 60 * SECOND) for turn in turns}) >= 8

    one.clock.now = begin + HOUR
    await one.broker.look()
    assert all([(await one.health(name)).state is OK for name in names])


@pytest.mark.parametrize("how", ["blocked", "interval"])
async def test_who_is_not_to_be_probed_is_unknown_at_once(one: World, how: str) -> None:
    one.host.says["kwl"] = MISSING
    for _ in range(3):
        await one.turn_comes("kwl")
    peer, asked = await one.peer("kwl"), one.host.asked["kwl"]
    if how == "blocked":
        await one.change(lambda tx: transitions.block(tx, peer, blocked=True))
    else:
        await _set_interval(one, 0)

    with capture_logs() as logs:
        await one.broker.look()
    health = await one.health("kwl")
    assert (health.state, health.trouble, health.message, health.failures) == (UNKNOWN, None, "", 0)
    assert health.last_out is not None
    assert changes(logs) == [("info", "acme", "kwl", "UNKNOWN", None)]
    for _ in range(5):
        await one.turn_comes("kwl")
    assert one.host.asked["kwl"] == asked

    if how == "blocked":
        await one.change(lambda tx: transitions.block(tx, peer, blocked=False))
    else:
        await _set_interval(one, 3600)
    one.host.says.clear()
    begin = one.clock.now
    assert (await one.turn_comes("kwl")).state is OK
    assert one.clock.now <= begin + HOUR


async def _set_interval(one: World, seconds: int) -> None:
    """As UpdateTenant does it; that it does is tested over gRPC."""

    def write(tx: Transaction) -> None:
        record = tenants.find(tx.session, "acme")
        assert record is not None
        policy = replace(record.tenant.policy, probe_interval=seconds)
        tenants.replace(tx, replace(record.tenant, policy=policy), record.revision)
        peer_health.look_again_at_all(tx, "acme")

    await one.change(write)


async def test_a_shorter_interval_holds_at_once_and_spreads(one: World) -> None:
    """Nobody's turn of the old interval has come, everybody's of the new one has passed."""
    names = [f"p{number:03}" for number in range(50)]
    await one.add("acme", *names)
    for broker in one.brokers:
        await broker.look()
    one.clock.now += 300 * SECOND
    begin = one.clock.now

    await _set_interval(one, 60)
    assert await one.broker.look() == 0
    turns = [one.turn(name) for name in (*names, "kwl")]
    assert begin < min(turns)
    assert max(turns) <= begin + 60 * SECOND
    assert len(set(turns)) == len(turns)


async def test_who_is_not_registered_is_forgotten(one: World) -> None:
    peer = await one.peer("kwl")
    asked = one.host.asked["kwl"]
    await one.change(lambda tx: transitions.dissolve(tx, peer))
    one.clock.now += 9 * HOUR
    await one.broker.look()

    assert one.host.asked["kwl"] == asked
    assert one.database.execute("SELECT * FROM peer_health") == []


async def test_what_is_known_goes_with_the_peer(one: World) -> None:
    await one.change(_delete)

    assert one.database.execute("SELECT * FROM peer_health") == []


def _delete(tx: Transaction) -> None:
    record = tenants.find(tx.session, "acme")
    assert record is not None
    tenants.remove(tx, "acme", record.revision)


# What happens meanwhile


async def test_what_the_old_token_found_is_dropped_when_there_is_a_new_one(one: World) -> None:
    """The peer has replaced its token while it was asked with the old one."""
    one.host.says["kwl"] = UNAUTHORIZED
    for _ in range(2):
        await one.turn_comes("kwl")
    one.clock.now = one.turn("kwl")
    one.host.gate = asyncio.Event()
    await one.broker.watch.look()
    await one.host.is_asked(1)
    sealed = one.broker.model.sealed("acme", "kwl", Token(held_by("kwl")), HELD_TOKEN)
    await one.change(
        lambda tx: (
            held_tokens.hold(tx, "kwl", held_tokens.Held(sealed, HeaderForm.RAW, proven=True)),
            tx.changed("peer", "kwl"),
        )
    )

    one.host.gate.set()
    await one.broker.watch.drain()
    one.host.says.clear()
    assert one.turn("kwl") < 0
    await one.broker.look()

    health = await one.health("kwl")
    assert (health.state, health.failures) == (OK, 0)


async def test_a_broker_that_stops_does_not_wait_for_slow_peers(one: World) -> None:
    one.host.gate = asyncio.Event()
    one.all_due()
    one.clock.now += HOUR
    following = asyncio.create_task(one.broker.watch.follow())
    await one.host.is_asked(1)

    one.broker.watch.finish()
    await asyncio.wait_for(following, 2)


async def test_another_broker_goes_on_after_a_while(one: World) -> None:
    """The one that had the turn is gone: F1."""
    one.clock.now += 2 * HOUR
    one.host.gate = asyncio.Event()
    await one.broker.watch.look()
    await one.host.is_asked(1)
    other = await one.start()
    asked = one.host.asked["kwl"]

    assert await other.look() == 0
    one.host.gate = None
    one.clock.now += 89 * SECOND
    assert await other.look() == 0
    one.clock.now += 2 * SECOND
    assert await other.look() == 1

    assert one.host.asked["kwl"] == asked + 1
    assert (await one.health("kwl")).last_probe == one.clock.now


async def test_a_restart_resumes(one: World) -> None:
    """Turns, failures in a row and states are in the database."""
    one.host.says["kwl"] = MISSING
    for _ in range(2):
        await one.turn_comes("kwl")
    turn = one.turn("kwl")
    other = await one.start()

    assert await other.look() == 0
    assert one.turn("kwl") == turn
    assert (await one.turn_comes("kwl", other)).state is FAILING


async def test_a_peer_of_which_memory_knows_nothing_is_no_obstacle(one: World) -> None:
    await one.add("acme", "zwo")
    one.broker.model._memory.put_peer("kwl", None)
    one.all_due()
    one.clock.now += 2 * HOUR

    assert await one.broker.look() == 1
    assert one.host.asked["zwo"] == 1


# How many at a time

SLOW = Budgets(connect=5, whole=20)


@asynccontextmanager
async def crowd(folder: Path, database: Database, brokers: int, **tenants_: int) -> AsyncIterator[World]:
    """Tenants with that many peers, all of which are due."""
    async with world(folder, database, brokers, SLOW) as many:
        for tenant, count in tenants_.items():
            await many.tenant(tenant)
            await many.add(tenant, *(f"{tenant}{number:03}" for number in range(count)))
        many.all_due()
        for broker in many.brokers:
            await broker.model.catch_up()
        yield many


async def test_two_hundred_slow_peers_are_not_asked_at_once(database: Database, tmp_path: Path) -> None:
    async with crowd(tmp_path, database, 1, acme=200) as many:
        many.host.delay = lambda _peer: 0.3
        await many.broker.look()

        assert many.host.most == health_watch.MOST_PER_TENANT
        assert many.host.asked == {f"acme{number:03}": 1 for number in range(200)}


async def test_one_broker_asks_so_many_at_a_time(database: Database, tmp_path: Path) -> None:
    async with crowd(tmp_path, database, 1, acme=40, beta=40, gamma=40) as many:
        many.host.gate = asyncio.Event()
        for _ in range(3):
            await many.broker.watch.look()
        await many.host.is_asked(health_watch.MOST_PROBES)

        many.host.gate.set()
        await many.broker.look()
        assert many.host.most == health_watch.MOST_PROBES
        assert many.host.asked.total() == 120


async def test_one_tenants_slow_peers_do_not_keep_others_waiting(database: Database, tmp_path: Path) -> None:
    """There are more of them than are looked at at a time, and all are due for longer."""
    async with crowd(tmp_path, database, 1, acme=250, beta=5) as many:
        many.database.execute("UPDATE peer_health SET next_probe_at = next_probe_at - 9 WHERE tenant = 'acme'")
        many.host.gate = asyncio.Event()
        await many.broker.watch.look()
        await many.host.is_asked(health_watch.MOST_PER_TENANT)

        await many.broker.watch.look()
        await many.host.is_asked(health_watch.MOST_PER_TENANT + 5)
        many.host.gate.set()
        await many.broker.watch.drain()


async def test_two_brokers_share_the_work(
    postgres_server: postgres.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each peer is probed once, and neither broker does it all."""
    monkeypatch.setattr(health_watch, "MOST_PER_TENANT", 10)
    with databases.fresh("postgresql", tmp_path, postgres_server) as database:
        async with crowd(tmp_path, database, 2, acme=120) as many:
            many.host.delay = lambda _peer: 0.05
            begun = [0, 0]

            async def work(number: int) -> None:
                while sum(begun) < 120:
                    begun[number] += await many.brokers[number].watch.look()
                    await asyncio.sleep(0.02)
                await many.brokers[number].look()

            async with asyncio.timeout(30):
                await asyncio.gather(work(0), work(1))

            assert many.host.asked == {f"acme{number:03}": 1 for number in range(120)}
            assert min(begun) >= 30
            assert many.host.most <= 2 * 10
            states = many.database.execute("SELECT DISTINCT state FROM peer_health")
            assert states == [("OK",)]
