"""Brokers that probe over one database, a clock that is set by hand, and hosts that answer over real HTTP."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from broker.clock import Clock
from broker.config import Settings
from broker.core.health import NO_HEALTH, Health
from broker.core.model import BusinessDetails, HeaderForm, Party, PartyKey, Policy, Role, Tenant, Terms, Token, Version
from broker.core.peer import Peer, PeerState
from broker.crypto import keys, sealing
from broker.crypto.keys import Keyring
from broker.exchanges.health_watch import HealthWatch
from broker.exchanges.journal import Journal
from broker.memory.readmodel import HELD_TOKEN, ReadModel
from broker.outbound.discovery import HttpPeers
from broker.outbound.http_call import Budgets
from broker.outbound.url_policy import UrlPolicy
from broker.process import bootstrap
from broker.store import engine, held_tokens, json_columns, peer_health, peers, tenants
from broker.store.tables import PeerRow
from broker.store.transactions import Store, Transaction
from tests.database import Database
from tests.peer import Served, envelope, raw
from tests.serving import serving

SECOND = 1_000_000
HOUR = 3600 * SECOND
START = 1_767_225_600 * SECOND  # 2026-01-01
UNAUTHORIZED = Served(status=401, body=envelope(code=2000).body)
MISSING = Served(status=404, body=b"")


class Hand(Clock):
    """A clock that shows what its owner set."""

    now = START

    def __call__(self) -> int:
        return self.now


@dataclass
class Host:
    """Version lists of many peers at /{peer}/versions. says has other answers; delay is in seconds."""

    base: str = ""
    says: dict[str, Served | None] = field(default_factory=dict)
    delay: Callable[[str], float] = lambda _peer: 0.0
    asked: Counter[str] = field(default_factory=Counter)
    open: int = 0
    most: int = 0
    """Requests that were open at the same time."""
    gate: asyncio.Event | None = None
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def is_asked(self, count: int) -> None:
        """Until that many requests are open."""
        async with asyncio.timeout(10), self._came:
            await self._came.wait_for(lambda: self.open >= count)

    def url(self, peer: str) -> str:
        return f"{self.base}/{peer}/versions"

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        peer = scope["path"].split("/")[1]
        shown = dict(scope["headers"])[b"authorization"].decode()
        self.asked[peer] += 1
        self.open += 1
        self.most = max(self.most, self.open)
        async with self._came:
            self._came.notify_all()
        try:
            await asyncio.sleep(self.delay(peer))
            if self.gate is not None:
                await self.gate.wait()
        finally:
            self.open -= 1
        served = self.says.get(peer) or self._usual(peer, shown)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(served.body)).encode())]
        headers += [(name.encode(), value.encode()) for name, value in served.headers]
        await send({"type": "http.response.start", "status": served.status, "headers": headers})
        await send({"type": "http.response.body", "body": served.body})

    def _usual(self, peer: str, shown: str) -> Served:
        if shown != raw(held_by(peer)):
            return UNAUTHORIZED
        return envelope([{"version": "2.2.1", "url": f"{self.base}/{peer}/2.2.1"}])


def held_by(peer: str) -> str:
    """The token that a peer has given us; read as it is."""
    return f"held-{peer}-9a53f1"


@dataclass
class Broker:
    """What one broker has of its own."""

    store: Store
    model: ReadModel
    http: HttpPeers
    watch: HealthWatch

    async def look(self) -> int:
        """Probe what is due, to the end; how many were begun."""
        begun = await self.watch.look()
        while self.watch._running or self.watch._ended:
            await self.watch.drain()
            begun += await self.watch.look()
        return begun

    async def aclose(self) -> None:
        await self.http.aclose()
        await self.store.aclose()


@dataclass
class World:
    """Brokers over one database; host has all peers."""

    database: Database
    settings: Settings
    keyring: Keyring
    clock: Hand
    host: Host
    brokers: list[Broker] = field(default_factory=list)

    @property
    def broker(self) -> Broker:
        return self.brokers[0]

    async def start(self, budgets: Budgets | None = None) -> Broker:
        """One more broker."""
        store = Store(engine.connect(self.settings.database_url), self.clock)
        model = ReadModel(store, self.keyring, self.clock)
        await model.start()
        self.clock.offset = 0
        store.on_change(model.refresh)
        http = HttpPeers(UrlPolicy(frozenset({"loopback"})), budgets=budgets or Budgets())
        self.brokers.append(Broker(store, model, http, HealthWatch(store, model, http, self.clock, Journal(model))))
        return self.brokers[-1]

    async def tenant(self, name: str, **policy: Any) -> None:
        """A tenant of ours, with this of its policy."""
        ours = (Party(PartyKey("NL", "LMH", Role.CPO), BusinessDetails("Lumen Hub")),)
        tenant = Tenant(name, (Version("2.2.1"),), ours, policy=Policy(**policy))
        key = sealing.new_data_key(self.keyring.encryption_key, name)
        await self.broker.store.change("test", lambda tx: tenants.insert(tx, tenant, key))

    async def add(self, tenant: str, *names: str, **facts: Any) -> None:
        """Registered peers, as they are after an import: never met."""

        def write(tx: Transaction) -> None:
            for name in names:
                self._add(tx, tenant, name, facts)

        await self.broker.store.change("test", write)

    def _add(self, tx: Transaction, tenant: str, name: str, facts: Mapping[str, Any]) -> None:
        now = tx.now
        row = PeerRow(
            uid=name,
            tenant=tenant,
            id=name,
            state=PeerState.REGISTERED.value,
            terms=json_columns.write_terms(Terms(any_party=True)),
            version="2.2.1",
            versions_url=self.host.url(name),
            registered_at=now,
            revision=1,
            created_at=now,
            updated_at=now,
        )
        for fact, value in facts.items():
            setattr(row, fact, value)
        tx.session.add(row)
        tx.session.flush()
        sealed = self.broker.model.sealed(tenant, name, Token(held_by(name)), HELD_TOKEN)
        held_tokens.hold(tx, name, held_tokens.Held(sealed, HeaderForm.RAW, proven=True))
        tx.changed("peer", name)

    async def change(self, work: Callable[[Transaction], object]) -> None:
        await self.broker.store.change("test", work)

    async def peer(self, name: str) -> Peer:
        found = await self.broker.store.read(lambda session: peers.find_by_uid(session, name))
        assert found is not None
        return found

    async def health(self, name: str) -> Health:
        found = await self.broker.store.read(lambda session: peer_health.find(session, [name]))
        return found.get(name, NO_HEALTH)

    def turn(self, name: str) -> int:
        """When the peer is due."""
        return int(self.database.execute(f"SELECT next_probe_at FROM peer_health WHERE peer_uid = '{name}'")[0][0])

    def all_due(self) -> None:
        """Everybody's turn has come."""
        self.database.execute(f"UPDATE peer_health SET next_probe_at = {self.clock.now - SECOND}")

    async def turn_comes(self, name: str, broker: Broker | None = None) -> Health:
        """Time passes until the peer is due, and it is probed. What is known then."""
        one = broker or self.broker
        await one.look()
        self.clock.now = max(self.clock.now, self.turn(name))
        await one.look()
        return await self.health(name)

    def revision(self) -> int:
        return int(self.database.execute("SELECT revision FROM change_stream")[0][0])


@asynccontextmanager
async def world(
    folder: Path, database: Database, brokers: int = 1, budgets: Budgets | None = None
) -> AsyncIterator[World]:
    settings = Settings(folder, "127.0.0.1:0", "https://ocpi.lumenhub.example", database.url)
    await bootstrap.prepare(settings, migrate=True)
    async with serving(host := Host()) as base:
        host.base = base
        one = World(database, settings, keys.read(settings.key_file), Hand(), host)
        try:
            for _ in range(brokers):
                await one.start(budgets)
            yield one
        finally:
            for broker in one.brokers:
                await broker.aclose()


def with_quirk(peer: Peer, **quirks: Any) -> Peer:
    return replace(peer, quirks=replace(peer.quirks, **quirks))
