"""Two brokers in this process, with a channel in front of each, and what a test does to both of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import duration_pb2, field_mask_pb2

from broker.exchanges import dispatcher
from broker.exchanges.dispatcher import Dispatcher
from ocpi_broker.v1 import peer_service_pb2 as pb
from ocpi_broker.v1 import resources_pb2, tenant_service_pb2
from tests.database import SqliteDatabase
from tests.faults.channel import Channel, channel
from tests.peer import new_party
from tests.stack import Home, Stack, running

VERSIONS = ("2.2.1", "2.3.0")
PATIENCE = 30.0
_REFUSED = {grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ABORTED, grpc.StatusCode.NOT_FOUND}


@dataclass(frozen=True, slots=True)
class Site:
    """One broker, and the channel through which others reach it."""

    stack: Stack
    channel: Channel
    dispatcher: Dispatcher

    async def home(self, put_window: int | None) -> Home:
        """A new tenant that is reached through the channel."""
        window = None if put_window is None else duration_pb2.Duration(seconds=put_window)
        policy = resources_pb2.TenantPolicy(put_retry_window=window)
        home = await self.stack.home(versions=VERSIONS, parties=[new_party()], policy=policy)
        answer = await self.stack.services.tenants.UpdateTenant(
            tenant_service_pb2.UpdateTenantRequest(
                tenant=resources_pb2.Tenant(name=home.name, public_url=self.channel.base),
                update_mask=field_mask_pb2.FieldMask(paths=["public_url"]),
            )
        )
        return Home(self.stack, answer.tenant)


@asynccontextmanager
async def two_brokers(folder: Path) -> AsyncIterator[tuple[Site, Site]]:
    """Both on SQLite; they look for due jobs more often than in production."""
    dispatchers: list[Dispatcher] = []
    begin: Callable[..., None] = Dispatcher.__init__

    def noted(self: Dispatcher, *arguments: Any) -> None:
        begin(self, *arguments)
        dispatchers.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatcher, "_POLL_SECONDS", 0.05)
        patch.setattr(Dispatcher, "__init__", noted)
        async with AsyncExitStack() as rest:
            sites = []
            for name in ("a", "b"):
                place = folder / name
                stack = await rest.enter_async_context(running(place, SqliteDatabase(place / "broker.db")))
                front = await rest.enter_async_context(channel(stack.http))
                sites.append(Site(stack, front, dispatchers[-1]))
            yield sites[0], sites[1]


@dataclass(frozen=True, slots=True)
class Side:
    """A tenant of one of them, to which the other's is the peer `other`."""

    site: Site
    home: Home

    @property
    def peer_name(self) -> str:
        return f"{self.home.name}/peers/other"

    @property
    def channel(self) -> Channel:
        return self.site.channel

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """{uid} stands for the peer's."""
        found = self.site.stack.database.execute(query.format(uid=self._uid(), name=self.peer_name))
        return list(found)

    def _uid(self) -> str:
        tenant = self.home.name.partition("/")[2]
        rows = self.site.stack.database.execute(f"SELECT uid FROM peer WHERE tenant = '{tenant}'")
        return str(rows[0][0]) if rows else ""

    @property
    def state(self) -> str:
        rows = self.rows("SELECT state FROM peer WHERE uid = '{uid}'")
        return str(rows[0][0]) if rows else ""

    def job(self) -> tuple[str, str, bool, str | None] | None:
        """Kind, state, whether an attempt has its lease, and why the last one failed."""
        rows = self.rows("SELECT kind, state, lease, reason FROM job WHERE peer_uid = '{uid}'")
        return (str(rows[0][0]), str(rows[0][1]), rows[0][2] is not None, rows[0][3]) if rows else None

    def hurry(self) -> None:
        """The pause before the next attempt is over."""
        self.rows("UPDATE job SET next_attempt_at = 0 WHERE peer_uid = '{uid}' AND state = 'WAITING'")

    def expire(self) -> None:
        """The time of the lease is over."""
        self.rows("UPDATE job SET lease_until = 0 WHERE peer_uid = '{uid}'")

    async def crash(self) -> None:
        """The attempt in flight ends without another word, as if its broker had died a while ago."""
        task = self.site.dispatcher._running.get(self._uid())
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self.expire()

    def attempt(self) -> "asyncio.Task[None]":
        """Another broker of the same database makes an attempt."""
        return asyncio.ensure_future(self.site.dispatcher._sender_loop.attempt(self._uid()))

    @property
    def attempting(self) -> bool:
        return self._uid() in self.site.dispatcher._running

    async def rotate(self) -> None:
        await self.site.stack.peers.RotatePeer(pb.RotatePeerRequest(name=self.peer_name))

    async def switch(self, version: str) -> None:
        await self.site.stack.peers.SwitchPeerVersion(pb.SwitchPeerVersionRequest(name=self.peer_name, version=version))

    async def unregister(self) -> None:
        await self.site.stack.peers.UnregisterPeer(pb.UnregisterPeerRequest(name=self.peer_name))

    async def held(self) -> str:
        return (await self.home.held(self.peer_name)).token

    async def takes(self, token: str) -> bool:
        """Whether the service of the other side gets in with this token: a use of it, maybe the first."""
        return (await self.home.verify(token)).valid

    def working(self) -> tuple[str, int]:
        """The peer's state, and how many issued tokens open something, but for those that repeats were given."""
        now = time.time_ns() // 1000
        alive = f"token.not_after IS NULL OR token.not_after > {now} OR (token.state = 'RETIRING' AND reused_at > 0)"
        query = "SELECT peer.state, (SELECT count(*) FROM issued_token AS token WHERE peer_uid = uid "
        query += f"AND token.state NOT IN ('REVOKED', 'RESENT') AND ({alive})) FROM peer WHERE uid = '{{uid}}'"
        rows = self.rows(query)
        return (str(rows[0][0]), int(rows[0][1])) if rows else ("", 0)


