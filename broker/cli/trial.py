"""python -m broker.cli.trial: what `make run` and `make demo` do.

run is `ocpi-broker up` on the usual ports, with an invitation to try. demo lets a second platform register, shows every
step, and stops.
"""

import asyncio
import itertools
import os
import secrets
import shlex
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import httpx
import typer
from google.protobuf.field_mask_pb2 import FieldMask

from broker.cli import notation, stack
from broker.cli.address import Address
from broker.cli.connection import Broker, connected
from broker.cli.demo_platform import NAME, PARTY, DemoPlatform, demo_platform, masked
from broker.cli.failures import CommandError, reporting
from broker.cli.names import id_of, tenant_name
from broker.cli.output import note
from broker.cli.processes import GRPC, HTTP, INSECURE, warn
from broker.cli.stack import Stack
from broker.core.model import Token
from broker.core.paths import DEFAULT_TENANT
from ocpi_broker.v1.peer_service_pb2 import (
    InvitePeerRequest,
    InvitePeerResponse,
    ListPeersRequest,
    ResetPeerRequest,
    ResetPeerResponse,
)
from ocpi_broker.v1.resources_pb2 import PEER_STATE_INVITED, InvitationTerms, Tenant
from ocpi_broker.v1.tenant_service_pb2 import UpdateTenantRequest
from ocpi_broker.v1.token_service_pb2 import GetPeerTokenRequest, GetPeerTokenResponse

TENANT = tenant_name(DEFAULT_TENANT)
TRIAL = "trial"
FREE = Address("127.0.0.1", 0)

Answer = TypeVar("Answer")

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None, add_completion=False)


@app.command()
def run(
    data_dir: Annotated[Path, typer.Option("--data-dir", metavar="DIR", help="Made on first start.")] = Path("var"),
) -> None:
    """Broker and gateway on loopback, with an invitation to try."""
    insecure = INSECURE["loopback"]
    warn(insecure)
    grpc, http = _if_free(GRPC, "gRPC"), _if_free(HTTP, "HTTP")
    servers = stack.up(data_dir, grpc, http, insecure=insecure)

    async def introduce(running: Stack) -> None:
        invitation = await asyncio.to_thread(_ask, data_dir, _invite)
        typer.echo(introduction(running, invitation, data_dir))

    stack.serve(servers, introduce)


@app.command()
def demo() -> None:
    """A second platform registers, each step is shown, and everything stops."""
    with tempfile.TemporaryDirectory(prefix="ocpi-broker-demo-") as folder:
        stack.run(_demo(Path(folder) / "data"))


def introduction(running: Stack, invitation: InvitePeerResponse | ResetPeerResponse, data_dir: Path) -> str:
    """What a newcomer reads first."""
    program = shlex.quote(os.path.relpath(Path(sys.executable).with_name("ocpi-broker")))
    options = f"--tenant {DEFAULT_TENANT} --data-dir {shlex.quote(str(data_dir))}"
    peer = id_of(invitation.peer.name)
    return f"""
The broker answers gRPC at {running.grpc}, the gateway HTTP at {running.http}.

Versions URL for peers   {running.versions_url}

An invitation for a first peer, {peer}, good for any party:
  token                  {invitation.token}
  Authorization          {invitation.authorization}

Ask what we speak, as that peer would, in another terminal:
  curl -H 'Authorization: {invitation.authorization}' {running.versions_url}

Let your platform register with the token and the URL, then look at the peer and fetch its token:
  {program} peer list {options}
  {program} token get --peer {peer} {options}

Say who you are, so that peers are told (the tenant has a placeholder until then):
  {program} tenant update {DEFAULT_TENANT} --party 'NL/LMH/CPO=Lumen Hub' --data-dir {shlex.quote(str(data_dir))}

Ctrl-C stops it.
"""


def _if_free(address: Address, what: str) -> Address:
    """The usual port, or any if something else has it."""
    try:
        stack.listen(address).close()
    except CommandError:
        note(f"{address} is taken: {what} gets a free port instead")
        return FREE
    return address


