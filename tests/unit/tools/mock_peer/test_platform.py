"""Two mock peers and each other, in every version and in both directions."""

from collections.abc import AsyncIterator

import pytest

from broker.core.model import HeaderForm, Token
from broker.ocpi import DIALECTS, authorization
from broker.tools.mock_peer.http_client import ExchangeFailedError
from broker.tools.mock_peer.platform import MockPeer, mock_peer

pytestmark = pytest.mark.anyio


@pytest.fixture
async def left() -> AsyncIterator[MockPeer]:
    async with mock_peer(versions=tuple(DIALECTS)) as one:
        yield one


@pytest.fixture
async def right() -> AsyncIterator[MockPeer]:
    async with mock_peer(versions=tuple(DIALECTS), parties=["NL/LMH/EMSP=Lumen Hub"]) as one:
        yield one


async def require_connected(one: MockPeer, other: MockPeer, version: str) -> None:
    """Each shows what the other issued, and it is good for everything."""
    for here, there in ((one, other), (other, one)):
        assert here.version == version
        assert {here.held} == there.issued
        assert here.endpoints
        assert (await here.call("GET", f"{there.base}/ocpi/{version}/sender/locations")).code == 1000


@pytest.mark.parametrize("version", DIALECTS)
@pytest.mark.parametrize("swapped", [False, True], ids=["left registers", "right registers"])
async def test_they_register_rotate_both_ways_and_unregister(
    left: MockPeer, right: MockPeer, version: str, swapped: bool
) -> None:
    sender, receiver = (right, left) if swapped else (left, right)

    await sender.register(receiver.versions_url, receiver.token, version)
    await require_connected(left, right, version)
    for one in (sender, receiver, sender):
        before = (left.held, right.held)
        await one.rotate()
        await require_connected(left, right, version)
        assert not {left.held, right.held} & set(before)

    await receiver.unregister()
    assert [one.registered for one in (left, right)] == [False, False]
    assert left.issued | right.issued == frozenset()


@pytest.mark.parametrize("version", DIALECTS)
async def test_each_shows_tokens_in_the_form_of_the_version(left: MockPeer, right: MockPeer, version: str) -> None:
    await left.register(right.versions_url, right.token, version)

    shown = {request.header("Authorization") for request in (*left.received, *right.received)}
    write, form = authorization.write_authorization, DIALECTS[version].header
    assert shown == {write(Token(token), form) for token in (right.token, right.held) if token}


async def test_a_form_that_was_refused_is_not_shown_again(left: MockPeer) -> None:
    async with mock_peer(versions=tuple(DIALECTS), accepts=[HeaderForm.RAW]) as right:
        await left.register(right.versions_url, right.token, "2.2.1")
        await left.rotate()

    statuses = [event.status for event in right.journal.find(event="request")]
    assert statuses[0] == 401
    assert set(statuses[1:]) == {200}


async def test_a_receiver_finds_out_the_form_on_the_first_call_back(right: MockPeer) -> None:
    async with mock_peer(versions=["2.2.1"], accepts=[HeaderForm.RAW]) as left:
        await left.register(right.versions_url, right.token)

    assert [event.status for event in left.journal.find(event="request")] == [401, 200, 200]


@pytest.mark.parametrize("version", DIALECTS)
async def test_put_switches_the_version(left: MockPeer, right: MockPeer, version: str) -> None:
    await left.register(right.versions_url, right.token)
    await require_connected(left, right, "2.3.0")

    await left.rotate(version)

    await require_connected(left, right, version)


async def test_without_a_common_version_nothing_is_sent() -> None:
    async with mock_peer(versions=["2.1.1"]) as old, mock_peer(versions=["2.3.0"]) as new:
        with pytest.raises(ExchangeFailedError, match=r"lists 2\.1\.1"):
            await new.register(old.versions_url, old.token)

        assert old.journal.find(method="POST") == []


async def test_without_a_registration_there_is_nothing_to_rotate(left: MockPeer) -> None:
    with pytest.raises(ExchangeFailedError, match="not registered"):
        await left.rotate()


async def test_who_is_unknown_to_the_other_side_is_unregistered(left: MockPeer, right: MockPeer) -> None:
    await left.register(right.versions_url, right.token)
    right.fault("forget*1")

    await left.unregister()

    assert not left.registered
