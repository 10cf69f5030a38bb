"""A strict OCPI platform of our own, to register with the gateway: what it serves and what it sends.

It is written from the specification and shares no code with the product. Whatever reaches it in a form that the
specification forbids is kept in `faults`, which the fixture that made it expects to be empty at the end.
"""

import asyncio
import base64
import json
import re
import secrets
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.serving import serving

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")  # TY-07
ROUTING_HEADERS = {f"ocpi-{way}-{what}" for way in ("to", "from") for what in ("party-id", "country-code")}
ISSUED = re.compile(r"[A-Za-z0-9-]{1,64}")  # CO-42


def encoded(token: str) -> str:
    """The value of an Authorization header from 2.2-d2 on (AU-04)."""
    return f"Token {base64.b64encode(token.encode()).decode()}"


def raw(token: str) -> str:
    """The value of an Authorization header before that (AU-03)."""
    return f"Token {token}"


def new_token() -> str:
    """A token as this platform makes them."""
    return f"peer-{uuid.uuid4()}"


def role(party: str, name: str = "Kabelwerk") -> dict[str, Any]:
    """One entry of roles, from a party in the form DE/KWL/CPO."""
    country_code, party_id, kind = party.split("/")
    return {"role": kind, "party_id": party_id, "country_code": country_code, "business_details": {"name": name}}


def new_party(kind: str = "CPO") -> str:
    """A party that no other test uses."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return f"DE/{''.join(secrets.choice(letters) for _ in range(3))}/{kind}"


@dataclass(frozen=True, slots=True)
class Received:
    """One request that reached the platform. headers keeps every value, names in lower case."""

    resource: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str | None:
        """The only value of a header; None if it is missing or occurs more than once."""
        values = [value for key, value in self.headers if key == name]
        return values[0] if len(values) == 1 else None


@dataclass(frozen=True, slots=True)
class Served:
    """An answer of the platform. after runs when the last byte was handed to the connection."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    after: Callable[[], None] | None = None


Script = Callable[[Received], Awaitable[Served | None]]


def envelope(data: object = None, code: int | str = 1000, **more: object) -> Served:
    """A correct answer with this data."""
    body: dict[str, object] = {"status_code": code, "status_message": "ok", "timestamp": "2026-03-02T09:15:00Z", **more}
    if data is not None:
        body["data"] = data
    return Served(body=json.dumps(body).encode())


def answering(served: Served, delay: float = 0) -> Script:
    """A script that always answers the same."""

    async def script(_: Received) -> Served:
        await asyncio.sleep(delay)
        return served

    return script


