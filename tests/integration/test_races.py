"""Several requests of one peer, or of several, at the same time (F5): the database decides, once."""

import asyncio
import threading
import time
from collections import Counter

import httpx
import pytest

from broker.memory.readmodel import ReadModel
from broker.store.transactions import Transaction
from ocpi_broker.v1 import peer_service_pb2, resources_pb2
from tests.peer import Gate, Reply, new_party, new_token, platform_running, role
from tests.stack import Guest, Home, Stack

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]

REFUSED = {(405, 2000), (200, 3000), (401, 2000)}


async def _valid(home: Home, tokens: list[str]) -> list[str]:
    return [token for token in tokens if (await home.verify(token)).valid]


async def test_twenty_posts_with_one_invitation_give_one_registration(stack: Stack, home: Home, guest: Guest) -> None:
    """RR-18: exactly one 1000, and exactly one issued token works afterwards."""
    sender = guest.sender
    await sender.discover()
    theirs = [new_token() for _ in range(20)]
    limits = httpx.Limits(max_connections=20)
    async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
        sender.http = client
        replies = await asyncio.gather(*(sender.post(token=token) for token in theirs))

    outcomes = Counter(reply.outcome for reply in replies)
    assert outcomes[200, 1000] == 1, outcomes
    assert set(outcomes) - {(200, 1000)} <= REFUSED, outcomes
    winner = next(index for index, reply in enumerate(replies) if reply.outcome == (200, 1000))
    assert await _valid(home, [replies[winner].token]) == [replies[winner].token]
    assert (await home.held(guest.name)).token == theirs[winner]  # both sides agree on the same exchange
    answer = await stack.peers.ListExchanges(peer_service_pb2.ListExchangesRequest(parent=guest.name))
    ended = Counter(exchange.outcome for exchange in answer.exchanges)
    assert ended[resources_pb2.EXCHANGE_OUTCOME_SUCCEEDED] == 1
    assert ended[resources_pb2.EXCHANGE_OUTCOME_RUNNING] == 0


