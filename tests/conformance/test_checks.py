"""Every check of the checker, against our own stack: each version, each database."""

import pytest

from broker.tools.conformance.checks import CHECKS
from broker.tools.conformance.editions import EDITIONS
from broker.tools.conformance.run import Result
from tests.conformance.conftest import Runs
from tests.conformance.coverage import NOT_MADE_HERE
from tests.conformance.visitor import VERSIONS

MADE = [(check.name, version) for version in VERSIONS for check in CHECKS if check.ids_in(version)]


@pytest.mark.parametrize(("check", "version"), MADE, ids=[f"{check}-{version}" for check, version in MADE])
def test_the_check_passes(runs: Runs, check: str, version: str) -> None:
    outcome = runs.outcome(version, check)

    if check in NOT_MADE_HERE:
        assert (outcome.result, outcome.why) == (Result.SKIPPED, NOT_MADE_HERE[check])
    else:
        assert outcome.result is Result.PASSED, f"{outcome.why}\n{outcome.exchange}"


def test_no_report_holds_a_token(runs: Runs) -> None:
    """AU-15, for the checker's own output."""
    for version, report in runs.reports.items():
        connection = report.connection
        said = str(report.document())
        for token in {connection.invitation, connection.token, connection.held}:
            assert token not in said
            assert EDITIONS[version].authorization(token).removeprefix("Token ") not in said
