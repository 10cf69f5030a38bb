"""Who may be registered: the invitation's parties, nobody else's, and an echo of ours (RR-17, A17, A19)."""

from dataclasses import replace

import pytest

from broker.core.model import PartyKey, PartyPattern, Role, Terms
from broker.core.quirks import Quirks
from broker.core.receiver import Presented, ReadVersions, Standing, step
from broker.errors import PartyNotAllowedError, PartyNotApprovedError
from tests.unit.core.receiving import (
    CPO,
    CURRENT,
    EMSP,
    INVITED,
    NOBODY,
    OTHER,
    REPLACED,
    TOKEN,
    URL,
    V20,
    body,
    flat,
    post,
    put,
    refusal,
    ruled,
)


@pytest.mark.parametrize("presented", [Presented.INVITATION, Presented.CURRENT])
@pytest.mark.parametrize(
    ("terms", "held", "announced", "told"),
    [
        (Terms(any_party=True), (), (CPO, EMSP, OTHER), None),
        (Terms(frozenset({CPO})), (), (CPO,), None),
        (Terms(frozenset({CPO, EMSP})), (OTHER,), (CPO,), None),
        (Terms(), (), (CPO,), "roles[0]: DE/KWL/CPO is not covered by the invitation"),
        (Terms(frozenset({CPO})), (), (CPO, EMSP), "roles[1]: DE/KWL/EMSP is not covered by the invitation"),
        (Terms(frozenset({CPO, EMSP})), (EMSP,), (CPO, EMSP), "roles[1]: DE/KWL/EMSP belongs to another connection"),
        (Terms(any_party=True), (CPO,), (OTHER, CPO), "roles[1]: DE/KWL/CPO belongs to another connection"),
        (Terms(any_party=True), (CPO, EMSP), (CPO, EMSP), "roles[0]: DE/KWL/CPO belongs to another connection"),
    ],
)
def test_rr17_announced_parties_are_covered_and_nobody_elses(presented, terms, held, announced, told):
    state = Standing(terms, presented, held_elsewhere=frozenset(held))
    event = post if presented is Presented.INVITATION else put

    error = refusal(state, event(body(*announced)))

    assert type(error) is (PartyNotAllowedError if told else type(None))
    assert told is None or str(error) == told


OURS = PartyKey("NL", "OWN", Role.EMSP)
ANYBODY = replace(INVITED, terms=Terms(any_party=True))


@pytest.mark.parametrize(
    ("announced", "said"),
    [
        ((OURS,), "roles[0]: is one of our own parties; name yours"),
        ((CPO, OURS), "roles[1]: NL/OWN/EMSP is one of our own parties"),
    ],
)
@pytest.mark.parametrize("terms", [Terms(any_party=True), Terms(frozenset({CPO, OURS}))])
def test_our_own_parties_are_never_a_peers(terms, announced, said):
    state = ruled(replace(INVITED, terms=terms), ours=frozenset({OURS}))

    error = refusal(state, post(body(*announced)))

    assert isinstance(error, PartyNotAllowedError)
    assert str(error) == said


def test_a17_only_a_whole_echo_is_helped_by_the_quirk():
    state = ruled(ANYBODY, ours=frozenset({OURS}))

    assert refusal(state, post(body(OURS))).quirk == "echoes_our_roles"
    assert refusal(state, post(body(CPO, OURS))).quirk is None


def test_a17_with_the_quirk_an_echo_stands_for_the_parties_of_the_invitation():
    terms = Terms(frozenset({CPO, EMSP}))
    state = ruled(replace(INVITED, terms=terms), ours=frozenset({OURS}), quirks=Quirks(echoes_our_roles=True))

    after, effect = step(state, post(body(OURS)))

    assert effect == ReadVersions(URL, TOKEN)
    assert after.theirs.keys == {CPO, EMSP}


