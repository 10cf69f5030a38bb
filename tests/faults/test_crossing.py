"""Both sides begin at once (F6): in every order of answers they end with one pair, and nobody is locked out."""

import asyncio

import grpc
import pytest

from ocpi_broker.v1 import peer_service_pb2 as pb
from ocpi_broker.v1 import resources_pb2
from tests.faults.conftest import Pairs
from tests.faults.pair import FAILED, REGISTERED, UNREGISTERED, soon, why
from tests.peer import new_party
from tests.soak import at_most
from tests.stack import Home, Stack

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]

ROUNDS = at_most(8, soak=100)


async def test_put_inside_put(pairs: Pairs) -> None:
    async with pairs() as pair:
        before = await pair.connected()
        pair.mock.fault("put-inside-put*1")

        peer = await pair.rotate()

        assert not peer.HasField("job"), peer
        assert peer.token_time.ToNanoseconds() > before.token_time.ToNanoseconds()
        await pair.check_connected()
        peer = await pair.rotate()
        assert not peer.HasField("job"), peer
        await pair.check_connected()


@pytest.mark.parametrize("lenient", [False, True])
async def test_put_inside_put_whose_answer_is_lost(pairs: Pairs, lenient: bool) -> None:
    """What the peer did with ours is not known: the job stays, and a repeat ends it (F4)."""
    async with pairs(lenient=lenient) as pair:
        await pair.connected()
        pair.mock.fault("put-inside-put*1")
        pair.mock.fault("drop-answer@PUT*1")

        peer = await pair.rotate()

        await pair.check()
        assert (why(peer), peer.job.outcome_unknown) == ("OUTCOME_UNKNOWN", True), peer
        peer = await pair.rotate()
        assert not peer.HasField("job"), peer
        await pair.check_connected()


async def test_a_switch_is_not_forgotten_because_the_peer_rotates(pairs: Pairs, stack: Stack) -> None:
    home = await stack.home(versions=["2.2.1", "2.3.0"])
    async with pairs(home, versions=("2.2.1", "2.3.0")) as pair:
        await pair.connect(version="2.2.1")
        pair.mock.fault("http:503@PUT*1")
        peer = await pair.switch("2.3.0")
        assert (why(peer), peer.job.version) == ("OUTCOME_UNKNOWN", "2.3.0"), peer
        await pair.mock.rotate()

        assert (await pair.peer()).job.version == "2.3.0", "more was in view than tokens"
        peer = await pair.rotate()

        assert (peer.version, peer.HasField("job")) == ("2.3.0", False), peer
        await pair.check_connected()


async def test_post_inside_post(pairs: Pairs) -> None:
    """Each has invited the other."""
    async with pairs() as pair:
        pair.mock.give(pair.home.versions_url, await pair.invited())
        pair.mock.fault("post-inside-post*1")

        peer = await pair.connect()

        assert (peer.state, peer.HasField("job")) == (REGISTERED, False), peer
        await pair.check_connected()
        assert not (await pair.rotate()).HasField("job")
        await pair.check_connected()


@pytest.mark.parametrize("lenient", [False, True])
async def test_post_inside_post_whose_answer_is_lost(pairs: Pairs, lenient: bool) -> None:
    """Theirs has registered us, so what is left to find out is found out by PUT, also at a strict peer."""
    async with pairs(lenient=lenient) as pair:
        pair.mock.give(pair.home.versions_url, await pair.invited())
        pair.mock.fault("post-inside-post*1")
        pair.mock.fault("drop-answer@POST*1")

        peer = await pair.connect()

        await pair.check()
        assert (peer.state, peer.job.outcome_unknown) == (REGISTERED, True), peer
        assert not (await pair.rotate()).HasField("job")
        await pair.check_connected()


async def test_delete_inside_put(pairs: Pairs) -> None:
    """DELETE wins, and the late answer brings nothing back (F5)."""
    async with pairs() as pair:
        await pair.connected()
        old = pair.mock.held
        pair.mock.fault("delete-inside-put*1")

        peer = await pair.rotate()

        assert (peer.state, peer.HasField("job")) == (UNREGISTERED, False), peer
        await pair.check_gone(old)


async def test_the_peer_rotates_with_the_token_whose_answer_was_lost(pairs: Pairs) -> None:
    """Whoever shows what we offered has carried out our request: its own PUT mends the lost answer (F4)."""
    async with pairs() as pair:
        await pair.connected()
        pair.mock.fault("drop-answer@PUT*1")
        peer = await pair.rotate()
        assert peer.job.outcome_unknown

        await pair.mock.rotate()

        peer = await pair.peer()
        assert not peer.HasField("job"), peer
        await pair.check_connected()


async def test_the_same_while_we_are_connecting(pairs: Pairs) -> None:
    async with pairs() as pair:
        pair.mock.fault("drop-answer@POST*1")
        peer = await pair.connect()
        assert peer.state == resources_pb2.PEER_STATE_CONNECTING
        assert await pair.works(pair.mock.held, "versions")
        assert not await pair.works(pair.mock.held), "RS-06"

        await pair.mock.rotate()

        await pair.check_connected()


async def test_after_a_lock_out_the_peer_can_still_rotate(pairs: Pairs) -> None:
    async with pairs() as pair:
        await pair.connected()
        pair.mock.fault("drop-answer@PUT*1")
        await pair.rotate()
        peer = await pair.rotate()
        assert (why(peer), peer.job.state) == ("ANSWER_LOST", FAILED), peer

        await pair.mock.rotate()

        await pair.check_connected()


async def test_two_of_ours_rotate_each_other_at_the_same_moment(stack: Stack) -> None:
    one, other = await _tied(stack)
    for _ in range(ROUNDS):
        await asyncio.gather(_rotate(one), _rotate(other))

        await _agree(one, other)


async def _tied(stack: Stack) -> tuple[tuple[Home, str], tuple[Home, str]]:
    host = await stack.home(parties=[new_party("CPO")])
    guest = await stack.home(parties=[new_party("EMSP")])
    invitation = await host.invite(peer_id="guest")
    answer = await stack.peers.ConnectPeer(
        pb.ConnectPeerRequest(
            parent=guest.name,
            peer_id="host",
            versions_url=invitation.versions_url,
            token=invitation.token,
            wait=True,
        )
    )
    assert answer.peer.state == REGISTERED, answer.peer
    return (host, f"{host.name}/peers/guest"), (guest, f"{guest.name}/peers/host")


async def _rotate(side: tuple[Home, str]) -> None:
    """A PUT may have come so late that it was taken for a repeat; then no third token is offered before a use (F4)."""
    home, name = side
    try:
        await home.stack.peers.RotatePeer(pb.RotatePeerRequest(name=name))
    except grpc.aio.AioRpcError as error:
        if "no other can be offered" not in str(error.details()):
            raise


async def _agree(one: tuple[Home, str], other: tuple[Home, str]) -> None:
    """When both are done, each takes what the other holds."""

    async def done() -> bool:
        found = [await home.peer(name) for home, name in (one, other)]
        assert not [peer for peer in found if peer.job.state == FAILED], found
        return not any(peer.HasField("job") for peer in found)

    await soon(done)
    for (home, name), (judge, _) in ((one, other), (other, one)):
        assert (await judge.verify((await home.held(name)).token)).valid
