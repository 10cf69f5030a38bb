"""Parties: who may announce which, and what becomes of them."""

import pytest

from broker.tools.conformance import objects
from broker.tools.conformance.connection import Connection
from broker.tools.conformance.editions import EDITIONS
from broker.tools.conformance.platform import Served, always, envelope
from broker.tools.conformance.transcript import Exchange
from ocpi_broker.v1 import resources_pb2
from tests.conformance.visitor import SINCE_2_2, VERSIONS, party, visitor
from tests.peer import new_party
from tests.stack import Home, Stack

pytestmark = pytest.mark.anyio

since_2_2 = pytest.mark.parametrize("version", SINCE_2_2)


def announcing(peer: Connection, *parties: str) -> dict[str, object]:
    """The object of these parties."""
    own = [party(text) for text in parties]
    return objects.credentials(peer.edition, peer.new_token(), peer.platform.versions_url, own)


def outcome(exchange: Exchange) -> tuple[int, object]:
    return exchange.answer.status, exchange.answer.code


def keys(peer: resources_pb2.Peer) -> set[str]:
    role = resources_pb2.Role.Name
    return {f"{one.country_code}/{one.party_id}/{role(one.role).removeprefix('ROLE_')}" for one in peer.parties}


@pytest.mark.requirement("RR-17", "UR-14")
async def test_a_party_that_is_not_invited_is_refused(host: Home, version: str) -> None:
    own = new_party()
    invitation = await host.invite(own)
    async with visitor(invitation, version, own) as peer:
        assert outcome(await peer.announce("POST", announcing(peer, new_party()))) == (200, 2001)
        assert outcome(await peer.announce("POST")) == (200, 1000)
        assert outcome(await peer.announce("PUT", announcing(peer, new_party()))) == (200, 2001)

    assert {key.rsplit("/", 1)[0] for key in keys(await host.peer(invitation.peer.name))} == {own.rsplit("/", 1)[0]}


@pytest.mark.requirement("PR-02", "UR-14")
async def test_a_party_of_another_peer_is_refused(host: Home, version: str) -> None:
    """On POST and on PUT, whatever the letter case and even if any party is invited."""
    taken = new_party("EMSP")  # the role that a CPO like us takes any visitor for where the version does not say it
    lower = taken[:6].lower() + "/EMSP"
    first = await host.invite(taken)
    async with visitor(first, version, taken) as owner, visitor(await host.invite(), version) as thief:
        assert outcome(await owner.announce("POST")) == (200, 1000)
        assert outcome(await thief.announce("POST", announcing(thief, taken))) == (200, 2001)
        assert outcome(await thief.announce("POST", announcing(thief, lower))) == (200, 2001)
        assert outcome(await thief.announce("POST")) == (200, 1000)
        assert outcome(await thief.announce("PUT", announcing(thief, taken))) == (200, 2001)
        assert (await owner.get()).answer.succeeded

    assert {key.rsplit("/", 1)[0] for key in keys(await host.peer(first.peer.name))} == {taken.rsplit("/", 1)[0]}


@since_2_2
@pytest.mark.requirement("CO-31", "HB-02", "VL-11")
async def test_one_registration_carries_many_parties(host: Home, version: str) -> None:
    """The same ids in two roles, and the same role with other ids; one pair of tokens for all."""
    first = new_party()
    parties = [first, first.replace("CPO", "EMSP"), new_party(), new_party("NSP")]
    invitation = await host.invite(*parties)
    async with visitor(invitation, version, *parties) as peer:
        assert outcome(await peer.announce("POST")) == (200, 1000)

        assert keys(await host.peer(invitation.peer.name)) == set(parties)
        for text in parties:
            assert (await host.verify(peer.token)).valid, text


@pytest.mark.requirement("UR-01", "PR-07")
async def test_put_replaces_everything(host: Home, version: str) -> None:
    """URL, name, endpoints: what is left out is gone."""
    invitation = await host.invite()
    async with visitor(invitation, version) as peer:
        await peer.announce("POST")
        before = await host.peer(invitation.peer.name)
        peer.platform.query = "of=some"
        fewer = peer.platform.endpoints()[:2]
        details = always(envelope({**peer.platform.details(), "endpoints": fewer}))
        body = objects.changed(peer.edition, peer.credentials(), business_details={"name": "New name"})
        with peer.misbehaving(details=details):
            assert outcome(await peer.announce("PUT", body)) == (200, 1000)
        after = await host.peer(invitation.peer.name)

    assert before.versions_url.endswith("?of=all")
    assert after.versions_url.endswith("?of=some")
    assert [one.business_details.name for one in after.parties] == ["New name"]
    assert len(before.endpoints) == len(peer.platform.endpoints())
    assert [endpoint.module for endpoint in after.endpoints] == [str(entry["identifier"]) for entry in fewer]


