"""What is seen of a process from outside: whether it lives, whether it is ready, what it has counted."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib import metadata

import orjson
import structlog
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from broker.process import health_server
from broker.process.door import OFF, Door
from broker.process.health_server import Answer
from broker.process.listening import address_of, listen
from broker.process.not_ready import NotReadyError

_log = structlog.get_logger(__name__)

Check = Callable[[], Awaitable[str]]
"""Why a part is not ready, in words; empty if it is."""

VERSION = metadata.version("ocpi-broker")
_JSON = "application/json"
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
"""The format that every scraper reads."""
_FRESH_SECONDS = 1.0
"""So long an answer is given again: whoever asks in a hurry costs nothing more."""


async def _starting() -> str:
    return "starting"


class Outside:
    """Answers for the parts that it is made with. Each is "starting" until it is shown."""

    def __init__(self, *parts: str) -> None:
        self._checks: dict[str, Check] = dict.fromkeys(parts, _starting)
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._registry)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._written: dict[str, tuple[float, Answer]] = {}

    def show(self, part: str, check: Check, metrics: Collector) -> None:
        self._checks[part] = check
        self._registry.register(metrics)

    async def answer(self, path: str) -> Answer:
        match path:
            case "/livez":
                return Answer(HTTPStatus.OK, _JSON, orjson.dumps({"alive": True, "version": VERSION}))
            case "/readyz":
                return await self._fresh(path, self._ready)
            case "/metrics":
                return await self._fresh(path, self._metrics)
        return Answer(HTTPStatus.NOT_FOUND, _JSON, orjson.dumps({"there_is": ["/livez", "/readyz", "/metrics"]}))

    async def readiness(self) -> Mapping[str, str]:
        """For each part why it is not ready; empty if it is."""
        return {part: await check() for part, check in self._checks.items()}

    async def _ready(self) -> Answer:
        said = await self.readiness()
        ready = not any(said.values())
        body = {"ready": ready, **{part: why or "ready" for part, why in said.items()}}
        return Answer(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, _JSON, orjson.dumps(body))

    async def _metrics(self) -> Answer:
        """In a thread: with many peers it takes a while."""
        return Answer(HTTPStatus.OK, _TEXT, await asyncio.to_thread(generate_latest, self._registry))

    async def _fresh(self, path: str, make: Callable[[], Awaitable[Answer]]) -> Answer:
        """One is made at a time, and kept for a moment."""
        async with self._locks[path]:
            made = self._written.get(path)
            if made is None or time.monotonic() - made[0] > _FRESH_SECONDS:
                answer = await make()
                self._written[path] = made = (time.monotonic(), answer)
            return made[1]


@asynccontextmanager
async def opened(door: Door, outside: Outside) -> AsyncIterator[str]:
    """Shown within the context. Yields where, or nothing. Raises NotReadyError if an address that was asked for is not
    to be had.
    """
    if door.address is None:
        yield ""
        return
    try:
        listener = listen(door.address)
    except NotReadyError as err:
        if not door.usual:
            raise NotReadyError(f"health and metrics: {err}; give another address with --health, or {OFF}") from None
        _log.warning("health_not_shown", address=str(door), cause=str(err))
        yield ""
        return
    async with health_server.serving(listener, outside.answer):
        yield str(address_of(listener))
