"""Calls to other platforms over real sockets: what is sent, what is accepted, what every failure says (F7 to F9)."""

import asyncio
import gzip
import ipaddress
import json
import socket
import ssl
import threading
import uuid
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from broker.core.model import HeaderForm, InterfaceRole, Token, Version
from broker.errors import PeerUnusableError, PeerVersionUnsupportedError
from broker.ocpi import DIALECTS
from broker.ocpi import envelope as envelopes
from broker.outbound import discovery
from broker.outbound.addresses import ForbiddenAddressError, PinnedTransport, client_context
from broker.outbound.discovery import USUAL, Answer, HttpPeers
from broker.outbound.http_call import Budgets, CallbackError
from broker.outbound.url_policy import UrlPolicy

pytestmark = pytest.mark.anyio

STRICT = UrlPolicy()
LOOPBACK = UrlPolicy(insecure=frozenset({"loopback"}))
QUICK = Budgets(connect=0.15, whole=0.3, versions=64 << 10, details=128 << 10)
ROOMY = Budgets(connect=2, whole=5, versions=64 << 10, details=128 << 10)
TOKEN = Token("canary-6f1e2a-Zx9")
RAW = "Token canary-6f1e2a-Zx9"
BASE64 = "Token Y2FuYXJ5LTZmMWUyYS1aeDk="
DIALECT = DIALECTS["2.2.1"]


# --- a peer that can do anything --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    target: str
    headers: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass
