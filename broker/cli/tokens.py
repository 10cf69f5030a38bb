"""ocpi-broker token …: the token to show to a peer, and whose token was shown to us."""

from typing import Annotated

import typer

from broker.cli import documents, notation, prompts
from broker.cli.connection import connected
from broker.cli.failures import CommandError
from broker.cli.names import peer_name, tenant_name
from broker.cli.options import DataDir, Json, OfTenant, reader
from broker.cli.output import answer
from broker.core.paths import DEFAULT_TENANT
from ocpi_broker.v1.token_service_pb2 import GetPeerTokenRequest, PartyKey, VerifyTokenRequest

app = typer.Typer(no_args_is_help=True, help="The token to show to a peer, and whose token was shown to us.")


@app.command()
def get(
    tenant: OfTenant = DEFAULT_TENANT,
    peer: Annotated[str | None, typer.Option("--peer", metavar="NAME", help="Id of the peer.")] = None,
    party: Annotated[
        PartyKey | None,
        typer.Option(
            "--party",
            metavar="CC/PID[/ROLE]",
            parser=reader(notation.party_key),
            help="A party of the peer instead, for example DE/KWL or DE/KWL/EMSP.",
        ),
    ] = None,
    module: Annotated[
        str,
        typer.Option("--module", metavar="MODULE", help="Give the endpoint of this module too, for example locations."),
    ] = "",
    interface: Annotated[
        str | None,
        typer.Option(
            "--interface",
            metavar="SENDER|RECEIVER",
            parser=reader(notation.interface_role),
            help="Which side of the module; needed only if the peer serves both.",
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Give the token that we hold for a peer, ready to be sent. The disclosure is written to the audit log."""
    if (peer is None) == (party is None):
        raise CommandError("give either --peer NAME or --party CC/PID[/ROLE]", 2)
    request = GetPeerTokenRequest(
        parent=tenant_name(tenant),
        peer=peer_name(tenant, peer) if peer is not None else None,
        party=party,
        module=module,
        interface_role=interface,
    )
    with connected(data_dir) as broker:
        held = broker.ask(broker.tokens.GetPeerToken, request)
    answer(documents.held_token(held), as_json=as_json)


@app.command()
def verify(
    tenant: Annotated[
        str | None,
        typer.Option(
            "--tenant", metavar="T", help="The tenant that was addressed. Without it, any that your key may see."
        ),
    ] = None,
    module: Annotated[
        str,
        typer.Option(
            "--module",
            metavar="MODULE",
            help="The module that was addressed. An invitation's token opens credentials and versions only.",
        ),
    ] = "credentials",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Tell whose token it is. Reads an Authorization header's value from standard input, for example 'Token ZX…'.

    A token that is not valid is an answer, too: the exit code is 0.
    """
    request = VerifyTokenRequest(
        authorization=prompts.authorization(), parent=tenant_name(tenant) if tenant is not None else "", module=module
    )
    with connected(data_dir) as broker:
        verdict = broker.ask(broker.tokens.VerifyToken, request)
    answer(documents.verification(verdict), as_json=as_json)
