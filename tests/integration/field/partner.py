"""A partner as they are in the field: what it reads, what it answers and what it forgets is a test's to say.

It writes its answers octet by octet, shares no code with the product, and keeps every request in `heard`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.peer import FLAT, Platform, encoded, form_of, new_party, new_token, raw

Form = Callable[[str], str]
BOTH: tuple[Form, ...] = (raw, encoded)


@dataclass(frozen=True, slots=True)
class Heard:
    """One request that arrived. token is the one of ours that it shows, None if it shows none that is taken."""

    method: str
    path: str
    shown: str
    token: str | None
    body: Any = None

    @property
    def resource(self) -> str:
        tail = self.path.partition("?")[0].rstrip("/").rpartition("/")[2]
        return tail.lower()


Answer = Callable[[Heard], bytes | None]


def http(status: int, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """An answer whose length may be told wrongly."""
    told = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status} Whatever", "Content-Type: application/json", f"Content-Length: {told}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def said(data: object = None, code: object = 1000, **more: object) -> bytes:
    """An envelope."""
    body = {"status_code": code, "status_message": "said", "timestamp": "2026-03-02T09:15:00Z", **more}
    return json.dumps(body if data is None else body | {"data": data}).encode()


def always(answer: bytes) -> Answer:
    return lambda _: answer


@dataclass(slots=True)
class Partner(Platform):
    """Takes the tokens in `accepted`, in the header forms of `reads`, or in those that `reads_token` has for one.

    given are the tokens that we have given it, minted those that it has given us.
    """

    party: str = field(default_factory=new_party)
    reads: Sequence[Form] = BOTH
    reads_token: dict[str, Sequence[Form]] = field(default_factory=dict)
    open_documents: bool = False
    routes_first: bool = False
    """Whether a GET of credentials is 404 to everybody."""
    anonymous: bool = False
    """Whether documents are open to those who show nothing, and to them alone."""
    open_to_all: bool = False
    """Whether every request is answered as if it showed a token that works."""
    says: dict[str, Answer] = field(default_factory=dict)
    """What it answers instead, by method (of credentials), or by versions or details; None as usual."""
    heard: list[Heard] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    minted: list[str] = field(default_factory=list)
    mint: Callable[[], str] = new_token
    holds: dict[str, asyncio.Event] = field(default_factory=dict)
    """A GET that shows this token is answered once the event is set."""
    keeps: bool = False
    """Whether tokens go on to work after they were replaced."""

    def shown_with(self, method: str) -> list[str]:
        """The headers of all requests of this method to the credentials endpoint."""
        return [one.shown for one in self.heard if one.method == method and one.resource == "credentials"]

    def asked_with(self, token: str, resource: str = "versions") -> int:
        """How many GETs have shown this token, in whatever form."""
        forms = {form(token) for form in BOTH}
        return len([one for one in self.heard if one.shown in forms and one.resource == resource])

    def credentials(self, token: str, **changes: Any) -> dict[str, Any]:
        """Its credentials object; a change to ... takes a field away."""
        country, party, kind = self.party.split("/")
        entry = {"party_id": party, "country_code": country, "business_details": {"name": "Kabelwerk"}}
        parties = entry if self.version in FLAT else {"roles": [{"role": kind, **entry}]}
        whole = {"token": token, "url": self.versions_url, **parties, **changes}
        return {name: value for name, value in whole.items() if value is not ...}

    def take(self, *tokens: str) -> None:
        """These and no others work from now on."""
        self.accepted.clear()
        self.accepted.update(tokens)

    def fresh(self) -> str:
        """A new token for us, which works, as those before do where it keeps them."""
        token = self.mint()
        self.minted.append(token)
        if not self.keeps:
            self.accepted.clear()
        self.accepted.add(token)
        return token

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        line, *rest = head.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in rest)}
        sent = await reader.readexactly(int(headers.get("content-length", 0)))
        method, path, _ = line.split(" ")
        shown = headers.get("authorization", "")
        heard = Heard(method, path, shown, self._read(shown), json.loads(sent) if sent else None)
        self.heard.append(heard)
        if heard.token in self.holds and method == "GET":
            await self.holds[heard.token].wait()
        writer.write(self._answer(heard))
        await writer.drain()

    def _read(self, shown: str) -> str | None:
        for token in self.accepted:
            if shown in {form(token) for form in self.reads_token.get(token, self.reads)}:
                return token
        return "anybody" if self.open_to_all else None

    def _answer(self, heard: Heard) -> bytes:
        named = {self.versions_url: "versions", self.details_url: "details"}.get(f"{self.base}{heard.path}", "")
        if self.routes_first and heard.method == "GET" and not named:
            return http(404, said(code=2000))
        opened = self.open_documents or (self.anonymous and not heard.shown)
        known = heard.token is not None or (opened and bool(named))
        if not known:
            return http(401, said(code=2000))
        special = self.says.get(named or heard.method)
        answer = special(heard) if special else None
        return answer if answer is not None else self._usually(heard, named)

    def _usually(self, heard: Heard, named: str) -> bytes:
        match named or heard.method:
            case "versions":
                return http(200, said(self.versions()))
            case "details":
                return http(200, said(self.details()))
            case "POST" | "PUT":
                self.given.append(heard.body["token"])
                return http(200, said(self.credentials(self.fresh())))
            case "DELETE":
                self.accepted.clear()
                return http(200, said())
        return http(200, said(self.credentials(heard.token or "")))


def speaking(version: str, **more: Any) -> dict[str, Any]:
    """Settings of a partner that is invited to this version and reads both forms."""
    return {"version": version, "form": form_of(version), **more}


@asynccontextmanager
async def partner_running(**settings: Any) -> AsyncIterator[Partner]:
    partner = Partner(**settings)
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await partner.serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    partner.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield partner
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
