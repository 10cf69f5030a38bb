"""The composition root: puts the parts together, starts them, and stops them in order."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from broker import keys, sealing
from broker.authenticator import Authenticator
from broker.bootstrap import NotReadyError
from broker.clock import Clock
from broker.config import Settings, TlsFiles
from broker.connector import Connector
from broker.core.hosts import is_loopback
from broker.disclosures import Disclosures
from broker.dispatcher import Dispatcher
from broker.highwater import HighWater
from broker.inspection import Inspector
from broker.keys import Keyring
from broker.limits import FailureLimit
from broker.ourselves import Ourselves
from broker.peers import HttpPeers
from broker.readmodel import ReadModel
from broker.registrar import Registrar
from broker.rpc.admin import AdminServicer
from broker.rpc.guard import EXCHANGE_SECONDS, Guard
from broker.rpc.mutations import Mutations
from broker.rpc.ocpi import OcpiServicer
from broker.rpc.pages import Pages
from broker.rpc.peers import PeerServicer
from broker.rpc.permissions import require_rules
from broker.rpc.tenants import TenantServicer
from broker.rpc.tokens import TokenServicer
from broker.settlement import Settlement
from broker.store import engine
from broker.store.transactions import Store
from broker.wire import BUDGETS, Budgets
from ocpi_broker.v1 import (
    admin_service_pb2,
    admin_service_pb2_grpc,
    ocpi_service_pb2,
    ocpi_service_pb2_grpc,
    peer_service_pb2,
    peer_service_pb2_grpc,
    tenant_service_pb2,
    tenant_service_pb2_grpc,
    token_service_pb2,
    token_service_pb2_grpc,
)

_log = structlog.get_logger(__name__)

SERVICES = tuple(
    module.DESCRIPTOR.services_by_name[name]
    for module, name in (
        (token_service_pb2, "TokenService"),
        (peer_service_pb2, "PeerService"),
        (tenant_service_pb2, "TenantService"),
        (ocpi_service_pb2, "OcpiService"),
        (admin_service_pb2, "AdminService"),
    )
)

_GRACE_SECONDS = 10.0
_REPORT_SECONDS = 1.0
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # a second broker on the port must fail, not silently share it
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),
)


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that answers. grpc is the HOST:PORT it is bound to."""

    grpc: str


