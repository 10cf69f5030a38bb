"""ocpi-broker peer import and peer export, as operators type them."""

import asyncio
import json
import stat
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from ocpi_broker.v1 import token_service_pb2
from tests import database as databases
from tests import postgres, process
from tests.integration.importing import foreign_token
from tests.integration.test_leaks import finds
from tests.peer import encoded, new_party, platform_running, raw
from tests.ports import free_port
from tests.process import Operator, Program, Ran
from tests.soak import at_most
from tests.stack import attached

pytestmark = pytest.mark.anyio

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples" / "moving"
MANY = {"sqlite": 1000, "postgresql": at_most(250, 1000)}


@pytest.fixture(scope="module")
async def program(
    anyio_backend: str, database_kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Program]:
    folder = tmp_path_factory.mktemp("moving")
    server: postgres.Server | None = None
    if database_kind == "postgresql":
        server = request.getfixturevalue("postgres_server")
    with databases.fresh(database_kind, folder / "data", server) as database:
        running = process.up(folder, database.url if server else None, "--log-level", "DEBUG")
        await running.start()
        try:
            yield running
        finally:
            await running.kill()


@pytest.fixture
def operator(program: Program) -> Operator:
    return Operator("--data-dir", str(program.arguments[2]))


@pytest.fixture
async def tenant(operator: Operator) -> str:
    name = f"t-{free_port()}"
    versions = ("--version", "2.1.1", "--version", "2.2.1")
    await operator.json("tenant", "create", name, "--party", "SE/OUR/CPO=Ours", *versions)
    return name


def line(name: str, url: str = "https://ocpi.partner.example", **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "version": "2.2.1",
        "held_token": foreign_token(),
        "issued_token": foreign_token(),
        "auth_form_out": "base64",
        "versions_url": f"{url}/{name}/versions",
        "endpoints": [
            {"module": "credentials", "role": "SENDER", "url": f"{url}/{name}/credentials"},
            {"module": "locations", "role": "SENDER", "url": f"{url}/{name}/locations"},
        ],
        "parties": [new_party()],
        "lifecycle": "managed",
        **changes,
    }


def written(path: Path, lines: Iterable[Any], mode: int = 0o600) -> str:
    path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines))
    path.chmod(mode)
    return str(path)


def program_data(program: Program) -> bytes:
    """What is stored by a broker on SQLite, with its write-ahead log."""
    return b"".join(path.read_bytes() for path in Path(program.arguments[2]).glob("*.db*"))


async def imports(operator: Operator, *words: str) -> tuple[Ran, dict[str, Any]]:
    ran = await operator.run("peer", "import", *words, "--json")
    return ran, json.loads(ran.stdout)


@pytest.mark.long
async def test_a_thousand_peers_are_verified_and_served_without_one_request_to_them(
    program: Program, operator: Operator, tenant: str, tmp_path: Path, database_kind: str
) -> None:
    """And imported in less than a minute."""
    many = MANY[database_kind]
    parties = [f"DE/{place:03X}/CPO" for place in range(many)]
    async with platform_running() as platform:
        lines = [line(f"p{place:04}", platform.base, parties=[parties[place]]) for place in range(many)]
        file = written(tmp_path / "peers.jsonl", lines)
        started = time.monotonic()

        ran, report = await imports(operator, file, "--tenant", tenant)

        assert (report, ran.code) == ({"imported": many, "unchanged": 0, "refused": []}, 0), ran.stderr
        took = time.monotonic() - started
        assert took < 60
        print(f"{many} peers in {took:.1f} s")
        async with attached(program.ready, Path(program.arguments[2])) as deployment:
            parent = f"tenants/{tenant}"
            for known in lines:
                verify = token_service_pb2.VerifyTokenRequest(
                    parent=parent, authorization=encoded(known["issued_token"]), module="locations"
                )
                peer = (await deployment.tokens.VerifyToken(verify)).peer
                assert peer == f"{parent}/peers/{known['name']}"
                get = token_service_pb2.GetPeerTokenRequest(parent=parent, peer=peer, module="locations")
                held = await deployment.tokens.GetPeerToken(get)
                assert (held.token, held.endpoint_url) == (known["held_token"], known["endpoints"][1]["url"])
        again, report = await imports(operator, file, "--tenant", tenant)
        assert (report["unchanged"], again.code) == (many, 0)
        assert platform.received == []


