"""Deleting a peer: when it is refused, what goes, and what does not come back."""

import asyncio
import uuid

import pytest

from broker.exchanges import leases
from ocpi_broker.v1 import peer_service_pb2, resources_pb2, token_service_pb2
from tests.integration.grpc_refusals import Code, refused
from tests.peer import new_party
from tests.stack import Guest, Home, Stack, reason

pytestmark = pytest.mark.anyio


async def _delete(stack: Stack, name: str, **more: str) -> None:
    await stack.peers.DeletePeer(peer_service_pb2.DeletePeerRequest(name=name, **more))


async def _why_not(stack: Stack, name: str, **more: str) -> str:
    error = await refused(stack.peers.DeletePeer(peer_service_pb2.DeletePeerRequest(name=name, **more)))
    assert (error.code(), reason(error)) == (Code.FAILED_PRECONDITION, "WRONG_STATE")
    return str(error.details())


async def _end(stack: Stack, name: str) -> None:
    request = peer_service_pb2.UnregisterPeerRequest(name=name, force=True, wait=True)
    await stack.peers.UnregisterPeer(request, timeout=60)


async def test_a_registered_peer_is_unregistered_first(stack: Stack, home: Home, registered: Guest) -> None:
    said = await _why_not(stack, registered.name)

    assert "unregister it first" in said
    assert (await home.peer(registered.name)).state == resources_pb2.PEER_STATE_REGISTERED
    assert (await home.verify(registered.sender.token)).valid


async def test_nothing_is_left_of_a_peer_that_was_deleted(stack: Stack, home: Home, registered: Guest) -> None:
    token = registered.sender.token
    await registered.sender.delete()

    await _delete(stack, registered.name)

    error = await refused(stack.peers.GetPeer(peer_service_pb2.GetPeerRequest(name=registered.name)))
    assert error.code() == Code.NOT_FOUND
    listed = await stack.peers.ListPeers(peer_service_pb2.ListPeersRequest(parent=home.name))
    assert registered.name not in [peer.name for peer in listed.peers]
    verdict = await home.verify(token)
    assert (verdict.valid, verdict.peer) == (False, "")
    assert verdict.rejection == token_service_pb2.TOKEN_REJECTION_UNKNOWN
    assert (await registered.sender.put()).status == 401
    tables = ("issued_token", "held_token", "peer_party", "peer_endpoint", "exchange", "job")
    orphans = [
        stack.database.execute(f"SELECT count(*) FROM {table} WHERE peer_uid NOT IN (SELECT uid FROM peer)")[0][0]
        for table in tables
    ]
    assert orphans == [0] * len(tables)


async def test_a_deletion_is_audited(stack: Stack, home: Home) -> None:
    name = (await home.invite(peer_id="kw")).peer.name

    await _delete(stack, name)

    written = f"SELECT action, actor FROM audit WHERE resource = '{name}' ORDER BY revision, seq"
    entries = stack.database.execute(written)
    assert tuple(entries[-1]) == ("peer.deleted", "callers/admin")


async def test_an_invitation_dies_with_its_peer(stack: Stack, home: Home) -> None:
    """It was never registered: there is nothing to end first."""
    async with stack.guest(home) as guest:
        await _delete(stack, guest.name)

        assert (await home.verify(guest.invitation.token, module="versions")).valid is False


async def test_the_id_can_be_used_again_at_once(stack: Stack, home: Home) -> None:
    first = await home.invite(peer_id="kw")
    await _delete(stack, first.peer.name)

    second = await home.invite(peer_id="kw")

    assert second.peer.name == first.peer.name
    assert (await home.verify(second.token, module="versions")).valid
    assert not (await home.verify(first.token, module="versions")).valid


async def test_a_peer_that_was_reset_keeps_its_parties_until_it_is_unregistered(
    stack: Stack, home: Home, registered: Guest
) -> None:
    await stack.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=registered.name))

    assert "was reset and still has its parties; unregister it first" in await _why_not(stack, registered.name)

    await _end(stack, registered.name)
    await _delete(stack, registered.name)
    assert await home.invite(registered.party)


async def test_a_job_that_goes_on_is_ended_first(stack: Stack, home: Home) -> None:
    name = f"{home.name}/peers/kw"
    wanted = peer_service_pb2.ConnectPeerRequest(
        parent=home.name, peer_id="kw", versions_url="http://127.0.0.1:9/versions", token="a-token"
    )
    await stack.peers.ConnectPeer(wanted)

    assert "unregister the peer, which ends it" in await _why_not(stack, name)

    await _end(stack, name)
    await _delete(stack, name)


