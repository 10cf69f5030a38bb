"""What step() of the Sender never does, whatever the peer does."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.model import Terms, Token
from broker.core.quirks import Quirks
from broker.core.receiver import EndpointsRead, IllegalTransitionError, PeerFailed, ReadEndpoints, ReadVersions
from broker.core.sender import (
    Answered,
    Asking,
    Begun,
    Committed,
    Detailing,
    Ended,
    Failed,
    Keep,
    Kept,
    Leaving,
    Listing,
    Offer,
    Offered,
    Plan,
    Send,
    Stop,
    Trying,
    step,
)
from broker.errors import (
    BrokerError,
    NotExpressibleError,
    OutcomeUnknownError,
    PeerRefusedError,
    PeerRejectedTokenError,
    PeerUnusableError,
    PeerVersionUnsupportedError,
)
from tests.unit.core.sending import (
    ACCESS,
    AWAY,
    CONNECT,
    CPO,
    DELETE,
    EMSP,
    END,
    GIVEN,
    NEEDS,
    OFFERED,
    OURS,
    RENEW,
    SPARE,
    STRANGER,
    UNAUTHORIZED,
    V22,
    V211,
    V221,
    V230,
    V2100,
    answer,
    asking,
    credentials,
    details,
    listed,
    played,
    serves,
)

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
