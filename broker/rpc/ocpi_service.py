"""OcpiService: what external peers cause through the gateway. The order of checks is the decision table's."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeAlias

from grpc.aio import ServicerContext
from structlog.contextvars import bind_contextvars

from broker import threads
from broker.clock import Clock
from broker.contract.parties import announcement_from_pb, credentials_to_pb, endpoint_to_pb
from broker.contract.values import invalid
from broker.core.model import Announcement, Endpoint, InterfaceRole, Style, Tenant, Version
from broker.core.peer import Peer, Rejection, offered, usable
from broker.core.required_modules import CREDENTIALS
from broker.errors import (
    BodyNotJsonError,
    BodyTooLargeError,
    BrokerError,
    CredentialsInvalidError,
    InvalidArgumentError,
    TokenRejectedError,
    VersionNotOfferedError,
)
from broker.exchanges.ourselves import Ourselves
from broker.exchanges.receiver_loop import ReceiverLoop, Request
from broker.limits import FailureLimit
from broker.memory.authenticator import OCPI, Authenticator, Identity
from broker.memory.readmodel import ReadModel
from broker.rpc import call_context
from ocpi_broker.v1 import ocpi_service_pb2 as pb
from ocpi_broker.v1 import ocpi_service_pb2_grpc as rpc
from ocpi_broker.v1 import reasons_pb2

Context: TypeAlias = "ServicerContext[Any, Any]"

_UNREADABLE = {
    reasons_pb2.REASON_BODY_NOT_JSON: BodyNotJsonError,
    reasons_pb2.REASON_BODY_TOO_LARGE: BodyTooLargeError,
    reasons_pb2.REASON_CREDENTIALS_INVALID: CredentialsInvalidError,
}


class OcpiServicer(rpc.OcpiServiceServicer):
    """Recognises the peer, then reads or hands over to the receiver loop."""

    def __init__(
        self,
        model: ReadModel,
        authenticator: Authenticator,
        receiver_loop: ReceiverLoop,
        ourselves: Ourselves,
        failures: FailureLimit,
        clock: Clock,
    ) -> None:
        self._model = model
        self._authenticator = authenticator
        self._receiver_loop = receiver_loop
        self._ourselves = ourselves
        self._failures = failures
        self._clock = clock

    async def ListVersions(self, request: pb.ListVersionsRequest, _context: Context) -> pb.ListVersionsResponse:
        identity, tenant = await self._recognise(request.call)
        urls = self._ourselves.urls(tenant, identity.peer)
        listed = [
            pb.ListVersionsResponse.Version(version=str(version), url=urls.details(version))
            for version in offered(tenant, identity.peer)
        ]
        return pb.ListVersionsResponse(versions=listed)

    async def GetVersionDetails(
        self, request: pb.GetVersionDetailsRequest, _context: Context
    ) -> pb.GetVersionDetailsResponse:
        identity, tenant = await self._recognise(request.call)
        version = _readable(tenant, identity.peer, request.version)
        credentials_url = self._ourselves.urls(tenant, identity.peer).credentials(version)
        endpoints = [Endpoint(CREDENTIALS, InterfaceRole.SENDER, credentials_url)]
        endpoints += [endpoint for listed_in, endpoint in tenant.endpoints if listed_in == version]
        return pb.GetVersionDetailsResponse(version=str(version), endpoints=map(endpoint_to_pb, endpoints))

    async def GetCredentials(self, request: pb.GetCredentialsRequest, _context: Context) -> pb.GetCredentialsResponse:
        """Ours, echoing the presented token; never a new one (GT-01, GT-02)."""
        identity, tenant = await self._recognise(request.call)
        _readable(tenant, identity.peer, request.version)
        ours = self._ourselves.credentials(tenant, identity.peer, identity.text)
        return pb.GetCredentialsResponse(credentials=credentials_to_pb(ours, identity.peer.style))

    async def Register(self, request: pb.RegisterRequest, _context: Context) -> pb.RegisterResponse:
        exchange = await self._request(request.call, request.version)
        body = await threads.run(request.ByteSize(), _body, request)
        ours = await self._receiver_loop.register(exchange, body)
        return pb.RegisterResponse(credentials=credentials_to_pb(ours, _style(exchange, body)))

    async def Update(self, request: pb.UpdateRequest, _context: Context) -> pb.UpdateResponse:
        exchange = await self._request(request.call, request.version, "PUT")
        body = await threads.run(request.ByteSize(), _body, request)
        ours = await self._receiver_loop.update(exchange, body)
        return pb.UpdateResponse(credentials=credentials_to_pb(ours, _style(exchange, body)))

    async def Unregister(self, request: pb.UnregisterRequest, _context: Context) -> pb.UnregisterResponse:
        await self._receiver_loop.unregister(await self._request(request.call, request.version, "DELETE"))
        return pb.UnregisterResponse()

    async def _request(self, call: pb.OcpiCall, version: str, kind: str | None = None) -> Request:
        arrived = self._clock()
        met, _ = await self._recognise(call, kind)
        # Now that it is worth a look at the database: what is committed by now is known, so that whatever another
        # exchange commits later makes this one a duplicate (F5).
        await self._model.catch_up()
        identity, tenant = await self._recognise(call)
        if identity.peer.answered_at != met.peer.answered_at:
            # It was being committed when this request came: its time was taken before, its answer is given after.
            arrived = min(arrived, identity.peer.answered_at)
        ids = call_context.current()
        bind_contextvars(**ids.where)  # for all that is logged from here on, also in tasks that outlast the call
        return Request(
            tenant=tenant,
            identity=identity,
            version=_known(tenant, identity.peer, version),
            arrived=arrived,
            request_id=ids.request_id,
            correlation_id=ids.correlation_id,
            without_ids=call.without_ids,
        )

    async def _recognise(self, call: pb.OcpiCall, kind: str | None = None) -> tuple[Identity, Tenant]:
        """The peer and the tenant addressed; the tenant comes from the token, the path only cross-checks it (F21)."""
        caller = call_context.current().caller
        found = await self._authenticator.identify(
            call.authorization,
            lambda peer: peer.tenant == call.tenant and caller.may_act_for(peer.tenant),
            source=call.source,
            kind=kind,
        )
        tenant = self._model.tenant(call.tenant)
        if isinstance(found, Rejection) or tenant is None:
            refusal = found if isinstance(found, Rejection) else Rejection.UNKNOWN
            self._authenticator.refused.add(OCPI, refusal.value)
            self._failures.count(call.source)
            raise TokenRejectedError
        call_context.current().concerns(found.peer)
        return found, tenant


def _known(tenant: Tenant, peer: Peer, version: str) -> Version:
    """Of the tenant's versions, or the one in use. Whether the peer may register there is the handshake's to say."""
    return _among((*tenant.versions, *usable(tenant, peer)), version)


def _readable(tenant: Tenant, peer: Peer, version: str) -> Version:
    return _among(usable(tenant, peer), version)


def _among(versions: Iterable[Version], wanted: str) -> Version:
    for version in versions:
        if str(version) == wanted:
            return version
    raise VersionNotOfferedError("this OCPI version is not offered here")


def _style(exchange: Request, body: Announcement | BrokerError) -> Style:
    """How to answer: in the shape that the peer has just used."""
    draft = isinstance(body, Announcement) and body.draft
    return replace(exchange.peer.style, draft=draft)


def _body(request: pb.RegisterRequest | pb.UpdateRequest) -> Announcement | BrokerError:
    """What the peer announced, or the refusal that its body would cause."""
    match request.WhichOneof("body"):
        case "announcement":
            try:
                return announcement_from_pb(request.announcement)
            except InvalidArgumentError as err:
                return CredentialsInvalidError(str(err))
        case "unreadable":
            kind = _UNREADABLE.get(request.unreadable.reason)
            if kind is None:
                raise invalid("unreadable.reason", "is not a reason that a body can have")
            return kind(request.unreadable.message)
    raise invalid("body", "is required")
