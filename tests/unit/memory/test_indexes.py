"""What is found in memory after peers came and went."""

from dataclasses import replace

from broker.memory.indexes import Memory
from tests.unit.core.peers import peer


def test_the_successor_of_a_deleted_peer_keeps_its_name():
    """The two may be read in any order: a broker that was away reads all changes at once."""
    before, after = replace(peer(), uid="u1"), replace(peer(), uid="u2")
    memory = Memory({})
    memory.put_peer("u1", before)
    memory.put_peer("u2", after)

    memory.put_peer("u1", None)

    assert memory.names[after.tenant, after.id] is after
    memory.put_peer("u2", None)
    assert memory.names == {}
