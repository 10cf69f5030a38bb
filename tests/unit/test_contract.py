"""Protobuf and the model: what is written is read again, and what cannot be read is said field by field."""

from dataclasses import replace

import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.contract.callers import caller_role_from_pb, caller_to_pb, grants_from_pb
from broker.contract.names import caller_of, peer_of, resource_id, tenant_id, tenant_of
from broker.contract.parties import (
    announcement_from_pb,
    announcement_to_pb,
    credentials_from_pb,
    credentials_to_pb,
    details_from_pb,
    endpoint_from_pb,
    endpoint_to_pb,
    interface_role_from_pb,
    key_from_pb,
    parties_from_pb,
    party_from_pb,
    party_to_pb,
    role_from_pb,
    role_to_pb,
    style_from_pb,
    versioned_from_pb,
)
from broker.contract.peers import exchange_to_pb, peer_to_pb, quirks_from_pb, rejection_to_pb, terms_from_pb
from broker.contract.tenants import policy_from_pb, policy_to_pb, versioned_endpoints_from_pb, versions_from_pb
from broker.contract.values import Violations, duration, etag, invalid, page_size, seconds_from_pb, timestamp
from broker.core.caller import Caller, CallerRole
from broker.core.exchange import Direction, Exchange, ExchangeKind, Outcome, Step
from broker.core.job import Job, JobState
from broker.core.model import (
    AnnouncedParty,
    Announcement,
    BusinessDetails,
    Credentials,
    Endpoint,
    HeaderForm,
    Image,
    InterfaceRole,
    Party,
    PartyKey,
    PartyPattern,
    Policy,
    RequiredModule,
    Role,
    RolePolicy,
    Sealed,
    Style,
    Terms,
    Token,
    Version,
)
from broker.core.peer import HeldToken, IssuedToken, Peer, PeerState, Purpose, Rejection, TokenState
from broker.core.quirks import Quirks
from broker.errors import InvalidArgumentError
from ocpi_broker.v1 import admin_service_pb2, ocpi_service_pb2, resources_pb2, token_service_pb2

few = settings(max_examples=30)

URL = "https://peer.example/ocpi/versions"
SECRET = "s3cret-credentials-token"
UNKNOWN = 99
LETTERS = "must be two letters (ISO 3166-1 alpha-2)"
IDENTIFIER = "must be three letters or digits"


def text(longest):
    return st.text(st.characters(codec="utf-8"), min_size=1, max_size=longest)


IMAGES = st.builds(
    Image,
    text(20),
    st.sampled_from(["OPERATOR", "OTHER"]),
    st.sampled_from(["png", "svg"]),
    st.none() | text(20),
    st.none() | st.integers(1, 99_999),
    st.none() | st.integers(1, 99_999),
)
DETAILS = st.builds(BusinessDetails, text(100), st.none() | text(255), st.none() | IMAGES)
KEYS = st.builds(
    PartyKey,
    st.sampled_from(["DE", "NL", "fr"]),
    st.text("abcXYZ019", min_size=3, max_size=3),
    st.sampled_from(Role),
)
PARTIES = st.lists(st.builds(Party, KEYS, DETAILS), min_size=1, max_size=3, unique_by=lambda party: party.key)
TOKENS = st.builds(Token, st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255))
STYLES = st.builds(Style, st.booleans(), st.booleans())
ANNOUNCED = st.builds(
    AnnouncedParty,
    st.sampled_from(["roles[0]", "party_id", "hub_party_id"]),
    DETAILS,
    st.none() | st.sampled_from(["DE", "NL"]),
    st.none() | st.text("XYZ019", min_size=3, max_size=3),
    st.none() | st.sampled_from(Role),
)
ANNOUNCEMENTS = st.builds(
    Announcement,
    TOKENS,
    st.none() | text(40),
    st.lists(ANNOUNCED, min_size=1, max_size=3).map(tuple),
    st.booleans(),
    st.lists(text(40), max_size=3).map(tuple),
)
ENDPOINTS = st.builds(
    Endpoint, st.text("abz_-09", min_size=1, max_size=64), st.none() | st.sampled_from(InterfaceRole), text(40)
)
SECONDS = st.integers(0, 366 * 24 * 3600)
RULES = st.builds(
    RequiredModule,
    st.sampled_from(["locations", "tokens"]),
    st.none() | st.sampled_from(InterfaceRole),
    st.none() | st.sampled_from(Role),
)


