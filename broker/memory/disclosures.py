"""Every token given out is audited, without SQL on the hot path: counted here, written within a second.

What is counted but not yet written survives a graceful stop (flush) and a database that is away for a while.
"""

import asyncio
from collections import Counter
from contextlib import suppress

import structlog

from broker.core.caller import Caller
from broker.core.peer import Peer
from broker.errors import StoreUnavailableError
from broker.store.transactions import Store, Transaction

_log = structlog.get_logger(__name__)

_INTERVAL_SECONDS = 0.5


class Disclosures:
    """How often each caller was given each peer's token since the last write."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._finished = asyncio.Event()

    def note(self, caller: Caller, peer: Peer) -> None:
        self._counts[caller.name, peer.tenant, peer.name] += 1

    async def flush(self) -> None:
        """Write what was counted. Keeps the counts if it cannot; raises StoreUnavailableError."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return

        def write(tx: Transaction) -> None:
            for (caller, tenant, peer), times in counts.items():
                tx.audit("token.disclosed", tenant, peer, actor=caller, times=times)

        try:
            await self._store.change("broker", write)
        except Exception:
            self._counts.update(counts)
            raise

    async def follow(self) -> None:
        """Write every half second until finish() is called. Not to be cancelled: a write may be under way."""
        while not self._finished.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._finished.wait(), _INTERVAL_SECONDS)
            await self._try_to_flush()
        await self._try_to_flush()  # what was given out during the last write
        if self._counts:
            _log.error("disclosures_lost", given=self._counts.total())

    async def _try_to_flush(self) -> None:
        try:
            await self.flush()
        except StoreUnavailableError:
            pass  # the store tells that the database is away; what was counted is kept
        except Exception:  # noqa: BLE001  a defect must not end the loop unseen
            _log.exception("disclosures_stuck", peers=len(self._counts))

    def finish(self) -> None:
        """Let follow() write once more and end."""
        self._finished.set()
