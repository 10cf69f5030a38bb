"""Each fault of the catalogue, seen from the other side: by a bare client, or by another mock peer."""

import asyncio
import gzip
import json
import time
from collections.abc import Awaitable, Callable

import pytest

from broker.tools.mock_peer.faults import CATALOGUE
from broker.tools.mock_peer.http_client import ExchangeFailedError, OutcomeUnknownError
from broker.tools.mock_peer.platform import MockPeer
from broker.tools.mock_peer.self_description import FOREIGN_HOST
from tests.unit.tools.mock_peer.conftest import PATIENCE, Octets, announcement, asked, posted, request_text

pytestmark = pytest.mark.anyio

CREDENTIALS = "/ocpi/2.2.1/credentials"
MEGABYTE = 1024 * 1024

Observation = Callable[[MockPeer, MockPeer], Awaitable[None]]
OBSERVED: dict[str, Observation] = {}


def observes(*names: str) -> Callable[[Observation], Observation]:
    """Marks what proves these faults. The Receiver comes first, then a platform that may register with it."""

    def mark(observation: Observation) -> Observation:
        OBSERVED.update(dict.fromkeys(names, observation))
        return observation

    return mark


async def spoiled(fault: str, receiver: MockPeer, sender: MockPeer) -> Octets:
    """The answer to a POST, which was committed."""
    receiver.fault(fault)
    answer = await posted(receiver, sender)
    assert receiver.registered
    assert len(receiver.issued) == 1
    return answer


async def refused(fault: str, receiver: MockPeer, sender: MockPeer) -> Octets:
    """The answer to a POST, of which nothing was done: the next one succeeds."""
    receiver.fault(f"{fault}*1")
    answer = await posted(receiver, sender)
    assert not receiver.registered
    assert receiver.events[-2].event == "fault"
    assert (await posted(receiver, sender)).outcome == (200, 1000)
    return answer


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


@observes("redirect")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    answer = await refused("redirect", receiver, sender)
    assert (answer.status, answer.headers["location"]) == (307, f"{FOREIGN_HOST}{CREDENTIALS}")
    receiver.fault("redirect:http://127.0.0.1:9/x@versions")
    there = await asked(receiver, "GET", "/ocpi/versions", next(iter(receiver.issued)))
    assert there.headers["location"] == "http://127.0.0.1:9/x"


@observes("refuse")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    assert (await refused("refuse:3003", receiver, sender)).outcome == (200, 3003)


@observes("http")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    answer = await refused("http:503", receiver, sender)
    assert (answer.status, answer.body) == (503, b"")


@observes("reject-token")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    assert (await refused("reject-token", receiver, sender)).outcome == (401, 2000)


@observes("forget")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    await sender.register(receiver.versions_url, receiver.token)
    receiver.fault("forget*1")
    assert [(await sender.call("GET", receiver.versions_url)).status for _ in range(2)] == [401, 401]
    assert not receiver.registered


@observes("raw-only", "base64-only")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    """A Sender finds out on the version list."""
    await sender.register(receiver.versions_url, receiver.token)
    for fault, expected in (("raw-only", False), ("base64-only", True)):
        receiver.no_fault()
        receiver.fault(fault)
        assert ((await asked(receiver, "GET", "/ocpi/versions", sender.held)).status == 401) is expected
        await sender.rotate()


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


@observes("no-callback")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    await spoiled("no-callback", receiver, sender)
    assert sender.received == []


@observes("callback-old-token")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    """The sender does not know token A, which the receiver made."""
    receiver.fault("callback-old-token@POST*1")
    answer = await posted(receiver, sender)
    assert answer.outcome == (200, 3001)
    assert {event.status for event in sender.journal.find(event="request")} == {401}
    await sender.register(receiver.versions_url, receiver.token)
    before = receiver.held
    receiver.fault("callback-old-token@PUT")
    sent = len(receiver.events)
    await sender.rotate()
    shown = {event.token for event in receiver.events[sent:] if event.event == "call"}
    assert before is not None
    assert shown == {f"{before[:6]}…"}
    assert receiver.held != before


