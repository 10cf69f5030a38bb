"""Who may call the gRPC API, and what."""

import uuid
from collections.abc import Awaitable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from ocpi_broker.v1 import admin_service_pb2, ocpi_service_pb2, peer_service_pb2, tenant_service_pb2, token_service_pb2
from tests.integration.grpc_refusals import Code, refused
from tests.peer import encoded
from tests.stack import Guest, Home, Stack, key_of, reason, services

pytestmark = pytest.mark.anyio


async def refusal_of(call: Awaitable[Any]) -> grpc.RpcError | None:
    try:
        await call
    except grpc.RpcError as error:
        return error
    return None


@pytest.mark.parametrize(
    "key", [None, "nonsense", "ocpi-000000000000-x", ""], ids=["none", "nonsense", "alike", "empty"]
)
async def test_without_a_known_key_every_call_is_unauthenticated(stack: Stack, key: str | None) -> None:
    async with stack.speaking(key) as stranger:
        calls = [
            stranger.tokens.GetPeerToken(token_service_pb2.GetPeerTokenRequest(parent="tenants/default")),
            stranger.peers.ListPeers(peer_service_pb2.ListPeersRequest(parent="tenants/default")),
            stranger.tenants.ListTenants(tenant_service_pb2.ListTenantsRequest()),
            stranger.ocpi.ListVersions(ocpi_service_pb2.ListVersionsRequest()),
            stranger.admin.GetServerInfo(admin_service_pb2.GetServerInfoRequest()),
        ]
        errors = [await refused(call) for call in calls]

    assert {(error.code(), reason(error)) for error in errors} == {(Code.UNAUTHENTICATED, "CALLER_UNAUTHENTICATED")}
    assert len({error.details() for error in errors}) == 1


@pytest.mark.parametrize("value", ["Basic {}", "{}", "Bearer  ", "Bearer {} {}", "bearer"])
async def test_a_malformed_key_is_unauthenticated(stack: Stack, value: str) -> None:
    key = key_of(stack.settings.data_dir, "admin")
    metadata = (("authorization", value.format(key, key)),)
    async with stack.speaking(None) as stranger:
        error = await refused(
            stranger.admin.GetServerInfo(admin_service_pb2.GetServerInfoRequest(), metadata=metadata, timeout=10)
        )

    assert error.code() == Code.UNAUTHENTICATED


async def test_two_keys_in_one_call_are_unauthenticated(stack: Stack) -> None:
    key = key_of(stack.settings.data_dir, "admin")
    metadata = (("authorization", f"Bearer {key}"), ("authorization", f"Bearer {key}"))
    async with stack.speaking(None) as stranger:
        error = await refused(
            stranger.admin.GetServerInfo(admin_service_pb2.GetServerInfoRequest(), metadata=metadata, timeout=10)
        )

    assert error.code() == Code.UNAUTHENTICATED


async def test_an_administrator_does_not_lock_itself_out(stack: Stack) -> None:
    """Its key is revoked by another's."""
    admin = stack.services.admin
    created = await admin.CreateCaller(
        admin_service_pb2.CreateCallerRequest(
            caller_id=f"b{uuid.uuid4().hex[:8]}",
            caller=admin_service_pb2.Caller(role=admin_service_pb2.CALLER_ROLE_ADMIN),
        )
    )
    request = admin_service_pb2.RevokeCallerRequest(name=created.caller.name)
    async with stack.speaking(created.key) as second:
        error = await refused(second.admin.RevokeCaller(request))
    await admin.RevokeCaller(request)

    assert reason(error) == "WRONG_STATE"


async def test_a_revoked_caller_is_unauthenticated_at_once(stack: Stack, home: Home, registered: Guest) -> None:
    admin = stack.services.admin
    created = await admin.CreateCaller(
        admin_service_pb2.CreateCallerRequest(
            caller_id=f"b{uuid.uuid4().hex[:8]}",
            caller=admin_service_pb2.Caller(role=admin_service_pb2.CALLER_ROLE_READER, tenants=[home.name]),
        )
    )
    request = token_service_pb2.GetPeerTokenRequest(parent=home.name, peer=registered.name)
    async with stack.speaking(created.key) as billing:
        before = await billing.tokens.GetPeerToken(request)
        await admin.RevokeCaller(admin_service_pb2.RevokeCallerRequest(name=created.caller.name))
        error = await refused(billing.tokens.GetPeerToken(request))

    assert before.token
    assert (error.code(), reason(error)) == (Code.UNAUTHENTICATED, "CALLER_UNAUTHENTICATED")


