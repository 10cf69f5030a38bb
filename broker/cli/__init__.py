"""ocpi-broker: thin commands over the gRPC API, and the processes that serve it. Imported by nobody."""

from collections.abc import Sequence
from importlib import metadata
from typing import Annotated

import typer

from broker.cli import assumed, callers, database, peers, processes, tenants, tokens
from broker.cli.certificate import certificate
from broker.cli.conformance import conformance
from broker.cli.doctor import doctor
from broker.cli.failures import reporting
from broker.cli.mock_peer import mock_peer

app = typer.Typer(name="ocpi-broker", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command(short_help="Start broker and gateway on this machine.")(processes.up)
app.command(short_help="Start one broker, for production.")(processes.serve)
app.command(short_help="Start one gateway, for production.")(processes.gateway)
app.command(short_help="Have the broker check itself.")(doctor)
app.command(short_help="Make a self-signed certificate for a broker.")(certificate)
app.command(short_help="Check another platform against the specification.")(conformance)
app.command(short_help="Run a platform with faults, to test others.")(mock_peer)
app.add_typer(tenants.app, name="tenant")
app.add_typer(peers.app, name="peer")
app.add_typer(tokens.app, name="token")
app.add_typer(callers.app, name="caller")
app.add_typer(database.app, name="db")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(metadata.version("ocpi-broker"))
        raise typer.Exit


@app.callback()
def program(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """The credentials broker for OCPI: handshakes, tokens and parties of many tenants and their peers.

    `up` starts everything on this machine; the other commands talk to a running broker over gRPC.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """The program. A command that fails says why in one line."""
    assumed.forget()
    reporting(lambda: app(arguments, prog_name="ocpi-broker"))
