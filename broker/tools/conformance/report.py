"""The outcome of a run, for people and for programs. No token is in it.

What the platform sent is shown as it came, so control characters are spelled out.
"""

import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from broker.tools.conformance.connection import Connection
from broker.tools.conformance.platform import Received
from broker.tools.conformance.requirements import REQUIREMENTS, Level
from broker.tools.conformance.run import Outcome, Result
from broker.tools.conformance.secrecy import Secrets
from broker.tools.conformance.transcript import Exchange

LEVELS = {
    Level.MUST: "must",
    Level.SHOULD: "should",
    Level.HTTP: "must by HTTP",
    Level.PROJECT: "where OCPI is silent",
}
_STYLES = {Result.PASSED: "green", Result.DEVIATES: "bold red", Result.SKIPPED: "yellow"}
SILENT = "project"
"""The section of a rule about which OCPI is silent."""
_LONGEST_BODY = 800
_LONGEST_LINE = 400


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a run found about the platform at versions_url."""

    connection: Connection
    outcomes: Sequence[Outcome]

    @property
    def deviations(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.result is Result.DEVIATES]

    @property
    def counts(self) -> Counter[Result]:
        return Counter(outcome.result for outcome in self.outcomes)

    @property
    def warning(self) -> str:
        """What has to be known before anything else is read; empty if there is nothing."""
        if not (refusal := self.connection.refusal):
            return ""
        names = self.connection.names
        return (
            f"The invitation seems to be for other parties than {names}: the platform refuses it with {refusal}. "
            f"Name one of its parties with --party, or get an invitation for {names}."
        )

    def document(self) -> Mapping[str, object]:
        """For programs."""
        secrets = self.connection.secrets
        return {
            "versions_url": self.connection.versions_url,
            "version": self.connection.home.version,
            "warning": secrets.mask(self.warning) or None,
            **{result.value: self.counts[result] for result in Result},
            "checks": [_document(outcome, secrets) for outcome in self.outcomes],
        }

    def text(self) -> RenderableType:
        """For people: what has to be known first, a table of all checks, what deviates and why, and the sum."""
        secrets = self.connection.secrets
        blocks: list[RenderableType] = [Text(f"{_shown(self.warning, secrets)}\n", "bold red")] if self.warning else []
        blocks += [_title(self), _table(self.outcomes, secrets)]
        for number, outcome in enumerate(self.deviations, 1):
            blocks.append(_deviation(number, outcome, secrets))
        return Group(*blocks, _sum(self.counts))


def _title(report: Report) -> Text:
    connection = report.connection
    us = f"{connection.parties[0]} at {connection.platform.versions_url}"
    return Text(f"OCPI {connection.home.version} at {connection.versions_url}\nchecked by {us}\n")


def _table(outcomes: Sequence[Outcome], secrets: Secrets) -> Table:
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in ("RESULT", "CHECK", "IDS", "OCPI SECTION"):
        grid.add_column(name, overflow="fold")
    stage = ""
    for outcome in outcomes:
        if outcome.check.stage != stage:
            stage = outcome.check.stage
            grid.add_row("", Text(f"\n{stage.capitalize()}", style="bold"), "", "")
        title = Text(outcome.check.title)
        if outcome.result is Result.SKIPPED:
            title.append(f"\n({_shown(outcome.why, secrets)})", style="yellow")
        result = Text(outcome.result.value, style=_STYLES[outcome.result])
        grid.add_row(result, title, Text(" ".join(outcome.ids)), Text(sections(outcome)))
    return grid


def sections(outcome: Outcome) -> str:
    """The chapter of the OCPI document that the check is about, the first of several."""
    named = list(dict.fromkeys(REQUIREMENTS[name].section for name in outcome.ids))
    return "; ".join(sorted(named, key=lambda section: section == SILENT)[:1]) + (" …" if len(named) > 1 else "")


def _deviation(number: int, outcome: Outcome, secrets: Secrets) -> RenderableType:
    lines = Text(f"\n{number}. {outcome.check.title}\n", style="bold red")
    lines.append("\n".join(_wrapped(_shown(outcome.why, secrets))) + "\n", style="default not bold")
    for name in outcome.ids:
        requirement = REQUIREMENTS[name]
        lines.append(
            f"   {name}  {requirement.meaning} [{LEVELS[requirement.level]}; {requirement.section}]\n",
            style="default not bold",
        )
    if outcome.exchange is not None:
        lines.append("\n".join(_told(outcome.exchange, secrets)) + "\n", style="default not bold")
    return lines


def _told(exchange: Exchange, secrets: Secrets) -> Iterator[str]:
    """The exchange line by line, the calls to us at the place where they came."""
    sent, answer = exchange.sent, exchange.answer
    yield f"   sent      {_shown(f'{sent.method} {sent.url}', secrets)}"
    yield from _indented(_headers(sent.headers, secrets))
    yield from _indented(_body(sent.body, secrets.mask))
    for request in exchange.callbacks:
        yield f"   meanwhile {_shown(f'{request.method} {request.target}', secrets)} came to us"
        yield from _indented(_headers(_telling(request), secrets))
    yield f"   received  HTTP {answer.status}"
    yield from _indented(_headers(answer.headers, secrets))
    yield from _indented(_body(answer.body, secrets.mask_received))


def _sum(counts: Counter[Result]) -> Text:
    deviations = counts[Result.DEVIATES]
    text = Text(f"\n{counts[Result.PASSED]} checks passed, {counts[Result.SKIPPED]} could not be made, ")
    text.append(
        "no deviation" if not deviations else f"{deviations} deviated", "bold red" if deviations else "bold green"
    )
    return text


def _document(outcome: Outcome, secrets: Secrets) -> Mapping[str, object]:
    exchange = outcome.exchange if outcome.result is Result.DEVIATES else None
    return {
        "check": outcome.check.name,
        "title": outcome.check.title,
        "stage": outcome.check.stage,
        "requirements": [
            {"id": name, "level": REQUIREMENTS[name].level.value, "section": REQUIREMENTS[name].section}
            for name in outcome.ids
        ],
        "outcome": outcome.result.value,
        "why": secrets.mask(outcome.why) or None,
        "exchange": None if exchange is None else _exchange(exchange, secrets),
    }


def _exchange(exchange: Exchange, secrets: Secrets) -> Mapping[str, object]:
    sent, answer = exchange.sent, exchange.answer
    return {
        "sent": {
            "method": sent.method,
            "url": secrets.mask(sent.url),
            "headers": _headers(sent.headers, secrets),
            "body": _text(sent.body, secrets.mask),
        },
        "callbacks": [
            {
                "method": request.method,
                "target": secrets.mask(request.target),
                "headers": _headers(request.headers, secrets),
            }
            for request in exchange.callbacks
        ],
        "received": {
            "status": answer.status,
            "headers": _headers(answer.headers, secrets),
            "body": _text(answer.body, secrets.mask_received),
        },
    }


def _headers(headers: Sequence[tuple[str, str]], secrets: Secrets) -> list[str]:
    return [f"{name}: {_printable(secrets.mask_header(name, value))[:_LONGEST_LINE]}" for name, value in headers]


def _telling(request: Received) -> list[tuple[str, str]]:
    """The headers of a call to us that say something."""
    wanted = ("authorization", "x-request-id", "x-correlation-id")
    return [(name, value) for name, value in request.headers if name in wanted or name.startswith("ocpi-")]


def _body(body: bytes, mask: Callable[[str], str]) -> list[str]:
    text = _text(body, mask)
    return _wrapped(text, 0) if text else []


def _text(body: bytes, mask: Callable[[str], str]) -> str:
    """A body without tokens; of a long one the beginning. It is masked whole, so that no token is cut in two."""
    text = body[: 64 * 1024].decode("utf-8", "backslashreplace")
    masked = _printable(mask(text))
    return masked if len(masked) <= _LONGEST_BODY else f"{masked[:_LONGEST_BODY]}… ({len(body)} bytes)"


def _shown(text: str, secrets: Secrets) -> str:
    return _printable(secrets.mask(text))


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _wrapped(text: str, indent: int = 3) -> list[str]:
    margin = " " * indent
    return textwrap.wrap(text, 110, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False)


def _indented(lines: Sequence[str]) -> Iterator[str]:
    yield from (f"             {line}" for line in lines)
