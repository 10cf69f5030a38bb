"""Who holds the parties announced is asked only where it can change the answer (decision table, rows 5 to 13)."""

from dataclasses import replace

import pytest

from broker.core.model import (
    AnnouncedParty,
    Announcement,
    BusinessDetails,
    PartyKey,
    PartyPattern,
    Role,
    Terms,
    Token,
    Version,
)
from broker.core.receiver import Deleted, Posted, Presented, Put, ReadVersions, Rules, Standing
from broker.core.screening import screen
from broker.errors import (
    AlreadyRegisteredError,
    CredentialsInvalidError,
    NotRegisteredError,
    PartyNotAllowedError,
    PartyNotApprovedError,
    PeerVersionUnsupportedError,
)

VERSION = Version("2.2.1")
KEY = PartyKey("DE", "KWL", Role.CPO)
PARTY = AnnouncedParty("roles[0]", BusinessDetails("Kabelwerk"), "DE", "KWL", Role.CPO)
BODY = Announcement(Token("theirs"), "https://peer.example/versions", (PARTY,))
TERMS = Terms(patterns=frozenset({PartyPattern.parse("*/*/*")}))
INVITED = Standing(TERMS, Presented.INVITATION)
NARROW = replace(INVITED, terms=Terms())
POST = Posted(VERSION, BODY, 1)


class Holders:
    """Knows who is held elsewhere, and what it was asked for."""

    def __init__(self, *held: PartyKey) -> None:
        self._held = frozenset(held)
        self.asked: list[frozenset[PartyKey]] = []

    def __call__(self, keys: frozenset[PartyKey]) -> frozenset[PartyKey]:
        self.asked.append(keys)
        return keys & self._held


@pytest.mark.parametrize(
    ("standing", "event", "refusal"),
    [
        (replace(INVITED, presented=Presented.CURRENT), POST, AlreadyRegisteredError),
        (INVITED, Put(VERSION, BODY, 1), NotRegisteredError),
        (INVITED, Deleted(), NotRegisteredError),
        (INVITED, Posted(VERSION, replace(BODY, token=Token("x" * 65)), 1), CredentialsInvalidError),
        (replace(INVITED, rules=Rules(ours=frozenset({KEY}))), POST, PartyNotAllowedError),
        (NARROW, POST, PartyNotAllowedError),
    ],
)
def test_holders_are_not_looked_up_for_who_is_refused_anyway(standing, event, refusal):
    holders = Holders(KEY)

    judged = screen(standing, event, holders)

    assert type(judged.refusal) is refusal
    assert holders.asked == []


def test_who_passes_goes_on_after_one_look():
    holders = Holders()

    judged = screen(INVITED, POST, holders)

    assert isinstance(judged.effect, ReadVersions)
    assert judged.refusal is None
    assert holders.asked == [{KEY}]


@pytest.mark.parametrize(
    ("standing", "otherwise"),
    [
        (INVITED, type(None)),
        (replace(NARROW, rules=Rules(approval=True)), PartyNotApprovedError),
        (replace(INVITED, rules=Rules(versions=frozenset())), PeerVersionUnsupportedError),
    ],
)
def test_a_party_held_elsewhere_ranks_above_what_follows_it_in_the_table(standing, otherwise):
    assert type(screen(standing, POST, Holders()).refusal) is otherwise

    refusal = screen(standing, POST, Holders(KEY)).refusal

    assert isinstance(refusal, PartyNotAllowedError)
    assert str(refusal) == "roles[0]: DE/KWL/CPO belongs to another connection"


def test_what_waits_for_approval_is_named():
    judged = screen(replace(NARROW, rules=Rules(approval=True)), POST, Holders())

    assert judged.uncovered == [KEY]
