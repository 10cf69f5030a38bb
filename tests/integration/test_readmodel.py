"""Memory of several brokers over one database: nothing that is gone stays, and every revision is reached."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from broker.clock import Clock
from broker.config import Settings
from broker.core.caller import CallerRole
from broker.core.model import BusinessDetails, Party, PartyKey, Role, Tenant, Terms, Version
from broker.core.peer import PeerState, Purpose
from broker.crypto import keys, minting, sealing
from broker.crypto.keys import Keyring
from broker.crypto.minting import SecretKind
from broker.memory.readmodel import ReadModel
from broker.process import bootstrap
from broker.store import callers, engine, tenants, transitions
from broker.store.transactions import Store, Transaction
from tests.database import Database

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]

MANY = 600  # more than memory reads at once
ACME = Tenant("acme", (Version("2.2.1"),), (Party(PartyKey("NL", "LMH", Role.CPO), BusinessDetails("Lumen Hub")),))


@dataclass
class Deployment:
    store: Store
    keyring: Keyring
    clock: Clock

    async def broker(self) -> ReadModel:
        """The memory of one more broker."""
        model = ReadModel(self.store, self.keyring, self.clock)
        await model.start()
        return model

    def create(self, tx: Transaction) -> None:
        tenants.insert(tx, ACME, sealing.new_data_key(self.keyring.encryption_key, ACME.id))

    def invite(self, tx: Transaction, uid: str) -> str:
        """The lookup id of the invitation."""
        transitions.create(tx, uid, ACME.id, "partner", Terms(any_party=True), PeerState.INVITED)
        token = minting.mint(SecretKind.ISSUED_TOKEN)
        issued = minting.fingerprint(self.keyring.pepper, SecretKind.ISSUED_TOKEN, token)
        transitions.issue(tx, uid, ACME.id, Purpose.INVITATION, issued)
        return issued.lookup_id

    def grant(self, tx: Transaction, caller: str) -> str:
        key = minting.fingerprint(self.keyring.pepper, SecretKind.SERVICE_KEY, minting.mint(SecretKind.SERVICE_KEY))
        callers.insert(tx, caller, CallerRole.READER, frozenset({ACME.id, "default"}), key)
        return key.lookup_id


@pytest.fixture
async def deployment(database: Database, tmp_path: Path) -> AsyncIterator[Deployment]:
    settings = Settings(tmp_path, "127.0.0.1:0", "https://ocpi.lumenhub.example", database.url)
    await bootstrap.prepare(settings, migrate=True)
    clock = Clock()
    store = Store(engine.connect(database.url), clock)
    try:
        yield Deployment(store, keys.read(settings.key_file), clock)
    finally:
        await store.aclose()


async def test_a_revision_that_only_the_audit_log_has_is_reached(deployment):
    running = await deployment.broker()
    await deployment.store.change("tests", lambda tx: tx.audit("token.disclosed", "default", "tenants/default"))
    started_later = await deployment.broker()

    await running.reach(started_later.revision)

    assert running.revision == started_later.revision


async def test_a_revision_is_read_whole_however_large(deployment):
    await deployment.store.change("tests", deployment.create)
    granted = await deployment.store.change(
        "tests", lambda tx: [deployment.grant(tx, f"service-{number:03}") for number in range(MANY)]
    )
    model = await deployment.broker()

    await deployment.store.change("tests", lambda tx: callers.forget_tenant(tx, ACME.id))
    await model.catch_up()

    assert {model.caller(key).tenants for key in granted} == {frozenset({"default"})}


async def test_revisions_that_do_not_fit_are_read_in_turn(deployment):
    model = await deployment.broker()
    await deployment.store.change("tests", deployment.create)
    first = await deployment.store.change("tests", lambda tx: [deployment.grant(tx, f"a-{n}") for n in range(300)])
    second = await deployment.store.change("tests", lambda tx: [deployment.grant(tx, f"b-{n}") for n in range(300)])

    await model.catch_up()

    assert all(model.caller(key) for key in first + second)


async def test_a_tenant_that_was_made_again_has_none_of_the_old_peers(deployment):
    """Deleted and made anew before this broker looked: the log names the tenant, which is there."""
    await deployment.store.change("tests", deployment.create)
    old = await deployment.store.change("tests", lambda tx: deployment.invite(tx, "old"))
    model = await deployment.broker()
    assert model.issued(old) is not None

    assert await deployment.store.change("tests", lambda tx: tenants.remove(tx, ACME.id, 1))
    await deployment.store.change("tests", deployment.create)
    await model.catch_up()
    assert (model.issued(old), model.peer(ACME.id, "partner")) == (None, None)

    new = await deployment.store.change("tests", lambda tx: deployment.invite(tx, "new"))
    await model.catch_up()
    assert model.issued(new) is not None
    assert model.peer(ACME.id, "partner").uid == "new"
