"""What is asked of a server, how often it answered, and how long that took."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

import grpc
import httpx

SECONDS = 0.7
WARM_UP_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Target:
    """One request, repeated over and over on a few connections that are kept open.

    message is a serialised protobuf for gRPC, None for HTTP GET. size is that of a good answer's body; whatever is
    smaller on the average is not the answer that was asked for.
    """

    name: str
    url: str
    message: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    connections: int = 8
    streams: int = 8
    units: int = 1
    """What one answer counts for, e.g. the tokens in it."""
    size: int = 0

    @property
    def in_flight(self) -> int:
        return self.connections * self.streams


@dataclass(frozen=True, slots=True)
class Sample:
    """One round. rate in units per second, times in milliseconds."""

    rate: float
    p50: float
    p99: float


Generator = Callable[[Target], Awaitable[Sample]]


class WrongAnswerError(RuntimeError):
    """The server answers, but not with what is to be measured."""


def percentiles(times: Sequence[float]) -> tuple[float, float]:
    """The median, and what one in a hundred exceeds."""
    return median(times), quantiles(times, n=100)[98]


async def answer(target: Target) -> bytes:
    """What the server says when asked once. Raises WrongAnswerError unless it is a success."""
    if target.message is None:
        return await _http_answer(target)
    authority, path = split(target.url)
    async with grpc.aio.insecure_channel(authority) as channel:
        try:
            return bytes(await channel.unary_unary(path)(target.message, metadata=target.headers, timeout=30))
        except grpc.aio.AioRpcError as err:
            raise WrongAnswerError(f"{target.name}: {err.code().name}: {err.details()}") from None


def split(url: str) -> tuple[str, str]:
    """Authority and path of a URL of this package."""
    authority, _, path = url.removeprefix("http://").partition("/")
    return authority, f"/{path}"


async def _http_answer(target: Target) -> bytes:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        response = await client.get(target.url, headers=list(target.headers))
    if response.status_code != httpx.codes.OK:
        raise WrongAnswerError(f"{target.name}: HTTP {response.status_code}: {response.text[:200]}")
    return response.content
