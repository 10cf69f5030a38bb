"""The draft of 2.0, whose ids, url and role the invitation knows (A17), and what an exchange would register."""

from dataclasses import replace

import pytest

from broker.core.model import (
    AnnouncedParty,
    Announcement,
    BusinessDetails,
    Credentials,
    Party,
    PartyKey,
    PartyPattern,
    Registration,
    Role,
    Terms,
    Token,
)
from broker.core.receiver import (
    EndpointsRead,
    Establish,
    Presented,
    Put,
    ReadVersions,
    Standing,
    Verifying,
    VersionsRead,
    announced,
    step,
)
from broker.errors import AlreadyRegisteredError, CredentialsInvalidError, NotRegisteredError
from tests.unit.core.receiving import (
    CPO,
    CREDENTIALS,
    CURRENT,
    DETAILS,
    ELSEWHERE,
    INVITED,
    NOBODY,
    OTHER,
    SPENT,
    TOKEN,
    URL,
    V20,
    V221,
    body,
    flat,
    post,
    put,
    refusal,
)

DRAFT = Announcement(TOKEN, None, (AnnouncedParty("party_id", BusinessDetails("Kabelwerk")),), draft=True)


def test_a_draft_is_registered_as_what_the_invitation_says():
    state = replace(INVITED, terms=Terms(frozenset({CPO}), versions_url=URL))

    state, asked = step(state, post(DRAFT, version=V20))
    assert asked == ReadVersions(URL, TOKEN)
    state, _ = step(state, VersionsRead({V20: DETAILS}))
    _, effect = step(state, EndpointsRead((CREDENTIALS,)))

    assert isinstance(effect, Establish)
    registration = effect.registration
    assert (registration.theirs.keys, registration.theirs.url, registration.draft) == ({CPO}, URL, True)


def test_a_draft_in_put_keeps_ids_and_url_of_the_registration():
    state = replace(CURRENT, registration=replace(CURRENT.registration, version=V20, theirs=one(CPO)))

    after, effect = step(state, put(DRAFT, version=V20))

    assert effect == ReadVersions(URL, TOKEN)
    assert after.theirs.keys == {CPO}


def one(key):
    after, _ = step(INVITED, post(body(key)))
    return after.theirs


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (Terms(frozenset({CPO})), "url: is required; the invitation does not name the version list either"),
        (
            Terms(any_party=True, versions_url=URL),
            "party_id: is required; the invitation does not name exactly one party",
        ),
    ],
)
def test_a_draft_without_what_it_leaves_out_is_2001(terms, said):
    error = refusal(replace(INVITED, terms=terms), post(DRAFT, version=V20))

    assert isinstance(error, CredentialsInvalidError)
    assert str(error) == said


def test_a_draft_of_who_may_not_send_one_is_told_so_first():
    """Row 5 and 7 of the decision table come before the body."""
    assert isinstance(refusal(INVITED, put(DRAFT)), NotRegisteredError)
    assert isinstance(refusal(CURRENT, post(DRAFT)), AlreadyRegisteredError)


@pytest.mark.parametrize(
    ("again", "admitted"),
    [(flat(), True), (flat("NL"), False), (DRAFT, True), (replace(DRAFT, url=ELSEWHERE), False)],
)
def test_f3_a_lost_answer_may_be_fetched_again_without_naming_a_role(again, admitted):
    state = replace(SPENT, registration=replace(SPENT.registration, theirs=one(CPO)))

    error = refusal(state, post(again))

    assert type(error) is (type(None) if admitted else AlreadyRegisteredError)


@pytest.mark.parametrize(
    ("event", "keys"),
    [
        (post(body(CPO, OTHER)), {CPO, OTHER}),
        (put(body(NOBODY)), {NOBODY}),
        (post(CredentialsInvalidError("token: is required")), set()),
        (post(body(token=Token("x" * 65))), set()),
        (post(DRAFT), set()),
    ],
)
def test_the_parties_that_an_exchange_would_register_are_known_beforehand(event, keys):
    """So that the store is asked for their holders only once (PR-02)."""
    assert announced(INVITED, event) == keys
    assert isinstance(step(INVITED, event)[0], Verifying) or refusal(INVITED, event) is not None


def test_a_hub_repeats_its_put_with_all_that_it_reaches():
    """F4, F23: 20,000 parties and a thousand patterns are gone through once each, or this would take minutes."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ01"
    keys = [PartyKey("DE", f"{a}{b}{c}", Role.CPO) for a in letters for b in letters for c in letters][:20_000]
    parties = tuple(Party(key, BusinessDetails("K")) for key in keys)
    patterns = {PartyPattern("FR", f"{a}{b}0", Role.EMSP) for a in letters for b in letters}
    theirs = Credentials(Token("held-token"), URL, parties)
    state = Standing(
        terms=Terms(patterns=frozenset({*patterns, PartyPattern("DE", None, Role.CPO)})),
        presented=Presented.REPLACED,
        registration=Registration(V221, theirs, ()),
    )
    written = tuple(AnnouncedParty("roles", one.details, "DE", one.key.party_id, Role.CPO) for one in parties)

    after, effect = step(state, Put(V221, Announcement(Token("new-held-token"), URL, written), 1))

    assert isinstance(effect, ReadVersions)
    assert isinstance(after, Verifying)
    assert after.theirs.keys == theirs.keys
