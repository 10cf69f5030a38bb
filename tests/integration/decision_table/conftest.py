"""One peer of each kind for all rows that refuse."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.integration.decision_table.either import Either
from tests.stack import Stack


@pytest.fixture(scope="module")
async def settled(request: pytest.FixtureRequest, stack: Stack) -> AsyncIterator[Either]:
    """One for all tests of refusals, because none of them may change it."""
    home = await stack.home()
    async with stack.guest(home) as guest:
        await guest.sender.discover()
        if request.param == "PUT":
            await guest.sender.register()
            await guest.sender.versions()  # so that the exchange is confirmed
        yield Either(home, guest, request.param)


@pytest.fixture
def either(settled: Either) -> Iterator[Either]:
    platform = settled.guest.platform
    modules = platform.modules
    platform.received.clear()
    yield settled
    faults = list(platform.faults)
    platform.script, platform.modules = {}, modules
    platform.faults.clear()
    assert faults == []
