"""The gRPC API as its callers meet it: who may do what, how it refuses, what a repetition does."""

import asyncio
import uuid
from collections.abc import Awaitable
from typing import Any

import grpc
import pytest
from google.protobuf import duration_pb2, field_mask_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from ocpi_broker.v1 import (
    admin_service_pb2,
    ocpi_service_pb2,
    peer_service_pb2,
    resources_pb2,
    tenant_service_pb2,
    token_service_pb2,
)
from tests.peer import encoded, new_party, new_token, raw, role
from tests.stack import OUR_PARTY, Guest, Home, Stack, key_of, party, reason, services, violations

pytestmark = pytest.mark.anyio

Code = grpc.StatusCode


async def refused(call: Awaitable[Any]) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        await call
    return caught.value


async def refusal_of(call: Awaitable[Any]) -> grpc.RpcError | None:
    try:
        await call
    except grpc.RpcError as error:
        return error
    return None


# Who may call


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


# How it refuses


def _tenant(**fields: Any) -> tenant_service_pb2.CreateTenantRequest:
    base: dict[str, Any] = {"versions": ["2.2.1"], "parties": [party(OUR_PARTY, "Lumen Hub")]}
    return tenant_service_pb2.CreateTenantRequest(
        tenant_id=f"t{uuid.uuid4().hex[:8]}", tenant=resources_pb2.Tenant(**{**base, **fields})
    )


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


# Tokens


async def test_verify_answers_with_a_reason_and_never_with_an_error(
    stack: Stack, home: Home, registered: Guest
) -> None:
    await registered.sender.versions()
    expired = await home.invite(new_party(), expiry=1)
    await asyncio.sleep(1.2)
    async with stack.guest(home) as blocked:
        await blocked.sender.register()
        await stack.peers.BlockPeer(peer_service_pb2.BlockPeerRequest(name=blocked.name))
    async with stack.guest(home) as ended:
        await ended.sender.register()
        await ended.sender.delete()
    invited = await home.invite(new_party())
    cases = {
        "": token_service_pb2.TOKEN_REJECTION_MALFORMED,
        "Bearer x": token_service_pb2.TOKEN_REJECTION_MALFORMED,
        "Token": token_service_pb2.TOKEN_REJECTION_MALFORMED,
        encoded(new_token()): token_service_pb2.TOKEN_REJECTION_UNKNOWN,
        encoded(expired.token): token_service_pb2.TOKEN_REJECTION_EXPIRED,
        encoded(blocked.sender.token): token_service_pb2.TOKEN_REJECTION_BLOCKED,
        encoded(ended.sender.token): token_service_pb2.TOKEN_REJECTION_REVOKED,
        encoded(invited.token): token_service_pb2.TOKEN_REJECTION_REGISTRATION_ONLY,
        encoded(registered.sender.token): token_service_pb2.TOKEN_REJECTION_UNSPECIFIED,
        raw(registered.sender.token): token_service_pb2.TOKEN_REJECTION_UNSPECIFIED,
    }
    for authorization, expected in cases.items():
        answer = await stack.tokens.VerifyToken(
            token_service_pb2.VerifyTokenRequest(parent=home.name, authorization=authorization, module="locations")
        )
        assert answer.rejection == expected, (authorization[:12], answer)
        assert answer.valid == (expected == token_service_pb2.TOKEN_REJECTION_UNSPECIFIED)
        assert bool(answer.peer) == answer.valid


async def test_a_batch_answers_each_entry_for_itself(stack: Stack, home: Home, registered: Guest) -> None:
    entry = token_service_pb2.GetPeerTokenRequest
    country_code, party_id, _ = registered.party.split("/")
    by_party = token_service_pb2.PartyKey(country_code=country_code, party_id=party_id)
    answer = await stack.tokens.BatchGetPeerTokens(
        token_service_pb2.BatchGetPeerTokensRequest(
            parent=home.name,
            requests=[
                entry(peer=registered.name),
                entry(peer=f"{home.name}/peers/nobody"),
                entry(parent=home.name, party=by_party, module="locations"),
                entry(peer=registered.name, module="tariffs"),
            ],
        )
    )

    kinds = [result.WhichOneof("result") for result in answer.results]
    assert kinds == ["token", "refusal", "token", "refusal"]
    assert answer.results[0].token.token == answer.results[2].token.token
    assert answer.results[2].token.endpoint_url
    assert [answer.results[index].refusal.reason for index in (1, 3)] == ["NOT_FOUND", "ENDPOINT_NOT_FOUND"]
    assert all(answer.results[index].refusal.message for index in (1, 3))


