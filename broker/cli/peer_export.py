"""ocpi-broker peer export: the connections of a tenant, as a file that peer import reads."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from broker.cli import portable_files
from broker.cli.connection import connected
from broker.cli.failures import CommandError, in_words
from broker.cli.names import tenant_name
from broker.cli.options import DataDir, OfTenant
from broker.cli.output import note
from broker.core.paths import DEFAULT_TENANT
from broker.crypto import secretfiles
from ocpi_broker.v1.peer_service_pb2 import ExportPeersRequest


def export(
    tenant: OfTenant = DEFAULT_TENANT,
    with_tokens: Annotated[
        bool,
        typer.Option("--with-tokens", help="With the tokens of both sides: for administrators, and audited."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Write a new file, for its owner alone, and not to the screen."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV, and not JSON lines.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Write the registered peers of a tenant as a file that `peer import` reads. Without tokens unless asked for."""
    request = ExportPeersRequest(parent=tenant_name(tenant), with_tokens=with_tokens)
    with connected(data_dir) as broker:
        peers = [peer for page in broker.pages(broker.peers.ExportPeers, request) for peer in page.peers]
    lines = (portable_files.write_csv if as_csv else portable_files.write)(peers, tenant)
    _put(lines, output)
    note(f"{len(peers)} registered peers" + ("" if with_tokens else ", without their tokens"))
    hashed = sum(bool(peer.issued_token_hash) for peer in peers)
    if hashed:
        note(
            f"of {hashed} of them the issued token is stored as a keyed hash alone: it is of use where the key "
            "file of this deployment is"
        )


def _put(lines: Iterable[str], output: Path | None) -> None:
    if output is None:
        for line in lines:
            typer.echo(line)
        return
    try:
        secretfiles.write_new(output, "\n".join(lines))
    except FileExistsError:
        raise CommandError(f"{output} is there already; name a new file") from None
    except OSError as err:
        raise CommandError(f"cannot write {output}: {in_words(err)}") from None
