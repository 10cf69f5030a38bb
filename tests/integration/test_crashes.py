"""kill -9 of the broker at any moment of an exchange loses nothing (F1; RR-15, RR-16).

All crash points run side by side, each with a broker and a database of its own, because the lease of a dead broker has
to run out before the next exchange.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ocpi_broker.v1 import peer_service_pb2, resources_pb2
from tests import postgres, process
from tests.peer import Received, Reply, Served, new_token
from tests.stack import Deployment, Guest, Home, attached

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]

PATIENCE = 70  # a lease ends 40 s after it was taken
AT_ONCE = 10


class Scene:
    """A broker process, a tenant and a peer in front of it; the broker is killed and comes back."""

    def __init__(self, program: process.Program, folder: Path) -> None:
        self.program = program
        self.data = folder / "data"
        self.guest: Guest
        self.home: Home

    def kill_in(self, resource: str) -> None:
        """The broker dies while this callback is open."""

        async def script(_: Received) -> Served:
            self.program.kill_now()
            return Served(status=500)

        self.guest.platform.script[resource] = script

    def kill_after(self, resource: str, delay: float) -> None:
        """The broker dies some moments after it got the answer to this callback."""
        loop = asyncio.get_running_loop()

        async def script(_: Received) -> None:
            loop.call_later(delay, self.program.kill_now)

        self.guest.platform.script[resource] = script

    async def dying(self, call: Awaitable[Reply]) -> Reply | None:
        """The reply of a call during which the broker may die."""
        try:
            return await call
        except httpx.TransportError:
            return None


@asynccontextmanager
async def _scene(folder: Path, database_url: str | None) -> AsyncIterator[Scene]:
    folder.mkdir(parents=True)  # noqa: ASYNC240
    program = process.up(folder, database_url)
    scene = Scene(program, folder)
    await program.start()
    try:
        async with attached(program.ready, scene.data) as deployment:
            scene.home = await deployment.home()
            async with deployment.guest(scene.home) as guest:
                scene.guest = guest
                await guest.sender.discover()
                yield scene
    finally:
        await program.kill()


async def _repeat(call: Callable[[], Awaitable[Reply]]) -> Reply:
    """Repeats an exchange until the lease of the dead broker has run out."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        reply = await call()
        if reply.outcome != (200, 3000) or asyncio.get_running_loop().time() > deadline:
            return reply
        await asyncio.sleep(1)


async def _post_recovers(scene: Scene, theirs: str, *, finished: bool | None) -> None:
    """After a restart: nothing half done is to be seen, and the same POST with the same invitation goes through.

    finished tells whether the first POST was committed; None: either.
    """
    await scene.program.restart()
    scene.guest.platform.script.clear()
    async with attached(scene.program.ready, scene.data) as deployment:
        home = Home(deployment, scene.home.tenant)
        scene.guest.sender.http = deployment.client
        peer = await home.peer(scene.guest.name)
        registered = peer.state == resources_pb2.PEER_STATE_REGISTERED
        assert finished in (None, registered), peer
        if registered:
            assert (await home.held(scene.guest.name)).token == theirs
            assert peer.parties
            assert peer.endpoints
        else:
            assert peer.state == resources_pb2.PEER_STATE_INVITED
            assert not peer.parties
            assert not peer.endpoints
        assert (await scene.guest.sender.versions()).outcome == (200, 1000)  # the invitation opens it as before

        again = new_token()
        reply = await _repeat(lambda: scene.guest.sender.post(token=again))

        assert reply.outcome == (200, 1000), reply
        assert (await home.held(scene.guest.name)).token == again
        assert (await home.verify(reply.token)).valid
        assert (await scene.guest.sender.versions()).status == 401
        scene.guest.sender.token = reply.token
        assert (await scene.guest.sender.versions()).outcome == (200, 1000)
        await _nothing_left_running(deployment, scene)


async def _nothing_left_running(deployment: Deployment, scene: Scene) -> None:
    answer = await deployment.peers.ListExchanges(
        peer_service_pb2.ListExchangesRequest(parent=scene.guest.name, page_size=1000)
    )
    assert resources_pb2.EXCHANGE_OUTCOME_RUNNING not in {exchange.outcome for exchange in answer.exchanges}


async def _killed_in_post(folder: Path, url: str | None, resource: str) -> None:
    async with _scene(folder, url) as scene:
        theirs = new_token()
        scene.kill_in(resource)

        reply = await scene.dying(scene.guest.sender.post(token=theirs))

        assert reply is None, reply
        await _post_recovers(scene, theirs, finished=False)


