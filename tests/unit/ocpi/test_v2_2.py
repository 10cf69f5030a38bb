"""Credentials with roles, from 2.2 on: strict where it matters, and named by the JSON path (CO-39 to CO-44)."""

import copy

import pytest

from broker.ocpi import DIALECTS
from broker.ocpi.dialect import Malformed
from tests.unit.ocpi.examples import example

WITH_ROLES = ["2.2", "2.2.1", "2.3.0"]
MISSING = object()
AGAIN = "names the same party in the same role again"
PRINTABLE = "must consist of printable ASCII without blanks"
BODY = {
    "token": "5c6a9f0e-7d1b-4b8e-9a34-2f0d61c7be55",
    "url": "https://peer.example/versions",
    "roles": [
        {"role": "CPO", "business_details": {"name": "Kabelwerk"}, "party_id": "KWL", "country_code": "DE"},
        {"role": "EMSP", "business_details": {"name": "Rondje"}, "party_id": "RJS", "country_code": "NL"},
    ],
}


def body_with(path, value):
    """The body with one place changed: a path such as ("roles", 0, "role")."""
    body = copy.deepcopy(BODY)
    *parents, last = path
    place = body
    for step in parents:
        place = place[step]
    if value is MISSING:
        del place[last]
    else:
        place[last] = value
    return body


def read_credentials(body, version="2.2.1"):
    return DIALECTS[version].read_credentials(body)


def url_of(length):
    start = "https://peer.example/"
    return start + "a" * (length - len(start))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("token",), MISSING, "token: is required"),
        (("token",), None, "token: is required"),
        (("token",), 5, "token: must be a string"),
        (("token",), "", "token: must have 1 to 255 characters"),
        (("token",), "a" * 256, "token: must have 1 to 255 characters"),
        (("token",), "#NA", "token: must be a token; #NA says that there is none"),
        (("token",), "a b", f"token: {PRINTABLE} (U+0021 to U+007E)"),
        (("token",), "a\tb", f"token: {PRINTABLE} (U+0021 to U+007E)"),
        (("token",), "caf\u00e9", f"token: {PRINTABLE} (U+0021 to U+007E)"),
        (("token",), "a\x7f", f"token: {PRINTABLE} (U+0021 to U+007E)"),
        (("url",), MISSING, "url: is required"),
        (("url",), ["https://peer.example"], "url: must be a string"),
        (("url",), url_of(256), "url: must have at most 255 characters"),
        (("url",), "/ocpi/versions", "url: must be an absolute URL"),
        (("url",), "peer.example/versions", "url: must be an absolute URL"),
        (("url",), "https:///versions", "url: must be an absolute URL"),
        (("url",), "https://[::1/versions", "url: must be an absolute URL"),
        (("url",), "https://peer.example:99999/", "url: must be an absolute URL"),
        (("url",), "https://peer.example/a b", f"url: {PRINTABLE}"),
        (("url",), "https://pe\ner.example/", f"url: {PRINTABLE}"),
        (("url",), "#NA", "url: must be an absolute URL"),
        (("roles",), MISSING, "roles: is required"),
        (("roles",), None, "roles: is required"),
        (("roles",), {}, "roles: must be a list"),
        (("roles",), [], "roles: at least one role is needed"),
        (("roles",), [{}] * 20_001, "roles: must have at most 20000 entries"),
        (("roles", 1), "CPO", "roles[1]: must be an object"),
        (("roles", 0, "role"), MISSING, "roles[0].role: is required"),
        (("roles", 0, "role"), 1, "roles[0].role: must be a string"),
        (("roles", 1, "party_id"), "KW", "roles[1].party_id: must be three letters or digits"),
        (("roles", 1, "party_id"), "KWLX", "roles[1].party_id: must be three letters or digits"),
        (("roles", 1, "party_id"), "#NA", "roles[1].party_id: must be three letters or digits"),
        (("roles", 1, "party_id"), "K\u0131L", "roles[1].party_id: must be three letters or digits"),
        (("roles", 1, "party_id"), None, "roles[1].party_id: is required"),
        (("roles", 1, "country_code"), "DEU", "roles[1].country_code: must be two letters (ISO 3166-1 alpha-2)"),
        (("roles", 1, "country_code"), "D1", "roles[1].country_code: must be two letters (ISO 3166-1 alpha-2)"),
        (("roles", 1, "country_code"), 49, "roles[1].country_code: must be a string"),
        (("roles", 0, "business_details"), MISSING, "roles[0].business_details: is required"),
        (("roles", 0, "business_details"), "Kabelwerk", "roles[0].business_details: must be an object"),
        (("roles", 0, "business_details", "name"), None, "roles[0].business_details.name: is required"),
        (("roles", 0, "business_details", "name"), 7, "roles[0].business_details.name: must be a string"),
        (("roles", 0, "business_details", "name"), "", "roles[0].business_details.name: must not be empty"),
        (("roles", 1), BODY["roles"][0], f"roles[1]: {AGAIN}"),
        (("roles", 1), {**BODY["roles"][0], "party_id": "kwl"}, f"roles[1]: {AGAIN}"),
    ],
)
@pytest.mark.parametrize("version", WITH_ROLES)
def test_what_matters_is_checked_and_named_by_its_path(version, path, value, said):
    with pytest.raises(Malformed) as raised:
        read_credentials(body_with(path, value), version)

    assert str(raised.value) == said


