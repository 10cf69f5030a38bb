"""When each peer last called us, without SQL on the hot path: noted here, written within a second.

A peer that calls often is written once in a while: what is known of it is that old at most. What is lost when a broker
dies is no more than that.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from itertools import islice

import structlog

from broker.clock import Clock
from broker.core.peer import Peer
from broker.errors import StoreUnavailableError
from broker.store import peer_health
from broker.store.transactions import Store, Transaction

_log = structlog.get_logger(__name__)

_INTERVAL_SECONDS = 1.0
_RESOLUTION = 300 * 1_000_000
"""Microseconds in which a peer is written once."""
_BATCH = 500


class Contacts:
    """Writes until finish() is called."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._noted: dict[str, int] = {}
        self._waiting: dict[str, int] = {}
        self._tidied_at = clock()
        self._finished = asyncio.Event()

    def note(self, peer: Peer) -> None:
        """The peer has shown a token that works."""
        now = self._clock()
        if now - self._noted.get(peer.uid, 0) >= _RESOLUTION:
            self._noted[peer.uid] = self._waiting[peer.uid] = now

    async def flush(self) -> None:
        """Write what was noted. Keeps what it could not write; raises StoreUnavailableError."""
        while self._waiting:
            batch = dict(islice(self._waiting.items(), _BATCH))
            await self._store.jot(partial(_write, calls=batch))
            self._waiting = {uid: at for uid, at in self._waiting.items() if batch.get(uid) != at}

    async def follow(self) -> None:
        """Until finish() is called, and once more then. Not to be cancelled: a write may be under way."""
        while not self._finished.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._finished.wait(), _INTERVAL_SECONDS)
            await self._try_to_flush()
            self._tidy()
        await self._try_to_flush()

    def finish(self) -> None:
        """Let follow() write once more and end."""
        self._finished.set()

    async def _try_to_flush(self) -> None:
        try:
            await self.flush()
        except StoreUnavailableError:
            pass  # the store tells that the database is away; it is tried again
        except Exception:  # noqa: BLE001  a defect must not end the loop unseen
            _log.exception("contacts_stuck", peers=len(self._waiting))

    def _tidy(self) -> None:
        """Peers come and go: whoever may be written again need not be remembered."""
        now = self._clock()
        if now - self._tidied_at >= _RESOLUTION:
            self._tidied_at = now
            self._noted = {uid: at for uid, at in self._noted.items() if now - at < _RESOLUTION}


def _write(tx: Transaction, calls: Mapping[str, int]) -> None:
    peer_health.note_calls(tx, calls)
