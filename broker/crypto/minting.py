"""Minting and recognising our own secrets: issued tokens and service keys. The only randomness of the broker.

A secret reads prefix-LOOKUP-SECRET: a 12-character lookup id that may be logged and listed, then 36 random characters
(214 bits) and a checksum that rejects junk before anything is looked up. Its "-" keeps the raw form from ever being
valid Base64 (CO-42, A1). What is stored is the lookup id and a keyed hash; the text can never be had again (AU-15).

A token that another system has issued to a peer is recognised as well, once it is imported. It has no lookup id in it:
a second keyed hash of the whole text takes that place. Which of the two a text has follows from the text alone.
"""

import hmac
import re
import secrets
import string
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from broker.core.model import Fingerprint

_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_LOOKUP_LENGTH: Final = 12
_SECRET_LENGTH: Final = 36
_CHECKSUM_LENGTH: Final = 6
_FOREIGN: Final = "x-"
_FOREIGN_SCOPE: Final = b"lookup id of a foreign token\0"
"""No token has a zero byte in it, so that this hash is never the one that is compared."""
_FOREIGN_BYTES: Final = 16
_STORED_ID: Final = re.compile(rf"[0-9A-Za-z]{{{_LOOKUP_LENGTH}}}|{_FOREIGN}[0-9a-f]{{{2 * _FOREIGN_BYTES}}}")


class SecretKind(Enum):
    """What a secret opens. The value is its prefix."""

    ISSUED_TOKEN = "ocpi"  # noqa: S105  a prefix, no secret
    SERVICE_KEY = "obk"


@dataclass(frozen=True, slots=True)
class Pepper:
    """The key of the keyed hash; kept outside the database."""

    id: str
    key: bytes

    def __repr__(self) -> str:
        return f"Pepper({self.id!r})"


def mint(kind: SecretKind) -> str:
    """A new secret of at most 64 characters, unique over all tenants (AU-07)."""
    lookup_id = _random(_LOOKUP_LENGTH)
    body = f"{kind.value}-{lookup_id}-{_random(_SECRET_LENGTH)}"
    return body + _checksum(body)


def lookup_id(kind: SecretKind, text: str) -> str | None:
    """The lookup id if the text has the form and checksum of this kind of secret."""
    body, checksum = text[:-_CHECKSUM_LENGTH], text[-_CHECKSUM_LENGTH:]
    parts = body.split("-")
    if len(parts) != 3 or parts[0] != kind.value or len(parts[1]) != _LOOKUP_LENGTH:  # noqa: PLR2004
        return None
    if len(parts[2]) != _SECRET_LENGTH or not text.isascii() or checksum != _checksum(body):
        return None
    return parts[1]


def fingerprint(pepper: Pepper, kind: SecretKind, text: str) -> Fingerprint:
    """What to store of a secret. Raises ValueError if it is none of this kind."""
    found = lookup_id(kind, text)
    if found is None:
        raise ValueError(f"not a secret of kind {kind.name}")
    return Fingerprint(found, pepper.id, digest(pepper, text))


def fingerprint_of_issued(pepper: Pepper, text: str) -> Fingerprint:
    """What to store of an issued token, whoever has generated it."""
    own = lookup_id(SecretKind.ISSUED_TOKEN, text)
    return Fingerprint(own or _foreign_id(pepper, text), pepper.id, digest(pepper, text))


def lookup_ids(peppers: Iterable[Pepper], text: str) -> tuple[str, ...]:
    """Where an issued token with this text may be stored: one id for one of ours, else one for each pepper."""
    own = lookup_id(SecretKind.ISSUED_TOKEN, text)
    return (own,) if own else tuple(_foreign_id(pepper, text) for pepper in peppers)


def is_lookup_id(text: str) -> bool:
    """Whether it has the form of what an issued token is stored under."""
    return _STORED_ID.fullmatch(text) is not None


def digest(pepper: Pepper, text: str) -> bytes:
    return hmac.digest(pepper.key, text.encode(), "sha256")


def matches(pepper: Pepper, text: str, expected: bytes) -> bool:
    """Whether the text is the one fingerprinted; in constant time."""
    return hmac.compare_digest(digest(pepper, text), expected)


def _foreign_id(pepper: Pepper, text: str) -> str:
    """Keyed, because it may be logged and a foreign token may be weak."""
    whole = hmac.digest(pepper.key, _FOREIGN_SCOPE + text.encode(), "sha256")
    return _FOREIGN + whole[:_FOREIGN_BYTES].hex()


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = []
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
