"""One request to another platform, and its limits: seconds, bytes, redirects, compression (F7, F8, F9).

Where it goes, how long it takes and how big the answer is are bounded; nothing that a peer wrote is repeated unless it
is known to be harmless.
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from urllib.parse import urljoin
from uuid import UUID, uuid4

import httpx
import structlog

from broker.core.model import HeaderForm, Token, origin
from broker.errors import PeerUnusableError
from broker.ocpi.authorization import write_authorization
from broker.outbound.addresses import PinnedTransport, Resolve, is_tls_failure, lookup
from broker.outbound.url_policy import UrlPolicy

_HARMLESS = re.compile(r"[A-Za-z0-9._:/-]{1,100}")

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


class Cause(Enum):
    """What went wrong below HTTP."""

    TLS = "TLS"
    CONNECT = "CONNECT"
    TIME = "TIME"
    BROKEN = "BROKEN"


class CallbackError(PeerUnusableError):
    """A call to a peer failed (RR-08). status is the HTTP status, if there was one.

    unsent says that no part of the request has left: it cannot have had an effect (F2). code is the OCPI status
    code, if an envelope reports the failure: with it some platforms say that they do not know the token (A7). cause is
    there if the failure was below HTTP.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        unsent: bool = False,
        code: int | None = None,
        cause: Cause | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.unsent = unsent
        self.code = code
        self.cause = cause

    @property
    def unauthorized(self) -> bool:
        """The peer does not accept this token, in either form (A11)."""
        return self.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

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
        cause: Cause | None = None,
    ) -> CallbackError:
        return CallbackError(f"{self.what}: {how}", status=status, unsent=unsent, code=code, cause=cause)

    def repeated(self, text: str) -> str:
        """What the peer wrote, if it is short and plain and not our token on its way into a log (F20)."""
        return text if _HARMLESS.fullmatch(text) and not self.reveals(text) else "(unreadable)"

    def reveals(self, text: str) -> bool:
        """Whether a text gives away a token that we have sent."""
        return self.token.appears_in(text) or (self.secret is not None and self.secret.appears_in(text))


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer read to its end."""

    status: int
    body: bytes
    following: str | None = None
    """The URL of the page that follows (PG-03)."""


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

    async def exchange(self, call: Call, form: HeaderForm, vet: Callable[[Call, httpx.Response], None]) -> Reply:
        """Send a request and read the answer to its end. vet looks at its head and raises what is not worth reading."""
        try:
            async with asyncio.timeout(call.seconds):
                return await self._exchange(call, form, vet)
        except (OSError, httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError) as error:
            raise _explained(call, error) from None
        except (UnicodeError, httpx.InvalidURL):
            # What the policy admits and the client cannot read is the peer's fault as well, never a defect.
            raise call.failed("the URL cannot be called", unsent=True) from None

    async def _exchange(self, call: Call, form: HeaderForm, vet: Callable[[Call, httpx.Response], None]) -> Reply:
        async with aclosing(await self._transport.handle_async_request(self._request(call, form))) as response:
            vet(call, response)
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > call.limit:
                    raise call.failed(f"the answer has more than {call.limit} bytes", status=response.status_code)
            return Reply(response.status_code, bytes(body), _following(call, response))

    def _request(self, call: Call, form: HeaderForm) -> httpx.Request:
        """Without routing headers (RH-01), and with the path byte for byte as the peer wrote it (TR-14)."""
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Authorization": write_authorization(call.token, form),
            "Connection": "close",
            "User-Agent": "ocpi-broker",
            "X-Correlation-ID": call.correlation_id,
            "X-Request-ID": str(self._request_id()),
        }
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


def refuse_redirect(call: Call, response: httpx.Response) -> None:
    """TR-15. Raises CallbackError naming the host."""
    if response.has_redirect_location:
        host = call.repeated(_redirected_to(call.url, response.headers["location"]))
        status = response.status_code
        raise call.failed(f"HTTP {status}, a redirect to {host}, which is not followed", status=status)


def refuse_compression(call: Call, response: httpx.Response) -> None:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        status = response.status_code
        raise call.failed("the answer is compressed, which was not asked for", status=status)


def _explained(call: Call, error: Exception) -> CallbackError:
    """Whether a host does not exist, must not be called, refuses or is silent looks all the same outside (F9)."""
    _log.info("peer_call_failed", what=call.what, host=call.host, cause=type(error).__name__)
    unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
    if is_tls_failure(error):
        return call.failed(f"no trusted TLS connection to {call.host}", unsent=unsent, cause=Cause.TLS)
    if unsent:
        return call.failed(f"could not connect to {call.host}", unsent=True, cause=Cause.CONNECT)
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return call.failed(f"no complete answer within {call.seconds:g} seconds", cause=Cause.TIME)
    return call.failed("the answer was cut off or is not HTTP", cause=Cause.BROKEN)


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
