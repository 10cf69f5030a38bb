"""The mock peer as a peer of our own broker: it registers, rotates and unregisters in every version."""

from collections.abc import AsyncIterator

import pytest

from broker.ocpi import DIALECTS
from broker.tools.mock_peer.http_client import ExchangeFailedError, OutcomeUnknownError
from broker.tools.mock_peer.platform import MockPeer, mock_peer
from tests.peer import new_party
from tests.stack import Home, Stack

pytestmark = pytest.mark.anyio


@pytest.fixture
async def peer() -> AsyncIterator[MockPeer]:
    async with mock_peer(versions=tuple(DIALECTS), parties=[f"{new_party()}=Kabelwerk"]) as one:
        yield one


@pytest.fixture
async def everywhere(stack: Stack) -> Home:
    """A tenant that offers every version."""
    return await stack.home(versions=tuple(DIALECTS))


@pytest.mark.parametrize("version", DIALECTS)
async def test_it_registers_rotates_and_unregisters(everywhere: Home, peer: MockPeer, version: str) -> None:
    invitation = await everywhere.invite()

    await peer.register(invitation.versions_url, invitation.token, version)
    held = await everywhere.held(invitation.peer.name)
    assert peer.version == version
    assert {held.token} == peer.issued
    first = peer.held

    await peer.rotate()
    held = await everywhere.held(invitation.peer.name)
    assert {held.token} == peer.issued
    assert peer.held != first
    assert (await peer.call("GET", invitation.versions_url)).status == 200
    assert (await peer.call("GET", invitation.versions_url, first)).status == 401
    last = peer.held

    await peer.unregister()
    assert not peer.registered
    assert (await peer.call("GET", invitation.versions_url, last)).status == 401


async def test_without_a_version_it_takes_the_newest(everywhere: Home, peer: MockPeer) -> None:
    invitation = await everywhere.invite()

    await peer.register(invitation.versions_url, invitation.token)

    assert peer.version == "2.3.0"


async def test_callbacks_that_fail_are_our_brokers_3001(everywhere: Home, peer: MockPeer) -> None:
    invitation = await everywhere.invite()
    peer.fault("callback-401")

    with pytest.raises(ExchangeFailedError) as refused:
        await peer.register(invitation.versions_url, invitation.token)

    assert (refused.value.status, refused.value.code) == (200, 3001)
    assert peer.issued == frozenset()


async def test_what_hung_up_late_is_registered_at_our_broker(everywhere: Home, peer: MockPeer) -> None:
    """The token that it sent is the one that we hold."""
    invitation = await everywhere.invite()
    peer.fault("hang-up-late")

    with pytest.raises(OutcomeUnknownError):
        await peer.register(invitation.versions_url, invitation.token)

    assert len(peer.issued) == 1
    assert not peer.registered


async def test_of_the_same_post_twice_our_broker_takes_one(everywhere: Home, peer: MockPeer) -> None:
    invitation = await everywhere.invite()
    peer.fault("twice")

    await peer.register(invitation.versions_url, invitation.token)

    posts = peer.journal.find(event="call", method="POST")
    assert len(posts) == 2
    assert len([event for event in posts if event.code == 1000]) == 1
    assert (await peer.call("GET", invitation.versions_url)).status == 200


async def test_our_broker_takes_an_unchanged_token_in_put(everywhere: Home, peer: MockPeer) -> None:
    invitation = await everywhere.invite()
    await peer.register(invitation.versions_url, invitation.token)
    before = peer.issued
    peer.fault("put-unchanged-token")

    await peer.rotate()

    assert peer.issued == before
    assert {(await everywhere.held(invitation.peer.name)).token} == before
