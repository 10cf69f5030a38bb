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

from broker.core.acceptance import TOLD, accept
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
)
from broker.core.required_modules import CREDENTIALS, missing_modules
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
    asked: tuple[PartyKey, ...] = ()
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
    """It is done. warning says what is not as it should be all the same."""

    warning: str | None = None


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
        case Listing(), VersionsRead(urls):
            return _choose(state.plan, urls)
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
            return _stop(error, again=True)
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


def _choose(plan: Plan, listed: Mapping[Version, str]) -> tuple[State, Effect]:
    """RS-02, VL-12; a repeat goes where the first went."""
    wanted = plan.sent or plan.version or plan.current
    if wanted is None:
        mutual = plan.offers & listed.keys()
        if not mutual:
            return _stop(
                PeerVersionUnsupportedError(f"no version in common: {_lists(listed)}, we {_names(plan.offers)}")
            )
        wanted = max(mutual)
    if wanted in listed:
        return _read(plan, wanted, listed, frozenset())
    if wanted == plan.current:
        return Asking(plan, wanted, listed, endpoints=plan.endpoints, unlisted=True), Offer(wanted)
    return _stop(PeerVersionUnsupportedError(f"the peer does not offer {wanted}: {_lists(listed)}"))


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
        return _stop(error, again=not isinstance(error, PeerVersionUnsupportedError))
    if plan.sent is not None:
        return _stop(
            AnswerLostError(f"{error}: the peer has carried out our {plan.kind.value}, and its answer is lost")
        )
    return _stop(error)


def _refused(state: Asking, error: BrokerError) -> tuple[State, Effect]:
    plan = state.plan
    code = error.code if isinstance(error, PeerRefusedError) else None
    status = error.status if isinstance(error, PeerRefusedError) else None
    if isinstance(error, PeerRejectedTokenError) or status == _METHOD_NOT_ALLOWED:
        return _unknown_to_peer(plan, error)
    if status == _NOT_FOUND and state.unlisted:
        return _lower(state, plan.offers & state.listed.keys()) or _stop(error)
    if code == _UNSUPPORTED_VERSION and _may_choose(plan) and not state.tried:
        older = {version for version in plan.offers & state.listed.keys() if version < state.version}
        return _lower(state, older) or _stop(error)
    return _stop(error, again=_may_pass(error))


def _unknown_to_peer(plan: Plan, error: BrokerError) -> tuple[State, Effect]:
    """A5, RS-11: POST to a peer that has us registered, or PUT to one that has not."""
    if plan.sent is not None:
        return _stop(
            AnswerLostError(f"{error}: the peer has carried out our {plan.kind.value}, and its answer is lost")
        )
    if plan.kind is ExchangeKind.POST and isinstance(error, PeerRejectedTokenError):
        return _stop(error)
    if plan.kind is ExchangeKind.POST:
        return _stop(PeerRejectedTokenError(f"{error}: the peer holds that we are registered already"))
    return _stop(PeerRejectedTokenError(f"{error}: the peer does not know our registration"))


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
        return _stop(
            OutcomeUnknownError(f"{plan.kind.value} credentials: the answer cannot be used: token: {flaw}"), again=True
        )
    known = Known(plan.terms, plan.registration, plan.ours)
    warnings, url = list(answer.warnings), plan.versions_url
    if answer.url is not None and any(t.appears_in(answer.url) for t in (answer.token, offered, plan.access)):
        warnings.append("url: contains a token, and was not taken over")
    elif answer.url is not None and origin(answer.url) == origin(plan.versions_url):
        url = answer.url
    elif answer.url is not None:
        warnings.append("url: is on another host than the versions URL that we were given, and was not taken over")
    judged = accept(answer, known, plan.quirks, plan.versions_url)
    keep = Keep(
        version=state.version,
        url=url,
        token=answer.token,
        endpoints=state.endpoints,
        parties=judged.parties,
        asked=judged.asked,
        draft=answer.draft,
        warnings=(*warnings, *judged.warnings),
        quirk=judged.quirk,
    )
    return Kept(replace(plan, versions_url=url, sent=None)), keep


def _useless(plan: Plan, token: Token, offered: Token) -> str | None:
    """Why a token cannot be the one that the peer has generated for us (RS-09)."""
    if token == offered:
        return "is the one that we sent"
    if token == plan.access and plan.kind is ExchangeKind.POST:
        return "is the one that we registered with"
    if len(token.reveal()) > plan.quirks.longest_token:
        return f"must have at most {plan.quirks.longest_token} characters"
    return None


def _tried(state: Trying, event: VersionsRead | PeerFailed) -> tuple[State, Effect]:
    """RS-13, F6."""
    if isinstance(event, VersionsRead):
        return Ended(), Swap() if state.spare else Finish()
    if not isinstance(event.error, PeerRejectedTokenError):
        if state.plan.spare is not None:
            return _stop(event.error, again=True)
        return Ended(), Finish(f"the new token could not be tried: {event.error}")
    if state.plan.spare is not None and not state.spare:
        return Trying(state.plan, spare=True), ReadVersions(state.plan.versions_url, state.plan.spare)
    return Ended(), Finish(f"the peer does not take the token that it gave: {event.error}")


def _stop(error: BrokerError, *, again: bool = False) -> tuple[State, Effect]:
    return Ended(), Stop(error, again)


def _credentials_url(endpoints: tuple[Endpoint, ...]) -> str:
    """There is one in all details that were read (VD-05), but not in every peer that was imported."""
    for endpoint in endpoints:
        if endpoint.module == CREDENTIALS:
            return endpoint.url
    raise PeerEndpointsMissingError("no credentials endpoint of the peer is known")


def _lists(listed: Mapping[Version, str]) -> str:
    return f"it lists {_names(listed)}"


def _names(versions: Mapping[Version, str] | frozenset[Version]) -> str:
    """The newest of them: a peer may list thousands."""
    newest = [str(version) for version in sorted(versions)][-TOLD:]
    more = [f"and {len(versions) - TOLD} older ones"] if len(versions) > TOLD else []
    return ", ".join([*newest, *more]) or "nothing"