@pytest.mark.parametrize("name", ["peers.jsonl", "peers.csv"])
async def test_the_examples_of_the_page(operator: Operator, tenant: str, tmp_path: Path, name: str) -> None:
    """Under names and tokens of their own, since a token belongs to one peer of all tenants."""
    text = (EXAMPLES / name).read_text()
    for token in ("7Jx0dPq2mVb9sTzK4wYh", "c0ffee00c0ffee11c0ffee22c0ffee33", "b7d0c1e2-0f43-4a6e-8d59-3c1a7e92f640"):
        text = text.replace(token, foreign_token())
    file = tmp_path / name
    file.write_text(text)
    file.chmod(0o600)

    ran, report = await imports(operator, str(file), "--tenant", tenant, "--dry-run")
    assert (report["imported"], ran.code, ran.stderr) == (3, 0, "")
    assert (await operator.json("peer", "list", "--tenant", tenant))["peers"] == []
    ran, report = await imports(operator, str(file), "--tenant", tenant)
    assert report == {"imported": 3, "unchanged": 0, "refused": []}
    shown = await operator.json("peer", "show", "national-access-point", "--tenant", tenant)
    assert (shown["lifecycle"], shown["version"], shown["auth_form_out"]) == ("manual", "2.1.1", "raw")
    hub = await operator.json("peer", "show", "hub", "--tenant", tenant)
    assert (hub["renew"], hub["rotation_period"], hub["next_rotation_time"]) == ("reregister", "90d", None)
    assert hub["terms"]["parties"] == ["FR/HUB/HUB", "*/*/CPO"]


async def test_each_line_stands_for_itself(operator: Operator, tenant: str, tmp_path: Path) -> None:
    """And the first of those that collide is taken over, although it takes the longest; a dry run says the same."""
    good = line("good", parties=[f"DE/{place:03X}/EMSP" for place in range(4000)])
    own_party, short = line("own-party", parties=["SE/OUR/CPO"]), line("short", issued_token="abc")
    double = raw(good["issued_token"]).removeprefix("Token ")
    lines = [
        good,
        "",
        {**line("typo"), "hled_token": "x"},
        line("same-token", issued_token=double),
        line("encoded", issued_token=encoded(double).removeprefix("Token ")),
        line("same-party", parties=good["parties"][:1]),
        {**good, "version": "2.1.1"},
        good,
        own_party,
        own_party,
        {**line("own-party"), "issued_token": own_party["issued_token"]},
        line("no-version", version="2.3.0"),
        short,
        '{"name": "cut',
    ]
    refused = {
        3: "hled_token is no field",
        4: "issued_token: line 1 has the same",
        5: "issued_token: line 1 has one that reads the same in a header",
        6: f"parties: line 1 has {good['parties'][0]} as well",
        7: "line 1 has the same name and another content",
        9: "parties: SE/OUR/CPO is a party of the tenant itself",
        10: "parties: SE/OUR/CPO is a party of the tenant itself",
        12: "version: must be one of 2.1.1, 2.2.1",
        13: "issued_token: can be guessed",
        14: "is not a JSON object on one line",
    }
    file = written(tmp_path / "mixed.jsonl", lines)

    tried, foretold = await imports(operator, file, "--tenant", tenant, "--dry-run")
    ran, report = await imports(operator, file, "--tenant", tenant)

    assert foretold == report
    assert (tried.code, ran.code, report["imported"], report["unchanged"]) == (1, 1, 2, 1)
    assert {one["line"]: one["reason"].startswith(refused[one["line"]]) for one in report["refused"]} == dict.fromkeys(
        refused, True
    ), report
    assert [one["line"] for one in report["refused"]] == list(refused)
    assert ran.stderr == "error: 10 of 13 lines were refused\n"
    for_people = await operator.run("peer", "import", file, "--tenant", tenant)
    summary, first, *_ = for_people.stdout.splitlines()
    assert summary == "0 imported, 3 unchanged, 10 refused"
    assert first.startswith("line 3, typo: hled_token is no field")
    assert for_people.stderr == ran.stderr


async def test_a_run_that_breaks_off_reports_what_was_judged(tmp_path: Path) -> None:
    (tmp_path / "target").write_text(f"127.0.0.1:{free_port()}")
    (tmp_path / "admin.key").write_text("key")
    file = written(tmp_path / "two.jsonl", ["{", line("good")])

    ran, report = await imports(Operator("--data-dir", str(tmp_path)), file)

    assert ran.code == 1
    assert [one["line"] for one in report["refused"]] == [1]
    assert "1 of 2 lines are judged, and the same command goes on with the rest" in ran.stderr


async def test_an_empty_file_is_a_report_as_well(operator: Operator, tenant: str) -> None:
    ran = await operator.run("peer", "import", "-", "--tenant", tenant, "--json", stdin="")

    assert (ran.code, json.loads(ran.stdout)) == (0, {"imported": 0, "unchanged": 0, "refused": []})


