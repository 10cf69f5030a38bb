"""When a token that a peer has announced, and that has not worked yet, is tried again.

Times are microseconds.
"""

from typing import Final

from broker.core.peer import HeldToken, Peer, TokenState

_SECOND: Final = 1_000_000
FIRST_PAUSE: Final = _SECOND
"""A peer may take its new token only once it has our answer."""
_PAUSES: Final = tuple(seconds * _SECOND for seconds in (2, 5, 15, 60, 300, 900))
_LONGEST: Final = 3600 * _SECOND


def pause(tries: int) -> int:
    """Until the next try, after so many that have failed before this one."""
    return _PAUSES[tries] if tries < len(_PAUSES) else _LONGEST


def is_of_the_last_word(peer: Peer, token: HeldToken, now: int) -> bool:
    """Whether the token of ours that the peer was given for this one has prevailed over all others (F4).

    One of a repeat has, if it is in use, and the one that was given first was not used while the window was open. Where
    the peer answers everybody alike, nothing else tells which of two tokens it takes.
    """
    given = next((one for one in peer.issued if one.created_at == token.created_at and one.is_in_use), None)
    if given is None or given.state is not TokenState.RESENT:
        return given is not None and given.state is TokenState.ACTIVE
    return given.not_after is not None and now >= given.not_after
