"""Several brokers, restarts and other changes while an unproven token is being tried."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.core import proving
from broker.exchanges import unproven_tokens
from ocpi_broker.v1 import peer_service_pb2 as pb
from tests import database as databases
from tests import postgres
from tests import stack as stacks
from tests.database import Database
from tests.integration.field.links import Link, linked, soon
from tests.integration.field.partner import partner_running, speaking
from tests.integration.inspection import second_broker
from tests.peer import Sender, new_token
from tests.stack import Home, Stack

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]


@pytest.fixture(autouse=True)
def _pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "FIRST_PAUSE", 300_000)
    monkeypatch.setattr(proving, "_PAUSES", (60_000_000,) * 6)


async def slow(link: Link, sender: Sender) -> str:
    """A token that works as soon as our answer has left, and whose tries do not end before the test says so."""
    token = new_token()
    link.partner.holds[token] = asyncio.Event()
    assert (await link.announces(sender, token)).outcome == (200, 1000)
    link.partner.accepted.add(token)
    asked = link.partner.asked_with(token)
    await soon(lambda: _more(link, token, asked))
    return token


async def _more(link: Link, token: str, asked: int) -> bool:
    return link.partner.asked_with(token) > asked


@pytest.fixture
async def on_postgresql(
    event_loop_for_all: None, postgres_server: postgres.Server, tmp_path: Path
) -> AsyncIterator[Stack]:
    with databases.fresh("postgresql", tmp_path, postgres_server) as database:
        async with stacks.running(tmp_path, database) as stack:
            yield stack


async def test_of_two_brokers_one_makes_the_try(on_postgresql: Stack) -> None:
    async with second_broker(on_postgresql), linked(on_postgresql) as link:
        sender = await link.registered()
        token = await slow(link, sender)
        before = link.partner.asked_with(token)
        await asyncio.sleep(1)

        assert link.partner.asked_with(token) == before, "the other one sees that it is being made"
        link.partner.holds[token].set()
        await soon(lambda: link.holds(token))
        assert len(link.audited("token.proven")) == 1
        assert len(link.audited("token.unproven")) == 1


async def test_a_try_outlives_its_broker(
    event_loop_for_all: None, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made again once its claim is over."""
    monkeypatch.setattr(unproven_tokens, "_CLAIMED", 500_000)
    async with partner_running(**speaking("2.2.1")) as partner:
        async with stacks.running(tmp_path, database) as first:
            link = Link(first, await first.home(), partner)
            token = await slow(link, await link.registered())
        partner.holds.clear()

        async with stacks.running(tmp_path, database) as second:
            again = Link(second, Home(second, link.home.tenant), partner)
            await soon(lambda: again.holds(token))
            assert len(again.audited("token.proven")) == 1


@pytest.mark.parametrize("change", ["unregister", "reset", "block"])
async def test_what_ends_the_connection_ends_the_try(stack: Stack, change: str) -> None:
    """And brings nothing back."""
    async with linked(stack) as link:
        sender = await link.registered()
        token = await slow(link, sender)
        match change:
            case "unregister":
                assert (await sender.delete()).outcome == (200, 1000)
            case "reset":
                await stack.peers.ResetPeer(pb.ResetPeerRequest(name=link.name))
            case "block":
                await stack.peers.BlockPeer(pb.BlockPeerRequest(name=link.name))
        link.partner.holds[token].set()
        await asyncio.sleep(0.3)

        held = link.column("SELECT proven FROM held_token WHERE peer_uid = {uid}")
        assert len(held) == (1 if change == "block" else 0)
        assert len(link.audited("token.proven")) == (1 if change == "block" else 0)
