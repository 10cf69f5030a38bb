"""Calls that come again or late: request ids and etags."""

import asyncio
import uuid

import grpc
import pytest
from google.protobuf import field_mask_pb2

from ocpi_broker.v1 import admin_service_pb2, peer_service_pb2, resources_pb2, tenant_service_pb2
from tests.integration.grpc_refusals import Code, refused
from tests.peer import new_party
from tests.stack import Guest, Home, Stack, party, reason

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]


# Repetition


async def test_the_same_request_id_gives_the_same_answer(stack: Stack, home: Home) -> None:
    """Never a second token."""
    party_, request_id = new_party(), str(uuid.uuid4())

    first = await home.invite(party_, request_id=request_id)
    second = await home.invite(party_, request_id=request_id)

    assert first == second
    listed = await stack.peers.ListPeers(peer_service_pb2.ListPeersRequest(parent=home.name))
    assert len(listed.peers) == 1


async def test_a_request_id_belongs_to_one_request(home: Home) -> None:
    request_id = str(uuid.uuid4())
    await home.invite(new_party(), request_id=request_id)

    error = await refused(home.invite(new_party(), request_id=request_id))

    assert (error.code(), reason(error)) == (Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED")


async def test_parallel_calls_with_one_request_id_are_one_call(stack: Stack, home: Home) -> None:
    party_, request_id = new_party(), str(uuid.uuid4())

    answers = await asyncio.gather(
        *(home.invite(party_, request_id=request_id) for _ in range(8)), return_exceptions=True
    )

    good = [answer for answer in answers if not isinstance(answer, BaseException)]
    lost = [answer for answer in answers if isinstance(answer, grpc.RpcError)]
    assert len({answer.token for answer in good}) == 1
    assert {error.code() for error in lost} <= {Code.ABORTED}
    assert len(good) + len(lost) == 8
    listed = await stack.peers.ListPeers(peer_service_pb2.ListPeersRequest(parent=home.name))
    assert len(listed.peers) == 1


async def test_the_request_id_of_another_caller_is_another_request(stack: Stack, home: Home) -> None:
    """A receipt is not an oracle for what others did."""
    request_id, party_ = str(uuid.uuid4()), new_party()
    mine = await home.invite(party_, request_id=request_id)
    key = await stack.caller(admin_service_pb2.CALLER_ROLE_OPERATOR, home.name)
    async with stack.speaking(key) as operator:
        theirs = await operator.peers.InvitePeer(
            peer_service_pb2.InvitePeerRequest(
                parent=home.name,
                terms=resources_pb2.InvitationTerms(parties=[party(party_)]),
                request_id=request_id,
            )
        )

    assert theirs.token != mine.token


async def test_every_mutation_can_be_repeated(stack: Stack, home: Home, registered: Guest) -> None:
    peers, request_id = stack.peers, str(uuid.uuid4())
    for call, request in (
        (peers.BlockPeer, peer_service_pb2.BlockPeerRequest(name=registered.name)),
        (peers.UnblockPeer, peer_service_pb2.UnblockPeerRequest(name=registered.name)),
        (peers.ResetPeer, peer_service_pb2.ResetPeerRequest(name=registered.name)),
        (peers.UnregisterPeer, peer_service_pb2.UnregisterPeerRequest(name=registered.name)),
    ):
        request.request_id = request_id = str(uuid.uuid4())
        assert await call(request) == await call(request), request_id


# Etags


async def test_an_old_etag_changes_nothing(stack: Stack, home: Home, guest: Guest) -> None:
    old = (await home.peer(guest.name)).etag
    changed = await stack.peers.BlockPeer(peer_service_pb2.BlockPeerRequest(name=guest.name, etag=old))
    errors = [
        await refused(stack.peers.UnblockPeer(peer_service_pb2.UnblockPeerRequest(name=guest.name, etag=old))),
        await refused(stack.peers.UnregisterPeer(peer_service_pb2.UnregisterPeerRequest(name=guest.name, etag=old))),
        await refused(stack.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=guest.name, etag=old))),
    ]

    assert changed.peer.etag != old
    assert {(error.code(), reason(error)) for error in errors} == {(Code.ABORTED, "ETAG_MISMATCH")}
    assert (await home.peer(guest.name)).blocked


async def test_a_tenant_is_changed_by_mask_and_etag(stack: Stack, home: Home) -> None:
    tenants = stack.services.tenants
    wanted = resources_pb2.Tenant(
        name=home.name, etag=home.tenant.etag, parties=[party("BE/NEW/EMSP", "New")], versions=["2.2"]
    )
    mask = field_mask_pb2.FieldMask(paths=["parties"])
    updated = await tenants.UpdateTenant(tenant_service_pb2.UpdateTenantRequest(tenant=wanted, update_mask=mask))

    error = await refused(tenants.UpdateTenant(tenant_service_pb2.UpdateTenantRequest(tenant=wanted, update_mask=mask)))

    assert [entry.party_id for entry in updated.tenant.parties] == ["NEW"]
    assert list(updated.tenant.versions) == ["2.2.1"]
    assert (error.code(), reason(error)) == (Code.ABORTED, "ETAG_MISMATCH")
