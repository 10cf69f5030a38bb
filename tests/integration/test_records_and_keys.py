"""What was given out is on record, the record shows what was altered, and keys belong to one database."""

import json
import shutil
from pathlib import Path

import grpc
import pytest

from broker.config import Settings
from broker.crypto import keys
from broker.memory import disclosures
from broker.process import bootstrap
from ocpi_broker.v1 import admin_service_pb2
from tests import stack as stacks
from tests.database import Database
from tests.integration.inspection import disclosed, soon
from tests.stack import Stack

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]


# What is on record


async def test_what_was_given_out_is_on_record_after_a_stop(
    event_loop_for_all: None, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in memory, written at the latest when the broker stops."""
    monkeypatch.setattr(disclosures, "_INTERVAL_SECONDS", 3600)
    async with stacks.running(tmp_path, database) as stack:
        home = await stack.home()
        async with stack.guest(home) as guest:
            await guest.sender.register()
            for _ in range(3):
                await home.held(guest.name)

    assert disclosed(database) == [("callers/admin", guest.name, 3)]


async def test_what_was_given_out_is_on_record_soon(own_stack: Stack) -> None:
    """Also if the broker is killed later; nothing is written where nothing was given out."""
    home = await own_stack.home()
    async with own_stack.guest(home) as guest:
        await guest.sender.register()
        with pytest.raises(grpc.RpcError):
            await home.held(f"{home.name}/peers/unknown")
        await home.held(guest.name)

        async def written() -> bool:
            return bool(disclosed(own_stack.database))

        assert await soon(written)
        assert disclosed(own_stack.database) == [("callers/admin", guest.name, 1)]


ALTERED = {
    "not at all": None,
    "a word": "UPDATE audit SET actor = 'nobody' WHERE action = 'peer.invited'",
    "a hash": "UPDATE audit SET hash = (SELECT hash FROM copy_of_audit ORDER BY revision DESC LIMIT 1)"
    " WHERE action = 'peer.invited'",
    "a row less": "DELETE FROM audit WHERE action = 'peer.invited'",
    "the last row less": "DELETE FROM audit WHERE revision = (SELECT max(revision) FROM audit)",
}


async def test_the_audit_chain_shows_what_was_altered(own_stack: Stack) -> None:
    """It is whole as long as nobody wrote into it behind the broker's back."""
    home = await own_stack.home()
    async with own_stack.guest(home) as guest:
        await guest.sender.register()
    database = own_stack.database
    database.execute("CREATE TABLE copy_of_audit AS SELECT * FROM audit")
    found = {}
    for title, statement in ALTERED.items():
        if statement:
            database.execute(statement)
        info = await own_stack.services.admin.GetServerInfo(admin_service_pb2.GetServerInfoRequest())
        found[title] = next(check.ok for check in info.checks if check.subject == "audit chain")
        database.execute("DELETE FROM audit")
        database.execute("INSERT INTO audit SELECT * FROM copy_of_audit")

    assert found == {title: statement is None for title, statement in ALTERED.items()}


# Keys that are not this database's


async def test_a_key_file_that_is_gone_is_not_made_anew(database: Database, tmp_path: Path) -> None:
    """New keys would open nothing that is stored, and nobody would notice until a peer is called."""
    settings = Settings(tmp_path, "127.0.0.1:0", "https://ocpi.example.com", database.url)
    await bootstrap.prepare(settings, migrate=True)
    copy = shutil.move(settings.key_file, tmp_path / "copy")

    with pytest.raises(bootstrap.NotReadyError, match="missing"):
        await bootstrap.prepare(settings, migrate=True)

    assert not settings.key_file.exists()
    shutil.move(copy, settings.key_file)
    await bootstrap.prepare(settings, migrate=True)


async def test_the_keys_of_another_database_are_refused(database: Database, tmp_path: Path) -> None:
    settings = Settings(tmp_path, "127.0.0.1:0", "https://ocpi.example.com", database.url)
    await bootstrap.prepare(settings, migrate=True)
    proofs = database.execute("SELECT key_id FROM key_check")
    settings.key_file.unlink()
    keys.create(settings.key_file)

    with pytest.raises(bootstrap.NotReadyError, match="does not belong to this database"):
        await bootstrap.prepare(settings, migrate=True)

    assert database.execute("SELECT key_id FROM key_check") == proofs


async def test_another_key_under_a_known_id_is_refused(database: Database, tmp_path: Path) -> None:
    settings = Settings(tmp_path, "127.0.0.1:0", "https://ocpi.example.com", database.url)
    await bootstrap.prepare(settings, migrate=True)
    document = json.loads(settings.key_file.read_text())
    document["peppers"][0]["key"] = document["encryption_keys"][0]["key"]
    settings.key_file.write_text(json.dumps(document))

    with pytest.raises(bootstrap.NotReadyError, match="does not belong to this database"):
        await bootstrap.prepare(settings, migrate=True)
