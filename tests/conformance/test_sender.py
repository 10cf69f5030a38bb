"""The Sender's side, as a strict platform sees it: what we ask, in which order, with which token."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from broker.tools.mock_peer.http_server import Request
from broker.tools.mock_peer.platform import MockPeer, mock_peer
from ocpi_broker.v1 import peer_service_pb2 as peers
from ocpi_broker.v1 import resources_pb2
from tests.peer import form_of, new_party
from tests.stack import Home, Stack

pytestmark = pytest.mark.anyio


@pytest.fixture
async def platform(version: str) -> AsyncIterator[MockPeer]:
    """A strict platform that has invited us; it speaks an older version, too, where there is one."""
    async with mock_peer(versions=[version], parties=[f"{new_party('EMSP')}=Kabelwerk"]) as peer:
        yield peer


async def connect(stack: Stack, home: Home, platform: MockPeer, **more: Any) -> resources_pb2.Peer:
    request = peers.ConnectPeerRequest(
        parent=home.name,
        peer_id="kabelwerk",
        versions_url=platform.versions_url,
        token=platform.token,
        wait=True,
        **more,
    )
    return (await stack.peers.ConnectPeer(request)).peer


async def rotate(stack: Stack, peer: resources_pb2.Peer) -> resources_pb2.Peer:
    return (await stack.peers.RotatePeer(peers.RotatePeerRequest(name=peer.name, wait=True))).peer


def asked(platform: MockPeer) -> list[tuple[str, str]]:
    """What reached the platform, as method and last part of the path."""
    return [(request.method, request.target.rpartition("/")[2]) for request in platform.received]


def shown(requests: Sequence[Request]) -> set[str | None]:
    return {request.header("authorization") for request in requests}


@pytest.mark.requirement("RS-01", "RS-02", "RS-03", "RS-05", "RS-07", "RS-08", "RS-13")
async def test_we_register_in_the_order_of_the_specification(
    stack: Stack, host: Home, platform: MockPeer, version: str
) -> None:
    invitation = platform.token

    peer = await connect(stack, host, platform)

    assert peer.state == resources_pb2.PEER_STATE_REGISTERED, peer
    assert asked(platform) == [("GET", "versions"), ("GET", version), ("POST", "credentials"), ("GET", "versions")]
    held = await host.held(peer.name)
    assert platform.accepts(held.token) == "issued"
    *before, confirmed = platform.received
    assert shown(before[1:]) == {form_of(version)(invitation)}
    assert shown([confirmed]) == {held.authorization} == {form_of(version)(held.token)}


@pytest.mark.requirement("RS-06", "UR-11")
async def test_what_we_offer_works_before_the_request_leaves(stack: Stack, host: Home, platform: MockPeer) -> None:
    """The platform calls back with it, and would refuse us if it did not work; at a PUT the one before works, too."""
    answers: list[tuple[str, bool]] = []

    async def look(when: str) -> None:
        token = str(platform.held)
        reply = await platform.call("GET", host.versions_url, token=token)
        answers.append((when, reply.status == 200))

    peer = await connect(stack, host, platform)
    offered = [event for event in platform.events if event.event == "call"]
    assert [(event.resource, event.status) for event in offered] == [("versions", 200), ("details", 200)]
    await look("after the POST")

    platform.fault("slow:0.5@PUT")
    running = asyncio.create_task(rotate(stack, peer))
    await asyncio.wait_for(platform.wait_for(event="request", method="PUT"), 20)
    await asyncio.gather(*(_is_taken(host, token) for token in (*platform.earlier, str(platform.held))))
    rotated = await running

    assert not rotated.HasField("job"), rotated
    assert answers == [("after the POST", True)]


async def _is_taken(home: Home, token: str) -> None:
    assert (await home.verify(token)).valid


@pytest.mark.requirement("UR-10", "UR-12", "TK-03")
async def test_we_renew_both_tokens_by_put(stack: Stack, host: Home, platform: MockPeer, version: str) -> None:
    peer = await connect(stack, host, platform)
    ours, theirs = (await host.held(peer.name)).token, str(platform.held)
    platform.received.clear()

    rotated = await rotate(stack, peer)

    assert not rotated.HasField("job"), rotated
    assert asked(platform) == [("GET", "versions"), ("GET", version), ("PUT", "credentials"), ("GET", "versions")]
    held = (await host.held(peer.name)).token
    assert held != ours
    assert platform.accepts(held) == "issued"
    assert platform.held != theirs
    assert (await host.verify(str(platform.held))).valid
    assert not (await host.verify(theirs)).valid


@pytest.mark.requirement("UR-12")
async def test_a_put_that_is_refused_leaves_the_pair(stack: Stack, host: Home, platform: MockPeer) -> None:
    peer = await connect(stack, host, platform)
    ours, theirs = (await host.held(peer.name)).token, str(platform.held)
    platform.fault("refuse:2001@PUT")

    refused = await rotate(stack, peer)

    assert refused.job.state == resources_pb2.JOB_STATE_FAILED
    assert (await host.held(peer.name)).token == ours
    assert (await host.verify(theirs)).valid


@pytest.mark.requirement("RS-04")
async def test_nothing_is_sent_to_a_platform_that_lacks_what_we_need(
    stack: Stack, version: str, platform: MockPeer
) -> None:
    required = resources_pb2.RequiredModule(module="tariffs")
    home = await stack.home(versions=[version], policy=resources_pb2.TenantPolicy(required_modules=[required]))
    platform.fault("missing-module:tariffs")

    peer = await connect(stack, home, platform)

    assert peer.job.state == resources_pb2.JOB_STATE_FAILED
    assert "tariffs" in peer.job.last_error.message
    assert ("POST", "credentials") not in asked(platform)


@pytest.mark.requirement("RS-09")
async def test_a_stranger_is_quarantined(stack: Stack, host: Home, platform: MockPeer) -> None:
    expected = resources_pb2.Party(country_code="FR", party_id="ABC", role=resources_pb2.ROLE_EMSP)

    peer = await connect(stack, host, platform, terms=resources_pb2.InvitationTerms(parties=[expected]))

    assert peer.quarantined
    assert not (await host.verify(str(platform.held))).valid


@pytest.mark.requirement("RS-09")
@pytest.mark.parametrize("fault", ["no-token", "same-token", "space-token"])
async def test_an_answer_without_a_token_to_use_is_in_doubt(
    stack: Stack, host: Home, platform: MockPeer, fault: str
) -> None:
    platform.fault(f"{fault}@POST")

    request = peers.ConnectPeerRequest(
        parent=host.name, peer_id="kabelwerk", versions_url=platform.versions_url, token=platform.token
    )
    peer = (await stack.peers.ConnectPeer(request)).peer
    while peer.job.attempts == 0:
        await asyncio.sleep(0.05)
        peer = await host.peer(peer.name)

    assert peer.state == resources_pb2.PEER_STATE_CONNECTING
    assert peer.job.outcome_unknown


@pytest.mark.requirement("RS-10", "RS-14")
async def test_what_is_refused_for_good_is_not_sent_again(stack: Stack, host: Home, platform: MockPeer) -> None:
    platform.fault("refuse:2001@POST")

    peer = await connect(stack, host, platform)

    assert peer.job.state == resources_pb2.JOB_STATE_FAILED
    assert peer.job.attempts == 1
    assert asked(platform).count(("POST", "credentials")) == 1


@pytest.mark.requirement("RS-11")
async def test_a_platform_that_holds_us_for_registered_gets_no_second_post(
    stack: Stack, host: Home, platform: MockPeer
) -> None:
    platform.fault("http:405@POST")

    peer = await connect(stack, host, platform)

    assert peer.job.state == resources_pb2.JOB_STATE_FAILED
    assert "registered already" in peer.job.last_error.message
    assert asked(platform).count(("POST", "credentials")) == 1


@pytest.mark.requirement("RS-12")
@pytest.mark.parametrize("fault", ["raw-only", "base64-only"])
async def test_the_other_form_is_tried_once_and_on_get_only(
    stack: Stack, host: Home, platform: MockPeer, fault: str
) -> None:
    platform.fault(fault)

    peer = await connect(stack, host, platform)

    assert peer.state == resources_pb2.PEER_STATE_REGISTERED, peer
    posts = [event.status for event in platform.events if event.event == "request" and event.method == "POST"]
    assert posts == [200]


@pytest.mark.requirement("UN-06")
async def test_delete_ends_it_whether_the_platform_knows_us_or_not(
    stack: Stack, host: Home, platform: MockPeer
) -> None:
    peer = await connect(stack, host, platform)
    platform.fault("forget")

    ended = await stack.peers.UnregisterPeer(peers.UnregisterPeerRequest(name=peer.name, wait=True))

    assert ended.peer.state == resources_pb2.PEER_STATE_UNREGISTERED, ended


@pytest.mark.requirement("TK-01")
async def test_a_token_that_leaked_dies_at_once_and_is_replaced(stack: Stack, host: Home, platform: MockPeer) -> None:
    peer = await connect(stack, host, platform)
    leaked = str(platform.held)
    platform.fault("slow:0.5@PUT")

    revoking = asyncio.ensure_future(stack.peers.RevokePeer(peers.RevokePeerRequest(name=peer.name, wait=True)))
    await asyncio.wait_for(platform.wait_for(event="request", method="PUT"), 20)
    assert not (await host.verify(leaked)).valid
    revoked = (await revoking).peer

    assert not revoked.HasField("job"), revoked
    assert platform.held != leaked
    assert (await host.verify(str(platform.held))).valid


@pytest.mark.requirement("TK-02")
async def test_a_month_is_the_usual_age_of_tokens(stack: Stack, host: Home, platform: MockPeer) -> None:
    """That they are renewed then is shown over 90 days in tests/faults/test_clock.py."""
    peer = await connect(stack, host, platform)

    turn = peer.next_rotation_time.ToDatetime() - peer.token_time.ToDatetime()

    assert host.tenant.policy.rotation_period.ToTimedelta().days == 30
    assert 24 <= turn.total_seconds() / 86400 <= 30


@pytest.mark.requirement("UR-13")
async def test_both_may_put_at_once(stack: Stack, host: Home, platform: MockPeer) -> None:
    peer = await connect(stack, host, platform)
    platform.fault("put-inside-put*1")

    rotated = await rotate(stack, peer)

    assert not rotated.HasField("job"), rotated
    held = (await host.held(peer.name)).token
    assert platform.accepts(held) == "issued"
    assert (await host.verify(str(platform.held))).valid
