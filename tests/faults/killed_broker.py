"""`ocpi-broker` that dies by SIGKILL where a test wants it to: python -m tests.faults.killed_broker ARGUMENTS.

Each line on standard input starts the program once more, in a new process with nothing of the one before; lines of JSON
tell when it is born and when it has died. Only what it imports is there already: that is most of the time of a start.
"""

import json
import os
import sys
from pathlib import Path
from typing import NoReturn

import tests.warm  # noqa: F401  imported before the fork
from broker import cli
from tests.faults import killing


def main() -> None:
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            _live()
        _say("born", pid=child)
        _, status = os.waitpid(child, 0)
        _say("died", status=os.waitstatus_to_exitcode(status))


def _say(event: str, **more: int) -> None:
    print(json.dumps({"event": event, **more}), flush=True)


def _live() -> NoReturn:
    """The program itself, to its end."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    killing.wrap(killing.Moments(Path(os.environ[killing.FOLDER])))
    code = 0
    try:
        cli.main(sys.argv[1:])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    os._exit(code)


if __name__ == "__main__":
    main()
