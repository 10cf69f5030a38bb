"""GET versions and GET version details."""

from broker.contract.parties import endpoint_from_pb
from broker.core.model import Version
from broker.ocpi.versions import write_versions
from gateway.resource import Asked
from gateway.upstream import READ_TIMEOUT, Upstream
from ocpi_broker.v1.ocpi_service_pb2 import GetVersionDetailsRequest, ListVersionsRequest


class Versions:
    def __init__(self, upstream: Upstream) -> None:
        self._broker = upstream.ocpi

    async def list(self, asked: Asked) -> object:
        request = ListVersionsRequest(call=asked.call)
        reply = await self._broker.ListVersions(request, metadata=asked.metadata, timeout=READ_TIMEOUT)
        return write_versions((Version(entry.version), entry.url) for entry in reply.versions)

    async def details(self, asked: Asked) -> object:
        request = GetVersionDetailsRequest(call=asked.call, version=asked.version)
        reply = await self._broker.GetVersionDetails(request, metadata=asked.metadata, timeout=READ_TIMEOUT)
        return asked.dialect.write_details(Version(reply.version), [endpoint_from_pb(e) for e in reply.endpoints])
