"""Metrics as Prometheus reads them: every name that there is, what it means, and how what was counted is written.

Names and labels are an interface: dashboards and alerts stand on them. docs/operations.md has the same table.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from broker.tally import BOUNDS, Durations, Tally

Families: TypeAlias = Iterable[Metric]
TENANT: Final = "tenant"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A metric: the kind as Prometheus calls it, its labels, and what it says. by_tenant: with the label tenant, if
    that is switched on.
    """

    kind: str
    labels: tuple[str, ...]
    text: str
    by_tenant: bool = False


BROKER: Final = {
    "ocpi_broker_build_info": Meaning("gauge", ("version", "database"), "Always 1; what runs, in the labels."),
    "ocpi_broker_calls_total": Meaning("counter", ("method", "outcome"), "RPCs, by OK or the reason of the refusal."),
    "ocpi_broker_call_seconds": Meaning("histogram", ("method",), "How long RPCs took."),
    "ocpi_broker_exchanges_total": Meaning(
        "counter", ("direction", "kind", "version", "outcome"), "Exchanges that ended.", by_tenant=True
    ),
    "ocpi_broker_jobs_total": Meaning("counter", ("kind", "outcome"), "Jobs that ended.", by_tenant=True),
    "ocpi_broker_open_jobs": Meaning("gauge", ("state",), "Jobs that wait; FAILED for an operator.", by_tenant=True),
    "ocpi_broker_probes_total": Meaning("counter", ("outcome",), "Probes of connections.", by_tenant=True),
    "ocpi_broker_peers": Meaning("gauge", ("state",), "Peers, by their state, or BLOCKED.", by_tenant=True),
    "ocpi_broker_token_age_seconds": Meaning(
        "gauge",
        ("kind", "quantile"),
        "Age of tokens in use; 1: the oldest.",
        by_tenant=True,
    ),
    "ocpi_broker_verifications_refused_total": Meaning(
        "counter", ("asked_by", "reason"), "Tokens shown to us that were not good."
    ),
    "ocpi_broker_throttled_total": Meaning("counter", ("limit",), "Requests that a limit refused."),
    "ocpi_broker_revision": Meaning("gauge", (), "The database's revision that memory has reached."),
    "ocpi_broker_revision_lag_seconds": Meaning("gauge", (), "Time since memory was in step with the database."),
    "ocpi_broker_database_errors_total": Meaning("counter", ("kind",), "Database away, or busy and tried again."),
}

GATEWAY: Final = {
    "ocpi_gateway_build_info": Meaning("gauge", ("version",), "Always 1; what runs, in the label."),
    "ocpi_gateway_requests_total": Meaning("counter", ("route", "method", "status"), "HTTP requests of peers."),
    "ocpi_gateway_request_seconds": Meaning("histogram", ("route",), "How long HTTP requests took."),
    "ocpi_gateway_upstream_errors_total": Meaning(
        "counter", ("code",), "Failed calls to the broker, not for the peer's sake."
    ),
}

CATALOGUE: Final = {**BROKER, **GATEWAY}


def labels_of(name: str, *, by_tenant: bool = False) -> list[str]:
    meaning = CATALOGUE[name]
    return [*meaning.labels, *([TENANT] if by_tenant and meaning.by_tenant else [])]


def counter(name: str, tally: Tally, *, by_tenant: bool = False) -> Metric:
    return counter_of(name, tally.items(), by_tenant=by_tenant)


def counter_of(name: str, rows: Iterable[tuple[tuple[str, ...], int]], *, by_tenant: bool = False) -> Metric:
    family = CounterMetricFamily(name, CATALOGUE[name].text, labels=labels_of(name, by_tenant=by_tenant))
    for labels, count in rows:
        family.add_metric(labels, count)
    return family


def gauge(name: str, rows: Iterable[tuple[tuple[str, ...], float]], *, by_tenant: bool = False) -> Metric:
    family = GaugeMetricFamily(name, CATALOGUE[name].text, labels=labels_of(name, by_tenant=by_tenant))
    for labels, value in rows:
        family.add_metric(labels, value)
    return family


def histogram(name: str, durations: Durations) -> Metric:
    family = HistogramMetricFamily(name, CATALOGUE[name].text, labels=labels_of(name))
    bounds = [*map(str, BOUNDS), "+Inf"]
    for label, counts, total in durations.items():
        family.add_metric([label], list(zip(bounds, accumulate(counts), strict=True)), total)
    return family
