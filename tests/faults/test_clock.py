"""Ninety days of many peers: tokens are renewed in time, never all at once, and nobody is lost.

Everything but time, the names of hosts and the platforms is real (TK-02, F2, F4). With a thousand of them, where it is
also seen that no day has more than its share, it takes minutes:

    OCPI_BROKER_CLOCK_PEERS=1000 .venv/bin/python -m pytest -s tests/faults/test_clock.py -k sqlite
"""

import base64
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from broker.clock import Clock
from broker.config import Settings
from broker.core.job import JobState
from broker.core.paths import DEFAULT_TENANT
from broker.core.peer import Peer, PeerState, reject
from broker.crypto import keys, minting
from broker.crypto.minting import SecretKind
from broker.exchanges.attempt_commits import AttemptCommits
from broker.exchanges.dispatcher import Dispatcher
from broker.exchanges.ourselves import Ourselves
from broker.exchanges.sender_loop import SenderLoop
from broker.memory.authenticator import Authenticator, Identity
from broker.memory.readmodel import ReadModel
from broker.outbound.discovery import HttpPeers
from broker.process import bootstrap
from broker.store import engine
from broker.store.transactions import Store
from tests.bench import population
from tests.database import Database
from tests.faults.platforms import DAY, HOUR, KEEPING, Habit, Platform, Platforms, habits, outages
from tests.soak import at_most

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]

DAYS = 90
SIZES = {"sqlite": at_most(40, soak=300), "postgresql": at_most(10, soak=60)}
WANTED = os.environ.get("OCPI_BROKER_CLOCK_PEERS")
START = 1_767_225_600 * 1_000_000  # 2026-01-01
AWAY = (START + 40 * DAY, START + 43 * DAY)
"""When our own broker is down."""
PERIOD = 30 * DAY
BACKLOG = 6 * HOUR


class Hand(Clock):
    """A clock that shows what its owner set."""

    now = START

    def __call__(self) -> int:
        return self.now


