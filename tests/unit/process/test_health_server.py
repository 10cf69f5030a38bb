"""The health port has few places, and nobody keeps them by holding a connection."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus

import pytest

from broker.process import health_server
from broker.process.address import Address
from broker.process.health_server import Answer
from broker.process.listening import address_of, listen

pytestmark = pytest.mark.anyio

PLACES = 16
ASKING = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"


@asynccontextmanager
async def running(answer):
    listener = listen(Address("127.0.0.1", 0))
    async with health_server.serving(listener, answer):
        yield address_of(listener)


async def alive(_path):
    return Answer(HTTPStatus.OK, "text/plain", b"alive")


@asynccontextmanager
async def connected(address, text):
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(text)
        yield reader
    finally:
        writer.transport.abort()


async def asked(address):
    """What a new connection is answered; nothing if it is cut off."""
    async with asyncio.timeout(2), connected(address, ASKING) as reader:
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize("text", [b"", b"GET /li", ASKING], ids=["silent", "half a request", "never closes"])
@pytest.mark.parametrize("held", [PLACES, 40])
async def test_connections_that_are_held_shut_nobody_out(text, held):
    async with running(alive) as address, AsyncExitStack() as others:
        readers = [await others.enter_async_context(connected(address, text)) for _ in range(held)]
        if text == ASKING:
            await asyncio.gather(*(reader.readuntil(b"alive") for reader in readers))

        assert (await asked(address)).endswith(b"alive")


async def test_who_is_cut_off_is_no_defect():
    """Otherwise whoever reaches the port could fill the log."""
    defects = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: defects.append(context))
    try:
        async with running(alive) as address, AsyncExitStack() as others:
            for _ in range(40):
                await others.enter_async_context(connected(address, b""))
            assert (await asked(address)).endswith(b"alive")
        await asyncio.sleep(0)
    finally:
        asyncio.get_running_loop().set_exception_handler(None)

    assert defects == []


async def test_the_oldest_that_is_silent_gives_way_before_one_that_is_being_answered():
    async with running(alive) as address, AsyncExitStack() as others:
        answered = await others.enter_async_context(connected(address, ASKING))
        await answered.readuntil(b"alive")
        silent = [await others.enter_async_context(connected(address, b"")) for _ in range(PLACES - 1)]

        assert (await asked(address)).endswith(b"alive")
        async with asyncio.timeout(2):
            assert await silent[0].read() == b""


async def test_who_is_being_answered_is_not_cut_off():
    slowly = asyncio.Event()
    begun = asyncio.Semaphore(0)

    async def answer(path):
        begun.release()
        await slowly.wait()
        return await alive(path)

    async with running(answer) as address:
        waiting = [asyncio.create_task(asked(address)) for _ in range(PLACES)]
        for _ in waiting:
            await begun.acquire()

        assert await asked(address) == b""
        slowly.set()
        assert all(said.endswith(b"alive") for said in await asyncio.gather(*waiting))
