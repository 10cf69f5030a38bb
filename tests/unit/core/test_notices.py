"""What is kept for an operator to look at."""

from dataclasses import replace

import pytest

from broker.core.model import BusinessDetails, Credentials, Party, PartyKey, Registration, Role, Token, Version
from broker.core.notices import (
    contradictions,
    held_elsewhere,
    identity_change,
    kept_notices,
    may_be_stolen,
    replaced_token_shown,
    token_is_invitation,
    without_parties,
)
from broker.core.warning_ids import WarningId
from tests.unit.core.peers import INVITATION, NOW, RESENT, REVOKED, A, B, peer, token

CPO, EMSP = PartyKey("DE", "KWL", Role.CPO), PartyKey("DE", "KWL", Role.EMSP)
HUB, BEHIND = PartyKey("NL", "LMH", Role.HUB), PartyKey("FR", "XYZ", Role.CPO)
OLD, USED = replace(token(A, state=REVOKED), created_at=1), token(B, first_used_at=3)


def party(key):
    return Party(key, BusinessDetails("K"))


def registration(*keys):
    theirs = Credentials(Token("-"), "https://peer.example/versions", tuple(map(party, keys)))
    return Registration(Version("2.2.1"), theirs, ())


@pytest.mark.parametrize(
    ("issued", "shown", "suspicious"),
    [
        ([OLD, USED], OLD, True),
        ([OLD, replace(USED, first_used_at=None)], OLD, False),  # the peer may never have got the new one
        ([USED], USED, False),
        ([OLD], OLD, False),
        # Of a repeat: it is younger than the one that was given first.
        ([USED], replace(token(A, state=REVOKED, repeat_of="CCCCCCCCCCCC"), created_at=9_000), True),
        ([USED], replace(token(A, state=REVOKED), created_at=9_000), False),
        ([OLD, token(B, state=RESENT, received_at=3)], OLD, True),
        ([OLD, token(B, state=RESENT)], OLD, False),
        ([OLD, USED], replace(token(A, INVITATION, REVOKED), created_at=1), False),  # people try invitations twice
    ],
)
def test_a_replaced_token_is_suspicious_once_its_successor_was_used(issued, shown, suspicious):
    assert may_be_stolen(peer(*issued), shown, "PUT") is suspicious


def test_a_suspicion_is_raised_once_and_no_exchange_of_the_peer_takes_it_back():
    suspected = peer(OLD, USED, notices=(replaced_token_shown("PUT", NOW),))

    assert not may_be_stolen(suspected, OLD, "PUT")
    assert may_be_stolen(suspected, OLD, "DELETE"), "another suspicion than the one that is known"
    assert [one.id for one in kept_notices(suspected.notices, [token_is_invitation(NOW)])] == [
        WarningId.POSSIBLE_TOKEN_THEFT,
        WarningId.TOKEN_IS_INVITATION,
    ]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ((CPO,), (CPO,), None),
        ((CPO,), (EMSP,), "from DE/KWL/CPO to DE/KWL/EMSP"),
        ((CPO,), (CPO, EMSP), "from DE/KWL/CPO to DE/KWL/CPO, DE/KWL/EMSP"),
        ((), (CPO,), None),  # a quarantined one had none
        ((HUB,), (HUB, BEHIND), None),  # whom a hub reaches changes every day
        ((HUB, BEHIND), (HUB,), None),
        ((HUB,), (CPO,), "from NL/LMH/HUB to DE/KWL/CPO"),
    ],
)
def test_a_peer_that_becomes_another_is_told(before, after, told):
    found = identity_change(peer(USED, parties=tuple(map(party, before))), registration(*after), NOW)

    assert (found is None) is (told is None)
    assert told is None or (found.id, told in found.message) == ("IDENTITY_CHANGED", True)


def test_what_is_about_parties_goes_when_they_are_decided_anew():
    told = held_elsewhere(["roles: DE/KWL/CPO is held by the peer x"], NOW)
    found = [told, *contradictions(["a"] * 30, NOW), replaced_token_shown("PUT", NOW)]

    assert held_elsewhere([], NOW) is None
    assert len(found) == 1 + 20 + 1
    assert [one.id for one in without_parties(found)] == [WarningId.POSSIBLE_TOKEN_THEFT]
