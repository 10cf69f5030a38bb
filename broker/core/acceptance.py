"""Whether a peer that has answered us is whom we expect (RS-09, RR-17).

What is wrong with its parties must not cost us the token in its answer: nothing here raises.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from broker.core.announcements import Known, Understood, echoes, renamed, understood
from broker.core.model import Announcement, Party, PartyKey
from broker.core.quirks import Quirks
from broker.core.receiver import MOST_REQUESTED, TOLD
from broker.errors import BrokerError


@dataclass(frozen=True, slots=True)
class Acceptance:
    """parties is None if the peer may not have those that it announced; an operator may approve those asked for."""

    parties: tuple[Party, ...] | None
    asked: tuple[Party, ...] = ()
    warnings: tuple[str, ...] = ()
    quirk: str | None = None


def accept(answer: Announcement, known: Known, quirks: Quirks) -> Acceptance:
    """Judge the parties in an answer. What it leaves out is filled in; what contradicts the terms is not taken."""
    meant = understood(answer, known)
    if meant.named and echoes(meant.named, known):
        return _echoed(answer, meant, known, quirks)
    ours = [key for _, key in meant.named if key in known.ours]
    if ours:
        return Acceptance(None, warnings=(*meant.complaints, *_each(ours, "is one of our own parties")))
    covers = known.terms.coverage()
    strangers = sorted((key for _, key in meant.named if not covers(key)), key=str)
    if strangers:
        asked = meant.parties if len(meant.parties) <= MOST_REQUESTED else ()
        return Acceptance(None, asked, (*meant.complaints, *_each(strangers, "was not expected")))
    return Acceptance(meant.parties or None, warnings=meant.complaints)


def _echoed(answer: Announcement, meant: Understood, known: Known, quirks: Quirks) -> Acceptance:
    path = answer.parties[0].path
    if not quirks.echoes_our_roles:
        return Acceptance(None, warnings=(f"{path}: is one of our own parties",), quirk="echoes_our_roles")
    try:
        return Acceptance(renamed(meant.parties[0].details, known, path))
    except BrokerError as error:
        return Acceptance(None, warnings=(str(error),))


def _each(keys: Sequence[PartyKey], complaint: str) -> tuple[str, ...]:
    """One warning for each party, for the first few: a peer may announce thousands."""
    told = [f"roles: {key} {complaint}" for key in keys[:TOLD]]
    more = [f"roles: so it is with {len(keys) - TOLD} more"] if len(keys) > TOLD else []
    return (*told, *more)
