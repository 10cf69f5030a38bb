"""Clients that do not behave cost one connection."""

import asyncio
from urllib.parse import urlsplit

import pytest

from broker.tools.mock_peer import http_server
from broker.tools.mock_peer.platform import MockPeer, mock_peer
from tests.unit.tools.mock_peer.conftest import PATIENCE, Octets, asked, request_text, spoken

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /ocpi/versions HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * (3 * http_server.MAX_HEAD) + b"\r\n\r\n", 431),
    ],
    ids=["no HTTP", "no host", "long header"],
)
async def test_what_is_no_request_is_refused_with_an_envelope(receiver: MockPeer, sent: bytes, status: int) -> None:
    answer = await spoken(receiver, sent, hang_up=True)

    _is_strict(answer, status)
    assert (await asked(receiver, "GET", "/ocpi/versions", receiver.token)).status == 200


async def test_a_large_body_is_413_once_the_token_was_seen(receiver: MockPeer) -> None:
    large = b"x" * (2 * http_server.MAX_BODY)
    ids = ("X-Request-ID: one", "X-Correlation-ID: both")

    answer = await asked(receiver, "POST", "/ocpi/2.2.1/credentials", receiver.token, large, *ids)

    _is_strict(answer, 413)
    assert (answer.headers["x-request-id"], answer.headers["x-correlation-id"]) == ("one", "both")
    assert (await asked(receiver, "POST", "/ocpi/2.2.1/credentials", "stranger", large)).outcome == (401, 2000)
    assert receiver.accepts(receiver.token) == "invitation"


def _is_strict(answer: Octets, status: int) -> None:
    """TR-08, EN-01, EN-07, ID-07."""
    assert answer.outcome == (status, 2000)
    assert set(answer.json) == {"status_code", "status_message", "timestamp"}
    assert answer.headers["content-type"] == "application/json"
    assert {"x-request-id", "x-correlation-id"} <= set(answer.headers)


async def test_a_client_that_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch, receiver: MockPeer) -> None:
    monkeypatch.setattr(http_server, "READ_SECONDS", 0.2)

    assert (await spoken(receiver, b"GET /ocpi/versions HTTP/1.1\r\n")).raw == b""


async def test_a_client_that_goes_away_disturbs_nobody(receiver: MockPeer) -> None:
    host, port = urlsplit(receiver.base).hostname, urlsplit(receiver.base).port
    for sent in (b"", b"GET /ocpi", request_text(receiver, "GET", "/ocpi/versions", receiver.token)):
        _, writer = await asyncio.open_connection(host, port)
        writer.write(sent)
        writer.close()

    assert (await asked(receiver, "GET", "/ocpi/versions", receiver.token)).status == 200


async def test_its_end_does_not_wait_for_answers_that_are_late() -> None:
    async with mock_peer(faults=["slow:600@versions"]) as peer:
        waiting = asyncio.create_task(asked(peer, "GET", "/ocpi/versions", peer.token))
        await asyncio.wait_for(peer.wait_for(event="request"), PATIENCE)

    assert (await asyncio.wait_for(waiting, PATIENCE)).raw == b""


async def test_who_waits_for_a_go_ahead_gets_it(receiver: MockPeer) -> None:
    sent = request_text(receiver, "POST", "/ocpi/versions", receiver.token, b"x", "Expect: 100-continue")

    head, _, rest = sent.rpartition(b"\r\n\r\n")
    host, port = urlsplit(receiver.base).hostname, urlsplit(receiver.base).port
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(head + b"\r\n\r\n")
    assert (await asyncio.wait_for(reader.readline(), PATIENCE)).startswith(b"HTTP/1.1 100")
    writer.write(rest)
    assert b"HTTP/1.1 405" in await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
