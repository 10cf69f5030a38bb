"""We are the Sender: our tenants register with each other, which are strangers to each other (RS-*, UR-10 to UR-13)."""

import asyncio

import grpc
import pytest

from broker.tools.mock_peer.platform import mock_peer
from ocpi_broker.v1 import peer_service_pb2, resources_pb2
from tests.peer import new_party
from tests.stack import Home, Stack, party, reason, violations

pytestmark = pytest.mark.anyio

VERSIONS = ("2.0", "2.1.1", "2.2", "2.2.1", "2.3.0")


async def connect(stack: Stack, guest: Home, host: Home, name: str = "host", **more: object) -> resources_pb2.Peer:
    invitation = await host.invite(peer_id="guest")
    answer = await stack.peers.ConnectPeer(
        peer_service_pb2.ConnectPeerRequest(
            parent=guest.name,
            peer_id=name,
            versions_url=invitation.versions_url,
            token=invitation.token,
            wait=True,
            **more,
        )
    )
    return answer.peer


@pytest.mark.parametrize("version", VERSIONS)
async def test_two_tenants_connect_rotate_and_part(stack: Stack, version: str) -> None:
    host = await stack.home(versions=[version], parties=[new_party("CPO")])
    guest = await stack.home(versions=[version], parties=[new_party("EMSP")])

    peer = await connect(stack, guest, host)

    assert not peer.HasField("job"), peer
    assert peer.state == resources_pb2.PEER_STATE_REGISTERED
    first = await guest.held(peer.name)
    other = await host.held(f"{host.name}/peers/guest")
    assert (await host.verify(first.token)).valid
    assert (await guest.verify(other.token)).valid

    answer = await stack.peers.RotatePeer(peer_service_pb2.RotatePeerRequest(name=peer.name, wait=True))
    assert not answer.peer.HasField("job"), answer.peer
    again = await guest.held(peer.name)
    their = await host.held(f"{host.name}/peers/guest")
    assert again.token != first.token
    assert their.token != other.token
    assert (await host.verify(again.token)).valid
    assert not (await host.verify(first.token)).valid
    assert (await guest.verify(their.token)).valid
    assert not (await guest.verify(other.token)).valid

    gone = await stack.peers.UnregisterPeer(peer_service_pb2.UnregisterPeerRequest(name=peer.name, wait=True))
    assert gone.peer.state == resources_pb2.PEER_STATE_UNREGISTERED, gone.peer
    assert (await host.peer(f"{host.name}/peers/guest")).state == resources_pb2.PEER_STATE_UNREGISTERED
    assert not (await guest.verify(their.token)).valid


async def test_a_switch_that_failed_does_not_stand_in_the_way(stack: Stack) -> None:
    """What is asked for next takes its place: a revocation must not repeat the switch."""
    host = await stack.home(parties=[new_party("CPO")])
    guest = await stack.home(versions=["2.2.1", "2.3.0"], parties=[new_party("EMSP")])
    peer = await connect(stack, guest, host)
    switch = peer_service_pb2.SwitchPeerVersionRequest(name=peer.name, version="2.3.0", wait=True)
    failed = (await stack.peers.SwitchPeerVersion(switch)).peer
    assert failed.job.state == resources_pb2.JOB_STATE_FAILED

    revoked = (await stack.peers.RevokePeer(peer_service_pb2.RevokePeerRequest(name=peer.name, wait=True))).peer

    assert not revoked.HasField("job"), revoked
    assert (await guest.verify((await host.held(f"{host.name}/peers/guest")).token)).valid


