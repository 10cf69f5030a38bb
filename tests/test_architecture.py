"""Who may import whom, as a table: imports point inwards."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PURE = {"broker.core", "broker.errors"}
CONTRACT = {"ocpi_broker", "google.protobuf", "google.rpc"}

# What each part may import beside the standard library and itself. The longest path that fits a file counts.
MAY_IMPORT: dict[str, set[str]] = {
    "broker/errors": set(),
    "broker/clock": set(),
    "broker/threads": set(),
    "broker/core": PURE,
    "broker/ocpi": {*PURE, "orjson"},
    "broker/contract": {*PURE, *CONTRACT},
    "broker/urls": {*PURE, "idna", "publicsuffixlist"},
    "broker/addresses": {*PURE, "broker.urls", "httpx"},
    "broker/wire": {*PURE, "broker.ocpi", "broker.urls", "broker.addresses", "httpx", "structlog"},
    "broker/peers": {*PURE, "broker.ocpi", "broker.urls", "broker.addresses", "broker.threads", "broker.wire", "httpx"},
    "broker/deliveries": {*PURE, "broker.ocpi", "broker.threads", "broker.wire", "httpx", "orjson"},
    "broker/callbacks": {*PURE, "broker.clock", "broker.ocpi", "broker.peers", "broker.wire"},
    "broker/tokens": PURE,
    "broker/sealing": {*PURE, "broker.keys", "cryptography"},
    "broker/keys": {"broker.errors", "broker.secretfiles", "broker.tokens"},
    "broker/limits": {"broker.errors"},
    "broker/logs": {"orjson", "structlog"},
    "broker/store": {*PURE, "broker.clock", "sqlmodel", "sqlalchemy", "alembic", "psycopg", "aiosqlite", "structlog"},
    "broker/config": {*PURE, "broker.urls", "broker.store"},
    "broker/conformance": {"broker.core.hosts", "httpx", "rich"},
    "broker/mock_peer": {*PURE, "broker.ocpi", "h11", "httpx"},
    "broker/cli": {"broker", "gateway", *CONTRACT, "grpc", "grpc_status", "grpc_health", "typer", "click", "rich",
                   "cryptography", "uvloop", "httpx", "uvicorn", "starlette"},
    "broker": {"broker", *CONTRACT, "grpc", "grpc_status", "grpc_health", "grpc_reflection", "structlog"},
    "gateway": {*PURE, "broker.contract", "broker.ocpi", "broker.threads", *CONTRACT, "grpc", "grpc_status", "orjson",
                "starlette", "structlog", "uvicorn"},
}  # fmt: skip

ENGINES = {"grpc", "httpx", "sqlalchemy", "sqlmodel", "ocpi_broker", "broker.rpc", "broker.app", "gateway"}

# What a part may not import although its row above would allow it.
NEVER: dict[str, set[str]] = {
    "broker/core": {"asyncio", "socket", "time", "random", "secrets", "logging", "os"},
    "broker/ocpi": {"asyncio", "socket", "time", "random", "secrets", "logging", "os"},
    "broker/store": {"broker.ocpi", "ocpi_broker", "google.protobuf", "grpc", "httpx"},
    "broker/registrar": ENGINES,
    "broker/connector": ENGINES,
    "broker/dispatcher": {*ENGINES, "broker.wire", "broker.deliveries", "broker.peers", "broker.ocpi"},
    "broker/readmodel": {*ENGINES, "broker.peers", "broker.ocpi"},
    "broker/authenticator": {*ENGINES, "broker.peers"},
    "broker/rpc": {"httpx", "sqlalchemy", "sqlmodel", "broker.peers", "gateway", "broker.cli", "broker.app"},
    "gateway": {"broker.store", "broker.tokens", "broker.sealing", "broker.registrar", "broker.app", "broker.peers"},
}

# Modules that put everything together; nothing but these may import them.
COMPOSITION = {
    "broker.app": {"broker/cli", "broker/app"},
    "broker.bootstrap": {"broker/cli", "broker/app"},
    "broker.cli": {"broker/cli"},
    "broker.rpc": {"broker/rpc", "broker/app"},
    "broker.conformance": {"broker/conformance", "broker/cli"},
    "broker.mock_peer": {"broker/mock_peer", "broker/cli"},
    "gateway": {"gateway", "broker/cli"},
    "broker.urls": {"broker/registrar", "broker/connector", "broker/wire", "broker/peers", "broker/addresses",
                    "broker/config", "broker/app", "broker/cli", "broker/rpc"},
}  # fmt: skip


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


@pytest.mark.parametrize("module", COMPOSITION)
def test_what_puts_everything_together_is_imported_by_few(module: str) -> None:
    strays = {
        str(path.relative_to(ROOT))
        for path in sources()
        if not any(belongs(path, part) for part in COMPOSITION[module])
        for name in imports(path)
        if within(name, {module})
    }

    assert strays == set()


def test_only_the_store_speaks_sql() -> None:
    sql = {"sqlalchemy", "sqlmodel", "alembic", "psycopg", "aiosqlite", "sqlite3"}

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

    named = {*MAY_IMPORT, *NEVER, *COMPOSITION, *ours, *set[str]().union(*COMPOSITION.values())}

    assert [name for name in sorted(named) if not module_exists(name)] == []


def test_no_drawer_for_leftovers() -> None:
    """A module is named by its noun."""
    names = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}

    assert [str(path.relative_to(ROOT)) for path in sources() if names & set(path.with_suffix("").parts)] == []
