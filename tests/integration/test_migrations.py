"""What an earlier release wrote is there after an upgrade."""

import sqlite3

import psycopg
import pytest
from alembic import command
from sqlmodel import Session

from broker.core.lifecycle import USUAL
from broker.core.model import HeaderForm, PartyKey, Role, Sealed
from broker.core.peer import HeldToken, Peer, TokenState
from broker.core.quirks import Quirks
from broker.store import peers, schema
from broker.store.engine import migration_engine
from tests.database import Database

pytestmark = pytest.mark.both_databases

TENANT = "INSERT INTO tenant VALUES ('acme', '[\"2.2.1\"]', '[]', '[]', '{}', NULL, 1, 1, 1)"
PEER = """
    INSERT INTO peer (uid, tenant, id, state, blocked, terms, version, newest_version, versions_url, hub, header_form,
                      answered_at, lease_until, revision, created_at, updated_at)
    VALUES ('u1', 'acme', 'hub', 'REGISTERED', FALSE, '{"parties":[],"any_party":true,"versions_url":null}', '2.2.1',
            '2.2.1', 'https://hub.example/versions', 'NLLMH', 'raw', 5, 0, 2, 1, 1)"""
HELD = "INSERT INTO held_token VALUES ('u1', 'k1', {box}, 7)"
BOX = {"sqlite": "x'626f78'", "postgr": "'box'::bytea"}
PARTY = "INSERT INTO peer_party VALUES ('acme', 'NL', 'LMH', 'HUB', 'u1', 0, '{\"name\":\"Lumen Hub\",\"logo\":null}')"
EXCHANGE = """
    INSERT INTO exchange (uid, peer_uid, kind, version, outcome, correlation_id, request_id, steps, started_at,
                          deadline_at)
    VALUES ('x1', 'u1', 'POST', '2.2.1', 'SUCCEEDED', 'c', 'r', '[]', 1, 2)"""


def _found(database: Database, peer_id: str) -> Peer:
    engine = migration_engine(database.url)
    try:
        with Session(engine) as session:
            peer = peers.find(session, "acme", peer_id)
    finally:
        engine.dispose()
    assert peer is not None
    return peer


def test_who_is_registered_already_waits_to_be_probed(empty_database: Database) -> None:
    """0005: who was invited only, or has left, has no token of which to ask."""
    command.upgrade(schema._config(empty_database.url), "0003")
    empty_database.execute(TENANT)
    for uid in ("u1", "u2"):
        empty_database.execute(
            "INSERT INTO peer (uid, tenant, id, state, blocked, terms, answered_at, lease_until, revision, created_at, "
            f"updated_at) VALUES ('{uid}', 'acme', '{uid}', 'REGISTERED', FALSE, '{{}}', 5, 0, 2, 1, 1)"
        )
    empty_database.execute(HELD.format(box=BOX[empty_database.url[:6]]))

    schema.upgrade(empty_database.url)

    found = empty_database.execute("SELECT peer_uid, tenant, state, failures, next_probe_at < 0 FROM peer_health")
    assert [(*row[:4], bool(row[4])) for row in found] == [("u1", "acme", "UNKNOWN", 0, True)]


def test_0006_what_is_done_about_tokens_is_checked(database: Database) -> None:
    columns = "uid, tenant, id, state, blocked, terms, answered_at, lease_until, revision, created_at, updated_at"
    values = "'u1', 'acme', 'u1', 'INVITED', FALSE, '{}', 5, 0, 2, 1, 1"
    database.execute(TENANT)
    database.execute(f"INSERT INTO peer ({columns}) VALUES ({values})")

    for wrong in ("lifecycle = 'LEFT'", "renewal = 'DELETE'", "rotation_period = -1"):
        with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
            database.execute(f"UPDATE peer SET {wrong}")
    database.execute("UPDATE peer SET lifecycle = 'MANUAL', renewal = 'REREGISTER', rotation_period = 0")


def test_a_peer_of_the_first_schema(empty_database: Database) -> None:
    """0002: the header form becomes the outgoing one, 0004: that of the held token; a hub is known by its party."""
    command.upgrade(schema._config(empty_database.url), "0001")
    for statement in (TENANT, PEER, PARTY, EXCHANGE, HELD.format(box=BOX[empty_database.url[:6]])):
        empty_database.execute(statement)

    schema.upgrade(empty_database.url)

    peer = _found(empty_database, "hub")
    assert peer.held == HeldToken(Sealed("k1", b"box"), 7, HeaderForm.RAW)
    assert peer.unproven is None
    assert peer.notices == ()
    assert (peer.form_in, peer.form_out, peer.draft, peer.may_downgrade) == (None, HeaderForm.RAW, False, False)
    assert (peer.quirks, peer.versions, peer.requested, peer.terms.patterns) == (Quirks(), (), (), frozenset())
    assert peer.care == USUAL
    assert [party.key for party in peer.parties] == [PartyKey("NL", "LMH", Role.HUB)]
    assert empty_database.execute("SELECT warnings, quirk FROM exchange") == [("[]", None)]


ISSUED = """
    INSERT INTO issued_token (lookup_id, tenant, peer_uid, purpose, state, pepper_id, digest, created_at, failures)
    VALUES ('{name}', 'acme', 'u1', 'MAIN', '{state}', 'p', {box}, {at}, 0)"""


@pytest.mark.parametrize("held", [True, False], ids=["held", "nothing held"])
def test_0004_tokens_of_the_release_before(empty_database: Database, *, held: bool) -> None:
    """Each is kept; and there may be many that were given to repeats, but one of any other state that works."""
    box = BOX[empty_database.url[:6]]
    command.upgrade(schema._config(empty_database.url), "0001")
    for statement in (TENANT, PEER):
        empty_database.execute(statement)
    command.upgrade(schema._config(empty_database.url), "0003")
    states = ("RETIRING", "ACTIVE")
    rows = [ISSUED.format(name=f"t{at}", state=state, box=box, at=at) for at, state in enumerate(states)]
    for statement in rows + [HELD.format(box=box)] * held:
        empty_database.execute(statement)

    schema.upgrade(empty_database.url)

    peer = _found(empty_database, "hub")
    assert (peer.form_out, peer.held is not None) == (HeaderForm.RAW if held else None, held)
    assert [token.state for token in peer.issued] == [TokenState.RETIRING, TokenState.ACTIVE]
    for name in ("r1", "r2"):
        empty_database.execute(ISSUED.format(name=name, state="RESENT", box=box, at=5))
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
        empty_database.execute(ISSUED.format(name="a2", state="ACTIVE", box=box, at=5))
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
        empty_database.execute(ISSUED.format(name="x", state="STOLEN", box=box, at=5))