def party(country="DE", identifier="KWL", role="ROLE_CPO", name="Kraftwerk", **details):
    business = resources_pb2.BusinessDetails(name=name, **details)
    return resources_pb2.Party(country_code=country, party_id=identifier, role=role, business_details=business)


def violations(read, *args):
    """What is wrong, field by field; nothing if it was read."""
    found = Violations()
    try:
        read(*args, found)
        found.check()
    except InvalidArgumentError as err:
        return list(err.violations)
    return []


def fields(read, *args):
    return [field for field, _ in violations(read, *args)]


def refused(read, *args):
    """The violations of a reader that raises by itself."""
    with pytest.raises(InvalidArgumentError) as refusal:
        read(*args)
    return list(refusal.value.violations)


@few
@given(st.builds(Party, KEYS, DETAILS))
def test_a_party_survives(value):
    assert party_from_pb(party_to_pb(value)) == value


@few
@given(st.builds(Credentials, TOKENS, text(40), PARTIES.map(tuple)), STYLES)
def test_credentials_survive_with_the_style_in_which_they_are_written(value, style):
    sent = credentials_to_pb(value, style).SerializeToString()

    received = ocpi_service_pb2.Credentials.FromString(sent)
    assert credentials_from_pb(received) == value
    assert style_from_pb(received.style) == style


@few
@given(ANNOUNCEMENTS)
def test_an_announcement_survives(value):
    sent = announcement_to_pb(value).SerializeToString()

    assert announcement_from_pb(ocpi_service_pb2.Announcement.FromString(sent)) == value


@few
@given(ENDPOINTS)
def test_an_endpoint_survives(value):
    assert endpoint_from_pb(endpoint_to_pb(value)) == value


@few
@given(
    st.builds(
        Policy,
        SECONDS.filter(bool),
        SECONDS,
        SECONDS,
        st.lists(RULES, max_size=3).map(tuple),
        st.sampled_from(RolePolicy),
        st.booleans(),
        st.booleans(),
    )
)
def test_a_policy_survives(value):
    found = Violations()

    assert policy_from_pb(policy_to_pb(value), found) == value
    found.check()


@pytest.mark.parametrize("role", [*Role, None])
def test_a_role_survives(role):
    assert role_from_pb(resources_pb2.Role.Value(role_to_pb(role))) is role


@pytest.mark.parametrize(
    ("enum", "prefix", "ours"),
    [
        (resources_pb2.Role, "ROLE_", Role),
        (resources_pb2.InterfaceRole, "INTERFACE_ROLE_", InterfaceRole),
        (admin_service_pb2.CallerRole, "CALLER_ROLE_", CallerRole),
        (resources_pb2.HeaderForm, "HEADER_FORM_", HeaderForm),
        (resources_pb2.RolePolicy, "ROLE_POLICY_", RolePolicy),
    ],
)
def test_enums_of_contract_and_model_have_the_same_members(enum, prefix, ours):
    names = {name for name, number in enum.items() if number}

    assert names == {f"{prefix}{member.value.upper()}" for member in ours}


