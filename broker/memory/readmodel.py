"""Memory kept current from the change log, and the questions that the hot path asks it."""

import asyncio
import time
from collections.abc import Callable

import structlog

from broker.clock import Clock
from broker.core.caller import Caller
from broker.core.model import Policy, Sealed, Tenant, Token
from broker.core.peer import IssuedToken, Peer
from broker.crypto import minting
from broker.crypto.keys import Keyring
from broker.crypto.sealing import DataKey
from broker.errors import NotFoundError, StoreUnavailableError, TamperedError
from broker.memory.indexes import Memory
from broker.store import callers, changes, peers, tenants
from broker.store.transactions import Reading, Store

_log = structlog.get_logger(__name__)

# What a sealed box is for. A box opens for nothing else.
HELD_TOKEN = "held-token"  # noqa: S105  no secret
ACCESS_TOKEN = "access-token"  # noqa: S105
OFFERED_TOKEN = "offered-token"  # noqa: S105
IMPORTED_TOKEN = "imported-token"  # noqa: S105

_POLL_SECONDS = 0.25
_CLOCK_SECONDS = 60.0
_BATCH = 500
_UNREADABLE = (ValueError, KeyError, TypeError)

Update = Callable[[], None]
"""Puts something that was read into memory; made in the store's thread, called in the event loop's."""


