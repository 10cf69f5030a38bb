"""The Receiver's handshake without a byte on a wire: the decision table, F3 to F5, and what step() never does."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.model import (
    AnnouncedParty,
    Announcement,
    BusinessDetails,
    Credentials,
    Endpoint,
    InterfaceRole,
    Party,
    PartyKey,
    Registration,
    RequiredModule,
    Role,
    Terms,
    Token,
    Version,
)
from broker.core.receiver import (
    Deleted,
    Dissolve,
    Dissolved,
    EndpointsRead,
    Establish,
    Established,
    IllegalTransitionError,
    PeerFailed,
    Posted,
    Presented,
    Put,
    ReadEndpoints,
    ReadVersions,
    Refuse,
    Rules,
    Standing,
    Verifying,
    VersionsRead,
    step,
)
from broker.errors import (
    AlreadyRegisteredError,
    BodyNotJsonError,
    CredentialsInvalidError,
    ExchangeInProgressError,
    NotRegisteredError,
    PartyNotAllowedError,
    PeerEndpointsMissingError,
    PeerUnusableError,
    PeerVersionUnsupportedError,
)

V22, V221, V230 = Version("2.2"), Version("2.2.1"), Version("2.3.0")
URL = "https://peer.example/ocpi/versions"
ELSEWHERE = "https://thief.example/ocpi/versions"
DETAILS = "https://peer.example/ocpi/2.2.1"
SECRET = "token-b-generated-by-the-peer"
TOKEN = Token(SECRET)

CPO = PartyKey("DE", "KWL", Role.CPO)
EMSP = PartyKey("DE", "KWL", Role.EMSP)
OTHER = PartyKey("FR", "XYZ", Role.CPO)
NOBODY = PartyKey("NL", "ABC", Role.CPO)

CREDENTIALS = Endpoint("credentials", InterfaceRole.RECEIVER, "https://peer.example/ocpi/2.2.1/credentials")
LOCATIONS = Endpoint("locations", InterfaceRole.SENDER, "https://peer.example/ocpi/2.2.1/locations")
NEEDS_LOCATIONS = RequiredModule("locations", InterfaceRole.SENDER, Role.CPO)

ANSWERED = 1_000
SINCE = ANSWERED + 1


def parties(*keys):
    return tuple(Party(key, BusinessDetails(f"Company {key}")) for key in keys)


def credentials(*keys, url=URL, token=TOKEN):
    return Credentials(token, url, parties(*(keys or (CPO, EMSP))))


def body(*keys, url=URL, token=TOKEN, warnings=()):
    """The same as it is announced from 2.2 on."""
    announced = tuple(
        AnnouncedParty(f"roles[{index}]", party.details, party.key.country_code, party.key.party_id, party.key.role)
        for index, party in enumerate(parties(*(keys or (CPO, EMSP))))
    )
    return Announcement(token, url, announced, warnings=warnings)


def meant(announced):
    """What an announcement that leaves nothing out says."""
    named = (Party(PartyKey(one.country_code, one.party_id, one.role), one.details) for one in announced.parties)
    return Credentials(announced.token, announced.url, tuple(named))


THEIRS = credentials()
BODY = body()
UNREADABLE = BodyNotJsonError("the body is not JSON")
REGISTRATION = Registration(V221, credentials(token=Token("an-older-token")), (CREDENTIALS, LOCATIONS))

INVITED = Standing(Terms(frozenset({CPO, EMSP, OTHER})), Presented.INVITATION)
CURRENT = Standing(INVITED.terms, Presented.CURRENT, REGISTRATION, answered_at=ANSWERED, newest_version=V221)
REPLACED = replace(CURRENT, presented=Presented.REPLACED)
SPENT = replace(CURRENT, presented=Presented.SPENT_INVITATION)
STANDINGS = {"invited": INVITED, "spent": SPENT, "current": CURRENT, "replaced": REPLACED}
VERIFYING = Verifying(INVITED, V221, THEIRS)


def post(theirs=BODY, *, version=V221, arrived=SINCE):
    return Posted(version, theirs, arrived)


def put(theirs=BODY, *, version=V221, arrived=SINCE):
    return Put(version, theirs, arrived)


def refusal(state, event):
    """The refusal that the event ends in; None if the exchange goes on."""
    _, effect = step(state, event)
    return effect.error if isinstance(effect, Refuse) else None


# Appendix A of the reference, rows 5 to 13, as far as they depend on what stands and what arrives.
PROCESSED, ENDED = ReadVersions, Dissolve
DECISIONS = [
    # 5: the invitation, not registered
    ("5 POST", INVITED, post(), PROCESSED),
    ("5 POST, clock of an answer that never was", INVITED, post(arrived=0), PROCESSED),
    ("5 PUT", INVITED, put(), NotRegisteredError),
    ("5 DELETE", INVITED, Deleted(), NotRegisteredError),
    # 6: the invitation, spent and kept for a repeat
    ("6 POST, a repeat", SPENT, post(), PROCESSED),
    ("6 POST, a duplicate", SPENT, post(arrived=ANSWERED), AlreadyRegisteredError),
    ("6 POST, elsewhere", SPENT, post(body(url=ELSEWHERE)), AlreadyRegisteredError),
    ("6 POST, other roles", SPENT, post(body(CPO)), AlreadyRegisteredError),
    ("6 PUT", SPENT, put(), NotRegisteredError),
    ("6 DELETE", SPENT, Deleted(), NotRegisteredError),
    # 7: the token in use
    ("7 POST", CURRENT, post(), AlreadyRegisteredError),
    ("7 PUT", CURRENT, put(), PROCESSED),
    ("7 PUT, a duplicate", CURRENT, put(arrived=ANSWERED), ExchangeInProgressError),
    ("7 DELETE", CURRENT, Deleted(), ENDED),
    # 8: the token before it
    ("8 POST", REPLACED, post(), AlreadyRegisteredError),
    ("8 PUT, a repeat", REPLACED, put(), PROCESSED),
    ("8 PUT, a duplicate", REPLACED, put(arrived=ANSWERED), ExchangeInProgressError),
    ("8 PUT, elsewhere", REPLACED, put(body(url=ELSEWHERE)), CredentialsInvalidError),
    ("8 PUT, added roles", REPLACED, put(body(CPO, EMSP, OTHER)), PartyNotAllowedError),
    ("8 DELETE", REPLACED, Deleted(), ENDED),
    # 9 to 11: a body that cannot be read is told only to those who may send one
    ("9 POST", INVITED, post(UNREADABLE), BodyNotJsonError),
    ("9 POST with a spent invitation", SPENT, post(UNREADABLE), AlreadyRegisteredError),
    ("9 POST when registered", CURRENT, post(UNREADABLE), AlreadyRegisteredError),
    ("9 POST with a replaced token", REPLACED, post(UNREADABLE), AlreadyRegisteredError),
    ("9 PUT", CURRENT, put(UNREADABLE), BodyNotJsonError),
    ("9 PUT with a replaced token", REPLACED, put(UNREADABLE), BodyNotJsonError),
    ("9 PUT with the invitation", INVITED, put(UNREADABLE), NotRegisteredError),
    ("9 PUT with a spent invitation", SPENT, put(UNREADABLE), NotRegisteredError),
    ("9 PUT, a duplicate", CURRENT, put(UNREADABLE, arrived=ANSWERED), ExchangeInProgressError),
    # 11: a url that is not where it was agreed to be
    ("11 PUT elsewhere", CURRENT, put(body(url=ELSEWHERE)), CredentialsInvalidError),
    # 12: parties
    ("12 POST", INVITED, post(body(NOBODY)), PartyNotAllowedError),
    ("12 PUT", CURRENT, put(body(NOBODY)), PartyNotAllowedError),
    # 13: downgrade
    ("13 POST", replace(INVITED, newest_version=V230), post(), PeerVersionUnsupportedError),
    ("13 POST, a repeat", SPENT, post(version=V22), PeerVersionUnsupportedError),
    ("13 PUT", CURRENT, put(version=V22), PeerVersionUnsupportedError),
    ("13 PUT with a replaced token", REPLACED, put(version=V22), PeerVersionUnsupportedError),
]


@pytest.mark.parametrize(("state", "event", "expected"), [row[1:] for row in DECISIONS], ids=[r[0] for r in DECISIONS])
def test_the_decision_table(state, event, expected):
    after, effect = step(state, event)

    if expected is PROCESSED:
        assert after == Verifying(state, event.version, THEIRS)
        assert effect == ReadVersions(URL, TOKEN)
    elif expected is ENDED:
        assert (after, effect) == (Dissolved(), Dissolve())
    else:
        assert type(effect.error) is expected
        assert after == state


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        # 15 to 17, and 19: what the peer's own API said
        (PeerFailed(PeerUnusableError("did not answer")), PeerUnusableError),
        (VersionsRead({}), PeerVersionUnsupportedError),
        (VersionsRead({V22: DETAILS, V230: DETAILS}), PeerVersionUnsupportedError),
        (VersionsRead({V22: ELSEWHERE, V221: DETAILS}), ReadEndpoints(DETAILS, V221, TOKEN)),
    ],
    ids=["15", "16 nothing listed", "16 others listed", "16 listed"],
)
@pytest.mark.parametrize("before", STANDINGS.values(), ids=STANDINGS)
def test_the_peers_version_list_decides_how_it_goes_on(before, event, expected):
    verifying = Verifying(before, V221, THEIRS)

    after, effect = step(verifying, event)

    if isinstance(expected, ReadEndpoints):
        assert (after, effect) == (replace(verifying, details_url=DETAILS), expected)
    else:
        assert type(effect.error) is expected
        assert after == before


def reading_details(before=INVITED, theirs=THEIRS):
    """The state in which the peer's version details are awaited."""
    state, _ = step(Verifying(before, V221, theirs), VersionsRead({V221: DETAILS}))
    return state