def test_letter_case_of_ids_is_levelled():
    assert key_from_pb(party("de", "kwl")) == PartyKey("DE", "KWL", Role.CPO)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (party("DEU"), [("country_code", LETTERS)]),
        (party("ß"), [("country_code", LETTERS)]),
        (party(identifier="KW"), [("party_id", IDENTIFIER)]),
        (party(role="ROLE_UNSPECIFIED"), [("role", "is required")]),
        (resources_pb2.Party(), [("country_code", LETTERS), ("party_id", IDENTIFIER), ("role", "is required")]),
    ],
)
def test_everything_wrong_with_a_party_is_said_at_once(message, expected):
    assert refused(key_from_pb, message) == expected


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"name": ""}, ["business_details.name"]),
        ({"name": "x" * 100}, []),
        ({"name": "\N{ELECTRIC PLUG}" * 100}, []),
        ({"name": "x" * 101}, ["business_details.name"]),
        ({"name": "x", "website": "w" * 255}, []),
        ({"name": "", "website": "w" * 256}, ["business_details.name", "business_details.website"]),
    ],
)
def test_names_and_websites_have_their_lengths(details, expected):
    message = resources_pb2.BusinessDetails(**details)

    assert fields(lambda found: details_from_pb(message)) == expected


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([party()], []),
        ([party(), party(role="ROLE_EMSP")], []),
        ([party(), party("DEU")], ["here[1].country_code"]),
        ([party("DEU"), party(), party(identifier="K", name="")], ["here[0].country_code", "here[2].party_id"]),
        ([party(name="")], ["here[0].business_details.name"]),
        ([party(), party("de", "kwl")], ["here[1]"]),
        ([party(), party(), party()], ["here[1]", "here[2]"]),
        pytest.param(
            [party("DEU"), party(), party()],
            ["here[0].country_code", "here[2]"],
        ),
    ],
)
def test_a_violation_names_the_place_of_the_party(messages, expected):
    assert fields(lambda found: parties_from_pb(messages, "here", found)) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"token": ""}, "credentials"),
        ({"token": SECRET * 11}, "credentials"),
        ({"token": f"{SECRET} é"}, "credentials"),
        ({"parties": []}, "credentials"),
        ({"parties": [party("DEU")]}, "country_code"),
        ({"parties": [party(), party()]}, "credentials"),
    ],
)
def test_credentials_are_refused_without_repeating_the_token(change, expected):
    sound = {"token": SECRET, "url": URL, "parties": [party()]}

    ((field, what),) = refused(credentials_from_pb, ocpi_service_pb2.Credentials(**{**sound, **change}))

    assert field == expected
    assert SECRET not in what


def announced(**change):
    details = resources_pb2.BusinessDetails(name="Kraftwerk")
    return ocpi_service_pb2.AnnouncedParty(**{"path": "roles[0]", "business_details": details, **change})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"token": ""}, ("announcement", "must have 1 to 255 characters")),
        ({"token": SECRET * 11}, ("announcement", "must have 1 to 255 characters")),
        ({"parties": []}, ("announcement.parties", "must not be empty")),
        ({"parties": [announced(country_code="DEU")]}, ("announcement", LETTERS)),
        ({"parties": [announced(), announced(party_id="K")]}, ("announcement", IDENTIFIER)),
        ({"parties": [announced(business_details=None)]}, ("business_details.name", "must have 1 to 100 characters")),
    ],
)
def test_an_announcement_is_refused_without_repeating_the_token(change, expected):
    sound = {"token": SECRET, "url": URL, "parties": [announced()]}

    assert refused(announcement_from_pb, ocpi_service_pb2.Announcement(**{**sound, **change})) == [expected]


def test_an_announcement_in_a_role_that_nobody_named_is_an_invalid_argument():
    message = ocpi_service_pb2.Announcement(token=SECRET, parties=[announced(role=UNKNOWN)])

    assert [field for field, _ in refused(announcement_from_pb, message)] == ["announcement"]


def test_what_an_announcement_leaves_out_is_not_there():
    read = announcement_from_pb(ocpi_service_pb2.Announcement(token=SECRET, parties=[announced()], draft=True))

    assert read == Announcement(
        Token(SECRET), None, (AnnouncedParty("roles[0]", BusinessDetails("Kraftwerk")),), draft=True
    )


def unknown_in(message, field):
    """The message with an enum number that nobody has named yet."""
    setattr(message, field, UNKNOWN)
    return message


def rule(field):
    return resources_pb2.TenantPolicy(required_modules=[unknown_in(resources_pb2.RequiredModule(module="cdrs"), field)])


@pytest.mark.parametrize(
    ("read", "field"),
    [
        (lambda found: parties_from_pb([unknown_in(party(), "role")], "parties", found), "parties[0].role"),
        (
            lambda found: terms_from_pb(
                resources_pb2.InvitationTerms(parties=[unknown_in(party(), "role")], any_party=True), "terms", found
            ),
            "terms.parties[0].role",
        ),
        (
            lambda found: credentials_from_pb(
                ocpi_service_pb2.Credentials(token=SECRET, url=URL, parties=[unknown_in(party(), "role")])
            ),
            "role",
        ),
        (
            lambda found: policy_from_pb(unknown_in(resources_pb2.TenantPolicy(), "role_policy"), found),
            "tenant.policy.role_policy",
        ),
        (lambda found: policy_from_pb(rule("peer_role"), found), "tenant.policy.required_modules[0]"),
        (lambda found: policy_from_pb(rule("interface_role"), found), "tenant.policy.required_modules[0]"),
        (
            lambda found: versioned_endpoints_from_pb(
                [
                    resources_pb2.VersionedEndpoint(
                        version="2.2.1",
                        endpoint=unknown_in(resources_pb2.Endpoint(module="cdrs", url=URL), "interface_role"),
                    )
                ],
                found,
            ),
            "tenant.endpoints[0]",
        ),
    ],
)
def test_an_enum_number_that_nobody_named_is_an_invalid_argument(read, field):
    assert fields(read)[0] == field


