"""What has a bound: failures with an invitation, records, tokens, and who waits for an exchange."""

import asyncio
import json
from typing import Any

import pytest

from broker import limits
from broker.errors import TooManyExchangesError
from broker.exchanges import leases
from broker.store import exchange_records
from ocpi_broker.v1 import peer_service_pb2
from tests.database import Database
from tests.integration.inspection import Outcome, exchanges_of, row_of
from tests.peer import Gate, Served, answering
from tests.stack import Guest, Home, Stack

pytestmark = pytest.mark.anyio


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

    found = await exchanges_of(stack, guest.name)
    assert len(found) == 3
    assert found[0].outcome == Outcome.EXCHANGE_OUTCOME_SUCCEEDED


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
    assert Outcome.EXCHANGE_OUTCOME_SUCCEEDED in [one.outcome for one in await exchanges_of(stack, guest.name)]


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
    rows = database.execute(f"SELECT state FROM issued_token WHERE peer_uid = '{row_of(database, name)}'")
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