class Peer:
    """A server on one address: it keeps the one request of each connection, and then answer writes what it likes."""

    answer: Callable[["Peer", asyncio.StreamWriter], Awaitable[None]]
    port: int = 0
    connections: int = 0
    received: list[Request] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)  # as asked for by SNI
    written: int = 0

    def url(self, path: str = "/ocpi/versions", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        line, *lines = head.rstrip("\r\n").split("\r\n")
        headers = tuple((key.lower(), value.strip()) for key, _, value in (text.partition(":") for text in lines))
        self.received.append(Request(line.split(" ")[1], headers))
        await self.answer(self, writer)

    async def write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        writer.write(data)
        await writer.drain()
        self.written += len(data)


@asynccontextmanager
async def listening(answer, *, address="127.0.0.1", port=0, tls=None):
    peer = Peer(answer)
    tasks, writers = set(), []

    async def connected(reader, writer):
        tasks.add(asyncio.current_task())
        writers.append(writer)
        try:
            await peer.serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()
            tasks.discard(asyncio.current_task())

    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: peer.names.append(name)
    server = await asyncio.start_server(connected, address, port, ssl=tls)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        for _ in range(10):  # who was accepted just now gets transport, protocol and task, while the server is open
            await asyncio.sleep(0)
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()  # what a client never read would keep it open
        for _ in range(3):  # a TLS connection is closed in more than one step
            await asyncio.sleep(0)
        await server.wait_closed()


def plain(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def envelope(data=None, code=1000) -> bytes:
    return json.dumps({"data": data, "status_code": code, "timestamp": "2026-01-05T10:00:00Z"}).encode()


def says(*answers: bytes):
    """Answers the first request with the first, and so on; the last one for ever."""

    async def answer(peer, writer):
        await peer.write(writer, answers[min(len(peer.received), len(answers)) - 1])

    return answer


def lists(*versions: str):
    async def answer(peer, writer):
        data = [{"version": version, "url": peer.url(f"/ocpi/{version}")} for version in versions]
        await peer.write(writer, plain(envelope(data), "Content-Type: application/json"))

    return answer


def offers(*endpoints: dict, version: str = "2.2.1"):
    """{base} in an endpoint's URL stands for the peer itself."""

    async def answer(peer, writer):
        listed = [{**one, "url": one["url"].replace("{base}", peer.url(""))} for one in endpoints]
        await peer.write(writer, plain(envelope({"version": version, "endpoints": listed})))

    return answer


def endpoint(module="locations", role="SENDER", url="{base}/ocpi/2.2.1/locations"):
    return {"identifier": module, "role": role, "url": url}


# --- us ---------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def calling(policy=LOOPBACK, budgets=ROOMY, **collaborators):
    peers = HttpPeers(policy, budgets=budgets, **collaborators)
    try:
        yield peers
    finally:
        await peers.aclose()


async def read_versions(url, *, form=HeaderForm.BASE64, token=TOKEN, tolerances=USUAL, **ours):
    async with calling(**ours) as peers:
        return await peers.versions(url, token, form, tolerances, correlation_id="corr-1")


async def read_details(
    url, *, versions_url=None, form=HeaderForm.BASE64, token=TOKEN, tolerances=USUAL, dialect=DIALECT, **ours
):
    async with calling(**ours) as peers:
        return await peers.details(
            url, token, form, tolerances, dialect=dialect, versions_url=versions_url or url, correlation_id="corr-1"
        )


def resolving(*answers: list[str] | Exception):
    """A resolver that gives the first answer once, and so on; the last one for ever. asked counts."""

    async def resolve(host: str, port: int):
        resolve.asked += 1
        answer = answers[min(resolve.asked, len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    resolve.asked = 0
    return resolve


# --- what we send -----------------------------------------------------------------------------------------------------


async def test_a_version_list_is_read():
    async with listening(lists("2.1.1", "2.2.1")) as peer:
        answer = await read_versions(peer.url())

        assert answer == Answer(
            ((Version("2.1.1"), peer.url("/ocpi/2.1.1")), (Version("2.2.1"), peer.url("/ocpi/2.2.1"))),
            HeaderForm.BASE64,
        )


async def test_a_request_carries_these_headers_and_no_others():
    async with listening(lists("2.2.1")) as peer:
        await read_versions(peer.url())

        [request] = peer.received
        assert {name: value for name, value in request.headers if name != "x-request-id"} == {
            "host": f"127.0.0.1:{peer.port}",
            "accept": "application/json",
            "accept-encoding": "identity",
            "authorization": BASE64,
            "connection": "close",
            "user-agent": "ocpi-broker",
            "x-correlation-id": "corr-1",
        }
        assert len(request.headers) == 8


async def test_every_request_has_its_own_id_and_keeps_the_correlation():
    async with (
        listening(says(plain(b"", status="401 Unauthorized"), plain(envelope([])))) as peer,
        calling() as peers,
    ):
        await peers.versions(peer.url(), TOKEN, HeaderForm.RAW, correlation_id="corr-7")
        await peers.versions(peer.url(), TOKEN, HeaderForm.RAW, correlation_id="corr-7")

        ids = [uuid.UUID(request.all("x-request-id")[0]) for request in peer.received]
        assert len(set(ids)) == len(ids) == 3
        assert [request.all("x-correlation-id") for request in peer.received] == [["corr-7"]] * 3


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/ocpi/versions/",
        "/OCPI//a/../b/./%7E%2f%zz?tenant=a+b&c=[1]@:,;",
        "/?",
        "/ocpi?next=https://other.example/",
    ],
)
async def test_a_url_is_used_byte_for_byte(target):
    async with listening(lists("2.2.1")) as peer:
        await read_versions(peer.url(target))

        assert peer.received[0].target == target


@pytest.mark.parametrize(("rest", "target"), [("", "/"), ("?a=1", "/?a=1")])
async def test_a_url_without_a_path_asks_for_the_root(rest, target):
    async with listening(lists("2.2.1")) as peer:
        await read_versions(peer.url(rest))

        assert peer.received[0].target == target


async def test_cookies_are_not_kept_and_connections_are_not_reused():
    async with (
        listening(says(plain(envelope([]), "Set-Cookie: session=1; Path=/", "Connection: keep-alive"))) as peer,
        calling() as peers,
    ):
        for _ in range(2):
            await peers.versions(peer.url(), TOKEN, HeaderForm.RAW, correlation_id="c")

        assert peer.connections == 2
        assert peer.received[1].all("cookie") == []


async def test_proxies_and_passwords_of_the_environment_are_not_used(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password secret\n")
    netrc.chmod(0o600)
    async with listening(lists("2.2.1")) as peer, listening(lists("2.2.1")) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(""))
            monkeypatch.setenv(name.lower(), proxy.url(""))
        monkeypatch.setenv("NETRC", str(netrc))

        await read_versions(peer.url())

        assert (peer.connections, proxy.connections) == (1, 0)
        assert peer.received[0].all("authorization") == [BASE64]


# --- the form of the header (F13, RS-12) ------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
@pytest.mark.parametrize(
    ("first", "second", "sent"),
    [(HeaderForm.BASE64, HeaderForm.RAW, [BASE64, RAW]), (HeaderForm.RAW, HeaderForm.BASE64, [RAW, BASE64])],
)
async def test_a_token_that_is_not_recognised_is_shown_once_more_in_the_other_form(status, first, second, sent):
    async with listening(says(plain(b"", status=status), plain(envelope([])))) as peer:
        answer = await read_versions(peer.url(), form=first)

        assert answer.form is second
        assert [request.all("authorization") for request in peer.received] == [[sent[0]], [sent[1]]]


@pytest.mark.parametrize("again", ["401 Unauthorized", "403 Forbidden", "400 Bad Request", "404 Not Found"])
async def test_a_token_that_is_recognised_in_neither_form_is_told_apart(again):
    async with listening(says(plain(b"", status="401 Unauthorized"), plain(b"", status=again))) as peer:
        with pytest.raises(CallbackError) as failure:
            await read_versions(peer.url())

        assert failure.value.unauthorized
        assert failure.value.reason == "PEER_UNUSABLE"
        assert str(failure.value) == "versions list: HTTP 401"
        assert len(peer.received) == 2


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (plain(b"", status="500 Oops"), "versions list: HTTP 500"),
        (plain(envelope(code=3000)), "versions list: the answer has OCPI status code 3000"),
        (b"nonsense\r\n\r\n", "versions list: the answer was cut off or is not HTTP"),
    ],
)
async def test_a_failure_of_another_kind_in_the_second_form_is_not_about_the_token(second, message):
    async with listening(says(plain(b"", status="401 Unauthorized"), second)) as peer:
        with pytest.raises(CallbackError) as failure:
            await read_versions(peer.url())

        assert str(failure.value) == message
        assert not failure.value.unauthorized


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "500 Oops", "503 Later"])
async def test_nothing_else_is_asked_twice(status):
    async with listening(says(plain(b"", status=status))) as peer:
        with pytest.raises(CallbackError, match=f"versions list: HTTP {status[:3]}") as failure:
            await read_versions(peer.url())

        assert not failure.value.unauthorized
        assert len(peer.received) == 1