ALLOWED = {
    admin_service_pb2.CALLER_ROLE_READER: {"tokens", "verify"},
    admin_service_pb2.CALLER_ROLE_OPERATOR: {"peers", "tenants"},
    admin_service_pb2.CALLER_ROLE_GATEWAY: {"ocpi"},
    admin_service_pb2.CALLER_ROLE_AUDITOR: set(),
    admin_service_pb2.CALLER_ROLE_ADMIN: {"tokens", "verify", "peers", "tenants", "admin"},
}


@pytest.mark.parametrize("kind", ALLOWED, ids=admin_service_pb2.CallerRole.Name)
async def test_a_role_opens_its_services_and_no_others(stack: Stack, home: Home, registered: Guest, kind: Any) -> None:
    key = await stack.caller(kind, "tenants/-")
    token = encoded(registered.sender.token)
    async with stack.speaking(key) as caller:
        calls = {
            "tokens": caller.tokens.GetPeerToken(
                token_service_pb2.GetPeerTokenRequest(parent=home.name, peer=registered.name)
            ),
            "verify": caller.tokens.VerifyToken(
                token_service_pb2.VerifyTokenRequest(parent=home.name, authorization=token, module="locations")
            ),
            "peers": caller.peers.GetPeer(peer_service_pb2.GetPeerRequest(name=registered.name)),
            "tenants": caller.tenants.GetTenant(tenant_service_pb2.GetTenantRequest(name=home.name)),
            "ocpi": caller.ocpi.ListVersions(
                ocpi_service_pb2.ListVersionsRequest(
                    call=ocpi_service_pb2.OcpiCall(tenant=home.name.partition("/")[2], authorization=[token])
                )
            ),
            "admin": caller.admin.ListCallers(admin_service_pb2.ListCallersRequest()),
        }
        answered = set()
        for name, call in calls.items():
            refusal = await refusal_of(call)
            if refusal is None:
                answered.add(name)
            else:
                assert (refusal.code(), reason(refusal)) == (Code.PERMISSION_DENIED, "PERMISSION_DENIED"), name

    assert answered == ALLOWED[kind]


async def test_an_unknown_tenant_and_a_foreign_one_are_refused_alike(stack: Stack, home: Home) -> None:
    mine = await stack.home()
    async with stack.speaking(await stack.caller(admin_service_pb2.CALLER_ROLE_OPERATOR, mine.name)) as operator:
        errors = [
            await refused(operator.tenants.GetTenant(tenant_service_pb2.GetTenantRequest(name=name)))
            for name in (home.name, "tenants/nobody-has-this-one", "tenants/default")
        ]

    assert {error.code() for error in errors} == {Code.PERMISSION_DENIED}
    assert len({error.details() for error in errors}) == 1
    assert not [error for error in errors if home.name in (error.details() or "")]


async def test_a_caller_created_for_all_tenants_sees_later_ones(stack: Stack) -> None:
    key = await stack.caller(admin_service_pb2.CALLER_ROLE_OPERATOR, "tenants/-")
    later = await stack.home()
    async with stack.speaking(key) as operator:
        answer = await operator.tenants.GetTenant(tenant_service_pb2.GetTenantRequest(name=later.name))

    assert answer.tenant.name == later.name


async def test_health_and_reflection_answer(stack: Stack) -> None:
    async with services(stack.target, key_of(stack.settings.data_dir, "admin")) as admin:
        health = await health_pb2_grpc.HealthStub(admin.channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    async with grpc.aio.insecure_channel(stack.target) as channel:
        bearer = (("authorization", f"Bearer {key_of(stack.settings.data_dir, 'admin')}"),)
        stream = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")]), metadata=bearer, timeout=10
        )
        listed = [answer async for answer in stream]

    assert health.status == health_pb2.HealthCheckResponse.SERVING
    names = {service.name for service in listed[0].list_services_response.service}
    assert {"ocpi_broker.v1.TokenService", "ocpi_broker.v1.OcpiService", "grpc.health.v1.Health"} <= names


async def test_health_needs_no_key(stack: Stack) -> None:
    """A probe has none."""
    async with grpc.aio.insecure_channel(stack.target) as channel:
        health = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)

    assert health.status == health_pb2.HealthCheckResponse.SERVING
