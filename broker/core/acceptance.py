"""Whether a peer that has answered us is whom we expect (RS-09, RR-17).

What is wrong with its parties must not cost us the token in its answer: nothing here raises.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from broker.core.announcements import Known, completed, echoes, renamed
from broker.core.model import Announcement, Party, PartyKey
from broker.core.quirks import Quirks
from broker.core.receiver import MOST_REQUESTED, TOLD
from broker.errors import BrokerError


@dataclass(frozen=True, slots=True)
class Acceptance:
    """parties is None if the peer may not have those that it announced; an operator may approve those asked for."""

    parties: tuple[Party, ...] | None
    asked: tuple[PartyKey, ...] = ()
    warnings: tuple[str, ...] = ()
    quirk: str | None = None


def accept(answer: Announcement, known: Known, quirks: Quirks, url: str) -> Acceptance:
    """Judge the parties in an answer. url stands for one that it leaves out."""
    try:
        theirs = completed(replace(answer, url=answer.url or url), known)
        if echoes(answer, theirs, known):
            if not quirks.echoes_our_roles:
                path = answer.parties[0].path
                return Acceptance(None, warnings=(f"{path}: is one of our own parties",), quirk="echoes_our_roles")
            theirs = renamed(theirs, known, answer.parties[0].path)
    except BrokerError as error:
        return Acceptance(None, warnings=(str(error),))
    covers = known.terms.coverage()
    ours = [key for key in theirs.keys if key in known.ours]
    strangers = sorted((key for key in theirs.keys if not covers(key)), key=str)
    if ours:
        return Acceptance(None, warnings=_each(ours, "is one of our own parties"))
    if strangers:
        asked = tuple(strangers) if len(strangers) <= MOST_REQUESTED else ()
        return Acceptance(None, asked, _each(strangers, "was not expected"))
    return Acceptance(theirs.parties)


def _each(keys: Sequence[PartyKey], complaint: str) -> tuple[str, ...]:
    """One warning for each party, for the first few: a peer may announce thousands."""
    told = [f"roles: {key} {complaint}" for key in keys[:TOLD]]
    more = [f"roles: so it is with {len(keys) - TOLD} more"] if len(keys) > TOLD else []
    return (*told, *more)
