"""Every version: the examples are read and written back, and what a version cannot say is refused (VL-10, VD-02)."""

from dataclasses import replace

import pytest

from broker.core.announcements import Known, completed
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
    Style,
    Terms,
    Token,
    Version,
)
from broker.errors import NotExpressibleError
from broker.ocpi import DIALECTS
from broker.ocpi.dialect import ABSENT, PLAIN
from broker.ocpi.fields import Notes
from tests.unit.ocpi.examples import data, example

FLAT, WITH_ROLES = ["2.0", "2.1.1"], ["2.2", "2.2.1", "2.3.0"]
each = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
each_flat = pytest.mark.parametrize("dialect", [DIALECTS[version] for version in FLAT], ids=FLAT)
each_with_roles = pytest.mark.parametrize("dialect", [DIALECTS[version] for version in WITH_ROLES], ids=WITH_ROLES)

CPO = Party(PartyKey("DE", "KWL", Role.CPO), BusinessDetails("Kabelwerk Laden"))
EMSP = Party(PartyKey("NL", "RJS", Role.EMSP), BusinessDetails("Rondje Stroom"))
TOKEN = Token("5c6a9f0e-7d1b-4b8e-9a34-2f0d61c7be55")
ROAMING = "https://roaming.kabelwerk.example/ocpi/cpo/versions"
SENDER, RECEIVER = InterfaceRole.SENDER, InterfaceRole.RECEIVER
NOBODY = Known(Terms(any_party=True), None, frozenset({PartyKey("NL", "OWN", Role.EMSP)}))
LOGO = Image(
    "https://cdn.kabelwerk.example/logo.png",
    "OPERATOR",
    "png",
    "https://cdn.kabelwerk.example/logo-128.png",
    512,
    512,
)


def test_each_version_stands_under_its_own_number_oldest_first():
    assert {number: dialect.version.text for number, dialect in DIALECTS.items()} == {
        "2.0": "2.0",
        "2.1.1": "2.1.1",
        "2.2": "2.2",
        "2.2.1": "2.2.1",
        "2.3.0": "2.3.0",
    }
    assert list(DIALECTS) == sorted(DIALECTS, key=Version)


@pytest.mark.parametrize(
    ("version", "header", "unregistered", "has_message_ids"),
    [
        ("2.0", HeaderForm.RAW, None, False),
        ("2.1.1", HeaderForm.RAW, ABSENT, False),
        ("2.2", HeaderForm.BASE64, ABSENT, True),
        ("2.2.1", HeaderForm.BASE64, ABSENT, True),
        ("2.3.0", HeaderForm.BASE64, ABSENT, True),
    ],
)
def test_what_else_versions_differ_in(version, header, unregistered, has_message_ids):
    """AU-03, AU-04; UN-03, UN-04; ID-01, ID-07."""
    dialect = DIALECTS[version]

    assert (dialect.header, dialect.unregistered, dialect.has_message_ids) == (header, unregistered, has_message_ids)


def test_2_2_1_is_told_apart_from_2_2_by_its_number_only():
    assert DIALECTS["2.2.1"] == replace(DIALECTS["2.2"], version=Version("2.2.1"))


CREDENTIALS = [
    *((version, example(version, "credentials")) for version in DIALECTS),
    ("2.2.1", data("2.2.1", "registered")),
]


@pytest.mark.parametrize(("version", "body"), CREDENTIALS, ids=[*DIALECTS, "2.2.1 registered"])
def test_an_example_of_credentials_is_read_without_a_note_and_written_back(version, body):
    dialect = DIALECTS[version]

    announced = dialect.read_credentials(body)

    assert (announced.warnings, announced.draft) == ((), False)
    assert dialect.write_credentials(completed(announced, NOBODY), PLAIN) == body


@each
def test_an_example_of_details_is_written_as_it_was_read(dialect):
    body = data(dialect.version.text, "details")

    assert dialect.write_details(*dialect.read_details(body, Notes())) == body


@pytest.mark.parametrize(
    ("version", "parties"),
    [
        (
            "2.0",
            [AnnouncedParty("party_id", BusinessDetails("Kabelwerk Laden", "https://kabelwerk.example"), "DE", "KWL")],
        ),
        (
            "2.1.1",
            [
                AnnouncedParty(
                    "party_id", BusinessDetails("Kabelwerk Laden", "https://kabelwerk.example", LOGO), "DE", "KWL"
                )
            ],
        ),
        (
            "2.2",
            [
                AnnouncedParty("roles[0]", BusinessDetails("Rondje Stroom"), "NL", "RJS", Role.EMSP),
                AnnouncedParty("roles[1]", BusinessDetails("Rondje Stroom Laadpalen"), "NL", "RJS", Role.CPO),
            ],
        ),
    ],
)
def test_the_parties_of_an_example_are_read(version, parties):
    read = DIALECTS[version].read_credentials(example(version, "credentials"))

    assert read == Announcement(TOKEN, example(version, "credentials")["url"], tuple(parties))


def test_the_endpoints_of_an_example_are_read():
    version, endpoints = DIALECTS["2.1.1"].read_details(data("2.1.1", "details"), Notes())

    assert version == Version("2.1.1")
    assert [(endpoint.module, endpoint.role) for endpoint in endpoints] == [
        ("credentials", None),
        ("locations", None),
        ("tokens", None),
        ("commands", None),
    ]


