"""First start: make what is missing, and refuse to run with keys that are not this database's.

Every step can be interrupted and run again: the schema first, then the keys and the proof that both belong together,
then the default tenant and the service keys.
"""

import asyncio
import hmac
from contextlib import suppress
from pathlib import Path

from broker.clock import Clock
from broker.config import Settings
from broker.core.caller import EVERY_TENANT, CallerRole
from broker.core.model import Tenant
from broker.core.paths import DEFAULT_TENANT
from broker.core.placeholder import DEFAULT_VERSIONS, PLACEHOLDER
from broker.crypto import keys, minting, sealing
from broker.crypto.keys import Keyring
from broker.crypto.minting import SecretKind
from broker.crypto.secretfiles import write_new
from broker.process.not_ready import NotReadyError
from broker.store import callers, engine, keychecks, schema, tenants
from broker.store.transactions import Store, Transaction

_ACTOR = "first start"
_PROOF_OF = b"ocpi-broker key check"


async def prepare(settings: Settings, *, migrate: bool) -> None:
    """Create what is missing in the data directory and the database. Raises NotReadyError or KeyFileError."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if migrate:
        schema.upgrade(settings.database_url)
    elif schema.current(settings.database_url) != schema.newest():
        raise NotReadyError(f"the database schema is not current; run: {settings.how_to_upgrade}")
    store = Store(engine.connect(settings.database_url), Clock())
    try:
        keyring = await _keyring(store, settings.key_file)
        await _default_tenant(store, keyring)
        await _service_key(store, keyring, "admin", CallerRole.ADMIN, settings.admin_key_file)
        await _service_key(store, keyring, "gateway", CallerRole.GATEWAY, settings.gateway_key_file)
    finally:
        await store.aclose()


async def _keyring(store: Store, path: Path) -> Keyring:
    """The key file, made if the database is new. A database written with other keys is not touched."""
    proofs = await store.read(keychecks.stored)
    keyring = _read_or_create(path, fresh=not proofs)
    mine = _proofs(keyring)
    known = {key_id: proof for key_id, proof in proofs.items() if key_id in mine}
    if (proofs and not known) or any(mine[key_id] != proof for key_id, proof in known.items()):
        raise NotReadyError(f"{path} does not belong to this database; restore the right one from your copy")

    def add(tx: Transaction) -> None:
        for key_id, proof in mine.items():
            keychecks.add(tx, "key", key_id, proof)

    if len(known) < len(mine):
        await store.jot(add)
    return keyring


def _read_or_create(path: Path, *, fresh: bool) -> Keyring:
    if not path.exists():
        if not fresh:
            raise NotReadyError(f"{path} is missing, but the database was written with keys; restore it from your copy")
        with suppress(FileExistsError):
            keys.create(path)
    return keys.read(path)


def _proofs(keyring: Keyring) -> dict[str, bytes]:
    """A value per key that only that key gives, and that gives nothing of it away."""
    found = {pepper.id: pepper.key for pepper in keyring.peppers.values()}
    found |= {master.id: master.key for master in keyring.encryption_keys.values()}
    return {key_id: hmac.digest(key, _PROOF_OF, "sha256") for key_id, key in found.items()}


async def _default_tenant(store: Store, keyring: Keyring) -> None:
    if await store.read(lambda session: tenants.find(session, DEFAULT_TENANT)):
        return
    tenant = Tenant(DEFAULT_TENANT, DEFAULT_VERSIONS, (PLACEHOLDER,))
    key = sealing.new_data_key(keyring.encryption_key, DEFAULT_TENANT)
    await store.change(_ACTOR, lambda tx: tenants.insert(tx, tenant, key))


async def _service_key(store: Store, keyring: Keyring, name: str, role: CallerRole, path: Path) -> None:
    """A key in a file for its owner, and the caller that it belongs to; whichever of them is missing is made."""
    key = await asyncio.to_thread(_read_or_mint, path)
    try:
        fingerprint = minting.fingerprint(keyring.pepper, SecretKind.SERVICE_KEY, key)
    except ValueError:
        raise NotReadyError(f"{path} does not hold a service key; remove it to have a new one made") from None
    owner = await store.read(lambda session: callers.owner(session, fingerprint.lookup_id))
    if owner is not None and owner[1] is not None:
        raise NotReadyError(f"the key in {path} was revoked; remove the file to have a new one made")
    if owner is not None:
        return
    taken = name in await store.read(callers.ids)
    caller_id = f"{name}-{fingerprint.lookup_id.lower()}" if taken else name
    grants = frozenset({EVERY_TENANT})
    await store.change(_ACTOR, lambda tx: callers.insert(tx, caller_id, role, grants, fingerprint))


def _read_or_mint(path: Path) -> str:
    """Of several that start at once, one makes the file and all use it."""
    if not path.exists():
        with suppress(FileExistsError):
            write_new(path, minting.mint(SecretKind.SERVICE_KEY))
    return path.read_text().strip()
