"""Credentials of 2.0 and 2.1.1, which name one party beside the token (CO-06 to CO-08, CO-44)."""

import pytest

from broker.core.model import Token
from broker.ocpi import DIALECTS
from broker.ocpi.dialect import Malformed
from tests.unit.ocpi.examples import example
from tests.unit.ocpi.flat_bodies import BODY, FLAT, MISSING, body_with

each = pytest.mark.parametrize("dialect", [DIALECTS[version] for version in FLAT], ids=FLAT)


@each
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("token", MISSING, "token: is required"),
        ("token", None, "token: is required"),
        ("token", 5, "token: must be a string"),
        ("token", "", "token: must have 1 to 255 characters"),
        ("token", "x" * 256, "token: must have 1 to 255 characters"),
        ("token", "a b", "token: must consist of printable ASCII without blanks (U+0021 to U+007E)"),
        ("url", MISSING, "url: is required"),
        ("url", None, "url: is required"),
        ("url", "#NA", "url: must be an absolute URL"),
        ("url", "https://peer.example/" + "x" * 235, "url: must have at most 255 characters"),
        ("business_details", MISSING, "business_details: is required"),
        ("business_details", None, "business_details: is required"),
        ("business_details", [], "business_details: must be an object"),
        ("business_details", {}, "business_details.name: is required"),
        ("business_details", {"name": ""}, "business_details.name: must not be empty"),
        ("party_id", MISSING, "party_id: is required"),
        ("party_id", None, "party_id: is required"),
        ("party_id", "KWLX", "party_id: must be three letters or digits"),
        ("party_id", "#NA", "party_id: must be three letters or digits"),
        ("party_id", 123, "party_id: must be a string"),
        ("country_code", MISSING, "country_code: is required"),
        ("country_code", "DEU", "country_code: must be two letters (ISO 3166-1 alpha-2)"),
    ],
)
def test_what_matters_is_checked_and_named_by_its_path(dialect, name, value, said):
    with pytest.raises(Malformed) as refused:
        dialect.read_credentials(body_with(name, value))

    assert str(refused.value) == said


@each
@pytest.mark.parametrize("newer", ["2.2", "2.2.1", "2.3.0"])
def test_the_roles_of_newer_versions_are_refused(dialect, newer):
    """CO-44: the endpoint decides the shape."""
    with pytest.raises(Malformed, match=r"^roles: is not known before OCPI 2\.2; party_id and country_code stand"):
        dialect.read_credentials(example(newer, "credentials"))


@each
def test_roles_beside_the_flat_fields_are_ignored(dialect):
    """Some platforms send both."""
    both = {**BODY, "roles": example("2.2", "credentials")["roles"], "role": "EMSP", "hub_party_id": "NLLMH"}

    assert dialect.read_credentials(both) == dialect.read_credentials(BODY)


@each
@pytest.mark.parametrize("spelling", ["KWL", "kwl", "Kwl"])
def test_letter_case_of_ids_does_not_matter(dialect, spelling):
    read = dialect.read_credentials(body_with("party_id", spelling) | {"country_code": "de"})

    assert (read.parties[0].country_code, read.parties[0].party_id) == ("DE", "KWL")


@each
def test_no_role_is_read(dialect):
    assert dialect.read_credentials(BODY).parties[0].role is None


@each
@pytest.mark.parametrize("length", [64, 65, 255])
def test_how_long_a_token_may_be_is_not_decided_here(dialect, length):
    """CO-41."""
    assert dialect.read_credentials(body_with("token", "x" * length)).token == Token("x" * length)


@each
def test_a_country_of_no_country_is_noted(dialect):
    assert dialect.read_credentials(body_with("country_code", "XX")).warnings == (
        "country_code: is no country of ISO 3166-1",
    )
