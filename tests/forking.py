"""Commands of ocpi-broker as processes that share one start of the interpreter and its imports.

Each is a process with standard streams, environment and exit code of its own. It is forked from one that has imported
the program and done nothing else: most of what a command costs is that, and tests run hundreds of them.
"""

import asyncio
import io
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from broker.cli import main

_STREAMS = ("stdin", "stdout", "stderr")
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__, "typer._adapters"])  # the latter brings pydantic


async def command(
    arguments: Sequence[str], stdin: bytes, env: Mapping[str, str], patience: float
) -> tuple[int, bytes, bytes]:
    """Exit code, standard output and standard error. Raises TimeoutError, with an end to the process."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "stdin").write_bytes(stdin)
        process = _CONTEXT.Process(target=_command, args=(arguments, dict(env), str(Path.cwd()), name), daemon=True)
        try:
            await asyncio.to_thread(process.start)
            await asyncio.to_thread(process.join, patience)
            if process.exitcode is None:
                raise TimeoutError(f"{' '.join(arguments)} has not ended after {patience} s")
            code = process.exitcode
        finally:
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        return code, (folder / "stdout").read_bytes(), (folder / "stderr").read_bytes()


def _command(arguments: Sequence[str], env: Mapping[str, str], directory: str, folder: str) -> None:
    """In the new process: what the system does for a program, then the program."""
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(env)
    for number, name in enumerate(_STREAMS):
        opened = os.open(Path(folder, name), os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = io.TextIOWrapper(os.fdopen(0, "rb", closefd=False), encoding="utf-8")
    sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", closefd=False), encoding="utf-8")
    sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb", closefd=False), encoding="utf-8", line_buffering=True)
    main(arguments)
