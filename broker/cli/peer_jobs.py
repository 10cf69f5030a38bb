"""ocpi-broker peer connect, rotate, switch-version, revoke and unregister: what we ask of a peer as the Sender.

Each begins a job that the broker carries out, and then only looks on: whoever stops looking ends nothing.
"""

from typing import Annotated, Any

import typer
from google.protobuf.duration_pb2 import Duration

from broker.cli import notation, prompts
from broker.cli.job_progress import Watch, carry_out
from broker.cli.names import peer_name, tenant_name
from broker.cli.options import DataDir, Json, NoWait, OfTenant, Patience, PeerId, Yes, reader, request_id
from broker.cli.output import note
from broker.core.model import Token
from broker.core.notices import ENCODED
from broker.core.paths import DEFAULT_TENANT
from broker.ocpi.authorization import is_encoded
from ocpi_broker.v1.peer_service_pb2 import (
    ConnectPeerRequest,
    RevokePeerRequest,
    RotatePeerRequest,
    SwitchPeerVersionRequest,
    UnregisterPeerRequest,
)
from ocpi_broker.v1.resources_pb2 import PEER_STATE_REGISTERED, PEER_STATE_UNREGISTERED

FIVE_MINUTES = Duration(seconds=300)


def connect(
    name: PeerId,
    versions_url: Annotated[
        str, typer.Option("--versions-url", metavar="URL", help="The peer's version list, as it was given to you.")
    ],
    token_stdin: Annotated[
        bool,
        typer.Option("--token-stdin", help="Read its invitation's token (CREDENTIALS_TOKEN_A) from standard input."),
    ] = False,
    tenant: OfTenant = DEFAULT_TENANT,
    version: Annotated[
        str,
        typer.Option(
            "--version", metavar="V", help="OCPI version to use. Without it, the newest that both sides have."
        ),
    ] = "",
    party: Annotated[
        list[Any] | None,
        typer.Option(
            "--party",
            metavar="CC/PID/ROLE",
            parser=reader(notation.expected_party),
            help="A party that the peer may be, for example DE/KWL/EMSP, or a pattern such as 'DE/*/CPO'. "
            "May be repeated. Without it, any; for a peer that is known already, as before.",
        ),
    ] = None,
    any_party: Annotated[
        bool, typer.Option("--any-party", help="Let it be any party that no other peer of the tenant holds.")
    ] = False,
    no_wait: NoWait = False,
    timeout: Patience = FIVE_MINUTES,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Register with a peer that has invited us. Typed again, it goes on with what has not worked.

    The exit code is 0 only when the peer is registered.
    """
    token = prompts.token(token_stdin)
    if is_encoded(Token(token)):
        note(f"warning: {ENCODED}")
    terms = notation.terms(party or [], any_party=any_party, versions_url=None) if party or any_party else None
    request = ConnectPeerRequest(
        parent=tenant_name(tenant),
        peer_id=name,
        versions_url=versions_url,
        token=token,
        version=version,
        terms=terms,
        request_id=request_id(),
    )
    carry_out(
        lambda broker: broker.ask(broker.peers.ConnectPeer, request).peer,
        Watch(peer_name(tenant, name), PEER_STATE_REGISTERED, timeout, no_wait=no_wait, first=True),
        data_dir,
        as_json=as_json,
    )


def rotate(
    name: PeerId,
    tenant: OfTenant = DEFAULT_TENANT,
    no_wait: NoWait = False,
    timeout: Patience = FIVE_MINUTES,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Renew the tokens of both directions by PUT, and tell the peer what has changed of our parties and endpoints."""
    request = RotatePeerRequest(name=peer_name(tenant, name), request_id=request_id())
    carry_out(
        lambda broker: broker.ask(broker.peers.RotatePeer, request).peer,
        Watch(request.name, PEER_STATE_REGISTERED, timeout, no_wait=no_wait),
        data_dir,
        as_json=as_json,
    )


def switch_version(
    name: PeerId,
    version: Annotated[str, typer.Argument(metavar="V", help="OCPI version to go on with, for example 2.2.1.")],
    tenant: OfTenant = DEFAULT_TENANT,
    no_wait: NoWait = False,
    timeout: Patience = FIVE_MINUTES,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Move the connection to another OCPI version by PUT. The tokens are renewed with it."""
    request = SwitchPeerVersionRequest(name=peer_name(tenant, name), version=version, request_id=request_id())
    carry_out(
        lambda broker: broker.ask(broker.peers.SwitchPeerVersion, request).peer,
        Watch(request.name, PEER_STATE_REGISTERED, timeout, no_wait=no_wait),
        data_dir,
        as_json=as_json,
    )


def revoke(
    name: PeerId,
    tenant: OfTenant = DEFAULT_TENANT,
    yes: Yes = False,
    no_wait: NoWait = False,
    timeout: Patience = FIVE_MINUTES,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """After a leak: kill every token issued to the peer now, then exchange new ones by PUT.

    If that PUT fails the peer is locked out, and only `peer reset` lets it in again.
    """
    question = f"Every token issued to {name} of tenant {tenant} dies now; if it takes no new one, it is locked out."
    prompts.confirm(question, yes=yes)
    request = RevokePeerRequest(name=peer_name(tenant, name), request_id=request_id())
    carry_out(
        lambda broker: broker.ask(broker.peers.RevokePeer, request).peer,
        Watch(request.name, PEER_STATE_REGISTERED, timeout, no_wait=no_wait),
        data_dir,
        as_json=as_json,
    )


def unregister(
    name: PeerId,
    tenant: OfTenant = DEFAULT_TENANT,
    force: Annotated[
        bool, typer.Option("--force", help="End it now on our side; the peer is told once, if it can be.")
    ] = False,
    no_wait: NoWait = False,
    timeout: Patience = FIVE_MINUTES,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """End the registration: the peer is told by DELETE, then the tokens of both sides die."""
    request = UnregisterPeerRequest(name=peer_name(tenant, name), force=force, request_id=request_id())
    carry_out(
        lambda broker: broker.ask(broker.peers.UnregisterPeer, request).peer,
        Watch(request.name, PEER_STATE_UNREGISTERED, timeout, no_wait=no_wait),
        data_dir,
        as_json=as_json,
    )
