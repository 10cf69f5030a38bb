"""What tenants and operators decide about a handshake (A17, A19, A34, CO-40, CO-41, F22); and the draft of 2.0."""

from dataclasses import replace

import pytest

from broker.core.model import (
    AnnouncedParty,
    Announcement,
    BusinessDetails,
    Credentials,
    Party,
    PartyKey,
    PartyPattern,
    Registration,
    Role,
    Terms,
    Token,
    Version,
)
from broker.core.quirks import Quirks
from broker.core.receiver import (
    MISSING_IDS,
    EndpointsRead,
    Establish,
    Presented,
    Put,
    ReadVersions,
    Rules,
    Standing,
    Verifying,
    VersionsRead,
    announced,
    step,
)
from broker.errors import (
    AlreadyRegisteredError,
    CredentialsInvalidError,
    NotRegisteredError,
    PartyNotAllowedError,
    PartyNotApprovedError,
    PeerVersionUnsupportedError,
)
from tests.unit.core.test_receiver import (
    CPO,
    CREDENTIALS,
    CURRENT,
    DETAILS,
    ELSEWHERE,
    EMSP,
    INVITED,
    NOBODY,
    OTHER,
    REPLACED,
    SPENT,
    TOKEN,
    URL,
    V22,
    V221,
    V230,
    body,
    post,
    put,
    refusal,
)

V20 = Version("2.0")
OURS = PartyKey("NL", "OWN", Role.EMSP)
ANYBODY = replace(INVITED, terms=Terms(any_party=True))


def ruled(state, **rules):
    return replace(state, rules=Rules(**rules))


def flat(country="DE", party="KWL", **what):
    """As it is announced before 2.2."""
    named = AnnouncedParty("party_id", BusinessDetails("Kabelwerk"), country, party)
    return Announcement(TOKEN, URL, (named,), **what)


DRAFT = Announcement(TOKEN, None, (AnnouncedParty("party_id", BusinessDetails("Kabelwerk")),), draft=True)


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


def test_a_draft_is_registered_as_what_the_invitation_says():
    state = replace(INVITED, terms=Terms(frozenset({CPO}), versions_url=URL))

    state, asked = step(state, post(DRAFT, version=V20))
    assert asked == ReadVersions(URL, TOKEN)
    state, _ = step(state, VersionsRead({V20: DETAILS}))
    _, effect = step(state, EndpointsRead((CREDENTIALS,)))

    assert isinstance(effect, Establish)
    registration = effect.registration
    assert (registration.theirs.keys, registration.theirs.url, registration.draft) == ({CPO}, URL, True)


def test_a_draft_in_put_keeps_ids_and_url_of_the_registration():
    state = replace(CURRENT, registration=replace(CURRENT.registration, version=V20, theirs=one(CPO)))

    after, effect = step(state, put(DRAFT, version=V20))

    assert effect == ReadVersions(URL, TOKEN)
    assert after.theirs.keys == {CPO}


def one(key):
    after, _ = step(INVITED, post(body(key)))
    return after.theirs


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (Terms(frozenset({CPO})), "url: is required; the invitation does not name the version list either"),
        (
            Terms(any_party=True, versions_url=URL),
            "party_id: is required; the invitation does not name exactly one party",
        ),
    ],
)
def test_a_draft_without_what_it_leaves_out_is_2001(terms, said):
    error = refusal(replace(INVITED, terms=terms), post(DRAFT, version=V20))

    assert isinstance(error, CredentialsInvalidError)
    assert str(error) == said


def test_a_draft_of_who_may_not_send_one_is_told_so_first():
    """Row 5 and 7 of the decision table come before the body."""
    assert isinstance(refusal(INVITED, put(DRAFT)), NotRegisteredError)
    assert isinstance(refusal(CURRENT, post(DRAFT)), AlreadyRegisteredError)


@pytest.mark.parametrize(
    ("again", "admitted"),
    [(flat(), True), (flat("NL"), False), (DRAFT, True), (replace(DRAFT, url=ELSEWHERE), False)],
)
def test_f3_a_lost_answer_may_be_fetched_again_without_naming_a_role(again, admitted):
    state = replace(SPENT, registration=replace(SPENT.registration, theirs=one(CPO)))

    error = refusal(state, post(again))

    assert type(error) is (type(None) if admitted else AlreadyRegisteredError)


@pytest.mark.parametrize(
    ("event", "keys"),
    [
        (post(body(CPO, OTHER)), {CPO, OTHER}),
        (put(body(NOBODY)), {NOBODY}),
        (post(CredentialsInvalidError("token: is required")), set()),
        (post(body(token=Token("x" * 65))), set()),
        (post(DRAFT), set()),
    ],
)
def test_the_parties_that_an_exchange_would_register_are_known_beforehand(event, keys):
    """So that the store is asked for their holders only once (PR-02)."""
    assert announced(INVITED, event) == keys
    assert isinstance(step(INVITED, event)[0], Verifying) or refusal(INVITED, event) is not None


def test_a_hub_repeats_its_put_with_all_that_it_reaches():
    """F4, F23: 20,000 parties and a thousand patterns are gone through once each, or this would take minutes."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ01"
    keys = [PartyKey("DE", f"{a}{b}{c}", Role.CPO) for a in letters for b in letters for c in letters][:20_000]
    parties = tuple(Party(key, BusinessDetails("K")) for key in keys)
    patterns = {PartyPattern("FR", f"{a}{b}0", Role.EMSP) for a in letters for b in letters}
    theirs = Credentials(Token("held-token"), URL, parties)
    state = Standing(
        terms=Terms(patterns=frozenset({*patterns, PartyPattern("DE", None, Role.CPO)})),
        presented=Presented.REPLACED,
        registration=Registration(V221, theirs, ()),
    )
    written = tuple(AnnouncedParty("roles", one.details, "DE", one.key.party_id, Role.CPO) for one in parties)

    after, effect = step(state, Put(V221, Announcement(Token("new-held-token"), URL, written), 1))

    assert isinstance(effect, ReadVersions)
    assert isinstance(after, Verifying)
    assert after.theirs.keys == theirs.keys
