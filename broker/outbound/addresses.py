"""From a host name to a connection: resolved once, checked, and connected to exactly what was checked (F9).

Whoever answers a second look-up differently (DNS rebinding) gains nothing, as there is no second look-up. TLS and the
Host header keep the name.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from ipaddress import ip_address

import httpx

from broker.outbound.url_policy import UrlPolicy

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class UnresolvedError(httpx.ConnectError):
    """The host has no address, or not in time."""


class ForbiddenAddressError(httpx.ConnectError):
    """The host has an address that the policy does not admit; nothing was connected to."""


_resolvers = ThreadPoolExecutor(128, thread_name_prefix="resolve")
"""Threads of our own: the event loop's few would all wait for one name server that never answers."""


async def lookup(host: str, port: int) -> Sequence[str]:
    """The addresses of a host in the order in which the system prefers them."""
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_resolvers, ask)
    return [str(sockaddr[0]) for *_, sockaddr in found]


def client_context() -> ssl.SSLContext:
    """Verifies chain and host name, TLS 1.2 or newer (TR-02); the environment has no say in it."""
    context = httpx.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


_usual_context = cache(client_context)  # to read the authorities takes longer than many calls


def is_tls_failure(error: BaseException) -> bool:
    return any(isinstance(cause, ssl.SSLError) for cause in causes(error))


class PinnedTransport(httpx.AsyncBaseTransport):
    """Sends each request over a connection of its own, to a checked address.

    A bare transport has no cookies, follows no redirects, and knows no proxies and no .netrc (F15). Connections are not
    kept: one that was opened for a name must never serve another name at the same address.
    """

    def __init__(
        self,
        policy: UrlPolicy,
        *,
        resolve: Resolve = lookup,
        tls: ssl.SSLContext | None = None,
        inner: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._policy = policy
        self._resolve = resolve
        self._inner = inner or httpx.AsyncHTTPTransport(
            verify=tls or _usual_context(),
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises httpx.TransportError. No part of the request has left if it is a ConnectError or a ConnectTimeout."""
        addresses = await self._checked(request)
        *others, last = _one_per_family(addresses)
        for address in others:
            try:
                return await self._inner.handle_async_request(_pinned(request, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if is_tls_failure(error):
                    raise
        return await self._inner.handle_async_request(_pinned(request, last))

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _checked(self, request: httpx.Request) -> Sequence[str]:
        addresses = await self._addresses(request)
        origin = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
        if not self._policy.permits(origin, addresses):
            raise ForbiddenAddressError("the host has an address that must not be called")
        return addresses

    async def _addresses(self, request: httpx.Request) -> Sequence[str]:
        host = _host(request)
        if _is_literal(host):
            return [host]
        try:
            async with asyncio.timeout(request.extensions.get("timeout", {}).get("connect")):
                addresses = await self._resolve(host, request.url.port or 443)
        except (OSError, UnicodeError) as error:
            raise UnresolvedError("the host has no address") from error
        if not addresses:
            raise UnresolvedError("the host has no address")
        return addresses


def _pinned(request: httpx.Request, address: str) -> httpx.Request:
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": _host(request)},
    )


def _host(request: httpx.Request) -> str:
    """As it stands in the URL: httpx shows xn-- names decoded."""
    return request.url.raw_host.decode("ascii")


def _one_per_family(addresses: Sequence[str]) -> Sequence[str]:
    """The preferred IPv6 and the preferred IPv4 address: enough to survive a broken IPv6, within the time there is."""
    first: dict[int, str] = {}
    for address in addresses:
        first.setdefault(ip_address(address).version, address)
    return list(first.values())


def causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and what led to it."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