@dataclass(slots=True)
class Gate:
    """A script that lets nothing pass until it is opened; `reached` tells that a request stands before it."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, _: Received) -> Served | None:
        self.reached.set()
        await self.opened.wait()
        return None

    def open(self) -> None:
        self.opened.set()


FLAT = frozenset({"2.0", "2.1.1"})
"""Versions in which a platform is one party and endpoints have no roles (CO-06, VD-02)."""


def form_of(version: str) -> Callable[[str], str]:
    """How a token stands in the header of a version (AU-03, AU-04)."""
    return raw if version in FLAT else encoded


@dataclass(slots=True)
class Platform:
    """What the peer serves: its version list and details, to whoever shows one of the tokens in `accepted`."""

    base: str = ""
    version: str = "2.2.1"
    form: Callable[[str], str] = encoded
    accepted: set[str] = field(default_factory=set)
    modules: tuple[tuple[str, str], ...] = (("credentials", "SENDER"), ("locations", "SENDER"), ("tokens", "RECEIVER"))
    script: dict[str, Script] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    correlations: set[str] = field(default_factory=set)

    @property
    def versions_url(self) -> str:
        return f"{self.base}/ocpi/versions?of=all"  # with a query: URLs are to be used byte for byte (TR-14)

    @property
    def details_url(self) -> str:
        return f"{self.base}/ocpi/{self.version}/Details/"

    def versions(self) -> list[dict[str, str]]:
        listed = [{"version": "2.1", "url": f"{self.base}/ocpi/2.1"}, {"version": "9.9", "url": self.base}]
        return [*listed, {"version": self.version, "url": self.details_url}]

    def details(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "endpoints": [self._endpoint(name, kind) for name, kind in self.modules],
        }

    def _endpoint(self, name: str, kind: str) -> dict[str, str]:
        role = {} if self.version in FLAT else {"role": kind}
        return {"identifier": name, **role, "url": f"{self.base}/ocpi/{self.version}/{kind.lower()}/{name}"}

    def resources(self) -> list[str]:
        """What was asked for, in order."""
        return [request.resource for request in self.received]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI application."""
        served = await self._serve(_received(scope, self))
        headers = [(b"content-type", served.content_type.encode())]
        headers += [(name.encode(), value.encode()) for name, value in served.headers]
        headers.append((b"content-length", str(len(served.body)).encode()))
        await send({"type": "http.response.start", "status": served.status, "headers": headers})
        await send({"type": "http.response.body", "body": served.body})
        if served.after is not None:
            served.after()

    async def _serve(self, request: Received) -> Served:
        self.received.append(request)
        known = self._check(request)
        scripted = self.script.get(request.resource)
        if scripted is not None:
            served = await scripted(request)
            if served is not None:
                return served
        if not known:
            return Served(status=401, body=envelope(code=2000).body)
        match request.resource:
            case "versions":
                return envelope(self.versions())
            case "details":
                return envelope(self.details())
            case "credentials":
                return Served(status=405, body=envelope(code=2000).body)
            case _:
                return Served(status=404, body=envelope(code=2000).body)

    def _check(self, request: Received) -> bool:
        """Rules for every call that a platform gets; True if its token is good."""
        names = {name for name, _ in request.headers}
        shown = request.header("authorization")
        known = shown in {self.form(token) for token in self.accepted}
        earlier = {other.header("x-request-id") for other in self.received[:-1]}
        rules = {
            "the method is GET (TR-03)": request.method == "GET",
            "the resource exists (TR-10, TR-14)": request.resource != "unknown",
            # Whether a token is known may be asked at the credentials endpoint, and compared with showing none (A27).
            "Authorization is the token we gave, in our form (AU-04, RR-06)": known or not shown,
            "X-Request-ID is there (ID-01)": bool(request.header("x-request-id")),
            "X-Request-ID is new (ID-06)": request.header("x-request-id") not in earlier,
            "X-Correlation-ID is that of our POST or PUT (ID-06)": request.header("x-correlation-id")
            in self.correlations,
            "no OCPI-to or OCPI-from header (RH-01)": not names & ROUTING_HEADERS,
            "no cookies (F15)": "cookie" not in names,
        }
        self.faults += [
            f"{request.method} {request.path}: not so: {rule}" for rule, holds in rules.items() if not holds
        ]
        return known


def _received(scope: Any, platform: Platform) -> Received:
    query = scope["query_string"].decode()
    path = scope["raw_path"].decode() + (f"?{query}" if query else "")
    known = {platform.versions_url: "versions", platform.details_url: "details"}
    known |= {
        endpoint["url"]: "credentials" for endpoint in platform.details()["endpoints"] if _is_credentials(endpoint)
    }
    headers = tuple((name.decode().lower(), value.decode()) for name, value in scope["headers"])
    return Received(known.get(f"{platform.base}{path}", "unknown"), scope["method"], path, headers)


def _is_credentials(endpoint: dict[str, str]) -> bool:
    return endpoint["identifier"] == "credentials"


