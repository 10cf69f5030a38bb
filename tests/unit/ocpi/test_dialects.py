"""All versions: what a version can say survives; what it cannot say is refused."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.core.model import (
    BusinessDetails,
    Credentials,
    Endpoint,
    HeaderForm,
    Image,
    InterfaceRole,
    Party,
    PartyKey,
    Role,
    Token,
    Version,
)
from broker.errors import NotExpressibleError
from broker.ocpi import DIALECTS
from tests.unit.ocpi.examples import data, example

each = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)

HUB_PARTY = Party(PartyKey("NL", "LMH", Role.HUB), BusinessDetails("Lumen Hub"))
CPO_PARTY = Party(PartyKey("DE", "KWL", Role.CPO), BusinessDetails("Kabelwerk Laden"))
TOKEN = Token("5c6a9f0e-7d1b-4b8e-9a34-2f0d61c7be55")

urls = st.from_regex(r"https://[a-z]{1,10}\.example/[a-z0-9/]{0,30}", fullmatch=True)
names = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=100)
images = st.builds(
    Image,
    url=urls,
    category=st.sampled_from(["CHARGER", "NETWORK", "OWNER"]),
    type=st.sampled_from(["svg", "jpeg"]),
    thumbnail=st.none() | urls,
    width=st.none() | st.integers(1, 99999),
    height=st.none() | st.integers(1, 99999),
)
details = st.builds(BusinessDetails, name=names, website=st.none() | urls, logo=st.none() | images)
keys = st.builds(
    PartyKey,
    country_code=st.from_regex(r"[A-Z]{2}", fullmatch=True),
    party_id=st.from_regex(r"[A-Z0-9]{3}", fullmatch=True),
    role=st.sampled_from([role for role in Role if role is not Role.HUB]),
)
parties = st.lists(st.builds(Party, key=keys, details=details), min_size=1, max_size=5, unique_by=lambda one: one.key)
tokens = st.builds(Token, st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64))
platforms = st.builds(Credentials, token=tokens, url=urls, parties=parties.map(tuple))
endpoints = st.builds(
    Endpoint,
    module=st.sampled_from(["credentials", "locations", "tokens", "nltnm-tokens"]),
    role=st.sampled_from(InterfaceRole),
    url=urls,
)


def test_each_version_stands_under_its_own_number():
    assert {number: dialect.version.text for number, dialect in DIALECTS.items()} == {"2.2": "2.2", "2.2.1": "2.2.1"}


@each
def test_the_header_is_base64_since_2_2(dialect):
    assert dialect.header is HeaderForm.BASE64


@each
@settings(max_examples=25)
@given(platform=platforms)
def test_credentials_survive(dialect, platform):
    assert dialect.read_credentials(dialect.write_credentials(platform)) == platform


@each
def test_a_hub_survives(dialect):
    hub = Credentials(TOKEN, "https://hub.example/versions", (HUB_PARTY, CPO_PARTY), "NLLMH")

    assert dialect.read_credentials(dialect.write_credentials(hub)) == hub


@each
@settings(max_examples=25)
@given(listed=st.lists(endpoints, max_size=6, unique_by=lambda one: one.key))
def test_endpoints_survive_in_their_order(dialect, listed):
    body = dialect.write_details(dialect.version, listed)

    assert dialect.read_details(body) == (dialect.version, tuple(listed))


@each
def test_a_hub_without_a_hub_party_cannot_be_said(dialect):
    hub = Credentials(TOKEN, "https://hub.example/versions", (CPO_PARTY,), "NLLMH")

    with pytest.raises(NotExpressibleError):
        dialect.write_credentials(hub)


@each
def test_a_functional_endpoint_without_interface_role_cannot_be_said(dialect):
    with pytest.raises(NotExpressibleError, match="locations"):
        dialect.write_details(dialect.version, [Endpoint("locations", None, "https://a.example/l")])


@each
def test_credentials_is_listed_as_sender(dialect):
    body = dialect.write_details(dialect.version, [Endpoint("credentials", None, "https://a.example/c")])

    assert body["endpoints"] == [{"identifier": "credentials", "role": "SENDER", "url": "https://a.example/c"}]


@pytest.mark.parametrize(
    ("version", "body"),
    [
        ("2.2", example("2.2", "credentials")),
        ("2.2.1", example("2.2.1", "credentials")),
        ("2.2.1", data("2.2.1", "registered")),
    ],
)
def test_an_example_of_credentials_is_written_as_it_was_read(version, body):
    dialect = DIALECTS[version]

    assert dialect.write_credentials(dialect.read_credentials(body)) == body


@pytest.mark.parametrize("version", ["2.2", "2.2.1"])
def test_an_example_of_details_is_written_as_it_was_read(version):
    dialect = DIALECTS[version]
    body = data(version, "details")

    assert dialect.write_details(*dialect.read_details(body)) == body


def test_a_platform_with_two_roles_is_read():
    read = DIALECTS["2.2"].read_credentials(example("2.2", "credentials"))

    assert read == Credentials(
        TOKEN,
        "https://roaming.rondjestroom.example/ocpi/versions",
        (
            Party(PartyKey("NL", "RJS", Role.EMSP), BusinessDetails("Rondje Stroom")),
            Party(PartyKey("NL", "RJS", Role.CPO), BusinessDetails("Rondje Stroom Laadpalen")),
        ),
    )


def test_the_hub_role_is_the_hub():
    read = DIALECTS["2.2.1"].read_credentials(example("2.2.1", "credentials"))

    assert (read.hub, [str(key) for key in read.keys]) == ("NLLMH", ["NL/LMH/HUB"])
    assert read.parties[0].details.logo == Image("https://cdn.lumenhub.example/hub.svg", "NETWORK", "svg")


def test_a_dialect_is_told_apart_from_its_base_by_its_difference_only():
    assert DIALECTS["2.2.1"] == replace(DIALECTS["2.2"], version=Version("2.2.1"))
