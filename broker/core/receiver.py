"""The Receiver's side of the handshake as a pure function: step(state, event) -> (state, effect).

Rule 1: what may follow what is decided here and nowhere else (docs/decisions.md, the decision table).
Rule 2: nothing here waits, reads a clock, draws a random number or logs.
Rule 3: a failed exchange leaves the state that stood before it.

OCPI's names: the invitation is CREDENTIALS_TOKEN_A; the token in the peer's body is TOKEN_B, which we then hold; the
token we issue in the answer is TOKEN_C. After a PUT from the other side B and C swap places, so they are not used here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from broker.core.announcements import Known, completed, echoes, renamed
from broker.core.model import (
    Announcement,
    Credentials,
    Endpoint,
    Party,
    PartyKey,
    Registration,
    RequiredModule,
    Role,
    Terms,
    Token,
    Version,
    origin,
)
from broker.core.quirks import NO_QUIRKS, Quirks
from broker.core.required_modules import missing_modules
from broker.errors import (
    AlreadyRegisteredError,
    BrokerError,
    CredentialsInvalidError,
    ExchangeInProgressError,
    NotRegisteredError,
    PartyNotAllowedError,
    PartyNotApprovedError,
    PeerEndpointsMissingError,
    PeerVersionUnsupportedError,
)

MISSING_IDS = "X-Request-ID, X-Correlation-ID: at least one is missing; OCPI 2.2 and later require both"
"""The warning about a request without message ids (ID-01, ID-03, ID-07)."""


MOST_REQUESTED = 100
"""Parties that can wait for approval; an operator has to look at each."""
TOLD: Final = 20
"""Entries of a peer's list that one message names."""


class Presented(Enum):
    """Which issued token the peer showed (docs/concepts.md, life of a token)."""

    INVITATION = "invitation"
    SPENT_INVITATION = "spent invitation"
    """Used with success, kept for a repeat until the token issued then is first used (F3)."""
    CURRENT = "current"
    REPLACED = "replaced"
    """Rotated away by a PUT, kept until the new one is first used (F4)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the tenant and its operators have decided, for this peer."""

    ours: frozenset[PartyKey] = frozenset()
    """The tenant's own parties, which no peer may have."""
    required: tuple[RequiredModule, ...] = ()
    versions: frozenset[Version] | None = None
    """What the peer may switch to; None stands for every version (F22)."""
    may_downgrade: bool = False
    exact: bool = False
    """Only parties that the invitation names count, not its patterns (A19)."""
    approval: bool = False
    """Parties beyond the invitation wait for an operator instead of being refused (A19)."""
    strict: bool = False
    quirks: Quirks = NO_QUIRKS


NO_RULES: Final = Rules()


@dataclass(frozen=True, slots=True)
class Standing:
    """What is stored of a peer when an exchange begins."""

    terms: Terms
    presented: Presented
    registration: Registration | None = None
    answered_at: int = 0
    """When the last successful exchange was committed, in microseconds."""
    newest_version: Version | None = None
    """Newest version ever registered: no silent way back below it (A34)."""
    held_elsewhere: frozenset[PartyKey] = frozenset()
    """Parties that other peers of the tenant hold (PR-02)."""
    waiting: frozenset[PartyKey] = frozenset()
    """Parties that it has announced, and that others held then."""
    rules: Rules = NO_RULES


@dataclass(frozen=True, slots=True)
class Verifying:
    """The peer's own API is being read; only in memory, for the length of one call."""

    before: Standing
    version: Version
    theirs: Credentials
    draft: bool = False
    left_out: tuple[Party, ...] = ()
    details_url: str | None = None
    """None while the version list is being read, then where the details are."""


@dataclass(frozen=True, slots=True)
class Established:
    """The exchange is decided; what follows is one commit. left_out are parties of a hub that others hold."""

    registration: Registration
    left_out: tuple[Party, ...] = ()


@dataclass(frozen=True, slots=True)
class Dissolved:
    """The registration is over."""


State = Standing | Verifying | Established | Dissolved


