"""The Authorization header in both forms (AU-02 to AU-06, AU-12, A1, A2)."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.model import HeaderForm, Token
from broker.ocpi.authorization import candidates, decoded, readings, write_authorization

RAW, BASE64 = HeaderForm.RAW, HeaderForm.BASE64

HEX = "0123456789abcdef" * 4
VECTORS = [
    ("example-token", "ZXhhbXBsZS10b2tlbg=="),
    ("5c6a9f0e-7d1b-4b8e-9a34-2f0d61c7be55", "NWM2YTlmMGUtN2QxYi00YjhlLTlhMzQtMmYwZDYxYzdiZTU1"),
    ("b7d0c1e2-0f43-4a6e-8d59-3c1a7e92f640", "YjdkMGMxZTItMGY0My00YTZlLThkNTktM2MxYTdlOTJmNjQw"),
    ("!", "IQ=="),
    ("~", "fg=="),
    ("!~" * 32, "IX4h" + "fiF+IX4h" * 10 + "fg=="),
]


@pytest.mark.parametrize(("token", "encoded"), VECTORS)
def test_a_token_is_written_in_the_form_asked_for(token, encoded):
    assert write_authorization(Token(token), RAW) == f"Token {token}"
    assert write_authorization(Token(token), BASE64) == f"Token {encoded}"


@pytest.mark.parametrize(("token", "encoded"), VECTORS)
def test_a_token_is_found_in_both_forms(token, encoded):
    assert (token, RAW) in candidates([f"Token {token}"])
    assert (token, BASE64) in candidates([f"Token {encoded}"])


@given(
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64),
    st.sampled_from([*HeaderForm]),
)
def test_whatever_is_written_is_found(text, form):
    assert (text, form) in candidates([write_authorization(Token(text), form)])


@pytest.mark.parametrize(
    "value",
    ["token ZXhhbXBsZS10b2tlbg==", "TOKEN  ZXhhbXBsZS10b2tlbg==", " \tToken ZXhhbXBsZS10b2tlbg== "],
)
def test_letter_case_and_blanks_are_tolerated(value):
    assert ("example-token", BASE64) in candidates([value])


@pytest.mark.parametrize("encoded", ["ZXhhbXBsZS10b2tlbgo=", "ZXhhbXBsZS10b2tlbg0K"])
def test_one_encoded_line_end_is_tolerated(encoded):
    assert ("example-token", BASE64) in candidates([f"Token {encoded}"])


@pytest.mark.parametrize(
    "value",
    [
        "ZXhhbXBsZS10b2tlbg",
        "ZXhhbXBsZS10b2tlbgoK",
        "ZXhhbXBsZS10b2tlbg0=",
        "ZXhhbXBsZS10b2tlbg===",
        "ZXhh-XBsZS10b2tlbg==",
        "ZXhhbXBsZS10b2tl====",
        "ZXhhbXBsZS10b2tlbh==",
        "w6k=",
        "IA==",
        "Cg==",
    ],
)
def test_what_is_not_strictly_base64_of_a_token_is_only_itself(value):
    assert candidates([f"Token {value}"]) == ((value, RAW),)


def test_double_encoding_does_not_open_the_token():
    texts = [text for text, _ in candidates(["Token WlhoaGJYQnNaUzEwYjJ0bGJnPT0="])]

    assert texts == ["WlhoaGJYQnNaUzEwYjJ0bGJnPT0=", "ZXhhbXBsZS10b2tlbg=="]


def test_a_hexadecimal_token_is_itself_although_it_is_sound_base64():
    assert (HEX, RAW) in candidates([f"Token {HEX}"])


@pytest.mark.parametrize(
    "values",
    [
        [],
        ["Token a", "Token a"],
        [""],
        ["Token"],
        ["Token "],
        ["Token a b"],
        ["Token a,\tToken b"],
        ["Tokena"],
        ["Token\ta"],
        ["Bearer ZXhhbXBsZS10b2tlbg=="],
        ["Basic ZXhhbXBsZS10b2tlbg=="],
        ["ZXhhbXBsZS10b2tlbg=="],
        ["Token caf\u00e9"],
        ["Token a\x00"],
        ["Token a\n"],
        ["Token " + "a" * 256],
        ["Token " + "YWFh" * 100],
        ["Token " + "a" * 10_000],
    ],
)
def test_anything_else_is_no_token_at_all(values):
    assert candidates(values) == ()


def test_the_longest_token_that_is_issued_is_found_in_base64():
    assert ("!~" * 32, BASE64) in candidates([write_authorization(Token("!~" * 32), BASE64)])


@given(st.lists(st.text(), max_size=2))
def test_no_header_makes_it_fail(values):
    assert len(candidates(values)) <= 2


@given(st.text("!~aZ09+/=-", min_size=1, max_size=180))
def test_whatever_a_header_may_mean_beside_the_token_is_among_its_readings(text):
    """An import is judged by them (A1, A2)."""
    token = Token(text)
    shown = {other for form in HeaderForm for other, _ in candidates([write_authorization(token, form)])}
    assert shown - {text} <= set(readings(text))
    for end in ("\n", "\r\n"):
        careless = b64encode(f"{text}{end}".encode()).decode()
        assert {other for other, _ in candidates([f"Token {careless}"])} <= {text, *readings(text)}


def test_a_token_that_is_the_base64_of_another_one():
    assert decoded("ZXhhbXBsZS10b2tlbgo=") == decoded("ZXhhbXBsZS10b2tlbg==") == "example-token"
    assert decoded("0123456789abcdef") is None
    assert decoded("example-token") is None
