"""ocpi-broker conformance: hold another platform against the specification, as one of its peers.

What makes the calls is imported when it runs: other commands must not wait for it.
"""
# ruff: noqa: PLC0415  imported when it runs, see above

import asyncio
from typing import Annotated

import typer

from broker.cli import notation, prompts
from broker.cli.failures import CommandError
from broker.cli.names import word
from broker.cli.options import Json, reader
from broker.cli.output import answer
from broker.process.address import Address
from broker.tools.conformance.editions import EDITIONS
from broker.tools.conformance.objects import Party
from ocpi_broker.v1.resources_pb2 import Role
from ocpi_broker.v1.token_service_pb2 import PartyKey

FREE = Address("127.0.0.1", 0)
_PAGE = 120


def _checked_version(text: str) -> str:
    if text not in EDITIONS:
        raise ValueError(f"must be one of {', '.join(EDITIONS)}")
    return text


def _announced(text: str) -> Party:
    key: PartyKey = notation.party_key(text)
    if not key.role:
        raise ValueError(f"must end in a role, for example {text}/EMSP")
    return Party(key.country_code, key.party_id, word(Role, key.role, "ROLE_") or "")


def conformance(
    versions_url: Annotated[
        str, typer.Option("--versions-url", metavar="URL", help="The version list of the platform to be checked.")
    ],
    token_stdin: Annotated[
        bool,
        typer.Option("--token-stdin", help="Read its invitation's token (CREDENTIALS_TOKEN_A) from standard input."),
    ] = False,
    version: Annotated[
        str | None,
        typer.Option(
            "--version",
            metavar="V",
            parser=reader(_checked_version),
            help=f"{', '.join(EDITIONS)}. Without it, the newest that the platform lists.",
        ),
    ] = None,
    party: Annotated[
        Party,
        typer.Option(
            "--party",
            metavar="CC/PID/ROLE",
            parser=reader(_announced),
            help="The party that the checker announces; the invitation has to be for it. DE/OCB/EMSP without it.",
            show_default=False,
        ),
    ] = Party(),  # noqa: B008  a value
    listen: Annotated[
        Address,
        typer.Option(
            "--listen",
            metavar="HOST:PORT",
            parser=reader(Address.parse),
            help="Where the checker's own platform listens: the platform to be checked must be able to call it.",
        ),
    ] = FREE,
    callback_url: Annotated[
        str,
        typer.Option(
            "--callback-url", metavar="URL", help="How that is reached from outside, for example through a proxy."
        ),
    ] = "",
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Let platforms be checked that are not on this machine.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Register with a platform and check everything that OCPI demands of it meanwhile, ending with DELETE.

    The invitation is used up. Whatever deviates is shown with what was sent and what came back; tokens are masked.
    The exit code is 0 only if nothing deviates.
    """
    from broker.cli.conformance_run import check, is_local

    if not allow_remote and not (is_local(versions_url) and listen.loopback):
        raise CommandError("--versions-url and --listen must be on this machine, or give --allow-remote", 2)
    token = prompts.token(token_stdin)
    report = asyncio.run(
        check(versions_url, token, version or "", party, listen, callback_url, allow_remote=allow_remote)
    )
    answer(report.document(), as_json=as_json, text=report.text(), piped_width=_PAGE)
    if report.deviations:
        raise typer.Exit(1)