class ReadModel:
    """Current as of revision. Too old after max_staleness seconds without the database."""

    def __init__(self, store: Store, keyring: Keyring, clock: Clock, *, max_staleness: float = 60.0) -> None:
        self._store = store
        self._clock = clock
        self._max_staleness = max_staleness
        self._memory = Memory(keyring.encryption_keys)
        self._peppers = keyring.peppers
        self._lock = asyncio.Lock()
        self._begun = self._done = 0
        self._fresh_at = 0.0
        self.revision = -1

    @property
    def is_fresh(self) -> bool:
        return self.lag <= self._max_staleness

    @property
    def lag(self) -> float:
        """Seconds since memory was known to be what the database has."""
        return time.monotonic() - self._fresh_at

    def require_fresh(self) -> None:
        """Raises StoreUnavailableError when the database has been away for too long."""
        if not self.is_fresh:
            raise StoreUnavailableError("the database has been away for too long to answer from memory")

    def tenant(self, tenant: str) -> Tenant | None:
        return self._memory.tenants.get(tenant)

    def tenants(self) -> list[Tenant]:
        return list(self._memory.tenants.values())

    def peers(self) -> list[Peer]:
        """Of every tenant."""
        return self._memory.peers

    def unproven(self) -> list[Peer]:
        """Those that have announced a token that has not worked yet."""
        return list(self._memory.unproven.values())

    def peer_of(self, uid: str) -> Peer | None:
        """By the uid of its row."""
        return self._memory.peer_of(uid)

    def policy(self, tenant: str) -> Policy:
        found = self._memory.tenants.get(tenant)
        return found.policy if found else Policy()

    def peer(self, tenant: str, peer_id: str) -> Peer | None:
        return self._memory.names.get((tenant, peer_id))

    def holders(self, tenant: str, country_code: str, party_id: str) -> dict[str, Peer]:
        """The peers that hold this party, by role."""
        return self._memory.holders.get((tenant, country_code, party_id), {})

    def issued(self, lookup_id: str) -> tuple[Peer, IssuedToken] | None:
        return self._memory.issued.get(lookup_id)

    def recognised(self, text: str) -> tuple[Peer, IssuedToken] | None:
        """Whose issued token this is, or was; ours and foreign ones alike. A few keyed hashes, whatever the text."""
        for lookup_id in minting.lookup_ids(self._peppers.values(), text):
            found = self._memory.issued.get(lookup_id)
            pepper = self._peppers.get(found[1].pepper_id) if found else None
            if found is not None and pepper is not None and minting.matches(pepper, text, found[1].digest):
                return found
        return None

    def caller(self, lookup_id: str) -> Caller | None:
        """An unrevoked caller by the lookup id of its key."""
        return self._memory.callers.get(lookup_id)

    def data_key(self, tenant: str) -> DataKey:
        """Raises NotFoundError for a tenant that is gone, TamperedError if its key did not open."""
        found = self._memory.data_keys.get(tenant)
        if found is None and tenant not in self._memory.tenants:
            raise NotFoundError("the tenant does not exist")
        if found is None:
            raise TamperedError("the tenant's data key does not open")
        return found

    def held_token(self, peer: Peer) -> Token:
        """The token we present to this peer. Raises NotFoundError without one, TamperedError if it does not open."""
        if peer.held is None:
            raise NotFoundError("there is no token for this peer")
        return self.unsealed(peer, peer.held.sealed, HELD_TOKEN)

    def unsealed(self, peer: Peer, box: Sealed, purpose: str) -> Token:
        """A token that is kept for this peer. Raises TamperedError if it does not open."""
        return Token(self.data_key(peer.tenant).open(box, purpose, peer.uid).decode())

    def sealed(self, tenant: str, peer_uid: str, token: Token, purpose: str) -> Sealed:
        return self.data_key(tenant).seal(token.reveal().encode(), purpose, peer_uid)

    async def start(self) -> None:
        """Read everything. Raises StoreUnavailableError."""
        self._clock.offset = await self._store.clock_offset()
        self.revision, updates = await self._store.read(self._everything)
        for update in updates:
            update()
        self._fresh_at = time.monotonic()

    async def catch_up(self) -> None:
        """Apply every change committed before this call. Raises StoreUnavailableError.

        Callers that ask while a run is going on share the next one that succeeds.
        """
        wanted = self._begun + 1
        async with self._lock:
            if self._done >= wanted:
                return
            self._begun += 1
            run = self._begun
            while await self._apply():
                pass
            self._done = run
            self._fresh_at = time.monotonic()

    async def refresh(self) -> None:
        """catch_up() for those who have committed already: a database that has just gone away is not their failure."""
        try:
            await self.catch_up()
        except StoreUnavailableError:
            _log.warning("read_model_behind", revision=self.revision)

    async def reach(self, revision: int) -> None:
        """Read-your-writes across brokers. Raises StoreUnavailableError if that revision is not there yet."""
        if self.revision < revision:
            await self.catch_up()
        if self.revision < revision:
            raise StoreUnavailableError(f"revision {revision} has not been reached yet")

    async def follow(self) -> None:
        """Keep current until cancelled; the database may come and go."""
        measured = time.monotonic()
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                await self.catch_up()
                if time.monotonic() - measured > _CLOCK_SECONDS:
                    self._clock.offset = await self._store.clock_offset()
                    measured = time.monotonic()
            except StoreUnavailableError:
                continue  # the store says so, once
            except Exception:  # noqa: BLE001  a defect must not end the loop unseen
                _log.exception("read_model_stuck")

    async def _apply(self) -> bool:
        """Apply some changes; whether there may be more."""
        after = self.revision
        found, updates = await self._store.read(lambda session: self._changed(session, after))
        self.revision = found.revision
        for update in updates:
            update()
        return found.more

    def _changed(self, session: Reading, after: int) -> tuple[changes.Changes, list[Update]]:
        found = changes.since(session, after, _BATCH)
        return found, [self._read_guarded(session, kind, key) for kind, key in found.things]

    def _everything(self, session: Reading) -> tuple[int, list[Update]]:
        """The revision first: what is committed meanwhile is then read once more, not missed."""
        revision = changes.newest(session)
        updates = [self._read_guarded(session, "tenant", tenant) for tenant in tenants.ids(session)]
        updates += [self._read_guarded(session, "caller", caller) for caller in callers.ids(session)]
        try:
            updates += [self._put_peer(peer.uid, peer) for peer in peers.everything(session)]
        except _UNREADABLE:
            updates += [self._read_guarded(session, "peer", uid) for uid in peers.uids(session)]
        return revision, updates

    def _read_guarded(self, session: Reading, kind: str, key: str) -> Update:
        """One damaged row must not stop all others. What was known of it stays: a 401 would make a peer give up."""
        try:
            return self._read(session, kind, key)
        except _UNREADABLE as err:
            known = self.peer_of(key) if kind == "peer" else None
            where = known.where if known else {"tenant": key} if kind == "tenant" else {}
            _log.error("row_unreadable", **where, kind=kind, key=key, cause=type(err).__name__)
            return lambda: None

    def _read(self, session: Reading, kind: str, key: str) -> Update:
        match kind:
            case "peer":
                return self._put_peer(key, peers.find_by_uid(session, key))
            case "caller":
                return self._put_caller(callers.find(session, key))
            case "tenant":
                record = tenants.find(session, key)
                keys = tenants.data_keys(session, key)
                return lambda: self._memory.put_tenant(key, record.tenant if record else None, keys)
        raise ValueError(f"the change log names a {kind}")

    def _put_peer(self, uid: str, found: Peer | None) -> Update:
        return lambda: self._memory.put_peer(uid, found)

    def _put_caller(self, found: Caller | None) -> Update:
        return lambda: self._memory.put_caller(found) if found else None
