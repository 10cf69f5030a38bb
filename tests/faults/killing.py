"""Moments at which a broker makes something durable or says something to a peer, each with a name, and death at one.

The product knows nothing of this: Store.change, Store.jot and Wire.exchange are wrapped from outside. A moment is named
like `change:AttemptCommits.keep:after#1`: the seam, who uses it, before or after the commit or the call, which time.
"""

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broker.outbound.http_call import Call, Wire
from broker.store.transactions import Store, Transaction

FOLDER = "OCPI_BROKER_TEST_MOMENTS"
"""The environment variable that names the folder through which a test arms a broker."""


@dataclass(frozen=True, slots=True)
class Arms:
    """The test's end: what is armed, and which moments have passed since."""

    folder: Path

    def arm(self, moment: str = "") -> None:
        """From now on moments are counted, from one, and the broker dies at this one; it only lists them without."""
        self._passed.unlink(missing_ok=True)
        draft = self.folder / "armed.new"
        draft.write_text(moment)
        draft.replace(self._armed)

    def disarm(self) -> None:
        self._armed.unlink(missing_ok=True)

    def passed(self) -> list[str]:
        return self._passed.read_text().splitlines() if self._passed.exists() else []

    @property
    def _armed(self) -> Path:
        return self.folder / "armed"

    @property
    def _passed(self) -> Path:
        return self.folder / "passed"


@dataclass(slots=True)
class Moments:
    """The broker's end."""

    folder: Path
    _counts: Counter[str] = field(default_factory=Counter)
    _since: int = 0
    """When it was armed last."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reach(self, seam: str, who: str, when: str) -> None:
        """Dies here, if this is the moment. Transactions run in threads."""
        with self._lock:
            self._reach(f"{seam}:{who}:{when}")

    def _reach(self, name: str) -> None:
        armed = self.folder / "armed"
        try:
            since, wanted = armed.stat().st_mtime_ns, armed.read_text()
        except FileNotFoundError:
            return
        if since != self._since:
            self._since = since
            self._counts.clear()
        self._counts[name] += 1
        moment = f"{name}#{self._counts[name]}"
        with (self.folder / "passed").open("a") as passed:
            passed.write(f"{moment}\n")
        if moment == wanted:
            os.kill(os.getpid(), signal.SIGKILL)


def wrap(moments: Moments) -> None:
    """Have every store and every wire of this process tell where they are."""
    change, jot, exchange = Store.change, Store.jot, Wire.exchange

    def before(seam: str, work: Callable[[Transaction], Any]) -> Callable[[Transaction], Any]:
        def then(tx: Transaction) -> Any:
            result = work(tx)
            moments.reach(seam, _who(work), "before")
            return result

        return then

    async def wrapped_change(store: Store, actor: str, work: Callable[[Transaction], Any]) -> Any:
        result = await change(store, actor, before("change", work))
        moments.reach("change", _who(work), "after")
        return result

    async def wrapped_jot(store: Store, work: Callable[[Transaction], Any]) -> Any:
        result = await jot(store, before("jot", work))
        moments.reach("jot", _who(work), "after")
        return result

    async def wrapped_exchange(wire: Wire, call: Call, *more: Any) -> Any:
        what = call.what.replace(" ", "-")
        moments.reach("wire", what, "before")
        reply = await exchange(wire, call, *more)
        moments.reach("wire", what, "after")
        return reply

    Store.change = wrapped_change  # type: ignore[method-assign, assignment]
    Store.jot = wrapped_jot  # type: ignore[method-assign, assignment]
    Wire.exchange = wrapped_exchange  # type: ignore[method-assign, assignment]


def _who(work: Callable[[Transaction], Any]) -> str:
    """The method whose transaction it is."""
    return getattr(work, "__qualname__", type(work).__name__).partition(".<locals>")[0]
