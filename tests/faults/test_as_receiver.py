"""Every fault of a peer that POSTs, PUTs or DELETEs: what it is told, and that its next try succeeds."""

import pytest

from broker.core.exchange import ExchangeKind
from broker.tools.mock_peer.http_client import ExchangeError, ExchangeFailedError, OutcomeUnknownError
from tests.faults import batches, invariants, table
from tests.faults.conftest import Pairs
from tests.faults.pair import UNREGISTERED, Pair, soon
from tests.faults.table import RECEIVED, Outcome, Received

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]

ERRORS = {Outcome.FAILED: ExchangeFailedError, Outcome.UNKNOWN: OutcomeUnknownError}


@batches.placed(RECEIVED)
async def test_a_peer_that_tries_again_is_connected(pairs: Pairs, rows: tuple[Received, ...]) -> None:
    await batches.each(rows, lambda row: _is_connected(pairs, row))


async def _is_connected(pairs: Pairs, row: Received) -> None:
    async with pairs() as pair:
        invitation = await (pair.invited() if row.kind is ExchangeKind.POST else pair.registered())
        old, ours = pair.mock.held, pair.mock.issued
        pair.mock.fault(table.armed(row))

        error = await _try(pair, row.kind, invitation)

        await _ended(pair, 1 if row.kind is ExchangeKind.POST else 2)
        assert type(error) is ERRORS.get(row.outcome, type(None)), error
        assert row.code is None or (error is not None and error.code == row.code), error
        gone = row.kind is ExchangeKind.DELETE
        await pair.check(locked_out=gone)
        if row.outcome is Outcome.FAILED:
            assert pair.mock.held == old, "UR-08: as before"
            assert pair.mock.issued == ours
        pair.mock.no_fault()
        if row.outcome is not Outcome.DONE:
            assert await _try(pair, row.kind, invitation) is None
        if gone:
            assert (await pair.peer()).state == UNREGISTERED
            await pair.check_gone(old)
            return
        await pair.check_connected()
        if row.kind is ExchangeKind.PUT:
            assert not await pair.works(old), "the peer uses the new token"


async def _try(pair: Pair, kind: ExchangeKind, invitation: str) -> ExchangeError | None:
    """One exchange of the mock peer; what it raised."""
    try:
        match kind:
            case ExchangeKind.POST:
                await pair.mock.register(pair.home.versions_url, invitation)
            case ExchangeKind.PUT:
                await pair.mock.rotate()
            case ExchangeKind.DELETE:
                await pair.mock.unregister()
    except ExchangeError as error:
        return error
    finally:
        pair.remember()
    return None


async def _ended(pair: Pair, count: int) -> None:
    """Whoever hangs up is gone before we are done."""

    async def done() -> bool:
        records = invariants.rows(pair, "SELECT 1 FROM exchange WHERE peer_uid = {uid} AND outcome <> 'RUNNING'")
        return len(records) >= count and not invariants.running(pair)

    await soon(done)
