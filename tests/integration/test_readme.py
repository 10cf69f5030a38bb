"""The README and the pages are true: their snippet runs, their commands exist, their links lead somewhere."""

import asyncio
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer.main

from broker.cli import app
from tests import process
from tests.peer import encoded
from tests.ports import free_port

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parent.parent.parent
README = ROOT / "README.md"
CLIENT = ROOT / "clients" / "python" / "README.md"
PAGES = [README, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", CLIENT, *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = ROOT / "docs" / "examples"
BILLING = EXAMPLES / "billing.py"
PROGRAM: Any = typer.main.get_command(app)


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """The page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def test_the_snippet_is_the_file() -> None:
    assert blocks(README, "python") == [BILLING.read_text()]


@asynccontextmanager
async def kabelwerk(folder: Path) -> AsyncIterator[Path]:
    """The peer of the README: its files, served by any web server; at a free port instead of 9000."""
    place = folder / "kabelwerk"
    shutil.copytree(EXAMPLES / "kabelwerk", place)
    port = free_port()
    for file in place.iterdir():
        file.write_text(file.read_text().replace(":9000", f":{port}"))
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(place)]
    quiet = asyncio.subprocess.DEVNULL
    server = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
    try:
        await _answering(f"http://127.0.0.1:{port}/versions")
        yield place
    finally:
        server.terminate()
        await server.wait()


async def _answering(url: str) -> None:
    async with asyncio.timeout(30), httpx.AsyncClient(trust_env=False) as client:
        while True:
            try:
                await client.get(url)
            except httpx.TransportError:
                await asyncio.sleep(0.05)
            else:
                return


async def _billing(target: str, key: str, folder: Path) -> tuple[int, str]:
    """What the snippet prints when it runs as the README runs it."""
    key_file = folder / "billing.key"
    key_file.write_text(f"{key}\n")
    env = process.environment(OCPI_BROKER_TARGET=target, OCPI_BROKER_KEY_FILE=str(key_file))
    running = await asyncio.create_subprocess_exec(sys.executable, BILLING, stdout=asyncio.subprocess.PIPE, env=env)
    async with asyncio.timeout(60):
        stdout, _ = await running.communicate()
    return int(running.returncode or 0), stdout.decode()


async def test_the_five_minutes_work(tmp_path: Path) -> None:
    """The tour from end to end: the snippet prints the token that the Sender sent."""
    program = process.up(tmp_path)
    ready = await program.start()
    here = ["--data-dir", str(tmp_path / "data")]
    try:
        async with kabelwerk(tmp_path) as files, httpx.AsyncClient(trust_env=False, timeout=60) as client:
            ours = ["tenant", "update", "default", "--party", "NL/LMH/CPO=Lumen Hub"]
            assert (await process.cli(*ours, *here)).code == 0
            invite = ["peer", "invite", "kabelwerk", "--party", "DE/KWL/EMSP", "--json"]
            invitation = (await process.cli(*invite, *here)).json
            posted = await client.post(
                invitation["versions_url"].replace("versions", "2.2.1/credentials"),
                headers={"Authorization": invitation["authorization"]},
                content=(files / "credentials.json").read_bytes(),
            )
            caller = ["caller", "create", "billing", "--role", "reader", "--tenant", "default", "--json"]
            key = (await process.cli(*caller, *here)).json["key"]

            code, said = await _billing(ready["grpc"], key, tmp_path)

            sent = json.loads((files / "credentials.json").read_text())
            listed = json.loads((files / "2.2.1").read_text())["data"]["endpoints"]
            cdrs = next(endpoint["url"] for endpoint in listed if endpoint["identifier"] == "cdrs")
            assert posted.json()["status_code"] == 1000
            assert (code, said) == (0, f"{cdrs} {sent['token']}\n")
            verify = ["token", "verify", "--module", "cdrs", "--json"]
            verdict = (await process.cli(*verify, *here, stdin=encoded(posted.json()["data"]["token"]))).json
            assert (verdict["valid"], verdict["peer"]) == (True, "kabelwerk")
    finally:
        await program.stop()


# Commands


def typed(page: Path) -> Iterator[list[str]]:
    """The arguments of every ocpi-broker command line in the code blocks of a page."""
    for block in blocks(page, "console"):
        for line in re.findall(r"^\$ ((?:.*\\\n)*.*)$", block, re.MULTILINE):
            yield from invocations(line.replace("\\\n", " "))


def invocations(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    arguments: list[str] | None = None
    for word in lexer:
        if set(word) <= set("|&;<>()"):
            if arguments is not None:
                yield arguments
            arguments = None
        elif arguments is not None:
            arguments.append(word)
        elif word.rpartition("/")[2] == "ocpi-broker":
            arguments = []
    if arguments is not None:
        yield arguments


def mentioned(page: Path) -> Iterator[list[str]]:
    """The command lines in the prose of a page, which may leave out arguments."""
    text = prose(page)
    for line in re.findall(r"`ocpi-broker\s+([^`]+)`", text):
        yield shlex.split(line)
    groups = "|".join(name for name, command in PROGRAM.commands.items() if hasattr(command, "commands"))
    for line in re.findall(rf"`((?:{groups})\s+[a-z][^`]*)`", text):
        yield shlex.split(line)


def composed() -> Iterator[list[str]]:
    """The commands of docker-compose.yml, those in its comments too."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (ROOT / "docker-compose.yml").read_text())
    for line in re.findall(r"^# +(docker compose .*)$", text, re.MULTILINE):
        yield from invocations(line)
    for found in re.findall(r"command:\s*(\[.*?\])\n", text, re.DOTALL):
        words = json.loads(found)
        if words[0].startswith("test "):
            yield from invocations(words[0])
        elif not words[0].startswith("install "):
            yield words


def leaf(arguments: list[str]) -> tuple[Any, list[str]]:
    """The command that is named, and what is left of the arguments."""
    command, rest = PROGRAM, list(arguments)
    while hasattr(command, "commands"):
        assert rest, f"{arguments} is no complete command"
        assert rest[0] in command.commands, f"there is no command {' '.join(arguments)}"
        command = command.commands[rest.pop(0)]
    return command, rest


@pytest.mark.parametrize(
    "arguments",
    [*(line for page in PAGES for line in typed(page)), *composed()],
    ids=" ".join,
)
def test_every_command_line_parses(arguments: list[str]) -> None:
    """As it would be parsed if it was run."""
    command, rest = leaf(arguments)

    command.make_context("ocpi-broker", rest)


@pytest.mark.parametrize("arguments", [line for page in PAGES for line in mentioned(page)], ids=" ".join)
def test_every_command_that_is_mentioned_exists(arguments: list[str]) -> None:
    command, rest = leaf(arguments)

    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= options


def test_every_option_that_is_mentioned_exists() -> None:
    def params(command: Any) -> Iterator[str]:
        yield from (name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts))
        for child in getattr(command, "commands", {}).values():
            yield from params(child)

    known = {*params(PROGRAM), "--help"}
    named = {option for page in PAGES for option in re.findall(r"`(--[a-z-]+)", prose(page))}

    assert named <= known


def test_every_make_target_that_is_mentioned_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"[`$] ?make ([a-z-]+)", page.read_text())}

    assert named
    assert named <= targets


# Links


def anchors(page: Path) -> set[str]:
    """The fragments by which the headings of a page are linked."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("https://"):
            continue
        path, _, fragment = target.partition("#")
        place = Path(os.path.normpath(page.parent / path)) if path else page
        if not place.exists() or (fragment and fragment not in anchors(place)):
            broken.append(target)

    assert broken == []
