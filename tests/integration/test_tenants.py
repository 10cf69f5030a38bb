"""Tenants do not see, reach or learn anything of each other (F10, F19, F21)."""

import asyncio
import json
from typing import Any

import grpc
import pytest
from google.protobuf import field_mask_pb2

from ocpi_broker.v1 import (
    admin_service_pb2,
    peer_service_pb2,
    resources_pb2,
    tenant_service_pb2,
    token_service_pb2,
)
from tests.peer import Reply, checked, encoded, new_party, new_token, platform_running
from tests.stack import Guest, Home, Stack, party, reason, violations

pytestmark = pytest.mark.anyio


def _told(reply: Reply) -> str:
    """All that an answer tells but its time and ids."""
    body = {name: value for name, value in reply.body.items() if name != "timestamp"}
    variable = {"date", "x-request-id", "x-correlation-id"}
    headers = sorted((name, value) for name, value in reply.headers.items() if name not in variable)
    return json.dumps([reply.status, body, headers], sort_keys=True)


async def test_a_token_opens_nothing_at_another_tenant(stack: Stack, registered: Guest) -> None:
    """F21, F10: the tenant comes from the token, the path only cross-checks it."""
    other = await stack.home()
    sender = registered.sender
    elsewhere = other.versions_url.removesuffix("/versions")

    for path in ("/versions", "/2.2.1", "/2.2.1/credentials"):
        assert (await sender.get(f"{elsewhere}{path}")).outcome == (401, 2000)
    sender.credentials_url = f"{elsewhere}/2.2.1/credentials"
    assert [(await call()).outcome for call in (sender.post, sender.put, sender.delete)] == [(401, 2000)] * 3
    assert (await sender.versions()).outcome == (200, 1000)


async def test_an_invitation_opens_nothing_at_another_tenant(stack: Stack, home: Home, guest: Guest) -> None:
    other = await stack.home()
    guest.sender.credentials_url = f"{other.versions_url.removesuffix('/versions')}/2.2.1/credentials"

    assert (await guest.sender.post()).outcome == (401, 2000)
    assert (await home.peer(guest.name)).state == resources_pb2.PEER_STATE_INVITED
    verified = await other.verify(guest.invitation.token, "credentials")
    assert (verified.valid, verified.tenant, verified.peer) == (False, "", "")
    assert verified.rejection == token_service_pb2.TOKEN_REJECTION_UNKNOWN


async def test_one_answer_for_every_reason_to_refuse_a_token(stack: Stack, home: Home, registered: Guest) -> None:
    """F19: unknown tenant, unknown token, expired, blocked, revoked, other tenant: the same bytes."""
    expired = await home.invite(new_party(), expiry=1)
    other = await stack.home()
    elsewhere = await other.invite(new_party())
    party = new_party()
    async with stack.guest(home, party) as blocked, stack.guest(home) as ended:
        await blocked.sender.register()
        await ended.sender.register()
        await stack.peers.BlockPeer(peer_service_pb2.BlockPeerRequest(name=blocked.name))
        await ended.sender.delete()
    await asyncio.sleep(1.2)
    sender = registered.sender
    good, base = sender.token, sender.base
    attempts = {
        "unknown token": (f"{base}/versions", "ocpi-000000000000-x"),
        "a token of nobody's making": (f"{base}/versions", new_token()),
        "expired": (f"{base}/versions", expired.token),
        "blocked": (f"{base}/versions", blocked.sender.token),
        "revoked": (f"{base}/versions", ended.sender.token),
        "other tenant": (f"{base}/versions", elsewhere.token),
        "unknown tenant": (f"{stack.http}/ocpi/no-such-tenant/versions", good),
        "unknown tenant, unknown token": (f"{stack.http}/ocpi/no-such-tenant/2.2.1/credentials", new_token()),
        "version that the tenant does not offer": (f"{base}/2.2", new_token()),
    }

    told = {}
    for title, (url, token) in attempts.items():
        sender.token = token
        told[title] = _told(await sender.get(url))

    assert set(told.values()) == {told["unknown token"]}, told
    assert json.loads(told["unknown token"])[0] == 401


