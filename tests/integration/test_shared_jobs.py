"""Several broker processes over one PostgreSQL: each job is attempted by one of them, and outlives whoever dies (F1).

The brokers run as `up`, since `serve` calls no peer over plain http; a gateway process stands before them.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from broker.tools.mock_peer.platform import MockPeer, mock_peer
from ocpi_broker.v1 import peer_service_pb2, resources_pb2, token_service_pb2
from tests import database as databases
from tests import postgres, process
from tests.database import Database
from tests.ports import free_port
from tests.process import Program
from tests.stack import Deployment, Home, attached

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]

JOBS = 24
"""More than both brokers attempt at a time for one tenant: some have to wait for their turn."""
PATIENCE = 120
KEYS = ("keys.json", "admin.key", "gateway.key")
_OPEN = "SELECT peer_uid FROM job WHERE lease IS NOT NULL"
_LEASE_IS_OVER = "UPDATE job SET lease_until = 1 WHERE lease IS NOT NULL"


class Site:
    """Brokers on one database, and the gateway before one of them."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.database = database
        self._http = f"127.0.0.1:{free_port()}"
        self._programs: list[Program] = []
        self._gateway: Program | None = None

    async def broker(self, name: str) -> tuple[Program, Path]:
        """Another broker, with the keys of the first."""
        folder = self.folder / name
        data = folder / "data"
        data.mkdir(mode=0o700, parents=True)
        first = self.folder / "first" / "data"
        for key in KEYS:
            if (first / key).exists() and first != data:
                shutil.copy(first / key, data / key)
        program = process.up(folder, self.database.url, "--public-url", f"http://{self._http}")
        self._programs.append(program)
        await program.start()
        return program, data

    async def lead_to(self, broker: Program) -> None:
        """Peers reach this broker from now on."""
        if self._gateway is not None:
            await self._gateway.kill()
        key = self.folder / "first" / "data" / "gateway.key"
        words = ["gateway", "--broker", broker.ready["grpc"], "--key-file", str(key), "--http", self._http]
        self._gateway = Program(words, self.folder / "gateway.log")
        await self._gateway.start()

    async def close(self) -> None:
        for program in (self._gateway, *self._programs):
            if program is not None:
                await program.kill()


@pytest.fixture
async def site(event_loop_for_all: None, postgres_server: postgres.Server, tmp_path: Path) -> AsyncIterator[Site]:
    with databases.fresh("postgresql", tmp_path, postgres_server) as database:
        one = Site(tmp_path, database)
        try:
            yield one
        finally:
            await one.close()


