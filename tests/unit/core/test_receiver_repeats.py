"""A request that comes again: after a lost answer it is taken once more, a duplicate is not (F3 to F5)."""

from dataclasses import replace

import pytest

from broker.core.model import BusinessDetails, Token
from broker.core.receiver import Deleted, Dissolve, Dissolved, ReadVersions, Verifying, step
from broker.errors import AlreadyRegisteredError, CredentialsInvalidError, ExchangeInProgressError, PartyNotAllowedError
from tests.unit.core.receiving import (
    ANSWERED,
    BODY,
    CPO,
    CURRENT,
    EMSP,
    OTHER,
    REPLACED,
    SPENT,
    V230,
    body,
    meant,
    post,
    put,
    refusal,
)


@pytest.mark.parametrize(
    ("repeat", "why"),
    [
        (post(body(EMSP, CPO)), "roles in another order"),
        (post(body(token=Token("yet-another-token"))), "a fresh token"),
        (post(replace(BODY, parties=tuple(replace(p, details=BusinessDetails("New")) for p in BODY.parties))), "names"),
        (post(body(url="https://peer.example/moved/versions")), "another path"),
        (post(body(url="HTTPS://PEER.example:443/ocpi/versions")), "the same origin otherwise written"),
        (post(version=V230), "a newer version"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_f3_a_lost_answer_to_post_may_be_fetched_again(repeat, why):
    after, effect = step(SPENT, repeat)

    assert after == Verifying(SPENT, repeat.version, meant(repeat.body)), why
    assert effect == ReadVersions(repeat.body.url, repeat.body.token)


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (post(arrived=ANSWERED - 1), "arrived before the answer"),
        (post(arrived=ANSWERED), "arrived as it was given"),
        (post(body(url="http://peer.example/ocpi/versions")), "another scheme"),
        (post(body(url="https://peer.example:8443/ocpi/versions")), "another port"),
        (post(body(url="https://www.peer.example/ocpi/versions")), "another host"),
        (post(body(CPO)), "fewer roles"),
        (post(body(CPO, EMSP, OTHER)), "more roles"),
        (post(body(CPO, OTHER)), "other roles"),
        (post(CredentialsInvalidError("token: is too long")), "a body that breaks a rule"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_f3_anything_but_the_same_registration_again_is_405(event, why):
    assert isinstance(refusal(SPENT, event), AlreadyRegisteredError), why


def test_f3_a_spent_invitation_of_a_peer_without_registration_repeats_nothing():
    assert isinstance(refusal(replace(SPENT, registration=None), post()), AlreadyRegisteredError)


@pytest.mark.parametrize(
    ("state", "theirs", "allowed"),
    [
        (REPLACED, BODY, True),
        (REPLACED, body(EMSP, CPO), True),
        (REPLACED, body(CPO), True),
        (REPLACED, body(url="https://peer.example/moved"), True),
        (REPLACED, body(CPO, EMSP, OTHER), False),
        (REPLACED, body(OTHER), False),
        (replace(REPLACED, registration=None), BODY, False),
        # The token in use may add what the invitation covers (UR-14).
        (CURRENT, body(CPO, EMSP, OTHER), True),
        (CURRENT, body(OTHER), True),
    ],
)
def test_f4_a_repeated_put_adds_no_party(state, theirs, allowed):
    assert type(refusal(state, put(theirs))) is (type(None) if allowed else PartyNotAllowedError)


@pytest.mark.parametrize("arrived", [0, ANSWERED - 1, ANSWERED])
@pytest.mark.parametrize("state", [CURRENT, REPLACED])
def test_f5_a_put_that_waited_for_another_is_told_to_come_again(state, arrived):
    assert isinstance(refusal(state, put(arrived=arrived)), ExchangeInProgressError)


@pytest.mark.parametrize("state", [CURRENT, REPLACED])
def test_f5_a_delete_is_never_a_duplicate(state):
    assert step(replace(state, answered_at=2**62), Deleted()) == (Dissolved(), Dissolve())
