"""How a program that runs is told to stop: by SIGTERM or SIGINT."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

Serving = TypeVar("Serving")


async def until_signalled(
    servers: AbstractAsyncContextManager[Serving], ready: Callable[[Serving], Awaitable[None]]
) -> None:
    """Serves until the first signal. A second one does not wait for what is under way."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _on_signal, stop, number)
    async with servers as serving:
        await ready(serving)
        await stop.wait()


def _on_signal(stop: asyncio.Event, number: signal.Signals) -> None:
    if stop.is_set():
        os._exit(128 + number)
    stop.set()
