"""ocpi-broker peer …: the remote platforms that a tenant knows."""

from typing import Annotated

import typer

from broker.cli import documents, notation, peer_export, peer_import, peer_jobs, peer_list, peer_settings
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
    Yes,
    request_id,
)
from broker.cli.output import Document, answer, note
from broker.cli.prompts import confirm
from broker.core.paths import DEFAULT_TENANT
from ocpi_broker.v1.peer_service_pb2 import (
    BlockPeerRequest,
    DeletePeerRequest,
    GetPeerRequest,
    InvitePeerRequest,
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
app.command("list")(peer_list.list_)
app.command()(peer_list.exchanges)


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


@app.command()
def reset(
    name: PeerId,
    tenant: OfTenant = DEFAULT_TENANT,
    expires: Expiry = None,
    yes: Yes = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Revoke every token issued to the peer and invite it anew. The new token is shown this once."""
    confirm(f"Every token issued to {name} of tenant {tenant} dies; it must register anew.", yes=yes)
    request = ResetPeerRequest(name=peer_name(tenant, name), expiry=expires, request_id=request_id())
    with connected(data_dir) as broker:
        invitation = broker.ask(broker.peers.ResetPeer, request)
    _hand_over(documents.invitation(invitation), as_json=as_json)


@app.command()
def block(
    name: PeerId, tenant: OfTenant = DEFAULT_TENANT, yes: Yes = False, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Refuse the peer's tokens, and stop giving out ours, until it is unblocked."""
    confirm(f"Nothing of {name} of tenant {tenant} is let in, and services get no token for it.", yes=yes)
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


@app.command()
def delete(
    name: PeerId, tenant: OfTenant = DEFAULT_TENANT, yes: Yes = False, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Remove a peer that is not registered, with its exchanges. An open invitation of it dies."""
    confirm(f"{name} of tenant {tenant} and the records of its exchanges go for good.", yes=yes)
    request = DeletePeerRequest(name=peer_name(tenant, name), request_id=request_id())
    with connected(data_dir) as broker:
        broker.ask(broker.peers.DeletePeer, request)
    answer({"peer": name, "tenant": tenant, "deleted": True}, as_json=as_json)


def _print_peer(peer: Peer, *, as_json: bool) -> None:
    answer(documents.peer(peer), as_json=as_json)


def _hand_over(invitation: Document, *, as_json: bool) -> None:
    answer(invitation, as_json=as_json)
    note("The token is shown this once. Hand it to the peer over a secure channel, together with versions_url.")
