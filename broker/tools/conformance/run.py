"""One run: find the version, make every check of it, and say how each ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from broker.tools.conformance.checks import CHECKS
from broker.tools.conformance.checks.registry import Check
from broker.tools.conformance.connection import Connection, read_versions
from broker.tools.conformance.deviations import Deviation, Skipped
from broker.tools.conformance.dialogue import Dialogue
from broker.tools.conformance.editions import EDITIONS, encoded, raw
from broker.tools.conformance.objects import Party
from broker.tools.conformance.transcript import Exchange


class NoConnectionError(Exception):
    """The version list cannot be read, or lists nothing that we check; the message is for whoever started the run."""


class Result(StrEnum):
    PASSED = "passed"
    DEVIATES = "deviates"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one check ended. exchange shows a deviation."""

    check: Check
    ids: tuple[str, ...]
    result: Result
    why: str = ""
    exchange: Exchange | None = None


async def connect(
    dialogue: Dialogue, versions_url: str, token: str, parties: Sequence[Party], version: str = ""
) -> Connection:
    """Read the version list and choose: this version, or the newest that we check. Raises NoConnectionError."""
    dialogue.secrets.learn(token, "the invitation's token")
    listed = await _listed(dialogue, versions_url, token)
    known = [EDITIONS[name] for name in listed if name in EDITIONS]
    edition = EDITIONS.get(version) if version else max(known, key=lambda one: one.number, default=None)
    if edition is None or edition.version not in listed:
        raise NoConnectionError(f"the platform lists {', '.join(sorted(listed)) or 'no versions'}; "
                                f"{version or ', '.join(EDITIONS)} cannot be checked")  # fmt: skip
    dialogue.platform.edition = edition
    connection = Connection(edition, dialogue, versions_url, token, parties)
    await connection.discover()
    return connection


async def _listed(dialogue: Dialogue, url: str, token: str) -> list[str]:
    """The versions of the list, whichever form the header has to have."""
    status = 0
    for form in (encoded, raw):
        try:
            answer = (await dialogue.say("GET", url, [("Authorization", form(token))])).answer
        except Deviation as deviation:
            raise NoConnectionError(str(deviation)) from None
        finally:
            dialogue.exchanges.clear()
        if listed := read_versions(answer):
            return [name for name, _ in listed]
        status = answer.status
    raise NoConnectionError(f"the version list at {url} cannot be read with this token: HTTP {status}")


async def run(connection: Connection, checks: Sequence[Check] = CHECKS) -> list[Outcome]:
    """Every check that the version has, in order. None raises."""
    version = connection.edition.version
    return [await _make(check, ids, connection) for check in checks if (ids := check.ids_in(version))]


async def _make(check: Check, ids: tuple[str, ...], connection: Connection) -> Outcome:
    before = len(connection.dialogue.exchanges)
    connection.check = check.title
    try:
        await check.body(connection)
    except Skipped as reason:
        return Outcome(check, ids, Result.SKIPPED, str(reason))
    except Deviation as deviation:
        return Outcome(check, ids, Result.DEVIATES, str(deviation), deviation.exchange or _last(connection, before))
    except (TypeError, KeyError, AttributeError, ValueError, IndexError) as error:
        why = f"the answer is not of the form that was expected ({type(error).__name__}: {error})"
        return Outcome(check, ids, Result.DEVIATES, why, _last(connection, before))
    return Outcome(check, ids, Result.PASSED)


def _last(connection: Connection, before: int) -> Exchange | None:
    """The last exchange of the check, if it had any."""
    exchanges = connection.dialogue.exchanges
    return exchanges[-1] if len(exchanges) > before else None
