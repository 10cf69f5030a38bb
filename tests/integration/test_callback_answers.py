"""Answers of other platforms: what is accepted, what every failure says, and how long we wait (F7, F8)."""

import asyncio
import gzip

import pytest
import structlog

from broker.core.model import Version
from broker.errors import PeerUnusableError
from broker.outbound.http_call import CallbackError
from tests.integration.raw_peer import QUICK, RAW, ROOMY, envelope, listening, plain, read_details, read_versions, says

pytestmark = pytest.mark.anyio


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
UNUSABLE = "the answer cannot be used: "
NOT_JSON = f"{UNUSABLE}is not JSON at line 1, column 1"
COMPRESSED = "the answer is compressed as br, which was not asked for"
BOMB = gzip.compress(bytes(10 << 20))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(plain(HTML, "Content-Type: text/html"), NOT_JSON, id="HTML"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", "HTTP 204 without a body", id="204"),
        pytest.param(plain(b""), "HTTP 200 without a body", id="nothing"),
        pytest.param(plain(b"[]"), UNUSABLE + "must be an object with status_code and data", id="no envelope"),
        pytest.param(
            plain(b'{"data":[]}'), UNUSABLE + "status_code: must be a number of four digits", id="no status code"
        ),
        pytest.param(plain(envelope([ENTRY], 2000)), "the answer has OCPI status code 2000", id="2000 with data"),
        pytest.param(plain(envelope([ENTRY], 3001)), "the answer has OCPI status code 3001", id="3001 with data"),
        pytest.param(plain(envelope(None)), UNUSABLE + "must be a list", id="no data"),
        pytest.param(plain(envelope("2.2.1")), UNUSABLE + "must be a list", id="data of another type"),
        pytest.param(plain(b"[" * 60000), UNUSABLE + "is nested deeper than 32", id="nested"),
        pytest.param(plain(b"1" * 60000), UNUSABLE + "has a number that is too long", id="a long number"),
        pytest.param(plain(b"\xff\xfe"), UNUSABLE + "is not UTF-8", id="not UTF-8"),
        pytest.param(plain(BOMB, "Content-Encoding: gzip"), "the answer has more than 65536 bytes", id="gzip bomb"),
        pytest.param(plain(b"\x1b\x2d\x00\xf8", "Content-Encoding: br"), COMPRESSED, id="another compression"),
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