# --- answers ----------------------------------------------------------------------------------------------------------

ENTRY = {"version": "2.2.1", "url": "https://peer.example/2.2.1"}
READ = ((Version("2.2.1"), "https://peer.example/2.2.1"),)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(plain(envelope([ENTRY]), "Content-Type: application/json"), id="by the book"),
        pytest.param(plain(envelope([ENTRY]), "Content-Type: text/html; charset=x"), id="wrong content type"),
        pytest.param(plain(envelope([ENTRY])), id="no content type"),
        pytest.param(plain(envelope([ENTRY], code="1000")), id="status_code as a string"),
        pytest.param(plain(envelope([ENTRY], code=1001)), id="another 1xxx"),
        pytest.param(plain(envelope([ENTRY]), status="201 Created"), id="201"),
        pytest.param(plain(envelope({"versions": [ENTRY]})), id="list within an object"),
        pytest.param(plain(envelope([ENTRY, {"version": "3"}, 7])), id="with entries that are skipped"),
        pytest.param(plain(envelope([ENTRY]), "Content-Encoding: Identity"), id="encoded as it is"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n" + envelope([ENTRY]), id="HTTP/1.0 until the end"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n" + plain(envelope([ENTRY])), id="after an early hint"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"".join(b"1\r\n%c\r\n" % byte for byte in envelope([ENTRY]))
            + b"0\r\n\r\n",
            id="in chunks of a byte",
        ),
    ],
)
async def test_an_answer_is_read_whatever_surrounds_it(answer):
    async with listening(says(answer)) as peer:
        assert (await read_versions(peer.url())).value == READ


