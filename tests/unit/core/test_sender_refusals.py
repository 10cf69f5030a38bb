"""What the Sender makes of a request that was refused or not answered (RS-10, RS-11, A5, UN-06)."""

from dataclasses import replace

import pytest

from broker.core.receiver import EndpointsRead, ReadEndpoints
from broker.core.sender import Answered, Ended, Failed, Leave, Leaving, Listing, Offered, Send, Stop, step
from broker.errors import (
    AnswerLostError,
    ExchangeInProgressError,
    InternalError,
    NotExpressibleError,
    OutcomeUnknownError,
    PeerRefusedError,
    PeerRejectedTokenError,
    PeerUnusableError,
)
from tests.unit.core.sending import (
    ACCESS,
    CONNECT,
    DELETE,
    END,
    LISTED_ALL,
    OFFERED,
    POST,
    RENEW,
    V22,
    V211,
    V221,
    V230,
    asking,
    credentials,
    details,
    listed,
    played,
    serves,
)


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


GOOD = "the token is good, since the peer has just answered GETs with it"
JUST = "although it has just answered GETs with the same token"
LOST = "the peer seems to have carried out our earlier {}, whose answer did not reach us or was of no use"


@pytest.mark.parametrize(
    ("plan", "error", "expected", "said"),
    [
        (CONNECT, PeerRejectedTokenError("HTTP 401"), PeerRejectedTokenError, f"HTTP 401: it refuses, {JUST}"),
        (
            CONNECT,
            PeerRefusedError("HTTP 405", status=405),
            PeerRejectedTokenError,
            f"HTTP 405: {GOOD}; it has us registered already, or does not offer POST",
        ),
        (
            RENEW,
            PeerRejectedTokenError("HTTP 401"),
            PeerRejectedTokenError,
            f"HTTP 401: it refuses, {JUST}",
        ),
        (
            RENEW,
            PeerRefusedError("HTTP 405", status=405, code=2000),
            PeerRefusedError,
            f"HTTP 405: {GOOD}; it does not offer PUT, or does not know this connection",
        ),
        (
            replace(CONNECT, sent=V221),
            PeerRefusedError("HTTP 405", status=405),
            AnswerLostError,
            f"HTTP 405: {LOST.format('POST')}: {GOOD}; it has us registered already, or does not offer POST",
        ),
        (
            replace(CONNECT, sent=V221),
            PeerRejectedTokenError("HTTP 401"),
            AnswerLostError,
            f"HTTP 401: {LOST.format('POST')}: it refuses, {JUST}",
        ),
        (
            replace(RENEW, sent=V221),
            PeerRefusedError("HTTP 405", status=405),
            PeerRefusedError,
            f"HTTP 405: {GOOD}; it does not offer PUT, or does not know this connection",
        ),
        (
            RENEW,
            PeerRefusedError("HTTP 501", status=501),
            PeerRefusedError,
            f"HTTP 501: {GOOD}; it does not offer PUT, or does not know this connection",
        ),
        (
            replace(RENEW, sent=V221),
            PeerRejectedTokenError("HTTP 401"),
            AnswerLostError,
            f"HTTP 401: {LOST.format('PUT')}: it refuses, {JUST}",
        ),
    ],
)
def test_a5_rs_11_401_and_405_say_that_the_peer_sees_us_otherwise(plan, error, expected, said):
    after, effect = step(asking(plan), Failed(error))

    assert (after, type(effect.error), effect.error.explained, effect.again) == (Ended(), expected, said, False)


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