@pytest.mark.parametrize(
    ("endpoints", "required", "told"),
    [
        ((CREDENTIALS, LOCATIONS), (), None),
        ((CREDENTIALS, LOCATIONS), (NEEDS_LOCATIONS,), None),
        ((CREDENTIALS,), (), None),
        ((CREDENTIALS,), (NEEDS_LOCATIONS,), "locations/SENDER"),
        ((LOCATIONS,), (), "credentials"),
        ((), (NEEDS_LOCATIONS,), "credentials, locations/SENDER"),
    ],
)
@pytest.mark.parametrize("standing", STANDINGS.values(), ids=STANDINGS)
def test_row_17_details_must_list_what_the_tenant_requires(standing, endpoints, required, told):
    before = replace(standing, rules=Rules(required=required))

    after, effect = step(reading_details(before), EndpointsRead(endpoints))

    if told is None:
        registration = Registration(V221, THEIRS, endpoints)
        assert (after, effect) == (Established(registration), Establish(registration))
    else:
        assert isinstance(effect.error, PeerEndpointsMissingError)
        assert str(effect.error).endswith(f": {told}")
        assert after == before


@pytest.mark.parametrize("error", [PeerUnusableError("a"), PeerEndpointsMissingError("b")])
def test_a_failure_while_the_details_are_read_leaves_what_stood_before(error):
    assert step(reading_details(CURRENT), PeerFailed(error)) == (CURRENT, Refuse(error))


