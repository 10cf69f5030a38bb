"""kill -9 at every moment of our own POST, PUT and DELETE: nothing is lost and nothing is done twice (F1, F2).

A run without a death lists the moments. Then the broker dies at each of them, starts again, and the pair must get well:
by itself or by what the job advises. One broker after the other dies many times, each time with another peer.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from broker.tools.mock_peer.platform import MockPeer, mock_peer
from ocpi_broker.v1 import peer_service_pb2 as pb
from ocpi_broker.v1 import resources_pb2
from tests import database as databases
from tests import postgres, process
from tests.database import Database, PostgresDatabase, SqliteDatabase
from tests.faults import killing
from tests.peer import new_party
from tests.ports import free_port
from tests.soak import SOAK
from tests.stack import Deployment, Home, key_of, services

pytestmark = pytest.mark.anyio

PATIENCE = 20
BROKERS = {"sqlite": 2, "postgresql": 1}
"""Side by side, of each kind of database."""
OURS = ("Mutations.", "AttemptCommits.", "ReceiverLoop.", "Authenticator.")
REGISTERED, UNREGISTERED = resources_pb2.PEER_STATE_REGISTERED, resources_pb2.PEER_STATE_UNREGISTERED
FAILED = resources_pb2.JOB_STATE_FAILED
ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Broker:
    """A broker that dies, and comes back on the same ports and data."""

    folder: Path
    database: Database
    arms: killing.Arms
    deployment: Deployment
    _client: httpx.AsyncClient
    _process: asyncio.subprocess.Process
    _pid: int = 0
    _life: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self) -> None:
        """A new life, for which leases of the one before are over: on SQLite at once, else some time later."""
        await self._life.aclose()
        self.arms.disarm()
        if isinstance(self.database, PostgresDatabase) and "job" in self.database.tables():
            self.database.execute("UPDATE job SET lease_until = 0")
            self.database.execute("UPDATE peer SET lease_until = 0")
        assert self._process.stdin is not None
        self._process.stdin.write(b"start\n")
        self._pid = int((await self._line("born"))["pid"])
        ready = await self._line("ready")
        admin = await self._life.enter_async_context(services(ready["grpc"], key_of(self.folder / "data", "admin")))
        self.deployment = Deployment(
            f"http://{ready['http'].removeprefix('http://')}", ready["grpc"], admin, self._client
        )

    async def died(self) -> int:
        return int((await self._line("died"))["status"])

    async def start_anew(self) -> None:
        """The same while it lives, or may live."""
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        with suppress(TimeoutError):
            await self.died()
        await self.start()

    async def stop(self) -> None:
        await self._life.aclose()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    async def _line(self, event: str) -> dict[str, Any]:
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            async for line in self._process.stdout:
                said: dict[str, Any] = json.loads(line)
                assert said["event"] == event, f"{said}: {(self.folder / 'log').read_text()[-4000:]}"
                return said
        raise AssertionError((self.folder / "log").read_text()[-4000:])


@asynccontextmanager
async def _broker(
    folder: Path, url: str | None, database: Database, client: httpx.AsyncClient
) -> AsyncIterator[Broker]:
    folder.mkdir(parents=True)  # noqa: ASYNC240
    arguments = ["up", "--data-dir", str(folder / "data"), "--grpc", f"127.0.0.1:{free_port()}"]
    arguments += ["--http", f"127.0.0.1:{free_port()}", "--allow-insecure-peers"]
    arguments += ["--database-url", url] if url else []
    env = process.environment(**{killing.FOLDER: str(folder), "PYTHONPATH": str(ROOT)})
    with (folder / "log").open("ab") as log:
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.killed_broker", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=env,
            start_new_session=True,
        )
    broker = Broker(folder, database, killing.Arms(folder), None, client, program)  # type: ignore[arg-type]
    try:
        await broker.start()
        yield broker
    finally:
        await broker.stop()


@dataclass(slots=True)
class Pair:
    """A tenant of the broker and a platform. lenient: that takes its old tokens until a new one is used."""

    broker: Broker
    tenant: resources_pb2.Tenant
    platform: MockPeer
    lenient: bool

    @property
    def home(self) -> Home:
        return Home(self.broker.deployment, self.tenant)

    @property
    def name(self) -> str:
        return f"{self.tenant.name}/peers/them"

    async def connect(self) -> None:
        await self.broker.deployment.peers.ConnectPeer(
            pb.ConnectPeerRequest(
                parent=self.tenant.name,
                peer_id="them",
                versions_url=self.platform.versions_url,
                token=self.platform.token,
            )
        )

    async def rotate(self) -> None:
        await self.broker.deployment.peers.RotatePeer(pb.RotatePeerRequest(name=self.name))

    async def unregister(self) -> None:
        await self.broker.deployment.peers.UnregisterPeer(pb.UnregisterPeerRequest(name=self.name))

    async def peer(self) -> resources_pb2.Peer | None:
        try:
            return await self.home.peer(self.name)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise

    def count(self, query: str) -> int:
        return int(self.broker.database.execute(query)[0][0])

    def held(self) -> bytes | None:
        """The token of theirs that is stored, sealed."""
        rows = self.broker.database.execute(
            f"SELECT box FROM held_token JOIN peer ON uid = peer_uid WHERE tenant = '{self._tenant_id}'"
        )
        return bytes(rows[0][0]) if rows else None

    @property
    def _tenant_id(self) -> str:
        return self.tenant.name.partition("/")[2]

    def working(self) -> int:
        """Issued tokens of the peer that open something."""
        return self.count(
            f"SELECT count(*) FROM issued_token WHERE tenant = '{self._tenant_id}' "
            f"AND state <> 'REVOKED' AND (not_after IS NULL OR not_after > {time.time_ns() // 1000})"
        )

    def audited(self, *actions: str) -> int:
        listed = ", ".join(f"'{action}'" for action in actions)
        return self.count(f"SELECT count(*) FROM audit WHERE resource = '{self.name}' AND action IN ({listed})")

    def hurry(self) -> None:
        """Time passes: the pause before the next attempt is over."""
        self.broker.database.execute("UPDATE job SET next_attempt_at = 0 WHERE state = 'WAITING'")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What an operator wants, how it is seen that it is done, and how often it then stands in the audit log."""

    command: Callable[[Pair], Awaitable[None]]
    state: "resources_pb2.PeerState.ValueType"
    actions: tuple[str, ...]
    fault: str | None = None
    successes: int = 1


