"""ImportPeer: connections that exist already go on with the tokens that both sides have."""

import base64
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import duration_pb2

from broker.crypto import keys, minting
from ocpi_broker.v1 import admin_service_pb2, peer_service_pb2, resources_pb2, token_service_pb2
from tests.database import Database
from tests.integration.grpc_refusals import Code, refused
from tests.integration.importing import HOST, coupled, foreign_token, newcomer, rotated, take_over, verdict
from tests.peer import Sender, encoded, new_party, new_token, platform_running, raw, role
from tests.stack import OUR_PARTY, Guest, Home, Stack, party, running, violations

pytestmark = pytest.mark.anyio

IMPORTED, UNCHANGED = peer_service_pb2.IMPORT_OUTCOME_IMPORTED, peer_service_pb2.IMPORT_OUTCOME_UNCHANGED
MANUAL = resources_pb2.PEER_LIFECYCLE_MANUAL


async def test_an_imported_peer_is_verified_and_served_at_once(stack: Stack, home: Home) -> None:
    new = newcomer(auth_form_out=resources_pb2.HEADER_FORM_RAW)

    answer = await take_over(home, new)

    assert (answer.outcome, answer.peer.state) == (IMPORTED, resources_pb2.PEER_STATE_REGISTERED)
    assert not answer.peer.unconfirmed
    held = await home.held(answer.peer.name, module="locations")
    assert (held.token, held.authorization) == (new.held_token, f"Token {new.held_token}")
    assert held.endpoint_url == f"{HOST}/kwl/2.2.1/locations"
    for header in (raw(new.issued_token), encoded(new.issued_token), encoded(new.issued_token + "\n")):
        found = await verdict(stack, home, header)
        assert (found.valid, found.peer) == (True, answer.peer.name)
    assert [one.business_details.name for one in answer.peer.parties]
    assert not answer.warnings
    assert not answer.peer.warnings


async def test_without_a_form_it_is_that_of_the_version(stack: Stack) -> None:
    home = await stack.home(versions=("2.1.1", "2.2.1"))
    for version, expected in (("2.1.1", raw), ("2.2.1", encoded)):
        new = newcomer(f"kwl-{version[2]}", version=version)
        answer = await take_over(home, new)
        held = await home.held(answer.peer.name)
        assert held.authorization == expected(new.held_token)


EVERY_SIGN = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


@pytest.mark.parametrize("length", [16, 64, 255])
async def test_any_token_that_ocpi_ever_allowed_is_recognised_in_both_forms(
    stack: Stack, home: Home, length: int
) -> None:
    """2.0 has no longest one, and all of them have every sign of ASCII."""
    token = (new_token()[:10] + EVERY_SIGN * 8)[:length]
    answer = await take_over(home, newcomer(issued_token=token))

    for header in (raw(token), encoded(token)):
        assert (await verdict(stack, home, header)).peer == answer.peer.name
    assert not (await verdict(stack, home, raw(token.swapcase()))).valid


@pytest.mark.parametrize("token", ["with a blank in it", "zeichen-ä-zeichen", "x" * 1025], ids=["blank", "ä", "1025"])
async def test_what_no_header_can_carry_is_no_token(home: Home, token: str) -> None:
    error = await refused(take_over(home, newcomer(issued_token=token, held_token=token)))

    assert set(violations(error)) == {"peer.issued_token", "peer.held_token"}
    assert token not in str(error)


async def test_what_we_would_not_recognise_is_no_token_of_ours(home: Home) -> None:
    """A partner may have given us a longer one (CO-41)."""
    error = await refused(take_over(home, newcomer(issued_token="x" * 256, held_token="y" * 256)))

    assert set(violations(error)) == {"peer.issued_token"}


async def test_the_same_again_changes_nothing(stack: Stack, home: Home) -> None:
    new = newcomer()
    first = await take_over(home, new)

    again = await take_over(home, new)

    assert (again.outcome, again.peer.etag) == (UNCHANGED, first.peer.etag)


