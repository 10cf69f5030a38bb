"""What shows that a fault is there: a call per fault, by its name."""

from collections.abc import Awaitable, Callable

from broker.tools.mock_peer.platform import MockPeer
from tests.unit.tools.mock_peer.conftest import Octets, posted

CREDENTIALS = "/ocpi/2.2.1/credentials"

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