@dataclass(frozen=True, slots=True)
class Posted:
    """POST credentials arrived at this time (microseconds); an unreadable body is the refusal it would cause."""

    version: Version
    body: Announcement | BrokerError
    arrived: int


@dataclass(frozen=True, slots=True)
class Put:
    """PUT credentials, likewise."""

    version: Version
    body: Announcement | BrokerError
    arrived: int


@dataclass(frozen=True, slots=True)
class Deleted:
    """DELETE credentials."""


@dataclass(frozen=True, slots=True)
class VersionsRead:
    """The peer's version list (RR-05). unknown are the entries that are no version number, such as 2.1.1-d2."""

    urls: Mapping[Version, str]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EndpointsRead:
    """The peer's version details (RR-05)."""

    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class PeerFailed:
    """The peer's API could not be read (RR-08)."""

    error: BrokerError


Event = Posted | Put | Deleted | VersionsRead | EndpointsRead | PeerFailed


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with this; nothing changes."""

    error: BrokerError


@dataclass(frozen=True, slots=True)
class ReadVersions:
    """GET the peer's version list with the token it sent (RR-06)."""

    url: str
    token: Token = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReadEndpoints:
    """GET the peer's details of one version: that of the endpoint used (RR-04), or the one we have chosen (RS-03)."""

    url: str
    version: Version
    token: Token = field(repr=False)


@dataclass(frozen=True, slots=True)
class Establish:
    """Commit the registration and issue a new token, both in one transaction (RR-16)."""

    registration: Registration
    left_out: tuple[Party, ...] = ()


@dataclass(frozen=True, slots=True)
class Dissolve:
    """Revoke what we issued, drop what we hold (UN-02)."""


Effect = Refuse | ReadVersions | ReadEndpoints | Establish | Dissolve


class IllegalTransitionError(Exception):
    """The loop around step() is wrong: a defect, never a peer's fault."""


def step(state: State, event: Event) -> tuple[State, Effect]:
    """What follows. Raises IllegalTransitionError for an event that cannot happen in this state."""
    match state, event:
        case Standing(), Posted():
            return _begin(state, event, _refuse_post(state, event))
        case Standing(), Put():
            return _begin(state, event, _refuse_put(state, event))
        case Standing(), Deleted():
            return _delete(state)
        case Verifying(details_url=None), VersionsRead():
            return _choose(state, event)
        case Verifying(details_url=str()), EndpointsRead():
            return _conclude(state, event)
        case Verifying(), PeerFailed():
            return state.before, Refuse(event.error)
    raise IllegalTransitionError(f"{type(event).__name__} while {type(state).__name__}")


def _begin(state: Standing, event: Posted | Put, refusal: BrokerError | None) -> tuple[State, Effect]:
    """State decides before the body is looked at, the body before the peer is called (decision table, rows 5 to 13)."""
    if refusal is not None:
        return state, Refuse(refusal)
    body = event.body
    if isinstance(body, BrokerError):
        return state, Refuse(body)
    try:
        theirs = _understood(state, body)
    except BrokerError as error:
        return state, Refuse(error)
    paths = _paths(body, theirs)
    theirs, left_out = _without_those_of_others(state, theirs)
    refusal = (
        _refuse_origin(state, theirs)
        or _refuse_parties(state, {party.key: paths[party.key] for party in theirs.parties})
        or _refuse_version(state, event.version)
    )
    if refusal is not None:
        return state, Refuse(refusal)
    return Verifying(state, event.version, theirs, body.draft, left_out), ReadVersions(theirs.url, theirs.token)


def _without_those_of_others(state: Standing, theirs: Credentials) -> tuple[Credentials, tuple[Party, ...]]:
    """A hub names the parties that it reaches, and some of them may be connected to us directly (CO-37): those stay
    where they are. Anybody else may only name parties of its own.
    """
    own = {key for key in theirs.keys if key.role is Role.HUB and key not in state.held_elsewhere}
    taken = tuple(
        party for party in theirs.parties if party.key in state.held_elsewhere and party.key.role is not Role.HUB
    )
    if not own or not taken:
        return theirs, ()
    return replace(theirs, parties=tuple(party for party in theirs.parties if party not in taken)), taken


