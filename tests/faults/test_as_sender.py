"""Every fault of a peer to which we POST, PUT or DELETE: what an operator sees, and that nothing stays broken."""

import pytest

from broker.core.exchange import ExchangeKind
from broker.tools.mock_peer.faults import CATALOGUE, Side, parse
from ocpi_broker.v1 import resources_pb2
from tests.faults import batches, table
from tests.faults.conftest import Pairs
from tests.faults.pair import FAILED, REGISTERED, UNREGISTERED, WAITING, Pair, soon, why
from tests.faults.table import ELSEWHERE, RECEIVED, SENT, First, Retry, Sent

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]

STATES = {First.REFUSED: FAILED, First.LATER: WAITING, First.UNKNOWN: WAITING}


def test_no_fault_is_left_out() -> None:
    """A fault that joins the catalogue joins a table."""
    tried = {parse(row.fault).name for row in (*SENT, *RECEIVED)} | ELSEWHERE

    assert tried == CATALOGUE.keys()


def test_each_answer_is_lost_in_each_exchange() -> None:
    both = {name for name, kind in CATALOGUE.items() if kind.side is Side.EITHER and len(kind.usual) == 3}
    for kind in ExchangeKind:
        assert both <= {parse(row.fault).name for row in SENT if row.kind is kind} | {"gzip-bomb"}


def test_the_selection_for_postgresql_covers_every_pair() -> None:
    """Fault, exchange, side and end: each two of them that the tables have together."""
    every, chosen = (*SENT, *RECEIVED), batches.CHOSEN

    assert set(chosen) <= set(every)
    for row in every:
        for pair in batches.pairs(row):
            assert any(pair <= set(table.features(other)) for other in chosen), (row, pair)


@batches.placed(SENT)
async def test_a_fault_costs_a_healthy_pair_nothing(pairs: Pairs, rows: tuple[Sent, ...]) -> None:
    await batches.each(rows, lambda row: _costs_nothing(pairs, row))


async def _costs_nothing(pairs: Pairs, row: Sent) -> None:
    async with pairs(lenient=row.lenient) as pair:
        if row.kind is not ExchangeKind.POST:
            await pair.connected()
        before = await Before.of(pair)
        pair.mock.fault(table.armed(row))

        peer = await pair.command(row.kind)

        _expect(row, peer)
        await pair.check(locked_out=_is_locked_out(row))
        if row.first in (First.REFUSED, First.LATER) and row.retry is Retry.WELL:
            await before.stands(pair)
        pair.mock.no_fault()
        if row.first is not First.DONE:
            peer = await pair.command(row.kind)
        if row.retry is not Retry.WELL:
            peer = await _reset(pair, row, peer)
        await _end(pair, row, before)


def _is_locked_out(row: Sent) -> bool:
    """A strict peer that has carried out a PUT takes our old token no more."""
    lost = row.kind is ExchangeKind.PUT and row.retry is not Retry.WELL
    return lost or row.kind is ExchangeKind.DELETE


def _expect(row: Sent, peer: resources_pb2.Peer) -> None:
    if row.first is First.DONE:
        assert not peer.HasField("job"), peer
        return
    assert (why(peer), peer.job.state) == (row.reason, STATES[row.first]), peer
    if row.kind is not ExchangeKind.DELETE:
        assert peer.job.outcome_unknown == (row.first is First.UNKNOWN), peer
    assert peer.job.advice
    if row.kind is ExchangeKind.POST:
        assert peer.state == resources_pb2.PEER_STATE_CONNECTING
    else:
        assert peer.state == REGISTERED


class Before:
    """The pair that stood before an exchange."""

    def __init__(self, ours: str | None, theirs: str | None) -> None:
        self.ours = ours
        self.theirs = theirs

    @classmethod
    async def of(cls, pair: Pair) -> "Before":
        pair.remember()
        return cls(await pair.held() if pair.mock.registered else None, pair.mock.held)

    async def stands(self, pair: Pair) -> None:
        """UR-12: in both directions."""
        if self.ours is None:
            return
        assert await pair.held() == self.ours
        assert pair.mock.accepts(self.ours) == "issued"
        assert pair.mock.held == self.theirs
        assert await pair.works(self.theirs)


async def _reset(pair: Pair, row: Sent, peer: resources_pb2.Peer) -> resources_pb2.Peer:
    """What an operator is told, and that it helps (F2, F4)."""
    expected = "ANSWER_LOST" if row.retry is Retry.LOST else "PEER_REJECTED_TOKEN"
    assert (why(peer), peer.job.state) == (expected, FAILED), peer
    assert peer.job.outcome_unknown == (row.retry is Retry.LOST), peer
    assert "new registration token" in peer.job.advice
    await pair.check(locked_out=True)
    return await pair.connect(pair.mock.invite())


async def _end(pair: Pair, row: Sent, before: Before) -> None:
    if row.kind is ExchangeKind.DELETE:
        assert (await pair.peer()).state == UNREGISTERED
        await pair.check_gone(before.theirs, told=row.told)
        return
    await pair.check_connected()
    if row.kind is ExchangeKind.PUT:
        assert await pair.held() != before.ours
        assert pair.mock.held != before.theirs
        await soon(lambda: _is_over(pair, before.theirs))


async def _is_over(pair: Pair, token: str | None) -> bool:
    """The peer has used the new token, which is noted a moment later when the database is slow."""
    return not await pair.works(token)