@pytest.mark.parametrize("role", ["cpo", "PTP", "canary", ""])
@pytest.mark.parametrize("version", ["2.2", "2.2.1"])
def test_a_role_that_is_none_is_refused_with_those_that_are(version, role):
    """CO-32, TY-09. 2.3.0 tolerates it (A22)."""
    with pytest.raises(Malformed) as raised:
        read_credentials(body_with(("roles", 0, "role"), role), version)

    assert str(raised.value) == "roles[0].role: must be one of CPO, EMSP, HUB, NAP, NSP, OTHER, SCSP"


@pytest.mark.parametrize("body", [None, [], "x", 7, True, [BODY]])
@pytest.mark.parametrize("version", DIALECTS)
def test_what_is_no_object_is_refused(version, body):
    """A25: wrapped in an array, it is tolerated for details, and never for credentials."""
    with pytest.raises(Malformed, match=r"^must be an object$"):
        read_credentials(body, version)


@pytest.mark.parametrize("older", ["2.0", "2.1.1"])
@pytest.mark.parametrize("version", WITH_ROLES)
def test_the_flat_object_of_older_versions_is_refused(version, older):
    """CO-44: the endpoint decides the shape."""
    with pytest.raises(Malformed, match=r"^roles: is required$"):
        read_credentials(example(older, "credentials"), version)


@pytest.mark.parametrize("version", WITH_ROLES)
def test_flat_fields_beside_the_roles_are_ignored(version):
    """Some platforms send both."""
    both = {**example("2.1.1", "credentials"), **BODY}

    assert read_credentials(both, version) == read_credentials(BODY, version)


def test_a_bad_token_is_not_repeated():
    with pytest.raises(Malformed) as raised:
        read_credentials(body_with(("token",), "canary token"))

    assert "canary" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("token", ["!", "~", "!~" * 32, "x" * 255])
def test_tokens_of_every_length_and_character_are_read(token):
    assert read_credentials(body_with(("token",), token)).token.reveal() == token


def test_a_url_may_have_255_characters():
    assert read_credentials(body_with(("url",), url_of(255))).url == url_of(255)


@pytest.mark.parametrize("url", ["http://10.0.0.1:8080/v", "https://Peer.Example/Versions/?a=B", "https://[::1]/"])
def test_which_hosts_are_admitted_is_not_decided_here_and_urls_are_kept_byte_for_byte(url):
    assert read_credentials(body_with(("url",), url)).url == url


@pytest.mark.parametrize("spelling", ["KWL", "kwl", "Kwl"])
def test_letter_case_of_ids_does_not_matter(spelling):
    body = body_with(("roles", 0, "party_id"), spelling)
    body["roles"][0]["country_code"] = "de"

    party = read_credentials(body).parties[0]
    assert (party.country_code, party.party_id) == ("DE", "KWL")


def test_fields_that_nobody_specified_are_ignored():
    body = {**BODY, "party_id": 17, "hub_party_id": None, "x": {"y": []}}
    body["roles"] = [{**role, "x": role} for role in BODY["roles"]]

    assert read_credentials(body) == read_credentials(BODY)


@pytest.mark.parametrize("version", WITH_ROLES)
def test_a_country_of_no_country_is_noted(version):
    """CO-43: warn, do not fail."""
    read = read_credentials(body_with(("roles", 1, "country_code"), "xx"), version)

    assert read.parties[1].country_code == "XX"
    assert read.warnings == ("roles[1].country_code: is no country of ISO 3166-1",)


def test_of_many_notes_the_first_twenty_are_kept():
    role = {"role": "CPO", "business_details": {"name": "n", "logo": "x"}, "country_code": "DE"}
    body = {**BODY, "roles": [{**role, "party_id": f"{number:03}"} for number in range(50)]}

    warnings = read_credentials(body).warnings

    assert len(warnings) == 21
    assert warnings[0] == "roles[0].business_details.logo: must be an object; the logo was dropped"
    assert warnings[-1] == "and 30 more"
