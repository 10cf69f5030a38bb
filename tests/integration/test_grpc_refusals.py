"""How the gRPC API refuses: with the field, the reason and a status of its own."""

import uuid
from typing import Any

import pytest
from google.protobuf import duration_pb2, field_mask_pb2

from ocpi_broker.v1 import admin_service_pb2, peer_service_pb2, resources_pb2, tenant_service_pb2, token_service_pb2
from tests.integration.grpc_refusals import Code, refused
from tests.peer import new_party
from tests.stack import OUR_PARTY, Guest, Home, Stack, party, reason, violations

pytestmark = pytest.mark.anyio


def _tenant(**fields: Any) -> tenant_service_pb2.CreateTenantRequest:
    base: dict[str, Any] = {"versions": ["2.2.1"], "parties": [party(OUR_PARTY, "Lumen Hub")]}
    return tenant_service_pb2.CreateTenantRequest(
        tenant_id=f"t{uuid.uuid4().hex[:8]}", tenant=resources_pb2.Tenant(**{**base, **fields})
    )


def _listed(version: str, side: str = "SENDER") -> resources_pb2.VersionedEndpoint:
    kind = resources_pb2.InterfaceRole.Value(f"INTERFACE_ROLE_{side}")
    endpoint = resources_pb2.Endpoint(module="locations", interface_role=kind, url="https://api.example.com/locations")
    return resources_pb2.VersionedEndpoint(version=version, endpoint=endpoint)


BAD_TENANTS = {
    "tenant_id": tenant_service_pb2.CreateTenantRequest(tenant_id="Not Lower", tenant=_tenant().tenant),
    "tenant_id, a version": tenant_service_pb2.CreateTenantRequest(tenant_id="2.2.1", tenant=_tenant().tenant),
    "tenant_id, reserved": tenant_service_pb2.CreateTenantRequest(tenant_id="versions", tenant=_tenant().tenant),
    "tenant_id, missing": tenant_service_pb2.CreateTenantRequest(tenant=_tenant().tenant),
    "tenant_id, long": tenant_service_pb2.CreateTenantRequest(tenant_id="a" * 41, tenant=_tenant().tenant),
    "tenant.versions[0]": _tenant(versions=["latest"]),
    "tenant.parties[0].country_code": _tenant(
        parties=[resources_pb2.Party(country_code="NLD", party_id="LMH", role=resources_pb2.ROLE_CPO)]
    ),
    "tenant.parties[0].party_id": _tenant(
        parties=[resources_pb2.Party(country_code="NL", party_id="L", role=resources_pb2.ROLE_CPO)]
    ),
    "tenant.parties[0].role": _tenant(parties=[resources_pb2.Party(country_code="NL", party_id="LMH")]),
    "tenant.public_url": _tenant(public_url="acme"),
    "tenant.endpoints[1], no such version": _tenant(endpoints=[_listed("2.2.1"), _listed("2.2.2")]),
    "tenant.endpoints[1], listed once only": _tenant(endpoints=[_listed("2.1.1"), _listed("2.1.1", "RECEIVER")]),
    "tenant.endpoints[0], no interface role": _tenant(endpoints=[_listed("2.3.0", "UNSPECIFIED")]),
    "request_id": tenant_service_pb2.CreateTenantRequest(
        tenant_id="good", tenant=_tenant().tenant, request_id="not a uuid"
    ),
}


