"""The Sender's side of an exchange without a byte on a wire: 1.13 to 1.16, F2, F4, F6, F12, F22."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.exchange import ExchangeKind
from broker.core.model import (
    AnnouncedParty,
    Announcement,
    BusinessDetails,
    Credentials,
    Endpoint,
    InterfaceRole,
    Party,
    PartyKey,
    PartyPattern,
    Registration,
    RequiredModule,
    Role,
    Terms,
    Token,
    Version,
)
from broker.core.quirks import Quirks
from broker.core.receiver import (
    EndpointsRead,
    IllegalTransitionError,
    PeerFailed,
    ReadEndpoints,
    ReadVersions,
    VersionsRead,
)
from broker.core.sender import (
    Answered,
    Asking,
    Begun,
    Committed,
    Detailing,
    Ended,
    Failed,
    Finish,
    Keep,
    Kept,
    Leave,
    Leaving,
    Listing,
    Offer,
    Offered,
    Plan,
    Send,
    Stop,
    Swap,
    Trying,
    step,
)
from broker.errors import (
    AnswerLostError,
    BrokerError,
    ExchangeInProgressError,
    InternalError,
    NotExpressibleError,
    OutcomeUnknownError,
    PeerEndpointsMissingError,
    PeerRefusedError,
    PeerRejectedTokenError,
    PeerUnusableError,
    PeerVersionUnsupportedError,
)

POST, PUT, DELETE = ExchangeKind.POST, ExchangeKind.PUT, ExchangeKind.DELETE
V211, V22, V221, V230, V2100 = map(Version, ("2.1.1", "2.2", "2.2.1", "2.3.0", "2.10.0"))
URL = "https://peer.example/versions"
ACCESS, OFFERED, GIVEN, SPARE = map(
    Token, ("the-access-token", "the-offered-token", "the-given-token", "the-spare-one")
)

CPO, EMSP, OURS = PartyKey("DE", "KWL", Role.CPO), PartyKey("DE", "KWL", Role.EMSP), PartyKey("NL", "LMH", Role.EMSP)
STRANGER = PartyKey("FR", "XYZ", Role.CPO)
LOCATIONS = Endpoint("locations", InterfaceRole.SENDER, "https://peer.example/locations")


def credentials(version):
    return Endpoint("credentials", None, f"https://peer.example/{version}/credentials")


def serves(version):
    return (credentials(version), LOCATIONS)


def details(version):
    return f"https://peer.example/{version}"


def listed(*versions):
    return VersionsRead({version: details(version) for version in versions})


def parties(*keys):
    return tuple(Party(key, BusinessDetails(f"Company {key}")) for key in keys)


def answer(*keys, token=GIVEN, url=URL, **more):
    announced = tuple(
        AnnouncedParty(f"roles[{index}]", party.details, party.key.country_code, party.key.party_id, party.key.role)
        for index, party in enumerate(parties(*(keys or (CPO,))))
    )
    return Announcement(token, url, announced, **more)


CONNECT = Plan(
    POST, URL, ACCESS, frozenset({V211, V221, V230}), terms=Terms(frozenset({CPO, EMSP})), ours=frozenset({OURS})
)
RENEW = replace(
    CONNECT,
    kind=PUT,
    current=V221,
    endpoints=serves(V221),
    registration=Registration(V221, Credentials(ACCESS, URL, parties(CPO)), serves(V221)),
)
END = replace(RENEW, kind=DELETE)


def played(plan, *events):
    """The state after these events, and all effects."""
    state, effect = step(plan, Begun())
    effects = [effect]
    for event in events:
        state, effect = step(state, event)
        effects.append(effect)
    return state, effects


def asking(plan=CONNECT, version=V221, *, unlisted=False):
    """A request is under way."""
    urls = {one: details(one) for one in plan.offers if not (unlisted and one == version)}
    return Asking(plan, version, urls, endpoints=serves(version), unlisted=unlisted)


def stopped(state, event):
    """The error that it ends with, and whether another attempt may help."""
    after, effect = step(state, event)
    assert isinstance(effect, Stop)
    assert after == Ended()
    return type(effect.error), effect.again


def kept(announcement, plan=CONNECT, offered=OFFERED):
    _, effect = step(asking(plan), Answered(announcement, offered))
    assert isinstance(effect, Keep)
    return effect


@pytest.mark.parametrize(("plan", "kind"), [(CONNECT, POST), (RENEW, PUT)], ids=["POST", "PUT"])
def test_a_request_runs_from_the_list_to_the_trial_of_the_new_token(plan, kind):
    """RS-01 to RS-08, RS-13, UR-10, UR-12."""
    plan = replace(plan, version=V230)
    events = [listed(V221, V230), EndpointsRead(serves(V230)), Offered(OFFERED), Answered(answer(), OFFERED)]

    state, effects = played(plan, *events, Committed(GIVEN), listed(V221, V230))

    assert effects == [
        ReadVersions(URL, ACCESS),
        ReadEndpoints(details(V230), V230, ACCESS),
        Offer(V230),
        Send(kind, credentials(V230).url, V230),
        Keep(V230, URL, GIVEN, serves(V230), parties(CPO)),
        ReadVersions(URL, GIVEN),
        Finish(),
    ]
    assert state == Ended()


LISTED_ALL = (V211, V22, V221, V230)


@pytest.mark.parametrize(
    ("plan", "offers", "expected"),
    [
        # RS-02, VL-12: the newest that both have, by number.
        (CONNECT, LISTED_ALL, V230),
        (CONNECT, (V230, V211), V230),
        (CONNECT, (V211, V22), V211),
        (replace(CONNECT, offers=frozenset({V221, V2100})), (V221, V230, V2100), V2100),
        (replace(CONNECT, offers=frozenset({V22})), LISTED_ALL, V22),
        # As an operator wants it.
        (replace(CONNECT, version=V221), LISTED_ALL, V221),
        (replace(RENEW, version=V230), LISTED_ALL, V230),
        (replace(RENEW, version=V211), LISTED_ALL, V211),
        # To renew the tokens is no reason for another version.
        (RENEW, LISTED_ALL, V221),
        # A repeat goes where the first went.
        (replace(CONNECT, sent=V211), LISTED_ALL, V211),
        (replace(CONNECT, sent=V211, version=V230), LISTED_ALL, V211),
        (replace(RENEW, sent=V230), LISTED_ALL, V230),
    ],
)
def test_a_version_is_chosen(plan, offers, expected):
    _, effects = played(plan, listed(*offers))

    assert effects[1] == ReadEndpoints(details(expected), expected, ACCESS)


@pytest.mark.parametrize(
    ("plan", "offers", "said"),
    [
        (CONNECT, (V22,), "no version in common: it lists 2.2, we 2.1.1, 2.2.1, 2.3.0"),
        (CONNECT, (), "no version in common: it lists nothing, we 2.1.1, 2.2.1, 2.3.0"),
        (replace(CONNECT, version=V230), (V211, V221), "the peer does not offer 2.3.0: it lists 2.1.1, 2.2.1"),
        (replace(RENEW, version=V230), (V221,), "the peer does not offer 2.3.0: it lists 2.2.1"),
        (replace(CONNECT, sent=V230), (V221,), "the peer does not offer 2.3.0: it lists 2.2.1"),
        (replace(RENEW, sent=V230), (V221,), "the peer does not offer 2.3.0: it lists 2.2.1"),
    ],
)
def test_without_the_version_nothing_is_sent(plan, offers, said):
    state, effects = played(plan, listed(*offers))

    assert (state, type(effects[-1]), str(effects[-1].error)) == (Ended(), Stop, said)
    assert (type(effects[-1].error), effects[-1].again) == (PeerVersionUnsupportedError, False)


@pytest.mark.parametrize("plan", [RENEW, replace(RENEW, version=V221), replace(RENEW, sent=V221)])
def test_f22_a_version_in_use_goes_on_although_it_is_listed_no_more(plan):
    state, effects = played(plan, listed(V211, V230), Offered(OFFERED))

    assert effects[1:] == [Offer(V221), Send(PUT, credentials(V221).url, V221)]
    assert state.unlisted


@pytest.mark.parametrize(
    ("offers", "expected"), [((V211, V230), V230), ((V22, V211), V211), ((V22,), None), ((), None)]
)
def test_f22_where_its_endpoint_is_gone_the_newest_other_one_is_taken(offers, expected):
    gone = Failed(PeerRefusedError("HTTP 404", status=404))

    state, effects = played(RENEW, listed(*offers), Offered(OFFERED), gone)

    if expected is None:
        assert (state, effects[-1]) == (Ended(), Stop(gone.error))
    else:
        assert effects[-1] == ReadEndpoints(details(expected), expected, ACCESS)
        state, effect = step(state, EndpointsRead(serves(expected)))
        assert effect == Offer(expected)
        assert stopped(state, gone) == (PeerRefusedError, False)


NEEDS = RequiredModule("cdrs", InterfaceRole.SENDER, Role.CPO)


@pytest.mark.parametrize(
    ("plan", "endpoints", "missing"),
    [
        (CONNECT, (LOCATIONS,), "credentials"),
        (CONNECT, (), "credentials"),
        (RENEW, (LOCATIONS,), "credentials"),
        (replace(CONNECT, required=(NEEDS,)), serves(V230), "cdrs/SENDER"),
        (replace(RENEW, required=(NEEDS,)), serves(V221), "cdrs/SENDER"),
        # Not asked of those that have another role, or of whom nothing is known.
        (replace(CONNECT, required=(NEEDS,), terms=Terms(frozenset({EMSP}))), serves(V230), None),
        (replace(CONNECT, required=(NEEDS,), terms=Terms(any_party=True)), serves(V230), None),
    ],
)
def test_rs_04_nothing_is_sent_to_a_peer_that_lacks_what_we_need(plan, endpoints, missing):
    _, effects = played(plan, listed(V221, V230), EndpointsRead(endpoints))

    if missing is None:
        assert isinstance(effects[-1], Offer)
    else:
        assert (type(effects[-1]), type(effects[-1].error)) == (Stop, PeerEndpointsMissingError)
        assert str(effects[-1].error) == f"the peer's version details lack: {missing}"
        assert not effects[-1].again


@pytest.mark.parametrize("plan", [CONNECT, RENEW], ids=["POST", "PUT"])
@pytest.mark.parametrize("sent", [None, V221], ids=["first", "repeat"])
@pytest.mark.parametrize("reading", ["list", "details"])
@pytest.mark.parametrize(
    ("error", "again"),
    [
        (PeerUnusableError("versions list: could not connect"), True),
        (PeerVersionUnsupportedError("version details: they are of another"), False),
        (PeerRejectedTokenError("versions list: HTTP 401"), False),
    ],
)
def test_a_peer_that_cannot_be_read_is_asked_again_unless_it_refuses_the_token(plan, sent, reading, error, again):
    """F2, F4: one that takes it no more has carried out what was sent with it."""
    before = [listed(V221)] if reading == "details" else []

    _, effects = played(replace(plan, sent=sent), *before, PeerFailed(error))

    lost = sent is not None and isinstance(error, PeerRejectedTokenError)
    assert type(effects[-1].error) is (AnswerLostError if lost else type(error))
    assert effects[-1].again is again


@pytest.mark.parametrize(
    ("code", "status", "again"),
    [
        (2000, 200, False),
        (2001, 200, False),
        (2001, 400, False),
        (None, 400, False),
        (None, 404, False),
        (None, 302, False),
        (3000, 200, True),
        (3001, 200, True),
        (3003, 200, False),
        (3999, 200, True),
        (4000, 200, False),
        (None, 429, True),
        (2000, 429, True),
    ],
)
@pytest.mark.parametrize("plan", [CONNECT, RENEW, replace(CONNECT, sent=V221), replace(RENEW, sent=V221)])
def test_rs_10_a_refusal_is_final_unless_it_is_an_error_of_theirs(plan, code, status, again):
    """A repeat that is refused in this way says nothing about the first."""
    refusal = PeerRefusedError("no", code=code, status=status)

    assert step(asking(plan), Failed(refusal)) == (Ended(), Stop(refusal, again))


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (OutcomeUnknownError("POST credentials: HTTP 502"), True),
        (PeerUnusableError("POST credentials: could not connect"), True),
        (ExchangeInProgressError("the peer has not used the token yet"), True),
        (NotExpressibleError("2.1.1 has one party"), False),
        (InternalError("id 1"), False),
    ],
)
@pytest.mark.parametrize("plan", [CONNECT, RENEW, replace(RENEW, sent=V221)])
def test_what_may_pass_is_tried_again(plan, error, again):
    assert step(asking(plan), Failed(error)) == (Ended(), Stop(error, again))


UNSUPPORTED = Failed(PeerRefusedError("3002", code=3002, status=200))


@pytest.mark.parametrize(
    ("plan", "offers", "expected"),
    [
        (CONNECT, LISTED_ALL, V221),
        (CONNECT, (V230, V211), V211),
        # There is none, it is not ours to choose, or not the first time.
        (CONNECT, (V230,), None),
        (CONNECT, (V22, V230), None),
        (replace(CONNECT, version=V230), LISTED_ALL, None),
        (replace(CONNECT, sent=V230), LISTED_ALL, None),
        (replace(RENEW, version=V230), LISTED_ALL, None),
        (RENEW, LISTED_ALL, None),
    ],
)
def test_rs_10_3002_is_worth_one_try_with_the_next_lower_version(plan, offers, expected):
    chosen = step(Listing(plan), listed(*offers))[0].version
    state, effects = played(plan, listed(*offers), EndpointsRead(serves(chosen)), Offered(OFFERED), UNSUPPORTED)

    if expected is None:
        assert (state, effects[-1]) == (Ended(), Stop(UNSUPPORTED.error))
        return
    assert effects[-1] == ReadEndpoints(details(expected), expected, ACCESS)
    for event in (EndpointsRead(serves(expected)), Offered(OFFERED)):
        state, effect = step(state, event)
    assert effect == Send(POST, credentials(expected).url, expected)
    assert step(state, UNSUPPORTED) == (Ended(), Stop(UNSUPPORTED.error))


@pytest.mark.parametrize(
    ("plan", "error", "expected", "said"),
    [
        (CONNECT, PeerRejectedTokenError("HTTP 401"), PeerRejectedTokenError, "HTTP 401"),
        (
            CONNECT,
            PeerRefusedError("HTTP 405", status=405),
            PeerRejectedTokenError,
            "HTTP 405: the peer holds that we are registered already",
        ),
        (
            RENEW,
            PeerRejectedTokenError("HTTP 401"),
            PeerRejectedTokenError,
            "HTTP 401: the peer does not know our registration",
        ),
        (
            RENEW,
            PeerRefusedError("HTTP 405", status=405, code=2000),
            PeerRejectedTokenError,
            "HTTP 405: the peer does not know our registration",
        ),
        (
            replace(CONNECT, sent=V221),
            PeerRefusedError("HTTP 405", status=405),
            AnswerLostError,
            "HTTP 405: the peer has carried out our POST, and its answer is lost",
        ),
        (
            replace(CONNECT, sent=V221),
            PeerRejectedTokenError("HTTP 401"),
            AnswerLostError,
            "HTTP 401: the peer has carried out our POST, and its answer is lost",
        ),
        (
            replace(RENEW, sent=V221),
            PeerRejectedTokenError("HTTP 401"),
            AnswerLostError,
            "HTTP 401: the peer has carried out our PUT, and its answer is lost",
        ),
    ],
)
def test_a5_rs_11_401_and_405_say_that_the_peer_sees_us_otherwise(plan, error, expected, said):
    after, effect = step(asking(plan), Failed(error))

    assert (after, type(effect.error), str(effect.error), effect.again) == (Ended(), expected, said, False)


@pytest.mark.parametrize(
    "event",
    [
        Answered(None),
        Failed(PeerRejectedTokenError("HTTP 401")),
        Failed(PeerRefusedError("HTTP 404", status=404)),
        Failed(PeerRefusedError("HTTP 405", status=405, code=2000)),
    ],
)
def test_un_06_whoever_does_not_know_us_has_no_registration_of_ours(event):
    state, effects = played(END, event)

    assert effects == [Send(DELETE, credentials(V221).url), Leave()]
    assert state == Ended()


@pytest.mark.parametrize(
    "error",
    [
        OutcomeUnknownError("DELETE credentials: HTTP 502"),
        PeerUnusableError("DELETE credentials: could not connect"),
        PeerRefusedError("2001", code=2001, status=200),
        PeerRefusedError("HTTP 400", status=400),
    ],
)
def test_un_06_what_else_goes_wrong_with_delete_is_tried_again(error):
    assert step(Leaving(END), Failed(error)) == (Ended(), Stop(error, again=True))


@pytest.mark.parametrize(
    ("plan", "token", "flaw"),
    [
        (CONNECT, OFFERED, "is the one that we sent"),
        (RENEW, OFFERED, "is the one that we sent"),
        (CONNECT, ACCESS, "is the one that we registered with"),
        (CONNECT, Token("x" * 65), "must have at most 64 characters"),
        (replace(CONNECT, quirks=Quirks(token_max_len=100)), Token("x" * 101), "must have at most 100 characters"),
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
        (CONNECT.terms, (CPO, STRANGER), (STRANGER,), (f"roles: {STRANGER} was not expected",)),
        (
            Terms(),
            (STRANGER, CPO),
            (CPO, STRANGER),
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

    assert (effect.token, effect.asked, effect.warnings) == (GIVEN, asked, warnings)
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
    ("announcement", "said"),
    [
        (answer(CPO, CPO), f"roles: {CPO} is listed twice"),
        (replace(answer(), parties=()), "roles: at least one role is needed"),
        (
            Announcement(GIVEN, None, (AnnouncedParty("business_details", BusinessDetails("K")),)),
            "party_id: is required; the invitation does not name exactly one party",
        ),
    ],
)
def test_f12_parties_that_make_no_sense_do_not_cost_us_the_token(announcement, said):
    effect = kept(announcement)

    assert (effect.token, effect.parties, effect.asked, effect.warnings) == (GIVEN, None, (), (said,))


UNAUTHORIZED = PeerFailed(PeerRejectedTokenError("versions list: HTTP 401"))
AWAY = PeerFailed(PeerUnusableError("versions list: could not connect"))
NOT_TAKEN = Finish("the peer does not take the token that it gave: versions list: HTTP 401")


@pytest.mark.parametrize(
    ("spare", "events", "asked", "end"),
    [
        (None, [listed()], [GIVEN], Finish()),
        (None, [UNAUTHORIZED], [GIVEN], NOT_TAKEN),
        (None, [AWAY], [GIVEN], Finish("the new token could not be tried: versions list: could not connect")),
        # F6: of two tokens that may be the later one, the one that works is used.
        (SPARE, [listed()], [GIVEN], Finish()),
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


STATES = [
    CONNECT,
    END,
    Listing(CONNECT),
    Detailing(CONNECT, V221, {V221: details(V221)}),
    asking(),
    Leaving(END),
    Kept(CONNECT),
    Trying(CONNECT),
    Ended(),
]
EVENTS = [
    Begun(),
    listed(V221),
    EndpointsRead(serves(V221)),
    AWAY,
    Offered(OFFERED),
    Answered(answer(), OFFERED),
    Answered(None),
    Failed(OutcomeUnknownError("?")),
    Committed(GIVEN),
]
LEGAL = {
    Plan: {0},
    Listing: {1, 3},
    Detailing: {2, 3},
    Asking: {4, 5, 7},
    Leaving: {5, 6, 7},
    Kept: {8},
    Trying: {1, 3},
    Ended: set(),
}


@pytest.mark.parametrize("state", STATES, ids=lambda state: type(state).__name__)
@pytest.mark.parametrize("index", range(len(EVENTS)), ids=lambda index: type(EVENTS[index]).__name__)
def test_what_cannot_happen_is_a_defect(state, index):
    if index in LEGAL[type(state)]:
        step(state, EVENTS[index])
        return
    with pytest.raises(IllegalTransitionError) as raised:
        step(state, EVENTS[index])
    assert str(raised.value) == f"{type(EVENTS[index]).__name__} while {type(state).__name__}"


VERSIONS = st.sampled_from([V211, V22, V221, V230, V2100])
KEYS = st.sampled_from([CPO, EMSP, OURS, STRANGER])
TOKENS = st.sampled_from([ACCESS, OFFERED, GIVEN, Token("x" * 70)])
CODES, STATUSES = st.sampled_from([None, 2000, 2001, 3000, 3002]), st.sampled_from([200, 400, 404, 405, 429])
ERRORS = st.one_of(
    st.builds(PeerRefusedError, st.just("refused"), code=CODES, status=STATUSES),
    st.sampled_from([OutcomeUnknownError("?"), PeerRejectedTokenError("401"), PeerUnusableError("away")]),
)
ANSWERS = st.builds(lambda keys, token: answer(*keys, token=token), st.lists(KEYS, min_size=1, max_size=3), TOKENS)
PLANS = st.builds(
    replace,
    st.sampled_from([CONNECT, RENEW, END]),
    offers=st.frozensets(VERSIONS),
    version=st.none() | VERSIONS,
    sent=st.none() | VERSIONS,
    terms=st.builds(Terms, st.frozensets(KEYS), st.booleans()),
    required=st.sampled_from([(), (NEEDS,)]),
    quirks=st.builds(Quirks, echoes_our_roles=st.booleans()),
)


def happens(effect):
    """What may come of an effect."""
    failures = st.builds(
        PeerFailed, st.sampled_from([AWAY.error, UNAUTHORIZED.error, PeerVersionUnsupportedError("another")])
    )
    match effect:
        case ReadVersions():
            return failures | st.lists(VERSIONS).map(lambda versions: listed(*versions))
        case ReadEndpoints(_, version):
            return failures | st.sampled_from([EndpointsRead(serves(version)), EndpointsRead(())])
        case Offer():
            return st.just(Offered(OFFERED)) | st.just(Failed(NotExpressibleError("no")))
        case Send(kind):
            done = st.just(Answered(None)) if kind is DELETE else st.builds(Answered, ANSWERS, st.just(OFFERED))
            return done | st.builds(Failed, ERRORS)
        case Keep():
            return st.builds(Committed, st.just(GIVEN), st.sampled_from([None, SPARE]))
    return None


@given(PLANS, st.data())
def test_whatever_the_peer_does_it_ends_and_no_request_leaves_without_a_token_that_works(plan, data):
    """RS-06, F2: at most two requests in one attempt, each after its own offer, and nothing after an answer is kept."""
    state, effect = step(plan, Begun())
    happened = [effect]
    while (outcomes := happens(effect)) is not None:
        event = data.draw(outcomes)
        state, effect = step(state, event)
        happened += [event, effect]

    assert state == Ended()
    sends = [index for index, one in enumerate(happened) if isinstance(one, Send)]
    for index in sends:
        if happened[index].kind is not DELETE:
            offer, offered = happened[index - 2 : index]
            assert (offer, offered) == (Offer(happened[index].version), Offered(OFFERED))
            assert happened[index].url in {credentials(happened[index].version).url, credentials(V221).url}
    assert len(sends) <= 2
    assert plan.sent is None or len({happened[index].version for index in sends}) <= 1 or plan.sent == plan.current
    kept_at = next((index for index, one in enumerate(happened) if isinstance(one, Keep)), None)
    assert kept_at is None or all(index < kept_at for index in sends)


@given(PLANS, st.lists(st.sampled_from(EVENTS) | ERRORS.map(Failed), max_size=12))
def test_no_event_in_any_state_raises_anything_but_that_it_is_illegal(plan, events):
    state = plan
    for event in [Begun(), *events]:
        try:
            state, effect = step(state, event)
        except IllegalTransitionError:
            continue
        assert not isinstance(effect, Stop) or isinstance(effect.error, BrokerError)


def test_nothing_of_it_prints_a_token():
    state, effects = played(
        replace(CONNECT, spare=SPARE), listed(V221), EndpointsRead(serves(V221)), Offered(OFFERED),
        Answered(answer(), OFFERED),
    )  # fmt: skip

    printed = f"{state!r} {effects!r} {Offered(OFFERED)!r} {Committed(GIVEN, SPARE)!r} {Answered(answer(), OFFERED)!r}"
    assert not [token for token in (ACCESS, OFFERED, GIVEN, SPARE) if token.reveal() in printed]
