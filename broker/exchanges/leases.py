"""Leases: one exchange of a peer at a time, how long the next one waits, and the record of each (F5)."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import structlog

from broker.core.exchange import Exchange, Outcome
from broker.core.model import PartyKey
from broker.core.peer import Purpose
from broker.errors import BrokerError, ExchangeInProgressError, StoreUnavailableError
from broker.memory.authenticator import Identity
from broker.store import exchange_records, jobs, token_uses, transitions
from broker.store.transactions import Store, Transaction

_log = structlog.get_logger(__name__)

LEASE_MICROSECONDS = 40_000_000
"""The budget for callbacks and a margin; the lease of a broker that died is free after it."""

_WAIT_SECONDS = 5.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5
_MOST_WAITING = 24
_MAX_FAILURES = 100
"""Failed attempts after which an invitation is taken back (RR-21)."""
_TOLD = 5
"""Parties that one audit entry names."""
_THEIR_FAILURES = frozenset(
    {"CREDENTIALS_INVALID", "PARTY_NOT_ALLOWED", "PEER_UNUSABLE", "PEER_VERSION_UNSUPPORTED", "PEER_ENDPOINTS_MISSING"}
)
"""Ours, such as a full house, must not use up anybody's invitation."""


class Leases:
    """Opens, refuses and closes exchanges. A success is written by the transaction that commits it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: Counter[str] = Counter()

    async def recover(self) -> None:
        """Free the leases of a broker that died. Only where there is no other broker that could hold one."""

        def free(tx: Transaction) -> None:
            transitions.release_every_lease(tx)
            jobs.release_every_lease(tx)
            exchange_records.abandon_running(tx)

        await self._store.jot(free)

    async def open(self, exchange: Exchange) -> None:
        """Take the peer's lease, waiting a little for the exchange before. Raises ExchangeInProgressError."""
        if self._waiting[exchange.peer_uid] >= _MOST_WAITING:
            raise ExchangeInProgressError("too many exchanges of this connection are waiting; try again")
        self._waiting[exchange.peer_uid] += 1
        try:
            await self._wait(exchange)
        finally:
            self._waiting[exchange.peer_uid] -= 1
            self._waiting += Counter()  # drops what is back at zero

    async def _wait(self, exchange: Exchange) -> None:
        pause = _SHORTEST_PAUSE
        deadline = asyncio.get_running_loop().time() + _WAIT_SECONDS

        def acquire(tx: Transaction) -> bool:
            until = tx.now + LEASE_MICROSECONDS
            acquired = transitions.acquire_lease(tx, exchange.peer_uid, exchange.uid, until)
            if acquired:
                exchange_records.begin(tx, replace(exchange, deadline_at=until))
            return acquired

        while not await self._store.jot(acquire):
            if asyncio.get_running_loop().time() > deadline:
                raise ExchangeInProgressError("another exchange of this connection is running; try again")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    async def refuse(self, exchange: Exchange, error: BrokerError) -> None:
        """An exchange that never got a lease is on record all the same: operators look here first."""

        def write(tx: Transaction) -> None:
            refused = replace(exchange, outcome=Outcome.REFUSED, reason=error.reason, message=error.explained)
            exchange_records.begin(tx, replace(refused, quirk=error.quirk, ended_at=tx.now))

        await self._store.jot(write)

    async def put_before_operator(self, identity: Identity, asked: Sequence[PartyKey]) -> None:
        """Remember what the peer asked for in vain, until an operator approves it or it asks for something else.

        Asking for something else each time uses up the invitation as failures do.
        """
        peer, counts = identity.peer, identity.token.purpose is Purpose.INVITATION

        def write(tx: Transaction) -> int:
            if not transitions.request_parties(tx, peer, asked):
                return 0
            told = [str(key) for key in asked[:_TOLD]]
            tx.audit("peer.approval_requested", peer.tenant, peer.name, parties=told, count=len(asked))
            return token_uses.count_failure(tx, identity.token.lookup_id) if counts else 0

        if tuple(asked) != peer.requested and await self._store.change(peer.name, write) >= _MAX_FAILURES:
            await self._withdraw(identity)

    async def fail(self, exchange: Exchange, identity: Identity, error: BrokerError) -> None:
        """Release the lease and record why; what stood before stands. With the database away it ends by itself."""
        counts = error.reason in _THEIR_FAILURES and identity.token.purpose is Purpose.INVITATION

        def give_up(tx: Transaction) -> int:
            transitions.release_lease(tx, exchange.peer_uid, exchange.uid)
            exchange_records.end(
                tx,
                replace(
                    exchange,
                    outcome=Outcome.REFUSED,
                    reason=error.reason,
                    message=error.explained,
                    quirk=error.quirk,
                ),
            )
            return token_uses.count_failure(tx, identity.token.lookup_id) if counts else 0

        try:
            if await self._store.jot(give_up) >= _MAX_FAILURES:
                await self._withdraw(identity)
        except StoreUnavailableError:
            _log.warning("exchange_not_closed", **identity.peer.where, exchange=exchange.uid)

    async def _withdraw(self, identity: Identity) -> None:
        """An invitation with which nothing but failures came is taken back."""

        def withdraw(tx: Transaction) -> None:
            if not transitions.token_is_live(tx, identity.token.lookup_id):
                return
            transitions.revoke(tx, [identity.token.lookup_id])
            tx.changed("peer", identity.peer.uid)
            tx.audit("invitation.withdrawn", identity.peer.tenant, identity.peer.name, failures=_MAX_FAILURES)

        await self._store.change("broker", withdraw)