async def test_another_content_under_the_same_name_is_refused_and_says_what_differs(home: Home) -> None:
    new = newcomer()
    await take_over(home, new)
    others: dict[str, dict[str, Any]] = {
        "held_token": {"held_token": foreign_token()},
        "issued_token": {"issued_token": foreign_token()},
        "versions_url": {"versions_url": f"{HOST}/other/versions"},
        "endpoints": {"endpoints": new.endpoints[:1]},
        "parties": {"parties": [party(new_party())]},
        "lifecycle": {"lifecycle": MANUAL},
        "rotation_period": {"rotation_period": duration_pb2.Duration(seconds=60)},
        "renew": {"renewal": resources_pb2.PEER_RENEWAL_REREGISTER},
        "quirks": {"quirks": {"trailing_slash": "true"}},
        "auth_form_out": {"auth_form_out": resources_pb2.HEADER_FORM_RAW},
        "blocked": {"blocked": True},
        "may_downgrade": {"may_downgrade": True},
        "offered_versions": {"versions": ["2.2.1"]},
        "terms": {"terms": resources_pb2.InvitationTerms(any_party=True)},
    }
    for name, change in others.items():
        fields = {one: getattr(new, one) for one in ("held_token", "issued_token", "endpoints", "parties")}
        error = await refused(take_over(home, newcomer(**{**fields, **change})))
        assert (error.code(), error.details()) == (Code.ALREADY_EXISTS, f"there is a peer kwl that differs in {name}")


async def test_after_the_tokens_were_renewed_the_same_file_changes_nothing(stack: Stack, home: Home) -> None:
    """Somebody goes on with a file after a day; a peer has rotated meanwhile."""
    pair = await coupled(stack)
    await rotated(pair.one, "two")

    assert (await take_over(pair.one, pair.of_one)).outcome == UNCHANGED
    pair.of_one.lifecycle = MANUAL
    assert "differs in lifecycle" in str((await refused(take_over(pair.one, pair.of_one))).details())


async def test_all_or_nothing(stack: Stack, home: Home) -> None:
    """Refused by the last thing that is looked at: a party that another peer holds."""
    taken = new_party()
    await take_over(home, newcomer("first", parties=[party(taken)]))
    new = newcomer("second", parties=[party(new_party()), party(taken)])

    error = await refused(take_over(home, new))

    assert f"{taken} belongs to the peer first" in str(error.details())
    await refused(home.peer(f"{home.name}/peers/second"))
    assert not (await verdict(stack, home, raw(new.issued_token))).valid
    assert (await take_over(home, newcomer("second", issued_token=new.issued_token))).outcome == IMPORTED


