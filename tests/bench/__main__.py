"""python -m tests.bench: how fast we are, against bare servers in the same run. Prints, and asserts nothing."""

import asyncio
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from broker.config import Settings, embedded_database
from tests import postgres
from tests.bench import h2load, programs, report, targets
from tests.bench.h2load import H2load
from tests.bench.handshakes import handshakes
from tests.bench.load import Generator
from tests.bench.population import SIZE, Population, settle
from tests.bench.programs import Running, module, product, running
from tests.bench.pyload import Pyload
from tests.bench.rounds import compare

BUDGET_SECONDS = 85


async def main(folder: Path) -> None:
    """One part after the other; the servers that a part needs end with it."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with asyncio.timeout(BUDGET_SECONDS):
        await _measure(folder)


async def _measure(folder: Path) -> None:
    generate = H2load(folder) if h2load.PROGRAM else Pyload()
    say([report.heading(generate.name)])
    settings = _settings(folder / "sqlite")
    await _throughput(folder, settings, await settle(settings), generate)
    await _handshakes(folder, settings, "handshake, SQLite")
    with _postgresql() as url:
        settings = _settings(folder / "postgresql", url)
        await settle(settings)
        await _handshakes(folder, settings, "handshake, PostgreSQL")


async def _throughput(folder: Path, settings: Settings, population: Population, generate: Generator) -> None:
    data_dir, key_file = str(settings.data_dir), str(settings.gateway_key_file)
    async with AsyncExitStack() as stack:

        async def start(name: str, command: Sequence[str]) -> Running:
            return await stack.enter_async_context(running(command, folder / f"{name}.log"))

        echo = await start("echo", module("tests.bench.echo"))
        broker = await start(
            "broker",
            product("serve", "--data-dir", data_dir, "--grpc", "127.0.0.1:0", "--public-url", settings.public_url),
        )
        with _apart([echo, broker]):
            figures = await compare(targets.echoes(echo.grpc), targets.reads(broker.grpc, population), generate)
        say(report.comparison(f"gRPC, SQLite, {SIZE:,} peers", figures))
        hop = await start("hop", module("tests.bench.hop", echo.grpc))
        gateway = await start(
            "gateway", product("gateway", "--broker", broker.grpc, "--key-file", key_file, "--http", "127.0.0.1:0")
        )
        ours = targets.credentials(gateway.http, population)
        with _apart([hop, gateway], [echo, broker]):
            figures = await compare(targets.hop(hop.http), [ours], generate)
        say(report.comparison("HTTP/1.1", figures))


@contextmanager
def _apart(measured: Sequence[Running], behind: Sequence[Running] = ()) -> Iterator[None]:
    """What is measured gets one processor; what is behind it and the load another, if there are two to choose from."""
    found = programs.processors()
    first, second = (found[:1], found[1:2]) if len(found) > 1 else (found, found)
    for server in measured:
        programs.place(server.pid, first)
    for pid in (programs.OWN, *(server.pid for server in behind)):
        programs.place(pid, second)  # the load is started by this process, and inherits
    try:
        yield
    finally:
        for pid in (programs.OWN, *(server.pid for server in (*measured, *behind))):
            programs.place(pid, found)


async def _handshakes(folder: Path, settings: Settings, title: str) -> None:
    waited = await handshakes(settings.data_dir, settings.database_url, folder / "up.log")
    say(report.waits(title, waited.rows))


@contextmanager
def _postgresql() -> Iterator[str]:
    """A database of its own."""
    with postgres.running() as server:
        name = server.create()
        try:
            yield server.database(name)
        finally:
            server.drop(name)


def _settings(data_dir: Path, database_url: str | None = None) -> Settings:
    url = database_url or embedded_database(data_dir)
    return Settings(data_dir=data_dir, grpc="127.0.0.1:0", public_url="https://bench.example.com", database_url=url)


def say(lines: Sequence[str]) -> None:
    print(*lines, "", sep="\n", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="ocpi-broker-bench-") as root:
        try:
            asyncio.run(main(Path(root)))
        except TimeoutError:
            sys.exit(f"stopped: not done within {BUDGET_SECONDS} s")
        except asyncio.CancelledError:
            sys.exit("stopped")
