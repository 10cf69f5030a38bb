"""Update and end of a registration as OCPI 2.2.1 has them, message by message."""

import pytest

from ocpi_broker.v1 import peer_service_pb2, resources_pb2, token_service_pb2
from tests.peer import encoded, new_token, role
from tests.stack import Guest, Home, Stack

pytestmark = pytest.mark.anyio


async def test_put_rotates_both_tokens(home: Home, registered: Guest) -> None:
    """UR-01, UR-03, UR-05: everything is read again and replaced, even for the same version."""
    sender, platform = registered.sender, registered.platform
    before, fresh = sender.token, new_token()
    platform.received.clear()
    platform.modules = (("credentials", "RECEIVER"), ("cdrs", "SENDER"))

    reply = await sender.put(token=fresh, roles=[role(registered.party, "Kabelwerk Nord")])

    assert reply.outcome == (200, 1000)
    assert reply.token not in {before, fresh}
    assert platform.resources() == ["versions", "details"]
    held = await home.held(registered.name)
    assert held.token == fresh
    assert {endpoint.module for endpoint in held.endpoints} == {"credentials", "cdrs"}
    assert {party.business_details.name for party in (await home.peer(registered.name)).parties} == {"Kabelwerk Nord"}


async def test_put_uses_the_new_token_for_its_callbacks(registered: Guest) -> None:
    """UR-06."""
    fresh = new_token()
    registered.platform.accepted.clear()

    reply = await registered.sender.put(token=fresh)

    assert reply.outcome == (200, 1000)
    assert registered.platform.received[-1].header("authorization") == encoded(fresh)


async def test_put_falls_back_to_the_token_that_it_replaces(stack: Stack, home: Home) -> None:
    """A11: a peer may activate its new token only after our answer."""
    async with stack.guest(home) as guest:
        await guest.sender.register()
        old, fresh = guest.platform.accepted, new_token()
        guest.platform.received.clear()

        reply = await guest.sender.put(guest.sender.credentials(fresh))

        assert reply.outcome == (200, 1000)
        asked = [request.resource for request in guest.platform.received]
        assert (asked.count("versions"), len(asked)) == (3, 4)  # what works is known when it comes to the details
        assert fresh not in old
        # Services get a token that the peer is known to take (RS-09).
        assert (await home.held(guest.name)).token in old
        assert [one.id for one in (await home.peer(guest.name)).findings] == ["TOKEN_UNPROVEN"]


async def test_put_takes_an_unchanged_token(home: Home, guest: Guest) -> None:
    """A40: only ours must be new."""
    theirs = new_token()
    await guest.sender.discover()
    guest.sender.token = (await guest.sender.post(token=theirs)).token

    reply = await guest.sender.put(token=theirs)

    assert reply.outcome == (200, 1000)
    assert reply.token != guest.sender.token
    assert (await home.held(guest.name)).token == theirs


async def test_delete_ends_both_tokens(stack: Stack, home: Home, registered: Guest) -> None:
    """UN-01, UN-02, UN-04, UN-07."""
    sender = registered.sender

    reply = await sender.delete()

    assert reply.outcome == (200, 1000)
    assert "data" not in reply.body
    assert [
        (await call()).status for call in (sender.versions, sender.get, sender.post, sender.put, sender.delete)
    ] == [401] * 5
    assert not (await home.verify(sender.token)).valid
    assert (await home.peer(registered.name)).state == resources_pb2.PEER_STATE_UNREGISTERED
    batch = await stack.tokens.BatchGetPeerTokens(
        token_service_pb2.BatchGetPeerTokensRequest(
            parent=home.name, requests=[token_service_pb2.GetPeerTokenRequest(peer=registered.name)]
        )
    )
    assert batch.results[0].refusal.reason in {"WRONG_STATE", "NOT_FOUND"}


async def test_a_new_invitation_follows_a_delete(stack: Stack, home: Home, registered: Guest) -> None:
    """UN-07, UN-08: the registry entry stays, the token is new."""
    await registered.sender.delete()
    answer = await stack.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=registered.name))
    registered.sender.token = answer.token

    reply = await registered.sender.register()

    assert reply.outcome == (200, 1000)
    assert (await home.peer(registered.name)).state == resources_pb2.PEER_STATE_REGISTERED
