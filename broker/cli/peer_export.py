"""ocpi-broker peer export: the connections of a tenant, as a file that peer import reads."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from broker.cli import portable_files
from broker.cli.connection import connected
from broker.cli.failures import CommandError, in_words
from broker.cli.names import tenant_name
from broker.cli.options import DataDir, Json, OfTenant
from broker.cli.output import answer, note
from broker.core.paths import DEFAULT_TENANT
from broker.crypto import secretfiles
from ocpi_broker.v1.peer_service_pb2 import ExportPeersRequest, PortablePeer


def export(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="A new file, for its owner alone; CSV if it ends in .csv. Without it, standard output."
        ),
    ] = None,
    tenant: OfTenant = DEFAULT_TENANT,
    with_tokens: Annotated[
        bool,
        typer.Option("--with-tokens", help="With the tokens of both sides: for administrators, and audited."),
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV, and not JSON lines.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Write the registered peers of a tenant as a file that `peer import` reads. Without tokens unless asked for."""
    request = ExportPeersRequest(parent=tenant_name(tenant), with_tokens=with_tokens)
    if file is not None and file.exists():
        raise CommandError(f"{file} is there already; name a new file", 2)
    with connected(data_dir) as broker:
        peers = [peer for page in broker.pages(broker.peers.ExportPeers, request) for peer in page.peers]
    in_csv = as_csv or (file is not None and file.suffix == ".csv")
    lines = list((portable_files.write_csv if in_csv else portable_files.write)(peers, tenant))
    if file is not None:
        _write(file, lines)
    if as_json:
        answer({"exported": len(peers), "file": str(file)} if file else _shown(peers, tenant), as_json=True)
    elif file is None:
        for line in lines:
            typer.echo(line)
    _remark(peers, with_tokens=with_tokens, readable=file is None and not sys.stdout.isatty())


def _shown(peers: Sequence[PortablePeer], tenant: str) -> dict[str, object]:
    return {"peers": [portable_files.document(peer, tenant) for peer in peers]}


def _write(file: Path, lines: Sequence[str]) -> None:
    try:
        secretfiles.write_new(file, "\n".join(lines))
    except FileExistsError:
        raise CommandError(f"{file} is there already; name a new file", 2) from None
    except OSError as err:
        raise CommandError(f"cannot write {file}: {in_words(err)}") from None


def _remark(peers: Sequence[PortablePeer], *, with_tokens: bool, readable: bool) -> None:
    note(f"{len(peers)} registered peers" + ("" if with_tokens else ", without their tokens"))
    hashed = sum(bool(peer.issued_token_hash) for peer in peers)
    if hashed:
        note(f"issued_token_hash stands for {hashed} issued tokens: use it where the pepper of this key file is known")
    if with_tokens and readable:
        note("these are tokens: name a FILE, which only its owner can read, or see to it that nobody else can")