HTML = b"<!doctype html><title>It works!</title>"
CUT_OFF = "the answer was cut off or is not HTTP"
NOT_JSON = "is not JSON at line 1, column 1"
COMPRESSED = "the answer is compressed, which was not asked for"
BOMB = gzip.compress(bytes(10 << 20))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(plain(HTML, "Content-Type: text/html"), NOT_JSON, id="HTML"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", NOT_JSON, id="204"),
        pytest.param(plain(b""), NOT_JSON, id="nothing"),
        pytest.param(plain(b"[]"), "must be an object with status_code and data", id="no envelope"),
        pytest.param(plain(b'{"data":[]}'), "status_code: must be a number of four digits", id="no status code"),
        pytest.param(plain(envelope([ENTRY], 2000)), "the answer has OCPI status code 2000", id="2000 with data"),
        pytest.param(plain(envelope([ENTRY], 3001)), "the answer has OCPI status code 3001", id="3001 with data"),
        pytest.param(plain(envelope(None)), "must be a list", id="no data"),
        pytest.param(plain(envelope("2.2.1")), "must be a list", id="data of another type"),
        pytest.param(plain(b"[" * 60000), "is nested deeper than 32", id="nested"),
        pytest.param(plain(b"1" * 60000), "has a number that is too long", id="a long number"),
        pytest.param(plain(b"\xff\xfe"), "is not UTF-8", id="not UTF-8"),
        pytest.param(plain(BOMB, "Content-Encoding: gzip"), COMPRESSED, id="gzip bomb"),
        pytest.param(plain(b"", "Content-Encoding: br"), COMPRESSED, id="another compression"),
        pytest.param(plain(gzip.compress(envelope([ENTRY]))), "is not UTF-8", id="gzip in disguise"),
        pytest.param(plain(b" " * (65 << 10)), "the answer has more than 65536 bytes", id="too long"),
        pytest.param(plain(envelope([ENTRY]), status="300 Choose"), "HTTP 300", id="300"),
        pytest.param(plain(envelope([ENTRY]), status="304 As Before"), "HTTP 304", id="304"),
        pytest.param(plain(envelope([ENTRY]), status="302 Found"), "HTTP 302", id="redirect to nowhere"),
        pytest.param(plain(envelope([ENTRY]), status="404 Not Found"), "HTTP 404", id="404 with an envelope"),
        pytest.param(plain(envelope([ENTRY]), status="500 Oops"), "HTTP 500", id="500 with an envelope"),
        pytest.param(plain(envelope([ENTRY]), status="999 Odd"), "HTTP 999", id="999"),
        pytest.param(b"HTTP/1.1 101 Up\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", CUT_OFF, id="101"),
        pytest.param(b"", CUT_OFF, id="closed at once"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", CUT_OFF, id="cut off in the headers"),
        pytest.param(plain(envelope([ENTRY]))[:-10], CUT_OFF, id="cut off in the body"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", CUT_OFF, id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"a" * (200 << 10), CUT_OFF, id="endless header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", CUT_OFF, id="negative length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", CUT_OFF, id="bad chunk"),
    ],
)
async def test_every_other_answer_is_a_failure_that_says_what_is_wrong(answer, message):
    async with listening(says(answer)) as peer:
        with pytest.raises(PeerUnusableError) as failure:
            await read_versions(peer.url())

        assert str(failure.value) == f"versions list: {message}"


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254"),
        ("https://Other.example/ocpi/versions", "other.example"),
        ("/ocpi/versions/", "127.0.0.1"),
        ("//other.example/", "other.example"),
        ("http://user:canary@other.example/", "other.example"),
        ("https://canary-6f1e2a-Zx9.other.example/", "(unreadable)"),
        ("https://Y2FuYXJ5LTZmMWUyYS1aeDk.other.example/", "(unreadable)"),
        ("https://" + "a" * 200 + ".example/", "(unreadable)"),
        ("https://<script>/", "(unreadable)"),
        ("https://[/", "(unreadable)"),
    ],
)
@pytest.mark.parametrize("status", ["301 Moved", "307 Here", "308 There"])
async def test_a_redirect_is_not_followed_but_named(status, location, named):
    async with listening(says(plain(b"", f"Location: {location}", status=status))) as peer:
        with pytest.raises(CallbackError) as failure:
            await read_versions(peer.url())

        assert str(failure.value) == (f"versions list: HTTP {status[:3]}, a redirect to {named}, which is not followed")
        assert len(peer.received) == 1


