"""What tenants and operators decide about hosts, versions and strictness (F9, F22, A34, CO-40, CO-41)."""

from dataclasses import replace

import pytest

from broker.core.model import Registration, Terms, Token, Version
from broker.core.quirks import Quirks
from broker.core.receiver import MISSING_IDS, Posted, Presented, Put, Standing
from broker.errors import CredentialsInvalidError, PeerVersionUnsupportedError
from tests.unit.core.receiving import (
    BODY,
    CREDENTIALS,
    CURRENT,
    ELSEWHERE,
    INVITED,
    REPLACED,
    SINCE,
    URL,
    V20,
    V22,
    V221,
    V230,
    body,
    credentials,
    post,
    put,
    refusal,
    ruled,
)

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


@pytest.mark.parametrize(
    ("versions", "version", "open_to_it"),
    [
        (None, V20, True),
        ({V22, V221}, V22, True),
        ({V22, V221}, V230, False),
        (set(), V221, False),
    ],
)
def test_f22_a_version_is_open_to_a_peer_or_not(versions, version, open_to_it):
    state = ruled(INVITED, versions=None if versions is None else frozenset(versions))

    error = refusal(state, post(version=version))

    assert type(error) is (type(None) if open_to_it else PeerVersionUnsupportedError)
    assert open_to_it or str(error) == f"OCPI {version} is not open to this connection"


@pytest.mark.parametrize("rules", [{"versions": frozenset({V221})}, {}])
@pytest.mark.parametrize("newest", [None, V221, V230])
def test_a34_the_version_in_use_goes_on(rules, newest):
    """Also when the peer has come down to it and the way down is locked again."""
    state = replace(ruled(CURRENT, **rules), newest_version=newest)

    assert refusal(state, put(version=V221)) is None


@pytest.mark.parametrize(("may_downgrade", "error"), [(False, PeerVersionUnsupportedError), (True, type(None))])
@pytest.mark.parametrize("state", [CURRENT, REPLACED])
def test_a34_a_downgrade_is_locked_or_allowed(state, may_downgrade, error):
    assert type(refusal(ruled(state, may_downgrade=may_downgrade), put(version=V22))) is error


def test_a34_an_allowed_downgrade_opens_no_version_that_is_closed():
    state = ruled(CURRENT, may_downgrade=True, versions=frozenset({V221, V230}))

    assert isinstance(refusal(state, put(version=V22)), PeerVersionUnsupportedError)


def test_a34_an_upgrade_is_never_locked():
    assert refusal(CURRENT, put(version=V230)) is None


@pytest.mark.parametrize("warning", ["business_details.logo: must be an object; the logo was dropped", MISSING_IDS])
def test_co40_a_strict_tenant_refuses_what_is_otherwise_noted(warning):
    event = post(body(warnings=(warning, "roles[1].role: is odd")))

    assert refusal(INVITED, event) is None
    error = refusal(ruled(INVITED, strict=True), event)
    assert isinstance(error, CredentialsInvalidError)
    assert str(error) == warning


def test_id07_a_strict_refusal_of_missing_ids_names_the_quirk_that_helps():
    assert refusal(ruled(INVITED, strict=True), post(body(warnings=(MISSING_IDS,)))).quirk == "missing_ids"
    assert refusal(ruled(INVITED, strict=True), post(body(warnings=("url: is odd",)))).quirk is None


def test_a_strict_tenant_takes_what_is_in_order():
    assert refusal(ruled(INVITED, strict=True), post()) is None


@pytest.mark.parametrize(
    ("length", "longest", "admitted"),
    [
        (1, None, True),
        (64, None, True),
        (65, None, False),
        (255, None, False),
        (65, 65, True),
        (66, 65, False),
        (255, 255, True),
        (1, 255, True),
    ],
)
@pytest.mark.parametrize(("state", "event"), [(INVITED, post), (CURRENT, put)])
def test_co41_a_token_has_64_characters_or_as_many_as_the_quirk_says(state, event, length, longest, admitted):
    secret = "x" * length

    error = refusal(ruled(state, quirks=Quirks(token_max_len=longest)), event(body(token=Token(secret))))

    assert admitted == (error is None)
    if error is not None:
        assert isinstance(error, CredentialsInvalidError)
        assert str(error) == f"token: must have at most {longest or 64} characters"
        assert error.quirk == "token_max_len"