async def test_the_same_party_may_register_with_two_tenants(stack: Stack) -> None:
    """F21: two connections, two token pairs; a PUT on one leaves the other as it was."""
    homes = [await stack.home(), await stack.home()]
    party = new_party()
    async with stack.guest(homes[0], party) as one, stack.guest(homes[1], party) as two:
        await one.sender.register()
        await two.sender.register()
        before = await homes[1].held(two.name)

        fresh = new_token()
        one.sender.token = (await one.sender.put(token=fresh)).token

        assert (await homes[0].held(one.name)).token == fresh
        after = await homes[1].held(two.name)
        assert (after.token, after.peer) == (before.token, before.peer)
        assert (await two.sender.versions()).outcome == (200, 1000)
        await one.sender.delete()
        assert (await two.sender.versions()).outcome == (200, 1000)
        assert (await one.sender.versions()).outcome == (401, 2000)


async def test_each_tenant_answers_with_its_own_url_and_parties(stack: Stack) -> None:
    homes = [await stack.home(parties=["NL/AAA/CPO"]), await stack.home(parties=["BE/BBB/EMSP", "BE/BBB/CPO"])]
    seen = []
    for home in homes:
        async with stack.guest(home) as guest:
            reply = await guest.sender.register()
            seen.append((reply.data["url"], sorted(entry["party_id"] for entry in reply.data["roles"])))

    assert seen == [(homes[0].versions_url, ["AAA"]), (homes[1].versions_url, ["BBB", "BBB"])]


async def test_a_tenant_may_have_a_public_url_of_its_own(stack: Stack, home: Home, guest: Guest) -> None:
    """D4: our url in credentials, list and details is the tenant's."""
    await stack.services.tenants.UpdateTenant(
        tenant_service_pb2.UpdateTenantRequest(
            tenant=resources_pb2.Tenant(name=home.name, public_url="https://ocpi.acme.example"),
            update_mask=field_mask_pb2.FieldMask(paths=["public_url"]),
        )
    )

    listed = await guest.sender.versions()
    echoed = await guest.sender.get(f"{guest.sender.base}/2.2.1/credentials")

    urls = [listed.data[0]["url"], echoed.data["url"]]
    assert all(url.startswith("https://ocpi.acme.example/ocpi") for url in urls), urls


