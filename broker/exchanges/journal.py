"""What is said, and counted, when an exchange or a job has come to its end: one log event each, after its commit.

The transactions tell it (store.transactions), so that no way to an end can be forgotten here.
"""

import math
from collections.abc import Iterable

import structlog

from broker.core.exchange import Direction, Exchange, ExchangeKind, Outcome
from broker.core.job import EndedJob, JobOutcome
from broker.core.peer import Peer
from broker.memory.readmodel import ReadModel
from broker.ocpi import DIALECTS
from broker.tally import Tally

_log = structlog.get_logger(__name__)

_FEW = 20
PROBE_OUTCOMES = ("OK", "FAILED")

_KINDS = tuple(kind.value for kind in ExchangeKind)


class Journal:
    """exchanges: direction, kind, version, outcome. jobs: kind, outcome. probes: outcome. With by_tenant each is
    counted for each tenant, whose id is the last label.
    """

    def __init__(self, model: ReadModel, *, by_tenant: bool = False) -> None:
        self._model = model
        self._by_tenant = by_tenant
        directions, outcomes = [each.value for each in Direction], [each.value for each in Outcome]
        self.exchanges = self._tally(directions, _KINDS, ["", *DIALECTS], outcomes)
        self.jobs = self._tally(_KINDS, [each.value for each in JobOutcome])
        self.probes = self._tally(PROBE_OUTCOMES)

    def ended(self, thing: Exchange | EndedJob, now: int) -> None:
        """A transaction that ended this has been committed at that time (microseconds)."""
        peer = self._model.peer_of(thing.peer_uid)
        if isinstance(thing, Exchange):
            self._exchange(thing, peer, now)
        else:
            self._job(thing, peer, now)

    def probed(self, peer: Peer, outcome: str) -> None:
        """A probe of the connection has ended: one of PROBE_OUTCOMES."""
        self._count(self.probes, peer, outcome)

    def _exchange(self, exchange: Exchange, peer: Peer | None, now: int) -> None:
        kind, direction, outcome = exchange.kind.value, exchange.direction.value, exchange.outcome.value
        self._count(self.exchanges, peer, direction, kind, exchange.version, outcome)
        _log.info(
            "exchange_finished",
            **_where(peer, exchange.peer_uid),
            direction=direction,
            kind=kind,
            version=exchange.version,
            outcome=outcome,
            reason=exchange.reason,
            quirk=exchange.quirk,
            ms=_milliseconds(exchange.started_at, now),
            exchange=exchange.uid,
            request_id=exchange.request_id,
            correlation_id=exchange.correlation_id,
        )

    def _job(self, ended: EndedJob, peer: Peer | None, now: int) -> None:
        job = ended.job
        self._count(self.jobs, peer, job.kind.value, ended.outcome.value)
        _log.info(
            "job_finished",
            **_where(peer, ended.peer_uid),
            direction=Direction.OUTBOUND.value,
            kind=job.kind.value,
            version=str(job.version or ""),
            outcome=ended.outcome.value,
            reason=job.reason if ended.outcome is JobOutcome.FAILED else None,
            ms=_milliseconds(job.started_at, now),
            scheduled=job.scheduled,
        )

    def _count(self, tally: Tally, peer: Peer | None, *labels: str) -> None:
        if self._by_tenant:
            labels = (*labels, peer.tenant if peer else "")
        tally.add(*labels)

    def _tally(self, *known: Iterable[str]) -> Tally:
        """Of the smaller ones all combinations are there from the start."""
        lists = list(map(tuple, known))
        if self._by_tenant:
            return Tally(*lists, None)
        return Tally(*lists, from_zero=math.prod(map(len, lists)) <= _FEW)


def _where(peer: Peer | None, uid: str) -> dict[str, str]:
    """Of a peer that is gone already only the uid is known."""
    return peer.where if peer else {"peer_uid": uid}


def _milliseconds(since: int, now: int) -> int:
    return max(0, now - since) // 1000