def credentials(*parties):
    return Credentials(TOKEN, ROAMING, parties)


@each_flat
@pytest.mark.parametrize(
    "parties",
    [(CPO, EMSP), (CPO, replace(CPO, key=replace(CPO.key, role=Role.EMSP)))],
    ids=["two companies", "two roles"],
)
def test_before_2_2_only_one_party_can_be_said(dialect, parties):
    """VL-10: each role has a registration of its own."""
    with pytest.raises(NotExpressibleError, match=r"names one party, and there are 2: each role needs a tenant"):
        dialect.write_credentials(credentials(*parties), PLAIN)


@each_flat
def test_before_2_2_the_role_is_left_out(dialect):
    """A hub poses as a company like any other."""
    hub = replace(CPO, key=replace(CPO.key, role=Role.HUB))

    assert dialect.write_credentials(credentials(CPO), PLAIN) == dialect.write_credentials(credentials(hub), PLAIN)


@each_flat
@pytest.mark.parametrize("second", [SENDER, RECEIVER, None])
def test_before_2_2_a_module_can_be_listed_once_only(dialect, second):
    endpoints = [Endpoint("tokens", SENDER, "https://a.example/1"), Endpoint("tokens", second, "https://a.example/2")]

    with pytest.raises(NotExpressibleError, match="tokens can be listed once only"):
        dialect.write_details(dialect.version, endpoints)


@each_flat
def test_before_2_2_an_endpoint_has_no_role(dialect):
    """VD-02."""
    body = dialect.write_details(dialect.version, [Endpoint("tokens", SENDER, "https://a.example/t")])

    assert body["endpoints"] == [{"identifier": "tokens", "url": "https://a.example/t"}]


@each_with_roles
def test_since_2_2_a_module_is_listed_once_per_interface_role(dialect):
    """VD-08."""
    endpoints = (Endpoint("tokens", SENDER, "https://a.example/1"), Endpoint("tokens", RECEIVER, "https://a.example/2"))

    body = dialect.write_details(dialect.version, endpoints)

    assert [entry["role"] for entry in body["endpoints"]] == ["SENDER", "RECEIVER"]
    assert dialect.read_details(body, Notes()) == (dialect.version, endpoints)


@each_with_roles
def test_since_2_2_a_functional_endpoint_without_interface_role_cannot_be_said(dialect):
    """VD-03."""
    with pytest.raises(NotExpressibleError, match=r"needs an interface role for the endpoint of locations$"):
        dialect.write_details(dialect.version, [Endpoint("locations", None, "https://a.example/l")])


@each_with_roles
def test_since_2_2_credentials_is_listed_as_sender(dialect):
    """VD-06."""
    body = dialect.write_details(dialect.version, [Endpoint("credentials", None, "https://a.example/c")])

    assert body["endpoints"] == [{"identifier": "credentials", "role": "SENDER", "url": "https://a.example/c"}]


@each
def test_details_name_the_version_that_they_are_of(dialect):
    """VD-12: the samples of 2.2.1 and 2.3.0 name 2.2."""
    assert dialect.write_details(dialect.version, [])["version"] == dialect.version.text


NULLS = Style(explicit_nulls=True)


@each
def test_optional_fields_without_a_value_are_left_out_or_null(dialect):
    """EN-10, quirk explicit_nulls."""
    plain = dialect.write_credentials(credentials(CPO), PLAIN)
    nulls = dialect.write_credentials(credentials(CPO), NULLS)

    assert "None" not in repr(plain)
    assert nulls == with_nulls(plain, dialect.version)


def with_nulls(body, version):
    details = {"name": "Kabelwerk Laden", "website": None, "logo": None}
    if version < Version("2.2"):
        return {**body, "business_details": details}
    hub = {"hub_party_id": None} if version == Version("2.3.0") else {}
    return {**body, **hub, "roles": [{**body["roles"][0], "business_details": details}]}


@each
def test_an_image_has_nulls_too(dialect):
    logo = Image("https://cdn.example/l.svg", "NETWORK", "svg")
    party = replace(CPO, details=BusinessDetails("Kabelwerk", None, logo))

    body = dialect.write_credentials(credentials(party), NULLS)
    details = body["roles"][0]["business_details"] if "roles" in body else body["business_details"]

    assert details["logo"] == {
        "url": "https://cdn.example/l.svg",
        "category": "NETWORK",
        "type": "svg",
        "thumbnail": None,
        "width": None,
        "height": None,
    }


@each
def test_nulls_are_read_as_if_they_were_not_there(dialect):
    """EN-10, A31."""
    plain, nulls = (dialect.write_credentials(credentials(CPO), style) for style in (PLAIN, NULLS))

    assert dialect.read_credentials(nulls) == dialect.read_credentials(plain)


@each
@pytest.mark.parametrize("style", [PLAIN, Style(draft=True), NULLS])
def test_a_token_is_written_as_it_is(dialect, style):
    """AU-05: Base64 is for the header only."""
    assert dialect.write_credentials(credentials(CPO), style)["token"] == TOKEN.reveal()


@each
def test_ids_are_written_in_upper_case(dialect):
    """A20: some peers refuse lower case."""
    lower = Party(PartyKey("de", "kwl", Role.CPO), CPO.details)

    assert dialect.write_credentials(credentials(lower), PLAIN) == dialect.write_credentials(credentials(CPO), PLAIN)
