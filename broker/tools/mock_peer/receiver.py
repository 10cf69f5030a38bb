"""The mock peer as Receiver, and as whoever is called back: what it answers (docs/mock-peer.md).

It is a correct strict platform (RR-11 to RR-14, UR-01 to UR-05, UN-01 to UN-05), apart from its faults.
"""

import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

from broker.core.model import Announcement, Endpoint, HeaderForm, Token, Version
from broker.core.quirks import USUAL_TOKEN
from broker.core.required_modules import CREDENTIALS
from broker.ocpi import DIALECTS, envelope, shapes, versions
from broker.ocpi.authorization import candidates
from broker.ocpi.dialect import Json, Malformed
from broker.ocpi.envelope import StatusCode
from broker.ocpi.fields import Notes
from broker.tools.mock_peer import modules, self_description, spoiling
from broker.tools.mock_peer.accepted_tokens import Standing
from broker.tools.mock_peer.faults import Fault, Place
from broker.tools.mock_peer.http_client import UNAUTHORIZED, Call, Caller, ExchangeError
from broker.tools.mock_peer.http_server import MAX_BODY, Answer, Ending, Request
from broker.tools.mock_peer.journal import Event, masked
from broker.tools.mock_peer.sender import Sender
from broker.tools.mock_peer.spoiling import Draft
from broker.tools.mock_peer.state import Link, State

T = TypeVar("T")

REQUEST_ID, CORRELATION_ID = "X-Request-ID", "X-Correlation-ID"
_ID = re.compile(r"[!-~]([ -~]{0,126}[!-~])?")
_CHANGES = {place.value: place for place in (Place.POST, Place.PUT, Place.DELETE)}
_ALLOWED = {
    Standing.INVITATION: ("GET", "POST"),
    Standing.PROVISIONAL: ("GET",),
    Standing.ISSUED: ("GET", "PUT", "DELETE"),
}