async def test_a_full_batch_fits_into_a_message_however_large_its_peers_are(stack: Stack, home: Home) -> None:
    """gRPC clients take 4 MiB; a thousand parties in each of 500 entries would be five times as much."""
    async with stack.guest(home) as hub:
        hub.sender.roles = [role(f"DE/{place:03X}/CPO") for place in range(1000)]
        await stack.peers.UpdatePeer(
            peer_service_pb2.UpdatePeerRequest(
                peer=resources_pb2.Peer(name=hub.name, terms=resources_pb2.InvitationTerms(any_party=True)),
                update_mask=field_mask_pb2.FieldMask(paths=["terms"]),
            )
        )
        assert (await hub.sender.register()).outcome == (200, 1000)
    whole = await home.held(hub.name, module="locations")
    entry = token_service_pb2.GetPeerTokenRequest(peer=hub.name, module="locations")
    batch = token_service_pb2.BatchGetPeerTokensRequest(parent=home.name, requests=[entry] * 500)

    answer = await stack.tokens.BatchGetPeerTokens(batch)

    assert len(whole.parties) == 1000
    del whole.parties[:], whole.endpoints[:]
    assert [result.token for result in answer.results] == [whole] * 500


async def test_a_batch_is_about_one_tenant_and_has_a_limit(stack: Stack, home: Home, registered: Guest) -> None:
    other = await stack.home()
    entry = token_service_pb2.GetPeerTokenRequest(peer=registered.name)
    foreign = token_service_pb2.GetPeerTokenRequest(parent=other.name, peer=registered.name)
    error = await refused(
        stack.tokens.BatchGetPeerTokens(
            token_service_pb2.BatchGetPeerTokensRequest(parent=home.name, requests=[entry] * 501)
        )
    )
    assert error.code() == Code.INVALID_ARGUMENT
    assert any(path.startswith("requests") for path in violations(error))
    mixed = await stack.tokens.BatchGetPeerTokens(
        token_service_pb2.BatchGetPeerTokensRequest(parent=home.name, requests=[entry, foreign])
    )
    assert mixed.results[0].WhichOneof("result") == "token"
    assert mixed.results[1].refusal.reason == "INVALID_ARGUMENT"
    full = await stack.tokens.BatchGetPeerTokens(
        token_service_pb2.BatchGetPeerTokensRequest(parent=home.name, requests=[entry] * 500)
    )
    assert len(full.results) == 500


async def test_an_ambiguous_party_is_not_guessed(stack: Stack, home: Home) -> None:
    """PR-03: the same party in two roles at two peers needs the role."""
    cpo = new_party("CPO")
    async with stack.guest(home, cpo) as one, stack.guest(home, cpo.replace("CPO", "EMSP")) as two:
        await one.sender.register()
        await two.sender.register()
    country_code, party_id, _ = cpo.split("/")
    key = {"country_code": country_code, "party_id": party_id}

    def ask(**more: Any) -> Awaitable[token_service_pb2.GetPeerTokenResponse]:
        wanted = token_service_pb2.PartyKey(**key, **more)
        return stack.tokens.GetPeerToken(token_service_pb2.GetPeerTokenRequest(parent=home.name, party=wanted))

    error = await refused(ask())
    found = await ask(role=resources_pb2.ROLE_EMSP)

    assert error.code() in {Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION, Code.NOT_FOUND}
    assert found.peer == two.name


async def test_a_read_may_ask_for_a_revision_at_least(stack: Stack, home: Home, registered: Guest) -> None:
    held = await home.held(registered.name)

    again = await home.held(registered.name, min_revision=held.revision)

    assert held.revision > 0
    assert again.revision >= held.revision


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


# Etags and pages


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
