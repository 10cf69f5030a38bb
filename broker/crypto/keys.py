"""The keys that are not in the database: peppers for keyed hashes and key-encryption keys for data keys.

They live in one file that only its owner may read. Each kind is a list whose first entry is used for new work; the
others still verify and open. Losing the file means losing every token; a copy belongs somewhere safe.
"""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from broker.crypto.minting import Pepper
from broker.crypto.secretfiles import write_new

_KEY_BYTES = 32


class KeyFileError(Exception):
    """The key file is missing, unreadable by rule or malformed. The message says what to do."""


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """A 256-bit AES key and its id."""

    id: str
    key: bytes

    def __repr__(self) -> str:
        return f"EncryptionKey({self.id!r})"


@dataclass(frozen=True, slots=True)
class Keyring:
    """Peppers and key-encryption keys by id; the primaries are for new work."""

    peppers: Mapping[str, Pepper]
    pepper: Pepper
    encryption_keys: Mapping[str, EncryptionKey]
    encryption_key: EncryptionKey

    def __repr__(self) -> str:
        return f"Keyring(peppers={sorted(self.peppers)}, encryption_keys={sorted(self.encryption_keys)})"


def read(path: Path) -> Keyring:
    """Read the key file. Raises KeyFileError, also when others than its owner may read it."""
    try:
        mode = path.stat().st_mode
        text = path.read_bytes()
    except OSError as err:
        raise KeyFileError(f"cannot read the key file {path}: {err.strerror}") from None
    if mode & 0o077:
        raise KeyFileError(f"the key file {path} can be read by others; run: chmod 600 {path}")
    try:
        document = json.loads(text)
        peppers = [Pepper(*_id_and_key(item)) for item in document["peppers"]]
        masters = [EncryptionKey(*_id_and_key(item)) for item in document["encryption_keys"]]
        return Keyring({p.id: p for p in peppers}, peppers[0], {m.id: m for m in masters}, masters[0])
    except (ValueError, KeyError, TypeError, IndexError):
        raise KeyFileError(f"the key file {path} is damaged; restore it from your copy") from None


def create(path: Path) -> Keyring:
    """Write a new key file, readable by its owner only. Raises FileExistsError."""
    document = {"peppers": [_new_key()], "encryption_keys": [_new_key()]}
    write_new(path, json.dumps(document, indent=2))
    return read(path)


def _id_and_key(item: Mapping[str, str]) -> tuple[str, bytes]:
    key = base64.b64decode(item["key"], validate=True)
    if len(key) != _KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    return item["id"], key


def _new_key() -> dict[str, str]:
    return {"id": secrets.token_hex(4), "key": base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()}
