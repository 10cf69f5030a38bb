"""ocpi-broker mock-peer: a platform for others to register with, which misbehaves as it is told.

What serves and calls is imported when it runs: other commands must not wait for it.
"""
# ruff: noqa: PLC0415  imported when it runs, see above

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broker.cli.failures import CommandError, in_words
from broker.cli.options import reader
from broker.cli.output import answer_list
from broker.core.model import HeaderForm
from broker.process.address import Address
from broker.tools.mock_peer.faults import CATALOGUE, parse

if TYPE_CHECKING:
    from broker.tools.mock_peer.console import Console

FREE = Address("127.0.0.1", 0)
_STDIN = 0
_CHUNK = 4096


def fault_rows() -> list[dict[str, object]]:
    """The catalogue as people read it."""
    return [{"fault": kind.form, "strikes at": kind.where, "what it does": kind.meaning} for kind in CATALOGUE.values()]


def _list_faults(wanted: bool) -> None:
    if wanted:
        answer_list("faults", fault_rows(), ("fault", "strikes at", "what it does"), as_json=False)
        raise typer.Exit


def _form(text: str) -> HeaderForm:
    try:
        return HeaderForm(text)
    except ValueError:
        raise ValueError(f"must be {' or '.join(form.value for form in HeaderForm)}") from None


def mock_peer(
    listen: Annotated[
        Address, typer.Option("--listen", metavar="HOST:PORT", parser=reader(Address.parse), help="Where it listens.")
    ] = FREE,
    public_url: Annotated[
        str, typer.Option("--public-url", metavar="URL", help="How that is reached from outside, without /ocpi.")
    ] = "",
    version: Annotated[
        list[str] | None,
        typer.Option("--version", metavar="V", help="A version that it offers; 2.2.1 without it. May be repeated."),
    ] = None,
    party: Annotated[
        list[str] | None,
        typer.Option(
            "--party",
            metavar="CC/PID/ROLE=NAME",
            help="Who it is; 'DE/KWL/CPO=Kabelwerk' without it. May be repeated from version 2.2 on.",
        ),
    ] = None,
    partner: Annotated[
        list[str] | None,
        typer.Option(
            "--partner",
            metavar="CC/PID/ROLE",
            help="Who may register with it, such as 'NL/LMH/EMSP' or 'DE/*/EMSP'; anybody without it. May be repeated.",
        ),
    ] = None,
    module: Annotated[
        list[str] | None,
        typer.Option(
            "--module",
            metavar="NAME/SENDER|RECEIVER",
            help="A module that it lists beside credentials; a CPO's usual ones without it. May be repeated.",
        ),
    ] = None,
    fault: Annotated[
        list[Any] | None,
        typer.Option(
            "--fault",
            metavar="TEXT",
            parser=reader(parse),
            help="A fault, name[:argument][@WHERE][*TIMES], for example drop-answer@POST*1. May be repeated.",
        ),
    ] = None,
    _faults: Annotated[
        bool, typer.Option("--list-faults", is_eager=True, callback=_list_faults, help="Show all faults and exit.")
    ] = False,
    lenient: Annotated[
        bool,
        typer.Option("--lenient", help="Let replaced tokens live until the new one is used, so that retries succeed."),
    ] = False,
    header: Annotated[
        HeaderForm | None,
        typer.Option(
            "--header",
            metavar="raw|base64",
            parser=reader(_form),
            help="The one form in which it takes tokens in the header; both without it.",
        ),
    ] = None,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Let it listen and call beyond this machine.")
    ] = False,
) -> None:
    """Run an OCPI platform that others can register with, and that can register with them, to test them.

    The first line that it prints is JSON with its version list and a token (CREDENTIALS_TOKEN_A) to register with. A
    line of JSON follows for everything that happens. It stops on SIGTERM or Ctrl-C.

    It obeys lines on standard input: register VERSIONS_URL TOKEN [VERSION], rotate [VERSION], unregister, fault TEXT,
    no-fault [NAME], invite, give VERSIONS_URL TOKEN, state.
    """
    if not (allow_remote or listen.loopback):
        raise CommandError("--listen must be on this machine, or give --allow-remote", 2)
    from broker.process.signals import until_signalled
    from broker.tools.mock_peer.platform import MODULES, PARTY, VERSION

    settings: dict[str, Any] = {
        "versions": version or (VERSION,),
        "parties": party or (PARTY,),
        "partners": partner or (),
        "modules": module or MODULES,
        "faults": fault or (),
        "lenient": lenient,
        "accepts": [header] if header else HeaderForm,
        "public_url": public_url,
        "local": not allow_remote,
    }
    asyncio.run(until_signalled(_led(listen, settings), _ready))


async def _ready(console: "Console") -> None:
    console.ready()


@asynccontextmanager
async def _led(listen: Address, settings: dict[str, Any]) -> AsyncIterator["Console"]:
    """A mock peer that obeys standard input. Raises CommandError if it cannot be as it was told."""
    from broker.tools.mock_peer import http_server
    from broker.tools.mock_peer.console import Console
    from broker.tools.mock_peer.platform import mock_peer as running

    try:
        listener = http_server.bind(listen.host, listen.port)
    except OSError as err:
        raise CommandError(f"cannot listen on {listen}: {in_words(err)}") from None
    async with AsyncExitStack() as rest:
        try:
            peer = await rest.enter_async_context(running(listener=listener, **settings))
        except ValueError as err:
            raise CommandError(str(err), 2) from None
        console = Console(peer, _print)
        obeying = asyncio.create_task(_obey(console))
        rest.callback(obeying.cancel)
        yield console


async def _obey(console: "Console") -> None:
    """Line by line; after the last one it goes on serving."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def hand_over(found: Sequence[str]) -> None:
        for line in found:
            lines.put_nowait(line)

    # A thread, as standard input may be a file, which no event loop can wait for. It dies with the program.
    threading.Thread(target=_read_lines, args=(loop, hand_over), daemon=True).start()
    await console.begun.wait()
    while True:
        line = await lines.get()
        if line.strip():
            await console.obey(line)


def _read_lines(loop: asyncio.AbstractEventLoop, hand_over: Any) -> None:
    rest = b""
    while chunk := os.read(_STDIN, _CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(hand_over, [line.decode("utf-8", "replace") for line in whole])
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(hand_over, [rest.decode("utf-8", "replace")])


def _print(line: str) -> None:
    with suppress(BrokenPipeError):  # whoever read it has gone; whoever calls has not
        typer.echo(line)
