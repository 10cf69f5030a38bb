"""A thousand registered peers, as registrations leave them in the database."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlmodel import SQLModel

from broker.clock import Clock
from broker.config import Settings
from broker.core.caller import CallerRole
from broker.core.model import BusinessDetails, HeaderForm, InterfaceRole, Role, Terms
from broker.core.paths import DEFAULT_TENANT
from broker.core.peer import PeerState, Purpose, TokenState
from broker.crypto import keys, minting
from broker.crypto.minting import Pepper, SecretKind
from broker.crypto.sealing import DataKey
from broker.memory.readmodel import HELD_TOKEN, ReadModel
from broker.process import bootstrap
from broker.store import callers, engine, json_columns
from broker.store.tables import HeldTokenRow, IssuedTokenRow, PeerEndpointRow, PeerPartyRow, PeerRow
from broker.store.transactions import Store, Transaction

SIZE = 1000  # a party id has three digits

_VERSION = "2.2.1"
_MODULES = ("cdrs", "chargingprofiles", "commands", "credentials", "locations", "sessions", "tariffs", "tokens")
_ROLES = (Role.CPO, Role.EMSP)


@dataclass(frozen=True, slots=True)
class Population:
    """What clients need: a reader's service key, the peers' names, and the token that was issued to the first."""

    reader_key: str
    peers: tuple[str, ...]
    issued: str


async def settle(settings: Settings) -> Population:
    """Make the database and fill it."""
    await bootstrap.prepare(settings, migrate=True)
    keyring = keys.read(settings.key_file)
    clock = Clock()
    store = Store(engine.connect(settings.database_url), clock)
    reader, issued = minting.mint(SecretKind.SERVICE_KEY), minting.mint(SecretKind.ISSUED_TOKEN)
    try:
        model = ReadModel(store, keyring, clock)
        await model.start()
        key = model.data_key(DEFAULT_TENANT)

        def write(tx: Transaction) -> None:
            fingerprint = minting.fingerprint(keyring.pepper, SecretKind.SERVICE_KEY, reader)
            callers.insert(tx, "bench", CallerRole.READER, frozenset({DEFAULT_TENANT}), fingerprint)
            for number in range(SIZE):
                token = minting.mint(SecretKind.ISSUED_TOKEN) if number else issued
                add(tx, number, token, key, keyring.pepper, since=tx.now)

        await store.change("bench", write)
    finally:
        await store.aclose()
    return Population(
        reader, tuple(f"tenants/{DEFAULT_TENANT}/peers/{uid_of(number)}" for number in range(SIZE)), issued
    )


def add(tx: Transaction, number: int, issued: str, key: DataKey, pepper: Pepper, *, since: int) -> None:
    """One peer that is registered since then, and was given this token."""
    uid = uid_of(number)
    tx.session.add(_peer(number, since))
    tx.session.flush()  # what belongs to a peer refers to its row
    tx.session.add_all([*_tokens(uid, issued, key, pepper, since), *_parties(number, uid), *_endpoints(uid)])
    tx.changed("peer", uid)


def held_by(uid: str) -> str:
    """The token that the peer has given to us."""
    return f"{uid}-0f0e4f2c-6f1f-4b6e-9a53-3d9f5d1a7c11"


def uid_of(number: int) -> str:
    return f"peer-{number:04}"


def base_of(uid: str) -> str:
    return f"https://{uid}.example.com/ocpi"


def _peer(number: int, now: int) -> PeerRow:
    uid = uid_of(number)
    return PeerRow(
        uid=uid,
        tenant=DEFAULT_TENANT,
        id=uid,
        state=PeerState.REGISTERED.value,
        terms=json_columns.write_terms(Terms(any_party=True)),
        version=_VERSION,
        newest_version=_VERSION,
        versions_url=f"{base_of(uid)}/versions",
        form_out=HeaderForm.BASE64.value,
        answered_at=now,
        registered_at=now,
        revision=2,
        created_at=now,
        updated_at=now,
    )


def _endpoints(uid: str) -> Iterator[SQLModel]:
    role = InterfaceRole.SENDER.value
    for position, module in enumerate(_MODULES):
        url = f"{base_of(uid)}/{_VERSION}/sender/{module}"
        yield PeerEndpointRow(peer_uid=uid, position=position, module=module, role=role, url=url)


def _tokens(uid: str, issued: str, key: DataKey, pepper: Pepper, now: int) -> Iterator[SQLModel]:
    """One in each direction, used before."""
    held = key.seal(held_by(uid).encode(), HELD_TOKEN, uid)
    yield HeldTokenRow(peer_uid=uid, key_id=held.key_id, box=held.box, created_at=now)
    fingerprint = minting.fingerprint(pepper, SecretKind.ISSUED_TOKEN, issued)
    yield IssuedTokenRow(
        lookup_id=fingerprint.lookup_id,
        tenant=DEFAULT_TENANT,
        peer_uid=uid,
        purpose=Purpose.MAIN.value,
        state=TokenState.ACTIVE.value,
        pepper_id=fingerprint.pepper_id,
        digest=fingerprint.digest,
        created_at=now,
        first_used_at=now,
    )


def _parties(number: int, uid: str) -> Iterator[SQLModel]:
    details = json_columns.write_details(BusinessDetails(f"Operator {uid}", f"https://{uid}.example.com"))
    for position, role in enumerate(_ROLES):
        yield PeerPartyRow(
            tenant=DEFAULT_TENANT,
            country_code="DE",
            party_id=f"{number:03}",
            role=role.value,
            peer_uid=uid,
            position=position,
            details=details,
        )
