"""What the product makes of a shape, in the form of a file's "expect"."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import httpx

from broker.core.exchange import ExchangeKind
from broker.core.model import Announcement, Endpoint, HeaderForm, Token
from broker.errors import BrokerError, OutcomeUnknownError, PeerRefusedError, PeerRejectedTokenError
from broker.ocpi import DIALECTS, shapes
from broker.ocpi.authorization import candidates
from broker.ocpi.dialect import Dialect, Malformed
from broker.ocpi.envelope import EnvelopeError, read_envelope
from broker.ocpi.fields import Notes
from broker.ocpi.versions import read_versions
from broker.outbound.deliveries import Deliveries, Delivery
from broker.outbound.encodings import undone
from broker.outbound.http_call import Wire
from broker.outbound.url_policy import UrlPolicy
from gateway.bodies import BodyError, read_credentials
from tests.corpus.shapes import Shape

Reading = dict[str, Any]

OFFERED = "broker-offers-7c1d52aa90"
"""The token in our own request: a body that repeats it gives us none."""
ACCESS = "broker-shows-31f0b6de24"
MOST = 1 << 20
SITE = "http://127.0.0.1:9"
LIST_URL = "https://kabelwerk.example/ocpi/versions"
POLICY = UrlPolicy(insecure=frozenset({"loopback"}))
OUTCOMES = {PeerRefusedError: "refused", PeerRejectedTokenError: "token rejected", OutcomeUnknownError: "unknown"}
GOOD = b'{"status_code":1000,"status_message":"Success","timestamp":"2026-02-03T07:30:00Z","data":%b}'


async def expected(shape: Shape) -> Reading:
    """All readings of a shape."""
    return {name: await read(shape) for name, read in READINGS[shape.kind].items()}


async def _request(shape: Shape) -> Reading:
    return await _by_version(shape.body, _as_request)


async def _data(shape: Shape) -> Reading:
    return await _by_version(httpx.Response(200, stream=Body(GOOD % shape.body)), _as_answer)


async def _answer(shape: Shape) -> Reading:
    status, headers = shape.document.get("status", 200), shape.document.get("headers", {})
    return await _by_version(httpx.Response(status, headers=headers, stream=Body(shape.body)), _as_answer)


async def _details(shape: Shape) -> Reading:
    return await _by_version(read_envelope(GOOD % shape.body).data, _as_details)


async def _list(shape: Shape) -> Reading:
    data, quirk = shapes.of_versions(read_envelope(GOOD % shape.body).data, LIST_URL)
    notes = Notes()
    try:
        listed = read_versions(data, notes)
    except Malformed as error:
        return {"refused": error.path or "data"}
    return {"versions": {version.text: url for version, url in listed}, "quirk": quirk, "warns": _paths(notes.taken())}


async def _envelope(shape: Shape) -> Reading:
    coding = shape.document.get("headers", {}).get("Content-Encoding", "")
    try:
        envelope = read_envelope(undone(coding, shape.body, MOST))
    except EnvelopeError as error:
        return {"code": error.code, "said": error.said}
    except Malformed as error:
        return {"refused": error.path or "envelope"}
    except ValueError:
        return {"refused": "not JSON"}
    return {"data": envelope.data, "warns": _paths(envelope.flaws)}


async def _candidates(shape: Shape) -> Reading:
    values = shape.document["values"]
    return {form.value: text for text, form in candidates(values)}


Read = Callable[[Shape], Awaitable[Reading]]
READINGS: dict[str, dict[str, Read]] = {
    "answers": {"answer": _answer},
    "credentials": {"request": _request, "answer": _data},
    "details": {"details": _details},
    "envelopes": {"envelope": _envelope},
    "errors": {"envelope": _envelope, "answer": _answer},
    "headers": {"candidates": _candidates},
    "lists": {"list": _list},
}


async def _by_version(value: Any, read: Callable[[Dialect, Any], Awaitable[Reading]]) -> Reading:
    """One reading for all versions that read alike, under their numbers."""
    groups: list[tuple[list[str], Reading]] = []
    for version, dialect in DIALECTS.items():
        reading = await read(dialect, value)
        alike = next((names for names, other in groups if other == reading), None)
        if alike is None:
            groups.append(([version], reading))
        else:
            alike.append(version)
    return {"all" if len(names) == len(DIALECTS) else " ".join(names): reading for names, reading in groups}


async def _as_request(dialect: Dialect, body: bytes) -> Reading:
    try:
        return _told(read_credentials(dialect, body))
    except BodyError as error:
        path, found, _ = str(error).partition(": ")
        return {"refused": path if found else "the body"}


async def _as_answer(dialect: Dialect, response: httpx.Response) -> Reading:
    wire = Wire(POLICY, inner=Answering(response))
    url, token = f"{SITE}/ocpi/credentials", Token(ACCESS)
    delivery = Delivery(
        ExchangeKind.POST, url, f"{SITE}/ocpi/versions", token, HeaderForm.RAW, "1", Token(OFFERED), {"token": OFFERED}
    )
    try:
        return _told(await Deliveries(wire).announce(delivery, dialect))
    except (PeerRefusedError, PeerRejectedTokenError, OutcomeUnknownError) as error:
        return {"outcome": OUTCOMES[type(error)], **_facts(error)}


def _facts(error: BrokerError) -> Reading:
    facts = {name: getattr(error, name, None) for name in ("status", "code")}
    return {name: int(value) for name, value in facts.items() if value is not None}


async def _as_details(dialect: Dialect, data: object) -> Reading:
    quirk, notes = None, Notes()
    try:
        version, endpoints = dialect.read_details(data, notes)
    except Malformed as error:
        data, quirk = shapes.of_details(data)
        if quirk is None:
            return {"refused": error.path or "data"}
        version, endpoints = dialect.read_details(data, notes)
    listed = [_endpoint(endpoint) for endpoint in endpoints]
    return {"version": version.text, "endpoints": listed, "quirk": quirk, "warns": _paths(notes.taken())}


def _endpoint(endpoint: Endpoint) -> str:
    return f"{endpoint.module} {endpoint.role.value if endpoint.role else '-'} {endpoint.url}"


def _told(found: Announcement) -> Reading:
    parties = []
    for party in found.parties:
        ids = "/".join(str(part) for part in (party.country_code, party.party_id) if part) or "-"
        role = f"/{party.role.value}" if party.role else ""
        parties.append(f"{ids}{role}{f' = {party.details.name}' if party.details else ''}")
    return {
        "token": found.token.reveal(),
        "url": found.url,
        "parties": parties,
        "warns": _paths(found.warnings),
    }


def _paths(warnings: Iterable[str]) -> list[str]:
    """What each of them is about: a JSON path, or the answer as a whole. The words have tests of their own."""
    found = (re.match(r"(?:POST credentials: )?(?:(.+?): )?", warning) for warning in warnings)
    return [match[1] or "the answer" for match in found if match]


class Body(httpx.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body


class Answering(httpx.AsyncBaseTransport):
    """Answers every request with the same."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        kept = self._response
        return httpx.Response(kept.status_code, headers=kept.headers, stream=kept.stream, request=request)
