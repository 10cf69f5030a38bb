"""A peer that can do anything, octet by octet, and our calls to it."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from broker.core.model import HeaderForm, Token
from broker.ocpi import DIALECTS
from broker.outbound.discovery import USUAL, HttpPeers
from broker.outbound.http_call import Budgets
from broker.outbound.url_policy import UrlPolicy

STRICT = UrlPolicy()
LOOPBACK = UrlPolicy(insecure=frozenset({"loopback"}))
QUICK = Budgets(connect=0.15, whole=0.3, versions=64 << 10, details=128 << 10)
ROOMY = Budgets(connect=2, whole=5, versions=64 << 10, details=128 << 10)
TOKEN = Token("canary-6f1e2a-Zx9")
RAW = "Token canary-6f1e2a-Zx9"
BASE64 = "Token Y2FuYXJ5LTZmMWUyYS1aeDk="
DIALECT = DIALECTS["2.2.1"]


# --- a peer that can do anything --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    target: str
    headers: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass
class Peer:
    """A server on one address: it keeps the one request of each connection, and then answer writes what it likes."""

    answer: Callable[["Peer", asyncio.StreamWriter], Awaitable[None]]
    port: int = 0
    connections: int = 0
    received: list[Request] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)  # as asked for by SNI
    written: int = 0

    def url(self, path: str = "/ocpi/versions", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        line, *lines = head.rstrip("\r\n").split("\r\n")
        headers = tuple((key.lower(), value.strip()) for key, _, value in (text.partition(":") for text in lines))
        self.received.append(Request(line.split(" ")[1], headers))
        await self.answer(self, writer)

    async def write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        writer.write(data)
        await writer.drain()
        self.written += len(data)


@asynccontextmanager
async def listening(answer, *, address="127.0.0.1", port=0, tls=None):
    peer = Peer(answer)
    tasks, writers = set(), []

    async def connected(reader, writer):
        tasks.add(asyncio.current_task())
        writers.append(writer)
        try:
            await peer.serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()
            tasks.discard(asyncio.current_task())

    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: peer.names.append(name)
    server = await asyncio.start_server(connected, address, port, ssl=tls)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        for _ in range(10):  # who was accepted just now gets transport, protocol and task, while the server is open
            await asyncio.sleep(0)
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()  # what a client never read would keep it open
        for _ in range(3):  # a TLS connection is closed in more than one step
            await asyncio.sleep(0)
        await server.wait_closed()


def plain(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def envelope(data=None, code=1000) -> bytes:
    return json.dumps({"data": data, "status_code": code, "timestamp": "2026-01-05T10:00:00Z"}).encode()


def says(*answers: bytes):
    """Answers the first request with the first, and so on; the last one for ever."""

    async def answer(peer, writer):
        await peer.write(writer, answers[min(len(peer.received), len(answers)) - 1])

    return answer


def lists(*versions: str):
    async def answer(peer, writer):
        data = [{"version": version, "url": peer.url(f"/ocpi/{version}")} for version in versions]
        await peer.write(writer, plain(envelope(data), "Content-Type: application/json"))

    return answer


def offers(*endpoints: dict, version: str = "2.2.1"):
    """{base} in an endpoint's URL stands for the peer itself."""

    async def answer(peer, writer):
        listed = [{**one, "url": one["url"].replace("{base}", peer.url(""))} for one in endpoints]
        await peer.write(writer, plain(envelope({"version": version, "endpoints": listed})))

    return answer


def endpoint(module="locations", role="SENDER", url="{base}/ocpi/2.2.1/locations"):
    return {"identifier": module, "role": role, "url": url}


# --- us ---------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def calling(policy=LOOPBACK, budgets=ROOMY, **collaborators):
    peers = HttpPeers(policy, budgets=budgets, **collaborators)
    try:
        yield peers
    finally:
        await peers.aclose()


async def read_versions(url, *, form=HeaderForm.BASE64, token=TOKEN, tolerances=USUAL, **ours):
    async with calling(**ours) as peers:
        return await peers.versions(url, token, form, tolerances, correlation_id="corr-1")


async def read_details(
    url, *, versions_url=None, form=HeaderForm.BASE64, token=TOKEN, tolerances=USUAL, dialect=DIALECT, **ours
):
    async with calling(**ours) as peers:
        return await peers.details(
            url, token, form, tolerances, dialect=dialect, versions_url=versions_url or url, correlation_id="corr-1"
        )


def resolving(*answers: list[str] | Exception):
    """A resolver that gives the first answer once, and so on; the last one for ever. asked counts."""

    async def resolve(host: str, port: int):
        resolve.asked += 1
        answer = answers[min(resolve.asked, len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    resolve.asked = 0
    return resolve
