"""Lines of text and what they do."""

import json
from typing import Any

import pytest

from broker.tools.mock_peer.console import FORMS, Console
from broker.tools.mock_peer.platform import MockPeer

pytestmark = pytest.mark.anyio


class Screen:
    """A console and what it wrote."""

    def __init__(self, peer: MockPeer) -> None:
        self.lines: list[str] = []
        self.console = Console(peer, self.lines.append)

    async def obey(self, line: str) -> list[Any]:
        """The documents that one command wrote."""
        before = len(self.lines)
        await self.console.obey(line)
        return [json.loads(text) for text in self.lines[before:]]


@pytest.fixture
def screen(sender: MockPeer) -> Screen:
    return Screen(sender)


async def test_the_first_line_is_for_whoever_is_to_register(screen: Screen, sender: MockPeer) -> None:
    screen.console.ready()

    first = {"event": "ready", "versions_url": sender.versions_url, "token": sender.token}
    assert [json.loads(line) for line in screen.lines] == [first]


async def test_it_registers_rotates_and_unregisters(screen: Screen, sender: MockPeer, receiver: MockPeer) -> None:
    for line, method in (
        (f"register {receiver.versions_url} {receiver.token}", "POST"),
        ("rotate 2.2.1", "PUT"),
        ("unregister", "DELETE"),
    ):
        told = await screen.obey(line)
        assert told[-1] == {"event": "exchange", "role": "Sender", "method": method, "outcome": "done"}
        assert receiver.registered is (method != "DELETE")
    text = "\n".join(screen.lines)
    assert receiver.token not in text
    assert receiver.token[:6] in text


async def test_how_an_exchange_failed_is_an_event(screen: Screen, receiver: MockPeer) -> None:
    told = await screen.obey(f"register {receiver.versions_url} stranger")

    assert (told[-1]["outcome"], told[-1]["status"], told[-1]["code"]) == ("failed", 401, 2000)
    assert "stranger" not in "\n".join(screen.lines)


async def test_faults_come_and_go(screen: Screen, sender: MockPeer) -> None:
    assert await screen.obey("fault html@PUT*2") == [{"event": "faults", "faults": ["html@PUT*2"]}]
    assert await screen.obey("no-fault") == [{"event": "faults", "faults": []}]
    assert sender.faults == ()


async def test_a_new_invitation_is_handed_over(screen: Screen, sender: MockPeer) -> None:
    (told,) = await screen.obey("invite")

    assert sender.accepts(told["token"]) == "invitation"
    assert told["versions_url"] == sender.versions_url


async def test_an_invitation_that_is_given_is_for_the_crossing(
    screen: Screen, sender: MockPeer, receiver: MockPeer
) -> None:
    await screen.obey(f"give {receiver.versions_url} {receiver.token}")
    await screen.obey("fault post-inside-post")

    await receiver.register(sender.versions_url, sender.token)

    assert len(sender.journal.find(event="exchange", method="POST", outcome="done")) == 2


async def test_the_state_is_told_without_tokens(screen: Screen, sender: MockPeer) -> None:
    (told,) = await screen.obey("state")

    assert (told["event"], told["registered"]) == ("state", False)
    assert sender.token not in json.dumps(told)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("dance", "there is no such command; there are register"),
        ("register", FORMS["register"]),
        ("rotate 2.2.1 now", FORMS["rotate"]),
        ("rotate newest", "version number"),
        ("fault", FORMS["fault"]),
        ("fault htlm", "there is no fault"),
        ("no-fault htlm", "there is no fault"),
        ("give url", FORMS["give"]),
    ],
)
async def test_what_cannot_be_obeyed_is_explained(
    screen: Screen, registered: MockPeer, line: str, sentence: str
) -> None:
    told = await screen.obey(line)

    assert [document["event"] for document in told] == ["error"]
    assert sentence in told[0]["message"]
