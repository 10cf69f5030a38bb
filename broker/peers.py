"""Calls to other platforms: the only code that makes any (F7, F8, F9, F13).

Everything in an answer is limited before it is looked at: where it comes from, how long it takes, how big it is. What
goes wrong is said in sentences of ours; nothing that a peer wrote is repeated unless it is known to be harmless.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Generic, TypeVar
from urllib.parse import urljoin
from uuid import UUID, uuid4

import httpx
import structlog

from broker import threads
from broker.addresses import PinnedTransport, Resolve, is_tls_failure, lookup
from broker.core.model import Endpoint, HeaderForm, InterfaceRole, Token, Version, origin
from broker.core.quirks import NO_QUIRKS, Quirks
from broker.errors import PeerUnusableError, PeerVersionUnsupportedError
from broker.ocpi import shapes
from broker.ocpi.authorization import write_authorization
from broker.ocpi.dialect import Dialect
from broker.ocpi.envelope import read_envelope
from broker.ocpi.fields import Notes
from broker.ocpi.versions import read_versions
from broker.urls import UrlPolicy

T = TypeVar("T")

_OTHER_FORM = {HeaderForm.RAW: HeaderForm.BASE64, HeaderForm.BASE64: HeaderForm.RAW}
_HARMLESS = re.compile(r"[A-Za-z0-9._:/-]{1,100}")

_MAX_PAGES = 10

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Budgets:
    """What one GET may cost (A33, TR-19). Seconds and bytes."""

    connect: float = 3.0
    whole: float = 10.0
    versions: int = 1 << 20
    details: int = 1 << 20


BUDGETS = Budgets()


@dataclass(frozen=True, slots=True)
class Tolerances:
    """What is let pass with one peer: its quirks, and whether its tenant is strict (A24, A25)."""

    quirks: Quirks = NO_QUIRKS
    strict: bool = False

    def admit(self, quirk: str) -> bool:
        return self.quirks.tolerates(quirk, strict=self.strict)


USUAL = Tolerances()


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What a peer answered, the header form in which it took the token, the quirks that were needed to read it, and
    what else was let pass.
    """

    value: T
    form: HeaderForm
    quirks: tuple[str, ...] = ()
    flaws: tuple[str, ...] = ()


