"""ocpi-broker as processes that share one start of the interpreter and its imports.

Each is a process with standard streams, environment and exit code of its own. It is forked from one that has imported
the program and done nothing else: most of what a command costs is that, and tests run hundreds of them.
"""

import asyncio
import io
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

from broker.cli import main

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__, "typer._adapters", "tests.warm"])


async def command(
    arguments: Sequence[str], stdin: bytes, env: Mapping[str, str], patience: float
) -> tuple[int, bytes, bytes]:
    """Exit code, standard output and standard error. Raises TimeoutError, with an end to the process."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "stdin").write_bytes(stdin)
        process = await start(arguments, env, folder / "stdin", folder / "stdout", folder / "stderr")
        try:
            code = await ended(process, patience)
            if code is None:
                raise TimeoutError(f"{' '.join(arguments)} has not ended after {patience} s")
        finally:
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        return code, (folder / "stdout").read_bytes(), (folder / "stderr").read_bytes()


async def start(arguments: Sequence[str], env: Mapping[str, str], *streams: Path) -> BaseProcess:
    """A process that leads a group of its own. streams are the files of its standard input, output and error."""
    directory, names = str(Path.cwd()), tuple(map(str, streams))
    process = _CONTEXT.Process(target=_program, args=(arguments, dict(env), directory, names), daemon=True)
    await asyncio.to_thread(process.start)
    return process


async def ended(process: BaseProcess, patience: float | None = None) -> int | None:
    """The exit code, or the signal as a negative number; None if it still runs when patience is over."""
    await asyncio.to_thread(process.join, patience)
    return process.exitcode


def _program(arguments: Sequence[str], env: Mapping[str, str], directory: str, streams: Sequence[str]) -> None:
    """In the new process: what the system does for a program, then the program."""
    os.setsid()
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(env)
    for number, name in enumerate(streams):
        opened = os.open(name, os.O_RDWR | os.O_CREAT | (os.O_APPEND if number else 0), 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = io.TextIOWrapper(os.fdopen(0, "rb", closefd=False), encoding="utf-8")
    sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", closefd=False), encoding="utf-8")
    sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb", closefd=False), encoding="utf-8", line_buffering=True)
    main(arguments)