@pytest.mark.requirement("UR-08", "PR-07")
async def test_a_put_that_fails_replaces_nothing(host: Home, version: str) -> None:
    invitation = await host.invite()
    async with visitor(invitation, version) as peer:
        await peer.announce("POST")
        await peer.get()
        before, held = await host.peer(invitation.peer.name), (await host.held(invitation.peer.name)).token
        peer.platform.query = "of=some"

        with peer.misbehaving(details=always(Served(500))):
            assert outcome(await peer.announce("PUT")) == (200, 3001)
        after = await host.peer(invitation.peer.name)

        assert (after.versions_url, after.endpoints, after.parties) == (
            before.versions_url, before.endpoints, before.parties,
        )  # fmt: skip
        assert (await host.held(invitation.peer.name)).token == held
        assert (await host.verify(peer.token)).valid


HUB = "NL/LMH/HUB"


@pytest.mark.parametrize("version", ["2.2", "2.2.1"])
@pytest.mark.requirement("CO-36")
async def test_a_hub_lists_the_role_hub_alone(stack: Stack, version: str) -> None:
    home = await stack.home(versions=[version], parties=[HUB])
    async with visitor(await home.invite(), version) as peer:
        roles = (await peer.get()).answer.data["roles"]

    assert [(role["country_code"], role["party_id"], role["role"]) for role in roles] == [("NL", "LMH", "HUB")]


HUB_FIELD = [version for version in VERSIONS if EDITIONS[version].hub_field]


@pytest.mark.parametrize("version", HUB_FIELD)
@pytest.mark.requirement("CO-38", "CO-33", "CO-10")
async def test_a_hub_names_itself_in_a_field(stack: Stack, version: str) -> None:
    """And in no role: HUB is no more; without other parties the hub's ids stand in the role OTHER."""
    home = await stack.home(versions=[version], parties=[HUB])
    async with visitor(await home.invite(), version) as peer:
        data = (await peer.get()).answer.data

    assert data["hub_party_id"] == "NLLMH"
    assert [(role["country_code"], role["party_id"], role["role"]) for role in data["roles"]] == [
        ("NL", "LMH", "OTHER")
    ]


@pytest.mark.parametrize("version", HUB_FIELD)
@pytest.mark.requirement("PR-09", "CO-10")
async def test_the_id_of_a_hub_has_five_characters(host: Home, version: str) -> None:
    async with visitor(await host.invite(), version) as peer:
        for hub in ("NL-LMH", "NLLM", "NLLMHX", "N1LMH", "", 7):
            exchange = await peer.announce("POST", {**peer.credentials(), "hub_party_id": hub})
            assert outcome(exchange) == (200, 2001), hub
            assert "hub_party_id" in exchange.answer.message
        assert outcome(await peer.announce("POST", {**peer.credentials(), "hub_party_id": "nllm1"})) == (200, 1000)


@pytest.mark.parametrize("version", HUB_FIELD)
@pytest.mark.requirement("PR-08", "PR-02")
async def test_a_party_behind_a_hub_does_not_register_directly_as_well(host: Home, version: str) -> None:
    """The other way round a hub may name whom it reaches: that party stays with its own peer (CO-37)."""
    behind, direct = new_party(), new_party()
    async with visitor(await host.invite(), version, behind) as hub, visitor(await host.invite(), version) as other:
        assert outcome(await hub.announce("POST", {**hub.credentials(), "hub_party_id": "NLLM2"})) == (200, 1000)
        assert outcome(await other.announce("POST", announcing(other, behind))) == (200, 2001)
        assert outcome(await other.announce("POST", announcing(other, direct))) == (200, 1000)
        mixed = {**announcing(hub, behind, direct), "hub_party_id": "NLLM2"}
        assert outcome(await hub.announce("PUT", mixed)) == (200, 1000)