def test_an_unknown_role_is_one_violation():
    assert len(refused(key_from_pb, unknown_in(party(), "role"))) == 1


@pytest.mark.parametrize("read", [role_from_pb, interface_role_from_pb, caller_role_from_pb])
@pytest.mark.parametrize("number", [UNKNOWN, -1])
def test_a_lone_enum_reader_refuses_with_a_value_error(read, number):
    """Which Violations.of() turns into the field's violation; without it a call would end as a defect."""
    found = Violations()

    with found.of("role"):
        read(number)

    assert refused(found.check)[0][0] == "role"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (resources_pb2.InvitationTerms(any_party=True), []),
        (resources_pb2.InvitationTerms(parties=[party()]), []),
        (resources_pb2.InvitationTerms(), ["terms.parties"]),
        (resources_pb2.InvitationTerms(parties=[party(), party("DEU")]), ["terms.parties[1].country_code"]),
        (resources_pb2.InvitationTerms(patterns=["DE/*/CPO"]), []),
        (resources_pb2.InvitationTerms(patterns=["DE/*/CPO", "DE"]), ["terms.patterns[1]"]),
        (resources_pb2.InvitationTerms(patterns=["*/*/*"] * 1000), []),
        (resources_pb2.InvitationTerms(parties=[party()], patterns=["*/*/*"] * 1000), ["terms.parties"]),
    ],
)
def test_terms_name_parties_or_patterns_or_admit_any(message, expected):
    assert fields(terms_from_pb, message, "terms") == expected


def test_terms_are_named_by_where_they_stand():
    assert fields(terms_from_pb, resources_pb2.InvitationTerms(), "peer.terms") == ["peer.terms.parties"]


def test_patterns_are_read():
    read = terms_from_pb(resources_pb2.InvitationTerms(patterns=["de/*/cpo"]), "terms", Violations())

    assert read == Terms(patterns=frozenset({PartyPattern("DE", None, Role.CPO)}))


@pytest.mark.parametrize(
    ("settings", "read", "wrong"),
    [
        ({}, Quirks(), []),
        ({"trailing_slash": "true", "token_max_len": "99"}, Quirks(trailing_slash=True, token_max_len=99), []),
        ({"trailing_slash": "1"}, Quirks(), [("peer.quirks", "trailing_slash must be true or false")]),
    ],
)
def test_quirks_are_read_or_all_of_them_are_refused(settings, read, wrong):
    found = Violations()

    assert quirks_from_pb(settings, found) == read
    assert violations(lambda _: found.check()) == wrong


def test_a_quirk_that_is_none_is_a_violation():
    assert fields(quirks_from_pb, {"slash": "true"}) == ["peer.quirks"]


def test_terms_need_no_business_details():
    message = resources_pb2.InvitationTerms(
        parties=[resources_pb2.Party(country_code="de", party_id="kwl", role="ROLE_CPO")], versions_url=URL
    )

    read = terms_from_pb(message, "terms", Violations())

    assert read == Terms(frozenset({PartyKey("DE", "KWL", Role.CPO)}), versions_url=URL)


@pytest.mark.parametrize(
    ("values", "read", "wrong"),
    [
        (["2.2.1"], ("2.2.1",), []),
        (["2.2.1", "2.2", "2.2.1"], ("2.2", "2.2.1"), []),
        (["2.10", "2.9"], ("2.9", "2.10"), []),
        (["2.2.1", "9.9", "latest"], ("2.2.1",), ["tenant.versions[1]", "tenant.versions[2]"]),
        ([], (), []),
    ],
)
def test_versions_are_known_ones_each_once_in_order(values, read, wrong):
    found = Violations()

    versions = versions_from_pb(values, ["2.2", "2.2.1", "2.9", "2.10"], "tenant.versions", found)

    assert versions == tuple(map(Version, read))
    assert fields(lambda _: found.check()) == wrong


