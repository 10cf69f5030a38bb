"""Peers of every version that announce themselves as a test wants it."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from broker.ocpi import DIALECTS
from tests.peer import FLAT, Platform, Reply, new_token, role
from tests.stack import Guest, Home, Stack

# What is refused is refused before the database: once is enough.
on_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True, scope="session")
BROAD = "\U0001f50c"


@dataclass(frozen=True, slots=True)
class Subject:
    """A peer that may POST (invited) or PUT (registered) in one version."""

    stack: Stack
    home: Home
    guest: Guest
    version: str
    method: str

    @property
    def flat(self) -> bool:
        return self.version in FLAT

    @property
    def party(self) -> str:
        """Where the fields of the only party are."""
        return "" if self.flat else "roles[0]."

    def body(self, **changes: Any) -> dict[str, Any]:
        """A credentials object in order, with a token that the peer accepts; changes are to its party."""
        return announced(self.guest.platform, self.version, self.guest.party, **changes)

    async def send(self, content: bytes | dict[str, Any], **more: Any) -> Reply:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        return await self.guest.sender.request(self.method, self.guest.sender.credentials_url, content=data, **more)

    async def snapshot(self) -> object:
        """All that a refusal must not change (RR-15, UR-08)."""
        peer = await self.home.peer(self.guest.name)
        held = (await self.home.held(self.guest.name)).token if self.method == "PUT" else None
        shown = (await self.home.verify(self.guest.sender.token, "credentials")).valid
        return peer.state, peer.version, peer.versions_url, str(peer.parties), str(peer.endpoints), shown, held


def announced(platform: Platform, version: str, party: str, **changes: Any) -> dict[str, Any]:
    """A credentials object as the version has it; a change to ... takes a field of the party away."""
    token = new_token()
    platform.accepted.add(token)
    entry = {name: value for name, value in {**role(party), **changes}.items() if value is not ...}
    common = {"token": token, "url": platform.versions_url}
    if version in FLAT:
        entry.pop("role", None)
        return {**common, **entry}
    return {**common, "roles": [entry]}


async def prepared(stack: Stack, home: Home, guest: Guest, version: str, method: str) -> Subject:
    """A subject that has done what comes before its method."""
    subject = Subject(stack, home, guest, version, method)
    guest.sender.credentials_url = f"{guest.sender.base}/{version}/credentials"
    if method == "PUT":
        reply = await guest.sender.request(
            "POST", guest.sender.credentials_url, content=json.dumps(subject.body()).encode()
        )
        assert reply.outcome == (200, 1000), reply
        guest.sender.token = reply.token
        await guest.sender.versions()  # so that the exchange is confirmed
    return subject


OLDEST, *_, NEWEST = DIALECTS

every_version = pytest.mark.parametrize("version", DIALECTS)


def arrays(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth
