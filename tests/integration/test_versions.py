"""A peer of every version registers, updates and unregisters, in that version's own words."""

from typing import Any

import pytest

from ocpi_broker.v1 import peer_service_pb2, resources_pb2
from tests.integration.every_version import VERSIONS, change, every_version, newest, speaks
from tests.peer import FLAT, Received, Served, encoded, envelope, new_party, platform_running, raw, role
from tests.stack import Stack

pytestmark = pytest.mark.anyio


@every_version
async def test_the_whole_life_of_a_connection(stack: Stack, version: str) -> None:
    home = await stack.home(versions=VERSIONS)
    async with stack.guest(home, **speaks(version)) as guest:
        await guest.sender.register()
        first = await home.peer(guest.name)
        held = await home.held(guest.name, module="locations")
        told = await guest.sender.get()
        await guest.sender.rotate()
        gone = await guest.sender.delete()

        assert (first.version, first.state) == (version, resources_pb2.PEER_STATE_REGISTERED)
        assert [f"{p.country_code}/{p.party_id}/{resources_pb2.Role.Name(p.role)[5:]}" for p in first.parties] == [
            guest.party
        ]
        assert held.token in guest.platform.accepted
        assert held.authorization == guest.platform.form(held.token)
        assert held.endpoint_url == f"{guest.platform.base}/ocpi/{version}/sender/locations"
        assert told.outcome == (200, 1000)
        assert gone.outcome == (200, 1000)
        assert guest.platform.faults == []


@pytest.mark.parametrize("version", sorted(FLAT))
async def test_the_object_is_flat_before_2_2(stack: Stack, version: str) -> None:
    """CO-06 to CO-08, CO-34, CO-44: party and details of the platform that answers."""
    home = await stack.home(versions=[version])
    async with stack.guest(home, **speaks(version)) as guest:
        reply = await guest.sender.register()

        assert set(reply.data) == {"token", "url", "business_details", "party_id", "country_code"}
        assert (reply.data["country_code"], reply.data["party_id"]) == ("NL", "LMH")
        assert reply.data["business_details"] == {"name": "Lumen Hub"}
        assert reply.data["url"] == home.versions_url


@pytest.mark.parametrize("version", sorted(FLAT))
async def test_details_have_no_roles_before_2_2(stack: Stack, version: str) -> None:
    home = await stack.home(versions=[version])
    async with stack.guest(home, **speaks(version)) as guest:
        details = (await guest.sender.get(f"{guest.sender.base}/{version}")).data

        assert details["version"] == version
        assert [set(entry) for entry in details["endpoints"]] == [{"identifier", "url"}] * 3


async def test_delete_answers_null_on_2_0_and_nothing_later(stack: Stack) -> None:
    """UN-03, UN-04."""
    home = await stack.home(versions=["2.0", "2.1.1"])
    bodies = {}
    for version in ("2.0", "2.1.1"):
        async with stack.guest(home, **speaks(version)) as guest:
            await guest.sender.register()
            bodies[version] = (await guest.sender.delete()).body

    assert bodies["2.0"]["data"] is None
    assert "data" not in bodies["2.1.1"]


@pytest.mark.parametrize("version", sorted(FLAT))
@pytest.mark.parametrize(("ours", "theirs"), [("CPO", "EMSP"), ("EMSP", "CPO"), ("HUB", "OTHER")])
async def test_without_a_word_the_role_is_what_our_side_leaves_over(
    stack: Stack, version: str, ours: str, theirs: str
) -> None:
    """VL-10: an invitation for any party does not say in which role."""
    home = await stack.home(versions=[version], parties=[f"NL/LMH/{ours}"])
    invitation = await home.invite()
    async with platform_running(**speaks(version)) as platform:
        await stack.sender(invitation, platform, new_party()).register()

    assert [party.role for party in (await home.peer(invitation.peer.name)).parties] == [
        resources_pb2.Role.Value(f"ROLE_{theirs}")
    ]


async def test_an_invitation_in_two_roles_does_not_fit_2_1_1(stack: Stack) -> None:
    home = await stack.home(versions=["2.1.1"])
    party = new_party("CPO")
    invitation = await home.invite(party, party.replace("CPO", "EMSP"))
    async with platform_running(**speaks("2.1.1")) as platform:
        sender = stack.sender(invitation, platform, party)
        await sender.discover()
        reply = await sender.post()

    assert reply.outcome == (200, 2001)
    assert reply.message.startswith("party_id: ")
    assert platform.received == []


