"""A peer as it is stored: its states, and the life of issued tokens: replaced, confirmed by first use, revoked.

Times are microseconds since 1970. At most one issued token is active, at most one is retiring, and at most one is
provisional, which there is room for only while none is retiring; a few may be resent, until the one that was given
first is used, or their window is over. There is never none for a registered peer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from broker.core.job import Job
from broker.core.lifecycle import USUAL, Care
from broker.core.model import Endpoint, HeaderForm, Party, PartyKey, Sealed, Style, Tenant, Terms, Version
from broker.core.quirks import NO_QUIRKS, Quirks
from broker.core.receiver import Presented

MOST_RESENT: Final = 8
"""Tokens given to repeats that wait for their first use: then there is no further one."""


class PeerState(Enum):
    INVITED = "INVITED"
    CONNECTING = "CONNECTING"
    """We are registering with it."""
    REGISTERED = "REGISTERED"
    UNREGISTERED = "UNREGISTERED"

    @property
    def word(self) -> str:
        """As it is said in sentences, and typed in commands."""
        return self.value.lower()


class Purpose(Enum):
    """What an issued token is for. An invitation opens versions and credentials only (AU-09, AU-10)."""

    INVITATION = "INVITATION"
    MAIN = "MAIN"


class TokenState(Enum):
    PROVISIONAL = "PROVISIONAL"
    """Offered in a request of ours whose success is not known (RS-06, UR-11)."""
    ACTIVE = "ACTIVE"
    RETIRING = "RETIRING"
    """Replaced, and kept until its successor is first used or its time is over (F3, F4)."""
    RESENT = "RESENT"
    """Given in answer to a repeat, beside the one that was given first: whoever repeats may be a thief, and must not
    end what is newer than what he shows. It ends when the one that was given first is used."""
    REVOKED = "REVOKED"


class Rejection(Enum):
    """Why a token does not work. Peers are never told which (F19)."""

    MALFORMED = "MALFORMED"
    UNKNOWN = "UNKNOWN"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"
    BLOCKED = "BLOCKED"
    HEADER_FORM = "HEADER_FORM"
    REGISTRATION_ONLY = "REGISTRATION_ONLY"


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """What is known of a token that we generated."""

    lookup_id: str
    pepper_id: str
    digest: bytes
    purpose: Purpose
    state: TokenState
    created_at: int
    not_after: int | None = None
    first_used_at: int | None = None
    reused_at: int | None = None
    """First use after it was replaced: the peer may never have got the successor. It is noted once more when it is used
    after its time: the peer goes on with it. Of a revoked one, the first use since: the peer has gone back to it (F18).
    """
    received_at: int | None = None
    """First use while it was provisional or resent, or when it was imported: the peer has it, whether it keeps it or
    not.
    """
    repeat_of: str | None = None
    """Of one that a repeat was given, the lookup id of the token that was shown."""
    weak: bool = False
    """It was imported, and is easier to guess than one of ours."""
    kept: Sealed | None = None
    """The text of one that was imported, until it is replaced: who leaves takes it along. Of ours there is none."""

    def __repr__(self) -> str:
        return f"IssuedToken({self.lookup_id!r}, {self.purpose.value}, {self.state.value})"

    @property
    def presented(self) -> Presented:
        retiring = self.is_of_a_repeat
        if self.purpose is Purpose.INVITATION:
            return Presented.SPENT_INVITATION if retiring else Presented.INVITATION
        return Presented.REPLACED if retiring else Presented.CURRENT

    @property
    def is_of_a_repeat(self) -> bool:
        """Whether it was replaced, or given to somebody who has shown one that was: that may be a thief (F11)."""
        return self.state in (TokenState.RETIRING, TokenState.RESENT)

    @property
    def is_in_use(self) -> bool:
        """Whether the peer, or somebody else, has shown it since it was given."""
        return (self.received_at if self.state is TokenState.RESENT else self.first_used_at) is not None

    @property
    def goes_on(self) -> bool:
        """Whether it was used after the time that it had left (F4)."""
        return self.reused_at is not None and self.not_after is not None and self.reused_at >= self.not_after

    def is_notable(self, now: int) -> bool:
        """Whether using it now changes something: it confirms an exchange, or shows that its answer was lost."""
        if self.purpose is not Purpose.MAIN:
            return False
        match self.state:
            case TokenState.PROVISIONAL:
                return self.received_at is None
            case TokenState.RESENT:
                return self.received_at is None
            case TokenState.ACTIVE:
                return self.first_used_at is None
            case TokenState.RETIRING if self.not_after is not None and now >= self.not_after:
                return not self.goes_on
        return self.reused_at is None


@dataclass(frozen=True, slots=True)
class HeldToken:
    """A token that the peer generated for us, and the form of header in which it takes it (A1)."""

    sealed: Sealed
    created_at: int
    form: HeaderForm | None = None
    proven: bool = True
    """Whether it has worked once."""
    finding: str | None = None
    """What was observed when an unproven one was tried last."""
    tries: int = 0
    next_try_at: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that was observed and stays worth an operator's look until it is settled.

    Its time stands in `at` alone, so that the same observation is recognised when it is made again.
    """

    id: str
    message: str
    at: int


