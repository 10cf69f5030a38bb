"""The brokers beside this one: that they give peers other URLs does not go unnoticed.

Several brokers over one database are one deployment. If they were started with different public URLs, a peer is given
one or the other, by chance.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from broker.errors import StoreUnavailableError
from broker.store import running
from broker.store.running import RunningBroker
from broker.store.transactions import Store, Transaction

_log = structlog.get_logger(__name__)

_SAY_SECONDS = 30.0


class Neighbours:
    """Says that this broker runs, until finish() is called, and warns of others that differ."""

    def __init__(self, store: Store, public_url: str, bound: Callable[[], str]) -> None:
        self._store = store
        self._public_url = public_url
        self._bound = bound
        self._finished = asyncio.Event()
        self._told: Sequence[RunningBroker] = ()

    async def differing(self) -> Sequence[RunningBroker]:
        """Those that run now with another public URL. Raises StoreUnavailableError."""
        myself = RunningBroker(self._place, self._public_url)

        def look(tx: Transaction) -> Sequence[RunningBroker]:
            running.announce(tx, myself)
            return [other for other in running.all_of_them(tx) if other.public_url != self._public_url]

        return await self._store.jot(look)

    async def follow(self) -> None:
        """Until finish() is called; the database may come and go."""
        while not self._finished.is_set():
            with suppress(StoreUnavailableError):
                self._tell(await self.differing())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._finished.wait(), _SAY_SECONDS)
        with suppress(StoreUnavailableError):
            await self._store.jot(lambda tx: running.withdraw(tx, self._place))

    @property
    def _place(self) -> str:
        return f"{socket.gethostname()} {self._bound()}"

    def finish(self) -> None:
        self._finished.set()

    def _tell(self, found: Sequence[RunningBroker]) -> None:
        """Once, until it changes."""
        if found and found != self._told:
            others = [f"{other.public_url} ({other.place})" for other in found]
            _log.warning("public_urls_differ", public_url=self._public_url, others=others)
        self._told = found
