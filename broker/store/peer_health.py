"""What is known of connections, and whose turn it is to be probed.

Each turn belongs to whoever moves it: a compare and set, so that of several brokers one probes, and what a probe found
counts only if nothing has happened since that makes it old news. None of this is written to the change log.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import BigInteger, ColumnElement, bindparam, delete, func, or_, update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from broker.core.exchange import Direction, Exchange, Outcome
from broker.core.health import Health, HealthState, Trouble
from broker.store.tables import PeerHealthRow, PeerRow
from broker.store.transactions import Transaction

_BATCH = 300

# Put together once: for a thousand turns that costs more than to run them.
_TABLE = PeerHealthRow.__table__  # type: ignore[attr-defined]  # SQLModel adds __table__ at run time
_MINE = _TABLE.c.peer_uid == bindparam("_uid")
_MOVED = ("next_probe_at", "state", "since", "trouble", "message", "failures", "failing_from", "last_probe")
_MOVE = (
    update(_TABLE)
    .where(_MINE, _TABLE.c.next_probe_at == bindparam("_at"))
    .values({name: bindparam(name) for name in _MOVED})
    .values(last_out=func.coalesce(bindparam("_met", type_=BigInteger()), _TABLE.c.last_out))
)
_CALLED = (
    update(_TABLE)
    .where(_MINE, or_(_TABLE.c.last_in.is_(None), _TABLE.c.last_in < bindparam("last_in")))
    .values(last_in=bindparam("last_in"))
)


@dataclass(frozen=True, slots=True)
class Turn:
    """A peer that is to be looked at, since the moment at. anew: it has not been given its turn yet."""

    peer_uid: str
    tenant: str
    at: int
    health: Health

    @property
    def anew(self) -> bool:
        return self.at < 0


@dataclass(frozen=True, slots=True)
class Move:
    """The turn that follows another one, and what is known then."""

    turn: Turn
    to: int
    health: Health


def find(session: Session, peer_uids: Iterable[str]) -> dict[str, Health]:
    """Of those of these peers of which anything is known."""
    wanted, found = list(peer_uids), dict[str, Health]()
    for start in range(0, len(wanted), _BATCH):
        query = select(PeerHealthRow).where(col(PeerHealthRow.peer_uid).in_(wanted[start : start + _BATCH]))
        found |= {row.peer_uid: _health(row) for row in session.exec(query)}
    return found


def failing(tenant: str) -> SelectOfScalar[str]:
    """The uids of the tenant's peers whose connections fail, as a subquery."""
    row = PeerHealthRow
    return select(row.peer_uid).where(row.tenant == tenant, row.state == HealthState.FAILING.value)


def count_failing(session: Session) -> dict[str, int]:
    """How many connections of each tenant fail; of tenants with none of them there is no entry."""
    row = PeerHealthRow
    counted = select(row.tenant, func.count()).where(row.state == HealthState.FAILING.value)
    return dict(session.exec(counted.group_by(row.tenant).order_by(row.tenant)).all())


def due(session: Session, now: int, limit: int, full: Iterable[str] = ()) -> list[Turn]:
    """The turns that have come, the longest due first; not those of tenants that are full."""
    row = PeerHealthRow
    query = select(row).where(row.next_probe_at <= now, col(row.tenant).not_in(sorted(full)))
    query = query.order_by(col(row.next_probe_at)).limit(limit)
    return [Turn(each.peer_uid, each.tenant, each.next_probe_at, _health(each)) for each in session.exec(query)]


def apply(tx: Transaction, moves: Iterable[Move]) -> list[Move]:
    """Those that were still to be had. In one order for everybody, so that two cannot wait for each other."""
    return [move for move in sorted(moves, key=lambda move: move.turn.peer_uid) if _moved(tx, move)]


def _moved(tx: Transaction, move: Move) -> bool:
    health = move.health
    after = {
        "next_probe_at": move.to,
        "state": health.state.value,
        "since": health.since,
        "trouble": health.trouble.value if health.trouble else None,
        "message": health.message or None,
        "failures": health.failures,
        "failing_from": health.failing_from,
        "last_probe": health.last_probe,
        "_met": health.last_out if health.last_out != move.turn.health.last_out else None,
    }
    whose = {"_uid": move.turn.peer_uid, "_at": move.turn.at}
    return bool(tx.session.connection().execute(_MOVE, {**after, **whose}).rowcount == 1)


def expect(tx: Transaction, peer_uid: str) -> None:
    """We hold a token of this peer that it gave us just now: a probe with the one before says nothing any more."""
    if _give_turns(tx, col(PeerHealthRow.peer_uid) == peer_uid):
        return
    tenant = tx.session.exec(select(PeerRow.tenant).where(PeerRow.uid == peer_uid)).one()
    unknown = HealthState.UNKNOWN.value
    tx.insert_new(PeerHealthRow, peer_uid=peer_uid, tenant=tenant, state=unknown, next_probe_at=-tx.now)


def look_again(tx: Transaction, peer_uid: str) -> None:
    """An operator has changed something: what failed may work now, and a blocked peer is not to be probed."""
    _give_turns(tx, col(PeerHealthRow.peer_uid) == peer_uid)


def look_again_at_all(tx: Transaction, tenant: str) -> None:
    """The interval of the tenant has changed."""
    _give_turns(tx, col(PeerHealthRow.tenant) == tenant)


def forget(tx: Transaction, peer_uid: str) -> None:
    """The connection has ended."""
    tx.session.exec(delete(PeerHealthRow).where(col(PeerHealthRow.peer_uid) == peer_uid))


def note_exchange(tx: Transaction, exchange: Exchange) -> None:
    """A success is a contact: in it the peer has answered calls of ours, and, of its own accord, called us."""
    if exchange.outcome is not Outcome.SUCCEEDED:
        return
    called = {"last_in": tx.now} if exchange.direction is Direction.INBOUND else {}
    mine = col(PeerHealthRow.peer_uid) == exchange.peer_uid
    tx.session.exec(update(PeerHealthRow).where(mine).values(last_out=tx.now, **called))


def note_calls(tx: Transaction, calls: Mapping[str, int]) -> None:
    """When these peers have shown a token of ours."""
    rows = [{"_uid": uid, "last_in": at} for uid, at in sorted(calls.items())]
    if rows:
        tx.session.connection().execute(_CALLED, rows)


def _give_turns(tx: Transaction, whose: ColumnElement[bool]) -> bool:
    """Whether there was anybody."""
    given = tx.session.exec(update(PeerHealthRow).where(whose).values(next_probe_at=-tx.now))
    return bool(given.rowcount)


def _health(row: PeerHealthRow) -> Health:
    return Health(
        state=HealthState(row.state),
        since=row.since,
        trouble=Trouble(row.trouble) if row.trouble else None,
        message=row.message or "",
        failures=row.failures,
        failing_from=row.failing_from,
        last_probe=row.last_probe,
        last_in=row.last_in,
        last_out=row.last_out,
    )
