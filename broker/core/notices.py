"""What is kept for an operator to look at, in words. Times are microseconds since 1970."""

from collections.abc import Iterable, Sequence
from typing import Final

from broker.core.model import PartyKey, Registration, Role
from broker.core.peer import IssuedToken, Notice, Peer, Purpose, TokenState
from broker.core.warning_ids import ABOUT_PARTIES, WarningId

ENCODED: Final = (
    "the token is Base64 of another token: it is used as it was given; if the partner meant the header's value, "
    "give what it encodes"
)
"""What is said to whoever enters such a token (A3)."""
_TOLD: Final = 5
_MOST: Final = 20
ASK: Final = "ask the peer; revoke it if it was not the peer itself"


def two_users(now: int) -> Notice:
    """The token that a repeat was given has been used, and now the one that was given first (F4)."""
    what = "two tokens of one exchange are in use: one of them was given to a request with a replaced token"
    return Notice(WarningId.POSSIBLE_TOKEN_THEFT, f"{what}; {ASK}", now)


def replaced_token_shown(kind: str, now: int) -> Notice:
    """A PUT or DELETE with a token whose successor has been used (F11)."""
    what = f"a {kind} came with a token that was replaced, after the peer had used its successor"
    return Notice(WarningId.POSSIBLE_TOKEN_THEFT, f"{what}; it was refused; {ASK}", now)


def may_be_stolen(peer: Peer, shown: IssuedToken, kind: str) -> bool:
    """Whether a revoked token that is shown to change a connection was replaced by one that the peer has used since,
    and this is news.
    """
    live = (token for token in peer.issued if token.state in (TokenState.ACTIVE, TokenState.RESENT))
    used = any(one.is_in_use and (one.created_at > shown.created_at or shown.repeat_of) for one in live)
    known = replaced_token_shown(kind, 0).message in (notice.message for notice in peer.notices)
    return used and shown.purpose is Purpose.MAIN and not known


def identity_change(before: Peer, after: Registration, now: int) -> Notice | None:
    """Whether a PUT has changed which parties the peer has (UR-14). A hub reaches others every day."""
    was, has = frozenset(party.key for party in before.parties), after.theirs.keys
    hubs = {key for key in was & has if key.role is Role.HUB}
    if was == has or not was or hubs:
        return None
    told = f"from {_listed(was)} to {_listed(has)}"
    return Notice(WarningId.IDENTITY_CHANGED, f"the peer has changed its parties by PUT: {told}", now)


def token_is_invitation(now: int) -> Notice:
    """Whoever has seen the invitation can act as us at the peer (CO-41)."""
    what = "the token that we hold is the peer's invitation, which was sent over another channel"
    return Notice(WarningId.TOKEN_IS_INVITATION, f"{what}: ask the peer to renew it", now)


def token_encoded(now: int) -> Notice:
    """What an operator has entered may be the value of a header (A3)."""
    return Notice(WarningId.TOKEN_ENCODED, ENCODED, now)


def held_elsewhere(told: Sequence[str], now: int) -> Notice | None:
    """Told says which parties of the peer other peers hold."""
    what = "; ".join(told)
    return Notice(WarningId.PARTIES_HELD_ELSEWHERE, f"{what}: approve them when they are free", now) if told else None


def contradictions(warnings: Iterable[str], now: int) -> tuple[Notice, ...]:
    """Why an answer put the peer in quarantine."""
    return tuple(Notice(WarningId.ANSWER_CONTRADICTS, warning, now) for warning in tuple(warnings)[:_MOST])


def without_parties(found: Iterable[Notice]) -> list[Notice]:
    """Those that stay when it is decided anew which parties the peer has."""
    return [one for one in found if one.id not in ABOUT_PARTIES]


def kept_notices(before: Iterable[Notice], new: Iterable[Notice]) -> tuple[Notice, ...]:
    """What stays to be looked at after an exchange, of either side: none of them takes back a suspicion."""
    return (*(one for one in before if one.id == WarningId.POSSIBLE_TOKEN_THEFT), *new)


def _listed(keys: Iterable[PartyKey]) -> str:
    return ", ".join(sorted(map(str, keys))[:_TOLD])
