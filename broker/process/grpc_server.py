"""The gRPC server: where it listens, how long it waits for open calls, health and reflection beside our services."""

import asyncio
import errno
from collections.abc import Iterable, Sequence

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from broker.config import Settings, TlsFiles
from broker.core.hosts import is_loopback
from broker.memory.readmodel import ReadModel
from broker.process import tls_files
from broker.process.not_ready import NotReadyError
from broker.rpc.guard import EXCHANGE_SECONDS, Guard
from broker.rpc.permissions import require_rules
from gateway.server import bind

_GRACE_SECONDS = 10.0
_REPORT_SECONDS = 1.0
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # a second broker on the port must fail, not silently share it
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),
)


class GrpcServer:
    """Servicers are added to server before it starts. bound is its HOST:PORT from then on."""

    def __init__(self, settings: Settings, guard: Guard, services: Sequence[ServiceDescriptor]) -> None:
        self.server = grpc.aio.server(interceptors=[guard], options=_OPTIONS)
        self.bound = ""
        self._settings = settings
        self._guard = guard
        self._readiness = health.aio.HealthServicer()
        self._serving = self._leaving = False
        health_pb2_grpc.add_HealthServicer_to_server(self._readiness, self.server)
        names = [service.full_name for service in services]
        reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], self.server)
        require_rules(_methods([*services, health_pb2.DESCRIPTOR.services_by_name["Health"]]))

    async def start(self) -> None:
        """Raises NotReadyError if the address is not to be had."""
        self.bound = _bind(self.server, self._settings)
        await self.server.start()

    async def stop(self) -> None:
        """Peers call us back while exchanges are open: these get all the time that they may take."""
        await self.server.stop(EXCHANGE_SECONDS if self._guard.exchanging else _GRACE_SECONDS)

    async def serving(self) -> None:
        self._serving = True
        await self._readiness.set("", health_pb2.HealthCheckResponse.SERVING)

    async def leaving(self) -> None:
        """From here on health says NOT_SERVING, whatever the loop says."""
        self._leaving = True
        await self._readiness.enter_graceful_shutdown()

    def not_serving(self, model: ReadModel) -> str:
        """Why health says NOT_SERVING, in words; empty while it says SERVING."""
        if self._leaving:
            return "stopping"
        if not self._serving:
            return "starting"
        if not model.is_fresh:
            return f"the database has been away for {model.lag:.0f} seconds, too long to answer from memory"
        return ""

    async def report(self, model: ReadModel) -> None:
        """Say that we do not serve while the database has been away for too long, until cancelled."""
        status = health_pb2.HealthCheckResponse
        while True:
            await asyncio.sleep(_REPORT_SECONDS)
            await self._readiness.set("", status.SERVING if model.is_fresh else status.NOT_SERVING)


def require_safe_address(settings: Settings) -> None:
    """Service keys travel in every call: plaintext stays on this machine. Raises NotReadyError."""
    host = settings.grpc.rpartition(":")[0]
    if settings.tls is None and not is_loopback(host):
        raise NotReadyError(f"gRPC on {host} needs TLS; give a certificate and a key, or listen on 127.0.0.1")


def _methods(services: Iterable[ServiceDescriptor]) -> Iterable[str]:
    for service in services:
        for method in service.methods:
            yield f"/{service.full_name}/{method.name}"


def _bind(server: grpc.aio.Server, settings: Settings) -> str:
    host, _, port = settings.grpc.rpartition(":")
    try:
        if settings.tls is not None:
            bound = server.add_secure_port(settings.grpc, _credentials(settings.tls))
        else:
            bound = server.add_insecure_port(settings.grpc)
    except RuntimeError:
        raise NotReadyError(f"cannot listen on {settings.grpc}: {_cause(host, int(port), settings.tls)}") from None
    return f"{host}:{bound}"


def _credentials(tls: TlsFiles) -> grpc.ServerCredentials:
    chain, key = tls_files.read(tls)
    return grpc.ssl_server_credentials([(key, chain)])


def _cause(host: str, port: int, tls: TlsFiles | None) -> str:
    """Why gRPC could not listen, which it does not say: whether the address is to be had is tried without it."""
    try:
        bind(host, port).close()
    except OSError as err:
        taken = f"; is something else using port {port}?" if err.errno == errno.EADDRINUSE else ""
        return f"{err.strerror or err}{taken}"
    return "the TLS library refuses --tls-cert and --tls-key" if tls else "gRPC does not say why"
