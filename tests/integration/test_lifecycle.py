"""What is done about a peer's tokens: never call its credentials module, not by PUT, or at another pace."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from google.protobuf import duration_pb2, field_mask_pb2

from ocpi_broker.v1 import peer_service_pb2 as pb
from ocpi_broker.v1 import resources_pb2
from tests.integration.grpc_refusals import Code, refused
from tests.integration.importing import coupled, newcomer, rotated, take_over
from tests.peer import platform_running
from tests.stack import Home, Stack

pytestmark = pytest.mark.anyio

MANAGED, MANUAL = resources_pb2.PEER_LIFECYCLE_MANAGED, resources_pb2.PEER_LIFECYCLE_MANUAL
REREGISTER = resources_pb2.PEER_RENEWAL_REREGISTER


NOBODY = "http://127.0.0.1:1/versions"


async def _waits_again(home: Home, name: str) -> bool:
    """Whether an attempt was made and has failed."""
    job = (await home.peer(name)).job
    return job.attempts > 0 and job.state == resources_pb2.JOB_STATE_WAITING


async def update(home: Home, name: str, **fields: object) -> resources_pb2.Peer:
    peer = resources_pb2.Peer(name=name, **fields)  # type: ignore[arg-type]
    mask = field_mask_pb2.FieldMask(paths=list(fields))
    return (await home.stack.peers.UpdatePeer(pb.UpdatePeerRequest(peer=peer, update_mask=mask))).peer


def calls(stack: Stack, name: str) -> dict[str, Callable[[], Awaitable[object]]]:
    """Everything that an operator may ask of a registered peer."""
    parent, _, peer_id = name.partition("/peers/")
    connect = pb.ConnectPeerRequest(
        parent=parent, peer_id=peer_id, versions_url="https://ocpi.partner.example/v", token="token-a-token-a"
    )
    return {
        "rotate": lambda: stack.peers.RotatePeer(pb.RotatePeerRequest(name=name)),
        "switch": lambda: stack.peers.SwitchPeerVersion(pb.SwitchPeerVersionRequest(name=name, version="2.2.1")),
        "connect": lambda: stack.peers.ConnectPeer(connect),
        "unregister": lambda: stack.peers.UnregisterPeer(pb.UnregisterPeerRequest(name=name)),
    }


@pytest.mark.parametrize("what", ["rotate", "switch", "connect", "unregister"])
async def test_nobody_calls_the_credentials_module_of_a_manual_peer(stack: Stack, home: Home, what: str) -> None:
    name = (await take_over(home, newcomer(lifecycle=MANUAL))).peer.name

    error = await refused(calls(stack, name)[what]())

    assert error.code() == Code.FAILED_PRECONDITION
    assert "its lifecycle is manual" in str(error.details())
    assert not (await home.peer(name)).HasField("job")


async def test_a_manual_peer_ends_with_force_and_is_not_told(stack: Stack, home: Home) -> None:
    async with platform_running() as platform:
        url = f"{platform.base}/ocpi/2.2.1/sender/credentials"
        endpoint = resources_pb2.Endpoint(module="credentials", url=url)
        new = newcomer(lifecycle=MANUAL, versions_url=platform.versions_url, endpoints=[endpoint])
        name = (await take_over(home, new)).peer.name

        ended = await stack.peers.UnregisterPeer(pb.UnregisterPeerRequest(name=name, force=True, wait=True))

        assert ended.peer.state == resources_pb2.PEER_STATE_UNREGISTERED
        assert platform.received == []


async def test_revoking_a_manual_peer_calls_nobody(stack: Stack, home: Home) -> None:
    new = newcomer(lifecycle=MANUAL)
    name = (await take_over(home, new)).peer.name

    revoked = (await stack.peers.RevokePeer(pb.RevokePeerRequest(name=name))).peer

    assert not revoked.HasField("job")
    assert [warning for warning in revoked.warnings if "no token of the peer works" in warning]
    assert not (await home.verify(new.issued_token)).valid


async def test_a_manual_peer_can_be_managed_again(stack: Stack) -> None:
    pair = await coupled(stack, lifecycle=MANUAL)
    name = f"{pair.one.name}/peers/two"
    await refused(stack.peers.RotatePeer(pb.RotatePeerRequest(name=name)))

    assert (await update(pair.one, name, lifecycle=MANAGED)).lifecycle == MANAGED

    await rotated(pair.one, "two")


async def test_a_peer_without_put_is_not_sent_one(stack: Stack, home: Home) -> None:
    name = (await take_over(home, newcomer(renewal=REREGISTER))).peer.name

    for what in ("rotate", "switch"):
        error = await refused(calls(stack, name)[what]())
        assert "ask it for a new registration token, and connect again" in str(error.details())


async def test_a_peer_without_put_registers_anew(stack: Stack) -> None:
    """The connection stands until the new registration has succeeded."""
    pair = await coupled(stack, renewal=REREGISTER)
    name = f"{pair.one.name}/peers/two"
    before = (await pair.one.held(name)).token
    invited = await stack.peers.ResetPeer(pb.ResetPeerRequest(name=f"{pair.two.name}/peers/one"))
    assert (await pair.one.held(name)).token == before

    request = pb.ConnectPeerRequest(
        parent=pair.one.name, peer_id="two", versions_url=pair.two.versions_url, token=invited.token, wait=True
    )
    peer = (await stack.peers.ConnectPeer(request)).peer

    assert (peer.HasField("job"), peer.state) == (False, resources_pb2.PEER_STATE_REGISTERED)
    assert (await pair.one.held(name)).token != before


async def test_a_job_that_is_not_wanted_any_more_is_gone(stack: Stack, home: Home) -> None:
    """A PUT that has failed must not warn for ever once it is known that there is none."""
    name = (await take_over(home, newcomer(versions_url=NOBODY))).peer.name
    await stack.peers.RotatePeer(pb.RotatePeerRequest(name=name))
    async with asyncio.timeout(20):
        while not await _waits_again(home, name):  # noqa: ASYNC110  nothing tells when an attempt is over
            await asyncio.sleep(0.05)

    assert not (await update(home, name, renewal=REREGISTER)).HasField("job")


async def test_each_peer_has_a_pace_of_its_own(home: Home) -> None:
    name = (await take_over(home, newcomer(rotation_period=duration_pb2.Duration(seconds=90 * 86400)))).peer.name
    shown = await home.peer(name)
    days = (shown.next_rotation_time.seconds - shown.token_time.seconds) / 86400
    assert 72 <= days <= 90
    never = await update(home, name, rotation_period=duration_pb2.Duration())
    assert never.HasField("rotation_period")
    assert not never.HasField("next_rotation_time")
    usual = await update(home, name, rotation_period=None)
    assert not usual.HasField("rotation_period")
    assert usual.HasField("next_rotation_time")
    for fields in ({"lifecycle": MANUAL}, {"lifecycle": MANAGED, "renewal": REREGISTER}):
        assert not (await update(home, name, **fields)).HasField("next_rotation_time")


async def test_a_peer_without_a_credentials_endpoint_cannot_be_told(stack: Stack, home: Home) -> None:
    """Imported with what services need; a defect must not come of it."""
    endpoint = resources_pb2.Endpoint(module="cdrs", url="https://ocpi.partner.example/cdrs")
    answer = await take_over(home, newcomer(endpoints=[endpoint]))
    assert any("credentials is not among them" in warning for warning in answer.warnings)
    request = pb.UnregisterPeerRequest(name=answer.peer.name, wait=True)

    job = (await stack.peers.UnregisterPeer(request)).peer.job
    assert "no credentials endpoint of the peer is known" in job.last_error.message
    request.force = True
    assert (await stack.peers.UnregisterPeer(request)).peer.state == resources_pb2.PEER_STATE_UNREGISTERED