async def test_a_post_that_arrived_before_the_success_is_no_retry(home: Home, guest: Guest) -> None:
    """F5: otherwise a double click at the peer would revoke the token that it was just given."""
    gate = Gate()
    guest.platform.script["versions"] = gate
    await guest.sender.discover()
    first = asyncio.create_task(guest.sender.post())
    await gate.reached.wait()
    second = asyncio.create_task(guest.sender.post())
    await asyncio.sleep(0.3)

    gate.open()
    replies = await asyncio.gather(first, second)

    assert [reply.outcome for reply in replies] == [(200, 1000), (405, 2000)]
    assert await _valid(home, [replies[0].token]) == [replies[0].token]


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_what_arrives_while_the_first_is_being_committed_is_no_retry(
    home: Home, guest: Guest, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F5: the commit takes a moment, in which nothing can be seen of it and its time has been taken already."""
    sender = guest.sender
    await sender.discover()
    if method == "PUT":
        await sender.register()
    log = Transaction.log

    def slow(self: Transaction) -> int | None:
        time.sleep(0.4)
        return log(self)

    monkeypatch.setattr(Transaction, "log", slow)
    exchange = sender.post if method == "POST" else sender.put

    async def later(delay: float) -> Reply:
        await asyncio.sleep(delay)
        return await exchange()

    replies = await asyncio.gather(*(later(0.03 * place) for place in range(6)))

    won = [reply for reply in replies if reply.outcome == (200, 1000)]
    assert len(won) == 1, [reply.outcome for reply in replies]
    assert await _valid(home, [won[0].token]) == [won[0].token]


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_what_arrives_during_a_commit_and_looks_after_it_is_no_retry(
    home: Home, guest: Guest, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F5: all that it sees is stored already, with a time before its own."""
    sender = guest.sender
    await sender.discover()
    if method == "PUT":
        await sender.register()
        await sender.versions()  # the first use of a token is a commit of its own
    exchange = sender.post if method == "POST" else sender.put
    committing, log, catch_up = threading.Event(), Transaction.log, ReadModel.catch_up

    def slow(self: Transaction) -> int | None:
        committing.set()
        time.sleep(0.4)
        return log(self)

    async def late(self: ReadModel) -> None:
        if committing.is_set():
            await asyncio.sleep(0.6)
        await catch_up(self)

    monkeypatch.setattr(Transaction, "log", slow)
    monkeypatch.setattr(ReadModel, "catch_up", late)
    first = asyncio.create_task(exchange())
    await asyncio.to_thread(committing.wait)

    second = await exchange()

    assert (await first).outcome == (200, 1000)
    assert second.outcome == ((405, 2000) if method == "POST" else (200, 3000))
    assert await _valid(home, [(await first).token]) == [(await first).token]


async def test_delete_wins_over_a_put_that_is_open(home: Home, registered: Guest) -> None:
    """F5: the running exchange is fenced and its commit fails."""
    gate = Gate()
    registered.platform.script["details"] = gate
    put = asyncio.create_task(registered.sender.put())
    await gate.reached.wait()

    deleted = await registered.sender.delete()
    gate.open()
    reply = await put

    assert deleted.outcome == (200, 1000)
    assert reply.outcome == (200, 3000)
    assert (await home.peer(registered.name)).state == resources_pb2.PEER_STATE_UNREGISTERED
    assert (await registered.sender.versions()).status == 401


async def test_an_operator_who_unregisters_wins_over_a_post_that_is_open(
    stack: Stack, home: Home, guest: Guest
) -> None:
    """The proto of UnregisterPeer: a running exchange of the peer fails."""
    gate = Gate()
    guest.platform.script["details"] = gate
    await guest.sender.discover()
    post = asyncio.create_task(guest.sender.post())
    await gate.reached.wait()

    await stack.peers.UnregisterPeer(peer_service_pb2.UnregisterPeerRequest(name=guest.name))
    gate.open()
    reply = await post

    assert reply.outcome == (200, 3000)
    assert (await home.peer(guest.name)).state == resources_pb2.PEER_STATE_UNREGISTERED
    assert (await guest.sender.versions()).status == 401


async def test_delete_with_the_invitation_does_not_disturb_the_post(home: Home, guest: Guest) -> None:
    """POST ∥ DELETE: with token A there is nothing to delete (RR-20)."""
    gate = Gate()
    guest.platform.script["versions"] = gate
    await guest.sender.discover()
    post = asyncio.create_task(guest.sender.post())
    await gate.reached.wait()

    deleted = await guest.sender.delete()
    gate.open()

    assert deleted.outcome == (405, 2000)
    reply = await post
    assert reply.outcome == (200, 1000)
    assert (await home.verify(reply.token)).valid


async def test_post_and_delete_at_the_same_time_end_in_one_of_two_states(stack: Stack, home: Home) -> None:
    """POST with a new token, DELETE with the old one: whoever is second sees what the first did."""
    for _ in range(5):
        async with stack.guest(home) as guest:
            await guest.sender.register()
            post, delete = await asyncio.gather(guest.sender.post(), guest.sender.delete())

            assert delete.outcome == (200, 1000)
            assert post.outcome in REFUSED
            assert (await home.peer(guest.name)).state == resources_pb2.PEER_STATE_UNREGISTERED


async def test_two_puts_at_the_same_time_leave_one_pair(home: Home, registered: Guest) -> None:
    """PUT ∥ PUT."""
    gate = Gate()
    registered.platform.script["versions"] = gate
    theirs = [new_token(), new_token()]
    first = asyncio.create_task(registered.sender.put(token=theirs[0]))
    await gate.reached.wait()
    second = asyncio.create_task(registered.sender.put(token=theirs[1]))
    await asyncio.sleep(0.3)

    gate.open()
    replies = await asyncio.gather(first, second)

    assert [reply.outcome for reply in replies] == [(200, 1000), (200, 3000)]
    assert (await home.held(registered.name)).token == theirs[0]
    assert await _valid(home, [replies[0].token]) == [replies[0].token]


async def test_ten_puts_at_once_agree_on_the_same_winner(home: Home, registered: Guest) -> None:
    theirs = [new_token() for _ in range(10)]

    replies = await asyncio.gather(*(registered.sender.put(token=token) for token in theirs))

    winners = [index for index, reply in enumerate(replies) if reply.outcome == (200, 1000)]
    assert len(winners) == 1, Counter(reply.outcome for reply in replies)
    assert {reply.outcome for reply in replies} <= {(200, 1000), *REFUSED}
    assert (await home.held(registered.name)).token == theirs[winners[0]]
    assert (await home.verify(replies[winners[0]].token)).valid


async def test_put_and_delete_at_once_always_end_unregistered(stack: Stack, home: Home) -> None:
    """PUT ∥ DELETE, in whichever order they come through."""
    for _ in range(5):
        async with stack.guest(home) as guest:
            await guest.sender.register()
            put, delete = await asyncio.gather(guest.sender.put(), guest.sender.delete())

            assert delete.outcome == (200, 1000)
            assert put.outcome in {(200, 1000), *REFUSED}
            assert (await home.peer(guest.name)).state == resources_pb2.PEER_STATE_UNREGISTERED
            issued = [guest.sender.token, *([put.token] if put.outcome == (200, 1000) else [])]
            assert await _valid(home, issued) == []


async def test_of_two_peers_that_announce_the_same_party_one_gets_it(stack: Stack, home: Home) -> None:
    """F5, PR-02: the loser is rolled back entirely and may try again with what is free."""
    party = new_party()
    async with platform_running() as one, platform_running() as two:
        senders = []
        for platform in (one, two):
            sender = stack.sender(await home.invite(), platform, party)
            await sender.discover()
            senders.append(sender)

        replies = await asyncio.gather(*(sender.post() for sender in senders))

        assert sorted(reply.outcome for reply in replies) == [(200, 1000), (200, 2001)]
        loser = next(sender for sender, reply in zip(senders, replies, strict=True) if reply.code == 2001)
        again = await loser.post(roles=[role(new_party())])
        assert again.outcome == (200, 1000)


async def test_two_peers_may_swap_nothing_but_their_own(stack: Stack, home: Home) -> None:
    """Two PUTs that each want the other's party as well: neither gets it."""
    async with platform_running() as one, platform_running() as two:
        parties, senders = [new_party(), new_party()], []
        for platform, party in zip((one, two), parties, strict=True):
            sender = stack.sender(await home.invite(), platform, party)
            await sender.register()
            senders.append(sender)

        replies = await asyncio.gather(*(sender.put(roles=[role(party) for party in parties]) for sender in senders))

        assert [reply.outcome for reply in replies] == [(200, 2001)] * 2


async def test_reading_is_never_held_up_by_an_open_exchange(registered: Guest) -> None:
    """F5: GETs do not wait for the lease."""
    gate = Gate()
    registered.platform.script["versions"] = gate
    put = asyncio.create_task(registered.sender.put())
    await gate.reached.wait()

    async with asyncio.timeout(2):
        replies: list[Reply] = [await registered.sender.versions(), await registered.sender.get()]

    gate.open()
    assert [reply.outcome for reply in replies] == [(200, 1000)] * 2
    assert (await put).outcome == (200, 1000)


async def test_other_peers_are_not_held_up_by_an_open_exchange(stack: Stack, home: Home, guest: Guest) -> None:
    """F5: the lease is per connection, not per tenant."""
    gate = Gate()
    guest.platform.script["versions"] = gate
    await guest.sender.discover()
    post = asyncio.create_task(guest.sender.post())
    await gate.reached.wait()

    async with stack.guest(home) as other, asyncio.timeout(5):
        await other.sender.register()

    gate.open()
    assert (await post).outcome == (200, 1000)


async def test_too_many_open_exchanges_of_one_tenant_are_429_or_503(stack: Stack, home: Home) -> None:
    """F7: slow peers of one tenant do not use up the broker; another tenant is not affected."""
    gate = Gate()
    async with platform_running() as platform:
        platform.script["versions"] = gate
        senders = [stack.sender(await home.invite(), platform, new_party()) for _ in range(20)]
        for sender in senders:
            sender.credentials_url = f"{sender.base}/2.2.1/credentials"
        posts = [asyncio.create_task(sender.post()) for sender in senders]
        await gate.reached.wait()
        await asyncio.sleep(0.5)
        async with stack.guest(await stack.home()) as elsewhere:
            await elsewhere.sender.register()
        gate.open()

        replies = await asyncio.gather(*posts)

    statuses = Counter(reply.status for reply in replies)
    assert set(statuses) <= {200, 429, 503}, statuses
    assert 1 <= statuses[200] < 20, statuses
    assert all("retry-after" in reply.headers for reply in replies if reply.status != 200)