def versioned(version="2.2.1", module="locations", url=URL):
    return resources_pb2.VersionedEndpoint(version=version, endpoint=resources_pb2.Endpoint(module=module, url=url))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (versioned(), []),
        (versioned(url="http://10.0.0.1:8080/locations"), []),
        (versioned(url="https://peer.example/" + "x" * 234), []),
        (versioned(url="https://peer.example/" + "x" * 235), ["tenant.endpoints[0].endpoint.url"]),
        (versioned(url=""), ["tenant.endpoints[0].endpoint.url"]),
        (versioned(url="/locations"), ["tenant.endpoints[0].endpoint.url"]),
        (versioned(url="ftp://peer.example/"), ["tenant.endpoints[0].endpoint.url"]),
        (versioned(url="https://"), ["tenant.endpoints[0].endpoint.url"]),
        (versioned(url="https://peer.example/a b"), ["tenant.endpoints[0].endpoint.url"]),
        (versioned(url="https://peer.example/\n"), ["tenant.endpoints[0].endpoint.url"]),
        (versioned(module=""), ["tenant.endpoints[0]"]),
        (versioned(module="loc/ations"), ["tenant.endpoints[0]"]),
        (versioned(module="x" * 65), ["tenant.endpoints[0]"]),
        (versioned(version="latest"), ["tenant.endpoints[0]"]),
        (resources_pb2.VersionedEndpoint(), ["tenant.endpoints[0]"]),
    ],
)
def test_an_endpoint_of_a_tenant_is_checked(message, expected):
    assert fields(versioned_endpoints_from_pb, [message]) == expected


def test_a_tenants_endpoint_keeps_its_version():
    assert versioned_from_pb(versioned()) == (Version("2.2.1"), Endpoint("locations", None, URL))


def test_an_empty_policy_is_the_default():
    assert policy_from_pb(resources_pb2.TenantPolicy(), Violations()) == Policy()
    assert (Policy().invitation_expiry, Policy().post_retry_window, Policy().put_retry_window) == (
        14 * 86_400,
        15 * 60,
        86_400,
    )


def test_a_window_of_zero_is_strict_and_not_the_default():
    message = resources_pb2.TenantPolicy(post_retry_window=Duration(), put_retry_window=Duration())

    read = policy_from_pb(message, Violations())

    assert (read.post_retry_window, read.put_retry_window) == (0, 0)


YEAR = 366 * 24 * 3600


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"invitation_expiry": Duration(seconds=1)}, []),
        ({"invitation_expiry": Duration(seconds=0)}, ["tenant.policy.invitation_expiry"]),
        ({"invitation_expiry": Duration(seconds=YEAR)}, []),
        ({"invitation_expiry": Duration(seconds=YEAR + 1)}, ["tenant.policy.invitation_expiry"]),
        (
            {"post_retry_window": Duration(seconds=-1), "put_retry_window": Duration(seconds=2**62)},
            ["tenant.policy.post_retry_window", "tenant.policy.put_retry_window"],
        ),
        ({"required_modules": [resources_pb2.RequiredModule()]}, ["tenant.policy.required_modules[0]"]),
    ],
)
def test_a_policy_is_checked_field_by_field(message, expected):
    assert fields(policy_from_pb, resources_pb2.TenantPolicy(**message)) == expected


@pytest.mark.parametrize(("seconds", "shortest"), [(0, 1), (-1, 0), (YEAR + 1, 0)])
def test_a_duration_out_of_range_says_the_range(seconds, shortest):
    with pytest.raises(ValueError, match=rf"^must be whole seconds, from {shortest} to {YEAR} \(366 days\)$"):
        seconds_from_pb(Duration(seconds=seconds), shortest=shortest)


def test_a_part_of_a_second_is_refused_rather_than_cut_off():
    """Half a second would become zero, which means something else: strict."""
    with pytest.raises(ValueError, match="whole seconds"):
        seconds_from_pb(Duration(nanos=500_000_000), shortest=0)


@pytest.mark.parametrize(("asked", "given"), [(0, 50), (1, 1), (50, 50), (1000, 1000), (1001, 1000), (2**31 - 1, 1000)])
def test_a_page_has_1_to_1000_entries_and_50_by_default(asked, given):
    assert page_size(asked) == given


