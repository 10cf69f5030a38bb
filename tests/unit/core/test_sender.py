"""The Sender's side of an exchange without a byte on a wire: what is read, and which version is chosen (F22, RS-04)."""

from dataclasses import replace

import pytest

from broker.core.model import Terms
from broker.core.receiver import EndpointsRead, PeerFailed, ReadEndpoints, ReadVersions, VersionsRead
from broker.core.sender import Answered, Committed, Ended, Failed, Finish, Keep, Offer, Offered, Send, Stop, step
from broker.errors import (
    AnswerLostError,
    PeerEndpointsMissingError,
    PeerRefusedError,
    PeerRejectedTokenError,
    PeerUnusableError,
    PeerVersionUnsupportedError,
)
from tests.unit.core.sending import (
    ACCESS,
    CONNECT,
    CPO,
    DELETE,
    EMSP,
    GIVEN,
    LISTED_ALL,
    LOCATIONS,
    NEEDS,
    OFFERED,
    POST,
    PUT,
    RENEW,
    URL,
    V22,
    V211,
    V221,
    V230,
    V2100,
    answer,
    credentials,
    details,
    listed,
    parties,
    played,
    serves,
    stopped,
)


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
        Finish(proven=True),
    ]
    assert state == Ended()


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
        (CONNECT, (V22,), "no version in common: it lists 2.2; we offer 2.1.1, 2.2.1, 2.3.0"),
        (CONNECT, (), "no version in common: it lists nothing; we offer 2.1.1, 2.2.1, 2.3.0"),
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


def test_a_version_that_is_none_is_named():
    _, effects = played(CONNECT, VersionsRead({}, ("2.1.1-d2",)))

    assert "it lists 2.1.1-d2, which is no version number that we know" in str(effects[-1].error)


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


def lasting(error):
    error.lasting = True
    return error


@pytest.mark.parametrize(
    ("plan", "again"),
    [
        (CONNECT, False),
        (RENEW, False),
        (replace(RENEW, patient=True), True),
        (replace(CONNECT, sent=V221), True),
        (replace(RENEW, sent=V221), True),
    ],
    ids=["POST", "PUT", "a scheduled PUT", "a POST in doubt", "a PUT in doubt"],
)
@pytest.mark.parametrize("reading", ["list", "details", "request"])
def test_what_waiting_does_not_mend_is_not_waited_for_unless_nobody_waits_or_much_is_at_stake(plan, again, reading):
    before = {
        "list": [],
        "details": [listed(V221)],
        "request": [listed(V221), EndpointsRead(serves(V221)), Offered(OFFERED)],
    }
    failure = Failed if reading == "request" else PeerFailed

    _, effects = played(plan, *before[reading], failure(lasting(PeerUnusableError("somewhere else"))))

    assert effects[-1].again is again


def test_so_it_is_with_delete():
    plan = replace(RENEW, kind=DELETE, endpoints=serves(V221))

    assert not played(plan, Failed(lasting(PeerUnusableError("DELETE credentials: url is elsewhere"))))[1][-1].again
    assert played(plan, Failed(PeerUnusableError("DELETE credentials: could not connect")))[1][-1].again