def announced(state: Standing, event: Event) -> frozenset[PartyKey]:
    """The parties that an exchange would register; none if its body cannot be understood."""
    if not isinstance(event, Posted | Put) or isinstance(event.body, BrokerError):
        return frozenset()
    try:
        return _understood(state, event.body).keys
    except BrokerError:
        return frozenset()


def _understood(state: Standing, body: Announcement) -> Credentials:
    """What the peer means by what it wrote. Raises the refusal (row 11)."""
    rules = state.rules
    if rules.strict and body.warnings:
        refusal = CredentialsInvalidError(body.warnings[0])
        raise refusal.helped_by("missing_ids") if body.warnings[0] == MISSING_IDS else refusal
    if len(body.token.reveal()) > rules.quirks.longest_token:
        complaint = CredentialsInvalidError(f"token: must have at most {rules.quirks.longest_token} characters")
        raise complaint.helped_by("token_max_len")
    known = Known(state.terms, state.registration, rules.ours)
    theirs = completed(body, known)
    if not echoes(zip(body.parties, (party.key for party in theirs.parties), strict=True), known):
        return theirs
    path = body.parties[0].path
    if rules.quirks.echoes_our_roles:
        return replace(theirs, parties=renamed(theirs.parties[0].details, known, path))
    raise PartyNotAllowedError(f"{path}: is one of our own parties; name yours").helped_by("echoes_our_roles")


def _refuse_post(state: Standing, event: Posted) -> BrokerError | None:
    """RR-12, A42; and F3: after a lost answer the invitation may be used again for the very same registration."""
    if state.presented is Presented.INVITATION:
        return None
    if state.presented is Presented.SPENT_INVITATION and _repeats(state, event):
        return None
    return AlreadyRegisteredError("already registered: use PUT to update the registration")


def _repeats(state: Standing, event: Posted) -> bool:
    """Whether this POST repeats the committed one: arrived after its answer, same origin, same parties (F3).

    A POST that arrived before that answer is a duplicate instead, and must not revoke the token just given (F5).
    """
    if state.registration is None or event.arrived <= state.answered_at or isinstance(event.body, BrokerError):
        return False
    try:
        body = _understood(state, event.body)
    except BrokerError:
        return False
    committed = state.registration.theirs
    same = body.keys - state.waiting == committed.keys - state.waiting
    return same and origin(body.url) == origin(committed.url)


def _refuse_put(state: Standing, event: Put) -> BrokerError | None:
    """UR-02; and F5: a PUT that waited while another succeeded is a duplicate."""
    if state.presented in (Presented.INVITATION, Presented.SPENT_INVITATION):
        return NotRegisteredError("not registered: use POST to register")
    if event.arrived <= state.answered_at:
        return ExchangeInProgressError("another exchange of this connection ended while this one waited; try again")
    return None


def _refuse_origin(state: Standing, theirs: Credentials) -> BrokerError | None:
    """An invitation may pin the host; later exchanges stay on the registered one (F9: a thief must not move us)."""
    registered_url = state.registration.theirs.url if state.registration else None
    allowed = {origin(url) for url in (state.terms.versions_url, registered_url) if url}
    if not allowed or origin(theirs.url) in allowed:
        return None
    return CredentialsInvalidError("url: is not on the host that was agreed for this connection")


def _paths(body: Announcement, theirs: Credentials) -> dict[PartyKey, str]:
    """Where each party stands in the body; those that the invitation put there stand where the first is."""
    written = [party.path for party in body.parties]
    keys = [party.key for party in theirs.parties]
    written += written[:1] * (len(keys) - len(written))
    return dict(zip(keys, written, strict=False))