async def test_a_dry_run_judges_the_same_and_changes_nothing(stack: Stack, home: Home) -> None:
    new = newcomer()

    assert (await take_over(home, new, validate_only=True)).outcome == IMPORTED
    await refused(home.peer(f"{home.name}/peers/kwl"))
    assert not (await verdict(stack, home, raw(new.issued_token))).valid
    await take_over(home, new)
    assert (await take_over(home, new, validate_only=True)).outcome == UNCHANGED
    error = await refused(take_over(home, newcomer("other", issued_token=new.issued_token), validate_only=True))
    assert error.code() == Code.ALREADY_EXISTS


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("peer.peer_id", {"peer_id": "Kabelwerk GmbH"}),
        ("peer.version", {"version": "2.3.0"}),
        ("peer.version", {"version": ""}),
        ("peer.version", {"version": "two"}),
        ("peer.held_token", {"held_token": ""}),
        ("peer.issued_token", {"issued_token": ""}),
        ("peer.issued_token", {"issued_token": "abc"}),
        ("peer.issued_token", {"issued_token": "1212121212121212121212"}),
        ("peer.issued_token", {"issued_token": "same-same-same-1", "held_token": "same-same-same-1"}),
        ("peer.versions_url", {"versions_url": "ftp://partner.example"}),
        ("peer.versions_url", {"versions_url": f"{HOST}/?t=leaked-leaked-1", "held_token": "leaked-leaked-1"}),
        ("peer.endpoints", {"endpoints": []}),
        ("peer.endpoints[0]", {"endpoints": [resources_pb2.Endpoint(module="cdrs", url="nowhere")]}),
        ("peer.endpoints", {"endpoints": [resources_pb2.Endpoint(module="cdrs", url=HOST)] * 2}),
        ("peer.parties", {"parties": []}),
        ("peer.parties", {"parties": [party("DE/KWL/CPO")] * 2}),
        ("peer.parties", {"parties": [party(OUR_PARTY)]}),
        ("peer.parties", {"parties": [party("DE/KWL/CPO")] * 20_001}),
        ("peer.terms", {"terms": resources_pb2.InvitationTerms(parties=[party("FR/ABC/CPO")])}),
        ("peer.quirks", {"quirks": {"no_such": "true"}}),
        ("peer.issued_token_hash", {"issued_token": "", "issued_token_hash": "junk"}),
        ("peer.issued_token_hash", {"issued_token": "", "issued_token_hash": f"0123456789AB:nokey:{'0' * 64}"}),
        ("peer.rotation_period", {"rotation_period": duration_pb2.Duration(seconds=-1)}),
    ],
)
async def test_what_is_wrong_is_named_by_its_field(home: Home, field: str, changes: dict[str, Any]) -> None:
    new = newcomer(**changes)

    error = await refused(take_over(home, new))

    assert error.code() == Code.INVALID_ARGUMENT
    assert field in {name for full in violations(error) for name in (full, full.partition("[")[0])}
    assert new.held_token == "" or new.held_token not in str(error)
    await refused(home.peer(f"{home.name}/peers/kwl"))


async def test_a_service_key_is_no_token_of_a_peer(stack: Stack, home: Home) -> None:
    key = await stack.caller(admin_service_pb2.CALLER_ROLE_READER, home.name)

    error = await refused(take_over(home, newcomer(issued_token=key)))

    assert "service key" in violations(error)["peer.issued_token"]


ENCODED = base64.b64encode(b"a-token-of-a-partner").decode()


@pytest.mark.parametrize(("token", "found"), [("8-secret", "IMPORTED_TOKEN_WEAK"), (ENCODED, "TOKEN_ENCODED")])
async def test_a_token_that_is_weak_or_encoded_is_warned_of_until_it_is_replaced(
    stack: Stack, token: str, found: str
) -> None:
    pair = await coupled(stack, token)
    name = f"{pair.one.name}/peers/two"
    (finding,) = (await pair.one.peer(name)).findings
    assert (finding.id, token in finding.message) == (found, False)

    await rotated(pair.one, "two")
    await verdict(stack, pair.one, encoded((await pair.two.held(f"{pair.two.name}/peers/one")).token))

    assert not (await pair.one.peer(name)).warnings


async def test_both_tokens_may_be_encoded(home: Home) -> None:
    """Said once, and kept."""
    held = base64.b64encode(b"another-token-of-theirs").decode()
    issued = base64.b64encode(foreign_token().encode()).decode()

    answer = await take_over(home, newcomer(issued_token=issued, held_token=held))

    (said,), (kept,) = answer.warnings, [finding.message for finding in answer.peer.findings]
    assert kept.startswith(said)
    assert said.startswith("held_token and issued_token: is Base64 of another token")


@pytest.mark.parametrize("elsewhere", [False, True], ids=["the same tenant", "another tenant"])
async def test_a_token_belongs_to_one_peer_of_all_tenants(stack: Stack, home: Home, elsewhere: bool) -> None:
    new = newcomer()
    await take_over(home, new)
    other = await stack.home() if elsewhere else home

    error = await refused(take_over(other, newcomer("other", issued_token=new.issued_token)))

    assert error.code() == Code.ALREADY_EXISTS
    whom = "a peer of another tenant" if elsewhere else "the peer kwl"
    assert f"issued_token: {whom} has it" in str(error.details())
    assert new.issued_token not in str(error)