@pytest.mark.parametrize("asked", [-1, -(2**31)])
def test_a_page_of_less_than_nothing_is_refused(asked):
    assert refused(page_size, asked) == [("page_size", "must not be negative")]


@pytest.mark.parametrize("value", ["a", "acme", "a-b", "a--b", "default", "x" * 40, "2x2", "1-2"])
def test_a_tenant_id(value):
    assert tenant_id(value) == value


@pytest.mark.parametrize(
    "value",
    ["", "-", "-a", "a-", "A", "Acme", "a_b", "a.b", "a/b", "a b", "a\n", "ä", "\u0661", "x" * 41, "2.2.1", ".."],
)
def test_what_is_no_tenant_id(value):
    with pytest.raises(ValueError, match=r"^must be 1 to 40 lower case letters"):
        tenant_id(value)


@pytest.mark.parametrize("value", ["versions", "credentials", "hubclientinfo", "2", "221", "0"])
def test_a_tenant_id_is_never_taken_for_an_ocpi_path(value):
    with pytest.raises(ValueError, match=r"^is reserved"):
        tenant_id(value)
    assert resource_id(value) == value


def test_other_ids_have_up_to_60_characters():
    assert resource_id("x" * 60) == "x" * 60


@pytest.mark.parametrize("value", ["", "x" * 61, "kwl_1", "KWL", "-kwl", "kwl-"])
def test_what_is_no_other_id(value):
    with pytest.raises(ValueError, match=r"^must be 1 to 60 lower case letters"):
        resource_id(value)


def test_names_are_read():
    assert tenant_of("tenants/acme", "parent") == "acme"
    assert peer_of("tenants/acme/peers/kwl", "name") == ("acme", "kwl")
    assert caller_of("callers/billing", "name") == "billing"


@pytest.mark.parametrize(
    ("read", "form", "names"),
    [
        (tenant_of, "tenants/{tenant}", ["", "acme", "tenants", "tenants/", "/acme", "Tenants/acme", "peers/acme"]),
        (tenant_of, "tenants/{tenant}", ["tenants/a/", "/tenants/a", "tenants/a/peers/b", "tenants//a"]),
        (peer_of, "tenants/{tenant}/peers/{peer}", ["", "tenants/a", "tenants/a/peers/", "tenants//peers/b"]),
        (peer_of, "tenants/{tenant}/peers/{peer}", ["tenants/a/callers/b", "tenants/a/peers/b/c", "a/b/c/d"]),
        (caller_of, "callers/{caller}", ["", "callers/", "tenants/a", "callers/a/b"]),
    ],
)
def test_a_name_of_another_form_is_refused_with_the_form(read, form, names):
    for name in names:
        assert refused(read, name, "the.field") == [("the.field", f"must have the form {form}")]


def test_grants_name_tenants_or_all_of_them():
    found = Violations()

    assert grants_from_pb(["tenants/acme", "tenants/-"], found) == {"acme", "-"}
    found.check()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["acme"], ["caller.tenants[0]"]),
        (["tenants/acme", "tenants/ACME"], ["caller.tenants[1]"]),
        (["tenants/versions", "tenants/a", "tenants/"], ["caller.tenants[0]", "caller.tenants[2]"]),
    ],
)
def test_a_grant_that_is_no_tenant_is_named(names, expected):
    assert fields(grants_from_pb, names) == expected


@pytest.mark.parametrize("role", CallerRole)
def test_a_caller_role_survives(role):
    caller = Caller("billing", role, frozenset({"acme"}), "AAAAAAAAAAAA", "p1", b"", 1)

    assert caller_role_from_pb(caller_to_pb(caller).role) is role


def test_a_caller_needs_a_role():
    with pytest.raises(ValueError, match=r"^is required$"):
        caller_role_from_pb(admin_service_pb2.CALLER_ROLE_UNSPECIFIED)


def test_a_caller_is_shown_without_its_keys_hash():
    digest = b"the keyed hash"
    caller = Caller("billing", CallerRole.READER, frozenset({"b", "-"}), "AAAAAAAAAAAA", "p1", digest, 2_000_001, 3)

    message = caller_to_pb(caller)

    assert digest not in message.SerializeToString()
    assert b"AAAAAAAAAAAA" not in message.SerializeToString()
    assert (message.name, list(message.tenants)) == ("callers/billing", ["tenants/-", "tenants/b"])
    assert (message.create_time.seconds, message.create_time.nanos, message.revoke_time.nanos) == (2, 1000, 3000)


