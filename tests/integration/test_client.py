"""The client that services install: the key on every call, repeated reads, brokers that come and go."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from broker.cli.certificate import self_signed
from ocpi_broker import client
from ocpi_broker.client import aio
from ocpi_broker.v1 import admin_service_pb2, peer_service_pb2, peer_service_pb2_grpc, token_service_pb2
from ocpi_broker.v1.token_service_pb2_grpc import TokenServiceServicer, TokenServiceStub
from ocpi_broker.v1.token_service_pb2_grpc import add_TokenServiceServicer_to_server as add
from tests.stack import Guest, Home, Stack

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[2] / "clients" / "python" / "README.md"
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
async def key_file(stack: Stack, home: Home, tmp_path: Path) -> Path:
    path = tmp_path / "billing.key"
    path.write_text(f"{await stack.caller(admin_service_pb2.CALLER_ROLE_READER, home.name)}\n")
    return path


async def test_both_kinds_of_channel_fetch_a_token(stack: Stack, home: Home, registered: Guest, key_file: Path) -> None:
    question = token_service_pb2.GetPeerTokenRequest(parent=home.name, peer=registered.name)

    def fetched() -> str:
        with client.connect(stack.target, key_file=key_file) as channel:
            return str(TokenServiceStub(channel).GetPeerToken(question, timeout=10).token)

    async with aio.connect(stack.target, key_file=str(key_file)) as channel:
        held = await TokenServiceStub(channel).GetPeerToken(question, timeout=10)  # type: ignore[misc]

    assert await asyncio.to_thread(fetched) == held.token == (await home.held(registered.name)).token


async def test_the_snippet_of_its_page_fetches_a_token(stack: Stack, home: Home, guest: Guest, key_file: Path) -> None:
    """As it stands there, but for where our broker is and who its peer."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    country, party_id, _ = guest.party.split("/")
    for shown, ours in (
        ('"broker.internal:50051"', repr(stack.target)),
        ('"billing.key"', repr(str(key_file))),
        (', ca_file="broker-ca.pem"', ""),
        ("tenants/default", home.name),
        ('"DE"', repr(country)),
        ('"KWL"', repr(party_id)),
        ("cdrs", "locations"),
    ):
        assert shown in code
        code = code.replace(shown, ours)

    def held() -> str | None:
        names: dict[str, Any] = {}
        exec(compile(code, str(PAGE), "exec"), names)
        return names["held"].token if names["held"] else None

    assert await asyncio.to_thread(held) is None
    await guest.sender.register()
    assert await asyncio.to_thread(held) == (await home.held(guest.name)).token


async def test_the_key_is_on_calls_of_every_shape(stack: Stack, key_file: Path) -> None:
    """Reflection is a stream, and asks for a key as everything else does."""
    asked = reflection_pb2.ServerReflectionRequest(list_services="")

    def listed() -> int:
        with client.connect(stack.target, key_file=key_file) as channel:
            answers = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([asked]), timeout=10)
            return len(next(answers).list_services_response.service)

    async with aio.connect(stack.target, key_file=key_file) as channel:
        answers = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([asked]), timeout=10)
        found = [len(answer.list_services_response.service) async for answer in answers]

    assert found == [await asyncio.to_thread(listed)]
    assert found > [5]


async def test_a_refusal_has_its_reason(stack: Stack, home: Home, key_file: Path) -> None:
    question = peer_service_pb2.GetPeerRequest(name=f"{home.name}/peers/nobody")

    def refused() -> str | None:
        with client.connect(stack.target, key_file=key_file) as channel, pytest.raises(grpc.RpcError) as error:
            peer_service_pb2_grpc.PeerServiceStub(channel).GetPeer(question, timeout=10)
        return client.reason(error.value)

    async with aio.connect(stack.target, key_file=key_file) as channel:
        with pytest.raises(grpc.RpcError) as error:
            await peer_service_pb2_grpc.PeerServiceStub(channel).GetPeer(question, timeout=10)

    assert client.reason(error.value) == await asyncio.to_thread(refused) == "PERMISSION_DENIED"


async def test_nobody_answers_has_no_reason(key_file: Path, free_target: str) -> None:
    async with aio.connect(free_target, key_file=key_file) as channel:
        with pytest.raises(grpc.RpcError) as error:
            await TokenServiceStub(channel).GetPeerToken(token_service_pb2.GetPeerTokenRequest(), timeout=10)

    assert client.reason(error.value) is None


@dataclass
class Scripted(TokenServiceServicer):
    """A server of the contract that answers as it is told: UNAVAILABLE so many times, then well."""

    failures: int = 0
    calls: list[str] = field(default_factory=list)
    target: str = ""
    readiness: Any = field(default_factory=health.aio.HealthServicer)

    async def GetPeerToken(self, _request: Any, context: Any) -> token_service_pb2.GetPeerTokenResponse:  # type: ignore[override]
        self.calls.append(dict(context.invocation_metadata())["authorization"])
        if len(self.calls) <= self.failures:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        return token_service_pb2.GetPeerTokenResponse(token="theirs")


