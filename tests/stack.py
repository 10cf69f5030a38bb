"""The broker and the gateway as they run in production, in this process, on loopback ports of their own."""

import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
from google.protobuf import duration_pb2, field_mask_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from broker.config import Settings
from broker.outbound.http_call import BUDGETS, Budgets
from broker.outbound.url_policy import UrlPolicy
from broker.process import bootstrap, composition
from broker.process.address import Address
from broker.process.door import Door
from broker.process.gateway_metrics import GatewayMetrics
from broker.process.outside import Outside, opened
from gateway import server
from gateway.config import GatewaySettings
from gateway.watch import Watch
from ocpi_broker.v1 import (
    admin_service_pb2,
    admin_service_pb2_grpc,
    ocpi_service_pb2_grpc,
    peer_service_pb2,
    peer_service_pb2_grpc,
    reasons_pb2,
    resources_pb2,
    tenant_service_pb2,
    tenant_service_pb2_grpc,
    token_service_pb2,
    token_service_pb2_grpc,
)
from tests.database import Database
from tests.metrics import Metrics
from tests.peer import Platform, Sender, encoded, new_party, platform_running, role
from tests.serving import listener

OUR_PARTY = "NL/LMH/CPO"
OUR_MODULES = (("locations", resources_pb2.INTERFACE_ROLE_SENDER), ("tokens", resources_pb2.INTERFACE_ROLE_RECEIVER))


class _Bearer(grpc.aio.UnaryUnaryClientInterceptor):
    """Shows the service key with every call."""

    def __init__(self, key: str) -> None:
        self._entry = ("authorization", f"Bearer {key}")

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        details = grpc.aio.ClientCallDetails(
            client_call_details.method,
            client_call_details.timeout or 30,
            grpc.aio.Metadata(*(client_call_details.metadata or ()), self._entry),
            client_call_details.credentials,
            client_call_details.wait_for_ready,
        )
        return await continuation(details, request)


@dataclass(frozen=True, slots=True)
class Services:
    """Typed stubs of every service, under one service key (None: without any)."""

    channel: grpc.aio.Channel
    tokens: "token_service_pb2_grpc.TokenServiceAsyncStub"
    peers: "peer_service_pb2_grpc.PeerServiceAsyncStub"
    tenants: "tenant_service_pb2_grpc.TenantServiceAsyncStub"
    ocpi: "ocpi_service_pb2_grpc.OcpiServiceAsyncStub"
    admin: "admin_service_pb2_grpc.AdminServiceAsyncStub"


@asynccontextmanager
async def services(target: str, key: str | None) -> AsyncIterator[Services]:
    """A channel to the broker and the stubs on it."""
    async with grpc.aio.insecure_channel(target, interceptors=[_Bearer(key)] if key else None) as channel:
        yield Services(
            channel,
            token_service_pb2_grpc.TokenServiceStub(channel),  # type: ignore[arg-type]
            peer_service_pb2_grpc.PeerServiceStub(channel),  # type: ignore[arg-type]
            tenant_service_pb2_grpc.TenantServiceStub(channel),  # type: ignore[arg-type]
            ocpi_service_pb2_grpc.OcpiServiceStub(channel),  # type: ignore[arg-type]
            admin_service_pb2_grpc.AdminServiceStub(channel),  # type: ignore[arg-type]
        )


def reason(error: grpc.RpcError) -> str:
    """The one reason of a refusal."""
    return str(error_info(error).reason)


def error_info(error: grpc.RpcError) -> error_details_pb2.ErrorInfo:
    infos = list(_details(error, error_details_pb2.ErrorInfo))
    assert len(infos) == 1, error
    assert infos[0].domain == "ocpi-broker", infos[0]
    assert f"REASON_{infos[0].reason}" in list(reasons_pb2.Reason.keys()), infos[0]
    return infos[0]


def violations(error: grpc.RpcError) -> dict[str, str]:
    """Field paths of an INVALID_ARGUMENT and what is said about them."""
    found = _details(error, error_details_pb2.BadRequest)
    return {violation.field: violation.description for detail in found for violation in detail.field_violations}


def _details(error: grpc.RpcError, kind: Callable[[], Any]) -> Iterable[Any]:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # an AioRpcError has what it reads
    assert status is not None, f"a refusal without details: {error}"
    for packed in status.details:
        detail = kind()
        if packed.Unpack(detail):
            yield detail


