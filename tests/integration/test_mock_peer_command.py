"""ocpi-broker mock-peer as users run it: lines in, lines out, until it is told to stop."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from broker.ocpi import DIALECTS
from broker.tools.mock_peer.faults import CATALOGUE
from broker.tools.mock_peer.platform import mock_peer
from tests.process import PROGRAM, cli, environment

pytestmark = pytest.mark.anyio

PATIENCE = 60
NOT_MADE = {
    "a_party_outside_the_invitation_is_2001",
    "a_party_outside_the_invitation_is_2001_at_put",
    "the_old_token_lives_until_the_new_one_is_used",
}
"""Checks that a mock peer without options gives no occasion for: anybody may register, and it is strict."""


@dataclass(slots=True)
class Running:
    """The program, after its first line."""

    process: asyncio.subprocess.Process
    ready: dict[str, Any]

    async def line(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(await asyncio.wait_for(self.process.stdout.readline(), PATIENCE))

    async def until(self, event: str) -> Any:
        """The next line with this event."""
        while (document := await self.line())["event"] != event:
            pass
        return document

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())


@asynccontextmanager
async def running(*words: str) -> AsyncIterator[Running]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "mock-peer", *words, stdin=pipe, stdout=pipe, env=environment()
    )
    one = Running(process, {})
    try:
        one.ready = await one.line()
        yield one
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_our_own_checker_finds_no_deviation_in_any_version() -> None:
    """As it is started without options but for the versions: strict, with both programs as users run them."""
    async with running(*(word for version in DIALECTS for word in ("--version", version))) as program:
        invitation = program.ready
        for version in DIALECTS:
            ran = await cli(
                *("conformance", "--versions-url", invitation["versions_url"], "--token-stdin", "--json"),
                *("--version", version),
                stdin=invitation["token"],
            )
            assert ran.code == 0, ran.stdout
            assert ran.json["version"] == version
            assert (ran.json["deviates"], ran.json["warning"]) == (0, None)
            assert {check["check"]: check["why"] for check in ran.json["checks"] if check["why"]}.keys() <= NOT_MADE
            program.tell("invite")
            invitation = await program.until("invitation")


async def test_it_says_where_it_is_serves_obeys_and_stops() -> None:
    async with (
        running("--version", "2.1.1", "--fault", "slow:0.1*1") as program,
        mock_peer(versions=["2.1.1"]) as other,
    ):
        assert set(program.ready) == {"event", "versions_url", "token"}

        await other.register(program.ready["versions_url"], program.ready["token"])
        assert (await program.until("exchange"))["role"] == "Receiver"
        program.tell("rotate")
        told = await program.until("exchange")
        assert (told["role"], told["method"], told["outcome"]) == ("Sender", "PUT", "done")
        program.tell("state")
        assert (await program.until("state"))["version"] == "2.1.1"

        assert program.process.stdin is not None
        program.process.stdin.close()
        await other.rotate()

        program.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(program.process.wait(), PATIENCE) == 0


async def test_without_allow_remote_it_calls_nobody_beyond_this_machine() -> None:
    async with running() as program:
        program.tell("register https://ocpi.example.com/versions a-token-that-is-long-enough-to-be-one")
        told = await program.until("exchange")

    assert (told["outcome"], told["note"]) == ("failed", "the URL of versions is not on this machine")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--listen", "0.0.0.0:0"], "--allow-remote"),
        (["--fault", "nonsense"], "there is no fault"),
        (["--version", "2.1"], "versions are of"),
        (["--header", "hex"], "must be raw or base64"),
        (["--party", "DE"], "CC/PID/ROLE"),
    ],
)
async def test_a_wrong_command_line_is_exit_code_2(words: list[str], said: str) -> None:
    ran = await cli("mock-peer", *words)

    assert ran.code == 2
    assert said in ran.stderr
    assert ran.stdout == ""


async def test_all_faults_are_listed() -> None:
    ran = await cli("mock-peer", "--list-faults")

    listed = [line.split()[0] for line in ran.stdout.splitlines()[1:]]
    assert listed == [kind.form for kind in CATALOGUE.values()]