class RefusedError(Exception):
    """A refusal of the exchange, which leaves everything as it was."""

    def __init__(self, code: StatusCode, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class UnauthorizedError(RefusedError):
    """Because the other side answered 401 to our call."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What a URL stands for: versions, details, credentials, or a module; of a module also what it has below."""

    name: str
    version: Version | None = None
    endpoint: Endpoint | None = None
    below: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, and what it is to us. token is the one that was shown, if it is good for anything. ids are the
    message ids of its answer.
    """

    request: Request
    resource: Resource | None
    places: tuple[Place, ...]
    token: Token | None
    standing: Standing | None
    ids: Mapping[str, str]

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def correlation(self) -> str:
        return self.ids[CORRELATION_ID]


class Receiver:
    """Answers requests. sender is for exchanges of its own that it starts before it answers one."""

    def __init__(self, state: State, caller: Caller, sender: Sender) -> None:
        self._state = state
        self._caller = caller
        self._sender = sender
        self.received: list[Request] = []

    async def answer(self, request: Request) -> Answer:
        """The right one, or what the faults make of it."""
        self.received.append(request)
        resource = self._resource(request.target)
        places = self._places(request.method, resource)

        def strike(name: str) -> Fault | None:
            return self._state.faults.strike(name, places)

        if strike("forget"):
            self._state.disconnect()
        token, standing = self._shown(request, strike)
        visit = Visit(request, resource, places, token, standing, _ids(request))
        draft = spoiling.capricious(request.target, strike, self._state.now()) or await self._decide(visit, strike)
        answer = spoiling.spoiled(draft, visit.ids, strike)
        self._note(visit, draft, answer)
        return answer

    def refusal(self, status: int) -> Answer:
        """The answer to what is no request (EN-07)."""
        draft = self._refusal(status, "this is no HTTP request that can be read")
        return spoiling.rendered(draft, {name: str(uuid.uuid4()) for name in (REQUEST_ID, CORRELATION_ID)})

    def _resource(self, target: str) -> Resource | None:
        """With a slash at the end or without (TR-13). Below credentials there is nothing."""
        identity = self._state.identity
        path = target.partition("?")[0].removesuffix("/")
        if path == urlsplit(identity.versions_url).path:
            return Resource("versions")
        for version in identity.versions:
            root = urlsplit(identity.details_url(version)).path
            if path == root:
                return Resource("details", version)
            for endpoint in identity.endpoints(version):
                own = urlsplit(endpoint.url).path
                below = endpoint.module != CREDENTIALS and path.startswith(f"{own}/")
                if path == own or below:
                    return Resource(endpoint.module, version, endpoint, below)
        return None

    def _places(self, method: str, resource: Resource | None) -> tuple[Place, ...]:
        match resource:
            case Resource("versions" | "details" as name):
                calling_back = (Place.CALLBACK,) if self._state.own else ()
                return (*calling_back, Place(name))
            case Resource("credentials") if method in _CHANGES:
                return (_CHANGES[method],)
            case _:
                return ()

    def _shown(self, request: Request, strike: self_description.Strike) -> tuple[Token | None, Standing | None]:
        """The token in the header, if it is known in this form (AU-12, AU-13)."""
        tokens = self._state.tokens
        for text, form in candidates(request.values("authorization")):
            standing = tokens.standing(Token(text))
            if standing is not None and form in self._state.accepts and not _wrong_form(form, strike):
                return Token(text), standing
        return None, None

    async def _decide(self, visit: Visit, strike: self_description.Strike) -> Draft:
        if visit.token is None or visit.standing is None or strike("reject-token") or strike("callback-401"):
            return self._refusal(401, "unknown token", WWW_Authenticate="Token")
        self._state.tokens.used(visit.token)
        match visit.resource:
            case Resource("credentials", Version() as version):
                return await self._credentials(visit, visit.token, visit.standing, version, strike)
            case Resource("versions" | "details") as resource:
                return self._configuration(visit.method, resource, strike)
            case Resource(endpoint=Endpoint() as endpoint, below=below):
                if visit.standing is not Standing.ISSUED:
                    return self._refusal(401, "the token is not good for this module", WWW_Authenticate="Token")
                return modules.answer(endpoint, visit.method, self._state.now(), below=below)
        return self._refusal(404, "there is nothing at this URL")

    def _configuration(self, method: str, resource: Resource, strike: self_description.Strike) -> Draft:
        """Version list or details, to whoever shows a token that is good for anything (RR-03, RS-06)."""
        identity = self._state.identity
        if method != "GET":
            return self._refusal(405, "only GET", Allow="GET")
        if resource.version is None:
            return self._success(self_description.version_list(identity, self._concerned(), strike))
        return self._success(self_description.details(identity, resource.version, strike))

    async def _credentials(
        self, visit: Visit, token: Token, standing: Standing, version: Version, strike: self_description.Strike
    ) -> Draft:
        """By what the token is good for (RR-12, RR-19, RR-20, UR-02, UN-05)."""
        if visit.method not in _ALLOWED[standing]:
            allowed = ", ".join(_ALLOWED[standing])
            return self._refusal(405, f"with this token there is {allowed}", Allow=allowed)
        if visit.method == "GET":
            return self._success(self_description.credentials(self._state.identity, version, token, strike))
        if visit.method == "DELETE":
            self._state.disconnect()
            self._done(visit)
            return self._success(DIALECTS[version.text].unregistered)
        try:
            return await self._exchange(visit, token, version, strike)
        except RefusedError as err:
            return self._refusal(err.status, str(err), err.code)

    async def _exchange(self, visit: Visit, shown: Token, version: Version, strike: self_description.Strike) -> Draft:
        """POST or PUT: read, call back, commit, answer (RR-05 to RR-16). Raises RefusedError."""
        state = self._state
        before, epoch = frozenset(state.tokens.issued), state.epoch
        body, theirs = self._announced(visit.request, version)
        url = theirs.url or (state.link.versions_url if state.link else None)
        if url is None:
            raise RefusedError(StatusCode.INVALID_PARAMETERS, "url: is required")
        endpoints: tuple[Endpoint, ...] = ()
        if not strike("no-callback"):
            bearers = [theirs.token] if visit.method == "POST" or not state.link else [theirs.token, state.link.held]
            if strike("callback-old-token"):
                bearers = [self._outdated(shown)]
            for _ in range(2 if strike("callback-twice") else 1):
                endpoints = await self._call_back(url, bearers, version, visit.correlation)
        await self._cross(strike)
        if state.epoch != epoch:
            raise RefusedError(StatusCode.SERVER_ERROR, "another exchange was faster")
        new = self_description.issued_token(state.mint(), theirs.token, strike)
        state.tokens.replace(before, shown, new)
        state.connect(Link(version, theirs.token, url, endpoints, theirs))
        state.epoch += 1
        self._done(visit)
        return self._success(self_description.answered_credentials(state.identity, version, new, body, strike))

    async def _call_back(
        self, url: str, bearers: Sequence[Token], version: Version, correlation: str
    ) -> tuple[Endpoint, ...]:
        """Reads their version list and details with the first token that they take (UR-06).

        Raises RefusedError (RR-08 to RR-10).
        """
        data, call = await self._first_taken(
            [
                Call("GET", url, token, self._state.form_for(version), "versions", version.text, None, correlation)
                for token in bearers
            ]
        )
        listed = dict(
            _understood("versions", lambda: versions.read_versions(shapes.of_versions(data, url)[0], Notes()))
        )
        if version not in listed:
            raise RefusedError(StatusCode.UNSUPPORTED_VERSION, f"your version list does not have {version}")
        data, call = await self._fetched(replace(call, url=listed[version], resource="details"))
        if call.form is not self._state.form_for(version):
            self._state.form = call.form
        found = shapes.of_details(data)[0]
        told, endpoints = _understood("details", lambda: DIALECTS[version.text].read_details(found, Notes()))
        if told != version:
            raise RefusedError(StatusCode.UNSUPPORTED_VERSION, f"your details of {version} are of version {told}")
        if all(endpoint.module != CREDENTIALS for endpoint in endpoints):
            raise RefusedError(StatusCode.ENDPOINTS_MISSING, "your details do not list credentials")
        return endpoints

    def _announced(self, request: Request, version: Version) -> tuple[Json, Announcement]:
        """Raises RefusedError: HTTP 413 or 400 for what is no JSON, 2001 for what is no credentials object."""
        if request.oversized:
            raise RefusedError(StatusCode.CLIENT_ERROR, f"the body has more than {MAX_BODY} bytes", 413)
        try:
            data: Any = envelope.loads(request.body)
        except envelope.NotJsonError as err:
            raise RefusedError(StatusCode.INVALID_PARAMETERS, f"the body {err}", 400) from None
        try:
            theirs = DIALECTS[version.text].read_credentials(data)
        except Malformed as err:
            raise RefusedError(StatusCode.INVALID_PARAMETERS, str(err)) from None
        if len(theirs.token.reveal()) > USUAL_TOKEN:
            raise RefusedError(StatusCode.INVALID_PARAMETERS, f"token: must have at most {USUAL_TOKEN} characters")
        if self._state.is_ours(theirs.token):
            raise RefusedError(StatusCode.INVALID_PARAMETERS, "token: is one that we issued")
        for party in theirs.parties:
            if not self._state.invites(party):
                where = f"{party.path}: " if party.path else ""
                raise RefusedError(StatusCode.INVALID_PARAMETERS, f"{where}the invitation is for other parties")
        return data, theirs

    def _outdated(self, shown: Token) -> Token:
        """The token that was held before this PUT; in a POST there is only token A, which is our own (F13)."""
        return self._state.link.held if self._state.link else shown

    async def _first_taken(self, calls: Sequence[Call]) -> tuple[object, Call]:
        """What the first call brings that is not answered with 401, and that call. Raises RefusedError."""
        for number, call in enumerate(calls, 1):
            try:
                return await self._fetched(call)
            except UnauthorizedError:
                if number == len(calls):
                    raise
        raise AssertionError("there is a call at least")

    async def _fetched(self, call: Call) -> tuple[object, Call]:
        """The data, and the call in the form in which its token was taken. Raises RefusedError."""
        try:
            data, form = await self._caller.read(call)
        except ExchangeError as err:
            refused = UnauthorizedError if err.status == UNAUTHORIZED else RefusedError
            raise refused(StatusCode.PEER_UNUSABLE, f"your {err}") from None
        return data, replace(call, form=form)

    async def _cross(self, strike: self_description.Strike) -> None:
        """Exchanges in the other direction before this one is answered. How they end is an event."""
        started: list[Awaitable[None]] = []
        if strike("put-inside-put"):
            started.append(self._sender.rotate())
        if strike("post-inside-post") and self._state.given is not None:
            started.append(self._sender.register(*self._state.given))
        if strike("delete-inside-put"):
            started.append(self._sender.unregister())
        for exchange in started:
            with suppress(ExchangeError):
                await exchange

    def _concerned(self) -> Version | None:
        """The version that an exchange or the registration is about."""
        if self._state.own:
            return self._state.own[-1]
        return self._state.link.version if self._state.link else None

    def _success(self, data: object) -> Draft:
        return spoiling.success(data, self._state.now())

    def _refusal(self, status: int, message: str, code: StatusCode = StatusCode.CLIENT_ERROR, **headers: str) -> Draft:
        return spoiling.refusal(status, int(code), message, self._state.now(), **headers)

    def _done(self, visit: Visit) -> None:
        version = visit.resource and visit.resource.version
        self._state.journal.add(
            Event(
                event="exchange",
                role="Receiver",
                method=visit.method,
                version=version.text if version else "",
                outcome="done",
            )
        )

    def _note(self, visit: Visit, draft: Draft, answer: Answer) -> None:
        """Only the status that leaves; the code is what was decided."""
        resource = visit.resource
        self._state.journal.add(
            Event(
                event="request",
                method=visit.method,
                resource=resource.name if resource else "",
                version=resource.version.text if resource and resource.version else "",
                token=masked(visit.token),
                status=None if answer.ending is Ending.NOTHING else answer.status,
                code=draft.code,
            )
        )


def _wrong_form(form: HeaderForm, strike: self_description.Strike) -> bool:
    return strike("raw-only" if form is HeaderForm.BASE64 else "base64-only") is not None


def _ids(request: Request) -> Mapping[str, str]:
    """Both message ids come back as they came; others are made where they are missing, or too long or odd to be
    repeated (ID-02, ID-03, ID-04, ID-07).
    """
    return {
        name: told if _ID.fullmatch(told := request.header(name) or "") else str(uuid.uuid4())
        for name in (REQUEST_ID, CORRELATION_ID)
    }


def _understood(what: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except Malformed as err:
        raise RefusedError(StatusCode.PEER_UNUSABLE, f"your {what}: {err}") from None
