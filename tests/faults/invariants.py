"""What holds of a pair after every step, whatever went wrong, read from the database and not only asked.

1. A healthy pair that tries again ends connected: each takes the token that the other shows.
2. A registered peer has an issued token that works, and what the mock peer holds works (F2, F4).
3. Never more than two issued tokens work, but for those that repeats were given, and never more than two held ones are
   kept.
4. What is revoked stays revoked.
5. There is one audit entry for each change, and none for what failed.
6. Nothing is left running, and each attempt has its record with steps.
7. No token is written down: that is looked for at the end of a test, and of the session (conftest).
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from broker.crypto import minting
from broker.crypto.minting import SecretKind
from ocpi_broker.v1 import resources_pb2

if TYPE_CHECKING:
    from tests.faults.pair import Pair

_CHANGES = {"POST": "peer.registered", "PUT": "peer.updated"}


@dataclass(slots=True)
class Memory:
    """What was seen in earlier steps."""

    revoked: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Issued:
    """A row of an issued token."""

    lookup_id: str
    purpose: str
    state: str
    not_after: int | None
    reused_at: int | None

    @property
    def works(self) -> bool:
        """As F4 has it: time alone does not end the only token that a peer is known to use."""
        if self.state == "REVOKED":
            return False
        over = self.not_after is not None and time.time() * 1e6 >= self.not_after
        return not over or (self.state == "RETIRING" and self.purpose == "MAIN" and self.reused_at is not None)


def rows(pair: "Pair", statement: str) -> Sequence[tuple[Any, ...]]:
    """{uid} in a statement stands for the peer's."""
    tenant = pair.home.name.removeprefix("tenants/")
    uid = f"(SELECT uid FROM peer WHERE tenant = '{tenant}' AND id = '{pair.id}')"
    return pair.stack.database.execute(statement.format(uid=uid, name=pair.name))


def issued(pair: "Pair") -> list[Issued]:
    columns = "lookup_id, purpose, state, not_after, reused_at"
    return [Issued(*row) for row in rows(pair, f"SELECT {columns} FROM issued_token WHERE peer_uid = {{uid}}")]


def state_of(pair: "Pair", token: str | None) -> str | None:
    """That of a token that we issued, without showing it: showing a token is an event."""
    lookup_id = minting.lookup_id(SecretKind.ISSUED_TOKEN, token or "")
    return next((token.state for token in issued(pair) if token.lookup_id == lookup_id), None)


def running(pair: "Pair") -> int:
    """How many exchanges are."""
    statement = "SELECT count(*) FROM exchange WHERE peer_uid = {uid} AND outcome = 'RUNNING'"
    return int(rows(pair, statement)[0][0])


async def check(pair: "Pair", *, locked_out: bool) -> None:
    """locked_out: the mock peer is strict, and what it did with an answer of its own cannot be mended by us."""
    _check_tokens(pair, await pair.peer())
    if not locked_out:
        _check_held_by_mock(pair)
        await _check_held_by_us(pair)
    _check_exchanges(pair)
    _check_audit(pair)


async def check_connected(pair: "Pair") -> None:
    """1."""
    peer = await pair.peer()
    assert peer.state == resources_pb2.PEER_STATE_REGISTERED, peer
    assert not peer.HasField("job"), peer
    assert not peer.quarantined, peer
    assert pair.mock.registered
    assert pair.mock.accepts(await pair.held()) == "issued"
    assert await pair.works(pair.mock.held)
    assert peer.version == pair.mock.version


async def check_gone(pair: "Pair", old: Sequence[str | None], *, told: bool) -> None:
    """Both tokens are dead in both directions, and nothing is left to be done (UN-02, F17)."""
    peer = await pair.peer()
    assert peer.state == resources_pb2.PEER_STATE_UNREGISTERED, peer
    assert not peer.HasField("job"), peer
    assert not any(token.works for token in issued(pair))
    assert rows(pair, "SELECT 1 FROM held_token WHERE peer_uid = {uid}") == []
    if told:
        assert not pair.mock.registered
        assert pair.mock.issued == frozenset()
    for token in filter(None, old):
        assert not await pair.works(token, "versions")


def _check_tokens(pair: "Pair", peer: resources_pb2.Peer) -> None:
    """2, 3, 4."""
    found = issued(pair)
    good = [token for token in found if token.works]
    assert len([token for token in good if token.state != "RESENT"]) <= 2, found
    if peer.state == resources_pb2.PEER_STATE_REGISTERED and not peer.blocked:
        assert good, found
    held = rows(pair, "SELECT 1 FROM held_token WHERE peer_uid = {uid}")
    kept = rows(pair, "SELECT 1 FROM job WHERE peer_uid = {uid} AND access_box IS NOT NULL AND confirming")
    assert len(held) + len(kept) <= 2
    risen = [token for token in found if token.lookup_id in pair.memory.revoked and token.state != "REVOKED"]
    assert risen == []
    pair.memory.revoked |= {token.lookup_id for token in found if token.state == "REVOKED"}


def _check_held_by_mock(pair: "Pair") -> None:
    """2. What it shows to us works, without being shown now."""
    if pair.mock.held is not None:
        lookup_id = minting.lookup_id(SecretKind.ISSUED_TOKEN, pair.mock.held)
        assert [token for token in issued(pair) if token.lookup_id == lookup_id and token.works], issued(pair)


async def _check_held_by_us(pair: "Pair") -> None:
    """The other way round."""
    peer = await pair.peer()
    if peer.state == resources_pb2.PEER_STATE_REGISTERED and not peer.blocked and not peer.quarantined:
        assert pair.mock.accepts(await pair.held()) == "issued"


def _check_exchanges(pair: "Pair") -> None:
    """6."""
    found = rows(pair, "SELECT direction, outcome, ended_at, steps, reason FROM exchange WHERE peer_uid = {uid}")
    assert [row for row in found if row[1] == "RUNNING" or row[2] is None] == []
    ours = [row for row in found if row[0] == "OUTBOUND"]
    assert len(ours) == pair.commands, ours
    assert [row for row in ours if not json.loads(row[3])] == []
    assert [row for row in found if (row[1] == "SUCCEEDED") != (row[4] is None)] == []


def _check_audit(pair: "Pair") -> None:
    """5."""
    exchanges = rows(pair, "SELECT uid, kind FROM exchange WHERE peer_uid = {uid} AND outcome = 'SUCCEEDED'")
    written = [
        (action, json.loads(detail))
        for action, detail in rows(pair, "SELECT action, detail FROM audit WHERE resource = '{name}'")
    ]
    told = sorted((detail["exchange"], action) for action, detail in written if action in _CHANGES.values())
    assert told == sorted((uid, _CHANGES[kind]) for uid, kind in exchanges if kind in _CHANGES)
    ended = [detail for action, detail in written if action == "peer.unregistered" and detail.get("told", True)]
    assert len([detail for detail in ended if detail["by"] != "operator"]) == len(
        [uid for uid, kind in exchanges if kind == "DELETE"]
    )