async def test_a_caller_of_one_tenant_learns_nothing_of_others(stack: Stack, home: Home, registered: Guest) -> None:
    """T7: foreign and missing are the same, in code and in words."""
    mine = await stack.home()
    key = await stack.caller(admin_service_pb2.CALLER_ROLE_OPERATOR, mine.name)
    reader = await stack.caller(admin_service_pb2.CALLER_ROLE_READER, mine.name)
    refusals = set()
    async with stack.speaking(key) as operator, stack.speaking(reader) as billing:
        for tenant, peer in ((home.name, registered.name), ("tenants/no-such", "tenants/no-such/peers/x")):
            calls = [
                operator.peers.GetPeer(peer_service_pb2.GetPeerRequest(name=peer)),
                operator.peers.ListPeers(peer_service_pb2.ListPeersRequest(parent=tenant)),
                operator.peers.BlockPeer(peer_service_pb2.BlockPeerRequest(name=peer)),
                operator.peers.ListExchanges(peer_service_pb2.ListExchangesRequest(parent=peer)),
                operator.tenants.GetTenant(tenant_service_pb2.GetTenantRequest(name=tenant)),
                billing.tokens.GetPeerToken(token_service_pb2.GetPeerTokenRequest(parent=tenant, peer=peer)),
                billing.tokens.VerifyToken(
                    token_service_pb2.VerifyTokenRequest(
                        parent=tenant, authorization=encoded(registered.sender.token), module="locations"
                    )
                ),
            ]
            for call in calls:
                with pytest.raises(grpc.RpcError) as refused:
                    await call
                refusals.add((refused.value.code(), refused.value.details(), reason(refused.value)))
        listed = await operator.tenants.ListTenants(tenant_service_pb2.ListTenantsRequest())

    assert {(code, kind) for code, _, kind in refusals} == {(grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")}
    assert len(refusals) == 1, refusals
    assert [tenant.name for tenant in listed.tenants] == [mine.name]


async def test_a_token_of_a_foreign_tenant_is_unknown_to_a_caller_that_names_none(
    stack: Stack, registered: Guest
) -> None:
    """VerifyToken without parent means the caller's tenants, no more."""
    mine = await stack.home()
    async with stack.speaking(await stack.caller(admin_service_pb2.CALLER_ROLE_READER, mine.name)) as billing:
        verified = await billing.tokens.VerifyToken(
            token_service_pb2.VerifyTokenRequest(authorization=encoded(registered.sender.token), module="locations")
        )

    assert (verified.valid, verified.tenant, verified.peer) == (False, "", "")
    assert verified.rejection == token_service_pb2.TOKEN_REJECTION_UNKNOWN


async def test_a_peer_name_below_another_tenant_is_refused(stack: Stack, home: Home, registered: Guest) -> None:
    """The peer is looked up below parent, not wherever its name points."""
    other = await stack.home()

    with pytest.raises(grpc.RpcError) as refused:
        await stack.tokens.GetPeerToken(token_service_pb2.GetPeerTokenRequest(parent=other.name, peer=registered.name))

    assert refused.value.code() in {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}


async def test_a_deleted_tenant_is_gone(stack: Stack) -> None:
    home = await stack.home()
    party = new_party()
    invitation = await home.invite(party)
    async with platform_running() as platform:
        sender = stack.sender(invitation, platform, party)
        await stack.services.tenants.DeleteTenant(tenant_service_pb2.DeleteTenantRequest(name=home.name))

        assert (await sender.versions()).outcome == (401, 2000)


async def test_a_tenant_with_a_registered_peer_is_not_deleted(stack: Stack, home: Home, registered: Guest) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        await stack.services.tenants.DeleteTenant(tenant_service_pb2.DeleteTenantRequest(name=home.name))

    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert (await registered.sender.versions()).outcome == (200, 1000)


async def test_the_path_is_taken_literally(stack: Stack, guest: Guest) -> None:
    """No trick with the path reaches the tenant by another name."""
    tail = guest.sender.versions_url.removeprefix(f"{stack.http}/ocpi/")
    headers = {"Authorization": encoded(guest.sender.token)}
    for path in (f"/ocpi//{tail}", f"/ocpi/x/../{tail}", f"/ocpi/x%2F..%2F{tail}", f"/ocpi/{tail.upper()}"):
        reply = checked(await stack.client.get(f"{stack.http}{path}", headers=headers))
        assert reply.status in {401, 404} or path.count("..") == 1, path  # the client itself resolves plain dots


def _endpoint(
    module: str, version: str = "2.2.1", url: str = "https://ocpi.example/x"
) -> resources_pb2.VersionedEndpoint:
    endpoint = resources_pb2.Endpoint(module=module, interface_role=resources_pb2.INTERFACE_ROLE_SENDER, url=url)
    return resources_pb2.VersionedEndpoint(version=version, endpoint=endpoint)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"endpoints": [_endpoint("credentials")]}, "tenant.endpoints[0].endpoint.module"),
        ({"endpoints": [_endpoint("tokens"), _endpoint("versions")]}, "tenant.endpoints[1].endpoint.module"),
        (
            {
                "endpoints": [
                    _endpoint("tokens"),
                    _endpoint("tokens", "2.2"),
                    _endpoint("tokens", url="https://b.example/x"),
                ]
            },
            "tenant.endpoints[2].endpoint",
        ),
        ({"parties": [party("NL/LMH/CPO", "Lumen\nHub")]}, "tenant.parties[0]"),
        ({"parties": [party("NL/LMH/CPO", "Lumen"), party("NL/LMH/EMSP", "Lumen\0")]}, "tenant.parties[1]"),
        ({"parties": [party("NL/LMH/CPO", "Lumen", "no url")]}, "tenant.parties[0]"),
    ],
)
async def test_what_peers_could_not_read_is_refused(
    stack: Stack, home: Home, changes: dict[str, Any], field: str
) -> None:
    """VD-06, VD-08, TY-01, CO-16: we do not send what we would complain about."""
    update = tenant_service_pb2.UpdateTenantRequest(
        tenant=resources_pb2.Tenant(name=home.name, **changes), update_mask=field_mask_pb2.FieldMask(paths=changes)
    )
    with pytest.raises(grpc.RpcError) as refused:
        await stack.services.tenants.UpdateTenant(update)

    assert reason(refused.value) == "INVALID_ARGUMENT"
    assert list(violations(refused.value)) == [field]


async def test_a_party_of_a_peer_does_not_become_the_tenants(stack: Stack, home: Home, registered: Guest) -> None:
    """PR-02: the peer could not update its registration any more."""
    update = tenant_service_pb2.UpdateTenantRequest(
        tenant=resources_pb2.Tenant(
            name=home.name, parties=[party("NL/LMH/CPO", "Lumen"), party(registered.party, "Lumen")]
        ),
        update_mask=field_mask_pb2.FieldMask(paths=["parties"]),
    )
    with pytest.raises(grpc.RpcError) as refused:
        await stack.services.tenants.UpdateTenant(update)

    assert list(violations(refused.value)) == ["tenant.parties[1]"]
    assert (await registered.sender.put()).outcome == (200, 1000)