@dataclass(slots=True)
class Pair:
    """Two tenants that are peers of each other. a is the Sender at first."""

    a: Side
    b: Side
    invitation: pb.InvitePeerResponse | pb.ResetPeerResponse

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.a, self.b

    async def connect(self) -> None:
        await self.a.site.stack.peers.ConnectPeer(
            pb.ConnectPeerRequest(
                parent=self.a.home.name,
                peer_id="other",
                versions_url=self.invitation.versions_url,
                token=self.invitation.token,
            )
        )

    async def invite_again(self) -> None:
        """What people do when nothing else helps: b forgets its tokens, and a registers anew."""
        self.invitation = await self.b.site.stack.peers.ResetPeer(pb.ResetPeerRequest(name=self.b.peer_name))
        await self.connect()

    async def settle(self) -> None:
        """Let time pass until no job goes on by itself."""
        await until(self._rests)

    def _rests(self) -> bool:
        for side in self.sides:
            side.hurry()
            if not side.attempting:
                side.expire()
        jobs = [side.job() for side in self.sides]
        busy = any(side.attempting for side in self.sides)
        return not busy and all(job is None or job[1] == "FAILED" for job in jobs)

    async def well(self) -> bool:
        """Whether the token that each side holds opens the other, and neither waits for another one to do so."""
        return all(
            [
                await self.b.takes(await self.a.held()),
                await self.a.takes(await self.b.held()),
                not any(
                    side.rows("SELECT 1 FROM held_token WHERE peer_uid = '{uid}' AND NOT proven") for side in self.sides
                ),
            ]
        )

    def heal(self) -> None:
        for side in self.sides:
            side.channel.heal()


async def new_pair(sites: tuple[Site, Site], *, put_window: int | None = None) -> Pair:
    """b has invited a, and keeps replaced tokens for that many seconds."""
    a, b = Side(sites[0], await sites[0].home(None)), Side(sites[1], await sites[1].home(put_window))
    return Pair(a, b, await b.home.invite(peer_id="other"))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  the other side is a database
            await asyncio.sleep(0.02)


async def admitted(command: Any) -> bool:
    """Whether a command was not refused for what the peer is doing at this moment."""
    try:
        await command
    except grpc.aio.AioRpcError as error:
        if error.code() not in _REFUSED:
            raise
        return False
    return True
