"""The servers as commands run them: broker and gateway in one event loop, or one of the two alone."""

import asyncio
import fcntl
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from broker import app, bootstrap, logs
from broker.bootstrap import NotReadyError
from broker.cli.address import Address
from broker.cli.connection import read_value
from broker.cli.database import refused
from broker.cli.failures import CommandError, in_words
from broker.cli.signals import until_signalled
from broker.config import Settings, TlsFiles, embedded_database
from broker.core.paths import DEFAULT_TENANT, Urls
from broker.errors import BrokerError
from broker.keys import KeyFileError
from broker.urls import UrlPolicy
from gateway import server as gateway_server
from gateway.config import GatewaySettings

try:
    import uvloop
except ImportError:  # not there on every platform
    _new_loop = None
else:
    _new_loop = uvloop.new_event_loop

Result = TypeVar("Result")
Serving = TypeVar("Serving")


@dataclass(frozen=True, slots=True)
class Stack:
    """A running broker and its gateway: where they listen, and the URL that peers of the default tenant are given."""

    grpc: str
    http: str
    versions_url: str


def broker_settings(
    data_dir: Path,
    grpc: Address,
    public_url: str,
    database_url: str | None = None,
    *,
    insecure: frozenset[str] = frozenset(),
    tls: TlsFiles | None = None,
    log_level: str = "INFO",
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
    )


def gateway_settings(
    http: Address, broker: str, key_file: Path, ca_file: Path | None = None, trusted_proxies: str = ""
) -> GatewaySettings:
    """What the command line says, as the gateway wants it. Raises CommandError."""
    key = read_value(key_file, "it holds the gateway's service key")
    try:
        return GatewaySettings(http.host, http.port, broker, key, ca_file, trusted_proxies)
    except ValueError as err:
        raise CommandError(str(err), 2) from None


def up(
    data_dir: Path,
    grpc: Address,
    http: Address,
    public_url: str | None = None,
    database_url: str | None = None,
    *,
    insecure: frozenset[str] = frozenset(),
    log_level: str = "INFO",
) -> AbstractAsyncContextManager[Stack]:
    """Broker and gateway, ready to be entered. Raises CommandError if the HTTP address is not to be had."""
    # The broker must know how peers reach the gateway before the gateway serves: hence a socket that is bound already.
    listener = listen(http)
    url = public_url or f"http://{address_of(listener).reachable}"
    settings = broker_settings(data_dir, grpc, url, database_url, insecure=insecure, log_level=log_level)
    return embedded(settings, listener)


@asynccontextmanager
async def embedded(settings: Settings, listener: socket.socket) -> AsyncIterator[Stack]:
    """Broker and gateway over one data directory, prepared on first start."""
    async with _broker(settings, migrate=True) as grpc:
        own = gateway_settings(address_of(listener), grpc, settings.gateway_key_file)
        async with gateway_server.running(own, listener) as http:
            yield Stack(grpc, http, Urls(settings.public_url, DEFAULT_TENANT).versions)


@asynccontextmanager
async def broker_alone(settings: Settings) -> AsyncIterator[str]:
    """A broker over a database whose schema is current. Yields its address."""
    async with _broker(settings, migrate=False) as grpc:
        yield grpc


@asynccontextmanager
async def gateway_alone(settings: GatewaySettings, listener: socket.socket, log_level: str) -> AsyncIterator[str]:
    """A gateway for a broker elsewhere. Yields its address."""
    logs.configure(log_level)
    async with gateway_server.running(settings, listener) as http:
        yield http


@asynccontextmanager
async def _broker(settings: Settings, *, migrate: bool) -> AsyncIterator[str]:
    """Its address goes into the data directory, where commands on this machine look for it."""
    logs.configure(settings.log_level)
    with _alone(settings):
        await bootstrap.prepare(settings, migrate=migrate)
        async with app.running(settings) as broker:
            _write_target(settings.data_dir / "target", broker.grpc)
            yield broker.grpc


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One process per SQLite database: two that write and checkpoint at once can damage it. Raises CommandError."""
    if not settings.database_url.startswith("sqlite"):
        yield
        return
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.data_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(f"another broker runs over {settings.data_dir}; stop it first") from None
        yield


def listen(address: Address) -> socket.socket:
    """Bound, so that the port is known, but not served yet. Raises CommandError if the address is not to be had."""
    try:
        return gateway_server.bind(address.host, address.port)
    except OSError as err:
        raise CommandError(f"cannot listen on {address}: {in_words(err)}") from None


def address_of(listener: socket.socket) -> Address:
    """Where it is bound."""
    return Address.parse(gateway_server.bound_to(listener))


def serve(servers: AbstractAsyncContextManager[Serving], ready: Callable[[Serving], Awaitable[None]]) -> None:
    """Run servers until SIGTERM or SIGINT. A second signal does not wait for what is under way."""
    run(until_signalled(servers, ready))


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end in a loop of its own, on uvloop where there is one. Raises CommandError if it cannot start."""
    os.umask(0o077)  # whatever a process of ours writes is its owner's
    try:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            return runner.run(main)
    except BrokerError as err:
        raise refused(err) from None
    except (NotReadyError, KeyFileError) as err:
        raise CommandError(str(err)) from None
    except OSError as err:
        raise CommandError(f"{err.filename}: {in_words(err)}" if err.filename else str(err)) from None


def _write_target(path: Path, target: str) -> None:
    """Whole or not at all, for whoever reads it meanwhile."""
    draft = path.with_suffix(".new")
    draft.write_text(f"{target}\n")
    draft.replace(path)