@pytest.mark.parametrize(("before", "event"), [(INVITED, post()), (SPENT, post()), (CURRENT, put()), (REPLACED, put())])
def test_effects_come_in_order_and_show_the_token_of_the_body(before, event):
    """RR-05, RR-06, RR-16: list, details, then one commit; never the token that was replaced."""
    effects = []
    state = before
    for happened in (event, VersionsRead({V22: ELSEWHERE, V221: DETAILS}), EndpointsRead((CREDENTIALS, LOCATIONS))):
        state, effect = step(state, happened)
        effects.append(effect)

    registration = Registration(V221, THEIRS, (CREDENTIALS, LOCATIONS))
    assert effects == [ReadVersions(URL, TOKEN), ReadEndpoints(DETAILS, V221, TOKEN), Establish(registration)]
    assert state == Established(registration)


def test_a_registration_is_replaced_as_a_whole():
    """UR-01: what the new body omits is gone."""
    state, _ = step(CURRENT, put(body(CPO)))
    state, _ = step(state, VersionsRead({V221: DETAILS}))
    state, _ = step(state, EndpointsRead((CREDENTIALS,)))

    assert state.registration == Registration(V221, credentials(CPO), (CREDENTIALS,))


# Everything is wrong, then one thing after the other is put right.
WRONG = [
    (put(UNREADABLE, version=V22, arrived=ANSWERED), ExchangeInProgressError),
    (put(UNREADABLE, version=V22), BodyNotJsonError),
    (put(body(NOBODY, url=ELSEWHERE), version=V22), CredentialsInvalidError),
    (put(body(NOBODY), version=V22), PartyNotAllowedError),
    (put(BODY, version=V22), PeerVersionUnsupportedError),
    (put(BODY), type(None)),
]