@observes("callback-twice")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    await spoiled("callback-twice", receiver, sender)
    resources = [event.resource for event in sender.journal.find(event="request")]
    assert resources == ["versions", "details", "versions", "details"]


@observes("put-inside-put")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    await sender.register(receiver.versions_url, receiver.token)
    receiver.fault("put-inside-put*1")
    await sender.rotate()
    assert receiver.held in sender.issued
    assert sender.held in receiver.issued
    assert [len(one.journal.find(event="exchange", method="PUT", outcome="done")) for one in (receiver, sender)] == [
        2,
        2,
    ]


@observes("post-inside-post")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    receiver.give(sender.versions_url, sender.token)
    receiver.fault("post-inside-post*1")
    await sender.register(receiver.versions_url, receiver.token)
    assert receiver.held in sender.issued
    assert sender.held in receiver.issued
    assert len(receiver.journal.find(event="exchange", method="POST", outcome="done")) == 2


@observes("delete-inside-put")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    await sender.register(receiver.versions_url, receiver.token)
    receiver.fault("delete-inside-put")
    with pytest.raises(ExchangeFailedError) as failed:
        await sender.rotate()
    assert failed.value.code == 3000
    assert (receiver.registered, sender.registered) == (False, False)


@observes("missing-version")
async def _(receiver: MockPeer, _sender: MockPeer) -> None:
    receiver.fault("missing-version")
    assert (await asked(receiver, "GET", "/ocpi/versions", receiver.token)).json["data"] == []


@observes("wrapped-versions")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    receiver.fault("wrapped-versions")
    data = (await asked(receiver, "GET", "/ocpi/versions", receiver.token)).json["data"]
    assert [entry["version"] for entry in data["versions"]] == ["2.2.1"]
    await sender.register(receiver.versions_url, receiver.token)


@observes("wrong-version-in-details")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    receiver.fault("wrong-version-in-details")
    assert (await asked(receiver, "GET", "/ocpi/2.2.1", receiver.token)).json["data"]["version"] == "9.9"
    with pytest.raises(ExchangeFailedError, match=r"version 9\.9"):
        await sender.register(receiver.versions_url, receiver.token)


@observes("missing-module")
async def _(receiver: MockPeer, _sender: MockPeer) -> None:
    receiver.fault("missing-module:locations")
    endpoints = (await asked(receiver, "GET", "/ocpi/2.2.1", receiver.token)).json["data"]["endpoints"]
    assert "locations" not in {entry["identifier"] for entry in endpoints}
    assert "tokens" in {entry["identifier"] for entry in endpoints}


@observes("details-in-list")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    receiver.fault("details-in-list")
    assert isinstance((await asked(receiver, "GET", "/ocpi/2.2.1", receiver.token)).json["data"], list)
    await sender.register(receiver.versions_url, receiver.token)


@observes("foreign-endpoint")
async def _(receiver: MockPeer, _sender: MockPeer) -> None:
    receiver.fault("foreign-endpoint")
    endpoints = (await asked(receiver, "GET", "/ocpi/2.2.1", receiver.token)).json["data"]["endpoints"]
    assert {entry["url"].partition("/ocpi")[0] for entry in endpoints} == {FOREIGN_HOST}


@observes("hang-up")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    """Ours does it all the same, and says so to nobody."""
    sender.fault("hang-up")
    with pytest.raises(OutcomeUnknownError):
        await sender.register(receiver.versions_url, receiver.token)
    await asyncio.wait_for(receiver.wait_for(event="exchange", method="POST", outcome="done"), PATIENCE)
    assert receiver.held in sender.issued


@observes("hang-up-late")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    await sender.register(receiver.versions_url, receiver.token)
    before = receiver.held
    sender.fault("hang-up-late@PUT")
    with pytest.raises(OutcomeUnknownError):
        await sender.rotate()
    await asyncio.wait_for(receiver.wait_for(event="exchange", method="PUT"), PATIENCE)
    assert sender.issued == {before, receiver.held}


@observes("twice")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    sender.fault("twice")
    await sender.register(receiver.versions_url, receiver.token)
    posts = receiver.journal.find(event="request", method="POST")
    assert len(posts) == 2
    assert len({request.body for request in receiver.received if request.method == "POST"}) == 1
    assert sender.held in receiver.issued


