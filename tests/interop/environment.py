"""Software that was not written here, in an environment of its own, and programs of it that talk in lines of JSON."""

import asyncio
import fcntl
import hashlib
import json
import subprocess
import sys
import venv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests import process

_ROOT = Path(__file__).resolve().parents[2]
_REQUIREMENTS = _ROOT / "requirements" / "interop.txt"
_ENVIRONMENT = Path(sys.prefix) / "interop"


def interpreter() -> Path:
    """Python with the locked libraries, made once per set of requirements. Tests that run in parallel wait for it."""
    with _ENVIRONMENT.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _made()


def _made() -> Path:
    python = _ENVIRONMENT / "bin" / "python"
    stamp = _ENVIRONMENT / "made-from"
    wanted = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(_ENVIRONMENT, clear=True, with_pip=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        # The lock is complete, and leaves what one library asks for (interop-overrides.txt).
        subprocess.run([*install, "--no-deps", "-r", _REQUIREMENTS], check=True, timeout=300)
        stamp.write_text(wanted)
    return python


class Platform:
    """A running program, and what it said when it was ready."""

    def __init__(self, running: asyncio.subprocess.Process, ready: dict[str, Any]) -> None:
        self._process = running
        self.versions_url = str(ready["versions_url"])
        self.invitation = str(ready["token"])
        """A token with which one client may register there."""

    async def ask(self, **said: object) -> dict[str, Any]:
        """One line to the program, and its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(said).encode() + b"\n")
        await self._process.stdin.drain()
        return await _line(self._process)

    async def register(self, url: str, version: str, token: str, access: str) -> str:
        """Lets the library send its credentials with token; answers the token that it got."""
        said = await self.ask(url=url, version=version, token=token, access=access)
        assert "token" in said, said
        return str(said["token"])


async def _line(running: asyncio.subprocess.Process) -> dict[str, Any]:
    assert running.stdout is not None
    async with asyncio.timeout(60):
        return dict(json.loads(await running.stdout.readline()))


@asynccontextmanager
async def platform(
    python: Path, script: str, *arguments: str | Path, folder: Path, **settings: str
) -> AsyncIterator[Platform]:
    """Runs a script of this folder. It works in folder, where no settings of a developer are."""
    running = await asyncio.create_subprocess_exec(
        python,
        Path(__file__).with_name(script),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=process.environment(**settings),
        cwd=folder,
    )
    try:
        yield Platform(running, await _line(running))
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()
        running._transport.close()  # type: ignore[attr-defined]  # asyncio leaves its pipes to the collector
