"""ocpi-broker as a user runs it: real processes, their ready line, their sudden death and their next start."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests import forking
from tests.ports import free_port

PROGRAM = Path(sys.executable).with_name("ocpi-broker")
READY_TIMEOUT = 60
COMMAND_TIMEOUT = 60
_LOOK_SECONDS = 0.01


class NotReadyError(RuntimeError):
    """The process ended or kept silent; the message holds what it wrote to stderr."""


def environment(**more: str) -> dict[str, str]:
    """As little as possible: no settings of the developer's shell reach the program."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    # The usual port of health and metrics belongs to whoever runs a broker on this machine.
    return {**kept, "PYTHONUNBUFFERED": "1", "OCPI_BROKER_HEALTH": "off", **more}


@dataclass(slots=True)
class Program:
    """One command that runs until it is told to stop, e.g. ("up", "--data-dir", …).

    program: the script that a user has, which starts an interpreter of its own; else forked from one that is warm.
    """

    arguments: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=environment)
    program: Path | None = None
    ready: dict[str, Any] = field(default_factory=dict)
    _process: "_Exec | _Fork | None" = None

    async def start(self) -> dict[str, Any]:
        """Starts the process and answers what its ready line says."""
        stdout = self.log.with_suffix(".stdout")
        stdout.write_bytes(b"")
        env = dict(self.env)
        if self.program is not None:
            self._process = await _Exec.begin([str(self.program), *self.arguments], env, stdout, self.log)
        else:
            self._process = await _Fork.begin(self.arguments, env, stdout, self.log)
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                self.ready = await self._ready_line(stdout)
        except TimeoutError:
            await self.kill()
            raise NotReadyError(f"no ready line: {self._tail()}") from None
        return self.ready

    async def kill(self) -> None:
        """kill -9, of the process and all that it started."""
        if self._process is None or self._process.code is not None:
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
        if self._process.code is None:
            os.kill(self._process.pid, signal.SIGTERM)
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

    async def _ready_line(self, stdout: Path) -> dict[str, Any]:
        assert self._process is not None
        while True:
            over = self._process.code is not None
            ready = _ready(stdout)
            if ready is not None:
                return ready
            if over:
                raise NotReadyError(f"ended with {self._process.code}: {self._tail()}")
            await asyncio.sleep(_LOOK_SECONDS)

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


def _ready(stdout: Path) -> dict[str, Any] | None:
    """What the ready line says, if it is there."""
    whole = [line for line in stdout.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return next((dict(said) for said in map(json.loads, whole) if said.get("event") == "ready"), None)


@dataclass(frozen=True, slots=True)
class _Exec:
    """The program as it is installed."""

    process: asyncio.subprocess.Process

    @classmethod
    async def begin(cls, command: Sequence[str], env: dict[str, str], stdout: Path, stderr: Path) -> "_Exec":
        with stdout.open("ab") as out, stderr.open("ab") as err:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=env,
                start_new_session=True,  # so that workers die with it
            )
        return cls(process)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def code(self) -> int | None:
        return self.process.returncode

    async def wait(self) -> int:
        return await self.process.wait()


@dataclass(frozen=True, slots=True)
class _Fork:
    """The program in a fork of an interpreter that has imported it."""

    process: BaseProcess

    @classmethod
    async def begin(cls, arguments: Sequence[str], env: dict[str, str], stdout: Path, stderr: Path) -> "_Fork":
        return cls(await forking.start(arguments, env, Path(os.devnull), stdout, stderr))

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    @property
    def code(self) -> int | None:
        return self.process.exitcode

    async def wait(self) -> int:
        code = await forking.ended(self.process)
        assert code is not None
        return code


def up(
    folder: Path,
    database_url: str | None = None,
    *more: str,
    env: Mapping[str, str] | None = None,
    program: Path | None = None,
) -> Program:
    """Broker and gateway in one command, on the same free ports after every restart."""
    arguments = ["up", "--data-dir", str(folder / "data"), "--grpc", f"127.0.0.1:{free_port()}"]
    arguments += ["--http", f"127.0.0.1:{free_port()}", "--allow-insecure-peers", *more]
    if database_url:
        arguments += ["--database-url", database_url]
    return Program(arguments, folder / "up.log", env or environment(), program)


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