@pytest.mark.parametrize(("title", "request_"), BAD_TENANTS.items(), ids=BAD_TENANTS)
async def test_a_bad_argument_names_its_field(
    stack: Stack, title: str, request_: tenant_service_pb2.CreateTenantRequest
) -> None:
    error = await refused(stack.services.tenants.CreateTenant(request_))

    assert (error.code(), reason(error)) == (Code.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    field = title.partition(",")[0]
    assert [path for path in violations(error) if path.startswith(field)], violations(error)
    assert all(violations(error).values())


async def test_bad_arguments_of_the_other_services_name_their_fields(stack: Stack, home: Home) -> None:
    peers, tokens, admin = stack.peers, stack.tokens, stack.services.admin
    terms = resources_pb2.InvitationTerms(any_party=True)
    calls = {
        "parent": peers.InvitePeer(peer_service_pb2.InvitePeerRequest(parent="acme", terms=terms)),
        "peer_id": peers.InvitePeer(peer_service_pb2.InvitePeerRequest(parent=home.name, peer_id="A b", terms=terms)),
        "terms": peers.InvitePeer(peer_service_pb2.InvitePeerRequest(parent=home.name, peer_id="a")),
        "terms.versions_url": peers.InvitePeer(
            peer_service_pb2.InvitePeerRequest(
                parent=home.name,
                peer_id="a",
                terms=resources_pb2.InvitationTerms(any_party=True, versions_url="ftp://example.com"),
            )
        ),
        "expiry": peers.InvitePeer(
            peer_service_pb2.InvitePeerRequest(
                parent=home.name, peer_id="a", terms=terms, expiry=duration_pb2.Duration(seconds=-1)
            )
        ),
        "name": peers.GetPeer(peer_service_pb2.GetPeerRequest(name=f"{home.name}/peers/")),
        "page_size": peers.ListPeers(peer_service_pb2.ListPeersRequest(parent=home.name, page_size=-1)),
        "page_token": peers.ListPeers(peer_service_pb2.ListPeersRequest(parent=home.name, page_token="made up")),
        "caller_id": admin.CreateCaller(
            admin_service_pb2.CreateCallerRequest(
                caller_id="Not Lower", caller=admin_service_pb2.Caller(role=admin_service_pb2.CALLER_ROLE_READER)
            )
        ),
        "caller.role": admin.CreateCaller(
            admin_service_pb2.CreateCallerRequest(caller_id="x1", caller=admin_service_pb2.Caller(tenants=[home.name]))
        ),
        "requests": tokens.BatchGetPeerTokens(token_service_pb2.BatchGetPeerTokensRequest(parent=home.name)),
        "party.country_code": tokens.GetPeerToken(
            token_service_pb2.GetPeerTokenRequest(
                parent=home.name, party=token_service_pb2.PartyKey(country_code="X", party_id="ABC")
            )
        ),
        "tenant.name": stack.services.tenants.UpdateTenant(
            tenant_service_pb2.UpdateTenantRequest(tenant=resources_pb2.Tenant(name="acme"))
        ),
        "update_mask": stack.services.tenants.UpdateTenant(
            tenant_service_pb2.UpdateTenantRequest(
                tenant=resources_pb2.Tenant(name=home.name),
                update_mask=field_mask_pb2.FieldMask(paths=["colour"]),
            )
        ),
    }
    for field, call in calls.items():
        error = await refused(call)
        assert (error.code(), reason(error)) == (Code.INVALID_ARGUMENT, "INVALID_ARGUMENT"), field
        assert [path for path in violations(error) if path.startswith(field)], (field, violations(error))


async def test_an_expiry_of_a_reset_that_is_none_names_its_field(stack: Stack, guest: Guest) -> None:
    reset = peer_service_pb2.ResetPeerRequest(name=guest.name, expiry=duration_pb2.Duration(seconds=-1))

    error = await refused(stack.peers.ResetPeer(reset))

    assert reason(error) == "INVALID_ARGUMENT"
    assert list(violations(error)) == ["expiry"]


async def test_what_does_not_exist_in_a_tenant_of_the_caller_is_not_found(stack: Stack, home: Home) -> None:
    missing = f"{home.name}/peers/nobody"
    errors = [
        await refused(stack.peers.GetPeer(peer_service_pb2.GetPeerRequest(name=missing))),
        await refused(stack.peers.BlockPeer(peer_service_pb2.BlockPeerRequest(name=missing))),
        await refused(home.held(missing)),
        await refused(stack.services.admin.RevokeCaller(admin_service_pb2.RevokeCallerRequest(name="callers/nobody"))),
    ]

    assert {(error.code(), reason(error)) for error in errors} == {(Code.NOT_FOUND, "NOT_FOUND")}


async def test_a_token_that_is_not_to_be_used_is_a_failed_precondition(home: Home, guest: Guest) -> None:
    """An invited peer is there, but has given no token."""
    error = await refused(home.held(guest.name))

    assert (error.code(), reason(error)) in {
        (Code.FAILED_PRECONDITION, "WRONG_STATE"),
        (Code.NOT_FOUND, "NOT_FOUND"),
    }


async def test_a_blocked_peer_is_a_failed_precondition(stack: Stack, home: Home, registered: Guest) -> None:
    await stack.peers.BlockPeer(peer_service_pb2.BlockPeerRequest(name=registered.name))

    error = await refused(home.held(registered.name))

    assert (error.code(), reason(error)) == (Code.FAILED_PRECONDITION, "PEER_BLOCKED")
    assert (await home.peer(registered.name)).blocked


async def test_an_endpoint_that_the_peer_does_not_have_is_not_found(home: Home, registered: Guest) -> None:
    error = await refused(home.held(registered.name, module="tariffs"))

    assert (error.code(), reason(error)) == (Code.NOT_FOUND, "ENDPOINT_NOT_FOUND")


async def test_an_id_is_given_once(stack: Stack, home: Home) -> None:
    await home.invite(peer_id="acme")

    errors = [
        await refused(home.invite(peer_id="acme")),
        await refused(
            stack.services.tenants.CreateTenant(
                tenant_service_pb2.CreateTenantRequest(tenant_id=home.name.partition("/")[2], tenant=home.tenant)
            )
        ),
    ]

    assert {(error.code(), reason(error)) for error in errors} == {(Code.ALREADY_EXISTS, "ALREADY_EXISTS")}


async def test_a_peer_without_a_name_gets_one_from_its_party(home: Home) -> None:
    first = await home.invite("DE/KWL/CPO")
    second = await home.invite("DE/KWL/CPO")

    assert "kwl" in first.peer.name.rpartition("/")[2]
    assert first.peer.name != second.peer.name


async def test_a_call_whose_deadline_is_over_is_refused_as_such(stack: Stack) -> None:
    error = await refused(
        stack.services.admin.GetServerInfo(admin_service_pb2.GetServerInfoRequest(), timeout=0.000001)
    )

    assert error.code() == Code.DEADLINE_EXCEEDED


async def test_an_oversized_message_is_refused(stack: Stack, home: Home) -> None:
    error = await refused(home.invite(*[new_party()] * 600_000))

    assert error.code() in {Code.RESOURCE_EXHAUSTED, Code.INVALID_ARGUMENT}
