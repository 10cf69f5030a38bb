"""One request to another platform, and its limits: seconds, bytes, redirects (F7, F8, F9).

Where it goes, how long it takes and how big the answer is are bounded; nothing that a peer wrote is repeated unless it
is known to be harmless.
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from http import HTTPStatus
from urllib.parse import urljoin
from uuid import UUID, uuid4

import httpx
import structlog

from broker import threads
from broker.core.model import HeaderForm, Token, origin
from broker.errors import PeerUnusableError
from broker.ocpi.authorization import write_authorization
from broker.outbound import causes, words
from broker.outbound.addresses import PinnedTransport, Resolve, is_tls_failure, lookup
from broker.outbound.encodings import EncodingError, undone
from broker.outbound.url_policy import UrlPolicy

_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
REFUSES_TOKEN = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""With these statuses a peer says that it does not accept a token (A11)."""

_HARMLESS = re.compile(r"[A-Za-z0-9._:/-]{1,100}")
_WORDS_SECONDS, _WORDS_BYTES = 2.0, 64 << 10
"""What is spent on the words of an answer that is a failure already."""

_log = structlog.get_logger("broker.peers")


@dataclass(frozen=True, slots=True)
class Budgets:
    """What calls may cost (A33, TR-19). Seconds and bytes."""

    connect: float = 3.0
    whole: float = 10.0
    """One GET."""
    exchange: float = 60.0
    """One POST, PUT or DELETE: the peer makes calls of its own meanwhile (RS-14)."""
    versions: int = 1 << 20
    details: int = 1 << 20
    credentials: int = 4 << 20


BUDGETS = Budgets()


class Breakdown(Enum):
    """What went wrong below HTTP."""

    TLS = "TLS"
    CONNECT = "CONNECT"
    TIME = "TIME"
    BROKEN = "BROKEN"


