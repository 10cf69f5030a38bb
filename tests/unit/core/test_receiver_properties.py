"""What step() of the Receiver never does, whatever stands and whatever comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.model import Registration, Terms
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
    Refuse,
    Rules,
    Standing,
    Verifying,
    VersionsRead,
    step,
)
from broker.errors import PeerUnusableError
from tests.unit.core.receiving import (
    ANSWERED,
    CPO,
    CREDENTIALS,
    CURRENT,
    DETAILS,
    ELSEWHERE,
    EMSP,
    INVITED,
    LOCATIONS,
    NEEDS_LOCATIONS,
    OTHER,
    REGISTRATION,
    SECRET,
    THEIRS,
    UNREADABLE,
    URL,
    V22,
    V221,
    V230,
    VERIFYING,
    body,
    meant,
    post,
    put,
    reading_details,
)

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