def test_violations_are_collected_and_named_from_outside_in():
    found = Violations()

    with found.of("outer[0]"):
        raise ValueError("is wrong")
    with found.of("outer[1]"):
        raise invalid("inner", "is wrong too")
    with found.of("outer[2]"):
        raise invalid("", "has no field of its own")
    with found.of("outer[3]"):
        pass
    found.add("last", "is missing")

    assert refused(found.check) == [
        ("outer[0]", "is wrong"),
        ("outer[1].inner", "is wrong too"),
        ("outer[2]", "has no field of its own"),
        ("last", "is missing"),
    ]


def test_a_defect_is_no_violation():
    with pytest.raises(ZeroDivisionError), Violations().of("field"):
        raise ZeroDivisionError


@few
@given(st.integers(0, 2**53))
def test_times_keep_their_microseconds(microseconds):
    moment, length = timestamp(microseconds), duration(microseconds)

    assert moment.ToMicroseconds() == microseconds
    assert length.ToMicroseconds() == microseconds


ISSUED = IssuedToken("LOOKUPLOOKUP", "p1", b"keyed-hash-of-it", Purpose.INVITATION, TokenState.ACTIVE, 1, 5_000_000)
PEER = Peer(
    uid="uid-1",
    tenant="acme",
    id="kwl",
    state=PeerState.INVITED,
    blocked=True,
    terms=Terms(frozenset({PartyKey("NL", "ABC", Role.CPO), PartyKey("DE", "KWL", Role.CPO)}), versions_url=URL),
    revision=7,
    created_at=1_000_000,
    updated_at=2_000_000,
    issued=(ISSUED,),
    held=HeldToken(Sealed("k1", b"sealed-held-token"), 1),
    form_in=HeaderForm.RAW,
)


def test_a_peer_is_shown_without_tokens_of_either_direction():
    message = peer_to_pb(PEER, 2_000_000)

    sent = message.SerializeToString()
    assert not any(secret in sent for secret in (b"LOOKUPLOOKUP", b"keyed-hash-of-it", b"sealed-held-token"))
    assert message.name == "tenants/acme/peers/kwl"
    assert message.state == resources_pb2.PEER_STATE_INVITED
    assert message.blocked
    assert message.etag == etag(7) == '"7"'
    assert [key.country_code for key in message.terms.parties] == ["DE", "NL"]
    assert message.terms.versions_url == URL
    assert message.invitation_expire_time.seconds == 5
    assert not any(message.HasField(field) for field in ("register_time", "token_time"))


def test_a_peer_is_shown_with_its_settings():
    settled = replace(
        PEER,
        terms=Terms(patterns=frozenset(map(PartyPattern.parse, ["NL/*/*", "DE/*/CPO"]))),
        quirks=Quirks(auth_form_out=HeaderForm.BASE64, missing_ids=True),
        versions=(Version("2.1.1"), Version("2.2.1")),
        may_downgrade=True,
        requested=(PartyKey("NL", "ABC", Role.CPO),),
        form_out=HeaderForm.RAW,
    )

    message = peer_to_pb(settled, 1)

    assert list(message.terms.patterns) == ["DE/*/CPO", "NL/*/*"]
    assert dict(message.quirks) == {"auth_form_out": "base64", "missing_ids": "true"}
    assert (list(message.versions), message.may_downgrade) == (["2.1.1", "2.2.1"], True)
    assert [key.party_id for key in message.requested_parties] == ["ABC"]
    # What an operator has set goes before what was seen.
    assert (message.auth_form_in, message.auth_form_out) == (
        resources_pb2.HEADER_FORM_RAW,
        resources_pb2.HEADER_FORM_BASE64,
    )


def test_times_are_absent_until_they_have_come():
    registered = Peer(
        "uid-1",
        "acme",
        "kwl",
        PeerState.REGISTERED,
        blocked=False,
        terms=Terms(),
        revision=8,
        created_at=1,
        updated_at=1,
        version=Version("2.2.1"),
        answered_at=9_000_000,
        registered_at=3_000_000,
        issued=(ISSUED,),
        held=HeldToken(Sealed("k1", b"box"), 4_000_000),
    )

    message = peer_to_pb(registered, 2_000_000)

    assert (message.version, message.register_time.seconds, message.token_time.seconds) == ("2.2.1", 3, 4)
    assert not message.HasField("invitation_expire_time")
    assert not message.HasField("next_rotation_time")
    assert not message.HasField("job")

    rotated = peer_to_pb(registered, 2_000_000, rotation_period=1000)
    assert 4 + 800 <= rotated.next_rotation_time.seconds <= 4 + 1000