@pytest.mark.parametrize(("event", "expected"), WRONG)
def test_of_several_things_wrong_the_first_row_of_the_table_is_told(event, expected):
    assert type(refusal(CURRENT, event)) is expected


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


PINNED = "https://pinned.example/anything"


@pytest.mark.parametrize(
    ("pinned", "registered", "url", "admitted"),
    [
        (None, None, ELSEWHERE, True),
        (PINNED, None, "https://pinned.example/versions", True),
        (PINNED, None, "https://PINNED.example:443", True),
        (PINNED, None, "https://pinned.example:8443/versions", False),
        (PINNED, None, "http://pinned.example/versions", False),
        (PINNED, None, "https://pinned.example.thief.example/", False),
        (PINNED, None, "https://sub.pinned.example/", False),
        (PINNED, None, URL, False),
        (None, URL, URL, True),
        (None, URL, "https://peer.example/elsewhere", True),
        (None, URL, ELSEWHERE, False),
        # The operator agreed to the first, the exchange before this one to the second.
        (PINNED, URL, PINNED, True),
        (PINNED, URL, URL, True),
        (PINNED, URL, ELSEWHERE, False),
    ],
)
def test_f9_a_connection_stays_where_it_was_agreed_to_be(pinned, registered, url, admitted):
    registration = registered and Registration(V221, credentials(url=registered), (CREDENTIALS,))
    state = Standing(Terms(any_party=True, versions_url=pinned), Presented.CURRENT, registration)

    error = refusal(state, put(body(url=url)))

    assert admitted == (error is None)
    if not admitted:
        assert isinstance(error, CredentialsInvalidError)
        assert str(error).startswith("url: ")


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


@pytest.mark.parametrize(
    ("newest", "version", "admitted"),
    [
        (None, "2.0", True),
        ("2.2.1", "2.2.1", True),
        ("2.2.1", "2.3.0", True),
        ("2.2.1", "2.2", False),
        ("2.3.0", "2.2.1", False),
        ("2.9", "2.10", True),
        ("2.10", "2.9", False),
    ],
)
@pytest.mark.parametrize(("presented", "event"), [(Presented.INVITATION, Posted), (Presented.CURRENT, Put)])
def test_a34_there_is_no_silent_way_back(presented, event, newest, version, admitted):
    state = Standing(Terms(any_party=True), presented, newest_version=newest and Version(newest))

    error = refusal(state, event(Version(version), BODY, SINCE))

    assert type(error) is (type(None) if admitted else PeerVersionUnsupportedError)


