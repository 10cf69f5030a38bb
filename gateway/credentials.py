"""GET, POST, PUT and DELETE credentials."""

from broker.contract.parties import credentials_from_pb, credentials_to_pb
from gateway.bodies import BodyError, read_body, read_credentials
from gateway.resource import Asked
from gateway.upstream import EXCHANGE_TIMEOUT, READ_TIMEOUT, Upstream
from ocpi_broker.v1.ocpi_service_pb2 import (
    GetCredentialsRequest,
    RegisterRequest,
    UnregisterRequest,
    UpdateRequest,
)


class Credentials:
    def __init__(self, upstream: Upstream, body_limit: int) -> None:
        self._broker = upstream.ocpi
        self._body_limit = body_limit

    async def get(self, asked: Asked) -> object:
        request = GetCredentialsRequest(call=asked.call, version=asked.version)
        reply = await self._broker.GetCredentials(request, metadata=asked.metadata, timeout=READ_TIMEOUT)
        return asked.dialect.write_credentials(credentials_from_pb(reply.credentials))

    async def register(self, asked: Asked) -> object:
        request = RegisterRequest(call=asked.call, version=asked.version)
        await self._put_body(asked, request)
        reply = await self._broker.Register(request, metadata=asked.metadata, timeout=EXCHANGE_TIMEOUT)
        return asked.dialect.write_credentials(credentials_from_pb(reply.credentials))

    async def update(self, asked: Asked) -> object:
        request = UpdateRequest(call=asked.call, version=asked.version)
        await self._put_body(asked, request)
        reply = await self._broker.Update(request, metadata=asked.metadata, timeout=EXCHANGE_TIMEOUT)
        return asked.dialect.write_credentials(credentials_from_pb(reply.credentials))

    async def unregister(self, asked: Asked) -> None:
        request = UnregisterRequest(call=asked.call, version=asked.version)
        await self._broker.Unregister(request, metadata=asked.metadata, timeout=READ_TIMEOUT)

    async def _put_body(self, asked: Asked, request: RegisterRequest | UpdateRequest) -> None:
        """What the peer announced, or why it cannot be read."""
        try:
            body = await read_body(asked.scope, asked.receive, self._body_limit)
            announced = read_credentials(asked.dialect, body)
        except BodyError as error:
            request.unreadable.CopyFrom(error.unreadable)
        else:
            request.credentials.CopyFrom(credentials_to_pb(announced))
