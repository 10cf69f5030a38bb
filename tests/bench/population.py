"""A thousand registered peers, written as registrations write them."""

from collections.abc import Iterator
from dataclasses import dataclass

from broker import bootstrap, keys, tokens
from broker.clock import Clock
from broker.config import Settings
from broker.core.caller import CallerRole
from broker.core.model import (
    BusinessDetails,
    Credentials,
    Endpoint,
    HeaderForm,
    InterfaceRole,
    Party,
    PartyKey,
    Registration,
    Role,
    Terms,
    Token,
    Version,
)
from broker.core.paths import DEFAULT_TENANT
from broker.core.peer import Peer, PeerState, Succession
from broker.readmodel import HELD_TOKEN, ReadModel
from broker.sealing import DataKey
from broker.store import callers, engine, transitions
from broker.store.transactions import Store, Transaction
from broker.tokens import Pepper, SecretKind

SIZE = 1000

_MODULES = ("cdrs", "commands", "locations", "sessions", "tariffs", "tokens", "chargingprofiles", "credentials")
_VERSION = Version("2.2.1")


@dataclass(frozen=True, slots=True)
class Population:
    """What clients need: a reader's service key, the peers' names, and the token that was issued to the first."""

    reader_key: str
    peers: tuple[str, ...]
    issued: str


async def settle(settings: Settings) -> Population:
    """Make the database and fill it, with everybody's registration in one transaction."""
    await bootstrap.prepare(settings, migrate=True)
    keyring = keys.read(settings.key_file)
    engines = engine.connect(settings.database_url)
    try:
        store, clock = Store(engines, Clock()), Clock()
        model = ReadModel(store, keyring, clock)
        await model.start()
        reader = tokens.mint(SecretKind.SERVICE_KEY)
        issued = [tokens.mint(SecretKind.ISSUED_TOKEN) for _ in range(SIZE)]
        key = model.data_key(DEFAULT_TENANT)

        async def write(tx: Transaction) -> None:
            fingerprint = tokens.fingerprint(keyring.pepper, SecretKind.SERVICE_KEY, reader)
            await callers.insert(tx, "bench", CallerRole.READER, frozenset({DEFAULT_TENANT}), fingerprint)
            for peer, token in zip(_peers(), issued, strict=True):
                await _register(tx, peer, token, key, keyring.pepper)

        await store.change("bench", write)
    finally:
        await engines.dispose()
    return Population(reader, tuple(peer.name for peer in _peers()), issued[0])


def _peers() -> Iterator[Peer]:
    for number in range(SIZE):
        name = f"peer-{number:04}"
        yield Peer(name, DEFAULT_TENANT, name, PeerState.INVITED, False, Terms(any_party=True), 1, 0, 0)


async def _register(tx: Transaction, peer: Peer, issued: str, key: DataKey, pepper: Pepper) -> None:
    registration = _registration(peer)
    result = transitions.Established(
        registration=registration,
        header_form=HeaderForm.BASE64,
        held=key.seal(registration.theirs.token.reveal().encode(), HELD_TOKEN, peer.uid),
        issued=tokens.fingerprint(pepper, SecretKind.ISSUED_TOKEN, issued),
        succession=Succession((), None, 0),
    )
    assert await transitions.insert_invited(tx, peer.uid, peer.tenant, peer.id, peer.terms)
    assert await transitions.acquire_lease(tx, peer.uid, peer.uid, tx.now)
    assert await transitions.take_over(tx, peer, peer.uid, result)
    await transitions.establish(tx, peer, result)
    assert await transitions.claim_parties(tx, peer, registration.theirs.parties) is None


def _registration(peer: Peer) -> Registration:
    base = f"https://{peer.id}.example.com/ocpi"
    party_id = peer.id[-3:]
    parties = tuple(
        Party(PartyKey(_country(peer), party_id, role), BusinessDetails(f"Operator {peer.id}", base))
        for role in (Role.CPO, Role.EMSP)
    )
    endpoints = tuple(
        Endpoint(module, InterfaceRole.SENDER, f"{base}/{_VERSION}/sender/{module}") for module in _MODULES
    )
    token = Token(f"{peer.id}-{'held' * 8}")
    return Registration(_VERSION, Credentials(token, f"{base}/versions", parties), endpoints)


def _country(peer: Peer) -> str:
    """One more for every thousand party ids."""
    return f"D{chr(ord('A') + int(peer.id[-4]))}"