async def test_two_parties_of_ours_do_not_fit_2_1_1(stack: Stack) -> None:
    """NotExpressible: the peer gets an OCPI answer, the operator sees why, and nothing is stored."""
    home = await stack.home(versions=["2.1.1", "2.2.1"], parties=["NL/LMH/CPO", "NL/LMH/EMSP"])
    async with stack.guest(home, **speaks("2.1.1")) as guest:
        await guest.sender.discover()
        reply, shown = await guest.sender.post(), await guest.sender.get()

        assert reply.outcome == shown.outcome == (200, 3000)
        assert guest.platform.received == []
        assert (await newest(stack, guest.name)).reason == 34
        assert [warning.split(":")[0] for warning in home.tenant.warnings] == ["OCPI 2.1.1"]


async def test_a_hub_on_2_2_1_and_on_2_3_0(stack: Stack) -> None:
    """CO-36 to CO-38, A21: the same fact in two versions, also when the peer switches between them."""
    home = await stack.home(versions=["2.2.1", "2.3.0"], parties=["NL/LMH/HUB"])
    hub = new_party("HUB")
    invitation = await home.invite(hub)
    async with platform_running(version="2.2.1") as platform:
        sender = stack.sender(invitation, platform, hub)
        older = await sender.register()
        platform.version, sender.roles = "2.3.0", [role(hub.replace("HUB", "OTHER"))]
        await sender.discover()
        newer = await sender.put(hub_party_id="".join(hub.split("/")[:2]))

    assert [entry["role"] for entry in older.data["roles"]] == ["HUB"]
    assert "hub_party_id" not in older.data
    assert newer.data["hub_party_id"] == "NLLMH"
    assert [entry["role"] for entry in newer.data["roles"]] == ["OTHER"]
    peer = await home.peer(invitation.peer.name)
    assert peer.version == "2.3.0"
    assert [party.role for party in peer.parties] == [resources_pb2.ROLE_HUB]


async def test_a_hub_id_needs_an_invitation_like_any_party(stack: Stack) -> None:
    home = await stack.home(versions=["2.3.0"])
    async with stack.guest(home, **speaks("2.3.0")) as guest:
        await guest.sender.discover()
        reply = await guest.sender.post(hub_party_id="NLXYZ")

        assert reply.outcome == (200, 2001)
        assert reply.message.startswith("hub_party_id: ")


async def test_the_form_of_each_side_is_remembered(stack: Stack) -> None:
    """AU-13: a 2.2.1 peer that writes raw is written to raw."""
    home = await stack.home()
    async with stack.guest(home, form=raw) as guest:
        await guest.sender.register()
        peer, held = await home.peer(guest.name), await home.held(guest.name)

        assert peer.auth_form_in == peer.auth_form_out == resources_pb2.HEADER_FORM_RAW
        assert held.authorization == raw(held.token)


@pytest.mark.parametrize(
    ("versions", "quirk", "form"),
    [(["2.1.1"], "", raw), (["2.1.1", "2.2.1"], "", encoded), (["2.2.1"], "raw", raw), (["2.1.1"], "base64", encoded)],
)
async def test_an_invitation_is_handed_over_in_the_form_that_works(
    stack: Stack, versions: list[str], quirk: str, form: Any
) -> None:
    home = await stack.home(versions=versions)
    name = (await home.invite()).peer.name
    if quirk:
        await change(stack, name, quirks={"auth_form_in": quirk})
    invitation = await stack.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=name))

    assert invitation.authorization == form(invitation.token)
    shown = {"Authorization": invitation.authorization}
    assert (await stack.client.get(invitation.versions_url, headers=shown)).status_code == 200


async def test_a_paged_version_list_is_followed(stack: Stack) -> None:
    """PG-03: the list has no pages, but peers that make some lose nothing."""
    home = await stack.home()
    async with stack.guest(home) as guest:
        following = f"{guest.platform.base}/ocpi/versions?page=2"

        async def first(_: Received) -> Served:
            page = envelope([{"version": "2.1.1", "url": guest.platform.base}])
            return Served(body=page.body, headers=(("Link", f'<{following}>; rel="next"'),))

        async def second(request: Received) -> Served | None:
            return envelope(guest.platform.versions()) if "page=2" in request.path else None

        guest.platform.script |= {"versions": first, "unknown": second}
        await guest.sender.register()
        guest.platform.faults[:] = [fault for fault in guest.platform.faults if "page=2" not in fault]


@every_version
async def test_tenants_called_cpo_and_emsp_answer_at_the_usual_paths(own_stack: Stack, version: str) -> None:
    for name in ("cpo", "emsp"):
        home = await own_stack.home(tenant_id=name, versions=[version])
        async with own_stack.guest(home, **speaks(version)) as guest:
            await guest.sender.register()

            assert guest.sender.credentials_url == f"{own_stack.http}/ocpi/{name}/{version}/credentials"