async def test_a_token_that_reads_in_a_header_as_that_of_another_peer_is_refused(stack: Stack, home: Home) -> None:
    """Whoever has one of them could be taken for the other (A1)."""
    inner = foreign_token()
    await take_over(home, newcomer("inner", issued_token=inner))
    outer = base64.b64encode(base64.b64encode(inner.encode())).decode()
    await take_over(home, newcomer("outer", issued_token=outer))

    for token in (
        base64.b64encode(inner.encode()).decode(),
        base64.b64encode(f"{inner}\n".encode()).decode(),
        base64.b64encode(f"{inner}\r\n".encode()).decode(),
    ):
        error = await refused(take_over(home, newcomer("third", issued_token=token)))
        assert "reads the same in a header" in str(error.details())


async def test_a_token_of_ours_cannot_be_imported_for_another_peer(stack: Stack, home: Home, registered: Guest) -> None:
    """Neither as it is nor as what a header may have: nobody gets in by the confusion of the two kinds."""
    ours = registered.sender.token
    for token in (ours, base64.b64encode(ours.encode()).decode(), base64.b64encode(f"{ours}\n".encode()).decode()):
        error = await refused(take_over(await stack.home(), newcomer(issued_token=token)))
        assert error.code() == Code.ALREADY_EXISTS
        assert (await verdict(stack, home, encoded(ours))).peer == registered.name


async def test_a_held_token_is_none_that_the_tenant_has_issued(stack: Stack, home: Home, registered: Guest) -> None:
    """CO-41. One of another tenant may be: tenants connect to each other."""
    foreign = newcomer()
    await take_over(home, foreign)

    for token in (registered.sender.token, foreign.issued_token):
        error = await refused(take_over(home, newcomer("other", held_token=token)))
        assert "held_token: is one that this tenant has issued" in str(error.details())
        assert (await take_over(await stack.home(), newcomer("other", held_token=token))).outcome == IMPORTED


async def test_a_peer_may_not_announce_a_token_that_was_imported(stack: Stack, home: Home, registered: Guest) -> None:
    """CO-41, for foreign ones."""
    foreign = newcomer()
    await take_over(home, foreign)

    reply = await registered.sender.put(token=foreign.issued_token)

    assert reply.outcome == (200, 2001)


async def test_the_first_rotation_replaces_a_foreign_token_by_one_of_ours(stack: Stack) -> None:
    """The usual rules: the old one works until the new one was used."""
    pair = await coupled(stack)
    one, two, before = pair.one, pair.two, pair.of_one

    await rotated(one, "two")

    given = (await two.held(f"{two.name}/peers/one")).token
    assert given.startswith("ocpi-")
    assert (await one.held(f"{one.name}/peers/two")).token.startswith("ocpi-")
    assert (await verdict(stack, one, encoded(given))).peer == f"{one.name}/peers/two"
    old = await verdict(stack, one, encoded(before.issued_token))
    assert old.rejection == token_service_pb2.TOKEN_REJECTION_REVOKED


async def test_a_put_of_the_peer_with_its_foreign_token(stack: Stack, home: Home) -> None:
    async with platform_running() as platform:
        named = new_party()
        new = newcomer(parties=[party(named)], versions_url=platform.versions_url)
        name = (await take_over(home, new)).peer.name
        sender = Sender(stack.client, home.versions_url, new.issued_token, platform, [role(named)])
        await sender.discover()

        reply = await sender.put()

        assert reply.outcome == (200, 1000)
        assert reply.token.startswith("ocpi-")
        assert (await verdict(stack, home, encoded(reply.token))).peer == name
        old = await verdict(stack, home, encoded(new.issued_token))
        assert old.rejection == token_service_pb2.TOKEN_REJECTION_REVOKED


async def test_a_delete_of_the_peer_with_its_foreign_token(stack: Stack, home: Home) -> None:
    async with platform_running() as platform:
        new = newcomer(versions_url=platform.versions_url)
        name = (await take_over(home, new)).peer.name
        sender = Sender(stack.client, home.versions_url, new.issued_token, platform, [])
        await sender.discover()

        assert (await sender.delete()).outcome == (200, 1000)

        assert (await home.peer(name)).state == resources_pb2.PEER_STATE_UNREGISTERED
        assert not (await verdict(stack, home, encoded(new.issued_token))).valid


