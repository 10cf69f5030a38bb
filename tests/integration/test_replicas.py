"""Several brokers, all active, on one PostgreSQL: what one commits, the others know."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from broker.config import Settings
from broker.memory import readmodel
from broker.process import composition
from ocpi_broker.v1 import ocpi_service_pb2, peer_service_pb2, tenant_service_pb2, token_service_pb2
from tests import database as databases
from tests import postgres
from tests.peer import Sender
from tests.stack import Deployment, Stack, key_of, reason, running, services

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]

SOON = 1.0
_START = """
import asyncio, sys
from pathlib import Path, PosixPath
from broker.config import Settings
from broker.outbound.url_policy import UrlPolicy
from broker.process.bootstrap import prepare
asyncio.run(prepare(eval(sys.argv[1]), migrate=True))
"""


@pytest.fixture
async def pair(
    event_loop_for_all: None, postgres_server: postgres.Server, tmp_path: Path
) -> AsyncIterator[tuple[Stack, Deployment]]:
    """A stack, and a second broker on its database and keys."""
    with databases.fresh("postgresql", tmp_path, postgres_server) as database:
        async with AsyncExitStack() as rest:
            first = await rest.enter_async_context(running(tmp_path, database))
            other = await rest.enter_async_context(composition.running(replace(first.settings, grpc="127.0.0.1:0")))
            admin = await rest.enter_async_context(services(other.grpc, key_of(tmp_path, "admin")))
            yield first, Deployment(first.http, other.grpc, admin, first.client)


def _asked(sender: Sender) -> token_service_pb2.VerifyTokenRequest:
    return token_service_pb2.VerifyTokenRequest(authorization=f"Token {sender.token}")


async def test_a_token_issued_by_one_is_known_to_the_other_at_once(
    pair: tuple[Stack, Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only after the next poll: a peer's first request may reach any broker."""
    first, second = pair
    monkeypatch.setattr(readmodel, "_POLL_SECONDS", 3600)
    home = await first.home()
    async with first.guest(home) as guest:
        assert (await guest.sender.register()).outcome == (200, 1000)

        answer = await second.tokens.VerifyToken(_asked(guest.sender))

        assert answer.valid
        assert answer.peer == guest.name


async def test_a_reader_sees_what_it_knows_to_be_written(pair: tuple[Stack, Deployment]) -> None:
    """min_revision: read-your-writes across brokers."""
    first, second = pair
    home = await first.home()
    async with first.guest(home) as guest:
        await guest.sender.register()
        ask = token_service_pb2.GetPeerTokenRequest(parent=home.name, peer=guest.name)
        written = await first.tokens.GetPeerToken(ask)

        ask.min_revision = written.revision
        read = await second.tokens.GetPeerToken(ask)

        assert read.token == written.token
        assert guest.platform.accepted == {written.token}


async def test_a_block_reaches_every_broker_soon(pair: tuple[Stack, Deployment]) -> None:
    first, second = pair
    home = await first.home()
    async with first.guest(home) as guest:
        await guest.sender.register()
        assert (await second.tokens.VerifyToken(_asked(guest.sender))).valid

        await first.peers.BlockPeer(peer_service_pb2.BlockPeerRequest(name=guest.name))

        await asyncio.sleep(SOON)
        assert not (await second.tokens.VerifyToken(_asked(guest.sender))).valid


async def test_brokers_that_start_for_the_first_time_at_once_agree(
    event_loop_for_all: None, postgres_server: postgres.Server, tmp_path: Path
) -> None:
    """In production every replica runs the same start script: one schema, one set of keys, one default tenant."""
    with databases.fresh("postgresql", tmp_path, postgres_server, empty=True) as database:
        settings = Settings(tmp_path, "127.0.0.1:0", "https://ocpi.example.com", database.url)

        starts = [await asyncio.create_subprocess_exec(sys.executable, "-c", _START, repr(settings)) for _ in range(3)]
        assert [await start.wait() for start in starts] == [0, 0, 0]

        assert [row[0] for row in database.execute("SELECT id FROM tenant")] == ["default"]
        async with (
            composition.running(settings) as broker,
            services(broker.grpc, key_of(tmp_path, "admin")) as admin,
            services(broker.grpc, key_of(tmp_path, "gateway")) as gateway,
        ):
            await admin.tenants.GetTenant(tenant_service_pb2.GetTenantRequest(name="tenants/default"))
            call = ocpi_service_pb2.OcpiCall(tenant="default", authorization=["Token unknown"])
            with pytest.raises(grpc.RpcError) as caught:
                await gateway.ocpi.ListVersions(ocpi_service_pb2.ListVersionsRequest(call=call))
            assert reason(caught.value) == "TOKEN_REJECTED"  # the caller is not
