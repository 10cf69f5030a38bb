"""ExportPeers: whoever leaves takes connections along, and only an administrator their tokens."""

import json
import shutil
from pathlib import Path

import pytest

from ocpi_broker.v1 import admin_service_pb2, resources_pb2
from ocpi_broker.v1 import peer_service_pb2 as pb
from tests.database import Database
from tests.integration.grpc_refusals import Code, refused
from tests.integration.importing import coupled, exported, newcomer, rotated, take_over, verdict
from tests.peer import encoded, new_party, raw
from tests.stack import Guest, Home, Stack, running, violations

pytestmark = pytest.mark.anyio


async def test_without_tokens_everything_else_is_there(home: Home) -> None:
    new = newcomer(
        auth_form_out=resources_pb2.HEADER_FORM_RAW,
        quirks={"trailing_slash": "true"},
        lifecycle=resources_pb2.PEER_LIFECYCLE_MANUAL,
        renewal=resources_pb2.PEER_RENEWAL_PUT,
        versions=["2.2.1"],
        may_downgrade=True,
        blocked=True,
        terms=resources_pb2.InvitationTerms(any_party=True),
    )
    new.parties[0].business_details.name = "Kabelwerk"
    await take_over(home, new)

    (out,) = (await exported(home)).values()

    assert not out.held_token
    assert not out.issued_token
    assert not out.issued_token_hash
    out.held_token, out.issued_token = new.held_token, new.issued_token
    assert out == new
    assert (await take_over(home, out)).outcome == pb.IMPORT_OUTCOME_UNCHANGED


async def test_only_registered_peers_are_written_page_by_page(home: Home) -> None:
    for name in ("a", "b", "d"):
        await take_over(home, newcomer(name))
    await home.invite(new_party(), peer_id="c")
    names, token = dict[str, bool](), ""
    while True:
        request = pb.ExportPeersRequest(parent=home.name, page_size=1, page_token=token)
        page = await home.stack.peers.ExportPeers(request)
        names |= {peer.peer_id: peer.parties[0].HasField("business_details") for peer in page.peers}
        token = page.next_page_token
        if not token:
            break

    assert names == {"a": False, "b": False, "d": False}, "a name that nobody has said"


async def test_tokens_are_for_administrators_and_each_disclosure_is_audited(stack: Stack, home: Home) -> None:
    new = newcomer()
    name = (await take_over(home, new)).peer.name
    key = await stack.caller(admin_service_pb2.CALLER_ROLE_OPERATOR, home.name)
    async with stack.speaking(key) as operator:
        error = await refused(operator.peers.ExportPeers(pb.ExportPeersRequest(parent=home.name, with_tokens=True)))
        assert error.code() == Code.PERMISSION_DENIED
        await operator.peers.ExportPeers(pb.ExportPeersRequest(parent=home.name))
    audited = "SELECT resource, actor FROM audit WHERE action = 'peer.exported_with_tokens' AND tenant = '{}'".format(
        home.name.removeprefix("tenants/")
    )
    assert stack.database.execute(audited) == []

    (out,) = (await exported(home, with_tokens=True)).values()

    assert (out.held_token, out.issued_token) == (new.held_token, new.issued_token)
    assert stack.database.execute(audited) == [(name, "callers/admin")]


async def test_the_text_of_an_imported_token_goes_when_it_is_replaced(stack: Stack) -> None:
    pair = await coupled(stack)
    uid = "SELECT uid FROM peer WHERE tenant = '{}'".format(pair.one.name.removeprefix("tenants/"))
    kept = f"SELECT kept_key_id, kept_box FROM issued_token WHERE peer_uid = ({uid}) AND kept_box IS NOT NULL"
    assert len(stack.database.execute(kept)) == 1

    await rotated(pair.one, "two")
    await verdict(stack, pair.one, encoded((await pair.two.held(f"{pair.two.name}/peers/one")).token))

    assert stack.database.execute(kept) == []
    (out,) = (await exported(pair.one, with_tokens=True)).values()
    assert not out.issued_token
    assert out.issued_token_hash


async def test_a_token_of_ours_goes_on_where_its_pepper_is_known(
    stack: Stack, home: Home, registered: Guest, database: Database, tmp_path: Path
) -> None:
    """There is only its keyed hash (AU-15)."""
    (out,) = (await exported(home, with_tokens=True)).values()
    assert registered.sender.token not in str(out)
    async with running(tmp_path / "other", database) as other:
        elsewhere = await other.home()
        error = await refused(take_over(elsewhere, out))
        assert "is not in this key file" in violations(error)["peer.issued_token_hash"]
        folder = other.settings.data_dir
    _append_peppers(stack.settings.data_dir / "keys.json", folder / "keys.json")
    async with running(tmp_path / "other", database) as other:
        again = Home(other, elsewhere.tenant)

        answer = await take_over(again, out)

        for header in (raw(registered.sender.token), encoded(registered.sender.token)):
            assert (await verdict(other, again, header)).peer == answer.peer.name
        assert (await again.held(answer.peer.name)).token == (await home.held(registered.name)).token
        assert (await take_over(again, out)).outcome == pb.IMPORT_OUTCOME_UNCHANGED


def _append_peppers(source: Path, target: Path) -> None:
    """As the page says."""
    keys = json.loads(target.read_text())
    keys["peppers"] += json.loads(source.read_text())["peppers"]
    target.write_text(json.dumps(keys))


async def test_an_imported_token_is_recognised_after_a_new_pepper_has_come(database: Database, tmp_path: Path) -> None:
    """The first entry is for new work, the others still verify."""
    new = newcomer()
    async with running(tmp_path / "data", database) as before:
        home = await before.home()
        name = (await take_over(home, new)).peer.name
        keys = before.settings.data_dir / "keys.json"
    document = json.loads(keys.read_text())
    document["peppers"].insert(0, {**document["peppers"][0], "id": "newer", "key": "A" * 43 + "="})
    keys.write_text(json.dumps(document))
    shutil.copymode(keys, keys)
    async with running(tmp_path / "data", database) as after:
        again = Home(after, home.tenant)
        assert (await verdict(after, again, raw(new.issued_token))).peer == name
        assert (await take_over(again, new)).outcome == pb.IMPORT_OUTCOME_UNCHANGED
        error = await refused(take_over(again, newcomer("other", issued_token=new.issued_token)))
        assert error.code() == Code.ALREADY_EXISTS
