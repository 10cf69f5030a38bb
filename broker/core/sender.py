"""The Sender's side of an exchange as a pure function: step(state, event) -> (state, effect).

Rule 1: what is sent, and what follows from its answer, is decided here and nowhere else.
Rule 2: a request whose outcome is not known is repeated with the same token, and only after a GET has shown that the
peer still takes the token with which it was sent (F2, F4).
Rule 3: the pair that stood before stands until the peer has said that the new one does (UR-12).

OCPI's names: the token that opens the peer at first is CREDENTIALS_TOKEN_A, the one that we offer TOKEN_B, the one in
the answer TOKEN_C.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from broker.core.acceptance import accept
from broker.core.announcements import Known
from broker.core.exchange import ExchangeKind
from broker.core.model import (
    Announcement,
    Endpoint,
    Party,
    PartyKey,
    Registration,
    RequiredModule,
    Terms,
    Token,
    Version,
    origin,
)
from broker.core.quirks import NO_QUIRKS, Quirks
from broker.core.receiver import (
    EndpointsRead,
    IllegalTransitionError,
    PeerFailed,
    ReadEndpoints,
    ReadVersions,
    VersionsRead,
    lists,
)
from broker.core.required_modules import credentials_url, missing_modules
from broker.errors import (
    AnswerLostError,
    BrokerError,
    ExchangeInProgressError,
    OutcomeUnknownError,
    PeerEndpointsMissingError,
    PeerRefusedError,
    PeerRejectedTokenError,
    PeerUnusableError,
    PeerVersionUnsupportedError,
)

_UNSUPPORTED_VERSION = 3002
_ENDPOINTS_MISSING = 3003
_ERRORS_OF_THEIRS = range(3000, 4000)
_METHOD_NOT_ALLOWED = 405
_NOT_IMPLEMENTED = 501
_NOT_FOUND = 404
_TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, and what stands before it."""

    kind: ExchangeKind
    versions_url: str
    access: Token = field(repr=False)
    """What opens the peer: its invitation, or the token that we hold."""
    offers: frozenset[Version]
    """The versions that we may use with this peer."""
    version: Version | None = None
    """The one that is wanted."""
    registration: Registration | None = None
    """What stands; None before that, and while none of its parties may be had."""
    current: Version | None = None
    """The version in use."""
    endpoints: tuple[Endpoint, ...] = ()
    """Those of the version in use."""
    sent: Version | None = None
    """The version in which the same request was sent already, with an outcome that is not known."""
    terms: Terms = Terms()  # noqa: RUF009  frozen
    ours: frozenset[PartyKey] = frozenset()
    required: tuple[RequiredModule, ...] = ()
    quirks: Quirks = NO_QUIRKS
    spare: Token | None = field(default=None, repr=False)
    """Another token that may be the one to hold, if the one that we got does not work (F6)."""
    patient: bool = False
    """Nobody waits for it: what it takes somebody to mend may be mended by the next attempt."""

    def outlasts(self, error: BrokerError) -> bool:
        """Whether to try again although somebody may have to mend something first: what is in doubt is not given up."""
        return not error.lasting or self.patient or self.sent is not None


@dataclass(frozen=True, slots=True)
class Listing:
    """The version list is being read (RS-01)."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Choice:
    """A version was chosen out of the list (RS-02). tried are those that the peer has refused."""

    plan: Plan
    version: Version
    listed: Mapping[Version, str]
    tried: frozenset[Version] = frozenset()


@dataclass(frozen=True, slots=True)
class Detailing(Choice):
    """Its details are being read (RS-03)."""


@dataclass(frozen=True, slots=True)
class Asking(Choice):
    """A request is being prepared or under way. unlisted: the peer has dropped the version that is in use (F22)."""

    endpoints: tuple[Endpoint, ...] = ()
    unlisted: bool = False


@dataclass(frozen=True, slots=True)
class Leaving:
    """DELETE is under way."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Kept:
    """What we got is committed."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Trying:
    """The token that we got is being tried, or the spare one (RS-13, F6)."""

    plan: Plan
    spare: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing follows."""