@asynccontextmanager
async def running(settings: Settings, *, budgets: Budgets = BUDGETS) -> AsyncIterator[Broker]:
    """Run a broker on prepared data until the context is left; then drain and stop. budgets are for calls to peers.

    Raises NotReadyError, KeyFileError or StoreUnavailableError if it cannot start.
    """
    _require_safe_address(settings)
    clock = Clock()
    store = Store(engine.connect(settings.database_url), clock)
    http = HttpPeers(settings.urls, budgets=budgets)
    try:
        keyring = keys.read(settings.key_file)
        model = ReadModel(store, keyring, clock)
        await model.start()
        store.on_change(model.refresh)
        async with _serving(
            _Parts(settings, clock, store, keyring, model, http, Ourselves(settings.public_url))
        ) as broker:
            yield broker
    finally:
        await http.aclose()
        await store.aclose()


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the services are made of."""

    settings: Settings
    clock: Clock
    store: Store
    keyring: Keyring
    model: ReadModel
    http: HttpPeers
    ourselves: Ourselves


@asynccontextmanager
async def _serving(parts: _Parts) -> AsyncIterator[Broker]:
    store, model, keyring, clock, urls = parts.store, parts.model, parts.keyring, parts.clock, parts.settings.urls
    disclosures = Disclosures(store)
    registrar = Registrar(store, model, parts.http, urls, keyring.pepper, clock, parts.ourselves)
    settlement = Settlement(store, model, keyring.pepper, clock)
    connector = Connector(settlement, model, parts.http, urls, clock, parts.ourselves)
    dispatcher = Dispatcher(store, model, connector, clock)
    if store.dialect == "sqlite":
        await registrar.recover()
    high_water = HighWater(parts.settings.high_water_file, model)
    await asyncio.to_thread(high_water.compare)
    guard = Guard(model, keyring.peppers)
    server = grpc.aio.server(interceptors=[guard], options=_OPTIONS)
    _add_services(server, parts, registrar, dispatcher, disclosures)
    readiness = _add_standard_services(server)
    bound = _bind(server, parts.settings)
    await server.start()
    await readiness.set("", health_pb2.HealthCheckResponse.SERVING)
    followers = [asyncio.create_task(endless) for endless in (model.follow(), _report(model, readiness))]
    writing = asyncio.create_task(disclosures.follow())
    dispatching = asyncio.create_task(dispatcher.follow())
    marking = asyncio.create_task(high_water.follow())
    _log.info("broker_started", grpc=bound, database=store.dialect)
    try:
        yield Broker(bound)
    finally:
        await readiness.enter_graceful_shutdown()
        dispatcher.finish()
        await dispatching  # peers call us back while our requests are open
        await server.stop(EXCHANGE_SECONDS if guard.exchanging else _GRACE_SECONDS)
        await registrar.drain()
        await _cancel(followers)
        disclosures.finish()
        await writing
        high_water.finish()
        await marking
        _log.info("broker_stopped")


async def _report(model: ReadModel, readiness: Any) -> None:
    """Say that we do not serve while the database has been away for too long, until cancelled."""
    status = health_pb2.HealthCheckResponse
    while True:
        await asyncio.sleep(_REPORT_SECONDS)
        await readiness.set("", status.SERVING if model.is_fresh else status.NOT_SERVING)


def _add_services(
    server: grpc.aio.Server, parts: _Parts, registrar: Registrar, dispatcher: Dispatcher, disclosures: Disclosures
) -> None:
    store, model, clock, ourselves = parts.store, parts.model, parts.clock, parts.ourselves
    pepper, master = parts.keyring.pepper, parts.keyring.encryption_key
    authenticator = Authenticator(model, store, parts.keyring.peppers, clock)
    mutations, pages = Mutations(store, sealing.own_key(master)), Pages(sealing.own_key(master))
    failures = FailureLimit(asyncio.get_running_loop().time)
    inspector = Inspector(parts.settings, store, model)
    token_service_pb2_grpc.add_TokenServiceServicer_to_server(TokenServicer(model, authenticator, disclosures), server)
    peer_service_pb2_grpc.add_PeerServiceServicer_to_server(
        PeerServicer(store, model, mutations, pages, pepper, parts.settings.urls, clock, ourselves, dispatcher), server
    )
    tenant_service_pb2_grpc.add_TenantServiceServicer_to_server(
        TenantServicer(store, mutations, pages, master, public_url=parts.settings.public_url), server
    )
    ocpi_service_pb2_grpc.add_OcpiServiceServicer_to_server(
        OcpiServicer(model, authenticator, registrar, ourselves, failures, clock), server
    )
    admin_service_pb2_grpc.add_AdminServiceServicer_to_server(
        AdminServicer(store, mutations, pages, pepper, inspector.look), server
    )


def _add_standard_services(server: grpc.aio.Server) -> Any:
    """Health and reflection; and no method without a permission."""
    readiness = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(readiness, server)
    names = [service.full_name for service in SERVICES]
    reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    require_rules(_methods())
    return readiness


def _methods() -> Iterable[str]:
    standard = health_pb2.DESCRIPTOR.services_by_name["Health"]
    for service in (*SERVICES, standard):
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
        raise NotReadyError(f"cannot listen on {settings.grpc}: is something else using port {port}?") from None
    return f"{host}:{bound}"


def _credentials(tls: TlsFiles) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials([(tls.key.read_bytes(), tls.certificate.read_bytes())])


def _require_safe_address(settings: Settings) -> None:
    """Service keys travel in every call: plaintext stays on this machine."""
    host = settings.grpc.rpartition(":")[0]
    if settings.tls is None and not is_loopback(host):
        raise NotReadyError(f"gRPC on {host} needs TLS; give a certificate and a key, or listen on 127.0.0.1")


async def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
