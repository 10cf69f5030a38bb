"""python -m broker.cli.demo: what `make run` and `make demo` do.

run is `ocpi-broker up` on the usual ports, with an invitation to try. demo shows registrations in both directions, and
stops.
"""

import asyncio
import itertools
import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from broker.cli import serving
from broker.cli.connection import Broker, connected
from broker.cli.demo.tour import FREE, TENANT
from broker.cli.demo.tour import demo as show
from broker.cli.failures import reporting
from broker.cli.names import id_of
from broker.cli.output import note
from broker.cli.processes import BROKER_HEALTH, GRPC, HTTP, INSECURE
from broker.core.paths import DEFAULT_TENANT
from broker.process import stack
from broker.process.address import Address
from broker.process.listening import listen
from broker.process.not_ready import NotReadyError
from broker.process.stack import Stack
from ocpi_broker.v1.peer_service_pb2 import (
    InvitePeerRequest,
    InvitePeerResponse,
    ListPeersRequest,
    ResetPeerRequest,
    ResetPeerResponse,
)
from ocpi_broker.v1.resources_pb2 import PEER_STATE_INVITED, InvitationTerms

TRIAL = "trial"

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None, add_completion=False)


@app.command()
def run(
    data_dir: Annotated[Path, typer.Option("--data-dir", metavar="DIR", help="Made on first start.")] = Path("var"),
) -> None:
    """Broker and gateway on loopback, with an invitation to try."""
    insecure = INSECURE["loopback"]
    serving.warn(insecure, "INFO")
    grpc, http = _if_free(GRPC, "gRPC"), _if_free(HTTP, "HTTP")
    servers = stack.up(data_dir, grpc, http, insecure=insecure, health=BROKER_HEALTH)

    async def introduce(running: Stack) -> None:
        invitation = await asyncio.to_thread(_ask, data_dir)
        typer.echo(introduction(running, invitation, data_dir))

    serving.serve(servers, introduce)


@app.command()
def demo() -> None:
    """Registrations in both directions and a renewal of tokens: each step is shown, and everything stops."""
    with tempfile.TemporaryDirectory(prefix="ocpi-broker-demo-") as folder:
        serving.run(show(Path(folder) / "data"))


def introduction(running: Stack, invitation: InvitePeerResponse | ResetPeerResponse, data_dir: Path) -> str:
    """What a newcomer reads first."""
    program = shlex.quote(os.path.relpath(Path(sys.executable).with_name("ocpi-broker")))
    options = f"--tenant {DEFAULT_TENANT} --data-dir {shlex.quote(str(data_dir))}"
    peer = id_of(invitation.peer.name)
    return f"""
The broker answers gRPC at {running.grpc}, the gateway HTTP at {running.http}.
{_health(running)}

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


def _health(running: Stack) -> str:
    return f"Health and metrics       http://{running.health}/readyz, …/metrics\n" if running.health else ""


def _if_free(address: Address, what: str) -> Address:
    """The usual port, or any if something else has it."""
    try:
        listen(address).close()
    except NotReadyError:
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


def _ask(data_dir: Path) -> InvitePeerResponse | ResetPeerResponse:
    """Blocks: the servers run in the loop of this process, so it is for another thread."""
    with connected(data_dir) as broker:
        return _invite(broker)


if __name__ == "__main__":
    reporting(app)
