"""Which requests a fault spoils."""

import pytest

from broker.tools.mock_peer.http_client import ExchangeFailedError
from broker.tools.mock_peer.platform import MockPeer
from tests.unit.tools.mock_peer.conftest import asked, posted

pytestmark = pytest.mark.anyio


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