EVENTS = [
    post(),
    put(),
    Deleted(),
    VersionsRead({V221: DETAILS}),
    EndpointsRead((CREDENTIALS,)),
    PeerFailed(PeerUnusableError("did not answer")),
]
POSSIBLE = [
    (INVITED, {Posted, Put, Deleted}),
    (VERIFYING, {VersionsRead, PeerFailed}),
    (reading_details(), {EndpointsRead, PeerFailed}),
    (Established(REGISTRATION), set()),
    (Dissolved(), set()),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize(("state", "possible"), POSSIBLE, ids=["standing", "list", "details", "done", "over"])
def test_what_cannot_follow_is_a_defect_of_the_loop(state, possible, event):
    if type(event) in possible:
        step(state, event)
    else:
        with pytest.raises(IllegalTransitionError, match=f"^{type(event).__name__} while {type(state).__name__}$"):
            step(state, event)


def test_details_cannot_be_read_before_the_list():
    verifying, _ = step(INVITED, post())

    with pytest.raises(IllegalTransitionError):
        step(verifying, EndpointsRead((CREDENTIALS,)))


@pytest.mark.parametrize("state", [INVITED, CURRENT, VERIFYING, Established(Registration(V221, THEIRS, ()))])
@pytest.mark.parametrize("event", [post(), put()])
def test_no_state_event_or_effect_prints_a_token(state, event):
    shown = [state, event]
    if isinstance(state, Standing):
        shown += step(state, event)
    shown += step(VERIFYING, VersionsRead({V221: DETAILS}))

    assert [value for value in shown if SECRET in f"{value!r} {value}"] == []


KEYS = st.sampled_from([CPO, EMSP, OTHER])
KEY_SETS = st.frozensets(KEYS)
URLS = st.sampled_from([URL, DETAILS, ELSEWHERE])
VERSIONS = st.sampled_from([V22, V221, V230])
TIMES = st.integers(ANSWERED - 1, ANSWERED + 1)
READABLE = st.builds(lambda keys, url: body(*keys, url=url), st.lists(KEYS, min_size=1, unique=True), URLS)
BODIES = st.just(UNREADABLE) | READABLE
ENDPOINTS = st.lists(st.sampled_from([CREDENTIALS, LOCATIONS]), unique=True).map(tuple)
STANDING = st.builds(
    Standing,
    terms=st.builds(Terms, KEY_SETS, st.booleans(), st.none() | URLS),
    presented=st.sampled_from(Presented),
    registration=st.none() | st.builds(Registration, VERSIONS, READABLE.map(meant), ENDPOINTS),
    answered_at=TIMES,
    newest_version=st.none() | VERSIONS,
    held_elsewhere=KEY_SETS,
    rules=st.builds(
        Rules,
        ours=KEY_SETS,
        required=st.sampled_from([(), (NEEDS_LOCATIONS,)]),
        versions=st.none() | st.frozensets(VERSIONS),
        may_downgrade=st.booleans(),
        approval=st.booleans(),
    ),
)
EVENT = st.one_of(
    st.builds(Posted, VERSIONS, BODIES, TIMES),
    st.builds(Put, VERSIONS, BODIES, TIMES),
    st.just(Deleted()),
    st.builds(VersionsRead, st.dictionaries(VERSIONS, URLS)),
    st.builds(EndpointsRead, ENDPOINTS),
    st.just(PeerFailed(PeerUnusableError("did not answer"))),
)


def answers(effect, event):
    """Whether the loop would ask that after this: details are read only when they were asked for."""
    return isinstance(effect, ReadEndpoints) or not isinstance(event, EndpointsRead)


@given(STANDING, st.lists(EVENT, max_size=12))
def test_whatever_happens_a_refusal_changes_nothing_and_only_both_answers_establish(standing, events):
    state, effect, since = standing, None, []
    for event in events:
        if not answers(effect, event):
            continue
        try:
            state, effect = step(state, event)
        except IllegalTransitionError:
            continue
        since.append(type(event))
        match effect:
            case Refuse():
                assert state is standing
                since = []
            case Establish(registration):
                assert since[0] in {Posted, Put}
                assert since[-2:] == [VersionsRead, EndpointsRead]
                assert set(since[1:-2]) <= {VersionsRead}
                assert state == Established(registration)
                assert "credentials" in {endpoint.module for endpoint in registration.endpoints}
            case Dissolve():
                assert since == [Deleted]
                assert standing.presented in {Presented.CURRENT, Presented.REPLACED}
            case _:
                assert isinstance(state, Verifying)
                assert state.before is standing


def went_on(standing, version):
    return standing.registration is not None and standing.registration.version == version


def went_back(standing, version):
    locked = standing.newest_version is not None and not standing.rules.may_downgrade
    return locked and version < standing.newest_version


@given(STANDING, VERSIONS, BODIES, TIMES)
def test_whatever_stands_what_goes_on_was_allowed(standing, version, theirs, arrived):
    """No way round the terms, the parties of others, the pinned host or the clock of the last answer."""
    for event in (Posted(version, theirs, arrived), Put(version, theirs, arrived)):
        after, effect = step(standing, event)
        if isinstance(effect, Refuse):
            continue
        assert isinstance(after, Verifying)
        covers = standing.terms.coverage(exact=standing.rules.exact)
        assert all(covers(key) for key in after.theirs.keys)
        assert not after.theirs.keys & (standing.held_elsewhere | standing.rules.ours)
        assert arrived > standing.answered_at or standing.presented is Presented.INVITATION
        assert standing.rules.versions is None or version in standing.rules.versions
        assert went_on(standing, version) or not went_back(standing, version)
        allowed = {Presented.INVITATION, Presented.SPENT_INVITATION}
        assert (standing.presented in allowed) == isinstance(event, Posted)
