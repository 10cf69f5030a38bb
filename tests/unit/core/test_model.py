"""The model: what may be built, how it compares, and that a token never prints."""

import string
import traceback
from base64 import b64encode
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.model import (
    BusinessDetails,
    Credentials,
    Endpoint,
    InterfaceRole,
    Party,
    PartyKey,
    PartyPattern,
    Registration,
    Role,
    Terms,
    Token,
    Version,
    country_code,
    origin,
    party_id,
)

SECRET = "s3cret-credentials-token"
TOKEN = Token(SECRET)
URL = "https://peer.example/versions"


def party(country="DE", identifier="KWL", role=Role.CPO):
    return Party(PartyKey(country, identifier, role), BusinessDetails("Kraftwerk"))


CREDENTIALS = Credentials(TOKEN, URL, (party(),))


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        format,
        lambda value: f"{value}",
        lambda value: f"{value!r}",
        lambda value: f"{value!s}",
        lambda value: f"{value!a}",
        "{!r}".format,
        lambda value: "%r %s" % (value, value),  # noqa: UP031
        lambda value: str([value, {value: value}, (value,)]),
        lambda value: str(ValueError(value)),
        lambda value: "".join(traceback.format_exception(ValueError(value))),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "value",
    [TOKEN, CREDENTIALS, Registration(Version("2.2.1"), CREDENTIALS, ())],
    ids=lambda value: type(value).__name__,
)
def test_a_token_never_prints(value, show):
    shown = show(value)

    assert SECRET not in shown
    assert b64encode(SECRET.encode()).decode().rstrip("=") not in shown
    assert "Token(…)" in shown or "\\u2026" in shown


@pytest.mark.parametrize("spec", ["s", ">40", "x"])
def test_a_format_specification_does_not_open_a_token(spec):
    with pytest.raises(TypeError) as refused:
        format(TOKEN, spec)

    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("spoil", [lambda: setattr(TOKEN, "_text", "x"), lambda: TOKEN < TOKEN, lambda: TOKEN + "x"])  # noqa: PLR0124
def test_misusing_a_token_does_not_print_it(spoil):
    with pytest.raises((FrozenInstanceError, TypeError)) as refused:
        spoil()

    assert SECRET not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x" * 1025,
        f"{SECRET} ",
        f" {SECRET}",
        f"{SECRET}\t",
        f"{SECRET}\n",
        f"{SECRET}é",
        f"{SECRET}\x7f",
        f"{SECRET}\x00",
        f"{SECRET}\xa0",
        f"{SECRET}\ud800",
    ],
    ids=ascii,
)
def test_a_token_is_1_to_1024_printable_characters_and_a_refusal_does_not_repeat_it(text):
    """How long a certain peer's may be is the handshake's to say (CO-41)."""
    with pytest.raises(ValueError, match=r"^must ") as refused:
        Token(text)

    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("text", ["!", "~", "!~" * 32, "x" * 1024, SECRET])
def test_a_token_is_revealed_as_it_was_given(text):
    assert Token(text).reveal() == text


def test_tokens_are_equal_by_their_text():
    assert Token(SECRET) == TOKEN
    assert hash(Token(SECRET)) == hash(TOKEN)
    assert Token(SECRET.upper()) != TOKEN


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"https://peer.example/{SECRET}/versions", True),
        (f"https://peer.example/{SECRET.upper()}", True),
        (f"https://peer.example/?t={b64encode(SECRET.encode()).decode()}", True),
        (f"https://peer.example/?t={b64encode(SECRET.encode()).decode().rstrip('=')}", True),
        (f"https://peer.example/{SECRET[:-1]}", False),
        ("", False),
    ],
)
def test_a_token_is_found_in_a_text_that_gives_it_away(text, found):
    assert TOKEN.appears_in(text) is found


def test_a_very_short_token_is_not_told_from_an_ordinary_word():
    assert Token("version").appears_in("https://peer.example/version") is False
    assert Token("versions").appears_in("https://peer.example/versions") is True


@pytest.mark.parametrize(
    ("older", "newer"),
    [("2.0", "2.1.1"), ("2.1.1", "2.2"), ("2.2", "2.2.1"), ("2.2.1", "2.3.0"), ("2.9", "2.10"), ("2.3.0", "10.0")],
)
def test_versions_are_ordered_by_number(older, newer):
    assert Version(older) < Version(newer)
    assert Version(newer) >= Version(older)
    assert max(Version(newer), Version(older)) == Version(newer)
    assert Version(older) != Version(newer)


