"""The questions that we ask other platforms: what they list, and what they serve (F13, RR-05).

What goes wrong is said in sentences of ours. The calls themselves are http_call's.
"""

import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Generic, TypeVar
from uuid import UUID, uuid4

import httpx

from broker import threads
from broker.core.model import Endpoint, HeaderForm, InterfaceRole, Token, Version
from broker.core.quirks import NO_QUIRKS, Quirks
from broker.core.required_modules import CREDENTIALS
from broker.errors import PeerVersionUnsupportedError
from broker.ocpi import shapes
from broker.ocpi.authorization import OTHER_FORM
from broker.ocpi.dialect import Dialect
from broker.ocpi.envelope import EnvelopeError, read_envelope
from broker.ocpi.fields import Notes
from broker.ocpi.versions import read_versions, unknown_versions
from broker.outbound import words
from broker.outbound.addresses import Resolve, lookup
from broker.outbound.http_call import BUDGETS, Budgets, Call, CallbackError, Wire, refuse_redirect
from broker.outbound.url_policy import UrlPolicy

T = TypeVar("T")

_MAX_PAGES = 10
_MOST_UNKNOWN = 20


@dataclass(frozen=True, slots=True)
class Tolerances:
    """What is let pass with one peer: its quirks, and whether its tenant is strict (A24, A25)."""

    quirks: Quirks = NO_QUIRKS
    strict: bool = False
    doubts_form: bool = False
    """An error in an envelope may be about the form of the token, too: we do not know yet which one is read (A7)."""

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
    unknown: tuple[str, ...] = ()
    """What stands in a version list where a version should, and is none that there can be."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was let pass, in words."""
        return (*(f"quirk {quirk}: the answer was taken all the same" for quirk in self.quirks), *self.flaws)


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
        inner: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.budgets = budgets
        self.wire = Wire(policy, tls=tls, resolve=resolve, request_id=request_id, connect=budgets.connect, inner=inner)

    async def versions(
        self, url: str, token: Token, form: HeaderForm, tolerances: Tolerances = USUAL, *, correlation_id: str
    ) -> Answer[tuple[tuple[Version, str], ...]]:
        """The versions that a peer lists, with the URLs of their details (VL-02 to VL-08).

        The list has no pages, but a peer that makes some is followed for a few of them (PG-03).
        """
        call = self._call("versions list", url, self.budgets.versions, token, correlation_id)
        self.wire.admit(call, "url", url)
        answer = await self._ask(call, form, tolerances)
        data, quirk = shapes.of_versions(answer.value.data, url)
        used = _let_pass(call, quirk, tolerances)
        notes = Notes()
        with _said_by_peer(call):
            listed = dict(read_versions(data, notes))
        unknown = [*unknown_versions(data)]
        async for page in self._further(call, answer, tolerances):
            with _said_by_peer(call):
                listed = dict(read_versions(page, notes)) | listed
            unknown += unknown_versions(page)
        flaws = (*answer.value.flaws, *_noted(call, notes))
        return Answer(tuple(listed.items()), answer.form, used, flaws, _harmless(call, unknown))

    async def _further(self, call: Call, first: Answer["_Page"], tolerances: Tolerances) -> AsyncIterator[object]:
        page = first.value
        for _ in range(_MAX_PAGES - 1):
            if page.following is None:
                return
            following = replace(call, url=page.following)
            self.wire.admit_beside(following, "Link", following.url, call.url)
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
        call = self._call("version details", url, self.budgets.details, token, correlation_id)
        self.wire.admit_beside(call, "url", url, versions_url)
        answer = await self._ask(call, form, tolerances)
        notes = Notes()
        try:
            version, endpoints = dialect.read_details(answer.value.data, notes)
            used: tuple[str, ...] = ()
        except ValueError:
            data, quirk = shapes.of_details(answer.value.data)
            used = _let_pass(call, quirk, tolerances)
            version, endpoints = _read_details(call, dialect, data, notes)
        if version != dialect.version:
            used += self._require_version(call, version, dialect, tolerances)
        for endpoint in endpoints:
            self.wire.admit_beside(call, f"endpoint {call.repeated(endpoint.key)}", endpoint.url, versions_url)
        if tolerances.strict and notes.first:
            rule, seen = notes.first
            raise call.failed(rule).because(words.masked(seen, call.tokens))
        flaws = (*answer.value.flaws, *_noted(call, notes))
        return Answer(_one_credentials(endpoints), answer.form, used, flaws)

    def _require_version(self, call: Call, found: Version, dialect: Dialect, tolerances: Tolerances) -> tuple[str, ...]:
        """VD-12: details of another version are not those that the list promised."""
        if tolerances.admit("accept_version_mismatch"):
            return ("accept_version_mismatch",)
        what = f"{call.what}: they are of {call.repeated(str(found))}, not of {dialect.version}"
        raise PeerVersionUnsupportedError(what).helped_by("accept_version_mismatch")

    async def aclose(self) -> None:
        await self.wire.aclose()

    def _call(self, what: str, url: str, limit: int, token: Token, correlation_id: str) -> Call:
        return Call(what, url, limit, token, correlation_id, seconds=self.budgets.whole)

    async def _ask(self, call: Call, form: HeaderForm, tolerances: Tolerances) -> Answer["_Page"]:
        """One GET; a second one with the other header form if the token was not recognised (F13, RS-12).

        A form that an operator has set is the only one.
        """
        answer = await self._ask_in_forms(call, form, tolerances)
        if tolerances.strict and answer.value.flaws:
            raise CallbackError(answer.value.flaws[0])
        return answer

    async def _ask_in_forms(self, call: Call, form: HeaderForm, tolerances: Tolerances) -> Answer["_Page"]:
        fixed = tolerances.quirks.auth_form_out
        try:
            return Answer(await self._get(call, fixed or form), fixed or form)
        except CallbackError as error:
            if not error.unauthorized and not (tolerances.doubts_form and error.code is not None):
                raise
            if fixed is not None:
                raise (_only_form(error, fixed) if error.unauthorized else error) from None
            refusal = error
        other = OTHER_FORM[form]
        try:
            return Answer(await self._get(call, other), other)
        except CallbackError as error:
            # Platforms that cannot decode the other form say 400 or 404 instead of 401: it is still about the token.
            if error.unauthorized and refusal.unauthorized and refusal.cause:
                refusal.cause += ", neither raw nor in Base64"
            raise (refusal if error.is_client_error or refusal.code else error) from None

    async def _get(self, call: Call, form: HeaderForm) -> "_Page":
        reply = await self.wire.exchange(call, form, _vet)
        if not reply.body:
            raise call.failed(f"HTTP {reply.status} without a body")
        with _said_by_peer(call, reply.body):
            envelope = await threads.run(len(reply.body), read_envelope, reply.body)
        return _Page(envelope.data, reply.following, tuple(f"{call.what}: {flaw}" for flaw in envelope.flaws))


