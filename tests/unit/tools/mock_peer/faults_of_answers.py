"""Faults in an answer whose request was done: it is lost, late, damaged, or wrong in what it says."""

import asyncio
import gzip
import time

import pytest

from broker.tools.mock_peer.platform import MockPeer
from tests.unit.tools.mock_peer.conftest import PATIENCE, announcement, asked, posted, request_text
from tests.unit.tools.mock_peer.observations import CREDENTIALS, observes, spoiled

MEGABYTE = 1024 * 1024


@observes("drop-answer")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    assert (await spoiled("drop-answer", receiver, sender)).raw == b""
    assert receiver.journal.find(event="request", method="POST")[0].status is None


@observes("drop-after-headers")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    answer = await spoiled("drop-after-headers", receiver, sender)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.length > 0


@observes("truncate")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    answer = await spoiled("truncate", receiver, sender)
    assert len(answer.body) == answer.length // 2
    assert answer.length > 2


@observes("stall")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    receiver.fault("stall")
    host, _, port = receiver.base.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request_text(receiver, "POST", CREDENTIALS, receiver.token, announcement(sender)))
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)).startswith(b"HTTP/1.1 200")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.3)
    writer.close()


@observes("slow")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    began = time.monotonic()
    answer = await spoiled("slow:0.5", receiver, sender)
    assert answer.outcome == (200, 1000)
    assert time.monotonic() - began >= 0.5


@observes("trickle")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    began = time.monotonic()
    assert (await spoiled("trickle:0.5", receiver, sender)).outcome == (200, 1000)
    assert time.monotonic() - began >= 0.4


@observes("504-after-commit")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    answer = await spoiled("504-after-commit", receiver, sender)
    assert (answer.status, answer.headers["content-type"]) == (504, "text/html")


@observes("500-after-commit")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    assert (await spoiled("500-after-commit", receiver, sender)).status == 500


@observes("html")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    answer = await spoiled("html", receiver, sender)
    assert (answer.status, answer.headers["content-type"], answer.body[:5]) == (200, "text/html", b"<!DOC")


@observes("no-content")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    answer = await spoiled("no-content", receiver, sender)
    assert (answer.status, answer.body) == (204, b"")


@observes("empty")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    answer = await spoiled("empty", receiver, sender)
    assert (answer.status, answer.length, answer.body) == (200, 0, b"")


@observes("huge")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    answer = await spoiled("huge:2", receiver, sender)
    assert len(answer.body) == 2 * MEGABYTE
    assert answer.outcome == (200, 1000)


@observes("gzip-bomb")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    answer = await spoiled("gzip-bomb:3", receiver, sender)
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.body) < MEGABYTE < len(gzip.decompress(answer.body))


@observes("content-type")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    answer = await spoiled("content-type", receiver, sender)
    assert answer.headers["content-type"] == "text/plain"
    assert answer.outcome == (200, 1000)


@observes("status-string")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    assert (await spoiled("status-string", receiver, sender)).json["status_code"] == "1000"


@observes("no-timestamp")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    assert set((await spoiled("no-timestamp", receiver, sender)).json) == {"data", "status_code", "status_message"}


@observes("extra-fields")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    document = (await spoiled("extra-fields", receiver, sender)).json
    assert "x_mock_peer" in document
    assert "x_mock_peer" in document["data"]


@observes("wrong-envelope")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    found = []
    for argument in ("", ":array", ":null", ":string"):
        receiver.no_fault()
        receiver.fault(f"wrong-envelope{argument}")
        document = (await posted(receiver, sender, receiver.invite())).json
        found.append(document.get("data", "missing"))
        assert document["status_code"] == 1000
    assert found == ["missing", [], None, "data"]


@observes("no-token")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    assert "token" not in (await spoiled("no-token", receiver, sender)).json["data"]


@observes("same-token")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    answer = await spoiled("same-token", receiver, sender)
    assert receiver.held == answer.json["data"]["token"]
    assert receiver.issued == {receiver.held}


@observes("long-token")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    token = (await spoiled("long-token", receiver, sender)).json["data"]["token"]
    assert len(token) == 70
    assert (await asked(receiver, "GET", "/ocpi/versions", token)).status == 200


@observes("space-token")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    assert " " in (await spoiled("space-token", receiver, sender)).json["data"]["token"]


@observes("echo-roles")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    data = (await spoiled("echo-roles", receiver, sender)).json["data"]
    assert data["roles"] == announcement(sender)["roles"]
    assert data["url"] == receiver.versions_url


@observes("lowercase-ids")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    role = (await spoiled("lowercase-ids", receiver, sender)).json["data"]["roles"][0]
    assert (role["country_code"], role["party_id"]) == ("de", "kwl")


@observes("no-parties")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    assert set((await spoiled("no-parties", receiver, sender)).json["data"]) == {"token", "url"}


@observes("url-is-details")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    answer = await spoiled("url-is-details", receiver, sender)
    assert answer.json["data"]["url"] == f"{receiver.base}/ocpi/2.2.1"