async def _killed_around_the_commit(folder: Path, url: str | None, delay: float) -> None:
    async with _scene(folder, url) as scene:
        theirs = new_token()
        scene.kill_after("details", delay)

        reply = await scene.dying(scene.guest.sender.post(token=theirs))

        await _post_recovers(scene, theirs, finished=None if reply is None else True)


async def _killed_after_the_answer(folder: Path, url: str | None) -> None:
    async with _scene(folder, url) as scene:
        theirs = new_token()
        reply = await scene.guest.sender.post(token=theirs)  # whose answer is lost to the sender

        await scene.program.kill()

        assert reply.outcome == (200, 1000)
        await _post_recovers(scene, theirs, finished=True)


async def _killed_in_put(folder: Path, url: str | None, resource: str | None) -> None:
    """UR-08, F4: the old pair stands, and the PUT can be repeated."""
    async with _scene(folder, url) as scene:
        theirs, fresh = new_token(), new_token()
        sender = scene.guest.sender
        sender.token = (await sender.post(token=theirs)).token
        await sender.versions()
        if resource is None:
            assert (await sender.put(token=fresh)).outcome == (200, 1000)
            await scene.program.kill()
        else:
            scene.kill_in(resource)
            assert await scene.dying(sender.put(token=fresh)) is None

        await scene.program.restart()
        scene.guest.platform.script.clear()
        async with attached(scene.program.ready, scene.data) as deployment:
            home = Home(deployment, scene.home.tenant)
            sender.http = deployment.client
            assert (await home.held(scene.guest.name)).token == (fresh if resource is None else theirs)
            assert (await sender.versions()).outcome == (200, 1000)
            again = new_token()
            reply = await _repeat(lambda: sender.put(token=again))
            assert reply.outcome == (200, 1000), reply
            assert (await home.held(scene.guest.name)).token == again
            assert (await home.verify(reply.token)).valid
            assert not (await home.verify(sender.token)).valid


async def _killed_at_rest(folder: Path, url: str | None) -> None:
    """What was answered is durable: tenants, peers, tokens, the end of a registration."""
    async with _scene(folder, url) as scene:
        sender = scene.guest.sender
        await sender.register()
        async with attached(scene.program.ready, scene.data) as deployment, deployment.guest(scene.home) as other:
            await other.sender.register()
            deleted = await other.sender.delete()
            await scene.program.kill()
            assert deleted.outcome == (200, 1000)
        await scene.program.restart()
        async with attached(scene.program.ready, scene.data) as deployment:
            home = Home(deployment, scene.home.tenant)
            sender.http = other.sender.http = deployment.client
            assert (await sender.versions()).outcome == (200, 1000)
            assert (await other.sender.versions()).outcome == (401, 2000)
            assert (await home.peer(scene.guest.name)).state == resources_pb2.PEER_STATE_REGISTERED
            assert await scene.program.stop() == 0


Point = Callable[[Path, str | None], Coroutine[Any, Any, None]]
POINTS: dict[str, Point] = {  # those that wait for a lease first
    "POST, in callback 1": lambda folder, url: _killed_in_post(folder, url, "versions"),
    "POST, between the callbacks": lambda folder, url: _killed_in_post(folder, url, "details"),
    "POST, 3 ms after callback 2": lambda folder, url: _killed_around_the_commit(folder, url, 0.003),
    "POST, 12 ms after callback 2": lambda folder, url: _killed_around_the_commit(folder, url, 0.012),
    "PUT, in callback 1": lambda folder, url: _killed_in_put(folder, url, "versions"),
    "POST, after the commit": _killed_after_the_answer,
    "PUT, after the commit": lambda folder, url: _killed_in_put(folder, url, None),
    "at rest": _killed_at_rest,
}


@pytest.mark.long
async def test_a_killed_broker_loses_nothing(
    event_loop_for_all: None, tmp_path: Path, postgres_server: postgres.Server
) -> None:
    """Every crash point, on SQLite and on PostgreSQL."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def run(title: str, point: Point, folder: Path, url: str | None) -> None:
        async with turn:
            try:
                await point(folder, url)
            except Exception as error:
                error.add_note(f"crash point: {title}")
                raise

    with ExitStack() as databases:
        runs = []
        for number, (title, point) in enumerate(POINTS.items()):
            name = postgres_server.create()
            databases.callback(postgres_server.drop, name)
            url = postgres_server.database(name)
            runs.append(run(f"SQLite: {title}", point, tmp_path / f"sqlite-{number}", None))
            runs.append(run(f"PostgreSQL: {title}", point, tmp_path / f"postgresql-{number}", url))
        outcomes = await asyncio.gather(*runs, return_exceptions=True)
    failed = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    if failed:
        raise ExceptionGroup(f"{len(failed)} of {len(outcomes)} crash points", failed)