@pytest.mark.parametrize(
    "text",
    ["", "2", "v2.2", "2.2.", ".2", "2..2", "2.2.1.1.1", "2.2-d2", "2.2 ", "2.2\n", "2.\u0662", "12345.0", "-2.2"],
)
def test_what_is_no_version_number_is_refused(text):
    with pytest.raises(ValueError, match=r"^must be a version number such as 2\.2\.1$"):
        Version(text)


def test_a_version_prints_as_its_number():
    assert f"{Version('2.2.1')}" == "2.2.1"


NUMBERS = st.lists(st.integers(0, 9999).map(str), min_size=2, max_size=4).map(".".join)


@given(NUMBERS, NUMBERS)
def test_of_two_versions_exactly_one_of_older_same_and_newer_holds(one, other):
    left, right = Version(one), Version(other)

    assert [left < right, left == right, left > right].count(True) == 1
    assert (left < right) == (right > left)


def test_no_two_versions_are_newer_than_each_other():
    """A leading zero would make two numbers of one version."""
    with pytest.raises(ValueError):
        Version("2.02")


@pytest.mark.parametrize("identifier", ["KWL", "kwl", "Kwl"])
@pytest.mark.parametrize("country", ["DE", "de", "dE"])
def test_letter_case_makes_no_other_party(country, identifier):
    key = PartyKey(country, identifier, Role.CPO)

    assert key == PartyKey("DE", "KWL", Role.CPO)
    assert hash(key) == hash(PartyKey("DE", "KWL", Role.CPO))
    assert str(key) == "DE/KWL/CPO"


def test_the_role_makes_another_party():
    assert PartyKey("DE", "KWL", Role.CPO) != PartyKey("DE", "KWL", Role.EMSP)


@pytest.mark.parametrize(
    "value", ["", "D", "DEU", "D1", "D-", "D ", "DE\n", "ß", "\u0131e", "ﬀ", "\uff24\uff25", "İe"], ids=ascii
)
def test_a_country_is_two_letters_and_upper_case_does_not_make_two_of_one(value):
    """In upper case "ß" is "SS" and "ﬀ" is "FF"."""
    with pytest.raises(ValueError, match=r"^must be two letters"):
        country_code(value)
    with pytest.raises(ValueError, match=r"^must be two letters"):
        PartyKey(value, "KWL", Role.CPO)


@pytest.mark.parametrize(
    "value", ["", "KW", "KWLX", "K-L", "K W", "KWL\n", "ßA", "ﬃ", "1ß", "\u0131AB", "K\u0663L"], ids=ascii
)
def test_a_party_id_is_three_letters_or_digits(value):
    with pytest.raises(ValueError, match=r"^must be three letters or digits$"):
        party_id(value)
    with pytest.raises(ValueError, match=r"^must be three letters or digits$"):
        PartyKey("DE", value, Role.CPO)


@given(st.text(max_size=4))
def test_whatever_is_taken_as_an_id_is_ascii_of_the_right_length(text):
    for read, length in ((country_code, 2), (party_id, 3)):
        try:
            value = read(text)
        except ValueError:
            continue
        assert len(text) == len(value) == length
        assert set(value) <= set(string.ascii_uppercase + string.digits)


@pytest.mark.parametrize("identifier", ["K1L", "123", "0AB"])
def test_digits_are_allowed_in_a_party_id(identifier):
    assert party_id(identifier) == identifier


@pytest.mark.parametrize(
    "doubled",
    [
        (party(), party()),
        (party("de", "kwl"), party("DE", "KWL")),
        (party(), party("DE", "ABC"), replace(party(), details=BusinessDetails("Another name"))),
    ],
)
def test_a_role_is_announced_once(doubled):
    """CO-30."""
    with pytest.raises(ValueError, match=r"^DE/KWL/CPO is listed twice$"):
        Credentials(TOKEN, URL, doubled)


def test_one_company_may_have_several_roles_and_one_role_several_companies():
    """CO-31."""
    several = (party(), party(role=Role.EMSP), party("DE", "ABC"), party("NL", "KWL"))

    assert len(Credentials(TOKEN, URL, several).keys) == 4


