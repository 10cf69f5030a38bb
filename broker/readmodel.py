"""What the hot path answers from: tenants, peers, verifiers and callers in memory, fed by the change log.

Held tokens stay sealed in it. It is read without locks or awaits; each thing in it is replaced as a whole.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from broker import sealing
from broker.clock import Clock
from broker.core.caller import Caller
from broker.core.model import Policy, Tenant, Token, WrappedKey
from broker.core.peer import IssuedToken, Peer, PeerState
from broker.errors import NotFoundError, StoreUnavailableError, TamperedError
from broker.keys import Keyring
from broker.sealing import DataKey
from broker.store import callers, changes, peers, tenants
from broker.store.transactions import Store

_log = structlog.get_logger(__name__)

HELD_TOKEN = "held-token"  # noqa: S105  what a sealed box is for, not a secret

_POLL_SECONDS = 0.25
_CLOCK_SECONDS = 60.0
_BATCH = 500
_UNREADABLE = (ValueError, KeyError, TypeError)


@dataclass(slots=True)
class _Memory:
    tenants: dict[str, Tenant] = field(default_factory=dict)
    data_keys: dict[str, DataKey] = field(default_factory=dict)
    peers: dict[str, Peer] = field(default_factory=dict)
    by_name: dict[tuple[str, str], Peer] = field(default_factory=dict)
    by_party: dict[tuple[str, str, str], dict[str, Peer]] = field(default_factory=dict)
    issued: dict[str, tuple[Peer, IssuedToken]] = field(default_factory=dict)
    callers: dict[str, Caller] = field(default_factory=dict)
    keys: dict[str, Caller] = field(default_factory=dict)


class ReadModel:
    """Current as of revision. Too old after max_staleness seconds without the database."""

    def __init__(self, store: Store, keyring: Keyring, clock: Clock, *, max_staleness: float = 60.0) -> None:
        self._store = store
        self._keyring = keyring
        self._clock = clock
        self._max_staleness = max_staleness
        self._memory = _Memory()
        self._lock = asyncio.Lock()
        self._runs = 0
        self._fresh_at = 0.0
        self.revision = -1

    def require_fresh(self) -> None:
        """Raises StoreUnavailableError when the database has been away for too long."""
        if time.monotonic() - self._fresh_at > self._max_staleness:
            raise StoreUnavailableError("the database has been away for too long to answer from memory")

    def tenant(self, tenant: str) -> Tenant | None:
        return self._memory.tenants.get(tenant)

    def policy(self, tenant: str) -> Policy:
        found = self._memory.tenants.get(tenant)
        return found.policy if found else Policy()

    def peer(self, tenant: str, peer_id: str) -> Peer | None:
        return self._memory.by_name.get((tenant, peer_id))

    def peer_by_uid(self, uid: str) -> Peer | None:
        return self._memory.peers.get(uid)

    def holders(self, tenant: str, country_code: str, party_id: str) -> dict[str, Peer]:
        """The peers that hold this party, by role."""
        return self._memory.by_party.get((tenant, country_code, party_id), {})

    def issued(self, lookup_id: str) -> tuple[Peer, IssuedToken] | None:
        return self._memory.issued.get(lookup_id)

    def caller(self, lookup_id: str) -> Caller | None:
        """An unrevoked caller by the lookup id of its key."""
        return self._memory.keys.get(lookup_id)

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
        return Token(self.data_key(peer.tenant).open(peer.held.sealed, HELD_TOKEN, peer.uid).decode())

    async def start(self) -> None:
        """Read everything. Raises StoreUnavailableError."""
        self._clock.offset = await self._store.clock_offset()
        self.revision = await self._store.read(changes.newest)
        for record in await self._store.read(tenants.everything):
            self._memory.tenants[record.tenant.id] = record.tenant
        for wrapped in await self._store.read(tenants.data_keys):
            self._keep_data_key(wrapped)
        await self._load_peers()
        for caller in await self._store.read(callers.everything):
            self._keep_caller(caller)
        self._fresh_at = time.monotonic()

    async def catch_up(self) -> None:
        """Apply every change committed before this call. Raises StoreUnavailableError.

        Callers that ask while a run is going on share the next one.
        """
        wanted = self._runs + 1
        async with self._lock:
            if self._runs >= wanted:
                return
            self._runs += 1
            await self._apply()

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
                _log.warning("database_away", stale_seconds=round(time.monotonic() - self._fresh_at, 1))

    async def _apply(self) -> None:
        while await self._apply_batch(self.revision):
            pass
        self._fresh_at = time.monotonic()

    async def _apply_batch(self, after: int) -> bool:
        found = await self._store.read(lambda session: changes.since(session, after, _BATCH))
        for kind, key in found.things:
            await self._reload_guarded(kind, key)
        self.revision = found.revision
        return bool(found.things)

    async def _load_peers(self) -> None:
        """All at once; one by one if a row among them cannot be read."""
        try:
            for peer in await self._store.read(peers.everything):
                self._keep_peer(peer)
        except _UNREADABLE:
            for uid in await self._store.read(peers.uids):
                await self._reload_guarded("peer", uid)

    async def _reload_guarded(self, kind: str, key: str) -> None:
        """One damaged row must not stop all others. What was known of it stays: a 401 would make a peer give up."""
        try:
            await self._reload(kind, key)
        except _UNREADABLE as err:
            _log.error("row_unreadable", kind=kind, key=key, cause=type(err).__name__)

    async def _reload(self, kind: str, key: str) -> None:
        match kind:
            case "peer":
                await self._reload_peer(key)
            case "tenant":
                await self._reload_tenant(key)
            case "caller":
                found = await self._store.read(lambda session: callers.find(session, key))
                if found is not None:
                    self._keep_caller(found)

    async def _reload_peer(self, uid: str) -> None:
        found = await self._store.read(lambda session: peers.find_by_uid(session, uid))
        self._drop_peer(uid)
        if found is not None:
            self._keep_peer(found)

    async def _reload_tenant(self, tenant: str) -> None:
        record = await self._store.read(lambda session: tenants.find(session, tenant))
        if record is None:
            self._drop_tenant(tenant)
            return
        for wrapped in await self._store.read(lambda session: tenants.data_keys(session, tenant)):
            self._keep_data_key(wrapped)
        self._memory.tenants[tenant] = record.tenant

    def _keep_peer(self, peer: Peer) -> None:
        self._memory.peers[peer.uid] = peer
        self._memory.by_name[peer.tenant, peer.id] = peer
        for token in peer.issued:
            self._memory.issued[token.lookup_id] = (peer, token)
        if peer.state is PeerState.REGISTERED:
            for party in peer.parties:
                key = (peer.tenant, party.key.country_code, party.key.party_id)
                self._memory.by_party.setdefault(key, {})[party.key.role.value] = peer

    def _drop_peer(self, uid: str) -> None:
        peer = self._memory.peers.pop(uid, None)
        if peer is None:
            return
        self._memory.by_name.pop((peer.tenant, peer.id), None)
        for token in peer.issued:
            self._memory.issued.pop(token.lookup_id, None)
        for party in peer.parties:
            key = (peer.tenant, party.key.country_code, party.key.party_id)
            roles = self._memory.by_party.get(key, {})
            holder = roles.get(party.key.role.value)
            if holder is not None and holder.uid == uid:
                del roles[party.key.role.value]

    def _drop_tenant(self, tenant: str) -> None:
        self._memory.tenants.pop(tenant, None)
        self._memory.data_keys.pop(tenant, None)
        for uid in _uids_of(self._memory.peers.values(), tenant):
            self._drop_peer(uid)

    def _keep_data_key(self, wrapped: WrappedKey) -> None:
        """One tenant's damaged key must not keep the others from working."""
        try:
            self._memory.data_keys[wrapped.tenant] = sealing.unwrap(self._keyring.encryption_keys, wrapped)
        except TamperedError as err:
            _log.error("data_key_does_not_open", tenant=wrapped.tenant, finding=str(err))

    def _keep_caller(self, caller: Caller) -> None:
        self._memory.callers[caller.id] = caller
        if caller.revoked_at is None:
            self._memory.keys[caller.lookup_id] = caller
        else:
            self._memory.keys.pop(caller.lookup_id, None)


def _uids_of(found: Iterable[Peer], tenant: str) -> list[str]:
    return [peer.uid for peer in found if peer.tenant == tenant]