async def test_a_deletion_is_for_the_etag_that_was_seen(stack: Stack, home: Home) -> None:
    seen = (await home.invite(peer_id="kw")).peer
    await stack.peers.BlockPeer(peer_service_pb2.BlockPeerRequest(name=seen.name))

    request = peer_service_pb2.DeletePeerRequest(name=seen.name, etag=seen.etag)
    error = await refused(stack.peers.DeletePeer(request))

    assert (error.code(), reason(error)) == (Code.ABORTED, "ETAG_MISMATCH")


async def test_a_deletion_that_is_repeated_does_not_hit_a_successor(stack: Stack, home: Home) -> None:
    name, request_id = (await home.invite(peer_id="kw")).peer.name, str(uuid.uuid4())
    await _delete(stack, name, request_id=request_id)
    await home.invite(peer_id="kw")

    await _delete(stack, name, request_id=request_id)

    assert await home.peer(name)


async def test_an_exchange_that_runs_meanwhile_comes_to_nothing(stack: Stack, home: Home) -> None:
    """The deletion wins, and what was being registered is nowhere."""
    async with stack.guest(home, new_party()) as guest:
        await guest.sender.discover()

        async def delete(_request: object) -> None:
            await _delete(stack, guest.name)

        guest.platform.script["versions"] = delete
        reply = await guest.sender.post()

    assert reply.code == 3000
    error = await refused(stack.peers.GetPeer(peer_service_pb2.GetPeerRequest(name=guest.name)))
    assert error.code() == Code.NOT_FOUND


async def test_one_that_waits_for_its_turn_is_refused_and_no_defect(
    stack: Stack, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no peer any more to which its record could belong."""
    monkeypatch.setattr(leases, "_WAIT_SECONDS", 0.5)
    async with stack.guest(home, new_party()) as guest:
        await guest.sender.discover()
        second = []

        async def delete(_request: object) -> None:
            second.append(asyncio.create_task(guest.sender.post()))
            await asyncio.sleep(0.3)
            await _delete(stack, guest.name)

        guest.platform.script["versions"] = delete
        await guest.sender.post()
        waited = await second[0]

    assert waited.code == 3000
    assert "another exchange of this connection is running" in waited.message


async def test_peers_are_listed_by_state(stack: Stack, home: Home, registered: Guest) -> None:
    waiting = {(await home.invite(peer_id=f"peer-{number}")).peer.name for number in range(3)}

    async def listed(**asked: object) -> list[str]:
        seen, token = [], ""
        while True:
            request = peer_service_pb2.ListPeersRequest(parent=home.name, page_size=2, page_token=token, **asked)
            answer = await stack.peers.ListPeers(request)
            seen += [peer.name for peer in answer.peers]
            token = answer.next_page_token
            if not token:
                return seen

    assert set(await listed(state=resources_pb2.PEER_STATE_INVITED)) == waiting
    assert await listed(state=resources_pb2.PEER_STATE_REGISTERED) == [registered.name]
    assert await listed(state=resources_pb2.PEER_STATE_REGISTERED, order_by="token_time") == [registered.name]
    assert await listed(state=resources_pb2.PEER_STATE_INVITED, order_by="token_time") == []
    assert set(await listed()) == {*waiting, registered.name}


async def test_a_place_in_one_list_is_none_in_another(stack: Stack, home: Home) -> None:
    for number in range(3):
        await home.invite(peer_id=f"peer-{number}")
    invited = resources_pb2.PEER_STATE_INVITED
    first = await stack.peers.ListPeers(peer_service_pb2.ListPeersRequest(parent=home.name, page_size=1, state=invited))

    request = peer_service_pb2.ListPeersRequest(parent=home.name, page_size=1, page_token=first.next_page_token)
    error = await refused(stack.peers.ListPeers(request))

    assert reason(error) == "INVALID_ARGUMENT"


async def test_a_state_that_is_none_is_refused(stack: Stack, home: Home) -> None:
    request = peer_service_pb2.ListPeersRequest(parent=home.name, state=99)  # type: ignore[arg-type]
    error = await refused(stack.peers.ListPeers(request))

    assert (error.code(), reason(error)) == (Code.INVALID_ARGUMENT, "INVALID_ARGUMENT")