_NEW_TOKENS = ("peer.registered", "peer.updated")
EXCHANGES = {
    "POST": Exchange(Pair.connect, REGISTERED, _NEW_TOKENS),
    "PUT": Exchange(Pair.rotate, REGISTERED, _NEW_TOKENS),
    "DELETE": Exchange(Pair.unregister, UNREGISTERED, ("peer.unregistered",)),
}
CROSSINGS = {  # the platform's own PUT is committed here, or not
    "change:ReceiverLoop._commit:before#1": Exchange(Pair.rotate, REGISTERED, _NEW_TOKENS, "put-inside-put*1"),
    "change:ReceiverLoop._commit:after#1": Exchange(Pair.rotate, REGISTERED, _NEW_TOKENS, "put-inside-put*1", 2),
}


async def _perform(pair: Pair, exchange: Exchange, moment: str | None) -> None:
    """The exchange, with a death at this moment if there is one; then the pair is well."""
    before, audited = pair.held(), pair.audited(*exchange.actions)
    if exchange.fault is not None:
        pair.platform.fault(exchange.fault)
    pair.broker.arms.arm(moment or "")
    with suppress(grpc.aio.AioRpcError):  # it may die before it answers
        await exchange.command(pair)
    if moment is not None:
        assert await pair.broker.died() == -signal.SIGKILL
        await pair.broker.start()
        working = pair.working()
        assert working <= 2, f"{working} tokens work"
        peer = await pair.peer()
        assert peer is None or peer.state != REGISTERED or working, "no token works"
    await _settled(pair, exchange, before)
    if moment is None:
        await asyncio.sleep(0.3)  # the last moment comes after what is seen in the database
    pair.broker.arms.disarm()
    await _well(pair, exchange, audited)


async def _settled(pair: Pair, exchange: Exchange, before: bytes | None) -> None:
    """Wait until it is done, with what an operator does where the job says so."""
    commands = 0
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        peer = await pair.peer()
        job = peer.job if peer is not None and peer.HasField("job") else None
        if job is None and peer is not None and peer.state == exchange.state and pair.held() != before:
            return
        if job is None or job.state == FAILED:
            commands += 1
            assert commands <= 2, f"{commands} commands do not help: {peer}"
            await _again(pair, exchange, job)
        else:
            pair.hurry()
        assert asyncio.get_running_loop().time() < deadline, peer
        await asyncio.sleep(0.1)


async def _again(pair: Pair, exchange: Exchange, job: resources_pb2.Job | None) -> None:
    lost = job is not None and job.last_error.details and b"ANSWER_LOST" in job.last_error.details[0].value
    if lost:
        assert not pair.lenient, f"a lenient peer takes the repeat: {job}"
        pair.platform.token = pair.platform.invite()
        await pair.connect()
    else:
        await exchange.command(pair)


async def _well(pair: Pair, exchange: Exchange, audited: int) -> None:
    assert pair.audited(*exchange.actions) == audited + exchange.successes
    if exchange.state == UNREGISTERED:
        assert pair.held() is None
        assert pair.working() == 0
        assert not pair.platform.registered
        return
    async with asyncio.timeout(20):  # services get the new token as soon as it has worked
        while pair.platform.accepts((await pair.home.held(pair.name)).token) != "issued":  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert 1 <= pair.working() <= 2
    assert (await pair.platform.call("GET", pair.tenant.versions_url)).status == 200
    assert pair.working() == 1


