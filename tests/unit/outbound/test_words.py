"""Another platform's own words: a line of text, cut, and without tokens (F20)."""

import html
import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.model import Token
from broker.outbound import words

OURS = Token('kw/4+?>"secret\\b')
SHORT = Token("pass")


def of(text, *tokens):
    return words.of_body(text.encode() if isinstance(text, str) else text, tokens or (OURS,))


def envelope(**fields):
    return json.dumps({"status_code": 2001, "timestamp": "2026-01-05T10:00:00Z", **fields})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (envelope(status_message="no such party"), "no such party"),
        (envelope(status_message="no such party", data={"token": "theirs"}), "no such party"),
        (envelope(status_message=" "), None),
        (envelope(), None),
        (envelope(error="roles are empty"), '{"error": "roles are empty"}'),
        ('{"status_code": 1000, "status_message": "Success", "data": {"token": "theirs"}}', None),
        ('{"status_code": "1000", "data": {"token": "theirs"}}', None),
        ('{"code": "7010", "message": "already registered"}', '{"code": "7010", "message": "already registered"}'),
        ('{"message": "grüß\\u00e9"}', '{"message": "grüßé"}'),
        ("[]", "[]"),
        ("<html>\n\t<h1>502  Bad Gateway</h1></html>", "<html> <h1>502 Bad Gateway</h1></html>"),
        ("", None),
        ("  \r\n ", None),
        ("a\x00b\x1b[31mred\u202eder\u200b\u2028end", "ab[31mredder end"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\xff\xfe", None),
        (
            "caf\u00e9 is closed today, and tomorrow as well".encode("latin-1"),
            "caf? is closed today, and tomorrow as well",
        ),
        ("x" * 600, "x" * 500 + "…"),
        ("x" * 20_000, "x" * 500 + "…"),
    ],
)
def test_an_envelope_has_a_message_and_what_is_none_is_shown(body, said):
    assert (of(body) or None) == said


def written(text):
    """The forms in which a token is found in bodies."""
    octets = text.encode()
    encoded = b64encode(octets).decode()
    return [
        text, text.upper(), json.dumps(text)[1:-1], json.dumps(text)[1:-1].replace("/", "\\/"), html.escape(text),
        quote(text, safe=""), encoded, encoded.rstrip("="), encoded.replace("/", "\\/"), quote(encoded, safe=""),
        urlsafe_b64encode(octets).decode(),
    ]  # fmt: skip


@pytest.mark.parametrize("form", written(OURS.reveal()))
def test_a_token_that_we_sent_is_masked_in_every_form(form):
    assert form not in of(f"we know no {form} here")
    assert of(f"we know no {form} here").startswith("we know no …")
    assert form not in of(envelope(status_message=f"we know no {form} here"))


@pytest.mark.parametrize("form", written(OURS.reveal()))
@pytest.mark.parametrize("before", range(480, 510))
def test_no_half_of_a_token_is_left_where_the_text_is_cut(form, before):
    said = of("x" * before + form)

    assert set(said) <= {"x", "…", "="}, said


def test_no_half_of_a_token_is_left_where_the_reading_ends():
    for before in range((16 << 10) - 20, (16 << 10) + 2):
        assert of("no" + " " * before + OURS.reveal()) in {"no", "no …"}


def test_what_is_long_and_may_be_a_success_is_not_shown():
    data = json.dumps({"data": {"token": "theirs", "x": "y" * (16 << 10)}, "status_code": 1000})

    assert of(data) is None
    assert of(data[:-5]) is None


def test_a_token_that_control_characters_tear_apart_is_masked():
    torn = "\u200b".join(OURS.reveal())

    assert of(f"no {torn}") == "no …"


def test_a_short_token_is_masked_as_a_word():
    assert of("no pass for passengers", SHORT) == "no … for passengers"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("got Token abc123 from you", "got Token … from you"),
        ("got Bearer secret", "got Bearer …"),
        ("Authorization: token c2VjcmV0", "Authorization: token …"),
        ("Bearer invalid", "Bearer …"),
        ("Token expired", "Token expired"),
        ("Invalid token.", "Invalid token."),
        ("Token is not known", "Token is not known"),
        ('{"token": "theirs", "x": 1}', '{"token": "…", "x": 1}'),
        ('{"access_token":"the\\"irs", "Authorization": "Basic eA=="', '{"access_token":"…", "Authorization": "…"'),
        ("{'token': 'theirs'}", "{'token': '…'}"),
    ],
)
def test_what_stands_where_tokens_do_is_masked(text, said):
    assert of(text) == said


@given(st.binary(max_size=2000))
def test_any_body_is_a_line_of_text_or_nothing(body):
    said = of(body)

    assert said is None or (len(said) <= words.LONGEST + 1 and said.isprintable()) or not said


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=64), st.text(max_size=600))
def test_no_token_is_ever_left(token, around):
    said = of(json.dumps({"echo": around + token, "more": token}), Token(token)) or ""

    assert not Token(token).appears_in(said) or Token(token).appears_in(json.dumps({"echo": around, "more": ""}))


@pytest.mark.parametrize(
    "said",
    [
        "token=canary9-fresh&url=x",
        "<credentials><token>canary9-fresh</token></credentials>",
        "token: canary9-fresh",
        '{"errors": [{"key": "token", "value": "canary9-fresh-token"}]}',
        '{"token": 123456789012}',
        '{"tokenB": "canary9-fresh"}',
        '{"credentials": "canary9-fresh"}',
    ],
)
def test_what_may_be_a_new_token_of_theirs_is_not_quoted(said):
    left = words.without_what_may_be_a_token(said)

    assert "canary9" not in left
    assert "123456789012" not in left


@pytest.mark.parametrize("said", ["already registered", '{"code": "7010", "message": "already registered"}', "<html>"])
def test_words_stay(said):
    assert words.without_what_may_be_a_token(said) == said


@pytest.mark.parametrize(
    "document",
    [
        {"status_code": 2002, "status_message": "no: kept NEW", "data": {"token": "NEW"}},
        {"status_code": 2002, "status_message": "no: kept NEW", "data": [{"credentials": {"new_token": "NEW"}}]},
        {"error": "kept NEW", "accessToken": "NEW"},
    ],
)
def test_what_a_refusal_itself_calls_a_token_is_masked_wherever_it_stands(document):
    given = "kZbQmXwTyRuLpVbN"
    body = json.dumps(document).replace("NEW", given).encode()

    said = words.of_body(body, ())

    assert "kept …" in said
    assert given not in said
