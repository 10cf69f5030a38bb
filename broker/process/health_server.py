"""The HTTP server of the health port: small, and bounded in everything, so that it cannot disturb the service.

One request per connection, a GET without a body. It answers in the event loop of the service: an answer shows that
this one is alive. Connections that are silent shut nobody out: they give way to those that come.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from http import HTTPStatus
from socket import socket

import h11

_MOST_CONNECTIONS = 16
_BACKLOG = 128
"""Connections that may wait to be taken: they come in bursts."""
_SECONDS = 10.0
"""For a request and its answer: who is slower is cut off."""
_MOST_BYTES = 8192
_READS = frozenset({b"GET", b"HEAD"})


@dataclass(frozen=True, slots=True)
class Answer:
    status: HTTPStatus
    kind: str
    body: bytes


Answering = Callable[[str], Awaitable[Answer]]
"""Is given the path without its query."""


@asynccontextmanager
async def serving(listener: socket, answer: Answering) -> AsyncIterator[None]:
    """Answer within the context. Whoever is connected at its end is cut off."""
    server = _HealthServer(answer)
    listening = await asyncio.start_server(server.serve, sock=listener, limit=_MOST_BYTES, backlog=_BACKLOG)
    try:
        yield
    finally:
        listening.close()
        await server.cut_off()


class _Stage(IntEnum):
    """What a connection waits for. In this order, and the oldest first, they give way to a new one."""

    ITS_REQUEST = 0
    ITS_END = 1
    OUR_ANSWER = 2


class _HealthServer:
    def __init__(self, answer: Answering) -> None:
        self._answer = answer
        self._open: dict[asyncio.Task[None], _Stage] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or not self._has_room():
            writer.transport.abort()
            return
        self._open[task] = _Stage.ITS_REQUEST
        try:
            # Whom we cut off ourselves has not failed; the streams of Python 3.11 would log it as a defect.
            with suppress(OSError, TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout(_SECONDS):
                    await self._converse(reader, writer, task)
        finally:
            self._open.pop(task, None)
            writer.transport.abort()

    def _has_room(self) -> bool:
        """Made, where there is none, by cutting off a connection that waits for its other side."""
        if len(self._open) < _MOST_CONNECTIONS:
            return True
        task = min(self._open, key=self._open.__getitem__)  # of several the first, which is the oldest
        if self._open[task] is _Stage.OUR_ANSWER:
            return False
        del self._open[task]
        task.cancel()
        return True

    async def cut_off(self) -> None:
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, task: asyncio.Task[None]
    ) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST_BYTES)
        request = None
        try:
            request = await _request(connection, reader)
        except h11.RemoteProtocolError:
            answer = _refusal(HTTPStatus.BAD_REQUEST)
        else:
            if request is None:
                return
            self._open[task] = _Stage.OUR_ANSWER
            answer = await self._answered(request)
        self._open[task] = _Stage.ITS_END
        writer.write(_written(connection, answer, bodiless=request is not None and request.method == b"HEAD"))
        await writer.drain()
        writer.write_eof()
        await reader.read(1)  # until the other side has taken it all, and closes

    async def _answered(self, request: h11.Request) -> Answer:
        if request.method not in _READS:
            return _refusal(HTTPStatus.METHOD_NOT_ALLOWED)
        return await self._answer(request.target.partition(b"?")[0].decode("latin-1"))


async def _request(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    """None if the other side closes before it has asked. Raises RemoteProtocolError."""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            return None
        connection.receive_data(await reader.read(_MOST_BYTES))


def _refusal(status: HTTPStatus) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", status.phrase.encode())


def _written(connection: h11.Connection, answer: Answer, *, bodiless: bool) -> bytes:
    headers = [
        ("content-type", answer.kind),
        ("content-length", str(len(answer.body))),
        ("cache-control", "no-store"),
        ("connection", "close"),
    ]
    if answer.status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append(("allow", "GET, HEAD"))
    head = h11.Response(status_code=answer.status, headers=headers, reason=answer.status.phrase)
    return (connection.send(head) or b"") + (b"" if bodiless else answer.body)
