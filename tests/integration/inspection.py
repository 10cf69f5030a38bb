"""What is looked up behind the API, and a second broker over the same data."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

from broker.process import composition
from ocpi_broker.v1 import peer_service_pb2, resources_pb2
from tests import stack as stacks
from tests.database import Database, PostgresDatabase
from tests.stack import Stack, key_of, services

Outcome = resources_pb2.ExchangeOutcome


def row_of(database: Database, name: str) -> str:
    """The uid of a peer's row."""
    tenant, peer = name.split("/")[1::2]
    return str(database.execute(f"SELECT uid FROM peer WHERE tenant = '{tenant}' AND id = '{peer}'")[0][0])


async def exchanges_of(stack: Stack, name: str) -> list[resources_pb2.Exchange]:
    """Newest first."""
    answer = await stack.peers.ListExchanges(peer_service_pb2.ListExchangesRequest(parent=name, page_size=1000))
    return list(answer.exchanges)


async def soon(holds: Callable[[], Awaitable[bool]], seconds: float = 5) -> bool:
    """Whether it comes to hold before the time is up."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await holds():
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


@asynccontextmanager
async def second_broker(stack: Stack) -> AsyncIterator[stacks.Services]:
    """Another start over the same data, seen by an administrator."""
    async with (
        composition.running(replace(stack.settings, grpc="127.0.0.1:0")) as broker,
        services(broker.grpc, key_of(stack.settings.data_dir, "admin")) as admin,
    ):
        yield admin


@contextmanager
def outage(database: Database) -> Iterator[None]:
    """The database is away: nobody may connect to it, and whoever was is thrown out. PostgreSQL only."""
    assert isinstance(database, PostgresDatabase)
    database.admit(connections=False)
    try:
        yield
    finally:
        database.admit(connections=True)


def disclosed(database: Database) -> list[tuple[str, str, int]]:
    rows = database.execute("SELECT actor, resource, detail FROM audit WHERE action = 'token.disclosed'")
    return [(actor, resource, json.loads(detail)["times"]) for actor, resource, detail in rows]
