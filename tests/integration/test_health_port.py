"""What is seen from outside: /livez, /readyz and /metrics on a port of its own."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from broker.memory import readmodel
from broker.process import outside
from broker.process.metrics import CATALOGUE
from broker.tally import OTHER
from ocpi_broker.v1 import peer_service_pb2
from tests import database as databases
from tests import postgres, process
from tests import stack as stacks
from tests.database import Database
from tests.integration.inspection import outage, soon
from tests.integration.test_connect import connect
from tests.metrics import Metrics
from tests.peer import encoded, new_party
from tests.ports import free_port
from tests.process import Program, cli, environment
from tests.stack import Guest, Stack

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def running(program: Program) -> AsyncIterator[dict[str, Any]]:
    await program.start()
    try:
        yield program.ready
    finally:
        await program.kill()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every scrape is a new one."""
    monkeypatch.setattr(outside, "_FRESH_SECONDS", 0)


async def test_both_processes_of_up_are_seen_at_one_port(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    async with running(process.up(tmp_path, None, "--health", address)) as ready, httpx.AsyncClient() as client:
        assert ready["health"] == address
        alive, is_ready = await client.get(f"http://{address}/livez"), await client.get(f"http://{address}/readyz")
        metrics = await client.get(f"http://{address}/metrics")

        assert (alive.status_code, alive.json()["alive"]) == (200, True)
        assert (is_ready.status_code, is_ready.json()) == (200, {"ready": True, "broker": "ready", "gateway": "ready"})
        assert metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        seen = Metrics.read(metrics.text)
        version = {"version": alive.json()["version"]}
        assert seen.value("ocpi_broker_build_info", **version, database="sqlite") == 1
        assert seen.value("ocpi_gateway_build_info", **version) == 1


async def test_names_kinds_and_labels_are_those_of_the_table(stack: Stack, registered: Guest) -> None:
    """docs/operations.md is compared with the catalogue in test_docs; here it is compared with a real scrape."""
    metrics = await stack.metrics()

    ours = {name: kind for name, kind in metrics.kinds.items() if name.startswith("ocpi_")}
    assert ours == {name: meaning.kind for name, meaning in CATALOGUE.items()}
    for name, labels in metrics.samples:
        base = name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
        if base in CATALOGUE:
            assert {label for label, _ in labels} - {"le"} == set(CATALOGUE[base].labels), name


async def test_what_happens_is_counted(own_stack: Stack) -> None:
    """Calls, exchanges of both directions, jobs, refused tokens, peers and the age of their tokens, requests."""
    before = await own_stack.metrics()
    ours, theirs = await own_stack.home(parties=[new_party("EMSP")]), await own_stack.home(parties=[new_party("CPO")])
    peer = await connect(own_stack, ours, theirs)
    await ours.held(peer.name)
    await ours.verify("no token at all")
    with pytest.raises(grpc.RpcError):
        await ours.held(f"{ours.name}/peers/nobody")

    calls = "ocpi_broker_calls_total"
    missed = {"method": "TokenService/GetPeerToken", "outcome": "NOT_FOUND"}
    metrics = await own_stack.metrics()
    while metrics.value(calls, **missed) == before.value(calls, **missed):  # counted once its answer is under way
        metrics = await own_stack.metrics()

    def grown(name: str, **labels: str) -> float:
        return metrics.value(name, **labels) - before.value(name, **labels)

    assert grown(calls, method="TokenService/GetPeerToken", outcome="OK") == 1
    assert grown(calls, method="TokenService/GetPeerToken", outcome="NOT_FOUND") == 1
    assert grown("ocpi_broker_call_seconds_count", method="TokenService/GetPeerToken") == 2
    exchange = {"kind": "POST", "version": "2.2.1", "outcome": "SUCCEEDED"}
    for direction in ("INBOUND", "OUTBOUND"):
        assert grown("ocpi_broker_exchanges_total", direction=direction, **exchange) == 1
    assert grown("ocpi_broker_jobs_total", kind="POST", outcome="SUCCEEDED") == 1
    assert grown("ocpi_broker_verifications_refused_total", asked_by="VerifyToken", reason="UNKNOWN") == 1
    assert metrics.value("ocpi_broker_peers", state="REGISTERED") == 2
    for kind in ("held", "issued"):
        assert 0 <= metrics.value("ocpi_broker_token_age_seconds", kind=kind, quantile="1") < 60
    assert grown("ocpi_broker_revision") > 0
    assert metrics.value("ocpi_broker_revision_lag_seconds") < 5
    post = {"route": "/{version}/credentials", "method": "POST", "status": "200"}
    assert grown("ocpi_gateway_requests_total", **post) == 1
    assert grown("ocpi_gateway_request_seconds_count", route="/{version}/credentials") == 1


async def test_a_limit_that_refuses_is_counted(own_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    home = await own_stack.home()
    wrong = {"Authorization": encoded("no-such-token")}
    answers, sent = set[int](), 0
    while 429 not in answers and sent < 5000:  # some are forgiven each second, so that it depends on the machine
        asked = [own_stack.client.get(home.versions_url, headers=wrong) for _ in range(50)]
        answers |= {answer.status_code for answer in await asyncio.gather(*asked)}
        sent += len(asked)
    assert answers == {401, 429}

    metrics = await own_stack.metrics()

    throttled = metrics.value("ocpi_broker_throttled_total", limit="rejected_tokens")
    refused = metrics.value("ocpi_gateway_requests_total", route="/versions", method="GET", status="429")
    assert throttled == refused > 0
    assert metrics.value("ocpi_broker_verifications_refused_total", asked_by="OcpiService", reason="UNKNOWN") == sent


async def test_a_stranger_cannot_add_a_label(own_stack: Stack) -> None:
    """Paths, methods, tenants, versions, tokens, keys, ids and RPCs that are made up: a second round adds no series."""

    async def attack(seed: int) -> None:
        base, client = own_stack.http, own_stack.client
        for number in range(seed, seed + 20):
            made_up = f"x{number}"
            for method, path in (
                (("PROPFIND", "MKCOL", "REPORT")[number % 3], f"/ocpi/{made_up}/versions"),
                ("GET", f"/{made_up}"),
                ("GET", f"/ocpi/{made_up}/versions"),
                ("GET", f"/ocpi/{number}.{number}/credentials"),
                ("PUT", f"/ocpi/{made_up}/2.2.1/credentials"),
                ("POST", f"/ocpi/2.2.1/credentials?{made_up}"),
            ):
                headers = {"Authorization": encoded(made_up), "X-Request-ID": made_up}
                await client.request(method, base + path, headers=headers)
            async with own_stack.speaking(made_up) as stranger:
                with pytest.raises(grpc.RpcError):
                    await stranger.peers.GetPeer(
                        peer_service_pb2.GetPeerRequest(name=f"tenants/{made_up}/peers/{made_up}")
                    )
            with pytest.raises(grpc.RpcError):
                await own_stack.services.channel.unary_unary(f"/ocpi_broker.v1.TokenService/{made_up}")(b"", timeout=5)

    await attack(0)
    before = await own_stack.metrics()
    await attack(1000)
    after = await own_stack.metrics()

    assert after.series == before.series
    assert not [text for text in ("x1000", "x1019", "MKCOL", "1000.1000") if text in after.text]
    assert after.value("ocpi_gateway_requests_total", route=OTHER, method="GET", status="404") == 40
    methods = {labels["method"] for labels in after.labels("ocpi_gateway_requests_total")}
    assert methods == {"GET", "PUT", "POST", OTHER}


@pytest.mark.parametrize("by_tenant", [False, True], ids=["without", "with"])
async def test_tenants_are_a_label_only_where_they_are_asked_for(
    event_loop_for_all: None, database: Database, tmp_path: Path, *, by_tenant: bool
) -> None:
    async with stacks.running(tmp_path, database, metrics_tenants=by_tenant) as stack:
        home = await stack.home()
        async with stack.guest(home) as guest:
            await guest.sender.register()

        metrics = await stack.metrics()

    named = {name for name, labels in metrics.samples if ("tenant", home.tenant.name.rpartition("/")[2]) in labels}
    expected = {"ocpi_broker_exchanges_total", "ocpi_broker_peers", "ocpi_broker_token_age_seconds"}
    assert named == (expected if by_tenant else set())


async def test_a_broker_is_ready_as_long_as_its_grpc_health_says_so(
    event_loop_for_all: None, postgres_server: postgres.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away: first reads go on from memory, then they do not; then it is back."""
    monkeypatch.setitem(readmodel.ReadModel.__init__.__kwdefaults__, "max_staleness", 1.5)
    with databases.fresh("postgresql", tmp_path, postgres_server) as database:
        async with stacks.running(tmp_path, database) as stack:
            await _away_and_back(stack, database)


async def _away_and_back(stack: Stack, database: Database) -> None:
    health = HealthStub(stack.services.channel)

    async def serves() -> bool:
        answer = await health.Check(HealthCheckRequest())
        return bool(answer.status == HealthCheckResponse.SERVING)

    async def away() -> bool:
        return (await stack.ready())[0] == 503 and not await serves()

    async def back() -> bool:
        return (await stack.ready())[0] == 200 and await serves()

    assert await back()
    with outage(database):
        assert await back()
        assert await soon(away, 10)
        _, said = await stack.ready()
        assert "the database has been away for" in said["broker"]
        assert said["gateway"] == "the broker answers that it does not serve"
        assert (await stack.client.get(f"{stack.health}/livez")).status_code == 200
        lagging = await stack.metrics()
        assert lagging.value("ocpi_broker_revision_lag_seconds") > 1.5
        assert lagging.value("ocpi_broker_database_errors_total", kind="away") > 0
    assert await soon(back, 15)


async def test_a_gateway_without_its_broker_lives_and_is_not_ready(tmp_path: Path) -> None:
    key = tmp_path / "gateway.key"
    key.write_text("obk-some-key")
    key.chmod(0o600)
    nowhere, address = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    arguments = ["gateway", "--broker", nowhere, "--key-file", str(key), "--http", "127.0.0.1:0", "--health", address]
    async with running(Program(arguments, tmp_path / "gateway.log")) as ready, httpx.AsyncClient() as client:
        versions = await client.get(f"http://{ready['http']}/ocpi/versions")
        is_ready = await client.get(f"http://{address}/readyz")
        assert (versions.status_code, is_ready.status_code) == (503, 503)
        assert set(is_ready.json()) == {"ready", "gateway"}
        assert is_ready.json()["gateway"].startswith("the broker does not answer: UNAVAILABLE")
        assert (await client.get(f"http://{address}/livez")).status_code == 200
        metrics = Metrics.read((await client.get(f"http://{address}/metrics")).text)
        assert metrics.value("ocpi_gateway_upstream_errors_total", code="UNAVAILABLE") == 1


@pytest.mark.parametrize("command", ["up", "serve", "gateway"])
@pytest.mark.parametrize("value", ["9464", "localhost", "127.0.0.1:99999", "on", "http://127.0.0.1:1/", ""])
async def test_a_bad_address_is_refused_in_words(tmp_path: Path, command: str, value: str) -> None:
    needed = {
        "up": ("--data-dir", str(tmp_path)),
        "serve": ("--data-dir", str(tmp_path), "--public-url", "https://ocpi.example.com"),
        "gateway": ("--broker", "127.0.0.1:1", "--key-file", str(tmp_path / "key")),
    }[command]

    ran = await cli(command, *needed, "--health", value)

    assert (ran.code, ran.stdout) == (2, "")
    assert "--health" in ran.stderr
    assert "must be HOST:PORT, for example" in " ".join(ran.stderr.split())
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240  an empty folder


async def test_an_address_that_was_asked_for_has_to_be_had(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ran = await cli(
            "up", "--data-dir", str(tmp_path), "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--health", address
        )  # fmt: skip

    assert (ran.code, ran.stdout) == (1, "")
    assert f"error: health and metrics: cannot listen on {address}" in ran.stderr
    assert "--health" in ran.stderr


async def test_two_brokers_on_one_machine_both_start_without_being_told_anything(tmp_path: Path) -> None:
    """One of them has the usual port, unless somebody else has it already. Who has not says so."""
    usual = environment()
    del usual["OCPI_BROKER_HEALTH"]
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    first, second = (process.up(tmp_path / name, env=usual) for name in ("one", "two"))
    async with running(first), running(second) as ready:
        assert "health" not in ready
        events = [json.loads(line) for line in second.log.read_text().splitlines()]
        [event] = [event for event in events if event["event"] == "health_not_shown"]
        assert event["address"] == "127.0.0.1:9464"
        assert "cannot listen on 127.0.0.1:9464" in event["cause"]


async def test_the_environment_says_it_as_the_option_does(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    env = environment(OCPI_BROKER_HEALTH=address, OCPI_BROKER_METRICS_TENANTS="1")
    async with running(process.up(tmp_path, env=env)) as ready:
        assert ready["health"] == address


async def _sent(address: str, text: bytes, *, finish: bool = True) -> bytes:
    """What the server answers to these bytes."""
    host, _, port = address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(text)
        if finish:
            writer.write_eof()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", b"200 OK"),
        (b"GET /livez?x=1 HTTP/1.0\r\n\r\n", b"200 OK"),
        (b"HEAD /readyz HTTP/1.1\r\nHost: a\r\n\r\n", b"200 OK"),
        (b"POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", b"405 Method Not Allowed"),
        (b"GET /secret HTTP/1.1\r\nHost: a\r\n\r\n", b"404 Not Found"),
        (b"GET /livez HTTP/1.1\r\n\r\n", b"400 Bad Request"),
        (b"\x16\x03\x01 no HTTP\r\n\r\n", b"400 Bad Request"),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 20_000, b"400 Bad Request"),
    ],
    ids=["get", "1.0", "head", "post", "elsewhere", "no host", "tls", "too large"],
)
async def test_whatever_is_sent_is_answered_and_the_connection_closed(stack: Stack, text: bytes, status: bytes) -> None:
    said = await _sent(stack.health, text, finish=not text.endswith(b"y"))

    assert said.startswith(b"HTTP/1.1 " + status), said
    if text.startswith(b"HEAD"):
        assert said.endswith(b"\r\n\r\n")


async def test_who_holds_connections_or_is_slow_disturbs_nobody(
    stack: Stack, registered: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen that say nothing: the next one is answered at once, so is the service, and all are cut off."""
    monkeypatch.setattr("broker.process.health_server._SECONDS", 1.0)
    silent = [asyncio.create_task(_sent(stack.health, b"GET /li", finish=False)) for _ in range(16)]

    assert (await stack.client.get(f"{stack.health}/livez")).status_code == 200
    assert (await registered.sender.versions()).outcome == (200, 1000)

    async with asyncio.timeout(5):
        assert await asyncio.gather(*silent) == [b""] * 16


async def test_a_scrape_in_a_hurry_costs_nothing_more(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "_FRESH_SECONDS", 60)
    made: list[object] = []
    generate = outside.generate_latest

    def counting(registry: Any) -> bytes:
        made.append(registry)
        return generate(registry)

    monkeypatch.setattr(outside, "generate_latest", counting)
    texts = await asyncio.gather(*(stack.client.get(f"{stack.health}/metrics") for _ in range(10)))

    assert len(made) <= 1
    assert len({answer.text for answer in texts}) == 1
