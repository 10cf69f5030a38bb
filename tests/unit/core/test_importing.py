"""Connections that are taken over: how strong their tokens are."""

import pytest

from broker.core.importing import Strength, strength
from broker.core.model import Token


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc", Strength.GUESSABLE),
        ("abcdefg", Strength.GUESSABLE),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaa", Strength.GUESSABLE),
        ("12121212312121212121", Strength.GUESSABLE),
        ("abcdefgh", Strength.WEAK),
        ("s3cret-for-kwl", Strength.WEAK),
        ("1234123412341234", Strength.WEAK),
        ("0123456789abcdef", Strength.USUAL),
        ("0f1e2d3c4b5a69788796a5b4c3d2e1f0" * 2, Strength.USUAL),
        ("b7d0c1e2-0f43-4a6e-8d59-3c1a7e92f640", Strength.USUAL),
    ],
)
def test_how_hard_a_token_is_to_guess(text, expected):
    assert strength(Token(text)) is expected
