"""One of our tenants and a partner: the commands of operators, what services get, and what is on record."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from google.protobuf import duration_pb2, field_mask_pb2

from ocpi_broker.v1 import peer_service_pb2 as pb
from ocpi_broker.v1 import resources_pb2
from tests.integration.field.partner import Partner, partner_running, speaking
from tests.peer import Reply, Sender
from tests.stack import Deployment, Home, Stack, party

REGISTERED = resources_pb2.PEER_STATE_REGISTERED
UNREGISTERED = resources_pb2.PEER_STATE_UNREGISTERED
_PATIENCE_SECONDS = 15


async def soon(what: Callable[[], Awaitable[Any]]) -> Any:
    """The first true answer; a failure if there is none for a long time."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not (found := await what()):  # noqa: ASYNC110  the other side is a broker
            await asyncio.sleep(0.05)
    return found


def windows(*, post: int = 900, put: int = 86400, **more: Any) -> resources_pb2.TenantPolicy:
    """In seconds."""
    seconds = {"post_retry_window": post, "put_retry_window": put}
    return resources_pb2.TenantPolicy(
        **{name: duration_pb2.Duration(seconds=value) for name, value in seconds.items()}, **more
    )


def ids(peer: resources_pb2.Peer) -> list[str]:
    """Of all that an operator should look at."""
    return [one.id for one in peer.findings]


@dataclass(slots=True)
class Link:
    """id is what home calls the partner."""

    stack: Stack
    home: Home
    partner: Partner
    id: str = "partner"

    @property
    def name(self) -> str:
        return f"{self.home.name}/peers/{self.id}"

    # We are the Sender.

    async def connect(self, token: str, *, terms: bool = True, wait: bool = True, **more: Any) -> resources_pb2.Peer:
        expected = resources_pb2.InvitationTerms(parties=[party(self.partner.party)]) if terms else None
        request = pb.ConnectPeerRequest(
            parent=self.home.name,
            peer_id=self.id,
            versions_url=self.partner.versions_url,
            token=token,
            terms=expected,
            wait=wait,
            **more,
        )
        return (await self.stack.peers.ConnectPeer(request)).peer

    async def connected(self, **more: Any) -> resources_pb2.Peer:
        """With an invitation that was made for it."""
        token = self.partner.fresh()
        return await self.connect(token, **more)

    async def rotate(self, *, wait: bool = True) -> resources_pb2.Peer:
        return (await self.stack.peers.RotatePeer(pb.RotatePeerRequest(name=self.name, wait=wait))).peer

    async def attempted(self, command: Awaitable[resources_pb2.Peer]) -> resources_pb2.Peer:
        """What has become of a job after an attempt that did not succeed: it may go on."""
        await command
        return await soon(self._after_attempt)

    async def _after_attempt(self) -> resources_pb2.Peer | None:
        peer = await self.peer()
        return peer if peer.job.attempts else None

    async def unregister(self) -> resources_pb2.Peer:
        request = pb.UnregisterPeerRequest(name=self.name, wait=True)
        return (await self.stack.peers.UnregisterPeer(request)).peer

    # The partner is.

    async def invited(self, *parties: str, **terms: Any) -> Sender:
        invitation = await self.home.invite(*(parties or (self.partner.party,)), peer_id=self.id, **terms)
        return self.stack.sender(invitation, self.partner, *(parties or (self.partner.party,)))

    async def registered(self, *parties: str) -> Sender:
        """It has registered and used its token."""
        sender = await self.invited(*parties)
        await sender.register()
        await sender.versions()
        return sender

    # What is known.

    async def peer(self) -> resources_pb2.Peer:
        return await self.home.peer(self.name)

    async def held(self) -> str:
        return (await self.home.held(self.name)).token

    async def shown(self) -> str:
        """The header that services are told to show."""
        return (await self.home.held(self.name)).authorization

    async def announces(self, sender: Sender, token: str) -> Reply:
        """A PUT with this token, which does not work before the test says so."""
        return await sender.put(sender.credentials(token))

    async def holds(self, token: str) -> bool:
        return await self.held() == token

    async def valid(self, token: str) -> bool:
        return (await self.home.verify(token)).valid

    async def record(self) -> resources_pb2.Exchange:
        """The newest."""
        request = pb.ListExchangesRequest(parent=self.name, page_size=1)
        return (await self.stack.peers.ListExchanges(request)).exchanges[0]

    async def change(self, *paths: str, **values: Any) -> resources_pb2.Peer:
        mask = field_mask_pb2.FieldMask(paths=paths or list(values))
        request = pb.UpdatePeerRequest(peer=resources_pb2.Peer(name=self.name, **values), update_mask=mask)
        return (await self.stack.peers.UpdatePeer(request)).peer

    async def approve(self, *parties: str) -> resources_pb2.Peer:
        """What `peer approve` does."""
        now = await self.peer()
        terms = now.terms
        terms.parties.extend(map(party, parties))
        return await self.change(terms=terms)

    def audited(self, action: str) -> list[dict[str, Any]]:
        """The details of all entries of this action about the peer, oldest first."""
        query = (
            f"SELECT detail FROM audit WHERE action = '{action}' AND resource = '{self.name}' ORDER BY revision, seq"
        )
        return [json.loads(row[0]) if row[0] else {} for row in self.stack.database.execute(query)]

    def column(self, query: str) -> list[Any]:
        """The first column of a query; {uid} stands for the peer's."""
        tenant = self.home.name.partition("/")[2]
        uid = f"(SELECT uid FROM peer WHERE tenant = '{tenant}' AND id = '{self.id}')"
        return [row[0] for row in self.stack.database.execute(query.format(uid=uid))]


@asynccontextmanager
async def linked(
    stack: Deployment, version: str = "2.2.1", *, policy: resources_pb2.TenantPolicy | None = None, **settings: Any
) -> AsyncIterator[Link]:
    """A new tenant and a partner that speak this version."""
    home = await stack.home(versions=[version], policy=policy)
    async with partner_running(**speaking(version, **settings)) as partner:
        yield Link(stack, home, partner)
