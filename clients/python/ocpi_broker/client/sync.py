"""A channel for threads."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import grpc

from ocpi_broker.client import access
from ocpi_broker.client.access import File, Metadata, Option

Request = TypeVar("Request")
Call = TypeVar("Call")


def connect(
    target: str, *, key_file: File, ca_file: File | None = None, options: Sequence[Option] = ()
) -> grpc.Channel:
    """A channel on which every call carries the service key. Close it, or use it as a context.

    target is HOST:PORT, or dns:///NAME:PORT for several brokers behind one name. ca_file is needed beyond this machine.
    Both files are read once, here. Reads are repeated when a broker is away; set a timeout on each call all the same.
    options are gRPC's, and come before ours. Raises ValueError or OSError if key or certificate are not to be had.
    """
    metadata = access.authorization(key_file)
    credentials, chosen = access.trust(target, ca_file), access.options(options)
    if credentials is None:
        channel = grpc.insecure_channel(target, chosen)
    else:
        channel = grpc.secure_channel(target, credentials, chosen)
    return grpc.intercept_channel(channel, _Key(metadata))


class _Details(NamedTuple):
    """Of a call, as gRPC hands it to interceptors."""

    method: str
    timeout: float | None
    metadata: Metadata | None
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: grpc.Compression | None


class _Key(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Adds the key to the metadata of each call. It shows nothing of it."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata

    def intercept_unary_unary(self, continuation: Callable[..., Call], details: Any, request: Any) -> Call:
        return continuation(self._with_key(details), request)

    def intercept_unary_stream(self, continuation: Callable[..., Call], details: Any, request: Any) -> Call:
        return continuation(self._with_key(details), request)

    def intercept_stream_unary(self, continuation: Callable[..., Call], details: Any, requests: Iterator[Any]) -> Call:
        return continuation(self._with_key(details), requests)

    def intercept_stream_stream(self, continuation: Callable[..., Call], details: Any, requests: Iterator[Any]) -> Call:
        return continuation(self._with_key(details), requests)

    def _with_key(self, details: Any) -> _Details:
        return _Details(
            details.method,
            details.timeout,
            (*(details.metadata or ()), *self._metadata),
            details.credentials,
            details.wait_for_ready,
            details.compression,
        )
