"""ocpi-broker caller …: the internal services that may call the broker."""

from typing import Annotated

import typer

from broker.cli import documents, notation
from broker.cli.connection import connected
from broker.cli.names import caller_name, tenant_name
from broker.cli.options import DataDir, Json, reader, request_id
from broker.cli.output import Document, answer, answer_list, note
from ocpi_broker.v1.admin_service_pb2 import (
    CALLER_ROLE_GATEWAY,
    Caller,
    CreateCallerRequest,
    ListCallersRequest,
    RevokeCallerRequest,
)

app = typer.Typer(no_args_is_help=True, help="The internal services that may call the broker.")

EVERY_TENANT = "-"

CallerId = Annotated[str, typer.Argument(metavar="NAME", help="Id of the caller.")]


@app.command()
def create(
    name: CallerId,
    role: Annotated[
        str,
        typer.Option(
            "--role",
            metavar="ROLE",
            parser=reader(notation.caller_role),
            help="reader (tokens), operator (peers and tenants), gateway (OCPI), auditor (the audit log) or admin.",
        ),
    ],
    tenant: Annotated[
        list[str] | None,
        typer.Option("--tenant", metavar="T", help="A tenant that it may act for. May be repeated."),
    ] = None,
    all_tenants: Annotated[
        bool, typer.Option("--all-tenants", help="Let it act for every tenant, also later ones.")
    ] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Create a caller and its service key. The key is shown this once."""
    granted = [EVERY_TENANT] if all_tenants else tenant or []
    wanted = Caller(role=role, tenants=map(tenant_name, granted))
    request = CreateCallerRequest(caller_id=name, caller=wanted, request_id=request_id())
    with connected(data_dir) as broker:
        created = broker.ask(broker.admin.CreateCaller, request)
    answer(documents.new_caller(created), as_json=as_json)
    note("The key is shown this once. Keep it in a file that only the service can read.")


@app.command("list")
def list_(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the callers."""
    with connected(data_dir) as broker:
        pages = broker.pages(broker.admin.ListCallers, ListCallersRequest())
        rows = [documents.caller(caller) for page in pages for caller in page.callers]
    columns = ["caller", "role", "tenants", "create_time", "revoke_time"]
    answer_list("callers", rows if as_json else [_readable(row) for row in rows], columns, as_json=as_json)


@app.command()
def revoke(name: CallerId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Revoke a caller's key at once."""
    request = RevokeCallerRequest(name=caller_name(name), request_id=request_id())
    with connected(data_dir) as broker:
        revoked = broker.ask(broker.admin.RevokeCaller, request).caller
    if revoked.role == CALLER_ROLE_GATEWAY:
        note("Gateways with this key answer 503 from now on. Give them a new one; one that `up` made itself is made")
        note("anew by the next start once the file gateway.key is removed.")
    document = documents.caller(revoked)
    answer(document if as_json else _readable(document), as_json=as_json)


def _readable(row: Document) -> Document:
    """For people: every tenant and none of them are not both a dash."""
    match row["tenants"]:
        case [only] if only == EVERY_TENANT:
            return {**row, "tenants": "all tenants"}
        case []:
            return {**row, "tenants": "none"}
        case _:
            return row