class CallbackError(PeerUnusableError):
    """A call to a peer failed (RR-08). status is the HTTP status, if there was one.

    unsent says that no part of the request has left: it cannot have had an effect (F2). code is the OCPI status
    code, if an envelope reports the failure: with it some platforms say that they do not know the token (A7).
    breakdown is there if the failure was below HTTP.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        unsent: bool = False,
        code: int | None = None,
        breakdown: Breakdown | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.unsent = unsent
        self.code = code
        self.breakdown = breakdown
        self.lasting = (unsent and breakdown is None) or (status is not None and _lasts(status))
        self.heard: Reply | None = None
        """As much of the answer as has come, if its end was not reached."""

    @property
    def unauthorized(self) -> bool:
        """The peer does not accept this token, in either form (A11)."""
        return self.status in REFUSES_TOKEN

    @property
    def is_client_error(self) -> bool:
        return self.status is not None and httpx.codes.is_client_error(self.status)


@dataclass(frozen=True, slots=True)
class Call:
    """One request, and how its failures are worded. limit is in bytes, seconds bounds the whole of it."""

    what: str
    url: str
    limit: int
    token: Token = field(repr=False)
    correlation_id: str
    method: str = "GET"
    body: bytes | None = field(default=None, repr=False)
    secret: Token | None = field(default=None, repr=False)
    """The token in the body."""
    seconds: float = BUDGETS.whole

    @property
    def host(self) -> str:
        return self.repeated(origin(self.url)[1])

    def failed(
        self,
        how: str,
        *,
        status: int | None = None,
        unsent: bool = False,
        code: int | None = None,
        breakdown: Breakdown | None = None,
    ) -> CallbackError:
        return CallbackError(f"{self.what}: {how}", status=status, unsent=unsent, code=code, breakdown=breakdown)

    def repeated(self, text: str) -> str:
        """What the peer wrote, if it is short and plain and not our token on its way into a log (F20)."""
        return text if _HARMLESS.fullmatch(text) and not self.reveals(text) else "(unreadable)"

    def reveals(self, text: str) -> bool:
        """Whether a text gives away a token that we have sent."""
        return any(token.appears_in(text) for token in self.tokens)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Those that we send."""
        return (self.token,) if self.secret is None else (self.token, self.secret)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer read to its end."""

    status: int
    body: bytes
    following: str | None = None
    """The URL of the page that follows (PG-03)."""
    retry_after: float | None = None
    """Seconds for which the peer wants to be left alone."""


class _Heard:
    """What has come of an answer so far."""

    def __init__(self) -> None:
        self.head: httpx.Response | None = None
        self.body = bytearray()

    async def whole(self, call: Call) -> Reply:
        """Raises CallbackError if the body is in a coding that we cannot undo."""
        head = self.head
        if head is None:
            raise call.failed("no answer came")
        try:
            body = await threads.run(len(self.body), self._plain, head, call.limit)
        except EncodingError as error:
            raise call.failed(str(error), status=head.status_code) from None
        return Reply(head.status_code, body, _following(call, head), _retry_after(head))

    async def reply(self, call: Call) -> Reply | None:
        """The same of what was cut off; None if there is nothing to be read."""
        if self.head is None or not self.body:
            return None
        try:
            return await self.whole(call)
        except CallbackError:
            return None

    def _plain(self, head: httpx.Response, limit: int) -> bytes:
        return undone(head.headers.get("content-encoding", ""), bytes(self.body[:limit]), limit)


class Wire:
    """The only code that calls other platforms. Each method raises CallbackError and nothing else."""

    def __init__(
        self,
        policy: UrlPolicy,
        *,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve = lookup,
        request_id: Callable[[], UUID] = uuid4,
        connect: float = BUDGETS.connect,
        inner: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._policy = policy
        self._transport = PinnedTransport(policy, resolve=resolve, tls=tls, inner=inner)
        self._request_id = request_id
        self._connect = connect

    async def aclose(self) -> None:
        await self._transport.aclose()

    def admit(self, call: Call, field: str, url: str) -> None:
        """A URL that repeats the token would carry it into the registry and the logs."""
        if call.token.appears_in(url):
            raise call.failed(f"{field} must not contain the token", unsent=True)
        try:
            self._policy.check(url)
        except ValueError as error:
            raise call.failed(f"{field} {error}", unsent=True) from None

    def admit_beside(self, call: Call, field: str, url: str, versions_url: str) -> None:
        """Whoever a peer names will get its token and our data: so it may name only its own site (F9)."""
        self.admit(call, field, url)
        if not self._policy.same_site(url, versions_url):
            where = call.repeated(origin(url)[1])
            raise call.failed(f"{field} is on {where}, a site other than that of the versions list", unsent=True)

    async def exchange(self, call: Call, form: HeaderForm | None, vet: Callable[[Call, httpx.Response], None]) -> Reply:
        """Send a request and read the answer to its end. vet looks at its head and raises what is not worth reading.

        Without a form the token is not shown.
        """
        heard = _Heard()
        try:
            async with asyncio.timeout(call.seconds):
                await self._exchange(call, form, vet, heard)
        except CallbackError as error:
            error.heard = await heard.reply(call)
            raise
        except (OSError, httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError) as error:
            failure = _explained(call, error).because(causes.of_failure(error, self._connect))
            failure.lasting = causes.lasts(error)
            failure.heard = await heard.reply(call)
            raise failure from None
        except (UnicodeError, httpx.InvalidURL):
            # What the policy admits and the client cannot read is the peer's fault as well, never a defect.
            raise call.failed("the URL cannot be called", unsent=True) from None
        return await heard.whole(call)

    async def _exchange(
        self, call: Call, form: HeaderForm | None, vet: Callable[[Call, httpx.Response], None], heard: "_Heard"
    ) -> None:
        until = asyncio.get_running_loop().time() + call.seconds
        async with aclosing(await self._transport.handle_async_request(self._request(call, form))) as response:
            heard.head = response
            try:
                vet(call, response)
            except CallbackError as error:
                raise await _with_words(call, response, until, error) from None
            async for chunk in response.aiter_raw():
                heard.body += chunk
                if len(heard.body) > call.limit:
                    raise call.failed(f"the answer has more than {call.limit} bytes", status=response.status_code)

    def _request(self, call: Call, form: HeaderForm | None) -> httpx.Request:
        """Without routing headers (RH-01), and with the path byte for byte as the peer wrote it (TR-14)."""
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": "ocpi-broker",
            "X-Correlation-ID": call.correlation_id,
            "X-Request-ID": str(self._request_id()),
        }
        if form is not None:
            headers["Authorization"] = write_authorization(call.token, form)
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        timeout = httpx.Timeout(call.seconds, connect=self._connect)
        return httpx.Request(
            call.method,
            call.url,
            headers=headers,
            content=call.body,
            extensions={"timeout": timeout.as_dict(), "target": _target(call.url)},
        )


def _lasts(status: int) -> bool:
    """Whether the same request will be answered with this status again: redirects, and what is said about requests."""
    return httpx.codes.is_redirect(status) or (httpx.codes.is_client_error(status) and status not in _PASSING)


def refuse_redirect(call: Call, response: httpx.Response) -> None:
    """TR-15. Raises CallbackError naming the host."""
    if response.has_redirect_location:
        host = call.repeated(_redirected_to(call.url, response.headers["location"]))
        status = response.status_code
        raise call.failed(f"HTTP {status}, a redirect to {host}, which is not followed", status=status)


async def _with_words(call: Call, response: httpx.Response, until: float, error: CallbackError) -> CallbackError:
    """The same failure with what the peer says about it, as far as that comes soon: what its head says stands."""
    error.retry_after = _retry_after(response)
    if error.cause is None and error.status is not None:
        error.cause = causes.waiting(error.status, call.method, error.retry_after)
    body, now = bytearray(), asyncio.get_running_loop().time()
    with suppress(OSError, httpx.TransportError):
        async with asyncio.timeout_at(min(now + _WORDS_SECONDS, until - _WORDS_SECONDS / 10)):
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _WORDS_BYTES:
                    break
    return error.quoting(words.of_body(_undone_if_possible(response, bytes(body)), call.tokens))


def _undone_if_possible(response: httpx.Response, body: bytes) -> bytes:
    try:
        return undone(response.headers.get("content-encoding", ""), body, _WORDS_BYTES)
    except EncodingError:
        return body


def _retry_after(response: httpx.Response) -> float | None:
    return causes.retry_after(response.status_code, response.headers.get("retry-after"), datetime.now(UTC))


def _explained(call: Call, error: Exception) -> CallbackError:
    """Whether a host does not exist, must not be called, refuses or is silent looks all the same outside (F9)."""
    _log.info("peer_call_failed", what=call.what, host=call.host, cause=type(error).__name__)
    unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
    if is_tls_failure(error):
        return call.failed(f"no trusted TLS connection to {call.host}", unsent=unsent, breakdown=Breakdown.TLS)
    if unsent:
        return call.failed(f"could not connect to {call.host}", unsent=True, breakdown=Breakdown.CONNECT)
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return call.failed(f"no complete answer within {call.seconds:g} seconds", breakdown=Breakdown.TIME)
    return call.failed("the answer was cut off or is not HTTP", breakdown=Breakdown.BROKEN)


def _redirected_to(url: str, location: str) -> str:
    try:
        return origin(urljoin(url, location))[1]
    except ValueError:
        return ""


def _target(url: str) -> bytes:
    rest = url.partition("://")[2]
    path = rest[len(re.split(r"[/?]", rest, maxsplit=1)[0]) :]
    return (path if path.startswith("/") else f"/{path}").encode("ascii")


def _following(call: Call, response: httpx.Response) -> str | None:
    try:
        url = response.links.get("next", {}).get("url")
        return urljoin(call.url, url) if url else None
    except ValueError:
        return None
