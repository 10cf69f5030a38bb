"""What we do about a peer's tokens by ourselves: whether we call its credentials module, when, and how (TK-02).

Times are microseconds since 1970, periods seconds.
"""

from dataclasses import dataclass
from enum import Enum

from broker.core import rotation


class Lifecycle(Enum):
    MANAGED = "MANAGED"
    """We register, renew tokens and unregister by calls of ours."""
    MANUAL = "MANUAL"
    """The peer's credentials module is never called: people hand its tokens over."""


class Renewal(Enum):
    PUT = "PUT"
    REREGISTER = "REREGISTER"
    """The peer knows no PUT. A new registration needs a token that somebody has to ask it for."""


@dataclass(frozen=True, slots=True)
class Care:
    """What operators have decided about the tokens of one peer."""

    lifecycle: Lifecycle = Lifecycle.MANAGED
    rotation_period: int | None = None
    """How old its tokens may become; zero renews nothing, None is as the tenant's policy says."""
    renewal: Renewal = Renewal.PUT

    @property
    def is_manual(self) -> bool:
        return self.lifecycle is Lifecycle.MANUAL

    @property
    def may_put(self) -> bool:
        """Whether a PUT of ours is a way to renew its tokens."""
        return not self.is_manual and self.renewal is Renewal.PUT

    def period(self, usual: int) -> int:
        """How old the tokens may become before something is to be done; usual is the tenant's."""
        if self.is_manual:
            return 0
        return usual if self.rotation_period is None else self.rotation_period

    def automatic(self, usual: int) -> int:
        """The same for what we begin by ourselves."""
        return self.period(usual) if self.may_put else 0


USUAL = Care()


def why_not(care: Care, what: str) -> str | None:
    """Why a request to the peer's credentials module is not made; None if it is. what is in words."""
    if care.is_manual:
        return (
            f"{what} calls the peer's credentials module, and its lifecycle is manual: hand the tokens over by other "
            "means, or change its lifecycle to managed (UpdatePeer)"
        )
    return None


def why_no_farewell(care: Care) -> str | None:
    """The same for a DELETE that ends the registration."""
    if care.is_manual:
        return (
            "unregistering calls the peer's credentials module, and its lifecycle is manual: tell its operators "
            "yourself, and use force to end it on our side"
        )
    return None


def why_no_put(care: Care, what: str) -> str | None:
    """The same for a PUT."""
    if care.may_put:
        return None
    return why_not(care, what) or (
        f"{what} takes a PUT, and the peer knows none (renewal: reregister): ask it for a new registration token, and "
        "connect again under the same name"
    )


def reminder(care: Care, uid: str, held_since: int, usual: int, now: int) -> str | None:
    """What an operator has to do because we do not: renew tokens whose time has come by a new registration."""
    if care.is_manual or care.renewal is not Renewal.REREGISTER:
        return None
    if rotation.passed(uid, held_since, care.period(usual), now) is None:
        return None
    return "the tokens are due, and the peer knows no PUT: ask it for a new registration token, and connect again"
