"""The gateway as an ASGI application: OCPI over HTTP in front, one gRPC channel behind. It keeps no state."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from grpc.aio import Channel
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import visit
from gateway.answers import not_found
from gateway.credentials import Credentials
from gateway.layers import EchoedIds, Journal, LastResort, Slashless
from gateway.resource import Handler, Resource
from gateway.upstream import Upstream
from gateway.versions import Versions
from gateway.watch import Watch

# Room for 20,000 roles (F23), and less than a gRPC message may have: what a body says is shorter there.
BODY_LIMIT = 4 << 20

# The default tenant's first: a first segment that is a version or a module never is a tenant.
PREFIXES = ("/ocpi", "/ocpi/{tenant}")


def utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(
    channel: Channel,
    service_key: str,
    *,
    body_limit: int = BODY_LIMIT,
    clock: Callable[[], datetime] = utc_now,
    watch: Watch | None = None,
) -> ASGIApp:
    upstream = Upstream(channel, service_key)

    async def no_such_path(scope: Scope, _receive: Receive, send: Send) -> None:
        await visit.reply(not_found(clock()), scope, send)

    router = Router(_routes(upstream, body_limit, clock), redirect_slashes=False, default=no_such_path)
    return EchoedIds(Journal(LastResort(Slashless(router), clock), watch or Watch()), uuid4)


def resources(upstream: Upstream, body_limit: int) -> dict[str, dict[str, Handler]]:
    """What there is below each of PREFIXES, with a handler per method."""
    versions = Versions(upstream)
    credentials = Credentials(upstream, body_limit)
    return {
        "/versions": {"GET": versions.list},
        "/{version}/credentials": {
            "GET": credentials.get,
            "POST": credentials.register,
            "PUT": credentials.update,
            "DELETE": credentials.unregister,
        },
        "/{version}": {"GET": versions.details},
    }


def _routes(upstream: Upstream, body_limit: int, clock: Callable[[], datetime]) -> list[Route]:
    offered = resources(upstream, body_limit)
    served = {path: Resource(path, handlers, upstream, clock) for path, handlers in offered.items()}
    return [Route(prefix + path, resource) for prefix in PREFIXES for path, resource in served.items()]