def party(text: str, name: str | None = None, logo: str = "") -> resources_pb2.Party:
    """A party from the form DE/KWL/CPO."""
    country_code, party_id, kind = text.split("/")
    image = resources_pb2.Image(url=logo, category="OPERATOR", type="svg") if logo else None
    details = resources_pb2.BusinessDetails(name=name, logo=image) if name else None
    return resources_pb2.Party(
        country_code=country_code,
        party_id=party_id,
        role=resources_pb2.Role.Value(f"ROLE_{kind}"),
        business_details=details,
    )


@dataclass(frozen=True, slots=True)
class Home:
    """One of our tenants, for one test alone."""

    stack: "Deployment"
    tenant: resources_pb2.Tenant

    @property
    def name(self) -> str:
        return self.tenant.name

    @property
    def versions_url(self) -> str:
        return self.tenant.versions_url

    async def invite(
        self,
        *parties: str,
        peer_id: str = "",
        versions_url: str = "",
        expiry: float | None = None,
        request_id: str = "",
    ) -> peer_service_pb2.InvitePeerResponse:
        """An invitation for these parties, or for any if none is said."""
        return await self.stack.peers.InvitePeer(
            peer_service_pb2.InvitePeerRequest(
                parent=self.name,
                peer_id=peer_id,
                terms=resources_pb2.InvitationTerms(
                    parties=[party(text) for text in parties], any_party=not parties, versions_url=versions_url
                ),
                expiry=None
                if expiry is None
                else duration_pb2.Duration(nanos=int(expiry * 1e9) % 10**9, seconds=int(expiry)),
                request_id=request_id,
            )
        )

    async def peer(self, name: str) -> resources_pb2.Peer:
        answer = await self.stack.peers.GetPeer(peer_service_pb2.GetPeerRequest(name=name))
        return answer.peer

    async def held(self, name: str, **more: Any) -> token_service_pb2.GetPeerTokenResponse:
        """What an internal service gets for this peer."""
        return await self.stack.tokens.GetPeerToken(
            token_service_pb2.GetPeerTokenRequest(parent=self.name, peer=name, **more)
        )

    async def verify(
        self, token: str, module: str = "locations", min_revision: int = 0
    ) -> token_service_pb2.VerifyTokenResponse:
        """What an internal service is told about a token that was shown to it."""
        return await self.stack.tokens.VerifyToken(
            token_service_pb2.VerifyTokenRequest(
                parent=self.name, authorization=encoded(token), module=module, min_revision=min_revision
            )
        )


@dataclass(frozen=True, slots=True)
class Guest:
    """A platform, its sender, and the invitation that it got from one of our tenants."""

    platform: Platform
    sender: Sender
    invitation: peer_service_pb2.InvitePeerResponse
    party: str

    @property
    def name(self) -> str:
        return self.invitation.peer.name


@dataclass(frozen=True, slots=True)
class Deployment:
    """A running broker and gateway, seen by an administrator and by the peers of its tenants."""

    http: str
    target: str
    services: Services
    client: httpx.AsyncClient

    @property
    def tokens(self) -> "token_service_pb2_grpc.TokenServiceAsyncStub":
        return self.services.tokens

    @property
    def peers(self) -> "peer_service_pb2_grpc.PeerServiceAsyncStub":
        return self.services.peers

    async def home(
        self,
        *,
        tenant_id: str | None = None,
        versions: Sequence[str] = ("2.2.1",),
        parties: Sequence[str] = (OUR_PARTY,),
        policy: resources_pb2.TenantPolicy | None = None,
        logo: str = "",
    ) -> Home:
        """A new tenant with parties and functional endpoints."""
        name = tenant_id or f"t{uuid.uuid4().hex[:12]}"
        answer = await self.services.tenants.CreateTenant(
            tenant_service_pb2.CreateTenantRequest(
                tenant_id=name,
                tenant=resources_pb2.Tenant(
                    versions=versions,
                    parties=[party(text, "Lumen Hub", logo) for text in parties],
                    endpoints=[
                        resources_pb2.VersionedEndpoint(
                            version=version,
                            endpoint=resources_pb2.Endpoint(
                                module=module, interface_role=kind, url=f"{self.http}/functional/{module}/{kind}"
                            ),
                        )
                        for version in versions
                        for module, kind in OUR_MODULES
                    ],
                    policy=policy,
                ),
            )
        )
        return Home(self, answer.tenant)

    async def offer(self, home: Home, *versions: str) -> None:
        """Let a tenant offer these versions and no other."""
        await self.services.tenants.UpdateTenant(
            tenant_service_pb2.UpdateTenantRequest(
                tenant=resources_pb2.Tenant(name=home.name, versions=versions),
                update_mask=field_mask_pb2.FieldMask(paths=["versions"]),
            )
        )

    async def invite_pattern(self, home: Home, *patterns: str) -> peer_service_pb2.InvitePeerResponse:
        """An invitation for parties that are not named one by one."""
        terms = resources_pb2.InvitationTerms(patterns=patterns)
        return await self.peers.InvitePeer(peer_service_pb2.InvitePeerRequest(parent=home.name, terms=terms))

    @asynccontextmanager
    async def guest(self, home: Home, own: str | None = None, **settings: Any) -> AsyncIterator[Guest]:
        """A platform with one party that is invited to home and knows what it was told, no more."""
        announced = own or new_party()
        invitation = await home.invite(announced)
        async with platform_running(**settings) as platform:
            yield Guest(platform, self.sender(invitation, platform, announced), invitation, announced)

    def sender(self, invitation: peer_service_pb2.InvitePeerResponse, platform: Platform, *parties: str) -> Sender:
        return Sender(
            self.client,
            invitation.versions_url,
            invitation.token,
            platform,
            [role(text) for text in parties],
            form=platform.form,
        )

    def speaking(self, key: str | None) -> AbstractAsyncContextManager[Services]:
        """The services under another service key, or under none."""
        return services(self.target, key)

    async def caller(self, kind: "admin_service_pb2.CallerRole.ValueType", *tenants: str) -> str:
        """The key of a new caller."""
        answer = await self.services.admin.CreateCaller(
            admin_service_pb2.CreateCallerRequest(
                caller_id=f"c{uuid.uuid4().hex[:12]}", caller=admin_service_pb2.Caller(role=kind, tenants=tenants)
            )
        )
        return answer.key