def _refuse_parties(state: Standing, paths: Mapping[PartyKey, str]) -> BrokerError | None:
    """RR-17, UR-14, PR-02; a repeat with a replaced token may not add parties (F4)."""
    registered = _registered_keys(state)
    for key, path in paths.items():
        if key in state.rules.ours:
            return PartyNotAllowedError(f"{path}: {key} is one of our own parties")
        if key in state.held_elsewhere:
            return PartyNotAllowedError(f"{path}: {key} belongs to another connection")
        if state.presented is Presented.REPLACED and key not in registered:
            return PartyNotAllowedError(f"{path}: {key} cannot be added with a replaced token")
    return _refuse_uncovered(state, paths)


def _refuse_uncovered(state: Standing, paths: Mapping[PartyKey, str]) -> BrokerError | None:
    strangers = uncovered(state, paths)
    if not strangers:
        return None
    where = f"{paths[strangers[0]]}: {strangers[0]}"
    if state.rules.approval and len(strangers) <= MOST_REQUESTED:
        return PartyNotApprovedError(f"{where} waits for approval by an operator here; try again after it")
    return PartyNotAllowedError(f"{where} is not covered by the invitation")


def uncovered(state: Standing, keys: Iterable[PartyKey]) -> list[PartyKey]:
    """Those that the invitation does not allow. A stricter policy binds what is added, not what is there (UR-14)."""
    covers, covered = state.terms.coverage(exact=state.rules.exact), state.terms.coverage()
    registered = _registered_keys(state)
    return [key for key in keys if not covers(key) and not (key in registered and covered(key))]


def _registered_keys(state: Standing) -> frozenset[PartyKey]:
    return state.registration.theirs.keys if state.registration else frozenset()


def _refuse_version(state: Standing, version: Version) -> BrokerError | None:
    """F22, A34: the version must be open to this peer; and no downgrade goes unseen, but the one in use goes on."""
    rules = state.rules
    if rules.versions is not None and version not in rules.versions:
        return PeerVersionUnsupportedError(f"OCPI {version} is not open to this connection")
    if state.registration is not None and state.registration.version == version:
        return None
    if state.newest_version is not None and version < state.newest_version and not rules.may_downgrade:
        return PeerVersionUnsupportedError(
            f"this connection has used OCPI {state.newest_version}; going back to {version} must be unlocked first"
        )
    return None


def _delete(state: Standing) -> tuple[State, Effect]:
    if state.presented in (Presented.CURRENT, Presented.REPLACED):
        return Dissolved(), Dissolve()
    return state, Refuse(NotRegisteredError("not registered: there is nothing to unregister"))


def _choose(state: Verifying, event: VersionsRead) -> tuple[State, Effect]:
    """Exactly the version of the endpoint used (RR-04, RR-09)."""
    url = event.urls.get(state.version)
    if url is None:
        refusal = PeerVersionUnsupportedError(f"your version list does not offer {state.version}")
        return state.before, Refuse(refusal.because(lists(event)))
    return replace(state, details_url=url), ReadEndpoints(url, state.version, state.theirs.token)


def lists(event: VersionsRead) -> str:
    """What a peer lists, in words: the newest versions, since it may list thousands, and what is no version."""
    newest = [str(version) for version in sorted(event.urls)][-TOLD:]
    more = [f"and {len(event.urls) - TOLD} older ones"] if len(event.urls) > TOLD else []
    known = f"it lists {', '.join([*newest, *more])}" if newest else ""
    if not event.unknown:
        return known or "it lists nothing"
    which = "is no version number" if len(event.unknown) == 1 else "are no version numbers"
    unknown = f"{', '.join(event.unknown)}, which {which} that we know"
    return f"{known}; and {unknown}" if known else f"it lists {unknown}"


def _conclude(state: Verifying, event: EndpointsRead) -> tuple[State, Effect]:
    missing = missing_modules(state.before.rules.required, state.theirs.keys, event.endpoints)
    if missing:
        listed = ", ".join(missing)
        return state.before, Refuse(PeerEndpointsMissingError(f"your version details lack: {listed}"))
    registration = Registration(state.version, state.theirs, event.endpoints, state.draft)
    return Established(registration, state.left_out), Establish(registration, state.left_out)
