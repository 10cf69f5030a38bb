"""How a mock peer that sends takes the faults of another."""

import json

import pytest

from broker.tools.mock_peer.faults import CATALOGUE
from broker.tools.mock_peer.http_client import ExchangeFailedError, OutcomeUnknownError
from broker.tools.mock_peer.platform import MockPeer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "fault", [name for name, kind in CATALOGUE.items() if "tolerated" in kind.meaning or name == "callback-twice"]
)
async def test_what_is_to_be_tolerated_does_not_keep_us_from_registering(
    receiver: MockPeer, sender: MockPeer, fault: str
) -> None:
    receiver.fault(fault)

    await sender.register(receiver.versions_url, receiver.token)

    assert sender.held in receiver.issued


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