async def test_a_long_answer_is_not_read_to_its_end():
    async def hundred_megabytes(peer, writer):
        await peer.write(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
        for _ in range(1600):
            await peer.write(writer, bytes(64 << 10))

    async with listening(hundred_megabytes) as peer:
        with pytest.raises(CallbackError, match="the answer has more than 65536 bytes"):
            await read_versions(peer.url())

        assert peer.written < 16 << 20


@pytest.mark.parametrize(("size", "accepted"), [(64 << 10, True), ((64 << 10) + 1, False)])
async def test_the_limit_is_exact(size, accepted):
    body = envelope([ENTRY])
    async with listening(says(plain(body + b" " * (size - len(body))))) as peer:
        if accepted:
            await read_versions(peer.url())
        else:
            with pytest.raises(CallbackError):
                await read_versions(peer.url())


async def test_details_may_be_longer_than_a_list():
    async def answer(peer, writer):
        body = envelope({"version": "2.2.1", "endpoints": []})
        await peer.write(writer, plain(body + b" " * (100 << 10)))

    async with listening(answer) as peer:
        assert (await read_details(peer.url())).value == ()


# --- time -------------------------------------------------------------------------------------------------------------


async def test_a_slow_answer_is_waited_for():
    async def slow(peer, writer):
        await asyncio.sleep(QUICK.whole)
        await says(plain(envelope([ENTRY])))(peer, writer)

    async with listening(slow) as peer:
        assert (await read_versions(peer.url())).value == READ


def dripping(start: bytes, drop: bytes):
    async def answer(peer, writer):
        await peer.write(writer, start)
        while True:
            await asyncio.sleep(0.02)
            await peer.write(writer, drop)

    return answer


async def silent(_peer, _writer):
    await asyncio.sleep(60)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(silent, id="silence"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n"), id="header by header"),
        pytest.param(dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="only interim answers"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b""), id="headers, then silence"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b" "), id="byte by byte"),
    ],
)
async def test_one_get_has_one_budget_however_it_is_spent(answer):
    async with listening(answer) as peer:
        start = asyncio.get_running_loop().time()
        with pytest.raises(CallbackError) as failure:
            await read_versions(peer.url(), budgets=QUICK)
        spent = asyncio.get_running_loop().time() - start

        assert str(failure.value) == "versions list: no complete answer within 0.3 seconds"
        assert QUICK.whole - 0.05 < spent < ROOMY.whole


async def test_a_cancelled_call_ends_at_once():
    async with listening(silent) as peer:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await read_versions(peer.url())


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
        return str(failure.value)

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


# --- TLS --------------------------------------------------------------------------------------------------------------


