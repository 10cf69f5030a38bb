"""One run of the checker for each version and database, shared by the tests that look at its outcomes."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from broker.tools.conformance.report import Report
from broker.tools.conformance.run import Outcome, run
from ocpi_broker.v1 import resources_pb2
from tests.conformance.visitor import VERSIONS, visitor
from tests.stack import Home, Stack

DATABASE = {"2.0": "sqlite", "2.1.1": "postgresql", "2.2": "sqlite", "2.2.1": "postgresql", "2.3.0": "sqlite"}
"""A version is a matter of JSON: tests with an operator's hand are made for each version on one database, so that both
databases and all versions have their turn. The checker's runs are made for all of them on both."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    surplus = [item for item in items if _is_surplus(item)]
    items[:] = [item for item in items if item not in surplus]
    config.hook.pytest_deselected(items=surplus)


def _is_surplus(item: pytest.Item) -> bool:
    """Only of tests in this folder that ask for a tenant."""
    if not isinstance(item, pytest.Function) or item.path.parent != Path(__file__).parent:
        return False
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    if "database_kind" not in parameters or "version" not in parameters or "check" in parameters:
        return False
    return parameters["database_kind"] != DATABASE[parameters["version"]]


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
    with quiet():
        reports = await asyncio.gather(*(_run(stack, version) for version in VERSIONS))
    return Runs(dict(zip(VERSIONS, reports, strict=True)))


@contextmanager
def quiet() -> Iterator[None]:
    """Thousands of lines of log that nobody reads take a third of the time."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        yield
    finally:
        structlog.configure(**before)


async def _run(stack: Stack, version: str) -> Report:
    home = await stack.home(versions=VERSIONS, policy=resources_pb2.TenantPolicy(may_downgrade=True))
    async with visitor(await home.invite("DE/OCB/EMSP"), version, "DE/OCB/EMSP") as connection:
        return Report(connection, await run(connection))


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    with quiet():
        yield


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def host(stack: Stack, version: str) -> Home:
    """A tenant of ours that offers this version alone."""
    return await stack.home(versions=[version])
