"""A connection ends in every order (F17, UN-06), or is taken away while something is under way."""

import asyncio

import grpc
import pytest

from broker.tools.mock_peer.http_client import OutcomeUnknownError
from ocpi_broker.v1 import peer_service_pb2 as pb
from ocpi_broker.v1 import tenant_service_pb2
from tests.faults import invariants
from tests.faults.conftest import Pairs
from tests.faults.pair import FAILED, REGISTERED, UNREGISTERED, Pair, soon, why
from tests.stack import reason

pytestmark = pytest.mark.anyio


async def test_both_delete_at_once(pairs: Pairs) -> None:
    async with pairs() as pair:
        await pair.connected()
        old = pair.mock.held

        ours, _ = await asyncio.gather(pair.unregister(), pair.mock.unregister(), return_exceptions=True)

        if isinstance(ours, grpc.aio.AioRpcError):
            assert ours.details() == "the peer is not registered", "theirs was first"
        peer = await soon(lambda: _gone(pair))
        assert not peer.HasField("job")
        await invariants.check_gone(pair, [old], told=True)


async def _gone(pair: Pair) -> object:
    peer = await pair.peer()
    return peer if peer.state == UNREGISTERED else None


async def test_their_lost_delete_and_ours(pairs: Pairs) -> None:
    """Whoever lost the answer asks again, and is not known any more: that is what was wanted."""
    async with pairs() as pair:
        await pair.connected()
        old = pair.mock.held
        pair.mock.fault("hang-up@DELETE*1")
        with pytest.raises(OutcomeUnknownError):
            await pair.mock.unregister()
        await soon(lambda: _gone(pair))

        with pytest.raises(grpc.RpcError) as refused:
            await pair.unregister()

        pair.commands -= 1
        assert reason(refused.value) == "WRONG_STATE"
        await pair.mock.unregister()
        await pair.check_gone(old)


async def test_unregister_while_our_put_is_open(pairs: Pairs) -> None:
    """The token in the answer is the only one with which the peer can still be told."""
    async with pairs() as pair:
        await pair.connected()
        pair.mock.fault("slow:1@PUT*1")
        await pair.begin_rotate()
        await pair.mock.wait_for(2, event="exchange", role="Receiver", outcome="done")
        last = pair.mock.held
        pair.remember()

        await _unregister_patiently(pair)

        await pair.rest()
        await pair.check_gone(last)


async def _unregister_patiently(pair: Pair) -> None:
    """As often as it is refused because an attempt is running."""

    async def accepted() -> bool:
        try:
            await pair.stack.peers.UnregisterPeer(pb.UnregisterPeerRequest(name=pair.name))
        except grpc.RpcError as error:
            assert reason(error) == "CONFLICT"  # noqa: PT017  any other refusal is a failure
            return False
        return True

    await soon(accepted)
    pair.commands += 1


@pytest.mark.parametrize("how", ["reset", "unregister"])
async def test_taken_away_while_our_post_is_open(pairs: Pairs, how: str) -> None:
    """The late answer is dropped."""
    async with pairs() as pair:
        pair.mock.fault("slow:2@POST*1")
        await pair.begin_connect()
        await pair.mock.wait_for(event="exchange", role="Receiver", outcome="done")
        old = pair.mock.held
        pair.remember()

        if how == "reset":
            answer = await pair.stack.peers.ResetPeer(pb.ResetPeerRequest(name=pair.name))
            pair.seen.add(answer.token)
        else:
            await pair.stack.peers.UnregisterPeer(pb.UnregisterPeerRequest(name=pair.name, force=True))

        peer = await pair.rest()
        assert not peer.HasField("job"), peer
        assert not await pair.works(old, "versions")
        await pair.check(locked_out=True)
        statement = "SELECT outcome, reason FROM exchange WHERE peer_uid = {uid}"
        assert invariants.rows(pair, statement) == [("UNKNOWN", "CONFLICT")]
        if how == "reset":
            await pair.mock.register(pair.home.versions_url, answer.token)
        else:
            await pair.connect(pair.mock.invite())
        await pair.check_connected()


async def test_force_while_our_put_stalls(pairs: Pairs) -> None:
    """It ends on our side whatever the peer does; what it may think is on record."""
    async with pairs() as pair:
        await pair.connected()
        old = pair.mock.held
        pair.mock.fault("stall@PUT*1")
        await pair.begin_rotate()
        await pair.mock.wait_for(2, event="exchange", role="Receiver", outcome="done")

        peer = await pair.unregister(force=True)

        assert peer.state == UNREGISTERED, peer
        assert not any(token.works for token in invariants.issued(pair))
        assert not await pair.works(old, "versions")


async def test_force_ends_what_the_peer_does_not(pairs: Pairs) -> None:
    async with pairs() as pair:
        await pair.connected()
        old = pair.mock.held
        pair.mock.fault("http:503@DELETE")

        peer = await pair.unregister(force=True)

        assert (peer.state, peer.job.state, why(peer)) == (UNREGISTERED, FAILED, "OUTCOME_UNKNOWN"), peer
        assert "still connected" in peer.job.last_error.message
        assert not await pair.works(old, "versions")
        pair.mock.no_fault()
        await pair.connect(pair.mock.invite())
        await pair.check_connected()


async def test_a_tenant_is_deleted_under_a_job(pairs: Pairs) -> None:
    async with pairs() as pair:
        pair.mock.fault("slow:1@POST*1")
        await pair.begin_connect()
        await pair.mock.wait_for(event="exchange", role="Receiver", outcome="done")
        sent = pair.mock.held

        await pair.stack.services.tenants.DeleteTenant(tenant_service_pb2.DeleteTenantRequest(name=pair.home.name))

        assert sent is not None
        assert (await pair.mock.call("GET", pair.home.versions_url)).status == 401
        await asyncio.sleep(1.5)
        assert pair.mock.journal.find(event="request", resource="versions")[1:] == [], "and nothing more is sent"


async def test_a_new_start_after_the_end(pairs: Pairs) -> None:
    """UN-07: with a new token A, and with the dead one not."""
    async with pairs() as pair:
        await pair.connected()
        dead = pair.mock.held
        await pair.unregister()
        await pair.check_gone(dead)

        peer = await pair.connect(pair.mock.invite())

        assert peer.state == REGISTERED
        await pair.check_connected()
        assert not await pair.works(dead, "versions")
