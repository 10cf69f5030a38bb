"""A token whose successor has been used is shown to change the connection: its owner has it no more, somebody else has.

Whoever it was is refused, and an operator is told (F11).
"""

import asyncio

import pytest

from ocpi_broker.v1 import peer_service_pb2 as pb
from tests.integration.announcing_peers import on_sqlite
from tests.integration.every_version import every_version
from tests.integration.field.links import Link, ids, linked, windows
from tests.peer import Sender, new_token
from tests.stack import Stack

pytestmark = pytest.mark.anyio

THEFT = "POSSIBLE_TOKEN_THEFT"


async def thief(link: Link, sender: Sender) -> Sender:
    """The owner has rotated and used its new token; the answer shows the one before."""
    stolen = sender.token
    await sender.rotate()
    await sender.versions()
    other = link.stack.sender(pb.InvitePeerResponse(token=stolen), link.partner, link.partner.party)
    other.versions_url, other.credentials_url = sender.versions_url, sender.credentials_url
    return other


async def suspected(link: Link) -> bool:
    return THEFT in ids(await link.peer())


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@every_version
async def test_it_is_refused_and_told_once(
    stack: Stack, version: str, method: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async with linked(stack, version) as link:
        sender = await link.registered()
        other = await thief(link, sender)
        held = await link.held()

        for _ in range(3):
            reply = await (other.put() if method == "PUT" else other.delete())
            assert reply.outcome == (401, 2000)

        peer = await link.peer()
        (finding,) = [one for one in peer.findings if one.id == THEFT]
        assert f"a {method} came with a token that was replaced" in finding.message
        assert finding.message in peer.warnings
        (entry,) = link.audited("token.possible_theft")
        assert (entry["kind"], entry["source"]) == (method, other.source)
        assert '"event": "possible_token_theft"' in capfd.readouterr().out
        assert await link.held() == held
        assert await link.valid(sender.token)


@on_sqlite
async def test_each_kind_of_suspicion_is_told(stack: Stack) -> None:
    async with linked(stack) as link:
        other = await thief(link, await link.registered())

        await other.put()
        await other.delete()

        told = [one.message for one in (await link.peer()).findings if one.id == THEFT]
        assert [word for word in ("a PUT came", "a DELETE came") if any(word in one for one in told)] == [
            "a PUT came",
            "a DELETE came",
        ]
        assert len(told) == 2


async def test_many_at_once_are_told_once(stack: Stack) -> None:
    async with linked(stack) as link:
        other = await thief(link, await link.registered())

        await asyncio.gather(*(other.put() for _ in range(5)))

        assert len(link.audited("token.possible_theft")) == 1
        assert ids(await link.peer()).count(THEFT) == 1


@on_sqlite
async def test_without_a_window_the_answer_may_have_been_lost(stack: Stack) -> None:
    """The successor was not used either."""
    async with linked(stack, policy=windows(put=0)) as link:
        sender = await link.registered()
        await sender.put()

        assert (await sender.put()).outcome == (401, 2000)

        assert not await suspected(link)


@on_sqlite
async def test_reading_is_no_theft(stack: Stack) -> None:
    """A backup, or a second instance that was not told yet: that has a warning of its own."""
    async with linked(stack) as link:
        other = await thief(link, await link.registered())

        assert (await other.versions()).outcome == (401, 2000)
        assert (await other.get()).outcome == (401, 2000)
        assert (await other.post()).outcome == (401, 2000)
        assert not await link.valid(other.token)

        assert not await suspected(link)
        assert "REPLACED_TOKEN_SHOWN" in ids(await link.peer())


@on_sqlite
async def test_a_successor_that_was_not_used_may_never_have_arrived(stack: Stack) -> None:
    async with linked(stack) as link:
        sender = await link.registered()
        await sender.put()

        assert (await sender.put()).outcome == (200, 1000)

        assert not await suspected(link)


@pytest.mark.parametrize("first", ["owner", "other"])
async def test_two_that_use_what_one_exchange_gave_them(stack: Stack, first: str) -> None:
    """The repeat was somebody else's: in the end both show up. The owner's stays."""
    async with linked(stack, open_documents=True) as link:
        sender = await link.registered()
        owners = (await sender.put()).token
        held = await link.held()
        others = (await sender.put(sender.credentials(new_token()))).token

        if first == "owner":
            assert await link.valid(owners)
            assert not await link.valid(others)
            assert not await suspected(link), "the other token was never used while it worked"
        else:
            assert await link.valid(others)
            assert await link.valid(owners)
            assert await suspected(link)
            assert not await link.valid(others)
            assert "TOKEN_UNPROVEN" not in ids(await link.peer()), "what came with it is tried no more"
        await asyncio.sleep(0.1)
        assert await link.held() == held


@pytest.mark.parametrize("end", ["reset", "unregister"])
async def test_an_operator_ends_the_suspicion(stack: Stack, end: str) -> None:
    """Neither the peer itself nor a rotation of ours does."""
    async with linked(stack) as link:
        sender = await link.registered()
        other = await thief(link, sender)
        await other.delete()
        await sender.rotate()
        await sender.versions()
        assert await suspected(link)
        await link.rotate()
        assert await suspected(link)

        if end == "reset":
            await stack.peers.ResetPeer(pb.ResetPeerRequest(name=link.name))
        else:
            await link.unregister()

        assert not await suspected(link)
