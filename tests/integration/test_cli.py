"""ocpi-broker as operators type it: real processes, one way through everything, and how failures read."""

import asyncio
import json
import re
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import process
from tests.peer import Sender, encoded, new_token, platform_running, role
from tests.ports import free_port
from tests.process import Operator, Program, cli, environment

pytestmark = pytest.mark.anyio

PARTY = "DE/KWL/EMSP"


@asynccontextmanager
async def _running(program: Program) -> AsyncIterator[Program]:
    await program.start()
    try:
        yield program
    finally:
        await program.kill()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(scope="module")
async def program(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    """`ocpi-broker up`, shared by tests, each of which makes a tenant of its own."""
    async with _running(process.up(tmp_path_factory.mktemp("cli"))) as running:
        yield running


@pytest.fixture(scope="module")
def folder(program: Program) -> Path:
    return Path(program.arguments[2])


@pytest.fixture
def operator(folder: Path) -> Operator:
    return Operator("--data-dir", str(folder))


@pytest.fixture
async def acme(operator: Operator) -> Any:
    """A tenant for one test."""
    name = f"acme-{free_port()}"
    return await operator.json(
        "tenant", "create", name, "--party", "nl/lmh/cpo=Lumen Hub", "--version", "2.2.1",
        "--endpoint", "2.2.1/locations/SENDER=https://api.lumenhub.example/locations",
    )  # fmt: skip


@asynccontextmanager
async def _registered(operator: Operator, tenant: str, token: str) -> AsyncIterator[Sender]:
    """A platform that registers as kw and gives us this token."""
    invitation = await operator.json("peer", "invite", "kw", "--tenant", tenant, "--party", PARTY)
    async with platform_running() as platform, httpx.AsyncClient(trust_env=False, timeout=60) as client:
        sender = Sender(client, invitation["versions_url"], invitation["token"], platform, [role(PARTY)])
        await sender.discover()
        reply = await sender.post(token=token)
        assert reply.outcome == (200, 1000), reply
        sender.token = reply.token
        yield sender


async def test_up_says_where_it_answers_and_leaves_secrets_to_their_owner(program: Program, folder: Path) -> None:
    ready = program.ready

    assert set(ready) == {"event", "grpc", "http", "versions_url"}
    assert ready["versions_url"] == f"http://{ready['http']}/ocpi/versions"
    assert (folder / "target").read_text().strip() == ready["grpc"]
    assert _mode(folder) == 0o700
    assert [_mode(folder / name) for name in ("keys.json", "admin.key", "gateway.key")] == [0o600] * 3
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(ready["versions_url"])).status_code == 401
    assert "WARNING: insecure peers are allowed" in program.log.read_text()


async def test_up_stops_cleanly_on_sigterm_and_starts_again_over_the_same_data(tmp_path: Path) -> None:
    program = process.up(tmp_path, program=process.PROGRAM)
    async with _running(program):
        operator = Operator("--data-dir", str(tmp_path / "data"))
        await operator.json("tenant", "create", "kept", "--party", "NL/LMH/CPO=Lumen Hub")

        assert await program.stop() == 0

        assert "no broker answers at" in await operator.refused("tenant", "list")
        await program.start()
        assert [tenant["tenant"] for tenant in (await operator.json("tenant", "list"))["tenants"]] == [
            "default",
            "kept",
        ]


async def test_a_second_start_over_the_same_sqlite_database_is_refused(program: Program, folder: Path) -> None:
    ran = await cli("up", "--data-dir", str(folder), "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")

    assert (ran.code, ran.stdout) == (1, "")
    assert f"another broker runs over {folder}" in ran.stderr


TAKEN = [("up", "--grpc"), ("up", "--http"), ("up", "--health"), ("serve", "--grpc"), ("serve", "--health"),
         ("gateway", "--http"), ("gateway", "--health")]  # fmt: skip


