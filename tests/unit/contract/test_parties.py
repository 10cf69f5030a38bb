"""Parties, credentials and endpoints in Protobuf: what is written is read again, the rest is refused field by field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.contract.callers import caller_role_from_pb
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
)
from broker.contract.peers import terms_from_pb
from broker.contract.tenants import policy_from_pb, versioned_endpoints_from_pb
from broker.contract.values import Violations
from broker.core.caller import CallerRole
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
    Role,
    RolePolicy,
    Style,
    Token,
)
from ocpi_broker.v1 import admin_service_pb2, ocpi_service_pb2, resources_pb2
from tests.unit.contract.reading import IDENTIFIER, LETTERS, SECRET, UNKNOWN, URL, few, fields, party, refused, text

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
        ({"token": SECRET * 50}, "credentials"),
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
        ({"token": ""}, ("announcement", "must have 1 to 1024 characters")),
        ({"token": SECRET * 50}, ("announcement", "must have 1 to 1024 characters")),
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
