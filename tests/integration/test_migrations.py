"""What an earlier release wrote is there after an upgrade."""

from alembic import command
from sqlmodel import Session

from broker.core.lifecycle import USUAL
from broker.core.model import HeaderForm, PartyKey, Role
from broker.core.quirks import Quirks
from broker.store import peers, schema
from broker.store.engine import migration_engine
from tests.database import Database

TENANT = "INSERT INTO tenant VALUES ('acme', '[\"2.2.1\"]', '[]', '[]', '{}', NULL, 1, 1, 1)"
PEER = """
    INSERT INTO peer (uid, tenant, id, state, blocked, terms, version, newest_version, versions_url, hub, header_form,
                      answered_at, lease_until, revision, created_at, updated_at)
    VALUES ('u1', 'acme', 'hub', 'REGISTERED', FALSE, '{"parties":[],"any_party":true,"versions_url":null}', '2.2.1',
            '2.2.1', 'https://hub.example/versions', 'NLLMH', 'raw', 5, 0, 2, 1, 1)"""
PARTY = "INSERT INTO peer_party VALUES ('acme', 'NL', 'LMH', 'HUB', 'u1', 0, '{\"name\":\"Lumen Hub\",\"logo\":null}')"
EXCHANGE = """
    INSERT INTO exchange (uid, peer_uid, kind, version, outcome, correlation_id, request_id, steps, started_at,
                          deadline_at)
    VALUES ('x1', 'u1', 'POST', '2.2.1', 'SUCCEEDED', 'c', 'r', '[]', 1, 2)"""


HELD = "INSERT INTO held_token VALUES ('u1', 'k1', '', 1)"


def test_who_is_registered_already_waits_to_be_probed(empty_database: Database) -> None:
    """0004: who was invited only, or has left, has no token of which to ask."""
    command.upgrade(schema._config(empty_database.url), "0003")
    empty_database.execute(TENANT)
    for uid in ("u1", "u2"):
        empty_database.execute(
            "INSERT INTO peer (uid, tenant, id, state, blocked, terms, answered_at, lease_until, revision, created_at, "
            f"updated_at) VALUES ('{uid}', 'acme', '{uid}', 'REGISTERED', FALSE, '{{}}', 5, 0, 2, 1, 1)"
        )
    empty_database.execute(HELD)

    schema.upgrade(empty_database.url)

    found = empty_database.execute("SELECT peer_uid, tenant, state, failures, next_probe_at < 0 FROM peer_health")
    assert [(*row[:4], bool(row[4])) for row in found] == [("u1", "acme", "UNKNOWN", 0, True)]


def test_a_peer_of_the_first_schema(empty_database: Database) -> None:
    """0002: the header form becomes the outgoing one; a hub is known by its party."""
    command.upgrade(schema._config(empty_database.url), "0001")
    for statement in (TENANT, PEER, PARTY, EXCHANGE):
        empty_database.execute(statement)

    schema.upgrade(empty_database.url)

    engine = migration_engine(empty_database.url)
    try:
        with Session(engine) as session:
            peer = peers.find(session, "acme", "hub")
    finally:
        engine.dispose()
    assert peer is not None
    assert (peer.form_in, peer.form_out, peer.draft, peer.may_downgrade) == (None, HeaderForm.RAW, False, False)
    assert (peer.quirks, peer.versions, peer.requested, peer.terms.patterns) == (Quirks(), (), (), frozenset())
    assert peer.care == USUAL
    assert [party.key for party in peer.parties] == [PartyKey("NL", "LMH", Role.HUB)]
    assert empty_database.execute("SELECT warnings, quirk FROM exchange") == [("[]", None)]
