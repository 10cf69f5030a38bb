"""One run of the checker for each version and database, shared by the tests that look at its outcomes."""

import asyncio
from dataclasses import dataclass

import pytest

from broker.conformance.report import Report
from broker.conformance.run import Outcome, run
from tests.conformance.visitor import VERSIONS, visitor
from tests.stack import Home, Stack


@dataclass(frozen=True, slots=True)
class Runs:
    """The reports by version."""

    reports: dict[str, Report]

    def outcome(self, version: str, check: str) -> Outcome:
        (found,) = [outcome for outcome in self.reports[version].outcomes if outcome.check.name == check]
        return found


@pytest.fixture(scope="session")
async def runs(stack: Stack) -> Runs:
    """Every version at once, each at a tenant of its own that offers all of them."""
    return Runs(dict(zip(VERSIONS, await asyncio.gather(*(_run(stack, version) for version in VERSIONS)), strict=True)))


async def _run(stack: Stack, version: str) -> Report:
    home = await stack.home(versions=VERSIONS)
    async with visitor(await home.invite("DE/OCB/EMSP"), version, "DE/OCB/EMSP") as connection:
        return Report(connection, await run(connection))


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def host(stack: Stack, version: str) -> Home:
    """A tenant of ours that offers this version alone."""
    return await stack.home(versions=[version])
