"""What operators do to a connection in trouble: revoke, block, approve, rotate again (TK-01, AU-16, RS-09, F4)."""

import asyncio

import grpc
import pytest
from google.protobuf import duration_pb2, field_mask_pb2

from ocpi_broker.v1 import peer_service_pb2 as pb
from ocpi_broker.v1 import resources_pb2, token_service_pb2
from tests.faults import invariants
from tests.faults.conftest import Pairs
from tests.faults.pair import FAILED, REGISTERED, WAITING, Pair, soon, why
from tests.peer import new_party
from tests.stack import Stack, party, reason

pytestmark = pytest.mark.anyio


async def test_revoked_tokens_are_dead_before_the_new_ones_come(pairs: Pairs) -> None:
    async with pairs() as pair:
        await pair.connected()
        old = pair.mock.held

        peer = await pair.revoke()

        assert not peer.HasField("job"), peer
        assert not await pair.works(old, "versions")
        await pair.check_connected()


async def test_revoked_and_the_put_fails(pairs: Pairs) -> None:
    """Compromise counts more than the connection (F4): no token works, which is said, and a reset heals it."""
    async with pairs() as pair:
        await pair.connected()
        old = pair.mock.held
        pair.mock.fault("refuse:2001@PUT")

        peer = await pair.revoke()

        assert (why(peer), peer.job.state) == ("PEER_REFUSED", FAILED), peer
        assert not await pair.works(old, "versions")
        pair.mock.no_fault()
        peer = await pair.rotate()
        assert not peer.HasField("job"), peer
        await pair.check_connected()


async def test_revoked_and_nobody_there(pairs: Pairs) -> None:
    async with pairs() as pair:
        await pair.connected()
        pair.mock.fault("http:503@versions")

        peer = await pair.revoke()

        assert why(peer) == "PEER_UNUSABLE"
        assert [warning for warning in peer.warnings if "no token of the peer works" in warning], peer
        assert not any(token.works for token in invariants.issued(pair))
        pair.mock.no_fault()
        answer = await pair.stack.peers.ResetPeer(pb.ResetPeerRequest(name=pair.name))
        pair.seen.add(answer.token)
        await pair.mock.register(pair.home.versions_url, answer.token)
        await pair.check_connected()


async def test_blocked_while_a_job_waits(pairs: Pairs) -> None:
    """Nothing is sent meanwhile, and what was offered stays (F2)."""
    async with pairs(lenient=True) as pair:
        pair.mock.fault("drop-answer@POST*1")
        peer = await pair.connect()
        assert peer.job.outcome_unknown

        await pair.stack.peers.BlockPeer(pb.BlockPeerRequest(name=pair.name))
        assert not await pair.works(pair.mock.held, "versions")
        with pytest.raises(grpc.RpcError) as refused:
            await pair.connect()
        pair.commands -= 1
        assert reason(refused.value) == "PEER_BLOCKED"
        peer = await pair.peer()
        assert (peer.job.state, peer.job.outcome_unknown) == (WAITING, True), peer

        await pair.stack.peers.UnblockPeer(pb.UnblockPeerRequest(name=pair.name))
        assert await pair.works(pair.mock.held, "versions")
        peer = await pair.connect()
        assert peer.state == REGISTERED, peer
        await pair.check_connected()


async def test_strangers_are_quarantined_until_they_are_approved(pairs: Pairs) -> None:
    """RS-09: tokens are exchanged, and nothing functional goes either way."""
    async with pairs() as pair:
        expected = resources_pb2.InvitationTerms(parties=[party(new_party())])

        peer = await pair.connect(terms=expected)

        assert peer.quarantined, peer
        assert [key.party_id for key in peer.requested_parties] == [pair.party[3:6]]
        assert await pair.works(pair.mock.held, "versions")
        assert not await pair.works(pair.mock.held)
        assert not await _given(pair), "no service of ours may call a stranger"
        await _approve(pair)
        assert not (await pair.peer()).quarantined
        await pair.check_connected()


async def _given(pair: Pair) -> bool:
    try:
        answer = await pair.stack.tokens.GetPeerToken(
            token_service_pb2.GetPeerTokenRequest(parent=pair.home.name, peer=pair.name)
        )
    except grpc.RpcError as error:
        assert reason(error) == "WRONG_STATE"  # noqa: PT017  any other refusal is a failure
        return False
    return bool(answer.token)


