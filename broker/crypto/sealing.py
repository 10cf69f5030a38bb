"""The only cipher: AES-256-GCM under one data key per tenant, itself sealed under a key-encryption key.

The associated data binds a ciphertext to what it is and whose it is, so that a row moved elsewhere does not open.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.core.model import Sealed, WrappedKey
from broker.crypto.keys import EncryptionKey
from broker.errors import TamperedError

_NONCE_BYTES = 12
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class DataKey:
    """A tenant's data key, ready for use. Keeps its cipher: building one costs more than using it."""

    id: str
    tenant: str
    _cipher: AESGCM

    def __repr__(self) -> str:
        return f"DataKey({self.id!r}, {self.tenant!r})"

    def seal(self, text: bytes, *binding: str) -> Sealed:
        """Seal for exactly this binding, e.g. (purpose, peer uid)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return Sealed(self.id, nonce + self._cipher.encrypt(nonce, text, _bound(self.id, self.tenant, *binding)))

    def open(self, sealed: Sealed, *binding: str) -> bytes:
        """Raises TamperedError if it was altered, moved or sealed under another key."""
        box = sealed.box
        try:
            return self._cipher.decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], _bound(self.id, self.tenant, *binding))
        except (InvalidTag, ValueError):
            raise TamperedError("stored data does not open with its key") from None


def new_data_key(master: EncryptionKey, tenant: str) -> WrappedKey:
    """A fresh data key for a tenant, sealed under the key-encryption key."""
    key_id = secrets.token_hex(8)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    box = AESGCM(master.key).encrypt(nonce, secrets.token_bytes(_KEY_BYTES), _bound(master.id, tenant, key_id))
    return WrappedKey(key_id, tenant, Sealed(master.id, nonce + box))


def own_key(master: EncryptionKey) -> DataKey:
    """For what belongs to no tenant: receipts and page tokens. Another use of the key, bound to another scope."""
    return DataKey(master.id, "", AESGCM(master.key))


def unwrap(masters: Mapping[str, EncryptionKey], wrapped: WrappedKey) -> DataKey:
    """Raises TamperedError if the key file does not hold the key or the row was altered."""
    master = masters.get(wrapped.sealed.key_id)
    if master is None:
        raise TamperedError(f"the key file has no encryption key {wrapped.sealed.key_id}")
    box = wrapped.sealed.box
    try:
        key = AESGCM(master.key).decrypt(
            box[:_NONCE_BYTES], box[_NONCE_BYTES:], _bound(master.id, wrapped.tenant, wrapped.id)
        )
    except (InvalidTag, ValueError):
        raise TamperedError("a data key does not open with its encryption key") from None
    return DataKey(wrapped.id, wrapped.tenant, AESGCM(key))


def _bound(*parts: str) -> bytes:
    """Length-prefixed, so that no two different bindings read the same."""
    return b"".join(_prefixed(part.encode()) for part in _all(parts))


def _all(parts: Iterable[str]) -> Iterable[str]:
    return ("ocpi-broker/1", *parts)


def _prefixed(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part