@asynccontextmanager
async def _pair(broker: Broker, *, lenient: bool) -> AsyncIterator[Pair]:
    home = await broker.deployment.home(parties=[new_party("EMSP")])
    async with mock_peer(parties=[new_party()], lenient=lenient) as platform:
        yield Pair(broker, home.tenant, platform, lenient)


async def _moments(broker: Broker) -> dict[str, list[str]]:
    """Those of each exchange, in order."""
    found = {}
    async with _pair(broker, lenient=True) as pair:
        for title, exchange in EXCHANGES.items():
            await _perform(pair, exchange, None)
            found[title] = [moment for moment in broker.arms.passed() if _is_ours(moment)]
    assert "wire:POST-credentials:after#1" in found["POST"], found
    assert "change:AttemptCommits.keep:after#1" in found["PUT"], found
    assert "change:AttemptCommits.leave:before#1" in found["DELETE"], found
    return found


def _is_ours(moment: str) -> bool:
    seam, who, _ = moment.split(":")
    return seam == "wire" or who.startswith(OURS)


@dataclass(frozen=True, slots=True)
class Chain:
    """One pair from its registration to its end, with a death in each exchange."""

    lenient: bool
    deaths: dict[str, str | None]
    crossed: str | None = None

    async def run(self, broker: Broker) -> None:
        async with _pair(broker, lenient=self.lenient) as pair:
            for title, exchange in EXCHANGES.items():
                if title == "DELETE" and self.crossed is not None:
                    await self._step(pair, "crossed PUT", CROSSINGS[self.crossed], self.crossed)
                await self._step(pair, title, exchange, self.deaths.get(title))

    async def _step(self, pair: Pair, title: str, exchange: Exchange, moment: str | None) -> None:
        try:
            await _perform(pair, exchange, moment)
        except Exception as error:
            kind = "lenient" if self.lenient else "strict"
            error.add_note(f"{pair.broker.database.url.partition(':')[0]}, {kind}, {title}, killed at {moment}")
            error.add_note(f"chain: {self}; platform: {pair.platform.events[-12:]}")
            raise


def _chains(moments: dict[str, list[str]], kind: str) -> list[Chain]:
    """Every moment with a lenient platform on SQLite; the others where they can make a difference.

    With a strict one only what follows the request can end otherwise. PostgreSQL differs in what was committed: one
    death after each commit tells, and a soak tries all.
    """
    commits = {title: [moment for moment in found if _is_commit(moment)] for title, found in moments.items()}
    lenient = moments if SOAK or kind == "sqlite" else commits
    strict = {
        title: [moment for moment in _sent(moments[title], title) if moment in lenient[title]]
        for title in ("POST", "PUT")
    }
    rows = [(True, row) for row in zip_longest(*lenient.values(), CROSSINGS)]
    rows += [(False, row) for row in zip_longest(*strict.values(), (), ())]
    return [Chain(leniency, dict(zip(moments, row, strict=False)), row[-1]) for leniency, row in rows]


def _is_commit(moment: str) -> bool:
    return moment.startswith("change:") and ":after#" in moment


def _sent(moments: list[str], title: str) -> list[str]:
    """From the request on."""
    first = next(at for at, moment in enumerate(moments) if moment.startswith((f"wire:{title}-", "change:Auth")))
    return moments[first:]


async def _work(broker: Broker, chains: "asyncio.Queue[Chain]", failed: list[Exception]) -> None:
    while not chains.empty():
        try:
            await chains.get_nowait().run(broker)
        except Exception as error:  # noqa: BLE001  what the other brokers find is of interest as well
            failed.append(error)
            await broker.start_anew()


@pytest.mark.long
async def test_a_death_at_any_moment_loses_nothing(
    event_loop_for_all: None, tmp_path: Path, postgres_server: postgres.Server
) -> None:
    failed: list[Exception] = []

    async def sweep(kind: str, places: Sequence[tuple[str | None, Database]]) -> None:
        async with AsyncExitStack() as running:
            client = await running.enter_async_context(httpx.AsyncClient(trust_env=False))
            brokers = [
                await running.enter_async_context(_broker(tmp_path / kind / str(number), url, database, client))
                for number, (url, database) in enumerate(places)
            ]
            chains: asyncio.Queue[Chain] = asyncio.Queue()
            for chain in _chains(await _moments(brokers[0]), kind):
                chains.put_nowait(chain)
            await asyncio.gather(*(_work(broker, chains, failed) for broker in brokers))

    with ExitStack() as rest:
        made = [databases.fresh("postgresql", tmp_path, postgres_server) for _ in range(BROKERS["postgresql"])]
        on_postgres = [(database.url, database) for database in map(rest.enter_context, made)]
        on_sqlite = [
            (None, SqliteDatabase(tmp_path / "sqlite" / str(number) / "data" / "broker.db"))
            for number in range(BROKERS["sqlite"])
        ]
        await asyncio.gather(sweep("sqlite", on_sqlite), sweep("postgresql", on_postgres))
    if failed:
        raise ExceptionGroup(f"{len(failed)} deaths", failed)
