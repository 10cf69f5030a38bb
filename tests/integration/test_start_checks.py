"""What a start is told is tried before anybody relies on it: each refusal names the option and what to do."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.cli.certificate import self_signed
from tests import process
from tests.ports import free_port
from tests.process import Program, Ran, cli, environment

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def pair(folder: Path, name: str = "tls", start: datetime = NOW - DAY, end: datetime = NOW + 90 * DAY) -> list[str]:
    """A certificate and its key in files, as options of serve."""
    certificate, key = self_signed(["localhost", "127.0.0.1"], start, end)
    (folder / f"{name}.crt").write_bytes(certificate)
    (folder / f"{name}.key").write_bytes(key)
    return ["--tls-cert", str(folder / f"{name}.crt"), "--tls-key", str(folder / f"{name}.key")]


async def serve(folder: Path, *more: str) -> Ran:
    """A start that must fail; the schema is there."""
    data = ["--data-dir", str(folder / "data")]
    assert (await cli("db", "upgrade", *data)).code == 0
    return await cli("serve", *data, "--grpc", "127.0.0.1:0", "--public-url", "https://a.example", *more)


def error_of(ran: Ran) -> str:
    """The one line that says why; lines of the log may stand before it."""
    assert (ran.code, ran.stdout) in ((1, ""), (2, "")), ran
    assert "Traceback" not in ran.stderr
    (line,) = [line for line in ran.stderr.splitlines() if line.startswith("error: ")]
    return line


def events(program: Program, name: str) -> list[dict[str, Any]]:
    said = [json.loads(line) for line in program.log.read_text().splitlines() if line.startswith("{")]
    return [event for event in said if event["event"] == name]


@asynccontextmanager
async def running(program: Program) -> AsyncIterator[Program]:
    await program.start()
    try:
        yield program
    finally:
        await program.kill()


async def serving(folder: Path, *more: str) -> Program:
    data = ["--data-dir", str(folder / "data")]
    assert (await cli("db", "upgrade", *data)).code == 0
    arguments = ["serve", *data, "--grpc", f"127.0.0.1:{free_port()}", "--public-url", "https://a.example", *more]
    return Program(arguments, folder / "serve.log")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://ocpi.example.com", "--public-url http://ocpi.example.com must be https"),
        ("ocpi.example.com", "must be an absolute http or https URL"),
        ("https://ocpi.example.com/ocpi", "must not have /ocpi in its path"),
        ("https://user:pw@ocpi.example.com", "must be an absolute http or https URL"),
        ("https://ocpi.example.com?a=b", "must be an absolute http or https URL"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "up"])
async def test_a_public_url_that_peers_cannot_use_is_refused(tmp_path: Path, command: str, url: str, said: str) -> None:
    ran = await cli(command, "--data-dir", str(tmp_path / "data"), "--public-url", url)

    assert ran.code == 2
    assert "--public-url" in ran.stderr
    assert said in " ".join(ran.stderr.split())
    assert not (tmp_path / "data").exists()


async def test_a_public_url_that_is_not_safe_is_warned_of_in_a_trial(tmp_path: Path) -> None:
    program = process.up(tmp_path, None, "--public-url", "http://ocpi.example.com")
    async with running(program):
        (event,) = events(program, "public_url_not_safe")

    assert (event["level"], event["public_url"]) == ("warning", "http://ocpi.example.com")


async def test_a_key_of_another_certificate_is_not_a_port_that_is_taken(tmp_path: Path) -> None:
    certificate, key = pair(tmp_path)[:2], pair(tmp_path, "other")[2:]

    said = error_of(await serve(tmp_path, *certificate, *key))

    assert f"--tls-key {tmp_path}/other.key: it does not belong to the certificate" in said
    assert "port" not in said
    assert not (tmp_path / "data" / "keys.json").exists()  # nothing is made before that is right


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (NOW - 9 * DAY, NOW - DAY, "it has expired on"),
        (NOW + DAY, NOW + 9 * DAY, "is the clock of this machine right?"),
    ],
)
async def test_a_certificate_out_of_its_time_is_refused(
    tmp_path: Path, start: datetime, end: datetime, said: str
) -> None:
    error = error_of(await serve(tmp_path, *pair(tmp_path, start=start, end=end)))

    assert f"--tls-cert {tmp_path}/tls.crt: it" in error
    assert said in error
    assert "`ocpi-broker certificate` makes one" in error


@pytest.mark.parametrize(
    ("which", "content", "said"),
    [
        ("crt", None, "--tls-cert {}/tls.crt: it cannot be read: No such file"),
        ("key", None, "--tls-key {}/tls.key: it cannot be read: No such file"),
        ("crt", b"junk", "--tls-cert {}/tls.crt: it holds no certificate in PEM"),
        ("key", b"junk", "--tls-key {}/tls.key: it holds no private key in PEM"),
    ],
)
async def test_files_that_hold_something_else_are_named(
    tmp_path: Path, which: str, content: bytes | None, said: str
) -> None:
    options, file = pair(tmp_path), tmp_path / f"tls.{which}"
    file.unlink() if content is None else file.write_bytes(content)

    assert said.format(tmp_path) in error_of(await serve(tmp_path, *options))


async def test_a_certificate_that_expires_soon_is_warned_of(tmp_path: Path) -> None:
    async with running(await serving(tmp_path, *pair(tmp_path, end=NOW + 5 * DAY))) as program:
        (event,) = events(program, "certificate_expires_soon")

    assert (event["level"], event["file"]) == ("warning", f"{tmp_path}/tls.crt")


async def test_a_port_that_is_taken_is_still_said_with_tls(tmp_path: Path) -> None:
    async with running(await serving(tmp_path, *pair(tmp_path))) as program:
        other = tmp_path / "other"
        other.mkdir()
        taken = program.ready["grpc"]

        said = error_of(await serve(other, *pair(tmp_path), "--grpc", taken))

    assert f"cannot listen on {taken}: Address already in use; is something else using port" in said


# The gateway


async def gateway(folder: Path, broker: str, key: str, *more: str) -> Ran:
    file = folder / "try.key"
    file.write_text(f"{key}\n")
    return await cli("gateway", "--broker", broker, "--key-file", str(file), "--http", "127.0.0.1:0", *more)


async def test_a_gateway_whose_key_the_broker_refuses_does_not_start(tmp_path: Path) -> None:
    """Else every peer would be answered 503, and the cause would stand in the broker's log alone."""
    async with running(await serving(tmp_path)) as program:
        target, data = program.ready["grpc"], tmp_path / "data"
        good = (data / "gateway.key").read_text().strip()

        unknown = error_of(await gateway(tmp_path, target, good[:-8] + "AAAAAAAA"))
        administrator = error_of(await gateway(tmp_path, target, (data / "admin.key").read_text().strip()))

    assert f"--key-file: the broker at {target} does not know this key" in unknown
    assert "caller create NAME --role gateway" in unknown
    assert "knows this key as one of another role" in administrator