async def test_a_file_that_others_can_read_is_warned_of(operator: Operator, tenant: str, tmp_path: Path) -> None:
    file = written(tmp_path / "open.jsonl", [line("open")], mode=0o644)

    ran, report = await imports(operator, file, "--tenant", tenant)

    assert report["imported"] == 1
    assert f"chmod 600 {file}" in ran.stderr


async def test_a_file_from_standard_input(operator: Operator, tenant: str) -> None:
    ran = await operator.run("peer", "import", "-", "--tenant", tenant, stdin=json.dumps(line("piped")))

    assert (ran.code, ran.stdout) == (0, "1 imported, 0 unchanged, 0 refused\n")


@pytest.mark.parametrize("content", ["junk", "\x00\x01"])
async def test_what_is_no_such_file(operator: Operator, tmp_path: Path, content: str) -> None:
    file = tmp_path / "junk"
    file.write_text(content)
    file.chmod(0o600)

    assert "is neither JSON lines nor CSV" in await operator.refused("peer", "import", str(file))
    assert "cannot read" in await operator.refused("peer", "import", str(tmp_path / "none"))


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
async def test_who_leaves_takes_everything_along(operator: Operator, tenant: str, tmp_path: Path, suffix: str) -> None:
    """Into another tenant: an issued token has one owner, so the first one ends."""
    two = line("two", version="2.1.1", auth_form_out="raw", rotation_period="never", lifecycle="manual")
    lines = [line("one", lifecycle="manual"), two]
    await imports(operator, written(tmp_path / "in.jsonl", lines), "--tenant", tenant)
    out = tmp_path / f"out.{suffix}"

    await operator.json("peer", "export", str(out), "--tenant", tenant, "--with-tokens")

    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    bare = await operator.json("peer", "export", "--tenant", tenant)
    assert not any("held_token" in one or "issued_token" in one or "business_names" in one for one in bare["peers"])
    other = await operator.json("tenant", "create", f"o-{free_port()}", "--party", "SE/OTH/CPO=Other",
                                "--version", "2.1.1", "--version", "2.2.1")  # fmt: skip
    _, refused = await imports(operator, str(out), "--tenant", other["tenant"])
    assert [one["name"] for one in refused["refused"]] == ["one", "two"]
    assert "a peer of another tenant has it" in refused["refused"][0]["reason"]
    for known in lines:
        await operator.json("peer", "unregister", known["name"], "--tenant", tenant, "--force")
    ran, report = await imports(operator, str(out), "--tenant", other["tenant"])
    assert report == {"imported": 2, "unchanged": 0, "refused": []}, ran
    for known, form in zip(lines, (encoded, raw), strict=True):
        verdict = await operator.json(
            "token", "verify", "--module", "locations", "--tenant", other["tenant"], stdin=raw(known["issued_token"])
        )
        assert verdict["peer"] == known["name"]
        held = await operator.json("token", "get", "--peer", known["name"], "--tenant", other["tenant"])
        assert held["authorization"] == form(known["held_token"])


async def test_no_imported_token_is_found_where_it_does_not_belong(
    program: Program, operator: Operator, tenant: str, tmp_path: Path
) -> None:
    """Good lines and bad ones, with tokens in columns that are not theirs."""
    canaries = [f"CANARY{foreign_token()}" for _ in range(8)]
    lines = [
        line("good", held_token=canaries[0], issued_token=canaries[1]),
        line("again", held_token=canaries[2], issued_token=canaries[1]),
        line("shifted", lifecycle=canaries[3], parties=[canaries[3]]),
        line("url", versions_url=f"https://x.example/?t={canaries[4]}", held_token=canaries[4]),
        line("same", held_token=canaries[5], issued_token=canaries[5]),
        line("version", version=canaries[6]),
        line("quirks", quirks={canaries[7]: canaries[7]}),
    ]
    ran, report = await imports(operator, written(tmp_path / "canaries.jsonl", lines), "--tenant", tenant)
    assert (report["imported"], len(report["refused"])) == (1, 6), ran
    export = await operator.run("peer", "export", "--tenant", tenant)
    shown = await operator.run("peer", "show", "good", "--tenant", tenant)

    known = {f"canary {place}": text for place, text in enumerate(canaries)}
    told = ran.stdout + ran.stderr + export.stdout + export.stderr + shown.stdout
    assert finds(told.encode(), known) == []
    assert finds(await asyncio.to_thread(program.log.read_bytes), known) == []
    stored = await asyncio.to_thread(program_data, program)
    assert finds(stored, known) == []
