"""How far the database had come, kept outside of it: that it was restored from a backup does not go unnoticed (F18).

The mark is never lowered. Once the database was found below it, that stays on record until an operator removes the
file.
"""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from broker.crypto.secretfiles import replace
from broker.memory.readmodel import ReadModel

_log = structlog.get_logger(__name__)

_WRITE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Mark:
    """revision is the highest one seen; found is the lower one at which the database was found later."""

    revision: int
    found: int | None = None


class HighWater:
    """Compares once, at the start; then keeps the mark until finish() is called."""

    def __init__(self, path: Path, model: ReadModel) -> None:
        self._path = path
        self._model = model
        self._finished = asyncio.Event()

    def compare(self) -> None:
        """Say so if the database has gone back since the mark was written."""
        mark = read(self._path)
        if mark is None:
            return
        if mark.found is None and self._model.revision < mark.revision:
            mark = Mark(mark.revision, self._model.revision)
            _write(self._path, mark)
        if mark.found is not None:
            _log.error("database_went_back", revision=mark.found, mark=mark.revision)

    async def follow(self) -> None:
        """Until finish() is called, and once more then."""
        while not self._finished.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._finished.wait(), _WRITE_SECONDS)
            await asyncio.to_thread(self._raise)

    def finish(self) -> None:
        self._finished.set()

    def _raise(self) -> None:
        mark, revision = read(self._path), self._model.revision
        if mark is None or (mark.found is None and mark.revision < revision):
            _write(self._path, Mark(revision))


def read(path: Path) -> Mark | None:
    """None without a file, or with one that is damaged."""
    try:
        document = json.loads(path.read_bytes())
        return Mark(int(document["revision"]), document.get("found"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write(path: Path, mark: Mark) -> None:
    try:
        replace(path, json.dumps({"revision": mark.revision, "found": mark.found}))
    except OSError as err:
        _log.warning("high_water_not_written", cause=type(err).__name__)
