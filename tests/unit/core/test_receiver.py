"""The Receiver without a byte on a wire: the decision table, and what the peer's own API decides."""

from dataclasses import replace

import pytest

from broker.core.model import Registration
from broker.core.receiver import (
    Deleted,
    Dissolve,
    Dissolved,
    EndpointsRead,
    Establish,
    Established,
    PeerFailed,
    ReadEndpoints,
    ReadVersions,
    Refuse,
    Rules,
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
from tests.unit.core.receiving import (
    ANSWERED,
    BODY,
    CPO,
    CREDENTIALS,
    CURRENT,
    DETAILS,
    ELSEWHERE,
    EMSP,
    INVITED,
    LOCATIONS,
    NEEDS_LOCATIONS,
    NOBODY,
    OTHER,
    REPLACED,
    SPENT,
    STANDINGS,
    THEIRS,
    TOKEN,
    UNREADABLE,
    URL,
    V22,
    V221,
    V230,
    body,
    credentials,
    post,
    put,
    reading_details,
    refusal,
)

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


@pytest.mark.parametrize(
    ("listed", "cause"),
    [
        (VersionsRead({}), "it lists nothing"),
        (VersionsRead({V230: DETAILS, V22: DETAILS}), "it lists 2.2, 2.3.0"),
        (VersionsRead({}, ("2.2.1-d2",)), "it lists 2.2.1-d2, which is no version number that we know"),
        (VersionsRead({}, ("2.2.1-d2", "x")), "it lists 2.2.1-d2, x, which are no version numbers that we know"),
        (
            VersionsRead({V22: DETAILS}, ("2.2.1-d2",)),
            "it lists 2.2; and 2.2.1-d2, which is no version number that we know",
        ),
    ],
)
def test_f9_what_the_list_has_instead_is_told_to_operators_only(listed, cause):
    _, effect = step(Verifying(CURRENT, V221, THEIRS), listed)

    assert str(effect.error) == "your version list does not offer 2.2.1"
    assert effect.error.explained == f"your version list does not offer 2.2.1: {cause}"


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