@pytest.mark.parametrize("terms", [Terms(frozenset({CPO})), Terms(any_party=True)])
def test_a17_an_echo_is_recognised_by_its_ids_where_there_is_no_role(terms):
    """2.0 and 2.1.1: as our counterpart it would be another party than ours."""
    state = ruled(replace(INVITED, terms=terms), ours=frozenset({OURS}))

    error = refusal(state, post(flat("NL", "OWN"), version=V20))

    assert isinstance(error, PartyNotAllowedError)
    assert (str(error), error.quirk) == ("party_id: is one of our own parties; name yours", "echoes_our_roles")


def test_a17_with_the_quirk_an_echo_without_role_stands_for_the_party_of_the_invitation():
    state = ruled(
        replace(INVITED, terms=Terms(frozenset({CPO}))),
        ours=frozenset({OURS}),
        quirks=Quirks(echoes_our_roles=True),
    )

    after, _ = step(state, post(flat("NL", "OWN"), version=V20))

    assert after.theirs.keys == {CPO}


def test_the_same_company_may_be_the_other_side_if_the_invitation_says_so():
    """VL-10: a company that is CPO and eMSP has a platform for each, with the same ids."""
    sister = PartyKey("NL", "OWN", Role.CPO)
    state = ruled(replace(INVITED, terms=Terms(frozenset({sister}))), ours=frozenset({OURS}))

    after, _ = step(state, post(flat("NL", "OWN"), version=V20))

    assert after.theirs.keys == {sister}


@pytest.mark.parametrize(
    ("approval", "kind", "said"),
    [
        (False, PartyNotAllowedError, "roles[1]: NL/ABC/CPO is not covered by the invitation"),
        (
            True,
            PartyNotApprovedError,
            "roles[1]: NL/ABC/CPO waits for approval by an operator here; try again after it",
        ),
    ],
)
@pytest.mark.parametrize(("state", "event"), [(INVITED, post), (CURRENT, put)])
def test_a19_what_the_invitation_does_not_cover_is_refused_or_waits(state, event, approval, kind, said):
    error = refusal(ruled(state, approval=approval), event(body(CPO, NOBODY)))

    assert type(error) is kind
    assert str(error) == said


@pytest.mark.parametrize(
    ("state", "keys"),
    [
        (replace(INVITED, held_elsewhere=frozenset({NOBODY})), (NOBODY,)),
        (ruled(INVITED, ours=frozenset({NOBODY})), (CPO, NOBODY)),
        (REPLACED, (CPO, EMSP, OTHER)),
    ],
    ids=["another peer's", "our own", "added with a replaced token"],
)
def test_a19_approval_is_not_asked_for_what_an_operator_cannot_give(state, keys):
    state = replace(state, rules=replace(state.rules, approval=True))
    event = put if state.registration else post

    assert type(refusal(state, event(body(*keys)))) is PartyNotAllowedError


def test_ur14_a_stricter_policy_binds_what_is_added():
    """What is registered and covered stays; a pattern is not enough for more, nor terms that cover it no longer."""
    anybody = ruled(replace(CURRENT, terms=Terms(any_party=True)), exact=True)
    nobody = replace(anybody, terms=Terms(parties=frozenset({CPO})))

    assert refusal(anybody, put(body(CPO, EMSP))) is None
    assert type(refusal(anybody, put(body(CPO, EMSP, NOBODY)))) is PartyNotAllowedError
    assert type(refusal(nobody, put(body(CPO, EMSP)))) is PartyNotAllowedError


@pytest.mark.parametrize(("pattern", "admitted"), [("*/ABC/CPO", True), ("NL/*/*", True), ("DE/*/CPO", False)])
def test_a19_a_pattern_covers_parties_that_nobody_has_named(pattern, admitted):
    state = replace(INVITED, terms=Terms(patterns=frozenset({PartyPattern.parse(pattern)})))

    assert type(refusal(state, post(body(NOBODY)))) is (type(None) if admitted else PartyNotAllowedError)
