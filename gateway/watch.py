"""What is seen of a gateway from outside: what it has counted, and whether its broker serves."""

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from broker.tally import OTHER, Durations, Tally

ROUTES = ("/versions", "/{version}", "/{version}/credentials", OTHER)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
STATUSES = ("200", "400", "401", "404", "405", "413", "429", "500", "503", "504")
NO_ANSWER = "none"
"""In the place of a status: the peer has gone before there was one."""
CODES = tuple(code.name for code in grpc.StatusCode)

_SECONDS = 2.0
_LONGEST = 200


class Watch:
    """Counts, and asks the broker's health service when it is asked itself."""

    def __init__(self) -> None:
        self.requests = Tally(ROUTES, METHODS, (*STATUSES, NO_ANSWER))
        """By route, method and status."""
        self.seconds = Durations(ROUTES)
        self.upstream_errors = Tally(CODES)
        self._health: HealthStub | None = None
        self._said = "starting"

    def count(self, route: str, method: str, status: str, seconds: float, upstream_error: str = "") -> None:
        """A request has been answered."""
        self.requests.add(route, method, status)
        self.seconds.add(route, seconds)
        if upstream_error:
            self.upstream_errors.add(upstream_error)

    def begins(self, channel: grpc.aio.Channel) -> None:
        """It serves; the channel leads to its broker."""
        self._health = HealthStub(channel)

    def ends(self) -> None:
        self._health, self._said = None, "stopping"

    async def not_ready(self) -> str:
        """Why the gateway cannot serve peers; empty if it can."""
        if self._health is None:
            return self._said
        try:
            answer = await self._health.Check(HealthCheckRequest(), timeout=_SECONDS)
        except grpc.aio.AioRpcError as error:
            return f"the broker does not answer: {error.code().name}: {error.details()}"[:_LONGEST]
        if answer.status != HealthCheckResponse.SERVING:
            return "the broker answers that it does not serve"
        return ""
