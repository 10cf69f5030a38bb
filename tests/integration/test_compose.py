"""docker-compose.yml, read as Compose would read it: several brokers fit, drains have their time, the trial works."""

import asyncio
import fnmatch
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker.rpc.guard import EXCHANGE_SECONDS
from gateway.config import GatewaySettings
from gateway.server import _DRAIN
from tests import database as databases
from tests import postgres
from tests.ports import free_port
from tests.process import Operator, Program, cli, environment

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", TEXT))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if name != "postgres"}


def seconds(text: str) -> int:
    assert text.endswith("s"), text
    return int(text[:-1])


def option(service: str, name: str) -> str:
    """What an option of the service's command says."""
    command = SERVICES[service]["command"]
    return str(command[command.index(name) + 1])


def test_volumes_and_services_that_are_named_are_there() -> None:
    mounted = {volume.split(":")[0] for one in SERVICES.values() for volume in one.get("volumes", [])}

    assert mounted == set(COMPOSE["volumes"])
    assert {name for one in SERVICES.values() for name in one.get("depends_on", {})} <= set(SERVICES)


def test_who_is_waited_for_says_when_it_is_ready() -> None:
    waited = {
        name
        for one in SERVICES.values()
        for name, how in one.get("depends_on", {}).items()
        if how["condition"] == "service_healthy"
    }

    assert waited
    assert [name for name in waited if "healthcheck" not in SERVICES[name]] == []


def test_several_brokers_share_a_machine() -> None:
    """docker compose up --scale broker=3"""
    broker = SERVICES["broker"]

    assert [one for one in SERVICES.values() if "container_name" in one or "hostname" in one] == []
    assert [port for port in broker["ports"] if not isinstance(port, dict) or "published" in port] == []
    assert {port["host_ip"] for port in broker["ports"]} == {"127.0.0.1"}
    assert option("gateway", "--broker") == "dns:///broker:50051"  # every address of the name
    assert broker["environment"]["OCPI_BROKER_DATABASE_URL"].startswith("postgresql://")
    assert broker["volumes"] == ["keys:/data"]  # all of them have the same keys


def test_nothing_is_killed_while_it_finishes_what_is_under_way() -> None:
    assert seconds(SERVICES["broker"]["stop_grace_period"]) > max(EXCHANGE_SECONDS, 90)
    assert seconds(SERVICES["gateway"]["stop_grace_period"]) > _DRAIN


