"""Software that was not written here registers with `ocpi-broker up`: python-ocpi 0.3.1, by POST and then by PUT.

What it needs: version 2.2 among the tenant's versions; its version list is an object {"versions": […]} instead of an
array (A25); it sends no X-Correlation-ID (ID-07). A usual tenant lets the last two pass with a warning; a strict one
wants them as quirks of the peer.
"""

from pathlib import Path
from typing import Any

import pytest

from tests import process
from tests.interop.environment import platform
from tests.peer import encoded, new_token

pytestmark = pytest.mark.anyio

PROGRAM = ("python_ocpi_platform.py", "python-ocpi.json")


@pytest.mark.long
async def test_python_ocpi_registers_by_post_and_then_by_put(
    event_loop_for_all: None, interpreter: Path, tmp_path: Path
) -> None:
    program = process.up(tmp_path)
    data = ["--data-dir", str(tmp_path / "data"), "--json"]
    await program.start()
    try:
        tenant = ("--party", "NL/LMH/HUB=Lumen Hub", "--version", "2.2", "--version", "2.2.1")
        await _json("tenant", "create", "lumen", *tenant, *data)
        invitation = await _json("peer", "invite", "kabelwerk", "--tenant", "lumen", "--party", "DE/KWL/CPO", *data)
        base = invitation["versions_url"].removesuffix("/versions")
        async with platform(interpreter, *PROGRAM, folder=tmp_path) as peer:
            posted = new_token()
            issued = await peer.register(base, "2.2", posted, invitation["token"])
            held = await _json("token", "get", "--tenant", "lumen", "--party", "DE/KWL", *data)
            assert held["token"] == posted
            assert held["version"] == "2.2"
            assert held["versions_url"] == peer.versions_url
            assert issued not in {posted, invitation["token"]}

            put = new_token()
            again = await peer.register(base, "2.2", put, issued)  # POST, 405, PUT: as the library does it
            held = await _json(
                "token", "get", "--tenant", "lumen", "--peer", "kabelwerk", "--module", "locations", *data
            )
            assert held["token"] == put
            assert held["endpoint_url"].endswith("/ocpi/2.2/locations")
            assert again not in {issued, put}

            shown = await _json("peer", "exchanges", "kabelwerk", "--tenant", "lumen", *data)
            assert [warning for warning in shown["exchanges"][0]["warnings"] if "versions_wrapped_in_object" in warning]

        verified = await _json("token", "verify", *data, stdin=encoded(again))
        assert verified["valid"] is True
        assert await program.stop() == 0
    finally:
        await program.kill()


async def test_a_strict_tenant_needs_its_quirks(event_loop_for_all: None, interpreter: Path, tmp_path: Path) -> None:
    program = process.up(tmp_path)
    data = ["--data-dir", str(tmp_path / "data"), "--json"]
    peer = ["kabelwerk", "--tenant", "lumen"]
    await program.start()
    try:
        await _json(
            "tenant", "create", "lumen", "--party", "NL/LMH/HUB=Lumen Hub", "--version", "2.2", "--strict", *data
        )
        invitation = await _json("peer", "invite", *peer, "--party", "DE/KWL/CPO", *data)
        base = invitation["versions_url"].removesuffix("/versions")
        async with platform(interpreter, *PROGRAM, folder=tmp_path) as library:
            for quirk in ("missing_ids", "versions_wrapped_in_object"):
                with pytest.raises(AssertionError):
                    await library.register(base, "2.2", new_token(), invitation["token"])
                refused = (await _json("peer", "exchanges", *peer, *data))["exchanges"][0]
                assert refused["quirk"] == quirk, refused
                await _json("peer", "update", *peer, "--quirk", quirk, *data)
            posted = new_token()
            await library.register(base, "2.2", posted, invitation["token"])
            held = await _json("token", "get", "--tenant", "lumen", "--party", "DE/KWL", *data)
            assert held["token"] == posted
        assert await program.stop() == 0
    finally:
        await program.kill()


async def _json(*arguments: str, stdin: str = "") -> Any:
    return (await process.cli(*arguments, stdin=stdin)).json