async def test_a_gateway_whose_key_is_good_starts_without_a_warning(tmp_path: Path) -> None:
    options = pair(tmp_path)
    async with running(await serving(tmp_path, *options)) as program:
        key = ["--key-file", str(tmp_path / "data" / "gateway.key"), "--ca-file", options[1]]
        arguments = ["gateway", "--broker", program.ready["grpc"], "--http", "127.0.0.1:0", *key]
        async with running(Program(arguments, tmp_path / "gateway.log")) as front:
            assert events(front, "broker_not_reached") == []
        assert events(program, "certificate_lacks_address") == []


@pytest.mark.parametrize("known", [True, False])
async def test_a_gateway_that_cannot_reach_its_broker_says_why_and_waits_for_it(tmp_path: Path, known: bool) -> None:
    """It may start before the broker does."""
    foreign = pair(tmp_path, "foreign")[1]
    async with running(await serving(tmp_path, *pair(tmp_path))) as program:
        broker = program.ready["grpc"] if known else f"127.0.0.1:{free_port()}"
        key = ["--key-file", str(tmp_path / "data" / "gateway.key"), "--ca-file", foreign]
        arguments = ["gateway", "--broker", broker, "--http", "127.0.0.1:0", *key]
        async with running(Program(arguments, tmp_path / "gateway.log")) as front:
            (event,) = events(front, "broker_not_reached")

    assert (event["level"], event["broker"]) == ("warning", broker)
    assert ("--ca-file vouches for" in event["cause"]) == known, event


@pytest.mark.parametrize(
    ("content", "said"), [(None, "it cannot be read: No such file"), (b"junk", "it holds no certificate in PEM")]
)
async def test_an_authority_that_is_none_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "ca.crt"
    if content:
        file.write_bytes(content)

    ran = await gateway(tmp_path, "127.0.0.1:1", "obk-key", "--ca-file", str(file))

    assert f"--ca-file {file}: {said}" in error_of(ran)


@pytest.mark.parametrize("proxies", ["proxy.internal", "10.0.0.1,", "10.0.0.1/8", "*,10.0.0.1"])
async def test_proxies_that_would_never_match_are_refused(tmp_path: Path, proxies: str) -> None:
    ran = await gateway(tmp_path, "127.0.0.1:1", "obk-key", "--trusted-proxies", proxies)

    assert ran.code == 2
    assert "--trusted-proxies: " in error_of(ran)


async def test_proxies_can_be_addresses_and_networks(tmp_path: Path) -> None:
    file = tmp_path / "any.key"
    file.write_text("obk-key\n", encoding="ascii")
    proxies = ["--trusted-proxies", "127.0.0.1, 10.0.0.0/8,::1,fd00::/8"]
    arguments = ["gateway", "--broker", f"127.0.0.1:{free_port()}", "--key-file", str(file), "--http", "127.0.0.1:0"]

    async with running(Program([*arguments, *proxies], tmp_path / "gateway.log", environment())) as front:
        assert front.ready["http"]
