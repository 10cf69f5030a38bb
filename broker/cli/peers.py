"""ocpi-broker peer …: the remote platforms that a tenant knows."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from broker.cli import (
    documents,
    exchange_documents,
    notation,
    peer_export,
    peer_import,
    peer_jobs,
    peer_settings,
    peer_table,
)
from broker.cli.connection import connected
from broker.cli.names import peer_name, tenant_name
from broker.cli.options import (
    AnyParty,
    DataDir,
    ExpectedParties,
    ExpectedUrl,
    Expiry,
    Json,
    OfTenant,
    PeerId,
    request_id,
)
from broker.cli.output import Document, answer, answer_list, fields, note
from broker.core.paths import DEFAULT_TENANT
from ocpi_broker.v1.peer_service_pb2 import (
    BlockPeerRequest,
    GetPeerRequest,
    InvitePeerRequest,
    ListExchangesRequest,
    ListPeersRequest,
    ResetPeerRequest,
    UnblockPeerRequest,
)
from ocpi_broker.v1.resources_pb2 import Peer

app = typer.Typer(no_args_is_help=True, help="The remote platforms that a tenant knows.")
app.command()(peer_jobs.connect)
app.command()(peer_jobs.rotate)
app.command()(peer_jobs.switch_version)
app.command()(peer_jobs.revoke)
app.command()(peer_jobs.unregister)
app.command()(peer_settings.update)
app.command()(peer_settings.approve)
app.command("import")(peer_import.import_)
app.command()(peer_export.export)


@app.command()
def invite(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Id of the new peer. Without it, made from its first party.")
    ] = None,
    tenant: OfTenant = DEFAULT_TENANT,
    party: ExpectedParties = None,
    any_party: AnyParty = False,
    expires: Expiry = None,
    versions_url: ExpectedUrl = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Create a peer and the token with which it may register. The token is shown this once."""
    request = InvitePeerRequest(
        parent=tenant_name(tenant),
        peer_id=name or "",
        terms=notation.terms(party or [], any_party=any_party, versions_url=versions_url),
        expiry=expires,
        request_id=request_id(),
    )
    with connected(data_dir) as broker:
        invitation = broker.ask(broker.peers.InvitePeer, request)
    _hand_over(documents.invitation(invitation), as_json=as_json)


@app.command()
def show(name: PeerId, tenant: OfTenant = DEFAULT_TENANT, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show one peer: its state, parties and endpoints. Never a token."""
    with connected(data_dir) as broker:
        found = broker.ask(broker.peers.GetPeer, GetPeerRequest(name=peer_name(tenant, name))).peer
    _print_peer(found, as_json=as_json)


@app.command("list")
def list_(
    tenant: OfTenant = DEFAULT_TENANT,
    by_age: Annotated[
        bool, typer.Option("--by-age", help="Those whose tokens we hold, the oldest tokens first, with their age.")
    ] = False,
    failing: Annotated[
        bool, typer.Option("--failing", help="Only those whose connection is failing, as far as probes tell.")
    ] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the peers of a tenant."""
    order = "token_time" if by_age else ""
    request = ListPeersRequest(parent=tenant_name(tenant), order_by=order, failing=failing)
    with connected(data_dir) as broker:
        found = [peer for page in broker.pages(broker.peers.ListPeers, request) for peer in page.peers]
    rows = [documents.peer(peer) for peer in found]
    if by_age and found:
        answer({"peers": rows}, as_json=as_json, text=peer_table.by_age(found, datetime.now(UTC)))
        return
    columns = ["peer", "state", "blocked", "unconfirmed", "version", "parties", "warnings"]
    answer_list("peers", rows, columns, as_json=as_json)


@app.command()
def exchanges(name: PeerId, tenant: OfTenant = DEFAULT_TENANT, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the exchanges of a peer (POST, PUT, DELETE credentials) with every step, newest first."""
    with connected(data_dir) as broker:
        pages = broker.pages(broker.peers.ListExchanges, ListExchangesRequest(parent=peer_name(tenant, name)))
        rows = [exchange_documents.exchange(exchange) for page in pages for exchange in page.exchanges]
    text = "\n\n".join(fields(row) for row in rows) or "no exchanges"
    answer({"exchanges": rows}, as_json=as_json, text=text)


@app.command()
def reset(
    name: PeerId,
    tenant: OfTenant = DEFAULT_TENANT,
    expires: Expiry = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Revoke every token issued to the peer and invite it anew. The new token is shown this once."""
    request = ResetPeerRequest(name=peer_name(tenant, name), expiry=expires, request_id=request_id())
    with connected(data_dir) as broker:
        invitation = broker.ask(broker.peers.ResetPeer, request)
    _hand_over(documents.invitation(invitation), as_json=as_json)


@app.command()
def block(name: PeerId, tenant: OfTenant = DEFAULT_TENANT, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Refuse the peer's tokens, and stop giving out ours, until it is unblocked."""
    request = BlockPeerRequest(name=peer_name(tenant, name), request_id=request_id())
    with connected(data_dir) as broker:
        changed = broker.ask(broker.peers.BlockPeer, request).peer
    _print_peer(changed, as_json=as_json)


@app.command()
def unblock(name: PeerId, tenant: OfTenant = DEFAULT_TENANT, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Undo block."""
    request = UnblockPeerRequest(name=peer_name(tenant, name), request_id=request_id())
    with connected(data_dir) as broker:
        changed = broker.ask(broker.peers.UnblockPeer, request).peer
    _print_peer(changed, as_json=as_json)


def _print_peer(peer: Peer, *, as_json: bool) -> None:
    answer(documents.peer(peer), as_json=as_json)


def _hand_over(invitation: Document, *, as_json: bool) -> None:
    answer(invitation, as_json=as_json)
    note("The token is shown this once. Hand it to the peer over a secure channel, together with versions_url.")
