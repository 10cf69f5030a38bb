"""Faults in what a mock peer does: whom it refuses, whom it calls, what it lists, and how it sends."""

import asyncio

import pytest

from broker.tools.mock_peer.http_client import ExchangeFailedError, OutcomeUnknownError
from broker.tools.mock_peer.platform import MockPeer
from broker.tools.mock_peer.self_description import FOREIGN_HOST
from tests.unit.tools.mock_peer.conftest import PATIENCE, asked, posted
from tests.unit.tools.mock_peer.observations import CREDENTIALS, observes, refused, spoiled


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
