"""Servers in processes of their own: started, awaited, placed on processors, and ended by their ids."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.process import PROGRAM, READY_TIMEOUT, NotReadyError, environment

try:
    import uvloop
except ImportError:  # the broker and the gateway do without it too
    new_loop = None
else:
    new_loop = uvloop.new_event_loop

OWN = os.getpid()

_STOP_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers. where is what its ready line says."""

    pid: int
    where: Mapping[str, str]

    @property
    def grpc(self) -> str:
        return self.where["grpc"]

    @property
    def http(self) -> str:
        """A base URL."""
        return f"http://{self.where['http'].removeprefix('http://')}"


def module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def product(*arguments: str) -> list[str]:
    return [str(PROGRAM), *arguments]


@asynccontextmanager
async def running(command: Iterable[str], log: Path, **env: str) -> AsyncIterator[Running]:
    """Runs until the context is left. Raises NotReadyError, with what the server wrote, if it does not come up."""
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=environment(**env),
            start_new_session=True,  # Ctrl-C is for the benchmark, which then ends its servers
        )
    try:
        yield Running(process.pid, await _ready_line(process, log))
    finally:
        await _stop(process)


async def _ready_line(process: asyncio.subprocess.Process, log: Path) -> dict[str, str]:
    assert process.stdout is not None
    with suppress(TimeoutError):
        async with asyncio.timeout(READY_TIMEOUT):
            line = await process.stdout.readline()
        if line:
            return dict(json.loads(line))
    raise NotReadyError(f"no ready line: {_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:]


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


def place(pid: int, processors: Iterable[int]) -> None:
    """Keep a process, with all the threads that it has, on these processors. Without any to choose from, nothing."""
    for thread in _threads(pid) if processors else ():
        with suppress(OSError):  # it ended meanwhile
            os.sched_setaffinity(thread, processors)


def processors() -> list[int]:
    """Those on which we may run; none where they cannot be chosen."""
    return sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []


def _threads(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    return [int(task.name) for task in tasks.iterdir()] if tasks.exists() else []


def ready(**where: str) -> None:
    """Said by a server once it answers: one line, at once, as ocpi-broker says it."""
    print(json.dumps({"event": "ready", **where}), flush=True)


async def terminated() -> None:
    """Until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()


def run(main: Coroutine[Any, Any, None]) -> None:
    """A server to its end, on the event loop that the broker would use."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main)