@pytest.mark.parametrize(("command", "which"), TAKEN)
async def test_an_address_that_is_taken_is_said_in_one_sentence(
    program: Program, folder: Path, tmp_path: Path, command: str, which: str
) -> None:
    """And whatever else is written is JSON: gRPC's own core says nothing beside it."""
    taken, data = program.ready["grpc"], ["--data-dir", str(tmp_path)]
    if command == "serve":
        assert (await cli("db", "upgrade", *data)).code == 0
    needed = {
        "up": [*data, "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"],
        "serve": [*data, "--grpc", "127.0.0.1:0", "--public-url", "https://ocpi.example.com"],
        "gateway": ["--broker", taken, "--key-file", str(folder / "gateway.key"), "--http", "127.0.0.1:0"],
    }[command]

    ran = await cli(command, *needed, which, taken)

    assert (ran.code, ran.stdout) == (1, "")
    *events, error = ran.stderr.splitlines()
    assert error.startswith("error: ")
    assert f"cannot listen on {taken}" in error
    assert all(json.loads(line)["event"] for line in events)


async def test_a_tenant_is_created_shown_and_changed(operator: Operator, acme: dict[str, Any]) -> None:
    name = acme["tenant"]
    assert acme["parties"] == ["NL/LMH/CPO"]
    assert acme["versions"] == ["2.2.1"]
    assert acme["versions_url"].endswith(f"/ocpi/{name}/versions")
    assert acme["endpoints"] == [
        {
            "version": "2.2.1",
            "module": "locations",
            "role": "SENDER",
            "url": "https://api.lumenhub.example/locations",
        }
    ]

    changed = await operator.json(
        "tenant", "update", name, "--party", "NL/LMX/HUB=Lumen", "--public-url", "https://ocpi.lumenhub.example",
        "--require", "CPO:locations/SENDER", "--post-retry-window", "0",
    )  # fmt: skip
    assert changed["parties"] == ["NL/LMX/HUB"]
    assert changed["endpoints"] == acme["endpoints"]
    assert changed["public_url"] == "https://ocpi.lumenhub.example"
    assert changed["versions_url"] == f"https://ocpi.lumenhub.example/ocpi/{name}/versions"
    assert changed["policy"] == acme["policy"] | {
        "post_retry_window": "0s",
        "required_modules": ["CPO:locations/SENDER"],
    }

    emptied = await operator.json("tenant", "update", name, "--no-endpoints", "--no-requirements", "--public-url", "")
    assert (emptied["endpoints"], emptied["policy"]["required_modules"], emptied["public_url"]) == ([], [], None)
    assert emptied["policy"]["post_retry_window"] == "0s"
    assert await operator.json("tenant", "show", name) == emptied
    assert emptied in (await operator.json("tenant", "list"))["tenants"]

    assert await operator.json("tenant", "delete", name) == {"tenant": name, "deleted": True}
    await operator.refused("tenant", "show", name)


async def test_who_revokes_a_gateways_key_is_told_what_follows(operator: Operator) -> None:
    await operator.run("caller", "create", "edge", "--role", "gateway")

    ran = await operator.run("caller", "revoke", "edge")

    assert (ran.code, "answer 503 from now on" in ran.stderr) == (0, True)


async def test_nobody_revokes_the_key_in_hand(operator: Operator) -> None:
    assert "another administrator" in await operator.refused("caller", "revoke", "admin")


async def test_nothing_to_change_is_no_change(operator: Operator, acme: dict[str, Any]) -> None:
    assert "nothing to change" in await operator.refused("tenant", "update", acme["tenant"], exit_code=2)


