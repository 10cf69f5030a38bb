"""ocpi-broker peer connect and what follows it, as operators type it: two tenants of one deployment are each other's
peers, so both ends of every exchange can be looked at."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from broker.tools.mock_peer.platform import mock_peer
from tests import process
from tests.peer import Sender, encoded, new_party, platform_running, role
from tests.ports import free_port
from tests.process import PROGRAM, Operator, Program, Ran, environment

pytestmark = pytest.mark.anyio

OFFERED = ("2.2.1", "2.3.0")


@pytest.fixture(scope="module")
async def program(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    """`ocpi-broker up`, shared by tests, each of which makes tenants of its own."""
    running = process.up(tmp_path_factory.mktemp("connect"))
    await running.start()
    try:
        yield running
    finally:
        await running.kill()


@pytest.fixture
def operator(program: Program) -> Operator:
    return Operator("--data-dir", str(program.arguments[2]))


@dataclass(frozen=True, slots=True)
class Side:
    """One tenant, and what it calls the other one."""

    operator: Operator
    tenant: str
    party: str
    peer: str

    async def run(self, *words: str, stdin: str = "") -> Ran:
        return await self.operator.run(*words, "--tenant", self.tenant, stdin=stdin)

    async def json(self, *words: str, stdin: str = "") -> Any:
        return await self.operator.json(*words, "--tenant", self.tenant, stdin=stdin)

    async def shown(self) -> Any:
        return await self.json("peer", "show", self.peer)

    async def held(self) -> str:
        return str((await self.json("token", "get", "--peer", self.peer))["token"])

    async def accepts(self, token: str) -> bool:
        verdict = await self.json("token", "verify", "--module", "locations", stdin=encoded(token))
        return bool(verdict["valid"])

    async def fails(self, *words: str, stdin: str = "") -> tuple[str, Any]:
        """What is said about it at last, in one line, and the peer with its job."""
        ran = await self.run(*words, "--json", stdin=stdin)
        assert ran.code == 1, ran
        said = ran.stderr.splitlines()[-1]
        assert said.startswith("error: ")
        return said, json.loads(ran.stdout)


async def _tenant(operator: Operator, kind: str, peer: str, versions: tuple[str, ...]) -> Side:
    name, party = f"{kind.lower()}-{free_port()}", new_party(kind)
    offered = [word for version in versions for word in ("--version", version)]
    await operator.json("tenant", "create", name, "--party", f"{party}={name}", *offered)
    return Side(operator, name, party, peer)


@dataclass(frozen=True, slots=True)
class Pair:
    """host invites, guest connects."""

    host: Side
    guest: Side

    async def invite(self) -> Any:
        return await self.host.json("peer", "invite", self.host.peer, "--party", self.guest.party)

    async def connect(self, *more: str) -> Ran:
        invitation = await self.invite()
        words = ["peer", "connect", self.guest.peer, "--versions-url", invitation["versions_url"], "--token-stdin"]
        return await self.guest.run(*words, *more, stdin=invitation["token"] + "\n")

    async def connected(self, *more: str) -> Any:
        return (await self.connect("--json", *more)).json

    async def in_use(self) -> tuple[str, str]:
        """The token that each of them shows to the other; each works."""
        tokens = await self.host.held(), await self.guest.held()
        assert await self.guest.accepts(tokens[0])
        assert await self.host.accepts(tokens[1])
        return tokens


@pytest.fixture
async def pair(operator: Operator) -> Pair:
    host = await _tenant(operator, "CPO", "guest", OFFERED)
    return Pair(host, await _tenant(operator, "EMSP", "host", OFFERED))


async def _soon(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while True:
            if await true():
                return
            await asyncio.sleep(0.1)


async def test_who_was_invited_connects_and_sees_each_step(pair: Pair) -> None:
    ran = await pair.connect("--json")

    peer = ran.json
    assert (peer["peer"], peer["state"], peer["version"], peer["job"]) == ("host", "REGISTERED", "2.3.0", None)
    assert (peer["parties"], peer["quarantined"]) == ([pair.host.party], False)
    lines = ran.stderr.splitlines()
    assert [line for line in lines if line.startswith("GET ") and "/versions: offers" in line]
    assert [line for line in lines if line.startswith("POST ") and "/2.3.0/credentials" in line]
    theirs = await pair.host.shown()
    assert (theirs["state"], theirs["parties"], theirs["version"]) == ("REGISTERED", [pair.guest.party], "2.3.0")
    tokens = await pair.in_use()
    assert not [token for token in tokens if token in ran.stdout + ran.stderr]


async def test_both_directions_are_on_record(pair: Pair) -> None:
    await pair.connected()

    for side, direction in ((pair.guest, "OUTBOUND"), (pair.host, "INBOUND")):
        found = (await side.json("peer", "exchanges", side.peer))["exchanges"]
        assert [(one["kind"], one["direction"], one["outcome"]) for one in found] == [("POST", direction, "SUCCEEDED")]


async def test_without_json_the_peer_is_shown_as_peer_show_does(pair: Pair) -> None:
    ran = await pair.connect()

    assert ran.code == 0, ran
    lines = dict(line.split(maxsplit=1) for line in ran.stdout.splitlines() if line.startswith(("peer ", "state ")))
    assert lines == {"peer": "host", "state": "REGISTERED"}


async def test_a_version_can_be_chosen(pair: Pair) -> None:
    assert (await pair.connected("--version", "2.2.1"))["version"] == "2.2.1"


async def test_a_wrong_token_is_said_at_once(pair: Pair) -> None:
    invitation = await pair.invite()
    words = ["peer", "connect", "host", "--versions-url", invitation["versions_url"], "--token-stdin"]

    said, peer = await pair.guest.fails(*words, stdin="not-the-token")

    assert "[PEER_REJECTED_TOKEN]" in said
    assert (peer["state"], peer["job"]["state"]) == ("CONNECTING", "FAILED")
    assert peer["job"]["last_error"]["reason"] == "PEER_REJECTED_TOKEN"
    assert peer["job"]["advice"] in said
    assert "not-the-token" not in said


async def test_a_token_that_the_peer_gives_and_does_not_take_is_no_success(pair: Pair) -> None:
    async with mock_peer(versions=["2.2.1"], faults=["forget"]) as peer:
        words = ["peer", "connect", "forgetful", "--versions-url", peer.versions_url, "--token-stdin"]

        ran = await pair.guest.run(*words, stdin=peer.token)

    assert ran.code == 3, ran
    last = ran.stderr.splitlines()[-1]
    assert "forgetful has exchanged tokens with us, but the token that the peer announced" in last
    assert "HTTP 401" in last
    assert last.endswith("and connect again")


async def test_after_a_failure_the_command_goes_on(pair: Pair) -> None:
    invitation = await pair.invite()
    words = ["peer", "connect", "host", "--versions-url", invitation["versions_url"], "--token-stdin"]
    await pair.guest.fails(*words, stdin="not-the-token")

    assert (await pair.guest.json(*words, stdin=invitation["token"]))["state"] == "REGISTERED"


async def test_a_peer_that_cannot_be_reached_is_tried_again_later(pair: Pair) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/ocpi/versions"
    words = ["peer", "connect", "host", "--versions-url", nowhere, "--token-stdin", "--timeout", "10s"]

    said, peer = await pair.guest.fails(*words, stdin="token")

    assert "next attempt in" in said
    assert f"see `ocpi-broker peer show host --tenant {pair.guest.tenant}`" in said
    assert (peer["job"]["state"], peer["job"]["last_error"]["reason"]) == ("WAITING", "PEER_UNUSABLE")
    assert peer["job"]["next_attempt_time"] is not None


async def test_a_version_that_only_we_have_is_no_version(operator: Operator) -> None:
    host = await _tenant(operator, "CPO", "guest", ("2.2.1",))
    pair = Pair(host, await _tenant(operator, "EMSP", "host", OFFERED))
    invitation = await pair.invite()
    words = ["peer", "connect", "host", "--versions-url", invitation["versions_url"], "--token-stdin"]

    said, peer = await pair.guest.fails(*words, "--version", "2.3.0", stdin=invitation["token"])

    assert "[PEER_VERSION_UNSUPPORTED]" in said
    assert peer["job"]["state"] == "FAILED"
    assert (await pair.host.shown())["state"] == "INVITED"


@pytest.mark.parametrize("version", ["2.1.1", "9.9"])
async def test_a_version_that_we_do_not_offer_is_refused_before_anybody_is_called(pair: Pair, version: str) -> None:
    invitation = await pair.invite()
    words = ["peer", "connect", "host", "--versions-url", invitation["versions_url"], "--token-stdin"]

    ran = await pair.guest.run(*words, "--version", version, "--json", stdin=invitation["token"])

    assert (ran.code, ran.stdout) == (1, "")
    assert re.fullmatch(r"error: .*\[(INVALID_ARGUMENT|VERSION_NOT_OFFERED)\]\n", ran.stderr)
    assert (await pair.guest.json("peer", "list"))["peers"] == []


async def test_who_does_not_wait_leaves_and_it_goes_on(pair: Pair) -> None:
    peer = await pair.connected("--no-wait")

    assert peer["job"] is None or peer["job"]["kind"] == "POST"

    async def registered() -> bool:
        shown = await pair.guest.shown()
        return (shown["state"], shown["job"]) == ("REGISTERED", None)

    await _soon(registered)


async def test_rotation_renews_the_tokens_of_both(pair: Pair) -> None:
    before = await pair.connected()
    old = await pair.in_use()

    ran = await pair.guest.run("peer", "rotate", "host", "--json")

    assert (ran.json["state"], ran.json["job"]) == ("REGISTERED", None)
    assert ran.json["token_time"] > before["token_time"]
    assert [line for line in ran.stderr.splitlines() if line.startswith("PUT ")]
    new = await pair.in_use()
    assert not set(new) & set(old)
    assert not await pair.guest.accepts(old[0])
    assert not await pair.host.accepts(old[1])


async def test_the_oldest_tokens_come_first(pair: Pair) -> None:
    await pair.connected()
    second = await _tenant(pair.guest.operator, "CPO", "guest", OFFERED)
    await Pair(second, Side(pair.guest.operator, pair.guest.tenant, pair.guest.party, "another")).connected()
    await pair.guest.json("peer", "rotate", "host")

    listed = (await pair.guest.json("peer", "list", "--by-age"))["peers"]
    text = (await pair.guest.run("peer", "list", "--by-age")).stdout

    assert [peer["peer"] for peer in listed] == ["another", "host"]
    assert re.search(r"^another +REGISTERED +2\.3\.0 +\d+[sm] +in \d+d ", text, re.MULTILINE)


async def test_the_version_is_switched_for_both(pair: Pair) -> None:
    await pair.connected("--version", "2.2.1")

    switched = await pair.guest.json("peer", "switch-version", "host", "2.3.0")

    assert (switched["version"], switched["job"]) == ("2.3.0", None)
    assert (await pair.host.shown())["version"] == "2.3.0"
    await pair.in_use()


async def test_revoked_tokens_are_dead_and_new_ones_work(pair: Pair) -> None:
    await pair.connected()
    old = await pair.in_use()

    revoked = await pair.guest.json("peer", "revoke", "host")

    assert (revoked["state"], revoked["job"]) == ("REGISTERED", None)
    assert not await pair.guest.accepts(old[0])
    assert not set(await pair.in_use()) & set(old)


async def test_unregistering_ends_it_for_both(pair: Pair) -> None:
    await pair.connected()
    tokens = await pair.in_use()

    ended = await pair.guest.json("peer", "unregister", "host")

    assert (ended["state"], ended["job"]) == ("UNREGISTERED", None)
    assert (await pair.host.shown())["state"] == "UNREGISTERED"
    assert not await pair.guest.accepts(tokens[0])
    assert not await pair.host.accepts(tokens[1])


async def test_a_peer_that_is_gone_is_unregistered_by_force(pair: Pair) -> None:
    host = pair.host
    invitation = await pair.invite()
    async with platform_running() as platform, httpx.AsyncClient(trust_env=False, timeout=60) as client:
        platform.version = "2.2.1"
        roles = [role(pair.guest.party)]
        await Sender(client, invitation["versions_url"], invitation["token"], platform, roles).register()

    said, peer = await host.fails("peer", "unregister", "guest", "--timeout", "10s")
    assert "next attempt in" in said
    assert (peer["state"], peer["job"]["kind"]) == ("REGISTERED", "DELETE")

    forced = await host.run("peer", "unregister", "guest", "--force", "--json")
    assert forced.json["state"] == "UNREGISTERED"
    assert forced.json["job"]["advice"] == "tell the peer that the registration has ended"
    assert "was not told" in forced.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "words",
    [["rotate", "host"], ["switch-version", "host", "2.2.1"], ["revoke", "host"], ["unregister", "host"]],
    ids=lambda words: words[0],
)
async def test_nothing_is_asked_of_a_peer_that_is_not_there(pair: Pair, words: list[str]) -> None:
    ran = await pair.guest.run("peer", *words, "--json")

    assert (ran.code, ran.stdout) == (1, "")
    assert "[NOT_FOUND]" in ran.stderr


@asynccontextmanager
async def _silent() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A version list that never answers, and the event that somebody has asked for it."""
    reached, over = asyncio.Event(), asyncio.Event()
    asked: list[asyncio.Task[None] | None] = []

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(asyncio.current_task())
        reached.set()
        await over.wait()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/versions", reached
    finally:
        server.close()
        over.set()
        await asyncio.gather(*(task for task in asked if task is not None))


