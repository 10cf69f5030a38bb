"""A peer as it is stored, and the life of the tokens we issued to it (docs/concepts.md, life of a token).

Times are microseconds since 1970. At most one issued token is active and at most one is retiring: never more than two
that work, and never none for a registered peer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from broker.core.handshake import Presented
from broker.core.model import Endpoint, HeaderForm, Party, PartyKey, Sealed, Style, Tenant, Terms, Version
from broker.core.quirks import NO_QUIRKS, Quirks


class PeerState(Enum):
    INVITED = "INVITED"
    REGISTERED = "REGISTERED"
    UNREGISTERED = "UNREGISTERED"


class Purpose(Enum):
    """What an issued token is for. An invitation opens versions and credentials only (AU-09, AU-10)."""

    INVITATION = "INVITATION"
    MAIN = "MAIN"


class TokenState(Enum):
    ACTIVE = "ACTIVE"
    RETIRING = "RETIRING"
    """Replaced, and kept until its successor is first used or its time is over (F3, F4)."""
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
    """First use after it was replaced: the peer may never have got the successor."""

    def __repr__(self) -> str:
        return f"IssuedToken({self.lookup_id!r}, {self.purpose.value}, {self.state.value})"

    @property
    def presented(self) -> Presented:
        retiring = self.state is TokenState.RETIRING
        if self.purpose is Purpose.INVITATION:
            return Presented.SPENT_INVITATION if retiring else Presented.INVITATION
        return Presented.REPLACED if retiring else Presented.CURRENT

    @property
    def notable(self) -> bool:
        """Whether using it now changes something: it confirms an exchange, or shows that its answer was lost."""
        if self.purpose is not Purpose.MAIN:
            return False
        seen = self.first_used_at if self.state is TokenState.ACTIVE else self.reused_at
        return seen is None


@dataclass(frozen=True, slots=True)
class HeldToken:
    """The token that the peer generated for us."""

    sealed: Sealed
    created_at: int


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
    form_out: HeaderForm | None = None
    """The form in which it took ours last."""
    quirks: Quirks = NO_QUIRKS
    versions: tuple[Version, ...] = ()
    """Those of the tenant's versions that are offered to it; empty stands for all."""
    may_downgrade: bool = False
    requested: tuple[PartyKey, ...] = ()
    """Parties that it asked for in vain and that wait for approval."""
    answered_at: int = 0
    registered_at: int | None = None
    parties: tuple[Party, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    issued: tuple[IssuedToken, ...] = ()
    held: HeldToken | None = None

    @property
    def name(self) -> str:
        return f"tenants/{self.tenant}/peers/{self.id}"

    @property
    def style(self) -> Style:
        return Style(self.draft, bool(self.quirks.explicit_nulls))

    @property
    def unconfirmed(self) -> bool:
        """Whether the token given in the last exchange has not been seen yet."""
        return any(token.state is TokenState.ACTIVE and token.notable for token in self.issued)

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
    expired = token.not_after is not None and now >= token.not_after
    if expired and (token.purpose is Purpose.INVITATION or token.reused_at is None):
        return Rejection.EXPIRED
    return None


@dataclass(frozen=True, slots=True)
class Succession:
    """What becomes of the tokens a peer has when a new one is issued to it."""

    revoke: tuple[str, ...]
    retire: str | None
    not_after: int


def succeed(issued: Iterable[IssuedToken], shown: str, now: int, window: int) -> Succession:
    """The token shown in the exchange stays for a repeat, unless the window (microseconds) is zero; the rest goes.

    A token that is retiring already keeps its old limit (F3, F4: a repeat does not prolong the window).
    """
    live = {token.lookup_id: token for token in issued if token.state is not TokenState.REVOKED}
    keep = window > 0 and shown in live
    revoke = tuple(sorted(lookup for lookup in live if not (keep and lookup == shown)))
    already = keep and live[shown].state is TokenState.RETIRING
    return Succession(revoke, shown if keep and not already else None, now + window)


def offered(tenant: Tenant, peer: Peer) -> tuple[Version, ...]:
    """The versions that the peer is shown: the tenant's, unless an operator has closed some to it (VL-09)."""
    return tuple(version for version in tenant.versions if version in (peer.versions or tenant.versions))


def usable(tenant: Tenant, peer: Peer) -> tuple[Version, ...]:
    """The same, and the one that it uses although the tenant has withdrawn it (F22)."""
    in_use = peer.version if peer.state is PeerState.REGISTERED else None
    if in_use is None or in_use in tenant.versions:
        return offered(tenant, peer)
    return (*offered(tenant, peer), in_use)


def warnings(peer: Peer, now: int) -> list[str]:
    """What an operator should look at."""
    found = []
    if any(token.state is TokenState.RETIRING and token.reused_at is not None for token in peer.issued):
        found.append("the peer still uses its old token: the answer with the new one may have been lost")
    invitation = peer.invitation
    usable = invitation is not None and reject(peer, invitation, now) in (None, Rejection.BLOCKED)
    if peer.state is PeerState.INVITED and not usable:
        found.append("the invitation can no longer be used: reset the peer to issue a new one")
    if peer.requested:
        found.append("the peer waits for approval of parties beyond its invitation: see requested_parties")
    return found