def usage(*, sign):
    """Strict verifiers, Python 3.13's among them, want an authority to say that it signs certificates."""
    unused = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    never = ("crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(digital_signature=True, key_cert_sign=sign, **dict.fromkeys(unused + never, False))


def certificate(name, key, issuer, issuer_key, *, ca=False):
    now = datetime.now(UTC)
    try:
        general = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        general = x509.DNSName(name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([general]), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(usage(sign=ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def authority():
    key = ec.generate_private_key(ec.SECP256R1())
    return key, certificate("Test CA", key, "Test CA", key, ca=True)


@pytest.fixture
def served_as(authority, tmp_path):
    """Makes the server side of TLS for a name, certified by the test's authority or by itself."""

    def make(name, *, self_signed=False):
        ca_key, _ = authority
        key = ec.generate_private_key(ec.SECP256R1())
        pem = certificate(name, key, name, key) if self_signed else certificate(name, key, "Test CA", ca_key)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = tmp_path / "server.pem"
        path.write_bytes(pem + private)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    return make


@pytest.fixture
def trusting(authority):
    """Our side of TLS, trusting the test's authority as well."""
    context = client_context()
    context.load_verify_locations(cadata=authority[1].decode())
    return context


async def test_tls_shows_and_verifies_the_name_at_the_checked_address(served_as, trusting):
    async with listening(lists("2.2.1"), tls=served_as("peer.localhost")) as peer:
        url = peer.url(host="peer.localhost", scheme="https")
        await read_versions(url, tls=trusting, resolve=resolving(["127.0.0.1"]))

        assert peer.names == ["peer.localhost"]
        assert peer.received[0].all("host") == [f"peer.localhost:{peer.port}"]


async def test_tls_works_with_a_certified_address(served_as, trusting):
    async with listening(lists("2.2.1"), tls=served_as("127.0.0.1")) as peer:
        await read_versions(peer.url(scheme="https"), tls=trusting)

        assert peer.names == [None]


UNTRUSTED = "versions list: no trusted TLS connection to peer.localhost"


@pytest.mark.parametrize(
    ("name", "self_signed"), [("peer.localhost", True), ("other.localhost", False), ("127.0.0.1", False)]
)
async def test_a_certificate_must_be_of_a_known_authority_and_for_this_name(served_as, trusting, name, self_signed):
    async with listening(lists("2.2.1"), tls=served_as(name, self_signed=self_signed)) as peer:
        url = peer.url(host="peer.localhost", scheme="https")
        with pytest.raises(CallbackError) as failure:
            await read_versions(url, tls=trusting, resolve=resolving(["127.0.0.1"]))

        assert str(failure.value) == UNTRUSTED
        assert peer.received == []


async def test_the_environment_cannot_add_an_authority(served_as, authority, tmp_path, monkeypatch):
    path = tmp_path / "ca.pem"
    path.write_bytes(authority[1])
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    async with listening(lists("2.2.1"), tls=served_as("peer.localhost")) as peer:
        url = peer.url(host="peer.localhost", scheme="https")
        with pytest.raises(CallbackError) as failure:
            await read_versions(url, resolve=resolving(["127.0.0.1"]))

        assert str(failure.value) == UNTRUSTED


async def test_a_peer_that_wants_a_certificate_of_ours_is_a_failure(served_as, trusting):
    context = served_as("peer.localhost")
    context.verify_mode = ssl.CERT_REQUIRED
    async with listening(lists("2.2.1"), tls=context) as peer:
        url = peer.url(host="peer.localhost", scheme="https")
        with pytest.raises(CallbackError):  # which one depends on whether its alert or its reset arrives first
            await read_versions(url, tls=trusting, resolve=resolving(["127.0.0.1"]))

        assert peer.received == []


def test_tls_is_not_older_than_1_2_and_verifies_chain_and_name():
    context = client_context()

    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


async def test_a_peer_that_speaks_no_tls_is_a_failure_of_tls():
    hung_up = asyncio.Event()

    async def shout(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        hung_up.set()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    url = f"https://peer.localhost:{server.sockets[0].getsockname()[1]}/"
    async with server:
        with pytest.raises(CallbackError) as failure:
            await read_versions(url, resolve=resolving(["127.0.0.1"]))
        await hung_up.wait()

    assert str(failure.value) == UNTRUSTED


# --- details ----------------------------------------------------------------------------------------------------------


async def test_details_are_read_with_the_form_that_works():
    async with listening(offers(endpoint(), endpoint(role="RECEIVER"))) as peer:
        answer = await read_details(peer.url("/ocpi/2.2.1"), form=HeaderForm.RAW)

        assert [one.key for one in answer.value] == ["locations/SENDER", "locations/RECEIVER"]
        assert answer.form is HeaderForm.RAW
        assert peer.received[0].all("authorization") == [RAW]


@pytest.mark.parametrize(
    ("roles", "chosen"),
    [
        (["RECEIVER"], InterfaceRole.RECEIVER),
        (["RECEIVER", "SENDER"], InterfaceRole.SENDER),
        (["SENDER", "RECEIVER"], InterfaceRole.SENDER),
        ([None, "RECEIVER"], None),
        (["RECEIVER", None], InterfaceRole.RECEIVER),
        ([None, "SENDER"], InterfaceRole.SENDER),
        (["both"], None),
    ],
)
async def test_one_credentials_endpoint_is_taken_whatever_its_role(roles, chosen):
    listed = [endpoint("credentials", role, f"{{base}}/credentials/{role}") for role in roles]
    async with listening(offers(endpoint(), *listed)) as peer:
        answer = await read_details(peer.url())

        assert [one.key for one in answer.value if one.module == "locations"] == ["locations/SENDER"]
        assert [one.role for one in answer.value if one.module == "credentials"] == [chosen]


async def test_details_of_another_version_are_not_those_asked_for():
    async with listening(offers(endpoint(), version="2.2")) as peer:
        with pytest.raises(PeerVersionUnsupportedError, match=r"version details: they are of 2\.2, not of 2\.2\.1"):
            await read_details(peer.url())


@pytest.mark.parametrize(
    ("offered", "message"),
    [
        (
            endpoint("cdrs", url="https://collector.example/cdrs"),
            "endpoint cdrs/SENDER is on collector.example, a site other than that of the versions list",
        ),
        (endpoint("cdrs", url="http://peer.example/cdrs"), "endpoint cdrs/SENDER must be an https URL"),
        (endpoint("cdrs", url="http://169.254.169.254/cdrs"), "endpoint cdrs/SENDER must be an https URL"),
        (
            endpoint("cdrs", url="https://169.254.169.254/cdrs"),
            "endpoint cdrs/SENDER must name its host, not an IP address",
        ),
        (
            endpoint("nltnm-canary-6f1e2a-Zx9", url="http://peer.example/"),
            "endpoint (unreadable) must be an https URL",
        ),
        (endpoint("<b>", url="http://peer.example/"), "endpoint (unreadable) must be an https URL"),
    ],
)
async def test_an_endpoint_must_be_admitted_and_on_the_peers_own_site(offered, message):
    async with listening(offers(endpoint(), offered)) as peer:
        with pytest.raises(CallbackError) as failure:
            await read_details(peer.url())

        assert str(failure.value) == f"version details: {message}"


async def test_details_on_a_foreign_site_are_not_even_asked_for():
    async with listening(offers(endpoint())) as peer:
        resolve = resolving(["127.0.0.1"])
        with pytest.raises(CallbackError) as failure:
            await read_details("https://collector.example/2.2.1", versions_url=peer.url(), resolve=resolve)

        assert str(failure.value) == (
            "version details: url is on collector.example, a site other than that of the versions list"
        )
        assert (peer.connections, resolve.asked) == (0, 0)


async def test_details_have_a_sensible_number_of_endpoints():
    many = [endpoint(f"m{number}", url="{base}/m") for number in range(1001)]
    async with listening(offers(*many)) as peer:
        with pytest.raises(CallbackError, match="endpoints: must have at most 1000 entries"):
            await read_details(peer.url())


@pytest.mark.parametrize(("size", "beside"), [(1 << 10, False), (100 << 10, True)])
async def test_a_long_answer_is_not_read_in_the_event_loop(size, beside, monkeypatch):
    readers = []

    def read(body):
        readers.append(threading.current_thread())
        return envelopes.read_envelope(body)

    monkeypatch.setattr(discovery, "read_envelope", read)
    body = envelope({"version": "2.2.1", "endpoints": []})
    async with listening(says(plain(body + b" " * size))) as peer:
        await read_details(peer.url())

    assert [thread is not threading.current_thread() for thread in readers] == [beside]


# --- what is told -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        plain(b"", status=f"401 {RAW}"),
        plain(RAW.encode()),
        plain(b'{"status_code":"canary-6f1e2a-Zx9"}'),
        f"HTTP/1.1 200 {RAW}\r\n{RAW}\r\n\r\n".encode(),
        plain(b"", "Location: https://canary-6f1e2a-Zx9/", status="301 Moved"),
    ],
)
async def test_a_token_that_a_peer_throws_back_goes_nowhere(answer):
    async with listening(says(answer)) as peer:
        with structlog.testing.capture_logs() as logs, pytest.raises(CallbackError) as failure:
            await read_versions(peer.url())

        told = f"{failure.value!r} {failure.value.__cause__!r} {logs}".lower()
        assert "canary" not in told
        assert "y2fuyxj5" not in told


async def test_the_log_knows_why_a_connection_did_not_come_about():
    with structlog.testing.capture_logs() as logs, pytest.raises(CallbackError):
        await read_versions("http://peer.localhost:9/", resolve=resolving(["10.0.0.1"]))

    [entry] = [one for one in logs if one["event"] == "peer_call_failed"]
    assert (entry["host"], entry["cause"]) == ("peer.localhost", "ForbiddenAddressError")
