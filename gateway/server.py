"""The gateway process: binds, serves until its context is left, answers what is open, closes the channel."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import grpc
import uvicorn

from gateway.app import create_app
from gateway.config import GatewaySettings
from gateway.protocol import EnvelopeProtocol
from gateway.watch import Watch

# Longer than a load balancer keeps idle connections (60 s), so that it is never we who close one under a request.
_KEEP_ALIVE = 75
# An exchange may take 40 s, and then its answer with the new token must still go out.
_DRAIN = 45
_BACKLOG = 2048
_POLL = 0.005

_READS = [
    {"service": "ocpi_broker.v1.OcpiService", "method": method}
    for method in ("ListVersions", "GetVersionDetails", "GetCredentials")
]

# Reads are repeated while brokers restart; exchanges never (TR-18).
_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": _READS,
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.5s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}

_CHANNEL_OPTIONS = (
    ("grpc.enable_http_proxy", 0),  # service keys go to the broker, never through a proxy from the environment
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.dns_min_time_between_resolutions_ms", 2_000),
)


class _Server(uvicorn.Server):
    """Signals belong to the program, which may run more than this server."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def running(
    settings: GatewaySettings, listener: socket.socket | None = None, watch: Watch | None = None
) -> AsyncIterator[str]:
    """Serves within the context. Yields the address it is bound to as host:port. Raises OSError if it is taken.

    A listener that is bound already serves instead of the host and port of the settings. watch is told what happens.
    """
    listener, watch = listener or bind(settings.host, settings.port), watch or Watch()
    channel = connect(settings)
    try:
        async with serving(_uvicorn_config(settings, channel, watch), listener) as address:
            watch.begins(channel)
            try:
                yield address
            finally:
                watch.ends()
    finally:
        await channel.close()


@asynccontextmanager
async def serving(config: uvicorn.Config, listener: socket.socket) -> AsyncIterator[str]:
    """Any application as part of the running program: it begins and ends with the context."""
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await _started(server, task)
        yield bound_to(listener)
    finally:
        server.should_exit = True
        await task


async def _started(server: _Server, serving: "asyncio.Task[None]") -> None:
    while not server.started:
        if serving.done():
            serving.result()
            raise RuntimeError("the HTTP server ended before it had started")
        await asyncio.sleep(_POLL)


def bind(host: str, port: int) -> socket.socket:
    """A socket that serves nothing yet; port 0 takes a free one. Raises OSError if the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only where it is; without it answers wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def bound_to(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def connect(settings: GatewaySettings) -> grpc.aio.Channel:
    """To the broker. Raises OSError if the CA file cannot be read."""
    if settings.ca_file is None:
        return grpc.aio.insecure_channel(settings.target, options=_CHANNEL_OPTIONS)
    trust = grpc.ssl_channel_credentials(root_certificates=settings.ca_file.read_bytes())
    return grpc.aio.secure_channel(settings.target, trust, options=_CHANNEL_OPTIONS)


def _uvicorn_config(settings: GatewaySettings, channel: grpc.aio.Channel, watch: Watch) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(channel, settings.service_key, watch=watch),
        http=EnvelopeProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_DRAIN,
        backlog=_BACKLOG,
    )
