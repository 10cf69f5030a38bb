"""A deployment whose patience with peers is short, and pairs of one of its tenants and a mock peer."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from broker.outbound.http_call import Budgets
from broker.tools.mock_peer.platform import mock_peer
from tests import database as databases
from tests import stack as stacks
from tests.conftest import _server
from tests.database import Database
from tests.faults.pair import Pair
from tests.peer import new_party
from tests.stack import Home, Stack

BUDGETS = Budgets(whole=8.0, exchange=10.0)
"""What is stalled costs that much time; nothing else takes nearly as long, also under load."""

_LOOKS_LIKE_A_TOKEN = re.compile(r"[A-Za-z0-9_-]{40,}")

Pairs = Callable[..., AbstractAsyncContextManager[Pair]]


@pytest.fixture(scope="session")
def secrets() -> set[str]:
    """Every token that any test here has seen."""
    return set()


@pytest.fixture(scope="session")
async def stack(
    event_loop_for_all: None,
    database_kind: str,
    secrets: set[str],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Stack]:
    """In the end no token is found in any row of the database."""
    folder = tmp_path_factory.mktemp("faults")
    with databases.fresh(database_kind, folder, _server(database_kind, request)) as one:
        async with stacks.running(folder, one, budgets=BUDGETS) as running:
            yield running
        assert _written(one).isdisjoint(secrets)


def _written(database: Database) -> set[str]:
    rows = (row for table in database.tables() for row in database.execute(f"SELECT * FROM {table}"))
    return {found for row in rows for found in looks_like_tokens(row)}


def looks_like_tokens(row: object) -> list[str]:
    """What stands in a row that is long enough to be a token, ours or the mock peer's."""
    return _LOOKS_LIKE_A_TOKEN.findall(repr(row))


@pytest.fixture
async def pairs(stack: Stack, home: Home, secrets: set[str], capfd: pytest.CaptureFixture[str]) -> AsyncIterator[Pairs]:
    """Makes pairs of home, or of another tenant, and a mock peer. In the end no token is found in what was logged."""
    seen: set[str] = set()
    parties: set[str] = set()

    @asynccontextmanager
    async def make(tenant: Home | None = None, name: str = "", **settings: Any) -> AsyncIterator[Pair]:
        while (own := new_party()) in parties:
            pass
        parties.add(own)
        async with mock_peer(**{"parties": [f"{own}=Kabelwerk"], **settings}) as mock:
            pair = Pair(stack, tenant or home, mock, name or f"p-{own[3:6].lower()}", own, seen)
            yield pair
            pair.remember()

    yield make
    logged = "".join(capfd.readouterr())
    assert [text for text in seen if text in logged] == []
    secrets |= seen
