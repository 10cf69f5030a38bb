"""What a process consists of, in the order of its start: it is stopped in the opposite order (drain)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any


async def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Part:
    """Something that is started and stopped. stop is awaited if start has ended well, whatever happened since."""

    name: str
    start: Callable[[], Awaitable[object]] = _nothing
    stop: Callable[[], Awaitable[object]] = _nothing


def loop(
    name: str, follow: Callable[[], Coroutine[Any, Any, None]], finish: Callable[[], object] | None = None
) -> Part:
    """A loop in the background. It ends by itself after finish; without that it is cancelled."""
    tasks: list[asyncio.Task[None]] = []

    async def start() -> None:
        tasks.append(asyncio.create_task(follow(), name=name))

    async def stop() -> None:
        task = tasks.pop()
        if finish is None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        else:
            finish()
            await task

    return Part(name, start, stop)


@asynccontextmanager
async def running(parts: Sequence[Part]) -> AsyncIterator[None]:
    """All of them, until the context is left. If one does not start, those before it are stopped."""
    async with AsyncExitStack() as started:
        for part in parts:
            await part.start()
            started.push_async_callback(part.stop)
        yield