@dataclass(frozen=True, slots=True)
class Stack(Deployment):
    """A deployment in this process. health is the base URL of what is seen from outside."""

    settings: Settings
    gateway: GatewaySettings
    database: Database
    health: str = ""

    async def ready(self) -> tuple[int, dict[str, Any]]:
        answer = await self.client.get(f"{self.health}/readyz")
        return answer.status_code, answer.json()

    async def metrics(self) -> Metrics:
        return Metrics.read((await self.client.get(f"{self.health}/metrics")).text)


def key_of(folder: Path, name: str) -> str:
    """A service key that the first start left in the data folder."""
    return (folder / f"{name}.key").read_text().strip()


@asynccontextmanager
async def attached(ready: Mapping[str, str], folder: Path) -> AsyncIterator[Deployment]:
    """A deployment in another process, from its ready line and its data folder."""
    async with (
        services(ready["grpc"], key_of(folder, "admin")) as admin,
        httpx.AsyncClient(trust_env=False, timeout=60) as client,
    ):
        yield Deployment(f"http://{ready['http'].removeprefix('http://')}", ready["grpc"], admin, client)


@asynccontextmanager
async def running(
    folder: Path,
    database: Database,
    insecure: frozenset[str] = frozenset({"loopback", "private"}),
    budgets: Budgets = BUDGETS,
    **changes: Any,
) -> AsyncIterator[Stack]:
    """Everything up, from an empty folder; down again at the end."""
    http = listener()
    http.listen()
    port = http.getsockname()[1]
    settings = Settings(
        data_dir=folder,
        grpc="127.0.0.1:0",
        public_url=f"http://127.0.0.1:{port}",
        database_url=database.url,
        urls=UrlPolicy(insecure=insecure),
        tls=None,
        **changes,
    )
    await bootstrap.prepare(settings, migrate=True)
    async with AsyncExitStack() as rest:
        broker = await rest.enter_async_context(composition.running(settings, budgets=budgets))
        gateway = GatewaySettings(
            host="127.0.0.1",
            port=port,
            target=broker.grpc,
            service_key=key_of(folder, "gateway"),
            trusted_proxies="127.0.0.1",
        )
        outside, watch = Outside("broker", "gateway"), Watch()
        outside.show("broker", broker.not_ready, broker.metrics)
        outside.show("gateway", watch.not_ready, GatewayMetrics(watch))
        shown = await rest.enter_async_context(opened(Door(Address("127.0.0.1", 0)), outside))
        address = await rest.enter_async_context(server.running(gateway, http, watch))
        admin = await rest.enter_async_context(services(broker.grpc, key_of(folder, "admin")))
        client = await rest.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=60))
        yield Stack(f"http://{address}", broker.grpc, admin, client, settings, gateway, database, f"http://{shown}")