class CallbackError(PeerUnusableError):
    """A call to a peer failed (RR-08). status is the HTTP status if it was not a success."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def unauthorized(self) -> bool:
        """The peer does not accept this token, in either form (A11)."""
        return self.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

    @property
    def is_client_error(self) -> bool:
        return self.status is not None and httpx.codes.is_client_error(self.status)


@dataclass(frozen=True, slots=True)
class _Call:
    """One question to a peer, and how its failures are worded."""

    what: str
    url: str
    limit: int
    token: Token
    correlation_id: str

    @property
    def host(self) -> str:
        return self.repeated(origin(self.url)[1])

    def failed(self, how: str, *, status: int | None = None) -> CallbackError:
        return CallbackError(f"{self.what}: {how}", status=status)

    def repeated(self, text: str) -> str:
        """What the peer wrote, if it is short and plain and not our token on its way into a log (F20)."""
        return text if _HARMLESS.fullmatch(text) and not self.token.appears_in(text) else "(unreadable)"


@dataclass(frozen=True, slots=True)
class _Page:
    """The data of an answer, the URL of more of it (PG-03), and what was not right around it."""

    data: object
    following: str | None = None
    flaws: tuple[str, ...] = ()


class HttpPeers:
    """Reads what a peer offers. Each method raises CallbackError, or the refusal that it names, and nothing else."""

    def __init__(
        self,
        policy: UrlPolicy,
        *,
        budgets: Budgets = BUDGETS,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve = lookup,
        request_id: Callable[[], UUID] = uuid4,
    ) -> None:
        self._policy = policy
        self._budgets = budgets
        self._transport = PinnedTransport(policy, resolve=resolve, tls=tls)
        self._request_id = request_id

    async def versions(
        self, url: str, token: Token, form: HeaderForm, tolerances: Tolerances = USUAL, *, correlation_id: str
    ) -> Answer[tuple[tuple[Version, str], ...]]:
        """The versions that a peer lists, with the URLs of their details (VL-02 to VL-08).

        The list has no pages, but a peer that makes some is followed for a few of them (PG-03).
        """
        call = _Call("versions list", url, self._budgets.versions, token, correlation_id)
        self._admit(call, "url", url)
        answer = await self._ask(call, form, tolerances)
        data, quirk = shapes.of_versions(answer.value.data, url)
        used = _let_pass(call, quirk, tolerances)
        notes = Notes()
        with _said_by_peer(call):
            listed = dict(read_versions(data, notes))
        async for page in self._further(call, answer, tolerances):
            with _said_by_peer(call):
                listed = dict(read_versions(page, notes)) | listed
        flaws = (*answer.value.flaws, *(f"{call.what}: {note}" for note in notes.taken()))
        return Answer(tuple(listed.items()), answer.form, used, flaws)

    async def _further(self, call: _Call, first: Answer["_Page"], tolerances: Tolerances) -> AsyncIterator[object]:
        page = first.value
        for _ in range(_MAX_PAGES - 1):
            if page.following is None:
                return
            following = replace(call, url=page.following)
            self._admit_beside(following, "Link", following.url, call.url)
            page = (await self._ask(following, first.form, tolerances)).value
            yield page.data

    async def details(
        self,
        url: str,
        token: Token,
        form: HeaderForm,
        tolerances: Tolerances = USUAL,
        *,
        dialect: Dialect,
        versions_url: str,
        correlation_id: str,
    ) -> Answer[tuple[Endpoint, ...]]:
        """The endpoints of one version. Raises PeerVersionUnsupportedError if they are those of another (VD-12)."""
        call = _Call("version details", url, self._budgets.details, token, correlation_id)
        self._admit_beside(call, "url", url, versions_url)
        answer = await self._ask(call, form, tolerances)
        try:
            version, endpoints = dialect.read_details(answer.value.data)
            used: tuple[str, ...] = ()
        except ValueError:
            data, quirk = shapes.of_details(answer.value.data)
            used = _let_pass(call, quirk, tolerances)
            with _said_by_peer(call):
                version, endpoints = dialect.read_details(data)
        if version != dialect.version:
            used += self._require_version(call, version, dialect, tolerances)
        for endpoint in endpoints:
            self._admit_beside(call, f"endpoint {call.repeated(endpoint.key)}", endpoint.url, versions_url)
        return Answer(_one_credentials(endpoints), answer.form, used, answer.value.flaws)

    def _require_version(
        self, call: _Call, found: Version, dialect: Dialect, tolerances: Tolerances
    ) -> tuple[str, ...]:
        """VD-12: details of another version are not those that the list promised."""
        if tolerances.admit("accept_version_mismatch"):
            return ("accept_version_mismatch",)
        what = f"{call.what}: they are of {call.repeated(str(found))}, not of {dialect.version}"
        raise PeerVersionUnsupportedError(what).helped_by("accept_version_mismatch")

    async def aclose(self) -> None:
        await self._transport.aclose()

    def _admit(self, call: _Call, field: str, url: str) -> None:
        """A URL that repeats the token would carry it into the registry and the logs."""
        if call.token.appears_in(url):
            raise call.failed(f"{field} must not contain the token")
        try:
            self._policy.check(url)
        except ValueError as error:
            raise call.failed(f"{field} {error}") from None

    def _admit_beside(self, call: _Call, field: str, url: str, versions_url: str) -> None:
        """Whoever a peer names will get its token and our data: so it may name only its own site (F9)."""
        self._admit(call, field, url)
        if not self._policy.same_site(url, versions_url):
            raise call.failed(
                f"{field} is on {call.repeated(origin(url)[1])}, a site other than that of the versions list"
            )

    async def _ask(self, call: _Call, form: HeaderForm, tolerances: Tolerances) -> Answer["_Page"]:
        """One GET; a second one with the other header form if the token was not recognised (F13, RS-12).

        A form that an operator has set is the only one.
        """
        answer = await self._ask_in_forms(call, form, tolerances)
        if tolerances.strict and answer.value.flaws:
            raise CallbackError(answer.value.flaws[0])
        return answer

    async def _ask_in_forms(self, call: _Call, form: HeaderForm, tolerances: Tolerances) -> Answer["_Page"]:
        fixed = tolerances.quirks.auth_form_out
        try:
            return Answer(await self._get(call, fixed or form), fixed or form)
        except CallbackError as error:
            if not error.unauthorized:
                raise
            if fixed is not None:
                raise error.helped_by("auth_form_out") from None
            refusal = error
        other = _OTHER_FORM[form]
        try:
            return Answer(await self._get(call, other), other)
        except CallbackError as error:
            # Platforms that cannot decode the other form say 400 or 404 instead of 401: it is still about the token.
            raise (refusal if error.is_client_error else error) from None

    async def _get(self, call: _Call, form: HeaderForm) -> "_Page":
        try:
            async with asyncio.timeout(self._budgets.whole):
                body, following = await self._body(call, form)
        except (OSError, httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError) as error:
            raise self._explained(call, error) from None
        except (UnicodeError, httpx.InvalidURL):
            # What the policy admits and the client cannot read is the peer's fault as well, never a defect.
            raise call.failed("the URL cannot be called") from None
        with _said_by_peer(call):
            envelope = await threads.run(len(body), read_envelope, body)
        return _Page(envelope.data, following, tuple(f"{call.what}: {flaw}" for flaw in envelope.flaws))

    async def _body(self, call: _Call, form: HeaderForm) -> tuple[bytes, str | None]:
        """The body, and the URL of the page that follows it."""
        async with aclosing(await self._transport.handle_async_request(self._request(call, form))) as response:
            _vet(call, response)
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > call.limit:
                    raise call.failed(f"the answer has more than {call.limit} bytes")
            return bytes(body), _following(call, response)

    def _request(self, call: _Call, form: HeaderForm) -> httpx.Request:
        """Without routing headers (RH-01), and with the path byte for byte as the peer wrote it (TR-14)."""
        timeout = httpx.Timeout(self._budgets.whole, connect=self._budgets.connect)
        return httpx.Request(
            "GET",
            call.url,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "Authorization": write_authorization(call.token, form),
                "Connection": "close",
                "User-Agent": "ocpi-broker",
                "X-Correlation-ID": call.correlation_id,
                "X-Request-ID": str(self._request_id()),
            },
            extensions={"timeout": timeout.as_dict(), "target": _target(call.url)},
        )

    def _explained(self, call: _Call, error: Exception) -> CallbackError:
        """Whether a host does not exist, must not be called, refuses or is silent looks all the same outside (F9)."""
        _log.info("peer_call_failed", what=call.what, host=call.host, cause=type(error).__name__)
        if is_tls_failure(error):
            return call.failed(f"no trusted TLS connection to {call.host}")
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return call.failed(f"could not connect to {call.host}")
        if isinstance(error, TimeoutError | httpx.TimeoutException):
            return call.failed(f"no complete answer within {self._budgets.whole:g} seconds")
        return call.failed("the answer was cut off or is not HTTP")


def _vet(call: _Call, response: httpx.Response) -> None:
    """Only a plain success is read on (EN-08, TR-15)."""
    status = response.status_code
    if response.has_redirect_location:
        host = call.repeated(_redirected_to(call.url, response.headers["location"]))
        raise call.failed(f"HTTP {status}, a redirect to {host}, which is not followed", status=status)
    if not response.is_success:
        raise call.failed(f"HTTP {status}", status=status)
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise call.failed("the answer is compressed, which was not asked for")


def _redirected_to(url: str, location: str) -> str:
    try:
        return origin(urljoin(url, location))[1]
    except ValueError:
        return ""


def _target(url: str) -> bytes:
    rest = url.partition("://")[2]
    path = rest[len(re.split(r"[/?]", rest, maxsplit=1)[0]) :]
    return (path if path.startswith("/") else f"/{path}").encode("ascii")


def _following(call: _Call, response: httpx.Response) -> str | None:
    try:
        url = response.links.get("next", {}).get("url")
        return urljoin(call.url, url) if url else None
    except ValueError:
        return None


def _let_pass(call: _Call, quirk: str | None, tolerances: Tolerances) -> tuple[str, ...]:
    """The quirk that was needed, if it is admitted. Raises CallbackError naming it if it is not."""
    if quirk is None:
        return ()
    if tolerances.admit(quirk):
        return (quirk,)
    raise call.failed("the answer has a shape that this version does not have").helped_by(quirk)


def _one_credentials(endpoints: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """The credentials module has one interface, whatever its role; SENDER if there is a choice (VD-07)."""
    listed = [endpoint for endpoint in endpoints if endpoint.module == "credentials"]
    chosen = sorted(listed, key=lambda endpoint: endpoint.role is not InterfaceRole.SENDER)[:1]
    return tuple(endpoint for endpoint in endpoints if endpoint not in listed or endpoint in chosen)


@contextmanager
def _said_by_peer(call: _Call) -> Iterator[None]:
    """What cannot be read is a failure of the call; the readers' messages start with the JSON path."""
    try:
        yield
    except ValueError as error:
        raise call.failed("the answer is malformed" if call.token.appears_in(str(error)) else str(error)) from None