async def _soon(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            if await true():
                return
            await asyncio.sleep(0.1)


async def _connect(
    deployment: Deployment, home: Home, name: str, platform: MockPeer, *, wait: bool = False
) -> resources_pb2.Peer:
    answer = await deployment.peers.ConnectPeer(
        peer_service_pb2.ConnectPeerRequest(
            parent=home.name, peer_id=name, versions_url=platform.versions_url, token=platform.token, wait=wait
        )
    )
    return answer.peer


def _sent(platform: MockPeer, method: str) -> int:
    """How many requests of this method have arrived, answered or not."""
    return len([request for request in platform.received if request.method == method])


async def _open(home: Home, name: str, platform: MockPeer, method: str) -> None:
    """An attempt begins that the peer commits and does not answer."""
    if method == "PUT":
        connected = await _connect(home.stack, home, name, platform, wait=True)
        assert connected.state == resources_pb2.PEER_STATE_REGISTERED, connected
    platform.fault(f"stall@{method}*1")
    if method == "PUT":
        request = peer_service_pb2.RotatePeerRequest(name=f"{home.name}/peers/{name}")
        await home.stack.peers.RotatePeer(request)
    else:
        await _connect(home.stack, home, name, platform)
    async with asyncio.timeout(PATIENCE):
        await platform.wait_for(event="fault", fault="stall")


async def _settled(home: Home, name: str) -> resources_pb2.Peer:
    """The peer when nothing more happens by itself."""
    found = []

    async def settled() -> bool:
        found[:] = [await home.peer(f"{home.name}/peers/{name}")]
        return not found[0].HasField("job") or found[0].job.state == resources_pb2.JOB_STATE_FAILED

    await _soon(settled)
    return found[0]


async def test_another_broker_ends_what_a_dead_one_has_begun(site: Site) -> None:
    """F2: it repeats what it can, with the same token, as the peer may have committed it; else it says what is lost."""
    first, data = await site.broker("first")
    await site.lead_to(first)
    async with (
        mock_peer(lenient=True, parties=["DE/ONE/CPO"]) as registering,
        mock_peer(lenient=True, parties=["DE/TWO/CPO"]) as renewing,
        mock_peer(parties=["DE/THR/CPO"]) as strict,
    ):
        opened = {"one": (registering, "POST"), "two": (renewing, "PUT"), "three": (strict, "POST")}
        async with attached(first.ready, data) as deployment:
            home = await deployment.home()
            await asyncio.gather(*(_open(home, name, *which) for name, which in opened.items()))
        second, other = await site.broker("second")
        await first.kill()
        await site.lead_to(second)
        assert [_sent(*which) for which in opened.values()] == [1, 1, 1]
        assert len(site.database.execute(_OPEN)) == len(opened)  # nobody takes what is not free

        site.database.execute(_LEASE_IS_OVER)

        async with attached(second.ready, other) as deployment:
            home = Home(deployment, home.tenant)
            one, two, three = [await _settled(home, name) for name in opened]
            for peer, (platform, method) in ((one, opened["one"]), (two, opened["two"])):
                assert (peer.state, peer.HasField("job")) == (resources_pb2.PEER_STATE_REGISTERED, False), peer
                bodies = [each.body for each in platform.received if each.method == method]
                assert bodies == [bodies[0]] * 2
                assert platform.accepts((await home.held(peer.name)).token) == "issued"
                assert platform.held is not None
                assert (await home.verify(platform.held)).valid
            assert (three.state, three.job.state) == (
                resources_pb2.PEER_STATE_CONNECTING,
                resources_pb2.JOB_STATE_FAILED,
            )
            assert "ANSWER_LOST" in str(three.job.last_error), three.job
            assert _sent(strict, "POST") == 1
            assert strict.held is not None
            verdict = await home.verify(strict.held)  # it may read with it until somebody decides
            assert verdict.rejection == token_service_pb2.TOKEN_REJECTION_REGISTRATION_ONLY


@asynccontextmanager
async def _platforms(count: int) -> AsyncIterator[Sequence[MockPeer]]:
    async with AsyncExitStack() as rest:
        yield [
            await rest.enter_async_context(mock_peer(parties=[f"DE/{number:03}/CPO"], faults=["slow:0.2"]))
            for number in range(count)
        ]


async def test_every_job_is_attempted_once(site: Site) -> None:
    """Two brokers see the same jobs at the same time; a peer that gets a request twice has two tokens of ours."""
    (first, one), (second, other) = await site.broker("first"), await site.broker("second")
    await site.lead_to(second)
    async with (
        _platforms(JOBS) as platforms,
        attached(first.ready, one) as here,
        attached(second.ready, other) as there,
    ):
        home = await here.home()
        names = [f"{home.name}/peers/p{number:03}" for number in range(JOBS)]

        async def done() -> bool:
            listed = await here.peers.ListPeers(peer_service_pb2.ListPeersRequest(parent=home.name, page_size=JOBS))
            states = [(peer.state, peer.HasField("job")) for peer in listed.peers]
            return states == [(resources_pb2.PEER_STATE_REGISTERED, False)] * JOBS

        await asyncio.gather(
            *(
                _connect((here, there)[number % 2], home, f"p{number:03}", platform)
                for number, platform in enumerate(platforms)
            )
        )
        await _soon(done)
        assert [_sent(platform, "POST") for platform in platforms] == [1] * JOBS

        await asyncio.gather(
            *(
                (here, there)[number % 2].peers.RotatePeer(peer_service_pb2.RotatePeerRequest(name=name))
                for number, name in enumerate(names)
            )
        )
        await _soon(done)
        assert [_sent(platform, "PUT") for platform in platforms] == [1] * JOBS
        for name, platform in zip(names, platforms, strict=True):
            await _soon(partial(_is_held, home, name, platform))


async def _is_held(home: Home, name: str, platform: MockPeer) -> bool:
    """This broker's memory may be a moment behind what the other one has done."""
    return platform.accepts((await home.held(name)).token) == "issued"