State: TypeAlias = Plan | Listing | Detailing | Asking | Leaving | Kept | Trying | Ended


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt begins."""


@dataclass(frozen=True, slots=True)
class Offered:
    """The token that the request will carry is committed, and works (RS-06)."""

    token: Token = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """The peer has done it; what it says of itself, None for DELETE."""

    announcement: Announcement | None
    offered: Token | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """The request was refused, or nobody knows."""

    error: BrokerError


@dataclass(frozen=True, slots=True)
class Committed:
    """What we got is committed; held is the token to use from now on."""

    held: Token = field(repr=False)
    spare: Token | None = field(default=None, repr=False)


Event: TypeAlias = Begun | VersionsRead | EndpointsRead | PeerFailed | Offered | Answered | Failed | Committed


@dataclass(frozen=True, slots=True)
class Offer:
    """Commit the token that the request will carry, and that the request is about to leave."""

    version: Version


@dataclass(frozen=True, slots=True)
class Send:
    """The request itself. version is None for DELETE."""

    kind: ExchangeKind
    url: str
    version: Version | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """Commit what the peer has answered. parties is None if it may not have those that it announced (RS-09)."""

    version: Version
    url: str
    token: Token = field(repr=False)
    endpoints: tuple[Endpoint, ...]
    parties: tuple[Party, ...] | None
    asked: tuple[Party, ...] = ()
    draft: bool = False
    warnings: tuple[str, ...] = ()
    quirk: str | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """End the registration on our side (UN-02)."""


@dataclass(frozen=True, slots=True)
class Swap:
    """The spare token is the one that works: hold it (F6)."""


@dataclass(frozen=True, slots=True)
class Finish:
    """It is done. warning says what is not as it should be all the same; proven, that the new token has worked."""

    warning: str | None = None
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """The attempt is over without success. again: another one may help, without anybody's doing."""

    error: BrokerError
    again: bool = False


Effect: TypeAlias = ReadVersions | ReadEndpoints | Offer | Send | Keep | Leave | Swap | Finish | Stop


def step(state: State, event: Event) -> tuple[State, Effect]:
    """What follows. Raises IllegalTransitionError for an event that cannot happen in this state."""
    match state:
        case Plan() if isinstance(event, Begun):
            return _begin(state)
        case Listing() | Detailing():
            return _reading(state, event)
        case Asking():
            return _asking(state, event)
        case Leaving():
            return _leaving(state, event)
        case Kept() | Trying():
            return _confirming(state, event)
    raise _illegal(state, event)


def _begin(plan: Plan) -> tuple[State, Effect]:
    if plan.kind is ExchangeKind.DELETE:
        return Leaving(plan), Send(plan.kind, _credentials_url(plan.endpoints))
    return Listing(plan), ReadVersions(plan.versions_url, plan.access)


def _reading(state: Listing | Detailing, event: Event) -> tuple[State, Effect]:
    match state, event:
        case Listing(), VersionsRead():
            return _choose(state.plan, event)
        case Detailing(), EndpointsRead(endpoints):
            return _prepare(state, endpoints)
        case _, PeerFailed(error):
            return _unreadable(state.plan, error)
    raise _illegal(state, event)


def _asking(state: Asking, event: Event) -> tuple[State, Effect]:
    match event:
        case Offered():
            return state, Send(state.plan.kind, _credentials_url(state.endpoints), state.version)
        case Answered(Announcement() as announcement, Token() as offered):
            return _keep(state, announcement, offered)
        case Failed(error):
            return _refused(state, error)
    raise _illegal(state, event)


def _leaving(state: Leaving, event: Event) -> tuple[State, Effect]:
    """UN-06: whoever does not know us has no registration of ours."""
    match event:
        case Answered() | Failed(PeerRejectedTokenError()):
            return Ended(), Leave()
        case Failed(PeerRefusedError(status=404 | 405)):
            return Ended(), Leave()
        case Failed(error):
            return _stop(error, again=state.plan.outlasts(error))
    raise _illegal(state, event)


def _confirming(state: Kept | Trying, event: Event) -> tuple[State, Effect]:
    match state, event:
        case Kept(), Committed():
            plan = replace(state.plan, access=event.held, spare=event.spare)
            return Trying(plan), ReadVersions(plan.versions_url, plan.access)
        case Trying(), VersionsRead() | PeerFailed():
            return _tried(state, event)
    raise _illegal(state, event)


def _illegal(state: object, event: Event) -> IllegalTransitionError:
    return IllegalTransitionError(f"{type(event).__name__} while {type(state).__name__}")


