"""What people are asked for while a command runs: secrets, never taken as an argument, and whether it is meant."""

import sys

import typer

from broker.cli.failures import CommandError


def token(from_stdin: bool) -> str:
    """The token of an invitation. Raises CommandError if there is none."""
    if sys.stdin.isatty():
        return str(typer.prompt("Token", hide_input=True, err=True)).strip()
    if not from_stdin:
        raise CommandError("give --token-stdin and the invitation's token on standard input", 2)
    given = sys.stdin.buffer.read().decode("utf-8", "replace").strip()
    if not given or not all("!" <= char <= "~" for char in given):
        raise CommandError("standard input holds no token: it is printable ASCII without blanks", 2)
    return given


def confirm(what: str, *, yes: bool) -> None:
    """Ask a person whether it is meant; a script is not asked. Raises CommandError if it is not."""
    if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    if not typer.confirm(f"{what} Go on?", err=True):
        raise CommandError("nothing was done")


def authorization() -> str:
    """The value of an Authorization header, as somebody sends it."""
    if sys.stdin.isatty():
        return str(typer.prompt("Authorization", hide_input=True, err=True))
    return sys.stdin.buffer.read().decode("utf-8", "replace").rstrip("\r\n")
