"""Two mock peers, and what a bare client says to one of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from broker.tools.mock_peer.platform import MockPeer, mock_peer

PATIENCE = 30


@dataclass(frozen=True, slots=True)
class Octets:
    """All that came back on a connection until it was closed."""

    raw: bytes

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1])

    @property
    def headers(self) -> dict[str, str]:
        head = self.raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in head)}

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def length(self) -> int:
        """What was promised."""
        return int(self.headers["content-length"])

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def outcome(self) -> tuple[int, int]:
        return self.status, self.json["status_code"]


def request_text(peer: MockPeer, method: str, path: str, token: str | None, body: Any = None, *more: str) -> bytes:
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    shown = [f"Authorization: Token {token}"] if token is not None else []
    head = [f"{method} {path} HTTP/1.1", f"Host: {urlsplit(peer.base).netloc}", f"Content-Length: {len(content)}"]
    return "\r\n".join([*head, *shown, *more, "", ""]).encode() + content


async def spoken(peer: MockPeer, sent: bytes, *, hang_up: bool = False) -> Octets:
    """What comes back for these octets; with hang_up, nothing is sent after them."""
    parts = urlsplit(peer.base)
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(sent)
        if hang_up:
            writer.write_eof()
        try:
            return Octets(await reader.read())
        finally:
            writer.close()


async def asked(peer: MockPeer, method: str, path: str, token: str | None, body: Any = None, *more: str) -> Octets:
    return await spoken(peer, request_text(peer, method, path, token, body, *more))


def announcement(sender: MockPeer, **changes: Any) -> dict[str, Any]:
    """A credentials object of 2.2.1 with a token for which the sender answers."""
    role = {
        "role": "EMSP",
        "party_id": "LMH",
        "country_code": "NL",
        "business_details": {"name": "Lumen Hub"},
    }
    return {"token": sender.invite(), "url": sender.versions_url, "roles": [role], **changes}


async def posted(receiver: MockPeer, sender: MockPeer, shown: str | None = None, **changes: Any) -> Octets:
    return await asked(
        receiver, "POST", "/ocpi/2.2.1/credentials", shown or receiver.token, announcement(sender, **changes)
    )


@pytest.fixture
async def receiver() -> AsyncIterator[MockPeer]:
    async with mock_peer() as one:
        yield one


@pytest.fixture
async def sender() -> AsyncIterator[MockPeer]:
    async with mock_peer(parties=["NL/LMH/EMSP=Lumen Hub"]) as one:
        yield one


@pytest.fixture
async def registered(receiver: MockPeer, sender: MockPeer) -> MockPeer:
    """The sender, after its registration."""
    await sender.register(receiver.versions_url, receiver.token)
    return sender