@observes("callback-401")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    sender.fault("callback-401")
    with pytest.raises(ExchangeFailedError) as failed:
        await sender.register(receiver.versions_url, receiver.token)
    assert failed.value.code == 3001
    assert sender.issued == frozenset()


@observes("put-unchanged-token")
async def _(receiver: MockPeer, sender: MockPeer) -> None:
    await sender.register(receiver.versions_url, receiver.token)
    before = (receiver.held, sender.held)
    sender.fault("put-unchanged-token")
    await sender.rotate()
    assert receiver.held == before[0]
    assert sender.held != before[1]
    assert {receiver.held} == sender.issued


def test_every_fault_is_observed_here() -> None:
    assert set(OBSERVED) == set(CATALOGUE)


@pytest.mark.parametrize("name", OBSERVED)
async def test_the_fault_shows(receiver: MockPeer, sender: MockPeer, name: str) -> None:
    await OBSERVED[name](receiver, sender)


@pytest.mark.parametrize(
    "fault", [name for name, kind in CATALOGUE.items() if "tolerated" in kind.meaning or name == "callback-twice"]
)
async def test_what_is_to_be_tolerated_does_not_keep_us_from_registering(
    receiver: MockPeer, sender: MockPeer, fault: str
) -> None:
    receiver.fault(fault)

    await sender.register(receiver.versions_url, receiver.token)

    assert sender.held in receiver.issued


async def test_a_spoiling_fault_waits_for_a_success(receiver: MockPeer, sender: MockPeer) -> None:
    receiver.fault("drop-answer*1")

    assert (await posted(receiver, sender, "stranger")).outcome == (401, 2000)
    assert receiver.faults == ("drop-answer*1",)
    assert (await posted(receiver, sender)).raw == b""
    assert receiver.faults == ()


async def test_lists_can_be_spoiled_too(receiver: MockPeer) -> None:
    receiver.fault("html@versions")

    assert (await asked(receiver, "GET", "/ocpi/versions", receiver.token)).body.startswith(b"<!DOC")
    assert (await asked(receiver, "GET", "/ocpi/2.2.1", receiver.token)).outcome == (200, 1000)


async def test_a_fault_of_callbacks_spares_other_readers(receiver: MockPeer, sender: MockPeer) -> None:
    sender.fault("refuse:2000@callback")

    assert (await asked(sender, "GET", "/ocpi/versions", sender.token)).outcome == (200, 1000)
    with pytest.raises(ExchangeFailedError):
        await sender.register(receiver.versions_url, receiver.token)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("drop-answer", OutcomeUnknownError),
        ("drop-after-headers", OutcomeUnknownError),
        ("truncate", OutcomeUnknownError),
        ("504-after-commit", OutcomeUnknownError),
        ("500-after-commit", OutcomeUnknownError),
        ("html", OutcomeUnknownError),
        ("empty", OutcomeUnknownError),
        ("no-content", OutcomeUnknownError),
        ("gzip-bomb:5", OutcomeUnknownError),
        ("wrong-envelope", OutcomeUnknownError),
        ("no-token", OutcomeUnknownError),
        ("same-token", OutcomeUnknownError),
        ("no-parties", OutcomeUnknownError),
        ("http:503", OutcomeUnknownError),
        ("http:404", ExchangeFailedError),
        ("redirect", ExchangeFailedError),
        ("refuse:2001", ExchangeFailedError),
        ("reject-token@POST", ExchangeFailedError),
    ],
)
async def test_how_its_own_sender_takes_a_fault(
    receiver: MockPeer, sender: MockPeer, fault: str, error: type[Exception]
) -> None:
    """Where the outcome is unknown, the token that was sent stays good; where it failed, it does not."""
    receiver.fault(fault)

    with pytest.raises(error):
        await sender.register(receiver.versions_url, receiver.token)

    announced = next(json.loads(one.body)["token"] for one in receiver.received if one.method == "POST")
    assert sender.accepts(announced) == ("issued" if error is OutcomeUnknownError else None)
    assert not sender.registered
    assert sender.events[-1].outcome == ("unknown" if error is OutcomeUnknownError else "failed")
