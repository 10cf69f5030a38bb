"""What the tests of this folder share: quiet logs, a version each, and which database it is tested on."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog

from broker.core import proving
from tests.conformance.visitor import VERSIONS
from tests.stack import Home, Stack

DATABASE = {"2.0": "sqlite", "2.1.1": "postgresql", "2.2": "sqlite", "2.2.1": "postgresql", "2.3.0": "sqlite"}
"""A version is a matter of JSON: tests with an operator's hand are made for each version on one database, so that both
databases and all versions have their turn. The checker's runs (parameter checked) are made for all of them on both."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    surplus = {item for item in items if _is_surplus(item)}
    items[:] = [item for item in items if item not in surplus]
    config.hook.pytest_deselected(items=list(surplus))


def _is_surplus(item: pytest.Item) -> bool:
    """Only of tests in this folder that ask for a tenant."""
    if not isinstance(item, pytest.Function) or item.path.parent != Path(__file__).parent:
        return False
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    if "database_kind" not in parameters or "version" not in parameters:
        return False
    return parameters["database_kind"] != DATABASE[parameters["version"]]


@contextmanager
def quiet() -> Iterator[None]:
    """Thousands of lines of log that nobody reads take a third of the time."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        yield
    finally:
        structlog.configure(**before)


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


@pytest.fixture(autouse=True)
def without_tries_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before 2.2 nothing tells a try of a token of ours from a call that belongs to a request."""
    monkeypatch.setattr(proving, "FIRST_PAUSE", 3600 * 1_000_000)
