"""What `make demo` shows: a platform registers with us, we register with another one, and we renew the tokens."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import httpx
import typer
from google.protobuf.field_mask_pb2 import FieldMask

from broker.cli import notation
from broker.cli.connection import Broker, connected
from broker.cli.demo.partners import Kabelwerk, Windrose, new_token
from broker.cli.demo.platform import OURS, DemoPlatform, masked, running
from broker.cli.failures import CommandError
from broker.cli.following import failure
from broker.cli.names import id_of, peer_name, tenant_name
from broker.cli.processes import INSECURE
from broker.core.model import Token
from broker.core.paths import DEFAULT_TENANT
from broker.process import stack
from broker.process.address import Address
from ocpi_broker.v1.peer_service_pb2 import ConnectPeerRequest, InvitePeerRequest, InvitePeerResponse, RotatePeerRequest
from ocpi_broker.v1.resources_pb2 import PEER_STATE_REGISTERED, InvitationTerms, Peer, Tenant
from ocpi_broker.v1.tenant_service_pb2 import UpdateTenantRequest
from ocpi_broker.v1.token_service_pb2 import GetPeerTokenRequest, GetPeerTokenResponse

TENANT = tenant_name(DEFAULT_TENANT)
FREE = Address("127.0.0.1", 0)

Answer = TypeVar("Answer")


async def demo(data_dir: Path) -> None:
    """Shows everything. Raises CommandError when anything is not as it is told."""
    servers = stack.up(data_dir, FREE, FREE, insecure=INSECURE["loopback"], log_level="WARNING")
    tell = typer.echo
    async with (
        servers as ours,
        running(Kabelwerk, new_token("kwl"), tell) as kabelwerk,
        running(Windrose, new_token("win"), tell) as windrose,
    ):
        tell(f"Broker on {ours.grpc}, gateway on {ours.http},")
        tell(f"{kabelwerk.name} on {kabelwerk.root}, {windrose.name} on {windrose.root}.\n")
        try:
            await _registered(kabelwerk, data_dir)
            await _connected(windrose, data_dir)
            await _rotated(windrose, ours.versions_url, data_dir)
        except (ValueError, httpx.HTTPError) as err:
            raise CommandError(f"the demo failed: {err}") from None
    tell("\nDone, and everything is stopped.")


async def _registered(platform: Kabelwerk, data_dir: Path) -> None:
    invitation = await _ask(data_dir, _introduce_both)
    token = Token(invitation.token)
    typer.echo(f"1. {OURS} invites {platform.name}: token {masked(token)}, {invitation.versions_url}\n")
    typer.echo(f"2. {platform.name} registers")
    issued = await platform.register(invitation.versions_url, token)
    typer.echo(f"\n3. {platform.name} uses its new token, so that we know that it arrived")
    await platform.confirm(invitation.versions_url, issued)
    held = await _ask(data_dir, lambda broker: _fetch(broker, platform))
    typer.echo(
        f"\n4. A billing service asks the broker over gRPC for the token of {notation.party_text(held.parties[0])}"
    )
    typer.echo(f"       token {masked(Token(held.token))} for {held.endpoint_url}")
    if held.token != platform.token.reveal():
        raise CommandError("this is not the token that the platform sent")
    typer.echo(f"       it is the token that {platform.name} sent\n")


async def _connected(platform: Windrose, data_dir: Path) -> None:
    typer.echo(f"5. {platform.name} invites {OURS}: token {masked(platform.token)}, {platform.versions_url}\n")
    typer.echo(f"6. {OURS} registers: the broker is told the token and the URL, and does the rest")
    _check(await _ask(data_dir, lambda broker: _connect(broker, platform)))
    typer.echo("")


async def _rotated(platform: Windrose, versions_url: str, data_dir: Path) -> None:
    typer.echo(f"7. {OURS} renews the tokens of both directions")
    shown, issued = platform.token, platform.held
    _check(await _ask(data_dir, lambda broker: _rotate(broker, platform)))
    held = Token((await _ask(data_dir, lambda broker: _fetch(broker, platform))).token)
    if issued is None or platform.held is None or held != platform.token or held == shown or platform.held == issued:
        raise CommandError("the tokens are not those that were exchanged")
    typer.echo(f"       {OURS} shows {platform.name}  {masked(shown)} before, {masked(held)} now")
    typer.echo(f"       {platform.name} shows {OURS}  {masked(issued)} before, {masked(platform.held)} now\n")
    typer.echo(f"8. {platform.name} uses its new token, and then the one before")
    said = [await platform.shows(versions_url, token) for token in (platform.held, issued)]
    if said != [HTTPStatus.OK, HTTPStatus.UNAUTHORIZED]:
        raise CommandError("the new token must work, and the one before must not")


def _introduce_both(broker: Broker) -> InvitePeerResponse:
    """Our side says who it is and what it serves, and invites the other."""
    ours = Tenant(
        name=TENANT,
        parties=[notation.named_party(f"NL/LMH/CPO={OURS}")],
        endpoints=[notation.endpoint("2.2.1/locations/SENDER=https://api.lumenhub.example/ocpi/locations")],
    )
    broker.ask(
        broker.tenants.UpdateTenant,
        UpdateTenantRequest(tenant=ours, update_mask=FieldMask(paths=["parties", "endpoints"])),
    )
    return broker.ask(
        broker.peers.InvitePeer,
        InvitePeerRequest(parent=TENANT, peer_id=_peer_id(Kabelwerk), terms=_terms(Kabelwerk)),
    )


def _connect(broker: Broker, platform: Windrose) -> Peer:
    request = ConnectPeerRequest(
        parent=TENANT,
        peer_id=_peer_id(platform),
        versions_url=platform.versions_url,
        token=platform.token.reveal(),
        terms=_terms(platform),
        wait=True,
    )
    return broker.ask(broker.peers.ConnectPeer, request).peer


def _rotate(broker: Broker, platform: Windrose) -> Peer:
    request = RotatePeerRequest(name=peer_name(DEFAULT_TENANT, _peer_id(platform)), wait=True)
    return broker.ask(broker.peers.RotatePeer, request).peer


def _check(peer: Peer) -> None:
    why_not = failure(peer, PEER_STATE_REGISTERED, datetime.now(UTC))
    if why_not:
        raise CommandError(why_not)
    typer.echo(f"       {id_of(peer.name)} is registered with OCPI {peer.version}")


def _fetch(broker: Broker, platform: DemoPlatform) -> GetPeerTokenResponse:
    """As an internal service does: by party."""
    request = GetPeerTokenRequest(parent=TENANT, party=notation.party_key(str(platform.party.key)), module="locations")
    return broker.ask(broker.tokens.GetPeerToken, request)


def _peer_id(platform: DemoPlatform | type[DemoPlatform]) -> str:
    return platform.party.details.name.lower()


def _terms(platform: DemoPlatform | type[DemoPlatform]) -> InvitationTerms:
    return InvitationTerms(parties=[notation.party(str(platform.party.key))])


async def _ask(data_dir: Path, question: Callable[[Broker], Answer]) -> Answer:
    """In another thread: the servers run in the loop of this process."""
    return await asyncio.to_thread(_asked, data_dir, question)


def _asked(data_dir: Path, question: Callable[[Broker], Answer]) -> Answer:
    with connected(data_dir) as broker:
        return question(broker)
