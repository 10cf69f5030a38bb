"""What the Sender makes of an answer, and the trial of the token in it (F9, F12, RS-09, RS-13, A17)."""

from dataclasses import replace

import pytest

from broker.core.model import AnnouncedParty, Announcement, BusinessDetails, PartyPattern, Terms, Token
from broker.core.quirks import Quirks
from broker.core.receiver import ReadVersions
from broker.core.sender import Answered, Committed, Ended, Finish, Kept, Stop, Swap, step
from broker.errors import OutcomeUnknownError
from tests.unit.core.sending import (
    ACCESS,
    AWAY,
    CONNECT,
    CPO,
    EMSP,
    GIVEN,
    OFFERED,
    OURS,
    RENEW,
    SPARE,
    STRANGER,
    UNAUTHORIZED,
    URL,
    answer,
    asking,
    kept,
    listed,
    parties,
)


@pytest.mark.parametrize(
    ("plan", "token", "flaw"),
    [
        (CONNECT, OFFERED, "is the one that we sent"),
        (RENEW, OFFERED, "is the one that we sent"),
        (CONNECT, ACCESS, "is the one that we registered with"),
        (replace(CONNECT, quirks=Quirks(token_is_invitation=True)), ACCESS, None),
        (replace(CONNECT, quirks=Quirks(token_is_invitation=True)), OFFERED, "is the one that we sent"),
        # A peer that does not renew its own (UR-05), and one whose tokens are known to be long.
        (RENEW, ACCESS, None),
        (CONNECT, Token("x" * 64), None),
        (replace(CONNECT, quirks=Quirks(token_max_len=100)), Token("x" * 100), None),
    ],
)
def test_f12_an_answer_whose_token_is_none_is_an_unknown_outcome(plan, token, flaw):
    after, effect = step(asking(plan), Answered(answer(token=token), OFFERED))

    if flaw is None:
        assert (after.plan.sent, effect.token) == (None, token)
    else:
        said = f"{plan.kind.value} credentials: the answer cannot be used: token: {flaw}"
        assert (after, str(effect.error), effect.again) == (Ended(), said, True)
        assert type(effect.error) is OutcomeUnknownError
        assert token.reveal() not in str(effect.error)


NOBODY = "roles: no party is named that can be understood; "
ELSEWHERE = "url: is on another host than the versions URL that we were given, and was not taken over"


@pytest.mark.parametrize(
    ("url", "taken", "warnings"),
    [
        (URL, URL, ()),
        ("https://peer.example:443/moved", "https://peer.example:443/moved", ()),
        ("https://PEER.example/moved", "https://PEER.example/moved", ()),
        ("https://thief.example/versions", URL, (ELSEWHERE,)),
        ("https://peer.example:8443/versions", URL, (ELSEWHERE,)),
        ("http://peer.example/versions", URL, (ELSEWHERE,)),
        # 2.0 before its release has none.
        (None, URL, ()),
    ],
)
def test_f9_a_peer_moves_on_its_own_host_only(url, taken, warnings):
    state, effect = step(asking(), Answered(answer(url=url), OFFERED))

    assert (effect.url, effect.warnings, state.plan.versions_url) == (taken, warnings, taken)
    assert effect.parties == parties(CPO)
    assert step(state, Committed(GIVEN))[1] == ReadVersions(taken, GIVEN)


def test_what_was_not_right_with_the_answer_is_said():
    effect = kept(answer(warnings=("roles[0].website: was dropped",), draft=True))

    assert (effect.warnings, effect.draft) == (("roles[0].website: was dropped",), True)


@pytest.mark.parametrize(
    ("terms", "keys", "asked", "warnings"),
    [
        (CONNECT.terms, (CPO, EMSP), (), ()),
        (Terms(any_party=True), (STRANGER,), (), ()),
        (Terms(patterns=frozenset({PartyPattern("FR")})), (STRANGER,), (), ()),
        (CONNECT.terms, (CPO, STRANGER), (CPO, STRANGER), (f"roles: {STRANGER} was not expected",)),
        (
            Terms(),
            (STRANGER, CPO),
            (STRANGER, CPO),
            (f"roles: {CPO} was not expected", f"roles: {STRANGER} was not expected"),
        ),
        # Never one of ours, whatever the terms say; that is nothing to approve.
        (Terms(any_party=True), (CPO, OURS), (), (f"roles: {OURS} is one of our own parties",)),
        (CONNECT.terms, (STRANGER, OURS), (), (f"roles: {OURS} is one of our own parties",)),
    ],
)
@pytest.mark.parametrize("plan", [CONNECT, RENEW], ids=["POST", "PUT"])
def test_rs_09_whoever_was_not_expected_is_quarantined_and_its_token_is_kept(plan, terms, keys, asked, warnings):
    effect = kept(answer(*keys), replace(plan, terms=terms))

    assert (effect.token, effect.asked, effect.warnings) == (GIVEN, parties(*asked), warnings)
    assert effect.parties == (None if warnings else parties(*keys))


