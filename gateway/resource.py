"""One OCPI resource: who asks for what at which tenant, asked of the broker, answered as an envelope.

The path only says which tenant is addressed; whether the token fits is decided by the broker (F21).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from grpc.aio import AioRpcError
from starlette.types import Receive, Scope, Send

from broker.contract.names import tenant_id
from broker.core.model import Version
from broker.core.paths import DEFAULT_TENANT
from broker.errors import NotExpressibleError
from broker.ocpi import DIALECTS
from broker.ocpi.dialect import Dialect
from broker.ocpi.envelope import success
from gateway import answers, refusals, visit
from gateway.answers import Answer
from gateway.upstream import READ_TIMEOUT, Metadata, Upstream
from ocpi_broker.v1.ocpi_service_pb2 import ListVersionsRequest, OcpiCall

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read as far as it goes without its body. version is one of DIALECTS, or empty above all versions."""

    call: OcpiCall
    version: str
    metadata: Metadata
    scope: Scope
    receive: Receive

    @property
    def dialect(self) -> Dialect:
        return DIALECTS[self.version]


Handler = Callable[[Asked], Awaitable[object]]
"""Asks the broker. Returns the data of the envelope, ABSENT for none. Raises AioRpcError if it is refused, or
NotExpressibleError."""


class Resource:
    """An ASGI application for one resource of every tenant: a handler per method, 405 for all other methods."""

    def __init__(self, route: str, handlers: Mapping[str, Handler], upstream: Upstream, clock: Clock) -> None:
        self._route = route
        # RFC 9110: who serves GET serves HEAD. The server leaves the body out.
        self._handlers = {**handlers, "HEAD": handlers["GET"]}
        self._allow = ", ".join(handlers)
        self._upstream = upstream
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await visit.reply(await self._answer(scope, receive), scope, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        tenant = scope["path_params"].get("tenant", DEFAULT_TENANT)
        version = scope["path_params"].get("version", "")
        here = visit.current(scope)
        here.route = self._route
        if not is_tenant(tenant) or (version and not is_version(version)):
            return answers.not_found(self._clock())
        here.tenant = tenant
        if version and version not in DIALECTS:
            return answers.version_not_spoken(self._clock())
        metadata = self._upstream.metadata(here.ids)
        asked = Asked(read_call(scope, tenant, version), version, metadata, scope, receive)
        try:
            return await self._ask(asked)
        except AioRpcError as error:
            answer = refusals.refused(error, self._clock())
            if answer.reason in refusals.NOT_THE_PEERS:
                here.upstream_error = error.code().name
            return answer
        except NotExpressibleError as error:
            return refusals.not_expressible(error, self._clock())

    async def _ask(self, asked: Asked) -> Answer:
        handler = self._handlers.get(asked.scope["method"])
        if handler is None:
            return await self._method_not_allowed(asked)
        data = await handler(asked)
        return Answer(success(data, self._clock()))

    async def _method_not_allowed(self, asked: Asked) -> Answer:
        """Only those who may ask learn which methods there are."""
        await recognised(self._upstream, asked)
        return answers.method_not_allowed(self._allow, self._clock())


async def recognised(upstream: Upstream, asked: Asked) -> None:
    """Raises AioRpcError unless the token is good here. Reading the versions is what every good token may do."""
    await upstream.ocpi.ListVersions(
        ListVersionsRequest(call=asked.call), metadata=asked.metadata, timeout=READ_TIMEOUT
    )


def is_tenant(name: str) -> bool:
    """Whether a segment of a path can be a tenant's id."""
    try:
        tenant_id(name)
    except ValueError:
        return False
    return True


def is_version(text: str) -> bool:
    try:
        Version(text)
    except ValueError:
        return False
    return True


def read_call(scope: Scope, tenant: str, version: str) -> OcpiCall:
    """All Authorization headers, undecoded: what they are worth is the broker's to say (AU-12)."""
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
    client = scope.get("client")
    without_ids = bool(version) and DIALECTS[version].has_message_ids and not visit.current(scope).ids.sent
    return OcpiCall(tenant=tenant, authorization=values, source=client[0] if client else "", without_ids=without_ids)
