"""The load generator where h2load is missing: Python clients in a process of their own.

They cost as much as what they measure, so that ratios come out nearer to 1 than they are.
"""

import asyncio
import base64
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from typing import Any

import grpc

from tests.bench.load import SECONDS, WARM_UP_SECONDS, Sample, Target, WrongAnswerError, percentiles, split
from tests.bench.programs import module, new_loop

Ask = Callable[[], Awaitable[object]]


class Pyload:
    name = "Python clients (h2load is not installed; ratios are flattered)"

    async def __call__(self, target: Target) -> Sample:
        process = await asyncio.create_subprocess_exec(
            *module("tests.bench.pyload"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        try:
            said, _ = await process.communicate(_written(target))
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            raise WrongAnswerError(f"{target.name}: the load generator failed")
        return Sample(**json.loads(said))


def _written(target: Target) -> bytes:
    message = None if target.message is None else base64.b64encode(target.message).decode()
    return json.dumps({**asdict(target), "message": message}).encode()


def _read(text: bytes) -> Target:
    values: dict[str, Any] = json.loads(text)
    message = values.pop("message")
    headers = tuple((name, value) for name, value in values.pop("headers"))
    return Target(**values, headers=headers, message=None if message is None else base64.b64decode(message))


async def measure(target: Target) -> Sample:
    async with AsyncExitStack() as stack:
        askers = [await stack.enter_async_context(asker) for asker in _askers(target)]
        begin = time.perf_counter() + WARM_UP_SECONDS
        times = await asyncio.gather(*(_repeat(ask, begin, begin + SECONDS) for ask in askers))
    found = [each for some in times for each in some]
    return Sample(len(found) * target.units / SECONDS, *percentiles(found))


async def _repeat(ask: Ask, begin: float, end: float) -> list[float]:
    """Milliseconds of each request that was answered between begin and end."""
    times = []
    while (asked := time.perf_counter()) < end:
        await ask()
        answered = time.perf_counter()
        if begin <= answered < end:
            times.append((answered - asked) * 1000)
    return times


def _askers(target: Target) -> "list[Any]":
    if target.message is None:
        return [_http(target) for _ in range(target.in_flight)]
    return [_grpc(target, number % target.connections) for number in range(target.in_flight)]


@asynccontextmanager
async def _grpc(target: Target, connection: int) -> AsyncIterator[Ask]:
    """A failed call raises. Channels with different options do not share a connection."""
    authority, path = split(target.url)
    async with grpc.aio.insecure_channel(authority, options=[("bench.connection", connection)]) as channel:
        call = channel.unary_unary(path)
        yield lambda: call(target.message, metadata=target.headers, timeout=10)


@asynccontextmanager
async def _http(target: Target) -> AsyncIterator[Ask]:
    """One HTTP/1.1 connection that is kept open."""
    authority, path = split(target.url)
    host, _, port = authority.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"GET {path} HTTP/1.1", f"host: {authority}", *(f"{name}: {value}" for name, value in target.headers)]
    request = "\r\n".join([*lines, "", ""]).encode()

    async def ask() -> None:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise WrongAnswerError(head.decode("latin-1").splitlines()[0])
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))

    try:
        yield ask
    finally:
        writer.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_loop) as runner:
        print(json.dumps(asdict(runner.run(measure(_read(sys.stdin.buffer.read()))))))
