"""One HTTP exchange after the other with the platform that is checked; all that was sent and came back is kept."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx

from broker.tools.conformance.asides import is_aside
from broker.tools.conformance.deviations import Deviation, Unreachable
from broker.tools.conformance.platform import Platform
from broker.tools.conformance.secrecy import Secrets
from broker.tools.conformance.transcript import Answer, Exchange, Sent

Headers = Sequence[tuple[str, str | bytes]]

MAX_ANSWER = 4 * 1024 * 1024
"""Bytes of an answer that are read, after unpacking (TR-19)."""

IDS = ("X-Request-ID", "X-Correlation-ID")


@dataclass(slots=True)
class Dialogue:
    """Everything that was said so far. admits tells which URLs may be called: tokens must not go elsewhere."""

    http: httpx.AsyncClient
    platform: Platform
    secrets: Secrets
    admits: Callable[[str], bool]
    exchanges: list[Exchange] = field(default_factory=list)

    async def say(self, method: str, url: str, headers: Headers, body: bytes | None = None) -> Exchange:
        """One request, one answer. Raises Unreachable or Deviation if there is none that can be read."""
        if not self.admits(url):
            raise Deviation(f"{url} is not on this machine; --allow-remote lets it be called")
        before = len(self.platform.received)
        try:
            answer = await self._answer(method, url, headers, body)
        except httpx.HTTPError as error:
            raise Unreachable(f"{method} {url}: no answer ({type(error).__name__})") from None
        except httpx.InvalidURL:
            raise Deviation(f"{url} is not a URL that can be called") from None
        sent = Sent(method, url, tuple((name, _text(value)) for name, value in headers), body or b"")
        called = tuple(request for request in self.platform.received[before:] if not is_aside(sent, request))
        exchange = Exchange(sent, answer, self.platform.edition, called)
        self.exchanges.append(exchange)
        return exchange

    async def _answer(self, method: str, url: str, headers: Headers, body: bytes | None) -> Answer:
        """Raises Deviation if it is too large to be read, httpx's errors if there is none."""
        content = bytearray()
        async with self.http.stream(method, url, headers=_latin(headers), content=body) as answer:
            async for piece in answer.aiter_bytes():
                content += piece
                if len(content) > MAX_ANSWER:
                    raise Deviation(f"{method} {url}: the answer has more than {MAX_ANSWER // 2**20} MiB")
            return Answer(answer.status_code, tuple(answer.headers.multi_items()), bytes(content))


def new_ids() -> list[tuple[str, str]]:
    """Message ids for one request."""
    return [(name, str(uuid.uuid4())) for name in IDS]


def _latin(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in headers]


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
