"""The modules that a mock peer lists beside credentials: empty, and strict in form."""

from collections.abc import AsyncIterator

import pytest

from broker.tools.mock_peer.platform import MockPeer, mock_peer
from tests.unit.tools.mock_peer.conftest import Octets, asked, posted

pytestmark = pytest.mark.anyio

ROOT = "/ocpi/2.2.1"
MODULES = ["locations/SENDER", "tokens/RECEIVER", "cdrs/RECEIVER", "commands/RECEIVER"]


@pytest.fixture
async def receiver() -> AsyncIterator[MockPeer]:
    async with mock_peer(modules=MODULES) as one:
        yield one


@pytest.fixture
async def token(receiver: MockPeer, sender: MockPeer) -> str:
    return str((await posted(receiver, sender)).json["data"]["token"])


async def test_a_senders_is_an_empty_page(receiver: MockPeer, token: str) -> None:
    for path in ("sender/locations", "sender/locations/", "sender/locations?offset=0&limit=10"):
        answer = await asked(receiver, "GET", f"{ROOT}/{path}", token)
        assert (answer.outcome, answer.json["data"]) == ((200, 1000), [])
        assert (answer.headers["x-total-count"], answer.headers["x-limit"]) == ("0", "100")
        assert "link" not in answer.headers


async def test_a_sender_has_no_object_and_takes_none(receiver: MockPeer, token: str) -> None:
    assert (await asked(receiver, "GET", f"{ROOT}/sender/locations/LOC1", token)).outcome == (404, 2000)
    refused = await asked(receiver, "PUT", f"{ROOT}/sender/locations/LOC1", token, {})
    assert (refused.outcome, refused.headers["allow"]) == ((405, 2000), "GET")


async def test_a_receiver_takes_everything_and_keeps_nothing(receiver: MockPeer, token: str) -> None:
    path = f"{ROOT}/receiver/tokens/DE/KWL/012345678"
    for method in ("PUT", "PATCH", "DELETE"):
        _is_accepted(await asked(receiver, method, path, token, {"uid": "012345678"}))
    assert (await asked(receiver, "GET", path, token)).outcome == (404, 2000)


async def test_a_post_is_told_where_its_object_would_be(receiver: MockPeer, token: str) -> None:
    answer = await asked(receiver, "POST", f"{ROOT}/receiver/cdrs", token, {"id": "12345"})

    _is_accepted(answer)
    assert answer.headers["location"].startswith(f"{receiver.base}{ROOT}/receiver/cdrs/")


async def test_it_obeys_no_commands(receiver: MockPeer, token: str) -> None:
    """What answers a command has data, which says what came of it."""
    answer = await asked(receiver, "POST", f"{ROOT}/receiver/commands/START_SESSION", token, {})

    assert answer.outcome == (200, 2000)
    assert "commands" in answer.json["status_message"]


def _is_accepted(answer: Octets) -> None:
    assert answer.outcome == (200, 1000)
    assert "data" not in answer.json
