"""What is free again, and what is not, after a delete and after a reset."""

import grpc
import pytest

from broker.exchanges import leases
from ocpi_broker.v1 import peer_service_pb2, token_service_pb2
from tests.peer import new_party, platform_running
from tests.stack import Guest, Home, Stack, reason

pytestmark = pytest.mark.anyio


async def test_a_party_is_free_again_after_a_delete(stack: Stack, home: Home) -> None:
    """PR-02: nobody is kept from a party by a connection that is over."""
    party = new_party()
    async with stack.guest(home, party) as former:
        await former.sender.register()
        await former.sender.delete()
        invitation = await home.invite()

        successor = stack.sender(invitation, former.platform, party)

        assert (await successor.register()).outcome == (200, 1000)


async def test_a_party_is_kept_for_a_peer_that_was_reset(
    stack: Stack, home: Home, registered: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It will come back. Another that wants the party is told so from memory, and that is no failed attempt."""
    monkeypatch.setattr(leases, "_MAX_FAILURES", 1)
    await stack.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=registered.name))
    country_code, party_id, _ = registered.party.split("/")
    key = token_service_pb2.PartyKey(country_code=country_code, party_id=party_id)
    with pytest.raises(grpc.RpcError) as no_token:
        await stack.tokens.GetPeerToken(token_service_pb2.GetPeerTokenRequest(parent=home.name, party=key))
    async with platform_running() as platform:
        claimant = stack.sender(await home.invite(), platform, registered.party)
        await claimant.discover()

        replies = [(await claimant.post()).outcome for _ in range(2)]

        assert replies == [(200, 2001)] * 2
        assert platform.received == []
    assert reason(no_token.value) == "WRONG_STATE"


async def test_a_registration_after_a_reset_is_a_new_one(stack: Stack, home: Home, registered: Guest) -> None:
    before = (await home.peer(registered.name)).register_time.ToNanoseconds()
    answer = await stack.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=registered.name))
    registered.sender.token = answer.token

    await registered.sender.register()

    since = (await home.peer(registered.name)).register_time.ToNanoseconds()
    await registered.sender.rotate()
    assert since > before
    assert (await home.peer(registered.name)).register_time.ToNanoseconds() == since
