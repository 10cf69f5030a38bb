"""The checker's own small OCPI platform: it answers the calls inside a POST or PUT, and keeps what reaches it.

It can be told to misbehave: a script for a resource stands in for the right answer.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from broker.tools.conformance.editions import Edition, encoded, raw

Send = Callable[[dict[str, Any]], Awaitable[None]]

VERSIONS, DETAILS, CREDENTIALS = "versions", "details", "credentials"
NOW = "2026-03-02T09:15:00Z"


@dataclass(frozen=True, slots=True)
class Received:
    """One request that reached the platform. resource is empty if we have nothing at that URL; names in lower case."""

    resource: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    accepted: bool

    def header(self, name: str) -> str | None:
        """The only value of a header; None if it is missing or occurs more than once."""
        values = [value for key, value in self.headers if key == name.lower()]
        return values[0] if len(values) == 1 else None

    def has(self, name: str) -> bool:
        return any(key == name.lower() for key, _ in self.headers)


@dataclass(frozen=True, slots=True)
class Served:
    """An answer of the platform."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


Script = Callable[[Received], Awaitable[Served | None]]
"""What to answer instead; None for the right answer."""


def envelope(data: object = None, code: object = 1000, *, status: int = 200, **more: object) -> Served:
    """A correct answer with this data, apart from what is said otherwise. A field that is ... is left out."""
    body = {"data": data, "status_code": code, "status_message": "ok", "timestamp": NOW, **more}
    if data is None:
        del body["data"]
    return Served(status, json.dumps({name: value for name, value in body.items() if value is not ...}).encode())


def always(served: Served) -> Script:
    """A script that answers the same whatever is asked."""

    async def script(_: Received) -> Served:
        return served

    return script


@dataclass(slots=True)
class Platform:
    """Serves a version list and the details of one version to whoever shows one of tokens. base is without path."""

    base: str
    edition: Edition
    tokens: set[str] = field(default_factory=set)
    scripts: dict[str, Script] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    query: str = "of=all"
    """Of the version list's URL, which is to be used byte for byte (TR-14)."""

    @property
    def versions_url(self) -> str:
        return f"{self.base}/ocpi/versions?{self.query}"

    @property
    def details_url(self) -> str:
        return f"{self.base}/ocpi/{self.edition.version}/Details/"

    @property
    def credentials_url(self) -> str:
        return f"{self.base}/ocpi/{self.edition.version}/credentials"

    def versions(self) -> list[Mapping[str, object]]:
        return [{"version": self.edition.version, "url": self.details_url}]

    def details(self) -> dict[str, Any]:
        return {"version": self.edition.version, "endpoints": self.endpoints()}

    def endpoints(self) -> list[dict[str, object]]:
        """credentials, and a few modules of either interface role."""
        listed = [("credentials", "SENDER"), ("locations", "SENDER"), ("sessions", "SENDER"), ("cdrs", "SENDER")]
        listed += [("tariffs", "SENDER"), ("tokens", "RECEIVER")]
        roles = self.edition.roles
        return [
            {
                "identifier": module,
                **({"role": role} if roles else {}),
                "url": f"{self.base}/ocpi/{self.edition.version}/{module}",
            }
            for module, role in listed
        ]

    async def __call__(self, scope: Mapping[str, Any], _receive: object, send: Send) -> None:
        """The ASGI application."""
        served = await self._answer(_read(scope, self))
        headers = [("content-type", served.content_type), *served.headers, ("content-length", str(len(served.body)))]
        await send({"type": "http.response.start", "status": served.status, "headers": _latin(headers)})
        await send({"type": "http.response.body", "body": served.body})

    async def _answer(self, request: Received) -> Served:
        self.received.append(request)
        script = self.scripts.get(request.resource)
        served = await script(request) if script else None
        return served or self._right_answer(request)

    def _right_answer(self, request: Received) -> Served:
        if not request.accepted:
            return envelope(code=2000, status=401)
        match request.resource, request.method:
            case "versions", "GET":
                return envelope(self.versions())
            case "details", "GET":
                return envelope(self.details())
            case "", _:
                return envelope(code=2000, status=404)
            case _:
                return envelope(code=2000, status=405)


def _read(scope: Mapping[str, Any], platform: Platform) -> Received:
    query = scope["query_string"].decode("latin-1")
    target = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
    headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"])
    shown = [value for name, value in headers if name == "authorization"]
    good = {form(token) for token in platform.tokens for form in (raw, encoded)}
    paths = {
        platform.versions_url: VERSIONS,
        platform.details_url: DETAILS,
        platform.credentials_url: CREDENTIALS,
    }
    resource = next((name for url, name in paths.items() if "/ocpi/" in target and url.endswith(target)), "")
    return Received(resource, scope["method"], target, headers, len(shown) == 1 and shown[0] in good)


def _latin(headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
