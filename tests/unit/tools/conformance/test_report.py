"""What the report says, and what it keeps to itself."""

import io
import json

import pytest
from rich.console import Console

from broker.tools.conformance.report import Report
from broker.tools.conformance.run import run
from tests.unit.tools.conformance.test_checks import meeting

pytestmark = pytest.mark.anyio


async def reported(fault: str = "") -> tuple[Report, str]:
    """The report on a platform with this fault, and as people read it."""
    async with meeting("2.2.1", fault) as (_, connection):
        report = Report(connection, await run(connection))
    console = Console(file=io.StringIO(), width=200, highlight=False)
    console.print(report.text())
    return report, console.file.getvalue()  # type: ignore[attr-defined]


async def test_a_platform_without_faults_has_no_deviation() -> None:
    report, text = await reported()

    document = json.loads(json.dumps(report.document()))
    assert text.rstrip().endswith("no deviation")
    assert document["version"] == "2.2.1"
    assert document["deviates"] == 0
    assert document["passed"] + document["skipped"] == len(document["checks"]) == len(report.outcomes)
    assert all(check["why"] for check in document["checks"] if check["outcome"] == "skipped")


async def test_a_deviation_is_shown_with_what_was_sent_and_what_came_back() -> None:
    report, text = await reported("registers again")

    (deviation,) = [one for one in report.deviations if one.check.name == "post_when_registered_is_405"]
    (told,) = [one for one in report.document()["checks"] if one["check"] == deviation.check.name]  # type: ignore[union-attr,attr-defined]
    assert "expected HTTP 405, got HTTP 200 with OCPI 1000" in text
    assert "sent      POST http://127.0.0.1:7/ocpi/2.2.1/credentials" in text
    assert "meanwhile GET /ocpi/versions?of=all came to us" in text
    assert "received  HTTP 200" in text
    assert "RR-12  POST by a registered peer: 405 and no change. [must; Credentials, POST]" in text
    assert told["exchange"]["sent"]["method"] == "POST"
    assert told["exchange"]["received"]["status"] == 200
    assert "Authorization: Token <a token issued to us in Base64>" in told["exchange"]["sent"]["headers"]


@pytest.mark.parametrize("fault", ["", "repeats tokens", "registers again", "encodes the token", "takes any object"])
async def test_no_token_is_in_it(fault: str) -> None:
    report, text = await reported(fault)

    said = text + json.dumps(report.document())
    connection = report.connection
    tokens = {connection.invitation, connection.token, connection.held}
    for exchange in connection.dialogue.exchanges:
        data = exchange.answer.data
        tokens |= {str(data["token"])} if isinstance(data, dict) and "token" in data else set()
    assert [token for token in tokens if token in said] == []
    assert [token for token in tokens if connection.edition.authorization(token)[6:] in said] == []


async def test_an_invitation_for_others_is_said_first() -> None:
    async with meeting("2.2.1") as (receiver, connection):
        receiver.allowed = ("NL", "RJS")
        report = Report(connection, await run(connection))
    console = Console(file=io.StringIO(), width=400, highlight=False)
    console.print(report.text())

    first = console.file.getvalue().splitlines()[0]  # type: ignore[attr-defined]
    assert first == report.document()["warning"]
    assert first.startswith("The invitation seems to be for other parties than DE/OCB/EMSP: ")
    assert "--party" in first


async def test_control_characters_are_spelled_out() -> None:
    report, _ = await reported("registers again")

    console = Console(file=io.StringIO(), width=200)
    console.print(report.text())

    assert "\x1b" not in console.file.getvalue()  # type: ignore[attr-defined]
