"""Connections to other platforms: to admitted addresses only, and all alike if they do not come about (F9)."""

import asyncio
import socket

import httpx
import pytest
import structlog

from broker.core.model import HeaderForm
from broker.outbound.addresses import ForbiddenAddressError, PinnedTransport
from broker.outbound.http_call import CallbackError
from broker.outbound.url_policy import UrlPolicy
from tests.integration.raw_peer import LOOPBACK, STRICT, TOKEN, calling, listening, lists, read_versions, resolving

pytestmark = pytest.mark.anyio


# --- connections that do not come about look all the same (F9) --------------------------------------------------------


@pytest.fixture
def refusing():
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def filtered():
    """A port that takes no more connections: its queue is full, so that the system drops each further attempt."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for caller in callers:
            caller.close()


async def never(_host: str, _port: int):
    await asyncio.sleep(60)


async def test_whether_a_port_is_open_is_not_told(refusing, filtered):
    async def message(port, resolve):
        with pytest.raises(CallbackError) as failure:
            await read_versions(f"http://peer.localhost:{port}/", resolve=resolve)
        causes.add(failure.value.cause)
        return str(failure.value)

    causes: set[str] = set()
    async with listening(lists("2.2.1")) as peer:
        messages = {
            "refused": await message(refusing, resolving(["127.0.0.1"])),
            "filtered": await message(filtered, resolving(["127.0.0.1"])),
            "forbidden": await message(peer.port, resolving(["10.0.0.1"])),
            "forbidden in part": await message(peer.port, resolving(["127.0.0.1", "169.254.169.254"])),
            "unknown": await message(peer.port, resolving(socket.gaierror(-2, "Name or service not known"))),
            "without addresses": await message(peer.port, resolving([])),
            "not found in time": await message(peer.port, never),
        }

        assert set(messages.values()) == {"versions list: could not connect to peer.localhost"}, messages
        assert peer.connections == 0
    assert {next(word for word in sorted(CAUSES) if word in cause) for cause in causes} == CAUSES, causes


CAUSES = {"was refused", "within 2 seconds", "must not be called", "cannot be resolved", "no address", "name server"}
"""What operators are told instead."""


@pytest.mark.parametrize(
    ("policy", "url", "why"),
    [
        (STRICT, "http://127.0.0.1:{port}/", "must be an https URL"),
        (STRICT, "http://localhost:{port}/", "must be an https URL"),
        (STRICT, "https://127.0.0.1:{port}/", "must name its host, not an IP address"),
        (STRICT, "https://localhost:{port}/", "must name a public host"),
        (LOOPBACK, "http://user:pass@127.0.0.1:{port}/", "must not contain a user name or a password"),
        (LOOPBACK, "http://127.0.0.1:{port}/#versions", "must not contain a fragment"),
        (LOOPBACK, "http://127.0.0.1:{port}/" + "a" * 300, "must have at most 255 characters"),
        (LOOPBACK, "http://0.0.0.0:{port}/", "must be an https URL"),
        (LOOPBACK, "http://2130706433:{port}/", "must have a valid host name"),
    ],
)
async def test_a_url_that_the_policy_refuses_is_not_called(policy, url, why):
    async with listening(lists("2.2.1")) as peer:
        resolve = resolving(["127.0.0.1"])
        with pytest.raises(CallbackError) as failure:
            await read_versions(url.format(port=peer.port), policy=policy, resolve=resolve)

        assert str(failure.value) == f"versions list: url {why}"
        assert (peer.connections, resolve.asked) == (0, 0)


class Lenient(UrlPolicy):
    """Admits what only the HTTP client objects to."""

    def check(self, url: str) -> None:
        pass


@pytest.mark.parametrize("url", ["https://xn--a.com/", "https://peer..example/\n"])
async def test_a_url_that_the_client_cannot_read_is_a_failure_of_the_call(url):
    with pytest.raises(CallbackError, match=r"^versions list: the URL cannot be called$"):
        await read_versions(url, policy=Lenient())


async def test_an_address_family_that_does_not_work_is_survived():
    async with listening(lists("2.2.1")) as peer:
        await read_versions(peer.url(host="peer.localhost"), resolve=resolving(["::1", "::1", "127.0.0.1"]))

        assert peer.connections == 1
        assert peer.received[0].all("host") == [f"peer.localhost:{peer.port}"]


async def test_the_system_resolves_names_by_default():
    async with listening(lists("2.2.1")) as peer:
        await read_versions(peer.url(host="localhost"))

        assert peer.received[0].all("host") == [f"localhost:{peer.port}"]


# --- DNS rebinding ----------------------------------------------------------------------------------------------------


async def test_a_name_is_resolved_once_and_connected_to_where_it_was_checked():
    async with listening(lists("2.2.1")) as peer:
        resolve = resolving(["127.0.0.1"], ["10.0.0.1"])

        await read_versions(peer.url(host="peer.localhost"), resolve=resolve)

        assert (peer.connections, resolve.asked) == (1, 1)


async def test_a_name_that_moves_into_the_network_is_not_followed_there():
    async with listening(lists("2.2.1")) as peer, calling(resolve=resolving(["127.0.0.1"], ["10.0.0.1"])) as peers:
        url = peer.url(host="peer.localhost")
        await peers.versions(url, TOKEN, HeaderForm.RAW, correlation_id="c")

        with pytest.raises(CallbackError, match=r"could not connect to peer\.localhost"):
            await peers.versions(url, TOKEN, HeaderForm.RAW, correlation_id="c")


class Recorder(httpx.AsyncBaseTransport):
    """Stands where the network would be, as public addresses cannot be had in a test."""

    def __init__(self):
        self.requests = []

    async def handle_async_request(self, request):
        self.requests.append(request)
        return httpx.Response(200)


async def test_a_public_name_that_turns_private_is_connected_to_only_while_public():
    recorder = Recorder()
    transport = PinnedTransport(STRICT, resolve=resolving(["8.8.4.4"], ["127.0.0.1"]), inner=recorder)
    request = httpx.Request("GET", "https://Peer.example/ocpi")

    await transport.handle_async_request(request)
    with pytest.raises(ForbiddenAddressError):
        await transport.handle_async_request(request)

    [sent] = recorder.requests
    assert str(sent.url) == "https://8.8.4.4/ocpi"
    assert sent.headers["host"] == "peer.example"
    assert sent.extensions["sni_hostname"] == "peer.example"


async def test_an_international_name_stays_in_ascii():
    recorder = Recorder()
    transport = PinnedTransport(STRICT, resolve=resolving(["2606:4700::1111"]), inner=recorder)

    await transport.handle_async_request(httpx.Request("GET", "https://xn--mnchen-3ya.example/"))

    [sent] = recorder.requests
    assert sent.url.host == "2606:4700::1111"
    assert sent.headers["host"] == sent.extensions["sni_hostname"] == "xn--mnchen-3ya.example"


async def test_the_log_knows_why_a_connection_did_not_come_about():
    with structlog.testing.capture_logs() as logs, pytest.raises(CallbackError):
        await read_versions("http://peer.localhost:9/", resolve=resolving(["10.0.0.1"]))

    [entry] = [one for one in logs if one["event"] == "peer_call_failed"]
    assert (entry["host"], entry["cause"]) == ("peer.localhost", "ForbiddenAddressError")