JOB = Job(
    ExchangeKind.PUT,
    JobState.WAITING,
    1_000_000,
    9_000_000,
    Version("2.3.0"),
    "https://peer.example/versions",
    scheduled=True,
    attempts=1,
    access=Sealed("k1", b"sealed-invitation"),
    offered=Sealed("k1", b"sealed-offer"),
    offered_lookup_id="OFFEREDOFFER",
    sent_version=Version("2.3.0"),
    reason="OUTCOME_UNKNOWN",
    message="PUT credentials: HTTP 502",
)


@pytest.mark.parametrize(
    ("job", "state", "unknown", "advised", "times"),
    [
        (JOB, "WAITING", True, False, {"start_time", "next_attempt_time"}),
        (replace(JOB, running_until=2_000_001), "RUNNING", False, False, {"start_time"}),
        (replace(JOB, running_until=2_000_000), "WAITING", True, False, {"start_time", "next_attempt_time"}),
        (replace(JOB, state=JobState.FAILED), "FAILED", True, True, {"start_time"}),
        (replace(JOB, confirming=True), "WAITING", False, False, {"start_time", "next_attempt_time"}),
    ],
    ids=["waiting", "running", "lease over", "failed", "confirming"],
)
def test_a_job_is_shown_with_what_it_waits_for_and_without_secrets(job, state, unknown, advised, times):
    sent = peer_to_pb(replace(PEER, job=job), 2_000_000)

    message = sent.job
    assert resources_pb2.JobState.Name(message.state) == f"JOB_STATE_{state}"
    assert (message.kind, message.version) == (resources_pb2.EXCHANGE_KIND_PUT, "2.3.0")
    assert (message.scheduled, message.attempts, message.outcome_unknown) == (True, 1, unknown)
    assert bool(message.advice) is advised
    assert {name for name in ("start_time", "next_attempt_time") if message.HasField(name)} == times
    detail = ErrorInfo()
    assert message.last_error.details[0].Unpack(detail)
    assert (detail.reason, message.last_error.message) == ("OUTCOME_UNKNOWN", "PUT credentials: HTTP 502")
    assert not any(secret in sent.SerializeToString() for secret in (b"sealed-", b"OFFEREDOFFER"))


@pytest.mark.parametrize("state", PeerState)
def test_every_state_of_a_peer_has_a_name_in_the_contract(state):
    assert resources_pb2.PeerState.Name(peer_to_pb(Peer("u", "t", "p", state, False, Terms(), 1, 1, 1), 1).state)


@pytest.mark.parametrize("kind", ExchangeKind)
@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("direction", Direction)
def test_an_exchange_is_shown_with_its_steps(kind, outcome, direction):
    steps = (Step("read the version list", 1_500_000, 250_000),)

    message = exchange_to_pb(
        Exchange(
            "e1",
            "p1",
            kind,
            "2.2.1",
            "c1",
            "r1",
            1_000_000,
            9,
            direction,
            outcome,
            "PEER_UNUSABLE",
            "no answer",
            steps,
            warnings=("logo: must be an object; the logo was dropped",),
            quirk="auth_form_out",
        )
    )

    assert (message.kind, message.outcome, message.direction) == (
        resources_pb2.ExchangeKind.Value(f"EXCHANGE_KIND_{kind.value}"),
        resources_pb2.ExchangeOutcome.Value(f"EXCHANGE_OUTCOME_{outcome.value}"),
        resources_pb2.ExchangeDirection.Value(f"EXCHANGE_DIRECTION_{direction.value}"),
    )
    assert (message.steps[0].end_time.nanos, message.steps[0].duration.nanos) == (500_000_000, 250_000_000)
    assert list(message.warnings) == ["logo: must be an object; the logo was dropped"]
    assert message.quirk == "auth_form_out"
    assert not message.HasField("end_time")


@pytest.mark.parametrize("rejection", Rejection)
def test_every_rejection_has_a_name_in_the_contract(rejection):
    assert token_service_pb2.TokenRejection.Value(rejection_to_pb(rejection))
