"""Credentials that others send: strict where it matters, lenient on decoration (CO-39 to CO-44)."""

import copy

import pytest

from broker.core.model import PartyKey, Role
from broker.ocpi.dialect import Malformed
from broker.ocpi.v2_2 import read_credentials

MISSING = object()
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


def url_of(length):
    start = "https://peer.example/"
    return start + "a" * (length - len(start))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("token",), MISSING, "token: is required"),
        (("token",), None, "token: is required"),
        (("token",), 5, "token: must be a string"),
        (("token",), "", "token: must have 1 to 64 characters"),
        (("token",), "a" * 65, "token: must have 1 to 64 characters"),
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
        (("roles",), MISSING, "roles: must be a list"),
        (("roles",), {}, "roles: must be a list"),
        (("roles",), [], "roles: at least one role is needed"),
        (("roles",), [{}] * 20_001, "roles: must have at most 20000 entries"),
        (("roles", 1), "CPO", "roles[1]: must be an object"),
        (("roles", 0, "role"), MISSING, "roles[0].role: is required"),
        (("roles", 0, "role"), "cpo", "roles[0].role: must be one of CPO, EMSP, HUB, NAP, NSP, OTHER, SCSP"),
        (("roles", 0, "role"), "PTP", "roles[0].role: must be one of CPO, EMSP, HUB, NAP, NSP, OTHER, SCSP"),
        (("roles", 0, "role"), 1, "roles[0].role: must be a string"),
        (("roles", 1, "party_id"), "KW", "roles[1].party_id: must be three letters or digits"),
        (("roles", 1, "party_id"), "KWLX", "roles[1].party_id: must be three letters or digits"),
        (("roles", 1, "party_id"), "#NA", "roles[1].party_id: must be three letters or digits"),
        (("roles", 1, "party_id"), "K\u0131L", "roles[1].party_id: must be three letters or digits"),
        (("roles", 1, "party_id"), None, "roles[1].party_id: is required"),
        (("roles", 1, "country_code"), "DEU", "roles[1].country_code: must be two letters (ISO 3166-1 alpha-2)"),
        (("roles", 1, "country_code"), "D1", "roles[1].country_code: must be two letters (ISO 3166-1 alpha-2)"),
        (("roles", 1, "country_code"), 49, "roles[1].country_code: must be a string"),
        (("roles", 0, "business_details"), MISSING, "roles[0].business_details: must be an object"),
        (("roles", 0, "business_details"), "Kabelwerk", "roles[0].business_details: must be an object"),
        (("roles", 0, "business_details", "name"), None, "roles[0].business_details.name: is required"),
        (("roles", 0, "business_details", "name"), 7, "roles[0].business_details.name: must be a string"),
        (("roles", 1), BODY["roles"][0], "roles: DE/KWL/CPO is listed twice"),
        (("roles", 1), {**BODY["roles"][0], "party_id": "kwl"}, "roles: DE/KWL/CPO is listed twice"),
    ],
)
def test_what_matters_is_checked_and_named_by_its_path(path, value, said):
    with pytest.raises(Malformed) as raised:
        read_credentials(body_with(path, value))

    assert str(raised.value) == said


@pytest.mark.parametrize("body", [None, [], "x", 7, True])
def test_what_is_no_object_is_refused(body):
    with pytest.raises(Malformed, match=r"^must be an object$"):
        read_credentials(body)


def test_the_flat_object_of_older_versions_is_refused():
    flat = {
        "token": "t",
        "url": "https://peer.example/versions",
        "business_details": {"name": "Kabelwerk"},
        "party_id": "KWL",
        "country_code": "DE",
    }

    with pytest.raises(Malformed, match=r"^roles: "):
        read_credentials(flat)


def test_a_bad_token_is_not_repeated():
    with pytest.raises(Malformed) as raised:
        read_credentials(body_with(("token",), "canary token"))

    assert "canary" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("token", ["!", "~", "!~" * 32])
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

    assert read_credentials(body).parties[0].key == PartyKey("DE", "KWL", Role.CPO)


def test_fields_that_nobody_specified_are_ignored():
    body = {**BODY, "party_id": 17, "hub_party_id": None, "x": {"y": []}}

    assert read_credentials(body) == read_credentials(BODY)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 100),
        ("\U0001f50c" * 101, "\U0001f50c" * 100),
        ("a\x00\r\nb", "a b"),
        ("\u202eabc\u200b", "\u202eabc\u200b"),
        ("#NA", "#NA"),
    ],
)
def test_a_name_is_cut_rather_than_refused(name, kept):
    body = body_with(("roles", 0, "business_details", "name"), name)

    assert read_credentials(body).parties[0].details.name == kept


@pytest.mark.parametrize("website", [None, "", "kabelwerk.example", 5, "https://a.example/ b", url_of(256)])
def test_a_bad_website_is_dropped(website):
    body = body_with(("roles", 0, "business_details", "website"), website)

    assert read_credentials(body).parties[0].details.website is None


LOGO = {"url": "https://cdn.example/l.svg", "category": "OWNER", "type": "svg"}


@pytest.mark.parametrize(
    "logo",
    [
        None,
        "https://cdn.example/l.svg",
        {**LOGO, "url": "l.svg"},
        {**LOGO, "category": "owner"},
        {**LOGO, "category": ["OWNER"]},
        {**LOGO, "type": "image/svg"},
        {**LOGO, "type": ""},
    ],
)
def test_a_bad_logo_is_dropped(logo):
    body = body_with(("roles", 0, "business_details", "logo"), logo)

    assert read_credentials(body).parties[0].details.logo is None


@pytest.mark.parametrize(
    ("width", "kept"), [(512, 512), ("512", 512), (99999, 99999), (100000, None), (-1, None), (True, None), (1.5, None)]
)
def test_a_bad_width_is_dropped_and_a_string_is_read(width, kept):
    body = body_with(("roles", 0, "business_details", "logo"), {**LOGO, "width": width})

    assert read_credentials(body).parties[0].details.logo.width == kept
