"""ocpi-broker peer import: connections that exist already, taken over from a file, each as a whole or not at all."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from broker.cli import portable_files
from broker.cli.connection import Broker, connected
from broker.cli.failures import CommandError, in_words
from broker.cli.names import tenant_name
from broker.cli.options import DataDir, Json
from broker.cli.output import Document, answer, note, printable
from broker.cli.portable_files import Line
from broker.cli.rivals import Rival, Rivals
from broker.core.paths import DEFAULT_TENANT
from ocpi_broker.v1.peer_service_pb2 import (
    IMPORT_OUTCOME_IMPORTED,
    IMPORT_OUTCOME_UNCHANGED,
    ImportPeerRequest,
)

_AT_ONCE: Final = 8
_SECONDS: Final = 60.0
"""For one line: a hub has thousands of parties, and with --check the peer is asked twice."""
_NEWS_SECONDS: Final = 2.0
_INTERRUPTED: Final = 130
_STDIN: Final = "-"
_MANY: Final = 20
"""Lines refused for the same reason, above which people want to see how many there are."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a line. Without an outcome it was refused, for this reason."""

    line: Line
    outcome: int | None = None
    reason: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the lines that were judged, in the order of the file."""

    verdicts: Sequence[Verdict]

    def count(self, outcome: int) -> int:
        return sum(verdict.outcome == outcome for verdict in self.verdicts)

    @property
    def refused(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.outcome is None]

    def document(self) -> Document:
        return {
            "imported": self.count(IMPORT_OUTCOME_IMPORTED),
            "unchanged": self.count(IMPORT_OUTCOME_UNCHANGED),
            "refused": [{"line": one.line.number, "name": one.line.name, "reason": one.reason} for one in self.refused],
        }

    def text(self, *, dry_run: bool) -> str:
        would = "would be imported" if dry_run else "imported"
        imported, unchanged = self.count(IMPORT_OUTCOME_IMPORTED), self.count(IMPORT_OUTCOME_UNCHANGED)
        return "\n".join([f"{imported} {would}, {unchanged} unchanged, {len(self.refused)} refused", *self._rows()])

    def _rows(self) -> Iterator[str]:
        """A refusal each, but for those of which there are very many."""
        same = Counter(one.reason for one in self.refused)
        told = Counter[str]()
        for one in self.refused:
            told[one.reason] += 1
            if told[one.reason] <= _MANY:
                yield f"{_place(one.line)}: {printable(one.reason)}"
        for reason, many in same.items():
            if many > _MANY:
                yield f"and {many - _MANY} more lines, which --json lists: {printable(reason)}"


@dataclass(frozen=True, slots=True)
class _Import:
    """How the lines of a file are given to a broker."""

    broker: Broker
    dry_run: bool
    check: bool

    def all(self, lines: Sequence[Line], verdicts: list[Verdict]) -> None:
        """Several at a time. Adds those that were reached to verdicts, also when it is broken off.

        A line waits for those before that only one of them can stand beside, whose calls begin earlier: so the first
        one wins, and nobody waits for ever. Raises CommandError if no other line can go better.
        """
        rivals, judged = Rivals(), dict[int, Future[Verdict]]()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                for line in lines:
                    before = [(judged[rival.number], rival) for rival in rivals.of(line)]
                    judged[line.number] = pool.submit(self._judge, line, before)
                _await(list(judged.values()))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
            finally:
                verdicts += [one.result() for one in judged.values() if _is_known(one)]

    def _judge(self, line: Line, before: Sequence[tuple[Future[Verdict], Rival]]) -> Verdict:
        if line.peer is None:
            return Verdict(line, reason=line.reason)
        for first, rival in before:
            if first.result().outcome is not None:
                same = rival.reason is None
                return Verdict(line, IMPORT_OUTCOME_UNCHANGED if same else None, rival.reason or "")
        request = ImportPeerRequest(
            parent=tenant_name(str(line.tenant)), peer=line.peer, check=self.check, validate_only=self.dry_run
        )
        said = self.broker.attempt(self.broker.peers.ImportPeer, request, _SECONDS, portable_files.field_of)
        if isinstance(said, str):
            return Verdict(line, reason=said)
        return Verdict(line, said.outcome, warnings=tuple(said.warnings))


def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help='JSON lines or CSV; "-" is standard input.')],
    tenant: Annotated[
        str | None,
        typer.Option("--tenant", metavar="T", help="Id of the tenant. Without it, as each line says, or default."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge every line and change nothing.")] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Ask each peer for its version list and details: with GET, and nothing else."),
    ] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Take over connections that exist already, with the tokens that both sides have now.

    Nothing is sent to any peer without --check. A peer is taken over whole or not at all; the same file again changes
    nothing. The exit code is 0 only when no line was refused.
    """
    lines = [replace(line, tenant=tenant or line.tenant or DEFAULT_TENANT) for line in _read(file)]
    verdicts = list[Verdict]()
    with connected(data_dir) as broker:
        try:
            _Import(broker, dry_run, check).all(lines, verdicts)
        except KeyboardInterrupt:
            _tell(Report(verdicts), dry_run=dry_run, as_json=as_json)
            note(_broken_off("interrupted", len(verdicts), len(lines)))
            raise typer.Exit(_INTERRUPTED) from None
        except CommandError as err:
            _tell(Report(verdicts), dry_run=dry_run, as_json=as_json)
            raise CommandError(_broken_off(str(err), len(verdicts), len(lines))) from None
    report = Report(verdicts)
    _tell(report, dry_run=dry_run, as_json=as_json)
    if report.refused:
        raise CommandError(f"{len(report.refused)} of {len(lines)} lines were refused")


def _read(file: str) -> list[Line]:
    try:
        if file == _STDIN:
            return portable_files.read(sys.stdin.buffer.read())
        path = Path(file)
        if path.stat().st_mode & 0o077:
            note(f"warning: {file} can be read by others and holds tokens; run: chmod 600 {file}")
        return portable_files.read(path.read_bytes())
    except OSError as err:
        raise CommandError(f"cannot read {file}: {in_words(err)}") from None
    except ValueError as err:
        raise CommandError(f"{file} {err}") from None


def _await(judged: Sequence[Future[Verdict]]) -> None:
    """Until all are, with news now and then. Raises what one of them does."""
    waiting = set(judged)
    while waiting:
        done, waiting = wait(waiting, _NEWS_SECONDS, FIRST_EXCEPTION)
        for one in done:
            one.result()
        if waiting:
            note(f"{len(judged) - len(waiting)} of {len(judged)} lines")


def _is_known(judged: Future[Verdict]) -> bool:
    return judged.done() and not judged.cancelled() and judged.exception() is None


def _tell(report: Report, *, dry_run: bool, as_json: bool) -> None:
    for verdict in report.verdicts:
        for warning in verdict.warnings:
            note(f"{_place(verdict.line)}: warning: {warning}")
    answer(report.document(), as_json=as_json, text=report.text(dry_run=dry_run))


def _broken_off(why: str, judged: int, lines: int) -> str:
    return f"{why}; {judged} of {lines} lines are judged, and the same command goes on with the rest"


def _place(line: Line) -> str:
    return f"line {line.number}, {printable(line.name)}" if line.name else f"line {line.number}"
