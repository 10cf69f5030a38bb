"""What is counted of a broker, gathered when somebody asks: plain numbers of its parts, and a look through memory."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from broker.clock import Clock
from broker.config import Settings
from broker.core.peer import Peer, PeerState, Purpose, TokenState
from broker.exchanges.journal import Journal
from broker.limits import ExchangeSlots, FailureLimit
from broker.memory.authenticator import Authenticator
from broker.memory.readmodel import ReadModel
from broker.process.metrics import counter, counter_of, gauge, histogram
from broker.rpc.guard import Guard
from broker.store.transactions import Store

_QUANTILES = (0.5, 0.9, 1.0)
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Counted:
    """The parts of a broker that count, and the memory that is counted."""

    settings: Settings
    store: Store
    model: ReadModel
    clock: Clock
    guard: Guard
    authenticator: Authenticator
    failures: FailureLimit
    slots: ExchangeSlots
    journal: Journal


class BrokerMetrics(Collector):
    """Asks no database. May be asked in a thread: what it reads is copied in one step."""

    def __init__(self, counted: Counted) -> None:
        self._of = counted

    def describe(self) -> Iterable[Metric]:
        """Nothing is collected to find out the names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        of, model = self._of, self._of.model
        by_tenant = of.settings.metrics_tenants
        build = (metadata.version("ocpi-broker"), of.store.dialect)
        yield gauge("ocpi_broker_build_info", [(build, 1)])
        yield counter("ocpi_broker_calls_total", of.guard.calls)
        yield histogram("ocpi_broker_call_seconds", of.guard.seconds)
        yield counter("ocpi_broker_exchanges_total", of.journal.exchanges, by_tenant=by_tenant)
        yield counter("ocpi_broker_jobs_total", of.journal.jobs, by_tenant=by_tenant)
        yield counter("ocpi_broker_probes_total", of.journal.probes, by_tenant=by_tenant)
        yield from _census(model.peers(), of.clock(), by_tenant=by_tenant)
        yield counter("ocpi_broker_verifications_refused_total", of.authenticator.refused)
        throttled = [(("rejected_tokens",), of.failures.refused), (("exchanges",), of.slots.refused)]
        yield counter_of("ocpi_broker_throttled_total", throttled)
        yield gauge("ocpi_broker_revision", [((), model.revision)])
        yield gauge("ocpi_broker_revision_lag_seconds", [((), max(0.0, model.lag))])
        yield counter("ocpi_broker_database_errors_total", of.store.outage.errors)


@dataclass(slots=True)
class _Census:
    """Of the peers of a tenant, or of all."""

    states: Counter[str] = field(default_factory=Counter)
    jobs: Counter[str] = field(default_factory=Counter)
    ages: dict[str, list[float]] = field(default_factory=lambda: {"held": [], "issued": []})

    def add(self, peer: Peer, now: int) -> None:
        self.states["BLOCKED" if peer.blocked else peer.state.value] += 1
        if peer.job is not None:
            self.jobs[peer.job.state.value] += 1
        if peer.state is not PeerState.REGISTERED or peer.blocked:
            return
        if peer.held is not None:
            self.ages["held"].append(_age(peer.held.created_at, now))
        for token in peer.issued:
            if token.state is TokenState.ACTIVE and token.purpose is Purpose.MAIN:
                self.ages["issued"].append(_age(token.created_at, now))


def _census(peers: Sequence[Peer], now: int, *, by_tenant: bool) -> Iterator[Metric]:
    counts: defaultdict[tuple[str, ...], _Census] = defaultdict(_Census)
    for peer in peers:
        counts[(peer.tenant,) if by_tenant else ()].add(peer, now)
    states = [((state, *of), n) for of, census in counts.items() for state, n in census.states.items()]
    jobs = [((state, *of), n) for of, census in counts.items() for state, n in census.jobs.items()]
    ages = [((*labels, *of), age) for of, census in counts.items() for labels, age in _quantiles(census.ages)]
    yield gauge("ocpi_broker_peers", states, by_tenant=by_tenant)
    yield gauge("ocpi_broker_open_jobs", jobs, by_tenant=by_tenant)
    yield gauge("ocpi_broker_token_age_seconds", ages, by_tenant=by_tenant)


def _quantiles(ages: dict[str, list[float]]) -> Iterator[tuple[tuple[str, str], float]]:
    """Each is an age that a token has, not one between two."""
    for kind, found in ages.items():
        found.sort()
        for quantile in _QUANTILES if found else ():
            yield (kind, f"{quantile:g}"), found[min(len(found) - 1, int(quantile * len(found)))]


def _age(since: int, now: int) -> float:
    return max(0, now - since) / _SECOND
