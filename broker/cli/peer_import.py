"""ocpi-broker peer import: connections that exist already, taken over from a file, each as a whole or not at all."""

import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from broker.cli import notation, portable_files
from broker.cli.connection import DEADLINE, Broker, connected
from broker.cli.failures import CommandError, in_words
from broker.cli.names import tenant_name
from broker.cli.options import DataDir, Json
from broker.cli.output import Document, answer, note
from broker.cli.portable_files import Line
from broker.core.paths import DEFAULT_TENANT
from ocpi_broker.v1.peer_service_pb2 import IMPORT_OUTCOME_UNCHANGED, ImportPeerRequest, ImportPeerResponse

_AT_ONCE: Final = 8
_CHECK_SECONDS: Final = 45.0
_NEWS_SECONDS: Final = 2.0
_INTERRUPTED: Final = 130
_STDIN: Final = "-"


@dataclass(slots=True)
class Report:
    """What became of each line."""

    imported: int = 0
    unchanged: int = 0
    refused: list[Line] = field(default_factory=list)

    @property
    def done(self) -> int:
        return self.imported + self.unchanged + len(self.refused)

    def document(self) -> Document:
        refused = sorted(self.refused, key=lambda line: line.number)
        return {
            "imported": self.imported,
            "unchanged": self.unchanged,
            "refused": [{"line": line.number, "name": line.name, "reason": line.reason} for line in refused],
        }


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
    lines = _told_apart(_read(file), tenant)
    report = Report()
    with connected(data_dir) as broker:
        try:
            _carry_out(broker, lines, report, dry_run=dry_run, check=check)
        except KeyboardInterrupt:
            note(f"{report.imported} imported so far; the same command goes on with the rest")
            raise typer.Exit(_INTERRUPTED) from None
        except CommandError as err:
            raise CommandError(
                f"{err}; {report.imported} were imported, the same command goes on with the rest"
            ) from None
    answer(report.document(), as_json=as_json, text=_text(report, dry_run=dry_run))
    if report.refused:
        raise CommandError(f"{len(report.refused)} of {report.done} lines were refused; the others stay as they are")


def _read(file: str) -> list[Line]:
    try:
        if file == _STDIN:
            text = sys.stdin.buffer.read().decode()
        else:
            path = Path(file)
            if path.stat().st_mode & 0o077:
                note(f"warning: {file} can be read by others and holds tokens; run: chmod 600 {file}")
            text = path.read_bytes().decode()
        return portable_files.read(text)
    except OSError as err:
        raise CommandError(f"cannot read {file}: {in_words(err)}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{file} is no UTF-8 text") from None
    except ValueError as err:
        raise CommandError(f"{file} {err}") from None


def _told_apart(lines: Sequence[Line], tenant: str | None) -> list[Line]:
    """Each with its tenant; a line that contradicts an earlier one is refused, whichever would come first."""
    names: dict[tuple[str, str], Line] = {}
    tokens: dict[str, Line] = {}
    parties: dict[tuple[str, str], Line] = {}
    told = []
    for given in lines:
        line = replace(given, tenant=tenant or given.tenant or DEFAULT_TENANT)
        clash = _clash(line, names, tokens, parties) if line.peer is not None else ""
        told.append(replace(line, peer=None, reason=clash) if clash else line)
        if line.peer is None or clash:
            continue
        names.setdefault((str(line.tenant), line.peer.peer_id), line)
        tokens |= dict.fromkeys(_issued(line), line)
        parties |= {(str(line.tenant), notation.party_text(one)): line for one in line.peer.parties}
    return told


def _clash(
    line: Line, names: dict[tuple[str, str], Line], tokens: dict[str, Line], parties: dict[tuple[str, str], Line]
) -> str:
    """Why a line cannot stand beside those before it. The same connection twice is no harm."""
    peer = line.peer
    if peer is None:
        return ""
    same = names.get((str(line.tenant), peer.peer_id))
    if same is not None:
        return "" if same.peer == peer else f"line {same.number} has the same name and another content"
    for token in _issued(line):
        if token in tokens:
            return f"issued_token: line {tokens[token].number} has the same"
    for party in map(notation.party_text, peer.parties):
        if (str(line.tenant), party) in parties:
            return f"parties: line {parties[str(line.tenant), party].number} has {party} as well"
    return ""


def _issued(line: Line) -> Iterator[str]:
    if line.peer is not None:
        yield from (text for text in (line.peer.issued_token, line.peer.issued_token_hash) if text)


def _carry_out(broker: Broker, lines: Sequence[Line], report: Report, *, dry_run: bool, check: bool) -> None:
    """Several at a time; the same connection a second time after the first."""
    report.refused += [line for line in lines if line.peer is None]
    good = [line for line in lines if line.peer is not None]
    first = {(line.tenant, line.name): line for line in reversed(good)}
    repeated = [line for line in good if first[line.tenant, line.name] is not line]
    news = time.monotonic() + _NEWS_SECONDS
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        waiting = {pool.submit(_import, broker, line, dry_run=dry_run, check=check): line for line in first.values()}
        try:
            for done in as_completed(waiting):
                _note(report, waiting[done], done.result())
                if time.monotonic() >= news:
                    note(f"{report.done} of {len(lines)} lines")
                    news = time.monotonic() + _NEWS_SECONDS
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    report.unchanged += len(repeated)


def _import(broker: Broker, line: Line, *, dry_run: bool, check: bool) -> ImportPeerResponse | str:
    """The answer, or why the line was refused. Raises CommandError if no other line can go better."""
    request = ImportPeerRequest(
        parent=tenant_name(str(line.tenant)), peer=line.peer, check=check, validate_only=dry_run
    )
    return broker.attempt(broker.peers.ImportPeer, request, _CHECK_SECONDS if check else DEADLINE)


def _note(report: Report, line: Line, result: ImportPeerResponse | str) -> None:
    if isinstance(result, str):
        report.refused.append(replace(line, peer=None, reason=result))
        note(f"line {line.number}, {line.name}: {result}")
        return
    if result.outcome == IMPORT_OUTCOME_UNCHANGED:
        report.unchanged += 1
    else:
        report.imported += 1
    for warning in result.warnings:
        note(f"line {line.number}, {line.name}: warning: {warning}")


def _text(report: Report, *, dry_run: bool) -> str:
    would = "would be imported" if dry_run else "imported"
    refused = sorted(report.refused, key=lambda line: line.number)
    rows = [f"line {line.number}  {line.name or '-'}  {line.reason}" for line in refused]
    return "\n".join([f"{report.imported} {would}, {report.unchanged} unchanged, {len(refused)} refused", *rows])
