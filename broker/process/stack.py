"""The servers as they run: broker and gateway in one process, or one alone; one broker per SQLite database (lock)."""

import fcntl
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from broker import logs
from broker.config import Settings, TlsFiles, embedded_database
from broker.core import public_urls
from broker.core.paths import DEFAULT_TENANT, Urls
from broker.crypto.secretfiles import replace
from broker.outbound.url_policy import UrlPolicy
from broker.process import bootstrap, composition, tls_files
from broker.process.address import Address
from broker.process.directions import AUTHORITY, TARGET
from broker.process.door import CLOSED, Door
from broker.process.gateway_metrics import GatewayMetrics
from broker.process.listening import address_of, listen
from broker.process.not_ready import NotReadyError
from broker.process.outside import Outside, opened
from gateway import introduction
from gateway import server as gateway_server
from gateway.config import GatewaySettings
from gateway.watch import Watch

BROKER: Final = "broker"
GATEWAY: Final = "gateway"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stack:
    """A running broker and its gateway: where they listen, and the URL that peers of the default tenant are given.

    health is where health and metrics are shown; empty if nowhere.
    """

    grpc: str
    http: str
    versions_url: str
    health: str = ""


@dataclass(frozen=True, slots=True)
class Alone:
    """A broker or a gateway that answers at address."""

    address: str
    health: str = ""


def broker_settings(
    data_dir: Path,
    grpc: Address,
    public_url: str,
    database_url: str | None = None,
    *,
    insecure: frozenset[str] = frozenset(),
    tls: TlsFiles | None = None,
    log_level: str = "INFO",
    metrics_tenants: bool = False,
) -> Settings:
    """What the command line says, as the broker wants it."""
    return Settings(
        data_dir=data_dir,
        grpc=str(grpc),
        public_url=public_url.rstrip("/"),
        database_url=database_url or embedded_database(data_dir),
        urls=UrlPolicy(insecure=insecure),
        tls=tls,
        log_level=log_level,
        metrics_tenants=metrics_tenants,
    )


def up(
    data_dir: Path,
    grpc: Address,
    http: Address,
    public_url: str | None = None,
    database_url: str | None = None,
    *,
    insecure: frozenset[str] = frozenset(),
    log_level: str = "INFO",
    health: Door = CLOSED,
    metrics_tenants: bool = False,
) -> AbstractAsyncContextManager[Stack]:
    """Broker and gateway, ready to be entered. Raises NotReadyError if the HTTP address is not to be had."""
    # The broker must know how peers reach the gateway before the gateway serves: hence a socket that is bound already.
    listener = listen(http)
    url = public_url or f"http://{address_of(listener).reachable}"
    settings = broker_settings(
        data_dir, grpc, url, database_url, insecure=insecure, log_level=log_level, metrics_tenants=metrics_tenants
    )
    return embedded(settings, listener, health)


@asynccontextmanager
async def embedded(settings: Settings, listener: socket.socket, health: Door = CLOSED) -> AsyncIterator[Stack]:
    """Broker and gateway over one data directory, prepared on first start."""
    logs.take_over(settings.log_level)
    outside = Outside(BROKER, GATEWAY)
    async with opened(health, outside) as shown, _broker(settings, outside, migrate=True) as grpc:
        http, key = address_of(listener), settings.gateway_key_file.read_text().strip()
        own = GatewaySettings(http.host, http.port, grpc, key, None, "")
        async with _gateway(own, listener, outside) as bound:
            yield Stack(grpc, bound, Urls(settings.public_url, DEFAULT_TENANT).versions, shown)


@asynccontextmanager
async def broker_alone(settings: Settings, health: Door = CLOSED) -> AsyncIterator[Alone]:
    """A broker over a database whose schema is current."""
    logs.take_over(settings.log_level)
    outside = Outside(BROKER)
    async with opened(health, outside) as shown, _broker(settings, outside, migrate=False) as grpc:
        yield Alone(grpc, shown)


@asynccontextmanager
async def gateway_alone(
    settings: GatewaySettings, listener: socket.socket, log_level: str, health: Door = CLOSED
) -> AsyncIterator[Alone]:
    """A gateway for a broker elsewhere. Raises NotReadyError if the broker refuses its key."""
    logs.take_over(log_level)
    if settings.ca_file is not None:
        tls_files.require_authority(settings.ca_file)
    try:
        await introduction.introduce(settings)
    except introduction.RefusedError as err:
        raise NotReadyError(str(err)) from None
    outside = Outside(GATEWAY)
    async with opened(health, outside) as shown, _gateway(settings, listener, outside) as http:
        yield Alone(http, shown)


@asynccontextmanager
async def _gateway(settings: GatewaySettings, listener: socket.socket, outside: Outside) -> AsyncIterator[str]:
    watch = Watch()
    outside.show(GATEWAY, watch.not_ready, GatewayMetrics(watch))
    async with gateway_server.running(settings, listener, watch) as http:
        yield http


@asynccontextmanager
async def _broker(settings: Settings, outside: Outside, *, migrate: bool) -> AsyncIterator[str]:
    """Its address goes into the data directory, where commands on this machine look for it."""
    if not public_urls.is_safe(settings.public_url):
        _log.warning("public_url_not_safe", public_url=settings.public_url)
    if settings.tls is not None:
        # What is wrong with it is said before anything is made or read.
        tls_files.try_out(settings.tls, Address.parse(settings.grpc))
    with _alone(settings):
        await bootstrap.prepare(settings, migrate=migrate)
        async with composition.running(settings) as broker:
            outside.show(BROKER, broker.not_ready, broker.metrics)
            _leave_directions(settings, broker.grpc)
            yield broker.grpc


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One process per SQLite database: two that write and checkpoint at once can damage it. Raises NotReadyError."""
    if not settings.database_url.startswith("sqlite"):
        yield
        return
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.data_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotReadyError(f"another broker runs over {settings.data_dir}; stop it first") from None
        yield


def _leave_directions(settings: Settings, target: str) -> None:
    """For commands on this machine: what they are to trust, and where the broker listens.

    Each file is whole or not there for whoever reads it meanwhile, also if several brokers share the directory.
    """
    authority = settings.data_dir / AUTHORITY
    if settings.tls is None:
        authority.unlink(missing_ok=True)
    else:
        replace(authority, settings.tls.certificate.read_text())
    replace(settings.data_dir / TARGET, target)