@dataclass(slots=True)
class World:
    clock: Hand
    model: ReadModel
    authenticator: Authenticator
    dispatcher: Dispatcher
    platforms: list[Platform]
    refused: Counter[Habit] = field(default_factory=Counter)
    """Calls of platforms that we did not take."""

    async def shows(self, token: str) -> bool:
        """A platform calls us with this token."""
        shown = f"Token {base64.b64encode(token.encode()).decode()}"
        return isinstance(await self.authenticator.identify([shown]), Identity)

    async def hour(self) -> None:
        """What happens in one hour, at its beginning."""
        await self.dispatcher.schedule()
        while self._is_busy() and await self.dispatcher.dispatch():
            await self.dispatcher.drain()
        for platform in self.platforms:
            if self._calls(platform):
                platform.told = True
                if not await self.shows(platform.shown):
                    self.refused[platform.habit] += 1
        self.clock.now += HOUR

    def _is_busy(self) -> bool:
        """Whether a job is due, as memory has it: most hours need no look at the database."""
        jobs = (peer.job for peer in self.model.peers())
        return any(job.state is JobState.WAITING and job.next_attempt_at <= self.clock.now for job in jobs if job)

    def _calls(self, platform: Platform) -> bool:
        """Each token once is enough, but for those that should not use theirs any more."""
        if platform.habit is Habit.SILENT or platform.is_down(self.clock.now):
            return False
        return not platform.told or (platform.habit in KEEPING and self.clock.now // HOUR % 12 == 0)

    def peers(self) -> dict[str, Peer]:
        return {peer.uid: peer for peer in self.model.peers()}

    def working(self, peer: Peer) -> list[str]:
        return [token.lookup_id for token in peer.issued if reject(peer, token, self.clock.now) is None]


@asynccontextmanager
async def world(folder: Path, database: Database, size: int) -> AsyncIterator[World]:
    """size platforms that registered some time within the last weeks, and a broker."""
    settings = Settings(folder, "127.0.0.1:0", "https://ocpi.example.org", database.url)
    await bootstrap.prepare(settings, migrate=True)
    chance, clock, keyring = random.Random(size), Hand(), keys.read(settings.key_file)
    store = Store(engine.connect(settings.database_url), clock)
    model = ReadModel(store, keyring, clock)
    await model.start()
    store.on_change(model.refresh)
    platforms = [
        _platform(number, habit, chance) for number, habit in zip(range(size), habits(size, chance), strict=True)
    ]
    key = model.data_key(DEFAULT_TENANT)

    def settle(tx):
        for number, platform in enumerate(platforms):
            population.add(tx, number, platform.shown, key, keyring.pepper, since=platform.since)

    await store.change("test", settle)
    authenticator = Authenticator(model, store, clock)
    hosts = {f"{platform.uid}.example.com": platform for platform in platforms}
    transport = Platforms(clock, None, hosts)
    http = HttpPeers(settings.urls, resolve=_anywhere, inner=transport)
    ourselves = Ourselves(settings.public_url)
    commits = AttemptCommits(store, model, keyring.pepper, clock, chance=random.Random(1).random)
    sender_loop = SenderLoop(commits, model, http, settings.urls, clock, ourselves)
    one = World(clock, model, authenticator, Dispatcher(store, model, sender_loop, clock), platforms)
    transport.call = one.shows
    try:
        yield one
    finally:
        await http.aclose()
        await store.aclose()


def _platform(number: int, habit: Habit, chance: random.Random) -> Platform:
    uid = population.uid_of(number)
    return Platform(
        uid=uid,
        base=population.base_of(uid),
        party=f"DE/{number:03}/CPO",
        habit=habit,
        taken=population.held_by(uid),
        shown=minting.mint(SecretKind.ISSUED_TOKEN),
        since=START - chance.randrange(24 * 24) * HOUR,
        down=outages(habit, START, DAYS, chance),
    )


async def _anywhere(_host: str, _port: int) -> list[str]:
    return ["93.184.216.34"]


def _latest(since: int) -> int:
    """When tokens from then must have been renewed at the latest: our own outage delays, and spreads."""
    latest = since + PERIOD + HOUR
    back = AWAY[1] + BACKLOG + HOUR
    return back if AWAY[0] <= latest <= back else latest


@pytest.mark.long
async def test_ninety_days(event_loop_for_all: None, database: Database, database_kind: str, tmp_path: Path) -> None:
    size = int(WANTED or SIZES[database_kind])
    async with world(tmp_path, database, size) as one:
        for _ in range(DAYS):
            for _ in range(24):
                await one.hour()
            assert max(len(one.working(peer)) for peer in one.peers().values()) <= 2
            if one.clock.now == AWAY[0]:
                one.clock.now = AWAY[1]
            if one.clock.now >= START + DAYS * DAY:
                break

        _in_time(one)
        await _nobody_is_lost(one)
        _spread(one, size)


def _in_time(one: World) -> None:
    for platform in one.platforms:
        moments = [platform.since, *platform.renewals, one.clock.now]
        slack = 0
        if platform.habit in {Habit.DOWN, Habit.REFUSING, Habit.DEAF, Habit.FORGIVING}:
            slack = sum(end - begin for begin, end in platform.down) + 2 * DAY
        if platform.habit is Habit.STRICT:
            moments.pop()
        late = [(after - since) / DAY for since, after in pairwise(moments) if after > _latest(since) + slack]
        assert late == [], (platform.uid, platform.habit, late)


async def _nobody_is_lost(one: World) -> None:
    peers = one.peers()
    lost: Counter[tuple[Habit, str]] = Counter()
    for platform in one.platforms:
        peer = peers[platform.uid]
        assert peer.state is PeerState.REGISTERED
        assert await one.shows(platform.shown), (platform.uid, platform.habit, peer)
        assert one.working(peer), peer
        if peer.job is not None and peer.job.state is JobState.FAILED:
            lost[platform.habit, peer.job.reason or ""] += 1
        held = one.model.held_token(peer).reveal()
        if held not in {platform.taken, platform.before}:
            lost[platform.habit, "held"] += 1
    print("refused", one.refused, "failed at the end", lost)
    assert one.refused == {}
    strict = sum(platform.habit is Habit.STRICT and len(platform.renewals) == 1 for platform in one.platforms)
    assert strict > 0
    assert lost[Habit.STRICT, "ANSWER_LOST"] == strict == lost[Habit.STRICT, "held"]
    assert {key for key in lost if key[0] is not Habit.STRICT} <= {
        (Habit.DOWN, "PEER_UNUSABLE"),
        (Habit.REFUSING, "PEER_REFUSED"),
    }


def _spread(one: World, size: int) -> None:
    hours = Counter((moment - START) // HOUR for platform in one.platforms for moment in platform.renewals)
    days = Counter(dict.fromkeys(range(DAYS), 0))
    for hour, count in hours.items():
        days[hour // 24] += count
    for day, count in sorted(days.items()):
        print(f"day {day:2} {count:4} {'#' * count}")
    back = (AWAY[1] - START) // HOUR
    backlog = [hours[hour] for hour in range(back, back + 8)]
    print("hours after our outage", backlog)
    if size < 1000:
        return
    mean = sum(days.values()) / (DAYS - 3)
    assert {day: count for day, count in days.items() if count > 3 * mean} == {back // 24: days[back // 24]}
    assert max(backlog) < sum(backlog) / 3