async def test_a_peer_registers_and_its_token_is_fetched(operator: Operator, acme: dict[str, Any]) -> None:
    tenant, theirs = acme["tenant"], new_token()
    async with _registered(operator, tenant, theirs) as sender:
        peer = await operator.json("peer", "show", "kw", "--tenant", tenant)
        assert (peer["peer"], peer["tenant"], peer["state"]) == ("kw", tenant, "REGISTERED")
        assert (peer["version"], peer["parties"], peer["unconfirmed"]) == ("2.2.1", [PARTY], True)
        assert {"module", "role", "url"} == set(peer["endpoints"][0])
        assert peer["register_time"].endswith("Z")
        assert (await operator.json("peer", "list", "--tenant", tenant))["peers"] == [peer]

        (exchange,) = (await operator.json("peer", "exchanges", "kw", "--tenant", tenant))["exchanges"]
        assert (exchange["kind"], exchange["outcome"], exchange["reason"]) == ("POST", "SUCCEEDED", None)
        assert exchange["steps"]

        held = await operator.json("token", "get", "--tenant", tenant, "--peer", "kw")
        assert set(held) == {
            "peer", "token", "authorization", "version", "versions_url", "endpoint_url", "endpoints", "parties"
        }  # fmt: skip
        assert (held["token"], held["authorization"]) == (theirs, encoded(theirs))
        assert (held["peer"], held["endpoint_url"]) == ("kw", None)
        by_party = await operator.json("token", "get", "--tenant", tenant, "--party", "de/kwl", "--module", "locations")
        assert by_party["token"] == theirs
        assert by_party["endpoint_url"] in [endpoint["url"] for endpoint in held["endpoints"]]

        verdict = await operator.json("token", "verify", stdin=encoded(sender.token) + "\n")
        assert verdict == {
            "valid": True,
            "reason": None,
            "tenant": tenant,
            "peer": "kw",
            "parties": [PARTY],
            "version": "2.2.1",
            "registration_only": False,
        }


async def test_a_peer_is_blocked_unblocked_unregistered_and_invited_anew(
    operator: Operator, acme: dict[str, Any]
) -> None:
    tenant = acme["tenant"]
    of_tenant = ("kw", "--tenant", tenant)
    async with _registered(operator, tenant, new_token()) as sender:
        assert (await operator.json("peer", "block", *of_tenant))["blocked"] is True
        assert "[PEER_BLOCKED]" in await operator.refused("token", "get", "--tenant", tenant, "--peer", "kw")
        assert (await operator.json("token", "verify", stdin=encoded(sender.token)))["reason"] == "BLOCKED"

        assert (await operator.json("peer", "unblock", *of_tenant))["blocked"] is False
        assert (await operator.json("token", "verify", stdin=encoded(sender.token)))["valid"] is True

        assert (await operator.json("peer", "unregister", *of_tenant))["state"] == "UNREGISTERED"
        assert (await operator.json("token", "verify", stdin=encoded(sender.token)))["valid"] is False

        again = await operator.json("peer", "reset", *of_tenant, "--expires", "1h")
        assert set(again) == {"peer", "token", "authorization", "versions_url", "expires"}
        assert again["authorization"] == encoded(again["token"])
        invited = await operator.json("token", "verify", stdin=again["authorization"])
        assert (invited["valid"], invited["registration_only"]) == (True, True)
        elsewhere = await operator.json("token", "verify", "--module", "locations", stdin=again["authorization"])
        assert (elsewhere["valid"], elsewhere["reason"]) == (False, "REGISTRATION_ONLY")


@pytest.mark.parametrize(
    ("value", "reason"),
    [("", "MALFORMED"), ("Basic eDp5", "MALFORMED"), ("Token a b", "MALFORMED"),
     (encoded("nobody-has-this"), "UNKNOWN")],
)  # fmt: skip
async def test_a_token_that_is_not_good_is_an_answer(operator: Operator, value: str, reason: str) -> None:
    verdict = await operator.json("token", "verify", stdin=value)

    assert verdict["valid"] is False
    assert verdict["reason"] == reason
    assert (verdict["tenant"], verdict["peer"], verdict["version"]) == (None, None, None)


async def test_an_invitation_without_a_name_gets_one(operator: Operator, acme: dict[str, Any]) -> None:
    invitation = await operator.json(
        "peer", "invite", "--tenant", acme["tenant"], "--party", PARTY, "--party", "DE/KWL/CPO"
    )

    assert invitation["peer"].startswith("de-kwl")
    shown = await operator.json("peer", "show", invitation["peer"], "--tenant", acme["tenant"])
    assert shown["state"] == "INVITED"
    assert sorted(shown["terms"]["parties"]) == ["DE/KWL/CPO", PARTY]


