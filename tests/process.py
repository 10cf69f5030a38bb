"""ocpi-broker as a user runs it: real processes, their ready line, their sudden death and their next start."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import forking
from tests.ports import free_port

PROGRAM = Path(sys.executable).with_name("ocpi-broker")
READY_TIMEOUT = 60
COMMAND_TIMEOUT = 60


class NotReadyError(RuntimeError):
    """The process ended or kept silent; the message holds what it wrote to stderr."""


def environment(**more: str) -> dict[str, str]:
    """As little as possible: no settings of the developer's shell reach the program."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    return {**kept, "PYTHONUNBUFFERED": "1", **more}


@dataclass(slots=True)
class Program:
    """One command that runs until it is told to stop, e.g. ("up", "--data-dir", …)."""

    arguments: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=environment)
    ready: dict[str, Any] = field(default_factory=dict)
    _process: asyncio.subprocess.Process | None = None

    async def start(self) -> dict[str, Any]:
        """Starts the process and answers what its ready line says."""
        with self.log.open("ab") as stderr:
            self._process = await asyncio.create_subprocess_exec(
                PROGRAM,
                *self.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                env=dict(self.env),
                start_new_session=True,  # so that workers die with it
            )
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                self.ready = await self._ready_line()
        except TimeoutError:
            await self.kill()
            raise NotReadyError(f"no ready line: {self._tail()}") from None
        return self.ready

    async def kill(self) -> None:
        """kill -9, of the process and all that it started."""
        if self._process is None or self._process.returncode is not None:
            return
        self.kill_now()
        await self._process.wait()

    def kill_now(self) -> None:
        """kill -9 from a place that cannot wait; kill() later collects the process."""
        assert self._process is not None
        with suppress(ProcessLookupError):  # dead, but not collected yet
            os.killpg(self._process.pid, signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(30):
                return await self._process.wait()
        except TimeoutError:
            await self.kill()
            raise NotReadyError(f"still running 30 s after SIGTERM: {self._tail()}") from None

    async def restart(self) -> dict[str, Any]:
        """Starts again what was killed or stopped."""
        await self.kill()
        return await self.start()

    async def _ready_line(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if said.get("event") == "ready":
                return dict(said)
        raise NotReadyError(f"ended with {await self._process.wait()}: {self._tail()}")

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


def up(folder: Path, database_url: str | None = None, *more: str, env: Mapping[str, str] | None = None) -> Program:
    """Broker and gateway in one command, on the same free ports after every restart."""
    arguments = ["up", "--data-dir", str(folder / "data"), "--grpc", f"127.0.0.1:{free_port()}"]
    arguments += ["--http", f"127.0.0.1:{free_port()}", "--allow-insecure-peers", *more]
    if database_url:
        arguments += ["--database-url", database_url]
    return Program(arguments, folder / "up.log", env or environment())


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command that ends by itself said."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self
        return json.loads(self.stdout)


async def cli(*arguments: str, stdin: str = "", env: Mapping[str, str] | None = None) -> Ran:
    """Runs ocpi-broker with these arguments to its end."""
    code, stdout, stderr = await forking.command(arguments, stdin.encode(), env or environment(), COMMAND_TIMEOUT)
    return Ran(code, stdout.decode(), stderr.decode())


class Operator:
    """Somebody who types commands for one broker."""

    def __init__(self, *location: str, env: dict[str, str] | None = None) -> None:
        self._location = location
        self._env = env

    async def run(self, *words: str, stdin: str = "") -> Ran:
        return await cli(*words, *self._location, stdin=stdin, env=environment(**self._env) if self._env else None)

    async def json(self, *words: str, stdin: str = "") -> Any:
        """The one document on standard output."""
        return (await self.run(*words, "--json", stdin=stdin)).json

    async def refused(self, *words: str, exit_code: int = 1) -> str:
        """What is said about a command that fails: one line, and nothing on standard output."""
        ran = await self.run(*words, "--json")
        assert ran.code == exit_code, ran
        assert ran.stdout == "", ran
        assert len(ran.stderr.splitlines()) == 1, ran
        assert ran.stderr.startswith("error: ")
        return ran.stderr
