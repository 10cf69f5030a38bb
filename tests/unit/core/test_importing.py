"""Connections that are taken over: how strong their tokens are."""

import pytest

from broker.core.importing import Newcomer, Strength, oddities, strength
from broker.core.model import BusinessDetails, Endpoint, InterfaceRole, Party, PartyKey, Role, Tenant, Token, Version


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


CPO, EMSP = (Party(PartyKey("DE", "KWL", role), BusinessDetails("Kabelwerk")) for role in (Role.CPO, Role.EMSP))
CREDENTIALS = Endpoint("credentials", None, "https://kwl.example/credentials")
SENDER = Endpoint("tokens", InterfaceRole.SENDER, "https://kwl.example/tokens")
EITHER = Endpoint("tokens", None, "https://kwl.example/tokens")


@pytest.mark.parametrize(
    ("version", "parties", "endpoints", "said"),
    [
        ("2.1.1", (CPO,), (CREDENTIALS, EITHER), []),
        ("2.1.1", (CPO, EMSP), (CREDENTIALS, EITHER), ["parties: OCPI 2.1.1 knows one for each connection"]),
        ("2.0", (CPO,), (CREDENTIALS, SENDER), ["endpoints: OCPI 2.0 knows no roles"]),
        ("2.2.1", (CPO, EMSP), (CREDENTIALS, SENDER), []),
        ("2.2.1", (CPO,), (CREDENTIALS, EITHER), ["endpoints: no role is given for tokens: each is taken for either"]),
        ("2.3.0", (CPO,), (), []),
    ],
)
def test_what_its_version_cannot_say_is_told(version, parties, endpoints, said):
    new = Newcomer(
        "kwl",
        "https://kwl.example/versions",
        Token("held"),
        version=Version(version),
        parties=parties,
        endpoints=endpoints,
    )

    found = oddities(new, Tenant("acme", (Version(version),), ()))

    assert len(found) == len(said)
    assert all(one.startswith(start) for one, start in zip(found, said, strict=True))
