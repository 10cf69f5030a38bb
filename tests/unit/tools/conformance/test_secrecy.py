"""Tokens are shown by name, in whatever form they travel."""

import base64
import json

import pytest

from broker.tools.conformance.editions import encoded, raw
from broker.tools.conformance.secrecy import Secrets

TOKEN = "ocpi-3f0d61c7be55-SECRET"


@pytest.fixture
def secrets() -> Secrets:
    known = Secrets()
    known.learn(TOKEN, "the token")
    return known


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        TOKEN.swapcase(),
        raw(TOKEN),
        encoded(TOKEN),
        encoded(f"{TOKEN}\n"),
        encoded(TOKEN).rstrip("="),
        encoded(encoded(TOKEN).removeprefix("Token ")),
        json.dumps({"token": TOKEN}),
        f"two of them: {TOKEN}{TOKEN}",
    ],
)
def test_a_token_is_never_shown(secrets: Secrets, text: str) -> None:
    masked = secrets.mask(text)

    assert TOKEN.lower() not in masked.lower()
    assert base64.b64encode(TOKEN.encode()).decode()[:20] not in masked
    assert "<the token" in masked


def test_what_is_no_token_is_shown(secrets: Secrets) -> None:
    assert secrets.mask("HTTP 200 with 2001: token is missing") == "HTTP 200 with 2001: token is missing"


def test_a_token_with_signs_is_masked_in_json_too() -> None:
    secrets, odd = Secrets(), 'a"b\\c"d\\e'
    secrets.learn(odd, "odd")

    assert secrets.mask(json.dumps({"token": odd})) == '{"token": "<odd>"}'


def test_an_unknown_token_of_theirs_is_masked_by_the_name_of_its_field(secrets: Secrets) -> None:
    body = '{"data": {"token": "never-seen", "url": "https://a.example"}}'

    assert secrets.mask_received(body) == '{"data": {"token": "<a token>", "url": "https://a.example"}}'


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (raw(TOKEN), "Token <the token>"),
        (encoded(TOKEN), "Token <the token in Base64>"),
        (raw(TOKEN[:-1]), "Token <23 characters>"),
        (f"Token {TOKEN} {TOKEN}", "Token <the token> <the token>"),
        ("Token", "Token"),
        ("", ""),
    ],
)
def test_of_authorization_only_names_are_shown(secrets: Secrets, value: str, shown: str) -> None:
    """A token cut short is nearly the token."""
    assert secrets.mask_header("Authorization", value) == shown
