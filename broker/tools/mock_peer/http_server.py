"""HTTP/1.1 as a mock peer serves it: one request per connection, whose end it has in its own hands.

A client that is slow, sends too much or nothing sensible costs one connection for a few seconds.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum

import h11

MAX_BODY = 1024 * 1024
MAX_HEAD = 32 * 1024
READ_SECONDS = 20.0
STALL_SECONDS = 600.0
LINGER_SECONDS = 2.0

_CHUNK = 64 * 1024
_PIECES = 20


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Names of headers are in lower case. What may hold a token is not shown."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    oversized: bool = False
    """That the body is longer than MAX_BODY; what there is of it is left out."""

    def values(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for known, value in self.headers if known == name.lower()]

    def header(self, name: str) -> str | None:
        """The only value of a header; None if it is missing or occurs more than once."""
        values = self.values(name)
        return values[0] if len(values) == 1 else None


class Ending(Enum):
    """How far an answer gets."""

    WHOLE = "whole"
    NOTHING = "nothing"
    HEADERS = "headers"
    HALF = "half"
    STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and what becomes of it on the way. delay is before it, spread is how long its body takes."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: tuple[tuple[str, str], ...] = ()
    ending: Ending = Ending.WHOLE
    delay: float = 0
    spread: float = 0


Handler = Callable[[Request], Awaitable[Answer]]
Refusal = Callable[[int], Answer]
"""The answer with this HTTP status to what is no request."""


class _BadRequestError(Exception):
    """What came is no HTTP; status is what it gets."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def bind(host: str, port: int) -> socket.socket:
    """A socket that serves nothing yet; port 0 takes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only where it is.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


@asynccontextmanager
async def serving(handler: Handler, refused: Refusal, listener: socket.socket) -> AsyncIterator[None]:
    """Answers within the context. Whoever still waits at its end gets no answer."""
    open_connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_converse(handler, refused, reader, writer))
        open_connections.add(task)
        task.add_done_callback(open_connections.discard)

    server = await asyncio.start_server(accept, sock=listener, limit=MAX_HEAD)
    try:
        yield
    finally:
        server.close()
        remaining = list(open_connections)
        for task in remaining:
            task.cancel()
        await asyncio.gather(*remaining, return_exceptions=True)
        await server.wait_closed()


async def _converse(
    handler: Handler, refused: Refusal, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One request, one answer. A client that has gone changes nothing: the request is done all the same."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
    try:
        await _answer(connection, handler, refused, reader, writer)
    except (OSError, TimeoutError, h11.ProtocolError):
        pass
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _answer(
    connection: h11.Connection,
    handler: Handler,
    refused: Refusal,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    try:
        async with asyncio.timeout(READ_SECONDS):
            request = await _read(connection, reader, writer)
    except _BadRequestError as err:
        await _write(connection, refused(err.status), reader, writer)
        await _outlast(reader, writer)
        return
    if request is None:
        return
    await _write(connection, await handler(request), reader, writer)
    if request.oversized:
        await _outlast(reader, writer)


async def _outlast(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A connection that is closed while the client still sends would be reset, and the answer lost with it."""
    writer.write_eof()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while await reader.read(_CHUNK):
                pass


async def _read(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    """None if the client went away. Raises _BadRequestError."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as err:
            raise _BadRequestError(err.error_status_hint) from None
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                writer.write(connection.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data) and head is not None:
            body += event.data
            if len(body) > MAX_BODY:
                return _request(head, b"", oversized=True)
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return _request(head, bytes(body))
        else:
            return None


def _request(head: h11.Request, body: bytes, *, oversized: bool = False) -> Request:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
    return Request(head.method.decode("ascii"), head.target.decode("latin-1"), headers, body, oversized)


async def _write(
    connection: h11.Connection, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await asyncio.sleep(answer.delay)
    if answer.ending is Ending.NOTHING:
        return
    writer.write(connection.send(h11.Response(status_code=answer.status, headers=_headers(answer))) or b"")
    await writer.drain()
    if answer.ending is Ending.STALLED:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STALL_SECONDS):
                await reader.read()
    if answer.ending in (Ending.STALLED, Ending.HEADERS) or not _has_body(connection, answer):
        return
    whole = answer.ending is Ending.WHOLE
    for piece in _pieces(answer.body if whole else answer.body[: len(answer.body) // 2], bool(answer.spread)):
        writer.write(connection.send(h11.Data(data=piece)) or b"")
        await writer.drain()
        await asyncio.sleep(answer.spread / _PIECES)
    if whole:
        writer.write(connection.send(h11.EndOfMessage()) or b"")
    await writer.drain()


def _headers(answer: Answer) -> list[tuple[str, str]]:
    length = [] if answer.status == 204 else [("Content-Length", str(len(answer.body)))]  # noqa: PLR2004  no body ever
    return [*answer.headers, *length, ("Connection", "close")]


def _has_body(connection: h11.Connection, answer: Answer) -> bool:
    return bool(answer.body) and connection.our_state is h11.SEND_BODY


def _pieces(body: bytes, spread: bool) -> Sequence[bytes]:
    size = max(1, -(-len(body) // _PIECES)) if spread else _CHUNK
    return [body[start : start + size] for start in range(0, len(body), size)]
