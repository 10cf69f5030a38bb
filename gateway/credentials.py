"""GET, POST, PUT and DELETE credentials."""

from broker import threads
from broker.contract.parties import announcement_to_pb, credentials_from_pb, style_from_pb
from broker.ocpi.dialect import Dialect
from gateway.bodies import BodyError, read_body, read_credentials
from gateway.resource import Asked, recognised
from gateway.upstream import EXCHANGE_TIMEOUT, READ_TIMEOUT, Upstream
from ocpi_broker.v1.ocpi_service_pb2 import (
    Announcement,
    GetCredentialsRequest,
    RegisterRequest,
    UnregisterRequest,
    UpdateRequest,
)
from ocpi_broker.v1.ocpi_service_pb2 import Credentials as Message


class Credentials:
    def __init__(self, upstream: Upstream, body_limit: int) -> None:
        self._upstream = upstream
        self._broker = upstream.ocpi
        self._body_limit = body_limit

    async def get(self, asked: Asked) -> object:
        request = GetCredentialsRequest(call=asked.call, version=asked.version)
        reply = await self._broker.GetCredentials(request, metadata=asked.metadata, timeout=READ_TIMEOUT)
        return _written(asked, reply.credentials)

    async def register(self, asked: Asked) -> object:
        request = RegisterRequest(call=asked.call, version=asked.version)
        await self._put_body(asked, request)
        reply = await self._broker.Register(request, metadata=asked.metadata, timeout=EXCHANGE_TIMEOUT)
        return _written(asked, reply.credentials)

    async def update(self, asked: Asked) -> object:
        request = UpdateRequest(call=asked.call, version=asked.version)
        await self._put_body(asked, request)
        reply = await self._broker.Update(request, metadata=asked.metadata, timeout=EXCHANGE_TIMEOUT)
        return _written(asked, reply.credentials)

    async def unregister(self, asked: Asked) -> object:
        request = UnregisterRequest(call=asked.call, version=asked.version)
        await self._broker.Unregister(request, metadata=asked.metadata, timeout=READ_TIMEOUT)
        return asked.dialect.unregistered

    async def _read(self, asked: Asked, body: bytes) -> Announcement:
        """A large body takes long to read: not before its sender is known, and not in the event loop."""
        if len(body) > threads.SMALL:
            await recognised(self._upstream, asked)
        return await threads.run(len(body), _announcement, asked.dialect, body)

    async def _put_body(self, asked: Asked, request: RegisterRequest | UpdateRequest) -> None:
        """What the peer announced, or why it cannot be read."""
        try:
            body = await read_body(asked.scope, asked.receive, self._body_limit)
            announced = await self._read(asked, body)
        except BodyError as error:
            request.unreadable.CopyFrom(error.unreadable)
        else:
            request.announcement.CopyFrom(announced)


def _announcement(dialect: Dialect, body: bytes) -> Announcement:
    return announcement_to_pb(read_credentials(dialect, body))


def _written(asked: Asked, ours: Message) -> object:
    return asked.dialect.write_credentials(credentials_from_pb(ours), style_from_pb(ours.style))
