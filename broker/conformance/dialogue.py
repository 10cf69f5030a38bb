"""One HTTP exchange after the other with the platform that is checked; all that was sent and came back is kept."""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from broker.conformance.deviations import Deviation, Unreachable
from broker.conformance.editions import Edition
from broker.conformance.platform import Platform, Received
from broker.conformance.secrecy import Secrets

Headers = Sequence[tuple[str, str | bytes]]

IDS = ("X-Request-ID", "X-Correlation-ID")


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it left."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The only value of a header; None if it is missing or occurs more than once."""
        return _only(self.headers, name)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The only value of a header; None if it is missing or occurs more than once."""
        return _only(self.headers, name)

    @property
    def json(self) -> Any:
        """Raises ValueError if the body is not JSON."""
        return json.loads(self.body)

    @property
    def envelope(self) -> Mapping[str, Any]:
        """The body as far as it is an object, else empty."""
        try:
            body = self.json
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}

    @property
    def code(self) -> object:
        """The OCPI status code; None without an envelope."""
        return self.envelope.get("status_code")

    @property
    def message(self) -> str:
        return str(self.envelope.get("status_message", ""))

    @property
    def data(self) -> Any:
        return self.envelope.get("data")

    @property
    def succeeded(self) -> bool:
        """EN-08, without looking at data."""
        return self.status // 100 == 2 and self.code == 1000  # noqa: PLR2004  HTTP's and OCPI's own numbers

    @property
    def methods(self) -> set[str]:
        """Of the header Allow."""
        return {method.strip() for method in (self.header("allow") or "").split(",")} - {""}


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, its answer, and the calls that reached our platform meanwhile."""

    sent: Sent
    answer: Answer
    edition: Edition
    callbacks: tuple[Received, ...] = ()


@dataclass(slots=True)
class Dialogue:
    """Everything that was said so far. admits tells which URLs may be called: tokens must not go elsewhere."""

    http: httpx.AsyncClient
    platform: Platform
    secrets: Secrets
    admits: Callable[[str], bool]
    exchanges: list[Exchange] = field(default_factory=list)

    async def say(self, method: str, url: str, headers: Headers, body: bytes | None = None) -> Exchange:
        """One request, one answer. Raises Unreachable or Deviation if there is none."""
        if not self.admits(url):
            raise Deviation(f"{url} is not on this machine; --allow-remote lets it be called")
        before = len(self.platform.received)
        try:
            answer = await self.http.request(method, url, headers=_latin(headers), content=body)
        except httpx.HTTPError as error:
            raise Unreachable(f"{method} {url}: no answer ({type(error).__name__})") from None
        except httpx.InvalidURL:
            raise Deviation(f"{url} is not a URL that can be called") from None
        exchange = Exchange(
            Sent(method, url, tuple((name, _text(value)) for name, value in headers), body or b""),
            Answer(answer.status_code, tuple(answer.headers.multi_items()), answer.content),
            self.platform.edition,
            tuple(self.platform.received[before:]),
        )
        self.exchanges.append(exchange)
        return exchange


def new_ids() -> list[tuple[str, str]]:
    """Message ids for one request."""
    return [(name, str(uuid.uuid4())) for name in IDS]


def _latin(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in headers]


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _only(headers: Sequence[tuple[str, str]], name: str) -> str | None:
    values = [value for key, value in headers if key.lower() == name.lower()]
    return values[0] if len(values) == 1 else None
