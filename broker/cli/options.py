"""Arguments and options that several commands have, said once."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import typer
from google.protobuf.duration_pb2 import Duration

from broker.cli import assumed, notation
from broker.cli.connection import DATA_DIR, KEY_FILE, TARGET

Value = TypeVar("Value")


def reader(read: Callable[[str], Value]) -> Callable[[str], Value]:
    """A reader of notation as Typer wants it: what the reader says is what people see. Defaults come read already."""

    def parse(text: str | Value) -> Value:
        try:
            return read(text) if isinstance(text, str) else text
        except ValueError as err:
            raise typer.BadParameter(str(err)) from None

    return parse


def request_id() -> str:
    """Makes the repetition of a call by the gRPC library harmless."""
    return str(uuid.uuid4())


DataDir: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        envvar=DATA_DIR,
        help=f"Data directory of a broker on this machine. Without it, {TARGET} and {KEY_FILE} say where it is.",
    ),
]
Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON document; messages go to standard error.")
]
TenantId: TypeAlias = Annotated[str, typer.Argument(metavar="ID", help="Id of the tenant.")]
OfTenant: TypeAlias = Annotated[
    str, typer.Option("--tenant", metavar="T", callback=assumed.remember, help="Id of the tenant.")
]
PeerId: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="Id of the peer.")]
Expiry: TypeAlias = Annotated[
    Duration | None,
    typer.Option(
        "--expires",
        metavar="30m|12h|14d",
        parser=reader(notation.period),
        help="How long the token may wait to be used. Without it, as the tenant's policy says.",
    ),
]
ExpectedParties: TypeAlias = Annotated[
    list[Any] | None,
    typer.Option(
        "--party",
        metavar="CC/PID/ROLE",
        parser=reader(notation.expected_party),
        help="A party that may register, for example DE/KWL/EMSP, or a pattern such as 'DE/*/CPO'. May be repeated.",
    ),
]
AnyParty: TypeAlias = Annotated[
    bool, typer.Option("--any-party", help="Let any party register that no other peer of the tenant holds.")
]
ExpectedUrl: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--versions-url", metavar="URL", help="The peer's version list, if known: no other host may register."
    ),
]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")]
Limit: TypeAlias = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="Show at most so many, the first of the list.")
]
NoWait: TypeAlias = Annotated[
    bool, typer.Option("--no-wait", help="Leave as soon as the broker has taken it on: it goes on by itself.")
]
Patience: TypeAlias = Annotated[
    Duration,
    typer.Option(
        "--timeout",
        metavar="30s|5m|1h",
        parser=reader(notation.period),
        help="How long to look on. The job goes on all the same.",
        show_default="5m",
    ),
]
DatabaseUrl: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        metavar="URL",
        envvar="OCPI_BROKER_DATABASE_URL",
        parser=reader(notation.database_url),
        help="postgresql://… or sqlite:///…; without it, broker.db in the data directory. "
        "One that holds a password belongs in the environment.",
    ),
]
