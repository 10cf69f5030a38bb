"""Versions and endpoints: what the tenant decides, and what the peer's must be like."""

import pytest

from broker.tools.conformance.platform import always, envelope
from broker.tools.conformance.transcript import Exchange
from ocpi_broker.v1 import resources_pb2, tenant_service_pb2
from tests.conformance.visitor import VERSIONS, visitor
from tests.stack import Home, Stack, party

pytestmark = pytest.mark.anyio


def outcome(exchange: Exchange) -> tuple[int, object]:
    return exchange.answer.status, exchange.answer.code


@pytest.mark.requirement("VL-09", "VL-04", "VD-14")
async def test_the_versions_of_the_tenant_are_listed_and_no_others(host: Home, version: str) -> None:
    async with visitor(await host.invite(), version) as peer:
        before = await peer.get(peer.versions_url)
        await peer.announce("POST")
        after = await peer.get(peer.versions_url)
        others = [await peer.get(peer.details_url.replace(version, other)) for other in VERSIONS if other != version]

    assert [entry["version"] for entry in before.answer.data] == [version]
    assert after.answer.data == before.answer.data
    assert {outcome(exchange) for exchange in others} == {(404, 3002)}


@pytest.mark.requirement("RR-10", "UR-07")
async def test_what_the_tenant_requires_must_be_listed(stack: Stack, version: str) -> None:
    required = resources_pb2.RequiredModule(module="sessions")
    home = await stack.home(versions=[version], policy=resources_pb2.TenantPolicy(required_modules=[required]))
    async with visitor(await home.invite(), version) as peer:
        rest = [endpoint for endpoint in peer.platform.endpoints() if endpoint["identifier"] != "sessions"]
        without = always(envelope({**peer.platform.details(), "endpoints": rest}))
        with peer.misbehaving(details=without):
            assert outcome(await peer.announce("POST")) == (200, 3003)
        assert outcome(await peer.announce("POST")) == (200, 1000)
        with peer.misbehaving(details=without):
            assert outcome(await peer.announce("PUT")) == (200, 3003)


@pytest.mark.requirement("VD-16")
async def test_an_endpoint_on_a_foreign_host_is_refused(host: Home, version: str) -> None:
    """The peer's token and our data would go to a third party of its choosing."""
    async with visitor(await host.invite(), version) as peer:
        first, second, *others = peer.platform.endpoints()
        foreign = {**second, "url": "https://collector.example.com/locations"}
        details = {**peer.platform.details(), "endpoints": [first, foreign, *others]}
        with peer.misbehaving(details=always(envelope(details))):
            exchange = await peer.announce("POST")

        assert exchange.answer.status == 200
        assert exchange.answer.code in {3001, 3003}
        assert outcome(await peer.announce("POST")) == (200, 1000)


@pytest.mark.requirement("VD-10", "VD-09")
async def test_a_module_of_our_own_is_listed_as_it_is_called(stack: Stack, version: str) -> None:
    name = f"custom-{version.replace('.', '-')}-{stack.database.url[:3]}"
    side = resources_pb2.INTERFACE_ROLE_SENDER
    endpoint = resources_pb2.Endpoint(module="nllmh-weather", interface_role=side, url="https://api.example.com/w")
    await stack.services.tenants.CreateTenant(
        tenant_service_pb2.CreateTenantRequest(
            tenant_id=name,
            tenant=resources_pb2.Tenant(
                versions=[version],
                parties=[party("NL/LMH/CPO", "Lumen Hub")],
                endpoints=[resources_pb2.VersionedEndpoint(version=version, endpoint=endpoint)],
            ),
        )
    )
    answer = await stack.services.tenants.GetTenant(tenant_service_pb2.GetTenantRequest(name=f"tenants/{name}"))
    async with visitor(await Home(stack, answer.tenant).invite(), version) as peer:
        assert {entry["identifier"] for entry in peer.endpoints} == {"credentials", "nllmh-weather"}
