"""ocpi-broker up, serve and gateway: the commands that run until they are told to stop.

What they run is imported when they run: `token get` must not wait for a database driver to load.
"""
# ruff: noqa: PLC0415  imported when they run, see above

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from broker.cli.connection import DATA_DIR
from broker.cli.failures import CommandError
from broker.cli.options import DatabaseUrl, reader
from broker.core import public_urls
from broker.process.address import Address
from broker.process.door import Door

if TYPE_CHECKING:
    from broker.process import stack

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
INSECURE = {"loopback": frozenset({"loopback"}), "private": frozenset({"loopback", "private"})}

GRPC = Address("127.0.0.1", 50051)
HTTP = Address("127.0.0.1", 8080)
BROKER_HEALTH = Door(Address("127.0.0.1", 9464), usual=True)
GATEWAY_HEALTH = Door(Address("127.0.0.1", 9465), usual=True)


def _insecure_kind(text: str) -> str:
    if text not in INSECURE:
        raise ValueError(f"must be {' or '.join(INSECURE)}")
    return text


def _log_level(text: str) -> str:
    if text.upper() not in LEVELS:
        raise ValueError(f"must be one of {', '.join(LEVELS)}")
    return text.upper()


def _public_url(text: str) -> str:
    wrong = public_urls.flaw(text)
    if wrong:
        raise ValueError(wrong)
    return text


DataDir: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        envvar=DATA_DIR,
        help="Keys, service keys and (with SQLite) the database. Keep a copy.",
    ),
]
Grpc: TypeAlias = Annotated[
    Address,
    typer.Option("--grpc", metavar="HOST:PORT", parser=reader(Address.parse), help="Where internal services call."),
]
Http: TypeAlias = Annotated[
    Address, typer.Option("--http", metavar="HOST:PORT", parser=reader(Address.parse), help="Where peers call.")
]
LogLevel: TypeAlias = Annotated[
    str,
    typer.Option(
        "--log-level",
        metavar="LEVEL",
        parser=reader(_log_level),
        help="DEBUG, INFO, WARNING or ERROR. Logs go to standard error.",
    ),
]
Health: TypeAlias = Annotated[
    Door,
    typer.Option(
        "--health",
        metavar="HOST:PORT|off",
        envvar="OCPI_BROKER_HEALTH",
        parser=reader(Door.parse),
        help="Where /livez, /readyz and /metrics are shown, in plain HTTP and to everybody: never where peers call. "
        "Unless given, a port that is taken is done without.",
    ),
]
MetricsTenants: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--metrics-tenants", envvar="OCPI_BROKER_METRICS_TENANTS", help="Give metrics the ids of tenants as a label."
    ),
]


def up(
    data_dir: DataDir,
    grpc: Grpc = GRPC,
    http: Http = HTTP,
    public_url: Annotated[
        str | None,
        typer.Option(
            "--public-url",
            metavar="URL",
            parser=reader(_public_url),
            help="How peers reach us; without it, http:// and the address of --http.",
        ),
    ] = None,
    database_url: DatabaseUrl = None,
    allow_insecure_peers: Annotated[
        bool,
        typer.Option("--allow-insecure-peers", help="Admit http and private addresses for peers. For trials only."),
    ] = False,
    insecure_peers_in: Annotated[
        str,
        typer.Option(
            "--insecure-peers-in",
            metavar="loopback|private",
            parser=reader(_insecure_kind),
            help="Where --allow-insecure-peers looks for peers: on this machine, or in private networks as well.",
        ),
    ] = "private",
    log_level: LogLevel = "INFO",
    health: Health = BROKER_HEALTH,
    metrics_tenants: MetricsTenants = False,
) -> None:
    """Start broker and gateway on this machine, over one directory that is made on first start.

    Prints one line of JSON when both answer. Stops on SIGTERM or Ctrl-C when open requests are answered.
    """
    insecure = INSECURE[insecure_peers_in] if allow_insecure_peers else frozenset()
    check_addresses(grpc, http, insecure)
    if public_url and not insecure:
        check_safe(public_url)
    from broker.cli import serving
    from broker.process import stack

    if insecure:
        serving.warn(insecure, log_level)
    servers = stack.up(
        data_dir, grpc, http, public_url, database_url,
        insecure=insecure, log_level=log_level, health=health, metrics_tenants=metrics_tenants,
    )  # fmt: skip
    serving.serve(servers, _print_stack)


