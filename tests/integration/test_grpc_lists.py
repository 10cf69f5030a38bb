"""Lists over gRPC, page by page, and what the server tells of itself."""

import pytest

from ocpi_broker.v1 import admin_service_pb2, peer_service_pb2
from tests.integration.grpc_refusals import Code, refused
from tests.stack import Home, Stack, reason

pytestmark = pytest.mark.anyio


async def test_peers_are_listed_page_by_page(stack: Stack, home: Home) -> None:
    names = {(await home.invite(peer_id=f"peer-{number}")).peer.name for number in range(7)}
    seen, token, pages = [], "", 0
    while pages == 0 or token:
        answer = await stack.peers.ListPeers(
            peer_service_pb2.ListPeersRequest(parent=home.name, page_size=3, page_token=token)
        )
        seen += [peer.name for peer in answer.peers]
        token, pages = answer.next_page_token, pages + 1

    assert pages == 3
    assert seen == sorted(names)


async def test_a_page_token_belongs_to_its_list(stack: Stack, home: Home) -> None:
    other = await stack.home()
    for number in range(3):
        await home.invite(peer_id=f"peer-{number}")
    first = await stack.peers.ListPeers(peer_service_pb2.ListPeersRequest(parent=home.name, page_size=1))

    error = await refused(
        stack.peers.ListPeers(
            peer_service_pb2.ListPeersRequest(parent=other.name, page_size=1, page_token=first.next_page_token)
        )
    )

    assert (error.code(), reason(error)) == (Code.INVALID_ARGUMENT, "INVALID_ARGUMENT")


async def test_a_page_is_never_larger_than_the_limit(stack: Stack, home: Home) -> None:
    answer = await stack.peers.ListPeers(peer_service_pb2.ListPeersRequest(parent=home.name, page_size=2**31 - 1))

    assert not answer.next_page_token


async def test_callers_are_listed_without_their_keys(stack: Stack, home: Home) -> None:
    key = await stack.caller(admin_service_pb2.CALLER_ROLE_READER, home.name)
    listed = await stack.services.admin.ListCallers(admin_service_pb2.ListCallersRequest(page_size=1000))

    assert listed.callers
    assert key not in str(listed)
    assert {caller.name for caller in listed.callers} >= {"callers/admin", "callers/gateway"}


async def test_the_server_tells_what_runs_here(stack: Stack, database_kind: str) -> None:
    info = await stack.services.admin.GetServerInfo(admin_service_pb2.GetServerInfoRequest())

    assert info.database == database_kind
    assert info.version
    assert info.schema_revision
    assert info.revision > 0
    assert "2.2.1" in info.ocpi_versions
    assert info.insecure_peers
    assert info.checks
