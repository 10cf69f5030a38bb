"""When a peer's tokens are renewed: in time, and never all at once (TK-02).

Times are microseconds since 1970.
"""

import hashlib
from typing import Final

_SPREAD: Final = 0.2
"""How much earlier than the period a peer's turn may come, as a part of it."""
_BACKLOG: Final = 6 * 3600 * 1_000_000
"""Over how long those are spread whose turn has passed: after an outage, or when a policy is new."""


def due(uid: str, since: int, period: int) -> int | None:
    """When the tokens of this peer, which are from since, are to be renewed; None without a period (seconds)."""
    if period == 0:
        return None
    return since + round(period * 1_000_000 * (1 - _SPREAD * _chance(uid, since)))


def may_be_due(since: int, period: int, now: int) -> bool:
    """Whether anybody's turn can have come; to ask first, since it costs next to nothing."""
    return period != 0 and now >= since + period * 1_000_000 * (1 - _SPREAD)


def start(uid: str, at: int, now: int) -> int:
    """When to begin what is due: at once in good time, else some time within the next hours."""
    late = now - at
    return now if late < _BACKLOG // 6 else now + round(min(_BACKLOG, late) * _chance(uid, at))


def _chance(uid: str, moment: int) -> float:
    """Another number from [0, 1) for each peer and each time, the same at every broker."""
    digest = hashlib.sha256(f"{uid} {moment}".encode()).digest()
    return int.from_bytes(digest[:6]) / (1 << 48)
