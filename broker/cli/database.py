"""ocpi-broker db …: the database's schema.

Works on the database itself: it runs before the first broker of a new release does.
"""
# ruff: noqa: PLC0415  the database driver loads only when it is needed

from pathlib import Path
from typing import Annotated

import typer

from broker.cli.connection import DATA_DIR
from broker.cli.failures import CommandError
from broker.cli.options import DatabaseUrl, Json
from broker.cli.output import answer
from broker.errors import BrokerError

app = typer.Typer(no_args_is_help=True, help="The database's schema.")


@app.callback()
def group() -> None:
    """Keeps `upgrade` a command of its own while it is the only one."""


@app.command()
def upgrade(
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir", metavar="DIR", envvar=DATA_DIR, help="Upgrade the SQLite database in this data directory."
        ),
    ] = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Bring the schema up to date. Does nothing if it is; safe to run while brokers of the release before work."""
    from broker.config import embedded_database

    url = database_url or (embedded_database(data_dir) if data_dir else None)
    if url is None:
        raise CommandError("say which database: --data-dir DIR or --database-url URL", 2)
    from broker.store import schema

    if data_dir is not None:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        before = schema.current(url)
        schema.upgrade(url)
        after = schema.current(url)
    except BrokerError as err:
        raise refused(err) from None
    answer({"schema_revision": after, "before": before, "changed": after != before}, as_json=as_json)


def refused(error: BrokerError) -> CommandError:
    """What a broker that does not start says, and what its database said before: one line."""
    database = getattr(error.__cause__, "orig", None)
    said = str(database).partition("\n")[0] if database else ""
    return CommandError(f"{error}: {said}" if said else str(error))