def _vet(call: Call, response: httpx.Response) -> None:
    """Only a plain success is read on (EN-08, TR-15)."""
    refuse_redirect(call, response)
    if not response.is_success:
        raise call.failed(f"HTTP {response.status_code}", status=response.status_code)


def _read_details(call: Call, dialect: Dialect, data: object, notes: Notes) -> tuple[Version, tuple[Endpoint, ...]]:
    try:
        with _said_by_peer(call):
            return dialect.read_details(data, notes)
    except CallbackError as error:
        named = _harmless(call, unknown_versions([data]))
        raise (error.because(f"it is {named[0]}") if named else error) from None


def _noted(call: Call, notes: Notes) -> tuple[str, ...]:
    return tuple(f"{call.what}: {words.masked(note, call.tokens)}" for note in notes.taken())


def _harmless(call: Call, texts: Iterable[str]) -> tuple[str, ...]:
    """Those that may be repeated, each once; the first few of them."""
    return tuple(islice((text for text in dict.fromkeys(texts) if call.repeated(text) == text), _MOST_UNKNOWN))


def _only_form(error: CallbackError, form: HeaderForm) -> CallbackError:
    """What an operator has set may be wrong."""
    cause = f"{error.cause or 'it refuses'}, shown {form.value}, as the quirk auth_form_out says"
    return error.because(cause).helped_by("auth_form_out")


def _let_pass(call: Call, quirk: str | None, tolerances: Tolerances) -> tuple[str, ...]:
    """The quirk that was needed, if it is admitted. Raises CallbackError naming it if it is not."""
    if quirk is None:
        return ()
    if tolerances.admit(quirk):
        return (quirk,)
    raise call.failed("the answer has a shape that this version does not have").helped_by(quirk)


def _one_credentials(endpoints: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """The credentials module has one interface, whatever its role; SENDER if there is a choice (VD-07)."""
    listed = [endpoint for endpoint in endpoints if endpoint.module == CREDENTIALS]
    chosen = sorted(listed, key=lambda endpoint: endpoint.role is not InterfaceRole.SENDER)[:1]
    return tuple(endpoint for endpoint in endpoints if endpoint not in listed or endpoint in chosen)


@contextmanager
def _said_by_peer(call: Call, body: bytes = b"") -> Iterator[None]:
    """What cannot be read is a failure of the call; the readers' messages start with the JSON path.

    body is where the peer's words are.
    """
    try:
        yield
    except EnvelopeError as error:
        raise call.failed(str(error), code=error.code).quoting(words.of_body(body, call.tokens)) from None
    except ValueError as error:
        what = "the answer is malformed" if call.reveals(str(error)) else f"the answer cannot be used: {error}"
        raise call.failed(what).quoting(words.of_body(body, call.tokens)) from None