@dataclass(frozen=True, slots=True)
class Peer:
    """A remote platform as one tenant knows it."""

    uid: str
    tenant: str
    id: str
    state: PeerState
    blocked: bool
    terms: Terms
    revision: int
    created_at: int
    updated_at: int
    version: Version | None = None
    newest_version: Version | None = None
    versions_url: str | None = None
    draft: bool = False
    form_in: HeaderForm | None = None
    """The form in which the peer showed its token last."""
    quirks: Quirks = NO_QUIRKS
    versions: tuple[Version, ...] = ()
    """Those of the tenant's versions that are offered to it; empty stands for all."""
    may_downgrade: bool = False
    requested: tuple[PartyKey, ...] = ()
    """Parties that it asked for in vain and that wait for approval."""
    announced: tuple[Party, ...] = ()
    """Those of them that an exchange has named that succeeded: its own as soon as they are approved and free."""
    notices: tuple[Notice, ...] = ()
    answered_at: int = 0
    registered_at: int | None = None
    parties: tuple[Party, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    issued: tuple[IssuedToken, ...] = ()
    held: HeldToken | None = None
    """What services get: the proven one, or the only one."""
    unproven: HeldToken | None = None
    """What its last exchange has brought and has not worked yet; held itself where nothing else is."""
    of_repeat: HeldToken | None = None
    """The same of a repeat of that exchange, which may come from somebody else (F11); beside a proven one only."""
    job: Job | None = None
    used_access: bytes | None = None
    """Keyed hash of the invitation of the peer with which we have registered last."""
    care: Care = USUAL

    @property
    def name(self) -> str:
        return f"tenants/{self.tenant}/peers/{self.id}"

    @property
    def where(self) -> dict[str, str]:
        """Which partner it is, as every log event says it."""
        return {"tenant": self.tenant, "peer": self.id}

    @property
    def style(self) -> Style:
        return Style(self.draft, bool(self.quirks.explicit_nulls))

    @property
    def form_out(self) -> HeaderForm | None:
        """The form in which it takes the token that services get."""
        return self.held.form if self.held else None

    @property
    def to_be_tried(self) -> tuple[HeldToken, ...]:
        """The tokens that have not worked yet."""
        return tuple(token for token in (self.unproven, self.of_repeat) if token is not None)

    @property
    def newest_held(self) -> HeldToken | None:
        """What an exchange has brought last."""
        return self.of_repeat or self.unproven or self.held

    @property
    def unconfirmed(self) -> bool:
        """Whether no token given in the last exchange, or in a repeat of it, has been seen yet."""
        active = self.token(TokenState.ACTIVE)
        if active is None or active.purpose is not Purpose.MAIN:
            return False
        resent = (token.received_at for token in self.issued if token.state is TokenState.RESENT)
        return active.first_used_at is None and active.received_at is None and not any(resent)

    @property
    def quarantined(self) -> bool:
        """Registered by us, and without a party that it may have: nothing functional is open to it (RS-09)."""
        return self.state is PeerState.REGISTERED and not self.parties

    def token(self, state: TokenState) -> IssuedToken | None:
        """The issued token in this state, of which there is one at most; not for resent and revoked ones."""
        return next((token for token in self.issued if token.state is state), None)

    @property
    def invitation(self) -> IssuedToken | None:
        """The invitation that may still be used, whatever its age."""
        return next((t for t in self.issued if t.purpose is Purpose.INVITATION and t.state is TokenState.ACTIVE), None)


def reject(peer: Peer, token: IssuedToken, now: int) -> Rejection | None:
    """Why this token of this peer does not work now; None if it does.

    A replaced token that the peer went on using is never cut off by time alone: it may be the only one it has (F4).
    """
    if token.state is TokenState.REVOKED:
        return Rejection.REVOKED
    if peer.blocked:
        return Rejection.BLOCKED
    return Rejection.EXPIRED if has_expired(token, now) else None


def has_expired(token: IssuedToken, now: int) -> bool:
    over = token.not_after is not None and now >= token.not_after
    if token.state is TokenState.RESENT:
        return over and token.received_at is None
    return over and (
        token.state is not TokenState.RETIRING or token.purpose is Purpose.INVITATION or not token.reused_at
    )


def opens_modules(peer: Peer, token: IssuedToken) -> bool:
    """Whether it opens functional modules, besides versions and credentials (AU-09, RS-06, RS-09)."""
    return token.purpose is Purpose.MAIN and peer.state is PeerState.REGISTERED and not peer.quarantined


@dataclass(frozen=True, slots=True)
class Room:
    """What has to go so that another token can be offered. restored becomes the active one again."""

    revoked: tuple[str, ...] = ()
    restored: str | None = None


def room(issued: Iterable[IssuedToken], now: int, *, anew: bool = False) -> Room | None:
    """How a further token can be offered without a third that works; None while it is not known which one the peer has.

    A replaced token goes once the peer has shown its successor, also while that was provisional, unless it has used the
    old one since: that may have been under way, until the window is over. A peer that goes on with the old one after
    that, or has never shown the successor, does not use the successor, and that goes (F4). With anew the peer has
    invited us once more: it may have forgotten both and never show either. One goes at once, not the one it has used.
    """
    live = [token for token in issued if token.state is not TokenState.REVOKED]
    resent = [token for token in live if token.state is TokenState.RESENT]
    if resent:
        return _room_beside_resent(live, resent, now, anew=anew)
    return _room_beside({token.state: token for token in live}, now, anew=anew)


def _room_beside(tokens: Mapping[TokenState, IssuedToken], now: int, *, anew: bool) -> Room | None:
    old, new = tokens.get(TokenState.RETIRING), tokens.get(TokenState.ACTIVE)
    if old is None:
        return Room()
    without_old = Room(revoked=(old.lookup_id,))
    if new is not None and new.first_used_at:
        return without_old
    over = anew or (old.not_after is not None and now >= old.not_after)
    received = new is not None and new.received_at is not None
    if old.reused_at is None:
        return without_old if over or received else None
    if not over:
        return None
    if received and not old.goes_on:
        return without_old
    return Room(revoked=(new.lookup_id,) if new else (), restored=old.lookup_id)


def _room_beside_resent(
    live: Sequence[IssuedToken], resent: Sequence[IssuedToken], now: int, *, anew: bool
) -> Room | None:
    """While the window is open, any of them may be what the peer has; then it is the newest that it has used."""
    if not anew and any(token.not_after is not None and now < token.not_after for token in resent):
        return None
    received = [token for token in resent if token.received_at is not None]
    stays = received[-1] if received else next((t for t in live if t.state is TokenState.ACTIVE), None)
    others = tuple(t.lookup_id for t in live if t is not stays and t.state is not TokenState.PROVISIONAL)
    return Room(revoked=others, restored=stays.lookup_id if stays in received else None)


@dataclass(frozen=True, slots=True)
class Succession:
    """What becomes of the tokens a peer has when a new one is issued to it."""

    revoke: tuple[str, ...]
    retire: str | None
    not_after: int
    promote: str | None = None
    """The token that is offered in a request of ours at the same time: it is given in this answer, too (F6)."""
    repeat_of: str | None = None
    """It is given to a repeat that has shown this one, and stands beside the one that was given first."""


def succeed(
    issued: Iterable[IssuedToken], shown: str, now: int, window: int, *, promote: str | None = None
) -> Succession:
    """The token shown in the exchange stays for a repeat, unless the window (microseconds) is zero; the rest goes.

    A repeat of PUT ends nothing that is newer than the token that it shows, also after the window: it may come from
    somebody who has stolen that one (F4, F11). A repeat of POST ends the token never seen (F3).
    """
    live = {token.lookup_id: token for token in issued if token.state is not TokenState.REVOKED}
    if shown in live and live[shown].is_of_a_repeat and live[shown].purpose is Purpose.MAIN:
        return Succession((), None, _until(live[shown], now, window), repeat_of=shown)
    keep = window > 0 and shown in live
    revoke = tuple(sorted(lookup for lookup in live if not (keep and lookup == shown) and lookup != promote))
    already = keep and live[shown].state is TokenState.RETIRING and live[shown].purpose is Purpose.INVITATION
    return Succession(revoke, shown if keep and not already else None, now + window, promote)


def _until(shown: IssuedToken, now: int, window: int) -> int:
    """How long a token of a repeat waits: as long as the one that was shown, or for a window of its own."""
    open_ = shown.not_after is not None and now < shown.not_after
    return shown.not_after if open_ and shown.not_after is not None else now + window


def repeats_too_often(issued: Iterable[IssuedToken], now: int) -> bool:
    """Whether so many tokens that repeats were given wait for their first use that no further one is given."""
    waiting = (token for token in issued if token.state is TokenState.RESENT and not token.is_in_use)
    return sum(not has_expired(token, now) for token in waiting) >= MOST_RESENT


def crossing(job: Job, issued: Iterable[IssuedToken], shown: str, now: int) -> str | None:
    """The token that our own request offers to the peer at this moment, if it has not shown that itself (F6)."""
    for token in issued:
        if token.lookup_id == job.offered_lookup_id != shown and token.state is TokenState.PROVISIONAL:
            return None if has_expired(token, now) else token.lookup_id
    return None


def is_overtaken(job: Job, now: int) -> bool:
    """Whether an exchange of the peer that succeeds makes the job needless: tokens were exchanged just now.

    One that runs goes on, because the peer may take its answer for the later one (F6); so does one that has more in
    view than tokens.
    """
    return job.is_for_tokens and (job.confirming or not job.is_running(now))


def offered(tenant: Tenant, peer: Peer) -> tuple[Version, ...]:
    """The versions that the peer is shown: the tenant's, unless an operator has closed some to it (VL-09)."""
    return tuple(version for version in tenant.versions if version in (peer.versions or tenant.versions))


def usable(tenant: Tenant, peer: Peer) -> tuple[Version, ...]:
    """The same, and the one that it uses although the tenant has withdrawn it (F22)."""
    in_use = peer.version if peer.state is PeerState.REGISTERED else None
    if in_use is None or in_use in tenant.versions:
        return offered(tenant, peer)
    return (*offered(tenant, peer), in_use)
