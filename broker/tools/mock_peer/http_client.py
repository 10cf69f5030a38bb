"""Calls of a mock peer to the other side, and what their answers mean (EN-08, F2)."""

import asyncio
import functools
import json
import ssl
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import h11
import httpx

from broker.core.hosts import is_loopback
from broker.core.model import HeaderForm, Token
from broker.ocpi import envelope
from broker.ocpi.authorization import write_authorization
from broker.ocpi.dialect import Json, Malformed
from broker.tools.mock_peer.journal import Event, Journal, masked

TIMEOUT = 60.0
MAX_ANSWER = 4 * 1024 * 1024
UNAUTHORIZED = 401
_NO_CONTENT = 204
_SERVER_ERROR = 500


class ExchangeError(Exception):
    """An exchange that did not succeed. status and code are those of the answer that said so, if there was one."""

    def __init__(self, sentence: str, status: int | None = None, code: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code


class ExchangeFailedError(ExchangeError):
    """Nothing has changed at the other side."""


class OutcomeUnknownError(ExchangeError):
    """The other side may have done it (F2)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    body: bytes = field(default=b"", repr=False)

    @property
    def code(self) -> int | None:
        """The OCPI status code, if there is one."""
        try:
            found = json.loads(self.body)["status_code"]
        except (ValueError, KeyError, TypeError):
            return None
        return found if isinstance(found, int) else None


@dataclass(frozen=True, slots=True)
class Call:
    """A request to be sent. What the token is must not be seen."""

    method: str
    url: str
    token: Token
    form: HeaderForm
    resource: str
    version: str = ""
    body: Json | None = field(default=None, repr=False)
    correlation: str | None = None


@functools.cache
def trusted() -> ssl.SSLContext:
    """Whom a client believes; read once, since it takes longer than a whole registration."""
    return httpx.create_ssl_context(trust_env=False)


class Caller:
    """Sends over a client, follows no redirect, and writes each call down. local admits no host but this machine."""

    def __init__(self, client: httpx.AsyncClient, journal: Journal, *, local: bool) -> None:
        self._client = client
        self._journal = journal
        self._local = local

    async def send(self, call: Call) -> Reply:
        """Raises OutcomeUnknownError if no answer comes, ExchangeFailedError if nothing may be sent there."""
        self._admit(call)
        try:
            async with asyncio.timeout(TIMEOUT):
                reply = await self._exchange(self._request(call))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as err:
            self._note(call, None, type(err).__name__)
            raise OutcomeUnknownError(f"no answer to {call.method} {call.resource}: {type(err).__name__}") from None
        self._note(call, reply)
        return reply

    async def read(self, call: Call) -> tuple[object, HeaderForm]:
        """The data at a URL, and the form in which the token was taken: on 401 the other one is tried (RS-12).

        Raises ExchangeFailedError.
        """
        try:
            reply = await self.send(call)
            if reply.status != UNAUTHORIZED:
                return data_of(reply), call.form
            other = HeaderForm.RAW if call.form is HeaderForm.BASE64 else HeaderForm.BASE64
            again = Call(
                call.method, call.url, call.token, other, call.resource, call.version, correlation=call.correlation
            )
            return data_of(await self.send(again)), other
        except OutcomeUnknownError as err:
            raise ExchangeFailedError(f"{call.resource}: {err}", err.status, err.code) from None

    async def send_and_leave(self, call: Call, until: Callable[[], Awaitable[object]] | None = None) -> None:
        """Sends, perhaps waits for something else, and closes the connection without reading."""
        self._admit(call)
        request = self._request(call)
        url = request.url
        secure = ssl.create_default_context() if url.scheme == "https" else None
        port = url.port or (443 if secure else 80)
        try:
            async with asyncio.timeout(TIMEOUT):
                _, writer = await asyncio.open_connection(url.host, port, ssl=secure)
                writer.write(_octets(request))
                await writer.drain()
                if until is not None:
                    await until()
                writer.close()
                await writer.wait_closed()
        except OSError as err:
            self._note(call, None, type(err).__name__)
            raise OutcomeUnknownError(f"could not send {call.method} {call.resource}") from None
        self._note(call, None, "hung up")

    def _admit(self, call: Call) -> None:
        if self._local and not is_local(call.url):
            self._note(call, None, "not on this machine")
            raise ExchangeFailedError(f"the URL of {call.resource} is not on this machine")

    def _request(self, call: Call) -> httpx.Request:
        headers = {"Authorization": write_authorization(call.token, call.form), "X-Request-ID": str(uuid.uuid4())}
        headers["X-Correlation-ID"] = call.correlation or str(uuid.uuid4())
        return self._client.build_request(call.method, call.url, json=call.body, headers=headers)

    async def _exchange(self, request: httpx.Request) -> Reply:
        response = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > MAX_ANSWER:
                    raise ValueError("the answer is too large")
            return Reply(response.status_code, bytes(body))
        finally:
            await response.aclose()

    def _note(self, call: Call, reply: Reply | None, why: str = "") -> None:
        self._journal.add(
            Event(
                event="call",
                method=call.method,
                resource=call.resource,
                version=call.version,
                token=masked(call.token),
                url=call.url,
                status=reply.status if reply else None,
                code=reply.code if reply else None,
                note=why,
            )
        )


def is_local(url: str) -> bool:
    """Whether only this machine can be meant."""
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def data_of(reply: Reply) -> object:
    """Of a success. Raises ExchangeFailedError or OutcomeUnknownError."""
    succeeded = httpx.codes.is_success(reply.status)
    try:
        data = envelope.read_envelope(reply.body).data
    except envelope.EnvelopeError as err:
        raise ExchangeFailedError(f"HTTP {reply.status}, OCPI {err.code}", reply.status, err.code) from None
    except (envelope.NotJsonError, Malformed) as err:
        kind = OutcomeUnknownError if succeeded or reply.status >= _SERVER_ERROR else ExchangeFailedError
        raise kind(f"HTTP {reply.status} without an envelope: the body {err}", reply.status) from None
    if not succeeded:
        raise OutcomeUnknownError(f"HTTP {reply.status} with an envelope of success", reply.status, reply.code)
    return data


def is_gone(reply: Reply) -> bool:
    """Whether an answer to DELETE says that there is no registration any more."""
    if reply.status in (_NO_CONTENT, UNAUTHORIZED, 404, 405):
        return True
    data_of(reply)
    return True


def _octets(request: httpx.Request) -> bytes:
    connection = h11.Connection(h11.CLIENT)
    head = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
    sent = connection.send(head) or b""
    if request.content:
        sent += connection.send(h11.Data(data=request.content)) or b""
    return sent + (connection.send(h11.EndOfMessage()) or b"")