@pytest.mark.parametrize(
    ("tolerant", "terms", "expected"),
    [(False, CONNECT.terms, None), (True, Terms(frozenset({CPO})), {CPO}), (True, Terms(any_party=True), None)],
)
def test_a17_an_echo_names_nobody_unless_it_is_known_to_be_one(tolerant, terms, expected):
    plan = replace(CONNECT, terms=terms, quirks=Quirks(echoes_our_roles=tolerant))

    effect = kept(answer(OURS), plan)

    assert (effect.token, effect.asked) == (GIVEN, ())
    if expected is None:
        assert effect.parties is None
        assert effect.warnings
    else:
        assert ({party.key for party in effect.parties}, effect.warnings) == (expected, ())
    assert effect.quirk == (None if tolerant else "echoes_our_roles")


@pytest.mark.parametrize(
    ("announcement", "terms", "taken", "said"),
    [
        (answer(CPO, CPO), CONNECT.terms, {CPO}, (f"roles: {CPO} is listed twice",)),
        # Nothing is said: what was agreed is meant; where nothing was, an operator decides.
        (replace(answer(), parties=()), CONNECT.terms, {CPO, EMSP}, (NOBODY + "those that were agreed are taken",)),
        (replace(answer(), parties=()), Terms(any_party=True), None, (NOBODY + "the invitation names none either",)),
        (
            Announcement(GIVEN, None, (AnnouncedParty("business_details", BusinessDetails("K")),)),
            Terms(any_party=True),
            None,
            (
                "party_id: is required; the invitation does not name exactly one party",
                NOBODY + "the invitation names none either",
            ),
        ),
    ],
)
def test_f12_parties_that_make_no_sense_do_not_cost_us_the_token(announcement, terms, taken, said):
    effect = kept(announcement, replace(CONNECT, terms=terms))

    keys = None if effect.parties is None else {party.key for party in effect.parties}
    assert (effect.token, keys, effect.asked, effect.warnings) == (GIVEN, taken, (), said)


@pytest.mark.parametrize(("quirks", "longest"), [(Quirks(), 64), (Quirks(token_max_len=100), 100)])
def test_co_41_a_long_token_in_an_answer_is_kept_and_said(quirks, longest):
    token = Token("x" * (longest + 1))

    effect = kept(answer(token=token), replace(CONNECT, quirks=quirks))

    assert (effect.token, effect.quirk) == (token, "token_max_len")
    assert effect.warnings == (f"token: has more than {longest} characters; it was kept (quirk token_max_len)",)


NOT_TAKEN = Finish("the peer does not take the token that it gave: versions list: HTTP 401")


@pytest.mark.parametrize(
    ("spare", "events", "asked", "end"),
    [
        (None, [listed()], [GIVEN], Finish(proven=True)),
        (None, [UNAUTHORIZED], [GIVEN], NOT_TAKEN),
        (None, [AWAY], [GIVEN], Finish("the new token could not be tried: versions list: could not connect")),
        # F6: of two tokens that may be the later one, the one that works is used.
        (SPARE, [listed()], [GIVEN], Finish(proven=True)),
        (SPARE, [UNAUTHORIZED, listed()], [GIVEN, SPARE], Swap()),
        (SPARE, [UNAUTHORIZED, UNAUTHORIZED], [GIVEN, SPARE], NOT_TAKEN),
        # Which of them it is must be found out.
        (SPARE, [AWAY], [GIVEN], Stop(AWAY.error, again=True)),
        (SPARE, [UNAUTHORIZED, AWAY], [GIVEN, SPARE], Stop(AWAY.error, again=True)),
    ],
)
def test_rs_13_the_token_that_we_got_is_tried(spare, events, asked, end):
    state, effect = step(Kept(CONNECT), Committed(GIVEN, spare))
    effects = [effect]
    for event in events:
        state, effect = step(state, event)
        effects.append(effect)

    assert effects == [*(ReadVersions(URL, token) for token in asked), end]
    assert state == Ended()