@asynccontextmanager
async def platform_running(**settings: Any) -> AsyncIterator[Platform]:
    """A platform that answers on loopback."""
    platform = Platform(**settings)
    async with serving(platform) as base:
        platform.base = base
        yield platform


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the gateway, already held against the rules for every answer."""

    status: int
    code: int
    body: Mapping[str, Any]
    headers: httpx.Headers

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def message(self) -> str:
        return str(self.body["status_message"])

    @property
    def outcome(self) -> tuple[int, int]:
        """HTTP status and OCPI code."""
        return self.status, self.code

    @property
    def token(self) -> str:
        return str(self.data["token"])

    @property
    def allow(self) -> set[str]:
        return {method.strip() for method in self.headers.get("allow", "").split(",")}


def checked(response: httpx.Response) -> Reply:
    """The answer, if it is one that OCPI allows at all: an envelope with both message ids (EN-01, EN-07, ID-02)."""
    sent = response.request.headers
    assert not response.has_redirect_location, "a redirect (F15)"
    assert response.headers.get_list("content-type")[0].split(";")[0] == "application/json", response.headers
    body = json.loads(response.content)
    assert isinstance(body, dict), body
    assert type(body["status_code"]) is int, body
    assert 1000 <= body["status_code"] <= 9999, body
    assert TIMESTAMP.fullmatch(body["timestamp"]), body
    assert isinstance(body["status_message"], str), body
    assert body["status_message"], body
    assert set(body) <= {"data", "status_code", "status_message", "timestamp"}, body
    for name in ("x-request-id", "x-correlation-id"):
        values = response.headers.get_list(name)
        assert len(values) == 1, (name, values)
        assert values[0] == sent.get(name, values[0]), (name, values)
    assert not {name.lower() for name in response.headers} & ROUTING_HEADERS
    return Reply(response.status_code, body["status_code"], body, response.headers)


@dataclass(slots=True)
class Sender:
    """What the peer sends. token is what it shows; platform holds the tokens that it accepts."""

    http: httpx.AsyncClient
    versions_url: str
    token: str
    platform: Platform
    roles: list[dict[str, Any]]
    form: Callable[[str], str] = encoded
    source: str = field(default_factory=lambda: f"198.51.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}")
    credentials_url: str = ""

    @property
    def base(self) -> str:
        """Our URL of the tenant, without a module: for requests that no well-behaved peer would send."""
        return self.versions_url.removesuffix("/versions")

    async def discover(self, version: str | None = None) -> None:
        """GET versions, then GET details of the version, as the sequence diagram has it (RS-01 to RS-03)."""
        wanted = version or self.platform.version
        listed = await self.versions()
        assert listed.outcome == (200, 1000), listed
        assert isinstance(listed.data, list), listed.data
        urls = {entry["version"]: entry["url"] for entry in listed.data}
        assert len(urls) == len(listed.data), "VL-08"
        details = await self.get(urls[wanted])
        assert details.outcome == (200, 1000), details
        assert details.data["version"] == wanted
        found = [entry for entry in details.data["endpoints"] if entry["identifier"] == "credentials"]
        assert len(found) == 1, "VD-06"
        assert found[0].get("role") == (None if wanted in FLAT else "SENDER"), "VD-02, VD-06"
        self.credentials_url = found[0]["url"]

    async def register(self) -> Reply:
        """The whole registration, to the token that we are to show from now on."""
        await self.discover()
        reply = await self.post()
        assert reply.outcome == (200, 1000), reply
        self.token = reply.token
        return reply

    async def rotate(self) -> Reply:
        """A PUT with a new token of ours, after which we show the token in the answer."""
        reply = await self.put()
        assert reply.outcome == (200, 1000), reply
        self.token = reply.token
        return reply

    def credentials(self, token: str, **changes: Any) -> dict[str, Any]:
        if self.platform.version in FLAT:
            party = {name: value for name, value in self.roles[0].items() if name != "role"}
            return {"token": token, "url": self.platform.versions_url, **party, **changes}
        return {"token": token, "url": self.platform.versions_url, "roles": self.roles, **changes}

    async def versions(self) -> Reply:
        return await self.get(self.versions_url)

    async def get(self, url: str | None = None) -> Reply:
        """GET of any of our URLs; of credentials if none is said."""
        return await self.request("GET", url or self.credentials_url)

    async def delete(self) -> Reply:
        return await self.request("DELETE", self.credentials_url)

    async def post(self, body: object = None, **changes: Any) -> Reply:
        return await self._announce("POST", body, changes)

    async def put(self, body: object = None, **changes: Any) -> Reply:
        return await self._announce("PUT", body, changes)

    async def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        headers: Sequence[tuple[str, str]] | None = None,
    ) -> Reply:
        """One request with the message ids of 1.3; headers stand in for Authorization if they are given."""
        ids = [("X-Request-ID", str(uuid.uuid4())), ("X-Correlation-ID", str(uuid.uuid4()))]
        shown = [("Authorization", self.form(self.token))] if headers is None else list(headers)
        typed = [("Content-Type", "application/json")] if content is not None else []
        with self._expected(ids[1][1]):
            response = await self.http.request(
                method, url, content=content, headers=[*ids, *shown, *typed, ("X-Forwarded-For", self.source)]
            )
        return checked(response)

    async def _announce(self, method: str, body: object, changes: Mapping[str, Any]) -> Reply:
        if body is None:
            token = changes.get("token", new_token())
            if isinstance(token, str):
                self.platform.accepted.add(token)
            body = self.credentials(**{**changes, "token": token})
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.request(method, self.credentials_url, content=content)

    @contextmanager
    def _expected(self, correlation: str) -> Iterator[None]:
        """Callbacks may carry the correlation id of a request only while that is open (RR-07)."""
        self.platform.correlations.add(correlation)
        try:
            yield
        finally:
            self.platform.correlations.discard(correlation)
