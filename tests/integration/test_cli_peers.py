"""Lists that people can read, peers that are deleted, questions that people are asked, tenants that are assumed."""

import asyncio
import os
import pty
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests import process
from tests.ports import free_port
from tests.process import Operator, Program, environment

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def program(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    running = process.up(tmp_path_factory.mktemp("peers"))
    await running.start()
    yield running
    await running.kill()


@pytest.fixture(scope="module")
def folder(program: Program) -> Path:
    return Path(program.arguments[2])


@pytest.fixture
def operator(folder: Path) -> Operator:
    """The data directory is said once, in the environment."""
    return Operator(env={"OCPI_BROKER_DATA_DIR": str(folder)})


@pytest.fixture
async def tenant(operator: Operator) -> str:
    name = f"t{free_port()}"
    await operator.json("tenant", "create", name, "--party", "NL/LMH/CPO=Lumen Hub")
    return name


async def _invited(operator: Operator, tenant: str, *names: str) -> None:
    for name in names:
        await operator.json("peer", "invite", name, "--tenant", tenant, "--any-party")


async def _names(operator: Operator, *words: str) -> list[str]:
    return [peer["peer"] for peer in (await operator.json("peer", "list", *words))["peers"]]


async def test_peers_are_listed_by_state_and_no_more_than_wanted(operator: Operator, tenant: str) -> None:
    await _invited(operator, tenant, "a", "b", "c")
    await operator.json("peer", "unregister", "b", "--tenant", tenant)

    assert await _names(operator, "--tenant", tenant, "--state", "invited") == ["a", "c"]
    assert await _names(operator, "--tenant", tenant, "--state", "UNREGISTERED") == ["b"]
    assert await _names(operator, "--tenant", tenant, "--limit", "2") == ["a", "b"]
    cut = await operator.run("peer", "list", "--tenant", tenant, "--limit", "2")
    whole = await operator.run("peer", "list", "--tenant", tenant, "--limit", "3")
    assert cut.stderr == "there are more than these 2\n"
    assert whole.stderr == ""
    assert "gone is not one of invited" in (await operator.run("peer", "list", "--state", "gone")).stderr


async def test_the_list_fits_a_terminal(operator: Operator, tenant: str) -> None:
    parties = [word for number in range(10, 40) for word in ("--party", f"DE/K{number}/OTHER")]
    await operator.json("peer", "invite", "kabelwerk-mobility-of-the-north", "--tenant", tenant, *parties)
    await operator.json("peer", "block", "kabelwerk-mobility-of-the-north", "--tenant", tenant)
    await _invited(operator, tenant, "x" * 60)

    ran = await operator.run("peer", "list", "--tenant", tenant)

    lines = ran.stdout.splitlines()
    assert lines[0].split() == ["PEER", "STATE", "VERSION", "PARTIES", "NOTES"]
    assert max(map(len, lines)) <= 80
    assert "blocked" in ran.stdout


async def test_exchanges_are_cut_as_well(operator: Operator, tenant: str) -> None:
    connect = [
        "peer",
        "connect",
        "kw",
        "--tenant",
        tenant,
        "--versions-url",
        f"http://127.0.0.1:{free_port()}/versions",
    ]
    ran = await operator.run(*connect, "--token-stdin", "--timeout", "1s", stdin="a-token")
    assert ran.code == 1
    exchanges = ["peer", "exchanges", "kw", "--tenant", tenant]

    listed = (await operator.json(*exchanges, "--limit", "1"))["exchanges"]
    text = (await operator.run(*exchanges)).stdout

    assert len(listed) == 1
    (steps,) = [line for line in text.splitlines() if line.startswith("steps")]
    assert steps.endswith(" ms")
    assert " ms)" in ran.stderr.splitlines()[0]  # and while somebody looks on


async def test_a_peer_is_deleted_when_it_is_over(operator: Operator, tenant: str) -> None:
    of_tenant = ["--tenant", tenant]
    await operator.run(
        "peer", "connect", "kw", *of_tenant, "--versions-url", "http://127.0.0.1:9/versions", "--token-stdin",
        "--no-wait", stdin="a-token",
    )  # fmt: skip

    said = await operator.refused("peer", "delete", "kw", *of_tenant)
    await operator.json("peer", "unregister", "kw", *of_tenant)
    gone = await operator.json("peer", "delete", "kw", *of_tenant)

    assert "unregister the peer, which ends it" in said
    assert gone == {"peer": "kw", "tenant": tenant, "deleted": True}
    assert await _names(operator, *of_tenant) == []


# Which tenant


async def test_a_tenant_that_was_assumed_is_named(operator: Operator) -> None:
    await _invited(operator, "default", "assumed")
    remark = "tenant default, as --tenant was not given"

    assert (await operator.run("peer", "list")).stderr == f"{remark}\n"
    assert (await operator.run("peer", "exchanges", "assumed")).stderr == f"{remark}\n"
    assert f"({remark}) [NOT_FOUND]" in await operator.refused("peer", "show", "nobody")
    assert "tenant       " in (await operator.run("peer", "show", "assumed")).stdout  # it says so itself
    assert (await operator.run("peer", "show", "assumed")).stderr == ""


async def test_a_tenant_that_was_given_is_not(operator: Operator) -> None:
    assert (await operator.run("peer", "list", "--tenant", "default")).stderr == ""
    assert "--tenant" not in await operator.refused("peer", "show", "nobody", "--tenant", "default")
    assert "--tenant" not in await operator.refused("tenant", "show", "nobody")


async def test_nothing_is_remarked_to_scripts(operator: Operator) -> None:
    assert (await operator.run("peer", "list", "--json")).stderr == ""


async def test_who_may_act_for_all_tenants_is_not_who_may_for_none(operator: Operator, tenant: str) -> None:
    await operator.json("caller", "create", f"{tenant}-all", "--role", "reader", "--all-tenants")
    await operator.json("caller", "create", f"{tenant}-none", "--role", "reader", "--tenant", tenant)
    await operator.json("tenant", "delete", tenant)  # goes out of every grant

    listed = {line.split()[0]: line for line in (await operator.run("caller", "list")).stdout.splitlines()}
    documents = {row["caller"]: row["tenants"] for row in (await operator.json("caller", "list"))["callers"]}

    assert " all tenants " in listed[f"{tenant}-all"]
    assert " none " in listed[f"{tenant}-none"]
    assert (documents[f"{tenant}-all"], documents[f"{tenant}-none"]) == (["-"], [])


# Questions


async def _typed(folder: Path, answer: str, *words: str) -> tuple[int, str]:
    """The command as a person types it: standard input and error are a terminal."""
    ours, theirs = pty.openpty()
    running = await asyncio.create_subprocess_exec(
        process.PROGRAM, *words, "--data-dir", str(folder),
        stdin=theirs, stderr=theirs, stdout=asyncio.subprocess.PIPE, env=environment(),
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, answer.encode())
    async with asyncio.timeout(60):
        await running.communicate()
    said = b""
    try:
        while chunk := os.read(ours, 4096):
            said += chunk
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return int(running.returncode or 0), said.decode()


DANGEROUS = [
    ("peer", "reset", "kw"), ("peer", "revoke", "kw", "--no-wait"), ("peer", "block", "kw"), ("peer", "delete", "kw"),
    ("tenant", "delete"),
]  # fmt: skip


@pytest.mark.parametrize("words", DANGEROUS, ids=" ".join)
async def test_a_person_is_asked_whether_it_is_meant(
    operator: Operator, folder: Path, tenant: str, words: tuple[str, ...]
) -> None:
    await _invited(operator, tenant, "kw")
    command = [*words, *([tenant] if words[0] == "tenant" else ["--tenant", tenant])]
    before = await operator.json("peer", "show", "kw", "--tenant", tenant)

    refused, said = await _typed(folder, "n\n", *command)

    assert refused == 1
    assert "Go on? [y/N]" in said
    assert tenant in said
    assert "nothing was done" in said
    assert await operator.json("peer", "show", "kw", "--tenant", tenant) == before
    assert (await _typed(folder, "y\n", *command))[0] == 0


async def test_who_says_yes_is_not_asked(operator: Operator, folder: Path, tenant: str) -> None:
    await _invited(operator, tenant, "kw")

    code, said = await _typed(folder, "", "peer", "delete", "kw", "--tenant", tenant, "--yes")

    assert (code, "Go on?" in said) == (0, False)


async def test_a_script_is_not_asked(operator: Operator, tenant: str) -> None:
    await _invited(operator, tenant, "kw")

    assert (await operator.json("peer", "delete", "kw", "--tenant", tenant))["deleted"] is True
