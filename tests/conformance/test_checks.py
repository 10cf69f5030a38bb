"""Every check of the checker, against our own stack: each version, each database."""

import pytest

from broker.tools.conformance.checks import CHECKS
from broker.tools.conformance.editions import EDITIONS
from broker.tools.conformance.report import Report
from broker.tools.conformance.run import Outcome, Result, run
from ocpi_broker.v1 import resources_pb2
from tests.conformance.coverage import NOT_MADE_HERE
from tests.conformance.visitor import VERSIONS, visitor
from tests.stack import Stack

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("checked", VERSIONS)
async def test_every_check_passes(stack: Stack, checked: str) -> None:
    report = await _reported(stack, checked)

    made = {outcome.check.name: outcome for outcome in report.outcomes}
    assert made.keys() == {check.name for check in CHECKS if check.ids_in(checked)}
    assert {name: said for name, outcome in made.items() if (said := _complaint(outcome))} == {}
    _holds_no_token(report, checked)


async def _reported(stack: Stack, version: str) -> Report:
    """At a tenant of its own that offers all versions."""
    home = await stack.home(versions=VERSIONS, policy=resources_pb2.TenantPolicy(may_downgrade=True))
    async with visitor(await home.invite("DE/OCB/EMSP"), version, "DE/OCB/EMSP") as connection:
        return Report(connection, await run(connection))


def _complaint(outcome: Outcome) -> str:
    """What is not as it should be; nothing if all is well."""
    if outcome.check.name in NOT_MADE_HERE:
        expected = (Result.SKIPPED, NOT_MADE_HERE[outcome.check.name])
        return "" if (outcome.result, outcome.why) == expected else f"{outcome.result}: {outcome.why}"
    return "" if outcome.result is Result.PASSED else f"{outcome.result}: {outcome.why}\n{outcome.exchange}"


def _holds_no_token(report: Report, version: str) -> None:
    """AU-15, for the checker's own output."""
    said = str(report.document())
    for token in {report.connection.invitation, report.connection.token, report.connection.held}:
        assert token not in said
        assert EDITIONS[version].authorization(token).removeprefix("Token ") not in said
