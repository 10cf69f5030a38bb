"""Minted secrets: their form, what recognises them, and what is stored of them (CO-42, AU-07, AU-15)."""

import base64
import binascii
import hashlib
import hmac
import re
import string

import pytest

from broker.core.model import Token
from broker.crypto.minting import (
    Pepper,
    SecretKind,
    digest,
    fingerprint,
    fingerprint_of_issued,
    is_lookup_id,
    lookup_id,
    lookup_ids,
    matches,
    mint,
)

ISSUED, KEY = SecretKind.ISSUED_TOKEN, SecretKind.SERVICE_KEY
PEPPER = Pepper("p1", bytes(range(32)))
ALPHABET = string.ascii_letters + string.digits + "-"
FORMS = {
    ISSUED: re.compile(r"ocpi-([0-9A-Za-z]{12})-[0-9A-Za-z]{36}[0-9A-Za-z]{6}"),
    KEY: re.compile(r"obk-([0-9A-Za-z]{12})-[0-9A-Za-z]{36}[0-9A-Za-z]{6}"),
}

# Written down once: a release that changes form or checksum locks every peer out.
OLD_TOKEN = "ocpi-0123456789AB-abcdefghijklmnopqrstuvwxyz0123456789"
OLD_CHECKSUM = "1zDkz3"


def many(kind):
    return [mint(kind) for _ in range(50)]


@pytest.mark.parametrize("kind", SecretKind)
def test_a_secret_has_its_form(kind):
    for text in many(kind):
        assert FORMS[kind].fullmatch(text)
        assert set(text) <= set(ALPHABET)
        assert len(text) <= 64
        assert Token(text).reveal() == text


@pytest.mark.parametrize("kind", SecretKind)
def test_no_secret_is_base64(kind):
    """CO-42: a strict decoder refuses it, and so does one that drops what it does not know."""
    for text in many(kind):
        with pytest.raises(binascii.Error):
            base64.b64decode(text, validate=True)


@pytest.mark.parametrize("kind", SecretKind)
def test_no_two_secrets_share_a_lookup_id_or_anything_else(kind):
    minted = many(kind)

    assert len({lookup_id(kind, text) for text in minted}) == len(minted)
    assert len({text[18:-6] for text in minted}) == len(minted)


def test_every_character_of_the_alphabet_is_drawn():
    drawn = set("".join(text.split("-", 1)[1][:-6] for text in many(ISSUED)))

    assert drawn == set(ALPHABET)


@pytest.mark.parametrize("kind", SecretKind)
def test_a_secret_is_found_by_the_id_in_it(kind):
    text = mint(kind)

    assert lookup_id(kind, text) == FORMS[kind].fullmatch(text)[1]


def test_a_token_issued_long_ago_is_still_recognised():
    assert lookup_id(ISSUED, OLD_TOKEN + OLD_CHECKSUM) == "0123456789AB"


@pytest.mark.parametrize(("kind", "other"), [(ISSUED, KEY), (KEY, ISSUED)])
def test_kinds_are_not_interchangeable(kind, other):
    text = mint(kind)
    renamed = text.replace(kind.value, other.value, 1)

    assert lookup_id(other, text) is None
    assert lookup_id(other, renamed) is None
    assert lookup_id(kind, renamed) is None


def test_the_checksum_catches_every_change_of_one_character():
    text = mint(ISSUED)
    printable = [chr(code) for code in range(0x21, 0x7F)]

    missed = [
        (index, char)
        for index in range(len(text))
        for char in printable
        if char != text[index] and lookup_id(ISSUED, text[:index] + char + text[index + 1 :])
    ]

    assert missed == []


def test_the_checksum_catches_every_swap_of_neighbours():
    text = mint(ISSUED)
    swapped = {text[:i] + text[i + 1] + text[i] + text[i + 2 :] for i in range(len(text) - 1)} - {text}

    assert [other for other in swapped if lookup_id(ISSUED, other)] == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: "-",
        lambda text: "ocpi--",
        lambda text: text[:-1],
        lambda text: text[1:],
        lambda text: text + "A",
        lambda text: f"{text}\n",
        lambda text: f" {text}",
        lambda text: text + text,
        lambda text: text.upper(),
        lambda text: text.replace("-", ""),
        lambda text: text.replace("-", "--", 1),
        lambda text: text[:-1] + "é",
        lambda text: text[:30] + "\ud800" + text[31:],
    ],
)
def test_what_is_no_secret_has_no_lookup_id(spoil):
    assert lookup_id(ISSUED, spoil(mint(ISSUED))) is None


def test_what_is_stored_is_a_keyed_hash():
    text = mint(ISSUED)

    stored = fingerprint(PEPPER, ISSUED, text)

    assert (stored.lookup_id, stored.pepper_id) == (lookup_id(ISSUED, text), "p1")
    assert stored.digest == hmac.new(PEPPER.key, text.encode(), hashlib.sha256).digest()
    assert text[18:] not in repr(stored)


def test_nothing_but_a_secret_of_the_kind_is_fingerprinted_and_the_refusal_does_not_repeat_it():
    text = mint(KEY)

    with pytest.raises(ValueError, match=r"^not a secret of kind ISSUED_TOKEN$"):
        fingerprint(PEPPER, ISSUED, text)


def test_a_text_matches_its_own_digest_under_its_own_pepper_only():
    text, other = mint(ISSUED), mint(ISSUED)
    expected = digest(PEPPER, text)

    assert matches(PEPPER, text, expected)
    assert not matches(PEPPER, other, expected)
    assert not matches(Pepper("p1", bytes(32)), text, expected)
    assert not matches(PEPPER, text, expected[:-1])
    assert not matches(PEPPER, text, b"")


def test_a_pepper_prints_its_id_and_no_key():
    shown = f"{PEPPER!r} {PEPPER}"

    assert shown == "Pepper('p1') Pepper('p1')"


FOREIGN = ["f00dfeed" * 4, "a", "~" * 255, OLD_TOKEN, mint(KEY), f"{mint(ISSUED)}x"]


@pytest.mark.parametrize("text", FOREIGN, ids=["hex", "short", "long", "no checksum", "a key", "longer"])
def test_a_token_of_another_system_is_found_by_a_keyed_hash_of_the_whole(text):
    other = Pepper("p2", bytes(range(1, 33)))
    found = fingerprint_of_issued(PEPPER, text)

    assert lookup_ids([PEPPER, other], text) == (found.lookup_id, fingerprint_of_issued(other, text).lookup_id)
    assert len(set(lookup_ids([PEPPER, other], text))) == 2
    assert matches(PEPPER, text, found.digest)
    assert not found.digest.startswith(bytes.fromhex(found.lookup_id[2:]))
    assert lookup_ids([PEPPER], text + "!") != (found.lookup_id,)
    assert is_lookup_id(found.lookup_id)


def test_what_a_token_is_stored_under_says_which_kind_it_is():
    """One of ours has the same place whoever imports it; no foreign one can have such a place."""
    ours = mint(ISSUED)

    assert fingerprint_of_issued(PEPPER, ours) == fingerprint(PEPPER, ISSUED, ours)
    assert lookup_ids([PEPPER, PEPPER], ours) == (lookup_id(ISSUED, ours),)
    assert is_lookup_id(lookup_id(ISSUED, ours))
    assert not any(is_lookup_id(text) for text in ("", "x-", "x-" + "g" * 32, "0123456789ABC", ours))
