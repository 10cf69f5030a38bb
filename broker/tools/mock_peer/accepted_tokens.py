"""Which tokens a mock peer accepts, and as what (UR-09, RR-13, F3, F4): a correct strict platform unless lenient.

Strict, a replaced token is dead at once. Lenient, it lives until the one that replaced it was used. An exchange ends
the tokens that were good when it began and no others, so that two that cross leave both of their tokens good.
"""

from dataclasses import dataclass, field
from enum import Enum

from broker.core.model import Token


class Standing(Enum):
    """What a token is good for."""

    INVITATION = "invitation"
    """A token A that waits for its POST, or may repeat it."""
    ISSUED = "issued"
    """Everything; also one that was replaced and is not dead yet."""
    PROVISIONAL = "provisional"
    """Sent in an exchange whose answer is awaited: it reads, and changes nothing (RS-06)."""


@dataclass(slots=True)
class Tokens:
    """The tokens that the other side may show."""

    lenient: bool = False
    invitations: set[Token] = field(default_factory=set)
    issued: set[Token] = field(default_factory=set)
    provisional: set[Token] = field(default_factory=set)
    retiring: dict[Token, Token] = field(default_factory=dict)
    """What was replaced but still counts, and what replaced it."""

    def standing(self, token: Token) -> Standing | None:
        if token in self.issued:
            return Standing.ISSUED
        if token in self.provisional:
            return Standing.PROVISIONAL
        if token in self.invitations:
            return Standing.INVITATION
        return Standing.ISSUED if token in self.retiring else None

    def used(self, token: Token) -> None:
        """Whoever uses a new token has it: the one before is dead."""
        if token not in self.issued:
            return
        replaced = {old for old, new in self.retiring.items() if new == token}
        self.invitations -= replaced
        self.retiring = {old: new for old, new in self.retiring.items() if old not in replaced}

    def replace(self, before: frozenset[Token], shown: Token | None, new: Token) -> None:
        """New is good instead of those that were when the exchange began and of the one that was shown in it."""
        self.provisional.discard(new)
        self.issued = (self.issued - before) | {new}
        replaced = before - {new} if shown is None or shown in before else frozenset({shown})
        if not self.lenient:
            self.invitations -= replaced
            self.retiring.clear()
            return
        self.retiring = {old: last for old, last in self.retiring.items() if last not in before}
        self.retiring |= dict.fromkeys(replaced, new)

    def end(self) -> None:
        """The registration is over; invitations that were not used stay."""
        self.invitations -= self.retiring.keys()
        self.issued.clear()
        self.provisional.clear()
        self.retiring.clear()