async def test_a_service_with_its_own_key_sees_its_tenant_only(
    program: Program, operator: Operator, acme: dict[str, Any], tmp_path: Path
) -> None:
    tenant, theirs, name = acme["tenant"], new_token(), f"billing-{free_port()}"
    made = await operator.json("caller", "create", name, "--role", "reader", "--tenant", tenant)
    assert set(made) == {"caller", "key"}
    key_file = tmp_path / "billing.key"
    key_file.write_text(made["key"] + "\n")
    billing = Operator(env={"OCPI_BROKER_TARGET": program.ready["grpc"], "OCPI_BROKER_KEY_FILE": str(key_file)})

    async with _registered(operator, tenant, theirs):
        assert (await billing.json("token", "get", "--tenant", tenant, "--party", PARTY))["token"] == theirs
    assert "[PERMISSION_DENIED]" in await billing.refused("token", "get", "--tenant", "default", "--party", PARTY)
    assert "[PERMISSION_DENIED]" in await billing.refused("peer", "list", "--tenant", tenant)

    (listed,) = [row for row in (await operator.json("caller", "list"))["callers"] if row["caller"] == name]
    assert (listed["role"], listed["tenants"], listed["revoke_time"]) == ("reader", [tenant], None)
    assert (await operator.json("caller", "revoke", name))["revoke_time"] is not None
    assert "[CALLER_UNAUTHENTICATED]" in await billing.refused("token", "get", "--tenant", tenant, "--party", PARTY)


async def test_a_refusal_names_the_fields(operator: Operator) -> None:
    said = await operator.refused("tenant", "create", "2.2.1")

    assert "tenant_id: " in said
    assert "tenant.parties: " in said
    assert "[INVALID_ARGUMENT]" in said


async def test_doctor_fails_while_anything_is_wrong(operator: Operator) -> None:
    ran = await operator.run("doctor", "--json")

    assert ran.code == 1
    found = json.loads(ran.stdout)
    assert found["ok"] is False
    assert found["insecure_peers"] is True
    assert {"subject", "ok", "finding"} == set(found["checks"][0])


async def test_text_for_people_is_not_json(operator: Operator, acme: dict[str, Any]) -> None:
    for words in (["tenant", "list"], ["tenant", "show", acme["tenant"]], ["caller", "list"]):
        ran = await operator.run(*words)
        assert (ran.code, ran.stderr) == (0, "")
        assert not ran.stdout.startswith("{")
        assert ("admin" if "caller" in words else acme["tenant"]) in ran.stdout


async def test_broker_and_gateway_run_apart_with_tls(tmp_path: Path) -> None:
    data, grpc = tmp_path / "data", f"127.0.0.1:{free_port()}"
    made = (await cli("certificate", "--host", "broker.example", "--data-dir", str(data), "--json")).json
    assert made["hosts"] == ["broker.example", "localhost", "127.0.0.1", "::1"]
    assert _mode(Path(made["key"])) == 0o600
    assert (await cli("certificate", "--host", "broker.example", "--data-dir", str(data))).code == 1
    serve = [
        "serve", "--data-dir", str(data), "--grpc", grpc, "--public-url", "https://ocpi.example",
        "--tls-cert", made["certificate"], "--tls-key", made["key"],
    ]  # fmt: skip
    early = await cli(*serve)
    assert (early.code, early.stdout) == (1, "")
    assert f"run: ocpi-broker db upgrade --data-dir {data}\n" in early.stderr
    upgraded = (await cli("db", "upgrade", "--data-dir", str(data), "--json")).json
    assert upgraded["before"] is None
    assert upgraded["changed"] is True
    assert (await cli("db", "upgrade", "--data-dir", str(data), "--json")).json["changed"] is False

    async with _running(Program(serve, tmp_path / "serve.log")) as broker:
        assert broker.ready == {"event": "ready", "grpc": grpc}
        operator = Operator("--data-dir", str(data), env={"OCPI_BROKER_CA_FILE": made["certificate"]})
        invitation = await operator.json("peer", "invite", "--any-party")
        assert invitation["versions_url"] == "https://ocpi.example/ocpi/versions"
        remembered = await Operator(env={"OCPI_BROKER_DATA_DIR": str(data)}).json("peer", "list")
        assert [peer["state"] for peer in remembered["peers"]] == ["INVITED"]
        foreign = {"OCPI_BROKER_CA_FILE": await _foreign(tmp_path)}
        said = await Operator("--data-dir", str(data), env=foreign).run("peer", "list", "--json")
        assert (said.code, "shows a certificate that is not trusted here" in said.stderr) == (1, True), said

        gateway = [
            "gateway", "--broker", grpc, "--key-file", str(data / "gateway.key"), "--http", "127.0.0.1:0",
            "--ca-file", made["certificate"],
        ]  # fmt: skip
        async with _running(Program(gateway, tmp_path / "gateway.log")) as front:
            async with httpx.AsyncClient(trust_env=False) as client:
                url = f"http://{front.ready['http']}/ocpi/versions"
                answer = await client.get(url, headers={"Authorization": invitation["authorization"]})
            assert answer.json()["data"] == [{"version": "2.2.1", "url": "https://ocpi.example/ocpi/2.2.1"}]
            assert await front.stop() == 0
        assert await broker.stop() == 0


