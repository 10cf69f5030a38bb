"""What a strict tenant refuses that others put up with."""

import json
from typing import Any, ClassVar

import pytest

from ocpi_broker.v1 import resources_pb2
from tests.integration.every_version import newest
from tests.peer import Served, answering, envelope
from tests.stack import Guest, Home, Stack

pytestmark = pytest.mark.anyio


class TestStrict:
    """What is let pass with a warning, and refused in certification (CO-40)."""

    LOOSE: ClassVar = {"name": "K" * 101, "website": "not a url", "logo": {"url": "https://x.example/l.png"}}

    async def _post(self, guest: Guest) -> Any:
        guest.sender.roles[0]["business_details"] = self.LOOSE
        await guest.sender.discover()
        return await guest.sender.post()

    async def test_loosely_it_is_noted(self, stack: Stack) -> None:
        home = await stack.home()
        async with stack.guest(home) as guest:
            reply = await self._post(guest)
            exchange = await newest(stack, guest.name)

            assert reply.outcome == (200, 1000)
            assert [warning.split(":")[0] for warning in exchange.warnings] == [
                f"roles[0].business_details.{field}" for field in ("name", "website", "logo.type")
            ]

    async def test_an_answer_without_a_time_is_taken_and_noted(self, stack: Stack, home: Home, guest: Guest) -> None:
        """F16."""
        listed = {"data": guest.platform.versions(), "status_code": 1000}
        guest.platform.script["versions"] = answering(Served(body=json.dumps(listed).encode()))
        await guest.sender.register()

        assert "versions list: timestamp: is missing" in (await newest(stack, guest.name)).warnings

    async def test_an_entry_of_the_list_that_was_skipped_is_noted(self, stack: Stack, home: Home, guest: Guest) -> None:
        """VL-05: the peer does list the version, so both sides must be able to see why that is not enough."""
        listed = envelope([{"version": "2.2.1", "url": "/ocpi/2.2.1"}])
        guest.platform.script["versions"] = answering(listed)
        await guest.sender.discover()
        reply = await guest.sender.post()
        exchange = await newest(stack, guest.name)

        assert reply.outcome == (200, 3002)
        (note,) = exchange.warnings
        assert note.startswith("versions list: [0].url: ")
        assert note.endswith("; the entry was skipped")

    async def test_strictly_it_is_refused(self, stack: Stack) -> None:
        home = await stack.home(policy=resources_pb2.TenantPolicy(strict=True))
        async with stack.guest(home) as guest:
            reply = await self._post(guest)

            assert reply.outcome == (200, 2001)
            assert reply.message.startswith("roles[0].business_details.name: ")
            assert guest.platform.received == []
