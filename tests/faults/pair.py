"""One of our tenants and a mock peer: what operators command, and what both sides hold."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from google.rpc import error_details_pb2

from broker.core.exchange import ExchangeKind
from broker.tools.mock_peer.platform import MockPeer
from ocpi_broker.v1 import peer_service_pb2 as pb
from ocpi_broker.v1 import resources_pb2
from tests.faults import invariants
from tests.faults.invariants import Memory
from tests.stack import Home, Stack

WAITING = resources_pb2.JOB_STATE_WAITING
FAILED = resources_pb2.JOB_STATE_FAILED
REGISTERED = resources_pb2.PEER_STATE_REGISTERED
UNREGISTERED = resources_pb2.PEER_STATE_UNREGISTERED
_PATIENCE_SECONDS = 30


async def soon(what: Callable[[], Awaitable[Any]]) -> Any:
    """The first true answer; a failure if there is none for a long time."""
    until, pause = time.monotonic() + _PATIENCE_SECONDS, 0.02
    while not (found := await what()):
        assert time.monotonic() < until, "it has not come to pass"
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.5)  # asking costs more than waiting
    return found


def why(peer: resources_pb2.Peer) -> str:
    """The reason for which the last attempt failed."""
    info = error_details_pb2.ErrorInfo()
    return info.reason if any(packed.Unpack(info) for packed in peer.job.last_error.details) else ""


def _rests(peer: resources_pb2.Peer) -> bool:
    """Whether no attempt is running or about to."""
    if not peer.HasField("job") or peer.job.state == FAILED:
        return True
    return bool(peer.job.state == WAITING and peer.job.attempts)


@dataclass(slots=True)
class Pair:
    """id is what home calls the mock peer. seen collects every token that a test comes across."""

    stack: Stack
    home: Home
    mock: MockPeer
    id: str
    party: str
    seen: set[str]
    commands: int = 0
    """How many attempts of ours there must have been."""
    memory: Memory = field(default_factory=Memory)

    @property
    def name(self) -> str:
        return f"{self.home.name}/peers/{self.id}"

    def remember(self) -> None:
        """Keep all tokens that are known at this moment."""
        self.seen |= {self.mock.token, *self.mock.issued, *self.mock.earlier, *filter(None, [self.mock.held])}

    # We are the Sender.

    async def connect(self, token: str | None = None, **more: Any) -> resources_pb2.Peer:
        """ConnectPeer, and what has become of it after one attempt."""
        await self.begin_connect(token, **more)
        return await self.rest()

    async def begin_connect(self, token: str | None = None, **more: Any) -> None:
        self.commands += 1
        settings = {"versions_url": self.mock.versions_url, "token": token or self.mock.token, **more}
        await self.stack.peers.ConnectPeer(pb.ConnectPeerRequest(parent=self.home.name, peer_id=self.id, **settings))

    async def rotate(self) -> resources_pb2.Peer:
        await self.begin_rotate()
        return await self.rest()

    async def begin_rotate(self) -> None:
        self.commands += 1
        await self.stack.peers.RotatePeer(pb.RotatePeerRequest(name=self.name))

    async def switch(self, version: str) -> resources_pb2.Peer:
        self.commands += 1
        await self.stack.peers.SwitchPeerVersion(pb.SwitchPeerVersionRequest(name=self.name, version=version))
        return await self.rest()

    async def revoke(self) -> resources_pb2.Peer:
        self.commands += 1
        await self.stack.peers.RevokePeer(pb.RevokePeerRequest(name=self.name))
        return await self.rest()

    async def unregister(self, *, force: bool = False) -> resources_pb2.Peer:
        self.commands += 1
        await self.stack.peers.UnregisterPeer(pb.UnregisterPeerRequest(name=self.name, force=force))
        return await self.rest()

    async def command(self, kind: ExchangeKind) -> resources_pb2.Peer:
        match kind:
            case ExchangeKind.POST:
                return await self.connect()
            case ExchangeKind.PUT:
                return await self.rotate()
            case ExchangeKind.DELETE:
                return await self.unregister()

    async def connected(self) -> resources_pb2.Peer:
        """The same, for tests that begin there."""
        peer = await self.connect()
        assert peer.state == REGISTERED, peer
        assert not peer.HasField("job"), peer
        return peer

    # The peer is.

    async def invited(self, **more: Any) -> str:
        """A token A of ours for the mock peer."""
        invitation = await self.home.invite(self.party, peer_id=self.id, **more)
        self.seen.add(invitation.token)
        return invitation.token

    async def registered(self) -> str:
        """The mock peer has registered with us; the token A that it used."""
        token = await self.invited()
        await self.mock.register(self.home.versions_url, token)
        return token

    # What is known.

    async def peer(self) -> resources_pb2.Peer:
        return await self.home.peer(self.name)

    async def rest(self) -> resources_pb2.Peer:
        """The peer when no exchange with it is running."""

        async def resting() -> resources_pb2.Peer | None:
            if invariants.running(self):  # costs less than asking the broker, which works meanwhile
                return None
            peer = await self.peer()
            return peer if _rests(peer) and not invariants.running(self) else None

        self.remember()
        peer: resources_pb2.Peer = await soon(resting)
        self.remember()
        return peer

    async def held(self) -> str:
        """The token that our services show to the mock peer, by all that is committed now."""
        token = (await self.home.held(self.name, min_revision=self._revision())).token
        self.seen.add(token)
        return token

    async def works(self, token: str | None, module: str = "locations") -> bool:
        """Whether we take a token, by all that is committed now."""
        if token is None:
            return False
        return (await self.home.verify(token, module, min_revision=self._revision())).valid

    def _revision(self) -> int:
        ((revision,),) = self.stack.database.execute("SELECT revision FROM change_stream")
        return int(revision)

    async def check(self, *, locked_out: bool = False) -> None:
        """What holds after each step, see invariants."""
        await invariants.check(self, locked_out=locked_out)

    async def check_connected(self) -> None:
        await self.check()
        await invariants.check_connected(self)

    async def check_gone(self, *old: str | None, told: bool = True) -> None:
        await self.check(locked_out=True)
        await invariants.check_gone(self, old, told=told)
