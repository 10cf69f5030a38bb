"""When a peer's tokens are renewed: in time, and never all at once (TK-02).

Times are microseconds since 1970.
"""

from typing import Final

from broker.core.chance import chance

_SPREAD: Final = 0.2
"""How much earlier than the period a peer's turn may come, as a part of it."""
_BACKLOG: Final = 6 * 3600 * 1_000_000
"""Over how long those are spread whose turn has passed: after an outage, or when a policy is new."""


def due(uid: str, since: int, period: int) -> int | None:
    """When the tokens of this peer, which are from since, are to be renewed; None without a period (seconds)."""
    if period == 0:
        return None
    return since + round(period * 1_000_000 * (1 - _SPREAD * chance(uid, since)))


def passed(uid: str, since: int, period: int, now: int) -> int | None:
    """When they were due, if they were; cheap for those that are far from it."""
    if period == 0 or now - since < period * 1_000_000 * (1 - _SPREAD):
        return None
    at = due(uid, since, period)
    return at if at is not None and at <= now else None


def start(uid: str, at: int, now: int) -> int:
    """When to begin what is due: at once in good time, else some time within the next hours."""
    late = now - at
    return now if late < _BACKLOG // 6 else now + round(min(_BACKLOG, late) * chance(uid, at))