def test_credentials_without_a_role_are_none():
    """CO-09."""
    with pytest.raises(ValueError, match=r"^at least one role is needed$"):
        Credentials(TOKEN, URL, ())


def test_terms_cover_the_parties_they_name_or_any():
    key = PartyKey("DE", "KWL", Role.CPO)

    assert Terms(frozenset({key})).coverage()(PartyKey("de", "kwl", Role.CPO))
    assert not Terms(frozenset({key})).coverage()(PartyKey("DE", "KWL", Role.EMSP))
    assert not Terms().coverage()(key)
    assert not Terms(any_party=True).coverage(exact=True)(key)
    assert Terms(frozenset({key}), any_party=True).coverage(exact=True)(key)
    assert Terms(any_party=True).coverage()(key)


KWL_CPO = PartyKey("DE", "KWL", Role.CPO)


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [
        ("DE/KWL/CPO", True),
        ("DE/KWL/*", True),
        ("DE/*/CPO", True),
        ("*/KWL/CPO", True),
        ("*/*/*", True),
        ("DE/*/EMSP", False),
        ("NL/*/CPO", False),
        ("*/RJS/*", False),
    ],
)
def test_a_pattern_covers_what_it_does_not_rule_out(pattern, covered):
    assert Terms(patterns=frozenset({PartyPattern.parse(pattern)})).coverage()(KWL_CPO) is covered


@pytest.mark.parametrize(("pattern", "covered"), [("DE/KWL/EMSP", True), ("DE/*/*", True), ("NL/KWL/*", False)])
def test_the_ids_of_a_pattern_are_compared_without_the_role(pattern, covered):
    """Before 2.2 a peer does not say its role."""
    assert PartyPattern.parse(pattern).covers_ids("DE", "KWL") is covered


@pytest.mark.parametrize("text", ["DE/*/CPO", "*/*/*", "*/KWL/*", "DE/KWL/EMSP"])
def test_a_pattern_is_written_as_it_is_read(text):
    assert str(PartyPattern.parse(text)) == text


def test_letter_case_makes_no_other_pattern():
    assert PartyPattern.parse("de/kwl/cpo") == PartyPattern.parse("DE/KWL/CPO") == PartyPattern("de", "kwl", Role.CPO)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must have the form CC/PID/ROLE, each of which may be *"),
        ("*", "must have the form CC/PID/ROLE, each of which may be *"),
        ("DE/*", "must have the form CC/PID/ROLE, each of which may be *"),
        ("DE/*/CPO/*", "must have the form CC/PID/ROLE, each of which may be *"),
        ("D*/KWL/CPO", "must be two letters (ISO 3166-1 alpha-2)"),
        ("DEU/*/CPO", "must be two letters (ISO 3166-1 alpha-2)"),
        ("/*/CPO", "must be two letters (ISO 3166-1 alpha-2)"),
        ("DE/K*/CPO", "must be three letters or digits"),
        ("DE//CPO", "must be three letters or digits"),
        ("DE/*/", "the role must be * or one of CPO, EMSP, HUB, NAP, NSP, OTHER, SCSP"),
        ("DE/*/PTP", "the role must be * or one of CPO, EMSP, HUB, NAP, NSP, OTHER, SCSP"),
    ],
)
def test_what_is_no_pattern_is_refused(text, said):
    with pytest.raises(ValueError) as refused:
        PartyPattern.parse(text)

    assert str(refused.value) == said


def test_an_endpoint_is_known_by_module_and_interface_role():
    assert Endpoint("locations", InterfaceRole.SENDER, URL).key == "locations/SENDER"
    assert Endpoint("locations", None, URL).key == "locations"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://peer.example/versions", ("https", "peer.example", 443)),
        ("https://peer.example", ("https", "peer.example", 443)),
        ("HTTPS://PEER.Example:443/other?x=1", ("https", "peer.example", 443)),
        ("https://peer.example:8443/", ("https", "peer.example", 8443)),
        ("http://peer.example/", ("http", "peer.example", 80)),
        ("http://peer.example:443/", ("http", "peer.example", 443)),
        ("https://user@peer.example/", ("https", "peer.example", 443)),
        ("https://[2001:DB8::1]/", ("https", "2001:db8::1", 443)),
        ("https://peer.example@thief.example/", ("https", "thief.example", 443)),
    ],
)
def test_an_origin_is_scheme_host_and_port(url, expected):
    assert origin(url) == expected
