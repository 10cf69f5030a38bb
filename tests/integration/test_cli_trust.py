"""Commands that do not trust the broker's certificate say which of its faults it is."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.cli.certificate import self_signed
from tests.ports import free_port
from tests.process import Operator, Program, cli

pytestmark = pytest.mark.anyio


async def test_a_certificate_for_another_name_is_said(tmp_path: Path) -> None:
    """As one of an organisation's own authority may be: it does not name loopback."""
    now, data = datetime.now(UTC), tmp_path / "data"
    pem, key = self_signed(["broker.internal"], now - timedelta(days=1), now + timedelta(days=90))
    (tmp_path / "tls.crt").write_bytes(pem)
    (tmp_path / "tls.key").write_bytes(key)
    assert (await cli("db", "upgrade", "--data-dir", str(data))).code == 0
    files = ["--tls-cert", str(tmp_path / "tls.crt"), "--tls-key", str(tmp_path / "tls.key")]
    where = ["--grpc", f"127.0.0.1:{free_port()}", "--public-url", "https://a.example"]
    program = Program(["serve", "--data-dir", str(data), *where, *files], tmp_path / "serve.log")
    await program.start()
    try:
        said = [json.loads(line) for line in program.log.read_text().splitlines()]
        ran = await Operator("--data-dir", str(data)).run("peer", "list", "--json")
    finally:
        await program.kill()

    [warning] = [event for event in said if event["event"] == "certificate_lacks_address"]
    assert (warning["level"], warning["names"], warning["address"]) == ("warning", ["broker.internal"], "127.0.0.1")
    assert ran.code == 1
    assert "is for another name" in ran.stderr
    assert "no broker answers" not in ran.stderr