async def test_asked_again_while_an_attempt_runs_it_goes_on(stack: Stack) -> None:
    """As after Ctrl-C, or from a second terminal. A running attempt cannot be told anything else."""
    guest = await stack.home(parties=[new_party("EMSP")])
    async with mock_peer(faults=["stall@POST*1"]) as platform:
        asked = peer_service_pb2.ConnectPeerRequest(
            parent=guest.name, peer_id="host", versions_url=platform.versions_url, token=platform.token
        )
        await stack.peers.ConnectPeer(asked)
        async with asyncio.timeout(30):
            await platform.wait_for(event="fault", fault="stall")

        again = (await stack.peers.ConnectPeer(asked)).peer

        assert again.job.state == resources_pb2.JOB_STATE_RUNNING, again
        for changes in (
            {"version": "2.2.1"},
            {"token": "another"},
            {"versions_url": platform.base},
            {"terms": resources_pb2.InvitationTerms(parties=[party(new_party("CPO"))])},
        ):
            other = peer_service_pb2.ConnectPeerRequest()
            other.CopyFrom(asked)
            other.MergeFrom(peer_service_pb2.ConnectPeerRequest(**changes))
            with pytest.raises(grpc.RpcError) as caught:
                await stack.peers.ConnectPeer(other)
            assert reason(caught.value) == "CONFLICT"
        assert len([request for request in platform.received if request.method == "POST"]) == 1


async def test_connecting_again_with_a_used_invitation_does_nothing(stack: Stack) -> None:
    """As after Ctrl-C, or a restart: it is done already."""
    host = await stack.home(parties=[new_party("CPO")])
    guest = await stack.home(parties=[new_party("EMSP")])
    invitation = await host.invite(peer_id="guest")
    request = peer_service_pb2.ConnectPeerRequest(
        parent=guest.name, peer_id="host", versions_url=invitation.versions_url, token=invitation.token, wait=True
    )
    first = (await stack.peers.ConnectPeer(request)).peer
    held = await guest.held(first.name)

    again = (await stack.peers.ConnectPeer(request)).peer

    assert again.etag == first.etag
    assert not again.HasField("job")
    assert (await guest.held(first.name)).token == held.token


async def test_a_tenant_does_not_connect_to_itself(stack: Stack, home: Home) -> None:
    invitation = await home.invite()
    request = peer_service_pb2.ConnectPeerRequest(
        parent=home.name, peer_id="me", versions_url=invitation.versions_url, token=invitation.token
    )

    with pytest.raises(grpc.RpcError) as refused:
        await stack.peers.ConnectPeer(request)

    assert violations(refused.value) == {"versions_url": "is the tenant's own"}


async def test_a_revocation_ends_what_was_offered_with_a_lost_answer_too(stack: Stack, home: Home) -> None:
    """TK-01: it may be what has leaked. Then the repeat carries another token."""
    async with mock_peer(parties=[f"{new_party('EMSP')}=Kabelwerk"], lenient=True) as platform:
        request = peer_service_pb2.ConnectPeerRequest(
            parent=home.name,
            peer_id="kabelwerk",
            versions_url=platform.versions_url,
            token=platform.token,
            wait=True,
        )
        peer = (await stack.peers.ConnectPeer(request)).peer
        platform.fault("drop-answer@PUT*1")
        await stack.peers.RotatePeer(peer_service_pb2.RotatePeerRequest(name=peer.name))
        while not peer.job.outcome_unknown:
            await asyncio.sleep(0.05)
            peer = await home.peer(peer.name)
        offered = str(platform.held)
        assert (await home.verify(offered)).valid

        revoked = (await stack.peers.RevokePeer(peer_service_pb2.RevokePeerRequest(name=peer.name, wait=True))).peer

        assert not revoked.HasField("job"), revoked
        assert not (await home.verify(offered)).valid
        assert platform.held != offered
        assert (await home.verify(str(platform.held))).valid
        assert platform.accepts((await home.held(peer.name)).token) == "issued"


async def test_another_platform_does_not_take_the_place_of_a_registered_one(stack: Stack) -> None:
    """A name typed by mistake must not end a connection."""
    host = await stack.home(parties=[new_party("CPO")])
    guest = await stack.home(parties=[new_party("EMSP")])
    peer = await connect(stack, guest, host)
    held = (await guest.held(peer.name)).token
    elsewhere = peer_service_pb2.ConnectPeerRequest(
        parent=guest.name, peer_id="host", versions_url="http://127.0.0.1:9/versions", token="another-one"
    )

    with pytest.raises(grpc.RpcError) as refused:
        await stack.peers.ConnectPeer(elsewhere)

    assert reason(refused.value) == "WRONG_STATE"
    assert (await guest.held(peer.name)).token == held
