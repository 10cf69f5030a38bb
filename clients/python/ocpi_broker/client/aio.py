"""A channel for asyncio."""

from collections.abc import Callable, Sequence
from typing import Any

import grpc
from grpc.aio import Metadata

from ocpi_broker.client import access
from ocpi_broker.client.access import File, Option


def connect(
    target: str, *, key_file: File, ca_file: File | None = None, options: Sequence[Option] = ()
) -> grpc.aio.Channel:
    """The same as `ocpi_broker.client.connect`, for one event loop: call it in a coroutine. Reads the two files."""
    metadata = access.authorization(key_file)
    credentials, chosen = access.trust(target, ca_file), access.options(options)
    interceptors = [kind(metadata) for kind in (_UnaryUnary, _UnaryStream, _StreamUnary, _StreamStream)]
    if credentials is None:
        return grpc.aio.insecure_channel(target, options=chosen, interceptors=interceptors)
    return grpc.aio.secure_channel(target, credentials, options=chosen, interceptors=interceptors)


class _Key:
    """The key, added to the metadata of each call. It shows nothing of it. gRPC wants one object per shape of call."""

    def __init__(self, metadata: access.Metadata) -> None:
        self._metadata = metadata

    def with_key(self, details: Any) -> Any:
        return details._replace(metadata=Metadata(*(details.metadata or ()), *self._metadata))


class _UnaryUnary(_Key, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        return await continuation(self.with_key(details), request)


class _UnaryStream(_Key, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        return await continuation(self.with_key(details), request)


class _StreamUnary(_Key, grpc.aio.StreamUnaryClientInterceptor):
    async def intercept_stream_unary(self, continuation: Callable[..., Any], details: Any, requests: Any) -> Any:
        return await continuation(self.with_key(details), requests)


class _StreamStream(_Key, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(self, continuation: Callable[..., Any], details: Any, requests: Any) -> Any:
        return await continuation(self.with_key(details), requests)
