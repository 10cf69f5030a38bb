"""Each fault of the catalogue, seen from the other side: by a bare client, or by another mock peer."""

import pytest

from broker.tools.mock_peer.faults import CATALOGUE
from broker.tools.mock_peer.platform import MockPeer
from tests.unit.tools.mock_peer import faults_of_answers, faults_of_conduct  # noqa: F401  they fill OBSERVED
from tests.unit.tools.mock_peer.observations import OBSERVED

pytestmark = pytest.mark.anyio


def test_every_fault_is_observed_here() -> None:
    assert set(OBSERVED) == set(CATALOGUE)


@pytest.mark.parametrize("name", OBSERVED)
async def test_the_fault_shows(receiver: MockPeer, sender: MockPeer, name: str) -> None:
    await OBSERVED[name](receiver, sender)