async def _foreign(folder: Path) -> str:
    """The certificate of another broker."""
    made = await cli("certificate", "--host", "other.example", "--data-dir", str(folder / "other"), "--json")
    return str(made.json["certificate"])


async def test_without_tls_nothing_is_remembered_to_be_trusted(tmp_path: Path) -> None:
    """A certificate left by an earlier start would have commands ask a broker without TLS for it."""
    program = process.up(tmp_path)
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "ca.crt").write_text("-----BEGIN CERTIFICATE-----")
    async with _running(program):
        assert (await Operator("--data-dir", str(tmp_path / "data")).json("tenant", "list"))["tenants"]


async def test_a_gateway_does_not_send_its_key_in_the_clear(tmp_path: Path) -> None:
    key_file = tmp_path / "gateway.key"
    key_file.write_text("key\n")

    ran = await cli("gateway", "--broker", "broker.example:50051", "--key-file", str(key_file), "--http", "127.0.0.1:0")

    assert (ran.code, ran.stdout) == (2, "")
    assert "give the CA file" in ran.stderr


async def test_the_demo_shows_both_directions_and_a_rotation_and_stops(tmp_path: Path) -> None:
    said = ""
    async with _trial(tmp_path, "demo") as running:
        async with asyncio.timeout(60):
            said = (await running.stdout.read()).decode()
        assert await running.wait() == 0

    assert "Kabelwerk → POST http://127.0.0.1:" in said
    assert said.count("our side calls back: GET") == 2
    assert "it is the token that Kabelwerk sent" in said
    assert "Lumen Hub → POST http://127.0.0.1:" in said
    assert "Lumen Hub → PUT http://127.0.0.1:" in said
    assert said.count("Windrose calls back:") == 2
    assert said.count("windrose is registered with OCPI 2.2.1") == 2
    assert re.search(r"Lumen Hub shows Windrose  win-\w\w… before, win-\w\w… now", said)
    assert said.endswith("Done, and everything is stopped.\n")
    assert not re.search(r"(ocpi|kwl|win)-[0-9A-Za-z]{3}", said), "a token is shown whole"


async def test_the_trial_prints_an_invitation_that_opens_our_versions(tmp_path: Path) -> None:
    async with _trial(tmp_path, "run", "--data-dir", "var") as running:
        async with asyncio.timeout(60):
            said = (await running.stdout.readuntil(b"Ctrl-C stops it.")).decode()
        authorization = said.partition("curl -H 'Authorization: ")[2].partition("'")[0]
        url = said.partition("Versions URL for peers")[2].split()[0]
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(url, headers={"Authorization": authorization})
        running.send_signal(signal.SIGINT)

        assert answer.json()["data"][0]["version"] == "2.2.1"
        assert "peer list --tenant default --data-dir var" in said
        assert await running.wait() == 0


@asynccontextmanager
async def _trial(folder: Path, *words: str) -> AsyncIterator[Any]:
    """What `make run` and `make demo` start, in a folder of its own."""
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "broker.cli.demo",
        *words,
        cwd=folder,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
