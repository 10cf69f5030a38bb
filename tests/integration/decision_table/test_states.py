"""Rows 5 to 8, 13 and 14: what the state of the peer decides, before anything is read or asked."""

import asyncio
import json

import pytest

from tests.integration.decision_table.either import standing
from tests.peer import Gate, new_token
from tests.stack import Guest, Home, Stack

pytestmark = pytest.mark.anyio


# Rows 5 to 8

STATE_ROWS: dict[str, dict[str, int | set[str]]] = {
    "5 invited": {"PUT": {"GET", "POST"}, "DELETE": {"GET", "POST"}},
    "6 invitation retiring": {"PUT": {"GET", "POST"}, "DELETE": {"GET", "POST"}},
    "7 registered": {"POST": {"GET", "PUT", "DELETE"}},
    "8 token retiring": {"POST": {"GET", "PUT", "DELETE"}},
}


@pytest.mark.parametrize("row", STATE_ROWS)
async def test_rows_5_to_8_the_state_decides_before_the_body(home: Home, guest: Guest, row: str) -> None:
    """RR-12, RR-20, UR-02, UN-05: 405 even for broken JSON, without a callback, and nothing changes."""
    sender, platform = guest.sender, guest.platform
    await sender.discover()
    if row != "5 invited":
        issued = (await sender.post()).token
        if row != "6 invitation retiring":
            sender.token = issued
            assert (await sender.versions()).status == 200
        if row == "8 token retiring":
            assert (await sender.put()).outcome == (200, 1000)  # and the answer is lost
    platform.received.clear()
    before = standing(await home.peer(guest.name))

    for method, allowed in STATE_ROWS[row].items():
        for body in (b"{broken", None):
            announced = json.dumps(sender.credentials(new_token())).encode() if body is None else body
            reply = await sender.request(method, sender.credentials_url, content=announced)
            assert reply.outcome == (405, 2000), (row, method)
            assert reply.allow == allowed, (row, method)

    assert platform.received == []
    assert standing(await home.peer(guest.name)) == before
    for reply in (await sender.versions(), await sender.get(f"{sender.base}/2.2.1")):
        assert reply.outcome == (200, 1000)
    echoed = await sender.get()
    assert echoed.outcome == (200, 1000)
    assert echoed.token == sender.token  # A4: never the newer one


# Row 13


async def test_row_13_no_downgrade_by_put(stack: Stack) -> None:
    """A34."""
    home = await stack.home(versions=("2.2", "2.2.1"))
    async with stack.guest(home) as guest:
        await guest.sender.register()
        guest.sender.credentials_url = guest.sender.credentials_url.replace("2.2.1", "2.2")

        reply = await guest.sender.put()

        assert reply.outcome == (200, 3002)
        assert (await home.peer(guest.name)).version == "2.2.1"


# Row 14


async def test_row_14_a_second_post_waits_for_the_first_and_gives_up(guest: Guest) -> None:
    """F5."""
    gate = Gate()
    guest.platform.script["versions"] = gate
    await guest.sender.discover()
    first = asyncio.create_task(guest.sender.post())
    await gate.reached.wait()
    started = asyncio.get_running_loop().time()

    second = await guest.sender.post()

    waited = asyncio.get_running_loop().time() - started
    gate.open()
    assert second.outcome == (200, 3000)
    assert 4 < waited < 9
    assert (await first).outcome == (200, 1000)