def _invite(broker: Broker) -> InvitePeerResponse | ResetPeerResponse:
    """Anew at each start: for the peer that did not register at the last one, or else for another."""
    pages = broker.pages(broker.peers.ListPeers, ListPeersRequest(parent=TENANT))
    known = {id_of(peer.name): peer for page in pages for peer in page.peers}
    names = itertools.chain([TRIAL], (f"{TRIAL}-{number}" for number in itertools.count(2)))
    name = next(name for name in names if name not in known or known[name].state == PEER_STATE_INVITED)
    if name in known:
        return broker.ask(broker.peers.ResetPeer, ResetPeerRequest(name=known[name].name))
    request = InvitePeerRequest(parent=TENANT, peer_id=name, terms=InvitationTerms(any_party=True))
    return broker.ask(broker.peers.InvitePeer, request)


async def _demo(data_dir: Path) -> None:
    servers = stack.up(data_dir, FREE, FREE, insecure=INSECURE["loopback"], log_level="WARNING")
    held_by_platform = Token(f"kwl-{secrets.token_hex(16)}")
    async with servers as running, demo_platform(held_by_platform, typer.echo) as platform:
        typer.echo(f"Broker on {running.grpc}, gateway on {running.http}, {NAME} on {platform.root}.\n")
        invitation = await asyncio.to_thread(_ask, data_dir, _introduce_both)
        typer.echo(f"1. Lumen Hub invites {NAME}: token {masked(Token(invitation.token))}, {running.versions_url}\n")
        issued = await _register(platform, invitation)
        typer.echo(f"3. {NAME} uses its new token, so that we know that it arrived")
        await platform.confirm(invitation.versions_url, issued)
        held = await asyncio.to_thread(_ask, data_dir, _fetch)
        typer.echo(
            f"\n4. A billing service asks the broker over gRPC for the token of {notation.party_text(held.parties[0])}"
        )
        typer.echo(f"       token {masked(Token(held.token))} for {held.endpoint_url}")
        if held.token != platform.token.reveal():
            raise CommandError("this is not the token that the platform sent")
        typer.echo(f"       it is the token that {NAME} sent")
    typer.echo("\nDone, and everything is stopped.")


async def _register(platform: DemoPlatform, invitation: InvitePeerResponse) -> Token:
    typer.echo(f"2. {NAME} registers")
    try:
        issued = await platform.register(invitation.versions_url, Token(invitation.token))
    except (ValueError, httpx.HTTPError) as err:
        raise CommandError(f"the registration failed: {err}") from None
    typer.echo("")
    return issued


def _introduce_both(broker: Broker) -> InvitePeerResponse:
    """Our side says who it is and what it serves, and invites the other."""
    ours = Tenant(
        name=TENANT,
        parties=[notation.named_party("NL/LMH/CPO=Lumen Hub")],
        endpoints=[notation.endpoint("2.2.1/locations/SENDER=https://api.lumenhub.example/ocpi/locations")],
    )
    broker.ask(
        broker.tenants.UpdateTenant,
        UpdateTenantRequest(tenant=ours, update_mask=FieldMask(paths=["parties", "endpoints"])),
    )
    terms = InvitationTerms(parties=[notation.party(str(PARTY.key))])
    return broker.ask(broker.peers.InvitePeer, InvitePeerRequest(parent=TENANT, peer_id=NAME.lower(), terms=terms))


def _fetch(broker: Broker) -> GetPeerTokenResponse:
    """As an internal service does: by party."""
    request = GetPeerTokenRequest(parent=TENANT, party=notation.party_key(str(PARTY.key)), module="locations")
    return broker.ask(broker.tokens.GetPeerToken, request)


def _ask(data_dir: Path, question: Callable[[Broker], Answer]) -> Answer:
    """Blocks: the servers run in the loop of this process, so it is for another thread."""
    with connected(data_dir) as broker:
        return question(broker)


if __name__ == "__main__":
    reporting(app)
