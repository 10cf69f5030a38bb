"""Who may import whom, as a table: rooms, and in some of them files, each with all that it may import."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PURE = {"broker.core", "broker.errors"}
CONTRACT = {"ocpi_broker", "google.protobuf", "google.rpc"}
FOR_ALL = {*PURE, "broker.clock", "broker.defects", "broker.limits", "broker.tally", "broker.threads"}
"""What every room above the pure ones may use, besides its libraries."""

ROOMS = (
    "broker/core", "broker/ocpi", "broker/contract", "broker/crypto", "broker/store", "broker/outbound",
    "broker/memory", "broker/exchanges", "broker/rpc", "gateway", "broker/process", "broker/tools/conformance",
    "broker/tools/mock_peer", "broker/cli",
)  # fmt: skip
"""From the innermost to the outermost: a room imports only rooms that stand before it."""

# What each part may import beside the standard library and itself. The longest path that fits a file counts.
MAY_IMPORT: dict[str, set[str]] = {
    "broker/__init__": set(),
    "broker/errors": set(),
    "broker/clock": set(),
    "broker/threads": set(),
    "broker/tally": set(),
    "broker/limits": {"broker.errors"},
    "broker/defects": {"broker.errors", "structlog"},
    "broker/logs": {"orjson", "structlog"},
    "broker/config": {"broker.outbound.url_policy"},
    "broker/core": PURE,
    "broker/ocpi": {*PURE, "orjson"},
    "broker/contract": {*PURE, *CONTRACT},
    "broker/crypto": {*PURE, "cryptography"},
    "broker/store": {*PURE, "broker.tally", "sqlmodel", "sqlalchemy", "alembic", "psycopg"},
    "broker/store/outage": {"broker.tally", "structlog"},
    "broker/outbound": {*FOR_ALL, "broker.ocpi", "httpx", "orjson", "structlog"},
    "broker/outbound/url_policy": {*PURE, "idna", "publicsuffixlist"},
    "broker/memory": {*FOR_ALL, "broker.crypto", "broker.ocpi", "broker.store", "structlog"},
    "broker/exchanges": {*FOR_ALL, "broker.crypto", "broker.memory", "broker.ocpi", "broker.outbound", "broker.store",
                         "structlog"},
    "broker/rpc": {*FOR_ALL, "broker.config", "broker.contract", "broker.crypto", "broker.exchanges", "broker.memory",
                   "broker.ocpi", "broker.outbound.url_policy", "broker.store", *CONTRACT, "grpc", "structlog"},
    "gateway": {*PURE, "broker.contract", "broker.ocpi", "broker.tally", "broker.threads", *CONTRACT, "grpc",
                "grpc_health", "grpc_status", "orjson", "starlette", "structlog", "uvicorn"},
    "broker/process": {"broker", "gateway.server", "gateway.config", "gateway.introduction", "gateway.watch", *CONTRACT,
                       "grpc", "grpc_health", "grpc_reflection", "h11", "orjson", "prometheus_client", "structlog"},
    "broker/process/door": {"broker.process.address"},
    "broker/process/not_ready": set(),
    "broker/process/address": {"ocpi_broker.client.targets"},
    "broker/process/directions": set(),
    "broker/process/signals": set(),
    "broker/tools/__init__": set(),
    "broker/tools/conformance": {"broker.core.hosts", "httpx", "rich"},
    "broker/tools/mock_peer": {*PURE, "broker.ocpi", "h11", "httpx"},
    "broker/cli": {*PURE, "broker.config", "broker.contract", "broker.crypto.keys", "broker.crypto.minting",
                   "broker.crypto.secretfiles", "broker.ocpi", "broker.process",
                   "broker.store.schema", "broker.tools", "gateway.server", "gateway.config", *CONTRACT, "grpc",
                   "grpc_status", "typer", "rich", "cryptography", "uvloop", "httpx", "uvicorn", "starlette"},
    "broker/cli/serving": {*PURE, "broker.cli", "broker.crypto.keys", "broker.logs", "broker.process", "gateway.config",
                           "structlog", "uvloop"},
}  # fmt: skip

# What a part may not import although its row above would allow it.
NEVER: dict[str, set[str]] = {
    "broker/core": {"asyncio", "socket", "time", "random", "secrets", "logging", "os"},
    "broker/ocpi": {"asyncio", "socket", "time", "random", "secrets", "logging", "os"},
    "broker/process": {"broker.cli", "broker.tools"},
    "broker/exchanges/dispatcher": {"broker.outbound", "broker.ocpi"},
    "broker/memory/readmodel": {"broker.ocpi"},
}


def sources() -> list[Path]:
    """Every file of the product."""
    return sorted(path for part in ("broker", "gateway") for path in (ROOT / part).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Full names of all that a file imports, anywhere in it; from-imports name the thing, not only the module."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), level=0, names=names):
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.ImportFrom():
                pytest.fail(f"{path.relative_to(ROOT)} imports relatively")


def within(name: str, parts: set[str]) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def belongs(path: Path, part: str) -> bool:
    place = path.relative_to(ROOT).with_suffix("").as_posix()
    return place == part or place.startswith(f"{part}/")


def row(path: Path) -> str:
    """The most specific row of the table for a file."""
    return max((part for part in MAY_IMPORT if belongs(path, part)), key=len)


def module_exists(name: str) -> bool:
    """Whether a row or a name in it still stands for something of ours."""
    place = ROOT / name.replace(".", "/")
    return place.is_dir() or place.with_suffix(".py").exists()


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_inwards(path: Path) -> None:
    part = row(path)
    itself = {part.replace("/", ".")}
    allowed = MAY_IMPORT[part] | itself | set(sys.stdlib_module_names)
    forbidden = set[str]().union(*(names for place, names in NEVER.items() if belongs(path, place)))

    strays = {name for name in imports(path) if not within(name, allowed) or within(name, forbidden)}

    assert strays == set()


def test_no_import_runs_upwards() -> None:
    """The order of the rooms holds for the rows of the table, too: no row allows what it forbids."""
    order = {room.replace("/", "."): place for place, room in enumerate(ROOMS)}

    upwards = {
        (room, name)
        for room, names in MAY_IMPORT.items()
        if room in ROOMS
        for name in names
        for inner in order
        if within(name, {inner}) and inner != room.replace("/", ".") and order[inner] >= order[room.replace("/", ".")]
    }

    assert upwards == set()


def test_every_folder_is_a_room_and_says_what_it_is_for() -> None:
    """The first line says the job; what follows, or the line itself, says who may import it."""
    folders = {path.parent.relative_to(ROOT).as_posix() for path in sources()}
    rooms = {folder for folder in folders if folder.count("/") == 1 or folder.startswith("broker/tools/")}

    assert rooms - {"broker/tools/conformance/checks", "gateway/openapi"} == {*ROOMS, "broker/tools"} - {"gateway"}
    silent = [room for room in ROOMS if not ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text()))]
    assert silent == []


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_says_its_job_in_its_first_line(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text()))

    assert text
    assert len(text.splitlines()[0]) <= 120


def test_the_service_imports_no_tool() -> None:
    """Not even through others: what a broker or a gateway loads holds neither the checker nor the mock peer."""
    code = (
        "import sys, broker.process.stack, gateway.server\n"
        "print([name for name in sys.modules if name.startswith(('broker.tools', 'broker.cli'))])"
    )

    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout

    assert said.strip() == "[]"


def test_only_the_store_speaks_sql() -> None:
    sql = {"sqlalchemy", "sqlmodel", "alembic", "psycopg", "sqlite3"}

    strays = {
        str(path.relative_to(ROOT))
        for path in sources()
        if not belongs(path, "broker/store")
        for name in imports(path)
        if within(name, sql)
    }

    assert strays == set()


def test_rows_are_not_seen_outside_the_store() -> None:
    strays = {
        str(path.relative_to(ROOT))
        for path in sources()
        if not belongs(path, "broker/store")
        for name in imports(path)
        if within(name, {"broker.store.tables"})
    }

    assert strays == set()


def test_version_strings_are_compared_in_the_dialects_only() -> None:
    """A version is a value: no other file knows one by number."""
    numbers = {"2.0", "2.1.1", "2.2", "2.2.1", "2.3.0"}

    def compared(path: Path) -> bool:
        operands = [
            operand
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Compare)
            for operand in (node.left, *node.comparators)
        ]
        return any(isinstance(operand, ast.Constant) and operand.value in numbers for operand in operands)

    assert [
        str(path.relative_to(ROOT)) for path in sources() if not belongs(path, "broker/ocpi") and compared(path)
    ] == []


def test_the_table_names_only_what_exists() -> None:
    ours = {name for names in (*MAY_IMPORT.values(), *NEVER.values()) for name in names if name.startswith("broker.")}

    named = {*MAY_IMPORT, *NEVER, *ROOMS, *ours}

    assert [name for name in sorted(named) if not module_exists(name)] == []


def test_no_drawer_for_leftovers() -> None:
    """A module is named by its noun."""
    names = {"utils", "util", "helpers", "helper", "common", "misc"}

    assert [str(path.relative_to(ROOT)) for path in sources() if names & set(path.with_suffix("").parts)] == []
