"""The decision table before the peer is called, at the least cost: parties held elsewhere are looked for last.

Who else holds the parties announced takes longest to find out: whoever is refused anyway must not cause it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from broker.core.model import PartyKey
from broker.core.receiver import (
    Deleted,
    Effect,
    Posted,
    Put,
    Refuse,
    Standing,
    State,
    Verifying,
    announced,
    step,
    uncovered,
)
from broker.errors import BrokerError, PartyNotApprovedError, PeerVersionUnsupportedError

Holders = Callable[[frozenset[PartyKey]], frozenset[PartyKey]]
"""Those of the parties that other peers hold (PR-02)."""


@dataclass(frozen=True, slots=True)
class Screening:
    """Where a request stands. parties are those announced, or none if it was refused before they mattered."""

    standing: Standing
    parties: frozenset[PartyKey]
    state: State
    effect: Effect

    @property
    def refusal(self) -> BrokerError | None:
        return self.effect.error if isinstance(self.effect, Refuse) else None

    @property
    def uncovered(self) -> list[PartyKey]:
        """Those that the invitation does not allow (A19)."""
        return sorted(uncovered(self.standing, self.parties), key=str)


def screen(standing: Standing, event: Posted | Put | Deleted, held_elsewhere: Holders) -> Screening:
    """The decision table, rows 5 to 13."""
    state, effect = step(standing, event)
    parties = _at_stake(standing, event, state, effect)
    taken = held_elsewhere(parties) if parties else parties
    if taken:
        standing = replace(standing, held_elsewhere=taken)
        state, effect = step(standing, event)
    return Screening(standing, parties, state, effect)


def _at_stake(standing: Standing, event: Posted | Put | Deleted, state: State, effect: Effect) -> frozenset[PartyKey]:
    """The parties whose holders can still change the answer: two refusals rank below that of a party held elsewhere."""
    match state, effect:
        case Verifying(), _:
            return state.theirs.keys
        case _, Refuse(PartyNotApprovedError() | PeerVersionUnsupportedError()):
            return announced(standing, event)
    return frozenset()
