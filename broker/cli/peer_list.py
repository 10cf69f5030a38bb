"""ocpi-broker peer list and exchanges: what there is, as far as somebody wants to see it."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from broker.cli import documents, exchange_documents, notation, peer_table
from broker.cli.connection import connected
from broker.cli.names import peer_name, tenant_name
from broker.cli.options import DataDir, Json, Limit, OfTenant, PeerId, reader
from broker.cli.output import answer, fields, note
from broker.core.paths import DEFAULT_TENANT
from ocpi_broker.v1.peer_service_pb2 import ListExchangesRequest, ListPeersRequest


def list_(
    tenant: OfTenant = DEFAULT_TENANT,
    state: Annotated[
        str | None,
        typer.Option(
            "--state",
            metavar="STATE",
            parser=reader(notation.peer_state),
            help="Only peers in this state: invited, connecting, registered or unregistered.",
        ),
    ] = None,
    by_age: Annotated[
        bool, typer.Option("--by-age", help="Those whose tokens we hold, the oldest tokens first, with their age.")
    ] = False,
    failing: Annotated[
        bool, typer.Option("--failing", help="Only those whose connection is failing, as far as probes tell.")
    ] = False,
    limit: Limit = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the peers of a tenant. `peer show` has all that is known of one of them."""
    request = ListPeersRequest(
        parent=tenant_name(tenant),
        order_by="token_time" if by_age else "",
        state=state,
        failing=failing,
    )
    with connected(data_dir) as broker:
        found, more = broker.first(broker.peers.ListPeers, request, lambda page: page.peers, limit)
    text = peer_table.by_age(found, datetime.now(UTC)) if by_age else peer_table.overview(found)
    answer(
        {"peers": [documents.peer(peer) for peer in found]},
        as_json=as_json,
        text=text if found else "no peers",
        piped_width=peer_table.WIDTH,
    )
    _say_if(more, len(found))


def exchanges(
    name: PeerId,
    tenant: OfTenant = DEFAULT_TENANT,
    limit: Limit = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the exchanges of a peer (POST, PUT, DELETE credentials) with every step, newest first."""
    request = ListExchangesRequest(parent=peer_name(tenant, name))
    with connected(data_dir) as broker:
        found, more = broker.first(broker.peers.ListExchanges, request, lambda page: page.exchanges, limit)
    rows = [exchange_documents.exchange(exchange) for exchange in found]
    text = "\n\n".join(fields(exchange_documents.readable(row)) for row in rows) or "no exchanges"
    answer({"exchanges": rows}, as_json=as_json, text=text)
    _say_if(more, len(found))


def _say_if(more: bool, shown: int) -> None:
    if more:
        note(f"there are more than these {shown}")