async def test_an_unregistered_peer_is_taken_over_again(stack: Stack, home: Home) -> None:
    """With new tokens, or with the very same: for a slip of the pen."""
    new = newcomer(lifecycle=MANUAL)
    name = (await take_over(home, new)).peer.name
    await stack.peers.UnregisterPeer(peer_service_pb2.UnregisterPeerRequest(name=name, force=True))
    assert not (await verdict(stack, home, raw(new.issued_token))).valid

    assert (await take_over(home, new)).outcome == IMPORTED

    assert (await verdict(stack, home, raw(new.issued_token))).peer == name
    assert (await home.held(name)).token == new.held_token


async def test_a_peer_that_is_invited_is_not_overwritten(home: Home) -> None:
    invited = await home.invite(new_party(), peer_id="kwl")

    error = await refused(take_over(home, newcomer()))

    assert error.code() == Code.FAILED_PRECONDITION
    assert "is invited" in str(error.details())
    assert (await home.peer(invited.peer.name)).etag == invited.peer.etag


async def test_a_manual_peer_can_be_without_an_issued_token(home: Home) -> None:
    """One that never calls us."""
    answer = await take_over(home, newcomer(lifecycle=MANUAL, issued_token=""))

    assert not answer.peer.warnings
    assert (await home.held(answer.peer.name)).token


async def test_a_blocked_peer_stays_blocked(stack: Stack, home: Home) -> None:
    new = newcomer(blocked=True)

    assert (await take_over(home, new)).peer.blocked

    found = await verdict(stack, home, raw(new.issued_token))
    assert found.rejection == token_service_pb2.TOKEN_REJECTION_BLOCKED


async def test_what_reads_as_the_tokens_of_two_peers_lets_nobody_in(database: Database, tmp_path: Path) -> None:
    """Two brokers may import them at the same moment, each before it can know of the other."""
    inner = newcomer("inner")
    outer = base64.b64encode(inner.issued_token.encode()).decode()
    async with running(tmp_path / "data", database) as before:
        home = await before.home()
        await take_over(home, inner)
        other = newcomer("other")
        await take_over(home, other)
        pepper = keys.read(before.settings.data_dir / "keys.json").pepper
    old, new = (minting.fingerprint_of_issued(pepper, text) for text in (other.issued_token, outer))
    binary = f"X'{new.digest.hex()}'" if database.url.startswith("sqlite") else f"'\\x{new.digest.hex()}'"
    change = f"UPDATE issued_token SET lookup_id = '{new.lookup_id}', digest = {binary}"
    database.execute(f"{change} WHERE lookup_id = '{old.lookup_id}'")
    async with running(tmp_path / "data", database) as after:
        found = await verdict(after, home, raw(outer))
        assert found.rejection == token_service_pb2.TOKEN_REJECTION_UNKNOWN
        assert (await verdict(after, home, raw(inner.issued_token))).peer == f"{home.name}/peers/inner"
        assert (await verdict(after, home, encoded(outer))).peer == f"{home.name}/peers/other"


async def test_a_token_that_has_moved_stays_when_its_first_peer_changes(stack: Stack, home: Home) -> None:
    """Memory must not forget it together with the peer that had it before."""
    new = newcomer(lifecycle=MANUAL)
    first = (await take_over(home, new)).peer.name
    await stack.peers.UnregisterPeer(peer_service_pb2.UnregisterPeerRequest(name=first, force=True))
    other = await stack.home()
    second = (await take_over(other, new)).peer.name

    await stack.peers.BlockPeer(peer_service_pb2.BlockPeerRequest(name=first))

    assert (await verdict(stack, other, raw(new.issued_token))).peer == second
    assert not (await verdict(stack, home, raw(new.issued_token))).valid