def test_proxies_are_ones_that_the_gateway_takes() -> None:
    proxies = option("gateway", "--trusted-proxies")

    assert GatewaySettings("0.0.0.0", 1, "127.0.0.1:1", "key", None, proxies).trusted_proxies == proxies


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_no_rights(name: str) -> None:
    one = OURS[name]

    assert (one["read_only"], one["cap_drop"], one["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])


@pytest.mark.parametrize("name", [name for name, one in OURS.items() if "healthcheck" in one])
def test_the_code_of_a_health_check_can_be_read(name: str) -> None:
    *_, code = SERVICES[name]["healthcheck"]["test"]

    compile(code, name, "exec")


def test_the_trial_is_apart_from_all_else() -> None:
    trial = {name for name, one in SERVICES.items() if one.get("profiles") == ["trial"]}

    assert trial == {"trial", "mock-peer"}
    assert [name for name in trial if "ports" in SERVICES[name]] == []
    assert {name for one in trial for name in SERVICES[one].get("depends_on", {})} <= trial
    others = [one for name, one in SERVICES.items() if name not in trial]
    assert not trial & {name for one in others for name in one.get("depends_on", {})}
    assert not {"trial:/data"} & {volume for one in others for volume in one.get("volumes", [])}
    # Without a network of its own the mock peer is on the loopback that the trial admits.
    assert SERVICES["mock-peer"]["network_mode"] == "service:trial"


@asynccontextmanager
async def _running(name: str, folder: Path, *more: str) -> AsyncIterator[Program]:
    """The service's command, in this folder and on free ports."""
    words = [word.replace("/data", str(folder / "data")) for word in SERVICES[name]["command"]]
    words = [f"127.0.0.1:{free_port()}" if word == "127.0.0.1:9000" else word for word in words]
    program = Program([*words, *more], folder / f"{name}.log")
    await program.start()
    try:
        yield program
    finally:
        await program.kill()


async def test_what_the_trial_starts_can_be_connected(tmp_path: Path) -> None:
    ports = ["--grpc", f"127.0.0.1:{free_port()}", "--http", f"127.0.0.1:{free_port()}"]
    async with _running("trial", tmp_path, *ports), _running("mock-peer", tmp_path) as peer:
        operator = Operator(env={"OCPI_BROKER_DATA_DIR": str(tmp_path / "data")})
        connect = ["peer", "connect", "kabelwerk", "--versions-url", peer.ready["versions_url"], "--token-stdin"]

        connected = await operator.json(*connect, stdin=peer.ready["token"])

    assert connected["state"] == "REGISTERED"


async def test_the_health_check_of_the_trial_is_what_it_says(tmp_path: Path) -> None:
    """Alike for broker and trial."""
    health = f"127.0.0.1:{free_port()}"
    *_, code = SERVICES["trial"]["healthcheck"]["test"]
    check = code.replace('"127.0.0.1", 9464', f'"127.0.0.1", {health.rpartition(":")[2]}')
    ports = ["--grpc", f"127.0.0.1:{free_port()}", "--http", f"127.0.0.1:{free_port()}"]
    async with _running("trial", tmp_path, *ports, "--health", health):
        healthy = subprocess.run([sys.executable, "-c", check], env=environment(), check=False).returncode  # noqa: ASYNC221
    gone = subprocess.run([sys.executable, "-c", check], env=environment(), check=False, capture_output=True)  # noqa: ASYNC221

    assert SERVICES["broker"]["healthcheck"]["test"][-1] == code
    assert (healthy, gone.returncode) == (0, 1)


async def test_several_brokers_may_start_at_once_over_new_keys(
    tmp_path: Path, postgres_server: postgres.Server
) -> None:
    """As --scale starts them: the same folder, the same database, and nothing there yet."""
    data = tmp_path / "data"
    made = await cli("certificate", "--host", "broker", "--data-dir", str(data), "--json")
    with databases.fresh("postgresql", tmp_path, postgres_server) as database:
        env = environment(OCPI_BROKER_DATABASE_URL=database.url)
        words = [word.replace("/data", str(data)) for word in SERVICES["broker"]["command"]]
        words[words.index("0.0.0.0:50051")] = "127.0.0.1:0"
        brokers = [Program(words, tmp_path / f"{number}.log", env) for number in range(3)]
        try:
            ready = await asyncio.gather(*(broker.start() for broker in brokers))
            listed = await Operator("--data-dir", str(data)).json("caller", "list")
            trust = {"OCPI_BROKER_CA_FILE": made.json["certificate"], "OCPI_BROKER_KEY_FILE": str(data / "admin.key")}
            answers = [
                await Operator(env={**trust, "OCPI_BROKER_TARGET": one["grpc"]}).json("tenant", "list") for one in ready
            ]
        finally:
            for broker in brokers:
                await broker.kill()

    assert {caller["caller"] for caller in listed["callers"]} == {"admin", "gateway"}
    assert answers[0] == answers[1] == answers[2]


SECRETS = [
    "billing.key", "admin.key", "gateway.key", "tls.key", "keys.json", "invitation.json", "billing.json", "token.txt",
    ".env",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
def test_files_with_secrets_are_not_for_the_repository(name: str) -> None:
    patterns = [line for line in (ROOT / ".gitignore").read_text().splitlines() if line and line[0] not in "#/"]

    assert any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def test_what_the_readme_writes_is_its_owners_alone_and_ignored() -> None:
    text = (ROOT / "README.md").read_text()
    written = re.findall(r"^\$ .*(?:> |\| tee )([a-z.]+)$", text, re.MULTILINE)

    assert set(written) == {"invitation.json", "billing.json", "billing.key"}
    assert set(written) <= set(SECRETS)
    assert text.index("$ umask 077") < min(text.index(f" {name}") for name in written)
