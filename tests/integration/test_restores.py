"""One side goes back to an older state: nobody gets in with a dead token, and the operator learns why (F18, F4)."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google.protobuf import duration_pb2

from broker.crypto import minting
from broker.crypto.minting import SecretKind
from broker.tools.mock_peer.platform import MockPeer, mock_peer
from ocpi_broker.v1 import admin_service_pb2, peer_service_pb2, resources_pb2
from tests import stack as stacks
from tests.database import Database
from tests.peer import new_party
from tests.stack import Home, Stack

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]

WINDOW = 2


@pytest.fixture
async def peer() -> AsyncIterator[MockPeer]:
    async with mock_peer(versions=("2.2.1",), parties=[f"{new_party()}=Kabelwerk"]) as one:
        yield one


async def _status(peer: MockPeer, home: Home, token: str) -> int:
    return (await peer.call("GET", home.versions_url, token)).status


async def test_a_peer_that_was_restored_shows_a_token_that_was_replaced(
    stack: Stack, home: Home, peer: MockPeer
) -> None:
    invitation = await home.invite()
    await peer.register(invitation.versions_url, invitation.token)
    old = peer.held
    await peer.rotate()
    assert await _status(peer, home, peer.held) == 200

    assert [await _status(peer, home, old) for _ in range(3)] == [401, 401, 401]

    name = invitation.peer.name
    found = await home.peer(name)
    assert [text for text in found.warnings if "was restored from a backup" in text or "restored" in text], found
    assert any("UTC" in text for text in found.warnings)
    noted = stack.database.execute(
        f"SELECT count(*) FROM audit WHERE action = 'token.shown_after_revocation' AND resource = '{name}'"
    )
    assert noted[0][0] == 1


async def test_a_peer_that_goes_on_with_its_old_token_keeps_it(stack: Stack, peer: MockPeer) -> None:
    """F4: although it has shown the new one while our PUT was open."""
    policy = resources_pb2.TenantPolicy(put_retry_window=duration_pb2.Duration(seconds=WINDOW))
    home = await stack.home(policy=policy)
    invitation = await home.invite()
    await peer.register(invitation.versions_url, invitation.token)
    old, name = peer.held, invitation.peer.name
    assert await _status(peer, home, old) == 200
    rotate = peer_service_pb2.RotatePeerRequest(name=name, wait=True)
    assert not (await stack.peers.RotatePeer(rotate)).peer.HasField("job")
    unused = peer.held
    assert unused != old

    assert await _status(peer, home, old) == 200
    await asyncio.sleep(WINDOW + 0.5)
    assert await _status(peer, home, old) == 200
    assert any("still uses its old token" in text for text in (await home.peer(name)).warnings)

    assert not (await stack.peers.RotatePeer(rotate)).peer.HasField("job")
    assert await _status(peer, home, old) == 200
    assert await _status(peer, home, unused) == 401
    assert await _status(peer, home, peer.held) == 200
    assert await _status(peer, home, old) == 401


async def test_a_database_that_went_back_is_noticed(
    event_loop_for_all: None, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with stacks.running(tmp_path, database) as one:
        await one.home()
        settings = one.settings
        assert await _check(one) == (True, "the database has not gone back")
    mark = json.loads(settings.high_water_file.read_text())
    assert mark["revision"] > 1
    settings.high_water_file.write_text(json.dumps({**mark, "revision": 10_000}))

    for _ in range(2):  # it stays so over restarts
        async with stacks.running(tmp_path, database) as one:
            await one.home()
            ok, finding = await _check(one)
            assert not ok
            assert "from revision 10000" in finding
    assert "database_went_back" in capsys.readouterr().out

    settings.high_water_file.unlink()
    async with stacks.running(tmp_path, database) as one:
        assert (await _check(one))[0]
    assert json.loads(settings.high_water_file.read_text())["found"] is None


async def test_a_token_of_ours_that_the_database_does_not_know_is_reported_once(
    home: Home, peer: MockPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = minting.mint(SecretKind.ISSUED_TOKEN)

    assert [await _status(peer, home, stranger) for _ in range(3)] == [401, 401, 401]

    said = capsys.readouterr()
    lines = [line for line in (said.out + said.err).splitlines() if "token_not_in_database" in line]
    assert len(lines) == 1
    assert stranger[5:17] in lines[0]
    assert stranger not in lines[0]


async def _check(one: Stack) -> tuple[bool, str]:
    info = await one.services.admin.GetServerInfo(admin_service_pb2.GetServerInfoRequest())
    return next((check.ok, check.finding) for check in info.checks if check.subject == "high water")