def _choose(plan: Plan, event: VersionsRead) -> tuple[State, Effect]:
    """RS-02, VL-12; a repeat goes where the first went."""
    listed = event.urls
    wanted = plan.sent or plan.version or plan.current
    if wanted is None:
        mutual = plan.offers & listed.keys()
        if not mutual:
            ours = ", ".join(map(str, sorted(plan.offers)))
            return _stop(PeerVersionUnsupportedError(f"no version in common: {lists(event)}; we offer {ours}"))
        wanted = max(mutual)
    if wanted in listed:
        return _read(plan, wanted, listed, frozenset())
    if wanted == plan.current:
        return Asking(plan, wanted, listed, endpoints=plan.endpoints, unlisted=True), Offer(wanted)
    return _stop(PeerVersionUnsupportedError(f"the peer does not offer {wanted}: {lists(event)}"))


def _read(
    plan: Plan, version: Version, listed: Mapping[Version, str], tried: frozenset[Version]
) -> tuple[State, Effect]:
    return Detailing(plan, version, listed, tried), ReadEndpoints(listed[version], version, plan.access)


def _prepare(state: Detailing, endpoints: tuple[Endpoint, ...]) -> tuple[State, Effect]:
    """RS-04: nothing is sent to a peer that lacks what we need."""
    plan = state.plan
    expected = plan.registration.theirs.keys if plan.registration else plan.terms.parties
    missing = missing_modules(plan.required, expected, endpoints)
    if missing:
        return _stop(PeerEndpointsMissingError(f"the peer's version details lack: {', '.join(missing)}"))
    return Asking(plan, state.version, state.listed, state.tried, endpoints), Offer(state.version)


def _unreadable(plan: Plan, error: BrokerError) -> tuple[State, Effect]:
    """A peer that takes the token no more has carried out what was sent with it (F2, F4)."""
    if not isinstance(error, PeerRejectedTokenError):
        return _stop(error, again=plan.outlasts(error) and not isinstance(error, PeerVersionUnsupportedError))
    if plan.sent is not None:
        return _stop(_answer_lost(plan, error, "it took this token before that request"))
    if plan.kind is ExchangeKind.POST and error.cause:
        error.because(f"{error.cause}; is it the one that the peer gave you?")
    return _stop(error)


def _answer_lost(plan: Plan, error: BrokerError, seen: str) -> AnswerLostError:
    """What follows from a refusal after a request whose outcome is not known."""
    method = plan.kind.value
    what = f"the peer seems to have carried out our earlier {method}, whose answer did not reach us or was of no use"
    return AnswerLostError(f"{error}: {what}").after(error).because(seen)


def _refused(state: Asking, error: BrokerError) -> tuple[State, Effect]:
    plan = state.plan
    code = error.code if isinstance(error, PeerRefusedError) else None
    status = error.status if isinstance(error, PeerRefusedError) else None
    if isinstance(error, PeerRejectedTokenError):
        return _unknown_to_peer(plan, error)
    if status in {_METHOD_NOT_ALLOWED, _NOT_IMPLEMENTED}:
        return _not_offered(plan, error)
    if status == _NOT_FOUND and state.unlisted:
        return _lower(state, plan.offers & state.listed.keys()) or _stop(error)
    if status == _NOT_FOUND and error.cause:
        error.because(f"{error.cause}, although its version details name it")
    if code == _UNSUPPORTED_VERSION and _may_choose(plan) and not state.tried:
        older = {version for version in plan.offers & state.listed.keys() if version < state.version}
        return _lower(state, older) or _stop(error)
    return _stop(error, again=_may_pass(error) and plan.outlasts(error))


def _unknown_to_peer(plan: Plan, error: BrokerError) -> tuple[State, Effect]:
    """A5: it knows neither the token nor us, although it has just answered GETs with that token."""
    seen = f"{error.cause or 'it refuses'}, although it has just answered GETs with the same token"
    if plan.sent is not None:
        return _stop(_answer_lost(plan, error, seen))
    return _stop(PeerRejectedTokenError(str(error)).after(error).because(seen))


def _not_offered(plan: Plan, error: BrokerError) -> tuple[State, Effect]:
    """A5, RS-11: 405 is how OCPI says that we are registered already, or not at all. It is not about the token."""
    good = "the token is good, since the peer has just answered GETs with it"
    if plan.kind is not ExchangeKind.POST:
        why = f"{good}; it does not offer PUT, or does not know this connection"
        status = error.status if isinstance(error, PeerRefusedError) else None
        return _stop(PeerRefusedError(str(error), status=status).after(error).because(why))
    seen = f"{good}; it has us registered already, or does not offer POST"
    if plan.sent is not None:
        return _stop(_answer_lost(plan, error, seen))
    return _stop(PeerRejectedTokenError(str(error)).after(error).because(seen))


