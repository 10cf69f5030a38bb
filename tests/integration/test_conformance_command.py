"""ocpi-broker conformance as operators type it, against a broker of ours."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests import process
from tests.process import Program, Ran, cli

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def program(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    """`ocpi-broker up`, shared by these tests."""
    running = process.up(tmp_path_factory.mktemp("checked"))
    await running.start()
    try:
        yield running
    finally:
        await running.kill()


@pytest.fixture
async def invitation(program: Program) -> Any:
    """For the party that the checker announces."""
    location = ("--data-dir", str(Path(program.arguments[2])))
    listed = (await cli("peer", "list", "--json", *location)).json["peers"]
    name = f"checker-{len(listed)}"
    return (await cli("peer", "invite", name, "--party", "DE/OCB/EMSP", "--json", *location)).json


async def checked(invitation: Any, *words: str) -> Ran:
    url = invitation["versions_url"]
    return await cli("conformance", "--versions-url", url, "--token-stdin", *words, stdin=invitation["token"] + "\n")


async def test_our_own_platform_does_not_deviate(invitation: Any) -> None:
    ran = await checked(invitation, "--json")

    assert ran.code == 0, ran.stdout
    assert (ran.json["deviates"], ran.json["warning"]) == (0, None)
    assert ran.json["passed"] > 80
    assert invitation["token"] not in ran.stdout + ran.stderr


async def test_an_invitation_for_others_is_said_in_the_first_line(invitation: Any) -> None:
    """With the words of the platform, and what to do."""
    ran = await checked(invitation, "--party", "NL/RJS/EMSP")

    assert ran.stdout.startswith("The invitation seems to be for other parties than NL/RJS/EMSP: ")
    first = ran.stdout.partition("\n\n")[0]
    assert "OCPI 2001" in first
    assert "--party" in first

    again = json.loads((await checked(invitation, "--party", "NL/RJS/EMSP", "--json")).stdout)
    assert again["warning"].startswith("The invitation seems to be for other parties than NL/RJS/EMSP: ")


async def test_a_deviation_is_exit_code_1_and_shown_without_tokens(invitation: Any) -> None:
    ran = await checked(invitation, "--party", "NL/RJS/EMSP")

    assert ran.code == 1
    assert "expected HTTP 200 with OCPI 1000, got HTTP 200 with OCPI 2001" in ran.stdout
    assert "2 deviated" in ran.stdout
    assert "Authorization: Token <the invitation's token in Base64>" in ran.stdout
    assert invitation["token"] not in ran.stdout + ran.stderr
    assert invitation["authorization"].split()[1] not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--versions-url", "https://ocpi.example.com/versions", "--token-stdin"], "--allow-remote"),
        (["--versions-url", "http://127.0.0.1:9/versions"], "--token-stdin"),
        (["--versions-url", "http://127.0.0.1:9/versions", "--token-stdin", "--listen", "0.0.0.0:0"], "--allow-remote"),
    ],
)
async def test_a_wrong_command_line_is_exit_code_2(words: list[str], said: str) -> None:
    ran = await cli("conformance", *words, stdin="a-token")

    assert ran.code == 2
    assert said in ran.stderr
    assert ran.stdout == ""


async def test_nobody_there_is_said_in_one_sentence() -> None:
    ran = await cli(
        "conformance", "--versions-url", "http://127.0.0.1:9/versions", "--token-stdin", "--json", stdin="a-token"
    )

    assert ran.code == 1
    assert ran.stdout == ""
    assert "no answer" in ran.stderr


async def test_a_token_that_is_not_known_is_said_in_one_sentence(invitation: Any) -> None:
    ran = await checked({**invitation, "token": "not-the-token-at-all"})

    assert ran.code == 1
    assert "cannot be read with this token: HTTP 401" in ran.stderr
    assert json.dumps(ran.stdout) == '""'
