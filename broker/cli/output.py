"""What a command prints: with --json exactly one document on standard output, else text for people.

Whatever is not the answer goes to standard error. Peers choose names and messages, so control characters are spelled
out: nothing that a peer wrote can move the cursor or hide a line.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from broker.cli import assumed

Document: TypeAlias = Mapping[str, object]

_ANY_WIDTH = 10_000
_NOTHING = "-"


class Verbatim(dict[str, object]):
    """A mapping whose names are what people type, so that they are shown as they are."""


def answer(
    document: Document, *, as_json: bool, text: RenderableType | None = None, piped_width: int = _ANY_WIDTH
) -> None:
    """Print what was asked for. text is what people see; when absent, one line for each field.

    Piped, a line is as long as it needs to be: whoever cuts or searches it wants it whole. piped_width is for what is
    rather read than searched. A tenant that was only assumed is named, unless the document does so.
    """
    if as_json:
        typer.echo(json.dumps(document, indent=2))
    elif text is None or isinstance(text, str):
        typer.echo(fields(document) if text is None else text)
    else:
        Console(width=None if sys.stdout.isatty() else piped_width, highlight=False).print(text)
    remark = assumed.in_words()
    if remark and not as_json and "tenant" not in document:
        note(remark)


def answer_list(noun: str, rows: Sequence[Document], columns: Sequence[str], *, as_json: bool) -> None:
    """Print a list: {noun: rows}, or a table of these columns."""
    answer({noun: rows}, as_json=as_json, text=table(rows, columns) if rows else f"no {noun}")


def note(sentence: str) -> None:
    """Say something that is not the answer."""
    typer.echo(printable(sentence), err=True)


def fields(document: Document) -> str:
    """One line for each field; a list of objects takes a line for each of them."""
    width = max(map(len, document), default=0)
    lines = []
    for name, value in document.items():
        first, *rest = cell(value).split("\n")
        lines += [f"{_label(name):<{width}}  {first}", *(f"{'':<{width}}  {line}" for line in rest)]
    return "\n".join(lines)


def table(rows: Sequence[Document], columns: Sequence[str]) -> Table:
    """A row for each document, with these of its fields."""
    grid = Table(*(_heading(name) for name in columns), box=None, padding=(0, 3, 0, 0), pad_edge=False)
    for column in grid.columns:
        column.overflow = "fold"
    for row in rows:
        grid.add_row(*(Text(cell(row[name])) for name in columns))
    return grid


def cell(value: object) -> str:
    """A value as people read it."""
    match value:
        case None | "" | [] | ():
            return _NOTHING
        case bool():
            return "yes" if value else "no"
        case Verbatim():
            return "\n".join(f"{name}={cell(item)}" for name, item in value.items()) or _NOTHING
        case Mapping():
            return "\n".join(f"{_label(str(name))} {cell(item)}" for name, item in value.items()) or _NOTHING
        case list() | tuple():
            rows = [row for row in value if isinstance(row, Mapping)]
            lines = ["  ".join(cell(item) for item in row.values()) for row in rows]
            return "\n".join(lines) if rows else ", ".join(cell(item) for item in value)
        case _:
            return printable(str(value))


def printable(text: str) -> str:
    """Text with everything that is neither a visible character nor a blank spelled out."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _label(name: str) -> str:
    return name.replace("_", " ")


def _heading(name: str) -> str:
    return _label(name).upper()