async def test_ctrl_c_leaves_the_job_alone(pair: Pair, program: Program) -> None:
    place = ["--tenant", pair.guest.tenant, "--data-dir", str(program.arguments[2])]
    async with _silent() as (url, reached):
        command = await asyncio.create_subprocess_exec(
            PROGRAM, "peer", "connect", "host", "--versions-url", url, "--token-stdin", *place,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(),
        )  # fmt: skip
        assert command.stdin is not None
        command.stdin.write(b"token")
        command.stdin.close()
        async with asyncio.timeout(60):
            await reached.wait()
            command.send_signal(signal.SIGINT)
            stdout, stderr = await command.communicate()

        assert (command.returncode, stdout) == (130, b"")
        assert b"goes on without you" in stderr
        assert (await pair.guest.shown())["job"]["kind"] == "POST"


async def test_the_rotation_period_is_part_of_the_policy(operator: Operator, pair: Pair) -> None:
    name = pair.guest.tenant
    assert (await operator.json("tenant", "show", name))["policy"]["rotation_period"] == "30d"

    assert (await operator.json("tenant", "update", name, "--rotation-period", "7d"))["policy"][
        "rotation_period"
    ] == "7d"
    off = await operator.json("tenant", "update", name, "--rotation-period", "never")
    assert off["policy"]["rotation_period"] == "0s"


async def test_the_peer_is_only_who_it_may_be(pair: Pair, tmp_path: Path) -> None:
    ran = await pair.connect("--json", "--party", new_party("CPO"))
    peer = json.loads(ran.stdout)

    assert (ran.code, peer["state"], peer["quarantined"]) == (3, "REGISTERED", True)
    last = ran.stderr.splitlines()[-1]
    assert last.startswith("error: host has exchanged tokens with us and is in quarantine")
    assert f"it announced {pair.host.party}" in last
    assert peer["requested_parties"] == [pair.host.party]
    refused = await pair.guest.run("token", "get", "--peer", "host", "--module", "locations", "--json")
    assert refused.code == 1

    await pair.guest.json("peer", "approve", "host", "--party", pair.host.party)
    approved = await pair.guest.json("peer", "rotate", "host")
    assert (approved["quarantined"], approved["parties"]) == (False, [pair.host.party])
    again = await pair.guest.run("peer", "approve", "host", "--all", "--json")
    assert (again.code, again.stdout) == (1, "")
    assert "host is registered, not quarantined, and has asked for no parties" in again.stderr
