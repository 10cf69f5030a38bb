"""Fixtures for every test that needs more than memory."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from tests import database as databases
from tests import postgres, turns
from tests.database import Database

if TYPE_CHECKING:
    from tests.peer import Platform
    from tests.stack import Guest, Home, Stack


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True, scope="session")
def _plain_logs() -> None:
    """What is logged is one cheap line each: colours and columns for people cost more than most requests."""
    processors = [structlog.contextvars.merge_contextvars, structlog.processors.format_exc_info]
    structlog.configure(processors=[*processors, structlog.processors.JSONRenderer(default=repr)])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--in-turn", action="store_true", help="each test on one of the two databases, in turn")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long begins first, so that nobody waits for it at the end."""
    if config.getoption("in_turn"):
        chosen, left_out = turns.taken(items)
        items[:] = chosen
        config.hook.pytest_deselected(items=left_out)
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


_SERVER = pytest.StashKey[postgres.Server]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Before a worker of pytest-xdist starts: one PostgreSQL serves all of them."""
    config = node.config
    if _SERVER not in config.stash:
        rest = ExitStack()
        config.add_cleanup(rest.close)
        config.stash[_SERVER] = rest.enter_context(postgres.running())
    server = config.stash[_SERVER]
    node.workerinput["postgres"] = (server.url, str(server.bin) if server.bin else None)


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Iterator[postgres.Server]:
    given = getattr(request.config, "workerinput", {}).get("postgres")
    if given is not None:
        url, programs = given
        yield postgres.Server(url, Path(programs) if programs else None)
        return
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Every test that asks for a database, even through other fixtures, runs once with each."""
    return str(request.param)


def _server(kind: str, request: pytest.FixtureRequest) -> postgres.Server | None:
    """The PostgreSQL server, started only if a test needs it."""
    return request.getfixturevalue("postgres_server") if kind == "postgresql" else None


@pytest.fixture
def database(
    database_kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Database]:
    """A database with nothing in it, for one test."""
    folder = tmp_path_factory.mktemp("data")
    with databases.fresh(database_kind, folder, _server(database_kind, request)) as one:
        yield one


@pytest.fixture
def empty_database(
    database_kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Database]:
    """The same without a schema."""
    folder = tmp_path_factory.mktemp("data")
    with databases.fresh(database_kind, folder, _server(database_kind, request), empty=True) as one:
        yield one


@pytest.fixture
def database_url(database: Database) -> str:
    return database.url


@pytest.fixture(scope="session")
async def event_loop_for_all(anyio_backend: str) -> AsyncIterator[None]:
    """Keeps one event loop for the whole session: gRPC wants one per process."""
    yield  # noqa: PT022  the loop lives until this generator ends


@pytest.fixture(scope="session")
async def stack(
    event_loop_for_all: None,
    database_kind: str,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> "AsyncIterator[Stack]":
    """A broker and a gateway shared by tests, each of which makes a tenant of its own."""
    from tests import stack as stacks

    folder = tmp_path_factory.mktemp("stack")
    with databases.fresh(database_kind, folder, _server(database_kind, request)) as one:
        async with stacks.running(folder, one) as running:
            yield running


@pytest.fixture
async def own_stack(
    event_loop_for_all: None, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> "AsyncIterator[Stack]":
    """A broker and a gateway for one test that breaks something or looks at everything."""
    from tests import stack as stacks

    async with stacks.running(tmp_path_factory.mktemp("stack"), database) as running:
        yield running


@pytest.fixture
async def home(stack: "Stack") -> "Home":
    """A tenant of ours for one test."""
    return await stack.home()


@pytest.fixture
async def guest(stack: "Stack", home: "Home") -> "AsyncIterator[Guest]":
    """A strict platform that holds an invitation to home. At the end, nothing that reached it was out of order."""
    async with stack.guest(home) as one:
        yield one
        assert one.platform.faults == []


@pytest.fixture
async def registered(guest: "Guest") -> "Guest":
    """The same after its registration."""
    await guest.sender.register()
    return guest


@pytest.fixture
def platform(guest: "Guest") -> "Platform":
    return guest.platform
