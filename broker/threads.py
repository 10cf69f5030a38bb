"""Work that grows with what a peer sent. Whoever sends much must not make everybody else wait (F7)."""

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

SMALL: Final = 16 * 1024
"""Bytes whose reading takes less than handing it to a thread is worth."""


async def run(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of pure work on so many bytes: in the event loop if they are few, in a thread if not."""
    if size <= SMALL:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
