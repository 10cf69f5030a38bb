"""The records of exchanges and the lease that lets one at a time run per peer (F5)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from broker.core.exchange import Exchange, Outcome, Step
from broker.core.peer import IssuedToken, Purpose
from broker.errors import BrokerError, ExchangeInProgressError, StoreUnavailableError
from broker.store import exchanges, transitions
from broker.store.transactions import Store, Transaction

_log = structlog.get_logger(__name__)

LEASE_MICROSECONDS = 40_000_000
"""The budget for callbacks and a margin; the lease of a broker that died is free after it."""

_WAIT_SECONDS = 5.0
_POLL_SECONDS = 0.05
_MAX_FAILURES = 100
"""Failed attempts after which an invitation is taken back (RR-21)."""


class Ledger:
    """Opens, refuses and closes exchanges. A success is written by the transaction that commits it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def recover(self) -> None:
        """Free the leases of a broker that died. Only where there is no other broker that could hold one."""

        def free(tx: Transaction) -> None:
            transitions.release_every_lease(tx)
            exchanges.abandon_running(tx)

        await self._store.jot(free)

    async def open(self, exchange: Exchange) -> None:
        """Take the peer's lease, waiting a little for the exchange before. Raises ExchangeInProgressError."""
        deadline = asyncio.get_running_loop().time() + _WAIT_SECONDS

        def acquire(tx: Transaction) -> bool:
            until = tx.now + LEASE_MICROSECONDS
            acquired = transitions.acquire_lease(tx, exchange.peer_uid, exchange.uid, until)
            if acquired:
                exchanges.begin(tx, replace(exchange, deadline_at=until))
            return acquired

        while not await self._store.jot(acquire):
            if asyncio.get_running_loop().time() > deadline:
                raise ExchangeInProgressError("another exchange of this connection is running; try again")
            await asyncio.sleep(_POLL_SECONDS)

    async def refuse(self, exchange: Exchange, error: BrokerError) -> None:
        """An exchange that never got a lease is on record all the same: operators look here first."""

        def write(tx: Transaction) -> None:
            refused = replace(exchange, outcome=Outcome.REFUSED, reason=error.reason, message=str(error))
            exchanges.begin(tx, replace(refused, ended_at=tx.now))

        await self._store.jot(write)

    async def fail(self, exchange: Exchange, token: IssuedToken, error: BrokerError, steps: Sequence[Step]) -> None:
        """Release the lease and record why; what stood before stands. With the database away it ends by itself."""

        def give_up(tx: Transaction) -> int:
            transitions.release_lease(tx, exchange.peer_uid, exchange.uid)
            exchanges.end(tx, exchange.uid, steps, outcome=Outcome.REFUSED, reason=error.reason, message=str(error))
            return transitions.count_failure(tx, token.lookup_id)

        try:
            failures = await self._store.jot(give_up)
            if token.purpose is Purpose.INVITATION and failures >= _MAX_FAILURES:
                await self._withdraw(exchange, token, failures)
        except StoreUnavailableError:
            _log.warning("exchange_not_closed", exchange=exchange.uid)

    async def _withdraw(self, exchange: Exchange, token: IssuedToken, failures: int) -> None:
        """An invitation with which nothing but failures came is taken back."""

        def withdraw(tx: Transaction) -> None:
            transitions.revoke(tx, [token.lookup_id])
            tx.changed("peer", exchange.peer_uid)
            tx.audit("invitation.withdrawn", "", exchange.peer_uid, failures=failures)

        await self._store.change("broker", withdraw)