def _lower(state: Asking, candidates: frozenset[Version] | set[Version]) -> tuple[State, Effect] | None:
    """The newest of other versions, if there is one (RS-10, F22)."""
    if not candidates:
        return None
    return _read(state.plan, max(candidates), state.listed, state.tried | {state.version})


def _may_choose(plan: Plan) -> bool:
    """Whether the version is ours to choose (RS-10)."""
    return plan.kind is ExchangeKind.POST and plan.version is None and plan.sent is None


def _may_pass(error: BrokerError) -> bool:
    """Whether waiting may help: an error of theirs, or nobody was reached; never one of ours (RS-10)."""
    if isinstance(error, PeerRefusedError):
        ours_to_solve = {_UNSUPPORTED_VERSION, _ENDPOINTS_MISSING}
        return (
            error.code in _ERRORS_OF_THEIRS and error.code not in ours_to_solve
        ) or error.status == _TOO_MANY_REQUESTS
    return isinstance(error, PeerUnusableError | OutcomeUnknownError | ExchangeInProgressError)


def _keep(state: Asking, answer: Announcement, offered: Token) -> tuple[State, Effect]:
    """RS-08, RS-09, F12. What is wrong with the parties must not cost us the token: the peer has committed."""
    plan = state.plan
    flaw = _useless(plan, answer.token, offered)
    if flaw is not None:
        error = OutcomeUnknownError(f"{plan.kind.value} credentials: the answer cannot be used: token: {flaw}")
        return _stop(error if answer.token == offered else error.helped_by("token_is_invitation"), again=True)
    known = Known(plan.terms, plan.registration, plan.ours)
    warnings, url = list(answer.warnings), plan.versions_url
    if answer.url is not None and any(t.appears_in(answer.url) for t in (answer.token, offered, plan.access)):
        warnings.append("url: contains a token, and was not taken over")
    elif answer.url is not None and origin(answer.url) == origin(plan.versions_url):
        url = answer.url
    elif answer.url is not None:
        warnings.append("url: is on another host than the versions URL that we were given, and was not taken over")
    longest, quirk = plan.quirks.longest_token, None
    if len(answer.token.reveal()) > longest:
        quirk = "token_max_len"
        warnings.append(f"token: has more than {longest} characters; it was kept (quirk {quirk})")
    judged = accept(answer, known, plan.quirks)
    keep = Keep(
        version=state.version,
        url=url,
        token=answer.token,
        endpoints=state.endpoints,
        parties=judged.parties,
        asked=judged.asked,
        draft=answer.draft,
        warnings=(*warnings, *judged.warnings),
        quirk=judged.quirk or quirk,
    )
    return Kept(replace(plan, versions_url=url, sent=None)), keep


def _useless(plan: Plan, token: Token, offered: Token) -> str | None:
    """Why a token cannot be the one that the peer has generated for us (RS-09)."""
    if token == offered:
        return "is the one that we sent"
    if token == plan.access and plan.kind is ExchangeKind.POST and not plan.quirks.token_is_invitation:
        return "is the one that we registered with"
    return None


def _tried(state: Trying, event: VersionsRead | PeerFailed) -> tuple[State, Effect]:
    """RS-13, F6."""
    if isinstance(event, VersionsRead):
        return Ended(), Swap() if state.spare else Finish(proven=True)
    if not isinstance(event.error, PeerRejectedTokenError):
        if state.plan.spare is not None:
            return _stop(event.error, again=True)
        return Ended(), Finish(f"the new token could not be tried: {event.error.explained}")
    if state.plan.spare is not None and not state.spare:
        return Trying(state.plan, spare=True), ReadVersions(state.plan.versions_url, state.plan.spare)
    return Ended(), Finish(f"the peer does not take the token that it gave: {event.error.explained}")


def _stop(error: BrokerError, *, again: bool = False) -> tuple[State, Effect]:
    return Ended(), Stop(error, again)


def _credentials_url(endpoints: tuple[Endpoint, ...]) -> str:
    url = credentials_url(endpoints)
    if url is None:
        raise PeerEndpointsMissingError("no credentials endpoint of the peer is known")
    return url