@asynccontextmanager
async def scripted(server: Scripted, credentials: grpc.ServerCredentials | None = None) -> AsyncIterator[Scripted]:
    running = grpc.aio.server()
    add(server, running)
    health_pb2_grpc.add_HealthServicer_to_server(server.readiness, running)
    await server.readiness.set("", SERVING)
    port = (
        running.add_secure_port("127.0.0.1:0", credentials) if credentials else running.add_insecure_port("127.0.0.1:0")
    )
    server.target = f"127.0.0.1:{port}"
    await running.start()
    try:
        yield server
    finally:
        await running.stop(0)


@asynccontextmanager
async def several(*servers: Scripted) -> AsyncIterator[str]:
    """The target that stands for all of them."""
    async with AsyncExitStack() as rest:
        for server in servers:
            await rest.enter_async_context(scripted(server))
        yield "ipv4:" + ",".join(server.target for server in servers)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "any.key"
    path.write_text("obk-any")
    return path


@pytest.fixture
async def free_target() -> str:
    async with scripted(Scripted()) as server:
        return server.target


async def ask(channel: grpc.aio.Channel) -> str:
    answer = await TokenServiceStub(channel).GetPeerToken(token_service_pb2.GetPeerTokenRequest(), timeout=10)  # type: ignore[misc]
    return str(answer.token)


async def test_a_read_is_repeated_three_times_with_the_key_each_time(event_loop_for_all: None, key: Path) -> None:
    async with scripted(Scripted(failures=3)) as server, aio.connect(server.target, key_file=key) as channel:
        assert await ask(channel) == "theirs"
        assert server.calls == ["Bearer obk-any"] * 4


async def test_a_fourth_failure_is_told(event_loop_for_all: None, key: Path) -> None:
    async with scripted(Scripted(failures=9)) as server, aio.connect(server.target, key_file=key) as channel:
        with pytest.raises(grpc.RpcError, match="restarting"):
            await ask(channel)
        assert len(server.calls) == 4


async def test_threads_have_their_reads_repeated_too(event_loop_for_all: None, key: Path) -> None:
    async with scripted(Scripted(failures=2)) as server:

        def asked() -> str:
            with client.connect(server.target, key_file=key) as channel:
                question = token_service_pb2.GetPeerTokenRequest()
                return str(TokenServiceStub(channel).GetPeerToken(question, timeout=10).token)

        assert await asyncio.to_thread(asked) == "theirs"
        assert len(server.calls) == 3


async def test_calls_are_spread_over_all_brokers(event_loop_for_all: None, key: Path) -> None:
    one, other = Scripted(), Scripted()
    async with several(one, other) as target, aio.connect(target, key_file=key) as channel:
        await until(lambda: bool(one.calls and other.calls), lambda: ask(channel))
        for server in (one, other):
            server.calls.clear()

        for _ in range(10):
            await ask(channel)

        assert (len(one.calls), len(other.calls)) == (5, 5)


async def test_a_broker_that_says_it_does_not_serve_is_not_asked(event_loop_for_all: None, key: Path) -> None:
    """As ours says while its database is away, and while it stops."""
    one, other = Scripted(), Scripted()
    async with several(one, other) as target, aio.connect(target, key_file=key) as channel:
        await until(lambda: bool(one.calls and other.calls), lambda: ask(channel))
        await one.readiness.set("", NOT_SERVING)
        await until_still(one.calls, lambda: ask(channel))
        other.calls.clear()
        one.calls.clear()

        for _ in range(6):
            await ask(channel)
        assert (len(one.calls), len(other.calls)) == (0, 6)

        await one.readiness.set("", SERVING)
        await until(lambda: bool(one.calls), lambda: ask(channel))


async def test_beyond_this_machine_the_brokers_certificate_is_held_against_ca_file(
    event_loop_for_all: None, key: Path, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    chain, secret = self_signed(["127.0.0.1"], now - timedelta(minutes=1), now + timedelta(hours=1))
    stranger, _ = self_signed(["127.0.0.1"], now - timedelta(minutes=1), now + timedelta(hours=1))
    own, foreign = tmp_path / "own.crt", tmp_path / "foreign.crt"
    own.write_bytes(chain)
    foreign.write_bytes(stranger)
    credentials = grpc.ssl_server_credentials([(secret, chain)])
    async with scripted(Scripted(), credentials) as server:
        async with aio.connect(server.target, key_file=key, ca_file=own) as channel:
            assert await ask(channel) == "theirs"
        server.calls.clear()
        async with aio.connect(server.target, key_file=key, ca_file=foreign) as channel:
            with pytest.raises(grpc.RpcError):
                await ask(channel)
        assert server.calls == []


async def until(what: Callable[[], bool], step: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not what():
            await step()
            await asyncio.sleep(0.01)


async def until_still(calls: list[str], step: Callable[[], Any]) -> None:
    """Until so many calls in a row have gone elsewhere."""
    async with asyncio.timeout(20):
        while True:
            before = len(calls)
            for _ in range(4):
                await step()
            if len(calls) == before:
                return