async def _approve(pair: Pair) -> None:
    await pair.stack.peers.UpdatePeer(
        pb.UpdatePeerRequest(
            peer=resources_pb2.Peer(
                name=pair.name,
                terms=resources_pb2.InvitationTerms(parties=[party(pair.party)], versions_url=pair.mock.versions_url),
            ),
            update_mask=field_mask_pb2.FieldMask(paths=["terms"]),
        )
    )


async def test_an_answer_with_our_own_parties_is_quarantined_too(pairs: Pairs) -> None:
    """RS-09, A17: the peer has committed, so its token must not be lost for that."""
    async with pairs() as pair:
        pair.mock.fault("echo-roles@POST*1")
        terms = resources_pb2.InvitationTerms(parties=[party(pair.party), party(new_party("EMSP"))])

        peer = await pair.connect(terms=terms)

        assert (peer.state, peer.quarantined, peer.HasField("job")) == (REGISTERED, True, False), peer
        assert not await pair.works(pair.mock.held)
        assert not (await pair.rotate()).HasField("job")
        await pair.check_connected()


async def test_a_second_rotation_before_the_peer_used_the_token(pairs: Pairs) -> None:
    """It called back with it, so it has it."""
    async with pairs() as pair:
        await pair.connected()
        for _ in range(3):
            assert not (await pair.rotate()).HasField("job")
            await pair.check()
        await pair.check_connected()


async def test_a_second_rotation_of_a_peer_that_did_not_call_back(pairs: Pairs) -> None:
    """Then it is not known which token it has: a third would be one too many."""
    async with pairs() as pair:
        await pair.connected()
        assert await pair.works(pair.mock.held)
        pair.mock.fault("no-callback@PUT")
        assert not (await pair.rotate()).HasField("job")

        with pytest.raises(grpc.RpcError) as refused:
            await pair.rotate()

        pair.commands -= 1
        assert reason(refused.value) == "WRONG_STATE"
        await pair.check()
        assert await pair.works(pair.mock.held)
        assert not (await pair.rotate()).HasField("job")
        await pair.check_connected()


async def test_the_old_token_dies_with_the_first_use_of_the_new(pairs: Pairs) -> None:
    async with pairs() as pair:
        await pair.connected()
        old = pair.mock.held
        assert await pair.works(old)
        await pair.rotate()

        assert invariants.state_of(pair, old) == "RETIRING"
        assert await pair.works(pair.mock.held)

        assert invariants.state_of(pair, old) == "REVOKED"
        await pair.check_connected()


@pytest.mark.parametrize("used", [False, True])
async def test_the_cap(pairs: Pairs, stack: Stack, used: bool) -> None:
    """F4: time alone ends the old token, unless it is the one that the peer went on using."""
    window = resources_pb2.TenantPolicy(put_retry_window=duration_pb2.Duration(seconds=1))
    home = await stack.home(policy=window)
    async with pairs(home) as pair:
        await pair.connected()
        old = pair.mock.held
        pair.mock.fault("no-callback@PUT")
        await pair.rotate()
        if used:
            assert await pair.works(old)
        await asyncio.sleep(1.1)

        assert await pair.works(old) is used

        await pair.check()
        assert not (await pair.rotate()).HasField("job")
        await pair.check()
        assert await pair.works(pair.mock.held)


async def test_no_overlap_at_all(pairs: Pairs, stack: Stack) -> None:
    strict = resources_pb2.TenantPolicy(put_retry_window=duration_pb2.Duration())
    home = await stack.home(policy=strict)
    async with pairs(home) as pair:
        await pair.connected()
        old = pair.mock.held
        await pair.rotate()

        assert invariants.state_of(pair, old) == "REVOKED"
        await pair.check_connected()


async def test_what_was_refused_dies_after_a_grace(pairs: Pairs) -> None:
    """RS-10: calls that the peer has begun with the token may end."""
    async with pairs() as pair:
        await pair.connected()
        pair.mock.fault("refuse:2001@PUT*1")

        await pair.rotate()

        offered = [token for token in invariants.issued(pair) if token.state == "PROVISIONAL"]
        assert len(offered) == 1
        assert offered[0].not_after is not None
        await pair.check()


async def test_a_blocked_peer_is_not_called(pairs: Pairs) -> None:
    async with pairs() as pair:
        await pair.connected()
        pair.mock.fault("http:503@versions*1")
        await pair.rotate()
        await pair.stack.peers.BlockPeer(pb.BlockPeerRequest(name=pair.name))
        seen = len(pair.mock.received)

        await soon(lambda: asyncio.sleep(1.2, result=True))

        assert len(pair.mock.received) == seen
