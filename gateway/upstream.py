"""The broker as the gateway calls it: with the gateway's own key, a deadline and the peer's message ids."""

from typing import TYPE_CHECKING

from grpc.aio import Channel

from gateway.message_ids import MessageIds
from ocpi_broker.v1.ocpi_service_pb2_grpc import OcpiServiceStub

if TYPE_CHECKING:
    from ocpi_broker.v1.ocpi_service_pb2_grpc import OcpiServiceAsyncStub

Metadata = tuple[tuple[str, str], ...]

READ_TIMEOUT = 10.0
EXCHANGE_TIMEOUT = 40.0
"""POST and PUT: the broker reads the peer's versions and details meanwhile (A33)."""


class Upstream:
    """One channel for all requests."""

    def __init__(self, channel: Channel, service_key: str) -> None:
        self.ocpi: OcpiServiceAsyncStub = OcpiServiceStub(channel)
        self._authorization = ("authorization", f"Bearer {service_key}")

    def metadata(self, ids: MessageIds) -> Metadata:
        return (
            self._authorization,
            ("x-request-id", ids.request_id),
            ("x-correlation-id", ids.correlation_id),
        )