def serve(
    data_dir: DataDir,
    public_url: Annotated[
        str,
        typer.Option(
            "--public-url",
            metavar="URL",
            parser=reader(_public_url),
            help="How peers reach the gateway from outside: https, without /ocpi.",
        ),
    ],
    grpc: Grpc = GRPC,
    database_url: DatabaseUrl = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option("--tls-cert", metavar="FILE", help="Certificate chain (PEM); needed beyond this machine."),
    ] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="Its private key (PEM).")] = None,
    log_level: LogLevel = "INFO",
    health: Health = BROKER_HEALTH,
    metrics_tenants: MetricsTenants = False,
) -> None:
    """Start one broker, for production. The schema must be current: run `ocpi-broker db upgrade` first."""
    check_safe(public_url)
    if (tls_cert is None) != (tls_key is None):
        raise CommandError("give --tls-cert and --tls-key together", 2)
    if tls_cert is None and not grpc.loopback:
        raise CommandError(f"{grpc} is not on loopback: give --tls-cert and --tls-key", 2)
    from broker.cli import serving
    from broker.config import TlsFiles
    from broker.process import stack

    tls = TlsFiles(tls_cert, tls_key) if tls_cert and tls_key else None
    settings = stack.broker_settings(
        data_dir, grpc, public_url, database_url, tls=tls, log_level=log_level, metrics_tenants=metrics_tenants
    )
    serving.serve(stack.broker_alone(settings, health), _print_broker)


def gateway(
    broker: Annotated[
        str,
        typer.Option(
            "--broker", metavar="HOST:PORT", help="Where the broker answers, or dns:///NAME:PORT for several."
        ),
    ],
    key_file: Annotated[
        Path, typer.Option("--key-file", metavar="FILE", help="Service key of a caller with the role gateway.")
    ],
    http: Http = HTTP,
    ca_file: Annotated[
        Path | None,
        typer.Option(
            "--ca-file", metavar="FILE", help="Authority (PEM) of the broker's certificate; needed beyond this machine."
        ),
    ] = None,
    trusted_proxies: Annotated[
        str,
        typer.Option(
            "--trusted-proxies",
            metavar="ADDRESSES",
            help="Proxies whose X-Forwarded-For is believed, separated by commas.",
        ),
    ] = "",
    log_level: LogLevel = "INFO",
    health: Health = GATEWAY_HEALTH,
) -> None:
    """Start one gateway, for production. It keeps nothing: run as many as you like."""
    from broker.cli import serving
    from broker.process import stack
    from broker.process.listening import listen

    settings = serving.gateway_settings(http, broker, key_file, ca_file, trusted_proxies)
    serving.serve(stack.gateway_alone(settings, listen(http), log_level, health), _print_gateway)


def check_addresses(grpc: Address, http: Address, insecure: frozenset[str]) -> None:
    """What the embedded start may listen on: it has no TLS, and insecure peers are for one machine."""
    if not grpc.loopback:
        raise CommandError(f"--grpc {grpc} is not on loopback; beyond this machine use `ocpi-broker serve` with TLS", 2)
    if insecure and not http.loopback:
        raise CommandError(f"--allow-insecure-peers is for loopback only, and --http {http} is not", 2)


def check_safe(public_url: str) -> None:
    """Peers send their tokens there."""
    if not public_urls.is_safe(public_url):
        raise CommandError(
            f"--public-url {public_url} must be https: tokens of peers would travel in the clear; put a TLS proxy in "
            "front of the gateway and give its URL",
            2,
        )


async def _print_stack(running: "stack.Stack") -> None:
    _print_ready(running.health, grpc=running.grpc, http=running.http, versions_url=running.versions_url)


async def _print_broker(running: "stack.Alone") -> None:
    _print_ready(running.health, grpc=running.address)


async def _print_gateway(running: "stack.Alone") -> None:
    _print_ready(running.health, http=running.address)


def _print_ready(health: str, **where: str) -> None:
    """One line, at once: whoever started us waits for it."""
    if health:
        where["health"] = health
    print(json.dumps({"event": "ready", **where}), flush=True)  # noqa: T201  this line is the command's answer
