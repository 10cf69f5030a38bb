"""A peer that may POST or one that may PUT: what is refused to both."""

from dataclasses import dataclass
from typing import Any

import pytest

from ocpi_broker.v1 import resources_pb2
from tests.peer import Reply
from tests.stack import Guest, Home


@dataclass(frozen=True, slots=True)
class Either:
    """A peer that may POST (invited) or one that may PUT (registered): the same rules hold for both."""

    home: Home
    guest: Guest
    method: str

    async def send(self, body: object = None, **changes: Any) -> Reply:
        return await (self.guest.sender.post if self.method == "POST" else self.guest.sender.put)(body, **changes)

    async def snapshot(self) -> object:
        """All that the peer is, as far as a failure must not change it (RR-15, UR-08)."""
        kept = standing(await self.home.peer(self.guest.name))
        shown = (await self.home.verify(self.guest.sender.token, "credentials")).valid
        held = (await self.home.held(self.guest.name)).token if self.method == "PUT" else None
        return kept, shown, held


def standing(peer: resources_pb2.Peer) -> tuple[object, ...]:
    return peer.state, peer.version, peer.versions_url, str(peer.parties), str(peer.endpoints), peer.unconfirmed


both_methods = pytest.mark.parametrize("settled", ["POST", "PUT"], indirect=True, scope="module")
