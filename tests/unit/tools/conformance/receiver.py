"""A small OCPI platform that answers POST, PUT and DELETE as it should, or with one fault.

It is written for these tests alone and shares nothing with the product's own Receiver.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

from broker.tools.conformance import shapes
from broker.tools.conformance.deviations import Deviation
from broker.tools.conformance.editions import Edition

BASE = "http://127.0.0.1:7"
CODES = {"unreadable": 3001, "unsupported": 3002, "missing": 3003, "invalid": 2001}
METHODS = {"versions": {"GET"}, "details": {"GET"}, "credentials": {"GET", "POST", "PUT", "DELETE"}}


@dataclass(slots=True)
class Answer(Exception):  # noqa: N818  what ends a request early
    status: int = 200
    code: object = 1000
    data: Any = ...
    message: str = "ok"
    headers: dict[str, str] = field(default_factory=dict)


def refusal(kind: str, message: str) -> Answer:
    return Answer(200, CODES[kind], message=message)


@dataclass(slots=True)
class Request:
    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass(slots=True)
class Receiver:
    """One tenant with one invitation. calls makes the calls back."""

    edition: Edition
    calls: httpx.AsyncClient
    fault: str = ""
    allowed: tuple[str, str] = ("DE", "OCB")
    invitation: str = field(default_factory=lambda: f"inv-{uuid4()}")
    issued: str = ""
    retiring: str = ""
    held: str = ""
    over: bool = False

    @property
    def versions_url(self) -> str:
        return f"{BASE}/ocpi/versions"

    @property
    def root(self) -> str:
        return f"/ocpi/{self.edition.version}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = await _read(scope, receive)
        try:
            answer = await self._answer(request)
        except Answer as early:
            answer = early
        status, headers, body = self._written(request, answer)
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    def _is(self, fault: str) -> bool:
        return self.fault == fault

    async def _answer(self, request: Request) -> Answer:
        if self._is("redirects slashes") and request.path.endswith("/"):
            return Answer(307, 2000, headers={"location": request.path.rstrip("/")})
        if self._is("reads the body first") and request.body:
            _parse(request.body)
        token = self._token(request)
        resource = self._resource(request.path.rstrip("/"))
        if request.method not in METHODS[resource]:
            return Answer(405, 2000, headers={"Allow": ", ".join(sorted(METHODS[resource]))})
        match resource:
            case "versions":
                listed = [{"version": self.edition.version, "url": f"{BASE}{self.root}"}]
                return Answer(data={"versions": listed} if self._is("list in an object") else listed)
            case "details":
                return Answer(data={"version": self.edition.version, "endpoints": self._endpoints()})
        return await self._credentials(request, token)

    def _token(self, request: Request) -> str:
        """The token that was shown, if it is good."""
        if self._is("opens to everybody"):
            return self.issued or self.invitation
        shown = request.all("authorization")
        good = {token for token in (self.issued, self.retiring) if token}
        if not self.over and (not self.issued or self._is("keeps the invitation")):
            good.add(self.invitation)
        for token in _candidates(shown[0]) if len(shown) == 1 else ():
            if token in good:
                if token == self.retiring and self._is("answers 400 to the old token"):
                    raise Answer(400, 2000)
                if token == self.issued and token != self.retiring and not self._is("keeps the old token"):
                    self.retiring = ""
                return token
        challenge = {} if self._is("no challenge") else {"WWW-Authenticate": "Token"}
        text = f"unknown: {shown}" if self._is("repeats tokens") else "unknown token"
        raise Answer(401, 2000, message=text, headers=challenge)

    def _resource(self, path: str) -> str:
        paths = {"/ocpi/versions": "versions", self.root: "details", f"{self.root}/credentials": "credentials"}
        if path not in paths:
            raise Answer(404, 3002, message="nothing here")
        return paths[path]

    def _endpoints(self) -> list[dict[str, str]]:
        role = {"role": "SENDER"} if self.edition.roles != self._is("roles of another version") else {}
        url = f"{BASE}{self.root}/credentials"
        first = {"identifier": "credentials", **role, "url": url}
        return [first, first] if self._is("lists credentials twice") else [first]

    async def _credentials(self, request: Request, token: str) -> Answer:
        registered = bool(self.issued) and token != self.invitation
        match request.method:
            case "GET":
                shown = f"new-{uuid4()}" if self._is("makes tokens on GET") else token
                return Answer(data=self._own(shown))
            case "DELETE":
                return self._delete(registered=registered)
            case "POST" if registered and not self._is("registers again"):
                raise self._not_allowed("GET, PUT, DELETE")
            case "PUT" if not registered:
                raise self._not_allowed("GET, POST")
        return await self._exchange(request)

    def _not_allowed(self, methods: str) -> Answer:
        return Answer(405, 2000, headers={} if self._is("405 without Allow") else {"Allow": methods})

    def _delete(self, *, registered: bool) -> Answer:
        if not registered:
            raise self._not_allowed("GET, POST")
        if not self._is("lives on after DELETE"):
            self.issued = self.retiring = ""
        self.over = True
        return Answer(data=None if self.edition.null_data != self._is("data of another version") else ...)

    async def _exchange(self, request: Request) -> Answer:
        if len(request.body) > 16 * 1024 * 1024:
            raise Answer(413, 2000)
        body = self._announced(_parse(request.body))
        token = self.invitation if self._is("calls back with the invitation") else body["token"]
        refetch = not (self._is("PUT does not read again") and request.method == "PUT")
        before = self.issued
        if self._is("stores before it has read"):
            self.issued, self.retiring = f"early-{uuid4()}", ""
        if refetch and not self._is("never calls back"):
            await self._read_back(request, body, token)
        self.retiring = "" if self._is("ends the old token at once") else before
        if not (before and self._is("PUT keeps the token")):
            self.issued = "abc" if self._is("issues short tokens") else f"ocpi-{uuid4()}"
        self.held = body["token"]
        data = self._own(self.issued)
        if self._is("echoes our parties"):
            data = {**body, "token": self.issued}
        return Answer(201 if self._is("201") else 200, data=data)

    def _announced(self, body: Any) -> Mapping[str, Any]:
        """Raises 2001 for what is not right about it."""
        lax = self._is("takes any object") and isinstance(body, dict) and isinstance(body.get("token"), str)
        if lax and isinstance(body.get("url"), str):
            return body
        try:
            shapes.demand(isinstance(body, dict), "no object")
            shapes.check_token(body.get("token"))
            shapes.demand(body["token"] not in {self.invitation, self.issued}, "token is ours")
            shapes.check_url(body.get("url"), "url")
            keys = [self._party(path, party) for path, party in shapes.parties(self.edition, body)]
            shapes.demand(len(set(keys)) == len(keys) or self._is("takes duplicates"), "roles has an entry twice")
        except Deviation as deviation:
            status = 400 if self._is("400 for bad objects") else 200
            raise Answer(status, 2001, message=str(deviation)) from None
        return body

    def _party(self, path: str, party: Any) -> tuple[str, ...]:
        details = party.get("business_details") if isinstance(party, dict) else None
        shapes.demand(isinstance(details, dict), f"{path}business_details")
        shapes.demand(isinstance(details.get("name"), str), f"{path}business_details.name")  # type: ignore[union-attr]
        shapes.check_party(self.edition, path, {**party, "business_details": {"name": "n"}})
        key = party["country_code"].upper(), party["party_id"].upper()
        shapes.demand(key == self.allowed or self._is("any party"), "roles: not invited")
        return (*key, party.get("role", ""))

    async def _read_back(self, request: Request, body: Mapping[str, Any], token: str) -> None:
        """Raises 3001, 3002 or 3003."""
        listed = await self._get(request, body["url"], token)
        entries = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else None
        if entries is None:
            raise self._unreadable("no list")
        urls = {one.get("version"): one.get("url") for one in entries}
        if self.edition.version not in urls:
            raise refusal("missing" if self._is("3003 for 3002") else "unsupported", "your list lacks the version")
        details = await self._get(request, urls[self.edition.version], token)
        if self.edition.wrapped and isinstance(details, list) and len(details) == 1:
            details = details[0]
        if not isinstance(details, dict) or not isinstance(details.get("endpoints"), list):
            raise self._unreadable("no details")
        if details.get("version") != self.edition.version:
            raise refusal("unsupported", "details of another version")
        modules = [one.get("identifier") for one in details["endpoints"] if isinstance(one, dict)]
        if "credentials" not in modules:
            raise refusal("missing", "no credentials")

    def _unreadable(self, message: str) -> Answer:
        return Answer(400 if self._is("HTTP error for 3001") else 200, 3001, message=message)

    async def _get(self, request: Request, url: str, token: str) -> Any:
        response = await self._try(request, url, token)
        if response.status_code == 401 and self.held:
            response = await self._try(request, url, self.held)
        if response.status_code // 100 == 3 and self._is("follows redirects"):
            response = await self._try(request, response.headers["location"], token)
        try:
            body = response.json()
        except ValueError:
            raise self._unreadable("no JSON") from None
        if response.status_code // 100 != 2 and not self._is("takes any status"):
            raise self._unreadable("an HTTP error")
        code = body.get("status_code") if isinstance(body, dict) else None
        if self._is("crashes on text") and isinstance(code, str):
            raise Answer(500, 3000)
        if str(code) != "1000" and not self._is("takes any status"):
            raise self._unreadable("no success")
        return body.get("data") if isinstance(body, dict) else None

    async def _try(self, request: Request, url: str, token: str) -> httpx.Response:
        correlation = "" if self._is("new correlation ids") else (request.all("x-correlation-id") or [""])[0]
        same = (request.all("x-request-id") or [""])[0]
        own = same if self._is("same request ids") else str(uuid4())
        value = f"Token {token}" if self._is("raw header") else self.edition.authorization(token)
        headers = {"Authorization": value, "X-Request-ID": own, "X-Correlation-ID": correlation or str(uuid4())}
        if self._is("routing headers in calls"):
            headers["OCPI-to-party-id"] = "OCB"
        if self._is("PATCHes"):
            return await self.calls.request("PATCH", url, headers=headers)
        if self._is("trims URLs"):
            url = url.partition("?")[0]
        try:
            return await self.calls.get(url, headers=headers)
        except httpx.HTTPError:
            raise self._unreadable("nobody there") from None

    def _own(self, token: str) -> dict[str, Any]:
        shown = base64.b64encode(token.encode()).decode() if self._is("encodes the token") else token
        ids = {"country_code": "NL", "party_id": "LMH", "business_details": {"name": "Lumen Hub"}}
        if self._is("long names"):
            ids["business_details"] = {"name": "n" * 101}
        if self._is("our own ids"):
            ids |= {"country_code": "DE", "party_id": "OCB"}
        url = f"{BASE}{self.root}" if self._is("details for url") else self.versions_url
        own = {"token": shown, "url": url}
        return {**own, "roles": [{"role": "CPO", **ids}]} if self.edition.roles else {**own, **ids}

    def _written(self, request: Request, answer: Answer) -> tuple[int, dict[str, str], bytes]:
        moment = datetime.now(UTC)
        stamp = moment.isoformat() if self._is("isoformat") else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
        code = str(answer.code) if self._is("codes as text") else answer.code
        body = {"data": answer.data, "status_code": code, "status_message": answer.message, "timestamp": stamp}
        if answer.data is ...:
            del body["data"]
        if self._is("camel case"):
            body["statusMessage"] = body.pop("status_message")
        kind = "text/plain" if self._is("plain text errors") and answer.status >= 400 else "application/json"
        headers = {"content-type": kind, **answer.headers}
        if self._is("routing headers"):
            headers["OCPI-from-party-id"] = "LMH"
        ids = () if self._is("no ids on errors") and answer.status >= 400 else ("x-request-id", "x-correlation-id")
        for name in ids:
            value = (request.all(name) or [""])[0]
            headers[name] = value if value and len(value) <= 128 else str(uuid4())
        return answer.status, headers, json.dumps(body).encode()


def _candidates(value: str) -> list[str]:
    scheme, _, rest = value.strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() != "token" or not rest:
        return []
    try:
        decoded = base64.b64decode(rest, validate=True).decode()
    except ValueError:
        return [rest]
    return [rest, decoded.removesuffix("\n").removesuffix("\r")]


def _parse(body: bytes) -> Any:
    """Raises 400, or 2001 for a key that is there twice."""

    def constant(name: str) -> None:
        raise ValueError(name)

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in found}) < len(found):
            raise Answer(200, 2001, message="token or url twice")
        return dict(found)

    try:
        return json.loads(body, parse_constant=constant, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        raise Answer(400, 2001, message="no JSON") from None


async def _read(scope: Any, receive: Any) -> Request:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    return Request(scope["method"], scope["path"], scope["query_string"].decode(), headers, body)
