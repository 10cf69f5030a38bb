"""ocpi-broker doctor: what an administrator should look at."""

import typer
from rich.console import Group
from rich.text import Text

from broker.cli import documents
from broker.cli.connection import connected
from broker.cli.options import DataDir, Json
from broker.cli.output import answer, fields, table
from ocpi_broker.v1.admin_service_pb2 import GetServerInfoRequest


def doctor(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Have the broker check itself. The exit code is 1 if anything is not as it should be."""
    with connected(data_dir) as broker:
        info = broker.ask(broker.admin.GetServerInfo, GetServerInfoRequest())
    rows = [documents.check(check) for check in info.checks]
    document = documents.server(info)
    facts = {name: value for name, value in document.items() if name != "checks"}
    text = Group(Text(fields(facts)), "", table(rows, ["subject", "ok", "finding"]))
    answer(document, as_json=as_json, text=text)
    if not all(check.ok for check in info.checks):
        raise typer.Exit(1)
