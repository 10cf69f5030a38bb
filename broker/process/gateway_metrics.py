"""What is counted of a gateway, gathered when somebody asks."""

from collections.abc import Iterable, Iterator
from importlib import metadata

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from broker.process.metrics import counter, gauge, histogram
from gateway.watch import Watch


class GatewayMetrics(Collector):
    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def describe(self) -> Iterable[Metric]:
        """Nothing is collected to find out the names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        yield gauge("ocpi_gateway_build_info", [((metadata.version("ocpi-broker"),), 1)])
        yield counter("ocpi_gateway_requests_total", self._watch.requests)
        yield histogram("ocpi_gateway_request_seconds", self._watch.seconds)
        yield counter("ocpi_gateway_upstream_errors_total", self._watch.upstream_errors)
