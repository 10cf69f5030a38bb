"""A wire in front of a gateway that a test can break: it loses, holds and repeats requests, and their answers.

Every request comes on a connection of its own, so what is done to one is not seen by another.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Kind(Enum):
    DROP_REQUEST = "drop the request"
    DROP_ANSWER = "drop the answer"
    TWICE = "deliver the request twice"
    HOLD_REQUEST = "hold the request"
    HOLD_ANSWER = "hold the answer"
    LATE = "drop the connection, and deliver the request later"


@dataclass(slots=True)
class Fault:
    """What is done to one request. struck is set once it has happened; held ones go on when it is released."""

    kind: Kind
    method: str
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def hold(self) -> None:
        self.struck.set()
        await self.released.wait()


class Channel:
    """Where peers of a gateway are told to find it."""

    def __init__(self, base: str, host: str, port: int) -> None:
        self.base = base
        self._upstream = (host, port)
        self._waiting: list[Fault] = []
        self._faults: list[Fault] = []
        self.tasks: set[asyncio.Task[None]] = set()

    def fault(self, kind: Kind, method: str = "PUT") -> Fault:
        """For the next request with this method that has none yet."""
        fault = Fault(kind, method)
        self._waiting.append(fault)
        self._faults.append(fault)
        return fault

    def heal(self) -> None:
        """No more faults; what is held goes on."""
        self._waiting.clear()
        for fault in self._faults:
            fault.released.set()
        self._faults.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            writer.close()
            self.tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        request = head + (await reader.readexactly(int(length[1])) if length else b"")
        answer = await self._answer(request, self._next(head.partition(b" ")[0].decode()), writer)
        if answer:
            writer.write(answer)
            await writer.drain()

    def _next(self, method: str) -> Fault | None:
        fault = next((fault for fault in self._waiting if fault.method == method), None)
        if fault is not None:
            self._waiting.remove(fault)
        return fault

    async def _answer(self, request: bytes, fault: Fault | None, writer: asyncio.StreamWriter) -> bytes:
        """Nothing if it is lost."""
        if fault is None:
            return await self._forward(request)
        match fault.kind:
            case Kind.DROP_REQUEST:
                answer = b""
            case Kind.DROP_ANSWER:
                await self._forward(request)
                answer = b""
            case Kind.TWICE:
                await self._forward(request)
                answer = await self._forward(request)
            case Kind.HOLD_REQUEST:
                await fault.hold()
                answer = await self._forward(request)
            case Kind.HOLD_ANSWER:
                answer = await self._forward(request)
                await fault.hold()
            case Kind.LATE:
                writer.close()
                await fault.hold()
                await self._forward(request)
                answer = b""
        fault.struck.set()
        return answer

    async def _forward(self, request: bytes) -> bytes:
        """The whole answer. The broker's requests say that the connection ends after them."""
        reader, writer = await asyncio.open_connection(*self._upstream)
        try:
            writer.write(request)
            return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def channel(upstream: str) -> AsyncIterator[Channel]:
    """A channel on loopback to the gateway at this URL."""
    host, _, port = upstream.removeprefix("http://").partition(":")
    one = Channel("", host, int(port))
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield one
    finally:
        server.close()
        one.heal()
        for task in list(one.tasks):
            task.cancel()
        await asyncio.gather(*one.tasks, return_exceptions=True)
