"""A peer of every version registers, updates, switches version and unregisters, in that version's own words."""

import json
from typing import Any, ClassVar

import grpc
import pytest
from google.protobuf import field_mask_pb2

from broker.exchanges import leases
from ocpi_broker.v1 import peer_service_pb2, resources_pb2, tenant_service_pb2
from tests.peer import (
    FLAT,
    Platform,
    Received,
    Sender,
    Served,
    answering,
    checked,
    encoded,
    envelope,
    form_of,
    new_party,
    new_token,
    platform_running,
    raw,
    role,
)
from tests.stack import Guest, Home, Stack, reason

pytestmark = pytest.mark.anyio

VERSIONS = ("2.0", "2.1.1", "2.2", "2.2.1", "2.3.0")
WITH_ROLES = tuple(version for version in VERSIONS if version not in FLAT)
every_version = pytest.mark.parametrize("version", VERSIONS)

Outcome = resources_pb2.ExchangeOutcome


def speaks(version: str) -> dict[str, Any]:
    """Settings of a platform of this version."""
    return {"version": version, "form": form_of(version)}


async def newest(stack: Stack, name: str) -> resources_pb2.Exchange:
    request = peer_service_pb2.ListExchangesRequest(parent=name, page_size=1)
    return (await stack.peers.ListExchanges(request)).exchanges[0]


async def change(stack: Stack, name: str, *paths: str, **values: Any) -> resources_pb2.Peer:
    request = peer_service_pb2.UpdatePeerRequest(
        peer=resources_pb2.Peer(name=name, **values), update_mask=field_mask_pb2.FieldMask(paths=paths or values)
    )
    return (await stack.peers.UpdatePeer(request)).peer


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


class TestDraft:
    """The shape that 2.0 had before its release: a token and business details, whose logo is a URL."""

    DETAILS: ClassVar = {
        "name": "Example Operator",
        "logo": "http://example.com/images/logo.png",
        "website": "http://example.com",
    }

    async def test_it_registers_reads_back_updates_and_unregisters(self, stack: Stack) -> None:
        home = await stack.home(versions=["2.0"])
        async with platform_running(**speaks("2.0")) as platform:
            invitation = await home.invite("DE/KWL/CPO", versions_url=platform.versions_url)
            sender = stack.sender(invitation, platform, "DE/KWL/CPO")
            await sender.discover()
            reply = await self._announce(sender, "POST")
            sender.token = reply.token
            read_back = await sender.get()
            updated = await self._announce(sender, "PUT")
            sender.token = updated.token
            held = await home.held(invitation.peer.name)
            gone = await sender.delete()

        assert reply.outcome == read_back.outcome == updated.outcome == gone.outcome == (200, 1000)
        assert isinstance(read_back.data["business_details"], dict)
        assert held.token in platform.accepted
        assert gone.body["data"] is None
        logo = held.parties[0].business_details.logo
        assert (logo.url, logo.category, logo.type) == (self.DETAILS["logo"], "OPERATOR", "png")

    async def test_our_logo_is_a_url_for_those_that_send_one(self, stack: Stack) -> None:
        home = await stack.home(versions=["2.0"], logo="https://cdn.lumenhub.example/logo.svg")
        async with platform_running(**speaks("2.0")) as platform:
            invitation = await home.invite("DE/KWL/CPO", versions_url=platform.versions_url)
            sender = stack.sender(invitation, platform, "DE/KWL/CPO")
            await sender.discover()
            before = await sender.get()
            reply = await self._announce(sender, "POST")
            sender.token = reply.token
            after = await sender.get()

        assert before.data["business_details"]["logo"]["url"] == "https://cdn.lumenhub.example/logo.svg"
        for answer in (reply, after):
            assert answer.data["business_details"]["logo"] == "https://cdn.lumenhub.example/logo.svg"

    async def test_it_stays_with_2_0_and_with_the_connection(self, stack: Stack) -> None:
        home = await stack.home(versions=["2.0", "2.2.1"], logo="https://cdn.lumenhub.example/logo.svg")
        async with platform_running(**speaks("2.0")) as platform:
            invitation = await home.invite("DE/KWL/CPO", versions_url=platform.versions_url)
            sender = stack.sender(invitation, platform, "DE/KWL/CPO")
            await sender.discover()
            sender.token = (await self._announce(sender, "POST")).token
            newer = await sender.get(f"{sender.base}/2.2.1/credentials")
            reset = await stack.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=invitation.peer.name))
            sender.token = reset.token
            anew = await sender.get(f"{sender.base}/2.0/credentials")

        assert newer.data["roles"][0]["business_details"]["logo"]["url"].endswith("logo.svg")
        assert anew.data["business_details"]["logo"]["url"].endswith("logo.svg")

    async def test_a_strict_tenant_refuses_it(self, stack: Stack) -> None:
        home = await stack.home(versions=["2.0"], policy=resources_pb2.TenantPolicy(strict=True))
        async with platform_running(**speaks("2.0")) as platform:
            invitation = await home.invite("DE/KWL/CPO", versions_url=platform.versions_url)
            sender = stack.sender(invitation, platform, "DE/KWL/CPO")
            await sender.discover()

            assert (await self._announce(sender, "POST")).outcome == (200, 2001)

    @pytest.mark.parametrize(
        ("parties", "url", "field"),
        [(["DE/KWL/CPO"], False, "url"), (["DE/KWL/CPO", "DE/KWM/CPO"], True, "party_id"), ([], True, "party_id")],
        ids=["no url", "two parties", "any party"],
    )
    async def test_what_the_invitation_does_not_say_is_missing(
        self, stack: Stack, parties: list[str], url: bool, field: str
    ) -> None:
        home = await stack.home(versions=["2.0"])
        async with platform_running(**speaks("2.0")) as platform:
            invitation = await home.invite(*parties, versions_url=platform.versions_url if url else "")
            sender = stack.sender(invitation, platform, "DE/KWL/CPO")
            await sender.discover()
            reply = await self._announce(sender, "POST")

        assert reply.outcome == (200, 2001)
        assert reply.message.startswith(f"{field}: is required")
        assert platform.received == []

    async def test_it_is_nothing_for_later_versions(self, stack: Stack) -> None:
        home = await stack.home(versions=["2.1.1"])
        async with platform_running(**speaks("2.1.1")) as platform:
            invitation = await home.invite("DE/KWL/CPO", versions_url=platform.versions_url)
            sender = stack.sender(invitation, platform, "DE/KWL/CPO")
            await sender.discover()
            reply = await self._announce(sender, "POST")

        assert reply.outcome == (200, 2001)
        assert reply.message.startswith("url: is required")

    async def _announce(self, sender: Sender, method: str) -> Any:
        token = new_token()
        sender.platform.accepted.add(token)
        body = {"token": token, "business_details": self.DETAILS}
        return await (sender.post if method == "POST" else sender.put)(body)


class TestSwitch:
    """PUT to another version's endpoint (UR-04, A34, A41)."""

    @pytest.mark.parametrize(("old", "new"), [("2.0", "2.3.0"), ("2.1.1", "2.2.1"), ("2.2", "2.3.0")])
    async def test_up(self, stack: Stack, old: str, new: str) -> None:
        home = await stack.home(versions=VERSIONS)
        async with stack.guest(home, **speaks(old)) as guest:
            await guest.sender.register()
            guest.platform.version = new
            await guest.sender.discover()
            reply = await guest.sender.rotate()
            peer = await home.peer(guest.name)

            assert ("roles" in reply.data) == (new in WITH_ROLES)
            assert peer.version == new
            assert {endpoint.url.split("/")[4] for endpoint in peer.endpoints} == {new}
            assert guest.platform.faults == []

    async def test_down_is_locked_until_an_operator_allows_it(self, stack: Stack) -> None:
        home = await stack.home(versions=["2.1.1", "2.2.1"])
        async with stack.guest(home) as guest:
            await guest.sender.register()
            guest.platform.version = "2.1.1"
            await guest.sender.discover()
            locked = await guest.sender.put()
            await change(stack, guest.name, may_downgrade=True)
            allowed = await guest.sender.rotate()
            await change(stack, guest.name, may_downgrade=False)
            again = await guest.sender.rotate()

            assert locked.outcome == (200, 3002)
            assert allowed.outcome == again.outcome == (200, 1000)
            assert (await home.peer(guest.name)).version == "2.1.1"

    @pytest.mark.parametrize("first", ["POST", "PUT"])
    async def test_a_version_counts_once_the_peer_has_learned_that_it_was_reached(
        self, stack: Stack, first: str
    ) -> None:
        """F3, F4: the answer was lost, so the peer goes on from where it was."""
        home = await stack.home(versions=["2.2.1", "2.3.0"])
        async with stack.guest(home) as guest:
            if first == "PUT":
                await guest.sender.register()
            guest.platform.version = "2.3.0"
            await guest.sender.discover()
            lost = await (guest.sender.post() if first == "POST" else guest.sender.put())
            guest.platform.version = "2.2.1"
            await guest.sender.discover()
            again = await (guest.sender.post() if first == "POST" else guest.sender.rotate())

            assert lost.outcome == again.outcome == (200, 1000)
            assert (await home.peer(guest.name)).version == "2.2.1"

    async def test_down_may_be_the_tenants_rule(self, stack: Stack) -> None:
        policy = resources_pb2.TenantPolicy(may_downgrade=True)
        home = await stack.home(versions=["2.1.1", "2.2.1"], policy=policy)
        async with stack.guest(home) as guest:
            await guest.sender.register()
            guest.platform.version = "2.1.1"
            await guest.sender.discover()
            await guest.sender.rotate()

            assert (await home.peer(guest.name)).version == "2.1.1"

    async def test_every_version_stays_readable(self, stack: Stack) -> None:
        """A41: needed to switch back."""
        home = await stack.home(versions=VERSIONS)
        async with stack.guest(home) as guest:
            await guest.sender.register()
            for version in VERSIONS:
                assert (await guest.sender.get(f"{guest.sender.base}/{version}")).outcome == (200, 1000)
                assert (await guest.sender.get(f"{guest.sender.base}/{version}/credentials")).outcome == (200, 1000)

    async def test_post_to_another_version_is_405(self, stack: Stack) -> None:
        """A42."""
        home = await stack.home(versions=["2.1.1", "2.2.1"])
        async with stack.guest(home) as guest:
            await guest.sender.register()
            guest.sender.credentials_url = f"{guest.sender.base}/2.1.1/credentials"

            assert (await guest.sender.post()).status == 405

    async def test_a_version_closed_to_the_peer(self, stack: Stack) -> None:
        """VL-09, F22: not listed, not readable, and 3002 for who tries."""
        home = await stack.home(versions=["2.1.1", "2.2.1"])
        async with stack.guest(home) as guest:
            await change(stack, guest.name, versions=["2.2.1"])
            listed = await guest.sender.versions()
            details = await guest.sender.get(f"{guest.sender.base}/2.1.1")
            guest.sender.credentials_url = f"{guest.sender.base}/2.1.1/credentials"
            guest.platform.version = "2.1.1"
            posted = await guest.sender.post()

            assert [entry["version"] for entry in listed.data] == ["2.2.1"]
            assert details.outcome == (404, 3002)
            assert posted.outcome == (200, 3002)
            assert guest.platform.received == []

    async def test_a_version_in_use_can_be_closed_too(self, stack: Stack) -> None:
        """F22: the peer may leave it and unregister, and nothing else."""
        home = await stack.home(versions=["2.1.1", "2.2.1"])
        async with stack.guest(home, **speaks("2.1.1")) as guest:
            await guest.sender.register()
            await change(stack, guest.name, versions=["2.2.1"])
            closed = await guest.sender.put()
            read = await guest.sender.get()
            guest.platform.version = "2.2.1"
            await guest.sender.discover()
            await guest.sender.rotate()

            assert closed.outcome == (200, 3002)
            assert read.outcome == (404, 3002)
            assert (await home.peer(guest.name)).version == "2.2.1"

    async def test_a_peer_cannot_be_limited_to_what_the_tenant_has_not(self, stack: Stack, home: Home) -> None:
        invitation = await home.invite()
        with pytest.raises(grpc.RpcError) as caught:
            await change(stack, invitation.peer.name, versions=["2.3.0"])

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    async def test_a_version_that_is_not_offered_any_more_goes_on_for_who_uses_it(self, stack: Stack) -> None:
        """F22: until the peer has moved."""
        home = await stack.home(versions=["2.1.1", "2.2.1"])
        async with stack.guest(home, **speaks("2.1.1")) as guest, stack.guest(home) as other:
            await guest.sender.register()
            await stack.offer(home, "2.2.1")
            listed = await guest.sender.versions()
            await guest.sender.rotate()
            elsewhere = await other.sender.get(f"{other.sender.base}/2.1.1")
            gone = await guest.sender.delete()

            assert [entry["version"] for entry in listed.data] == ["2.2.1"]
            assert elsewhere.outcome == (404, 3002)
            assert gone.outcome == (200, 1000)


class TestRolePolicy:
    """Which parties a peer may register (RR-17, A19)."""

    async def test_a_pattern_lets_in_what_it_covers(self, stack: Stack) -> None:
        home = await stack.home()
        invitation = await stack.invite_pattern(home, "DE/*/CPO")
        async with platform_running() as platform:
            sender = stack.sender(invitation, platform, new_party("CPO"))
            await sender.discover()
            refused = await sender.post(roles=[role(new_party("EMSP"))])
            await sender.register()

        assert refused.outcome == (200, 2001)

    async def test_exact_takes_no_patterns(self, stack: Stack) -> None:
        home = await stack.home(policy=resources_pb2.TenantPolicy(role_policy=resources_pb2.ROLE_POLICY_EXACT))
        for invite in (stack.invite_pattern(home, "DE/*/CPO"), home.invite()):
            with pytest.raises(grpc.RpcError) as caught:
                await invite
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    async def test_exact_binds_earlier_invitations_too(self, stack: Stack) -> None:
        home = await stack.home()
        invitation = await home.invite()
        await self._make_exact(stack, home)
        async with platform_running() as platform:
            sender = stack.sender(invitation, platform, new_party())
            await sender.discover()

            assert (await sender.post()).outcome == (200, 2001)
        with pytest.raises(grpc.RpcError) as caught:
            await stack.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=invitation.peer.name))
        assert reason(caught.value) == "WRONG_STATE"  # nobody could use another invitation on the same terms

    async def test_exact_leaves_what_is_registered(self, stack: Stack) -> None:
        """UR-14: a peer rotates its token under whatever policy."""
        home = await stack.home()
        invitation = await home.invite()
        async with platform_running() as platform:
            sender = stack.sender(invitation, platform, new_party())
            await sender.register()
            await self._make_exact(stack, home)
            await sender.rotate()
            more = await sender.put(roles=[*sender.roles, role(new_party())])

        assert more.outcome == (200, 2001)

    async def _make_exact(self, stack: Stack, home: Home) -> None:
        policy = resources_pb2.TenantPolicy(role_policy=resources_pb2.ROLE_POLICY_EXACT)
        await stack.services.tenants.UpdateTenant(
            tenant_service_pb2.UpdateTenantRequest(
                tenant=resources_pb2.Tenant(name=home.name, policy=policy),
                update_mask=field_mask_pb2.FieldMask(paths=["policy"]),
            )
        )

    async def test_what_nobody_can_look_through_does_not_wait(self, stack: Stack) -> None:
        """An operator looks at each party; more than a hundred are refused, and nothing is kept of them."""
        home = await stack.home(policy=resources_pb2.TenantPolicy(role_policy=resources_pb2.ROLE_POLICY_MANUAL))
        async with stack.guest(home) as guest:
            await guest.sender.discover()
            strangers = [role(f"FR/X{number:02}/EMSP") for number in range(51)]
            strangers += [role(f"FR/Y{number:02}/EMSP") for number in range(50)]
            too_many = await guest.sender.post(roles=strangers)
            kept = (await home.peer(guest.name)).requested_parties
            enough = await guest.sender.post(roles=strangers[:100])

            assert too_many.outcome == enough.outcome == (200, 2001)
            assert "approval" not in too_many.message
            assert kept == []
            assert len((await home.peer(guest.name)).requested_parties) == 100

    async def test_asking_for_something_else_uses_up_the_invitation(
        self, stack: Stack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(leases, "_MAX_FAILURES", 3)
        home = await stack.home(policy=resources_pb2.TenantPolicy(role_policy=resources_pb2.ROLE_POLICY_MANUAL))
        async with stack.guest(home) as guest:
            await guest.sender.discover()
            for _ in range(3):
                await guest.sender.post(roles=[role(new_party("EMSP"))])

            assert (await guest.sender.versions()).status == 401

    async def test_a_request_ends_with_the_connection(self, stack: Stack) -> None:
        home = await stack.home(policy=resources_pb2.TenantPolicy(role_policy=resources_pb2.ROLE_POLICY_MANUAL))
        async with stack.guest(home) as guest:
            await guest.sender.discover()
            await guest.sender.post(roles=[role(new_party("EMSP"))])
            await stack.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=guest.name))
            peer = await home.peer(guest.name)

            assert (peer.requested_parties, peer.warnings) == ([], [])

    async def test_manual_waits_for_an_operator(self, stack: Stack) -> None:
        home = await stack.home(policy=resources_pb2.TenantPolicy(role_policy=resources_pb2.ROLE_POLICY_MANUAL))
        stranger = new_party("EMSP")
        async with stack.guest(home) as guest:
            guest.sender.roles.append(role(stranger))
            await guest.sender.discover()
            waiting = await guest.sender.post()
            asked = await home.peer(guest.name)
            terms = asked.terms
            terms.parties.extend(asked.requested_parties)
            approved = await change(stack, guest.name, terms=terms)
            await guest.sender.register()

            assert waiting.outcome == (200, 2001)
            assert "approval" in waiting.message
            assert [f"{p.country_code}/{p.party_id}" for p in asked.requested_parties] == [stranger[:6]]
            assert any("approval" in warning for warning in asked.warnings)
            assert approved.requested_parties == []
            assert len((await home.peer(guest.name)).parties) == 2

    async def test_a_party_of_ours_is_nobody_elses(self, stack: Stack) -> None:
        home = await stack.home()
        invitation = await home.invite()
        async with platform_running() as platform:
            sender = stack.sender(invitation, platform, new_party(), "NL/LMH/CPO")
            await sender.discover()
            reply = await sender.post()

        assert reply.outcome == (200, 2001)
        assert reply.message.startswith("roles[1]: NL/LMH/CPO")


class TestStrict:
    """What is let pass with a warning, and refused in certification (CO-40)."""

    LOOSE: ClassVar = {"name": "K" * 101, "website": "not a url", "logo": {"url": "https://x.example/l.png"}}

    async def _post(self, guest: Guest) -> Any:
        guest.sender.roles[0]["business_details"] = self.LOOSE
        await guest.sender.discover()
        return await guest.sender.post()

    async def test_loosely_it_is_noted(self, stack: Stack) -> None:
        home = await stack.home()
        async with stack.guest(home) as guest:
            reply = await self._post(guest)
            exchange = await newest(stack, guest.name)

            assert reply.outcome == (200, 1000)
            assert [warning.split(":")[0] for warning in exchange.warnings] == [
                f"roles[0].business_details.{field}" for field in ("name", "website", "logo.type")
            ]

    async def test_an_answer_without_a_time_is_taken_and_noted(self, stack: Stack, home: Home, guest: Guest) -> None:
        """F16."""
        listed = {"data": guest.platform.versions(), "status_code": 1000}
        guest.platform.script["versions"] = answering(Served(body=json.dumps(listed).encode()))
        await guest.sender.register()

        assert "versions list: timestamp: is missing" in (await newest(stack, guest.name)).warnings

    async def test_an_entry_of_the_list_that_was_skipped_is_noted(self, stack: Stack, home: Home, guest: Guest) -> None:
        """VL-05: the peer does list the version, so both sides must be able to see why that is not enough."""
        listed = envelope([{"version": "2.2.1", "url": "/ocpi/2.2.1"}])
        guest.platform.script["versions"] = answering(listed)
        await guest.sender.discover()
        reply = await guest.sender.post()
        exchange = await newest(stack, guest.name)

        assert reply.outcome == (200, 3002)
        (note,) = exchange.warnings
        assert note.startswith("versions list: [0].url: ")
        assert note.endswith("; the entry was skipped")

    async def test_strictly_it_is_refused(self, stack: Stack) -> None:
        home = await stack.home(policy=resources_pb2.TenantPolicy(strict=True))
        async with stack.guest(home) as guest:
            reply = await self._post(guest)

            assert reply.outcome == (200, 2001)
            assert reply.message.startswith("roles[0].business_details.name: ")
            assert guest.platform.received == []


def wrapped(platform: Platform) -> dict[str, Any]:
    """Scripts of the shapes that a strict tenant does not take, by quirk."""

    async def details(request: Received) -> Served | None:
        shown = request.header("authorization")
        return envelope(platform.details()) if shown in {platform.form(one) for one in platform.accepted} else None

    async def details_in_array(_: Received) -> Served:
        return envelope([platform.details()])

    async def versions_in_object(_: Received) -> Served:
        return envelope({"versions": platform.versions()})

    return {
        "url_is_version_details": {"versions": details},
        "details_wrapped_in_array": {"details": details_in_array},
        "versions_wrapped_in_object": {"versions": versions_in_object},
    }


SHAPES = ("url_is_version_details", "details_wrapped_in_array", "versions_wrapped_in_object")


class TestQuirks:
    """Settings of one peer: what goes wrong without, that the record names the quirk, and that it helps."""

    async def _prove(self, stack: Stack, guest: Guest, quirk: str, value: str = "true", code: int = 3001) -> Any:
        await guest.sender.discover()
        before = await guest.sender.post()
        named = (await newest(stack, guest.name)).quirk
        await change(stack, guest.name, quirks={quirk: value})
        after = await guest.sender.post()

        assert before.outcome == (200, code)
        assert named == quirk
        assert after.outcome == (200, 1000), after
        assert dict((await stack.peers.GetPeer(peer_service_pb2.GetPeerRequest(name=guest.name))).peer.quirks) == {
            quirk: value
        }
        return after

    @pytest.mark.parametrize(
        "quirk", ["url_is_version_details", "details_wrapped_in_array", "versions_wrapped_in_object"]
    )
    async def test_shapes_are_taken_loosely(self, stack: Stack, quirk: str) -> None:
        home = await stack.home()
        async with stack.guest(home) as guest:
            guest.platform.script |= wrapped(guest.platform)[quirk]
            await guest.sender.register()

            assert any(quirk in warning for warning in (await newest(stack, guest.name)).warnings)

    @pytest.mark.parametrize(
        "quirk", ["url_is_version_details", "details_wrapped_in_array", "versions_wrapped_in_object"]
    )
    async def test_shapes_are_a_quirk_where_it_is_strict(self, stack: Stack, quirk: str) -> None:
        home = await stack.home(policy=resources_pb2.TenantPolicy(strict=True))
        async with stack.guest(home) as guest:
            guest.platform.script |= wrapped(guest.platform)[quirk]
            await self._prove(stack, guest, quirk)

    async def test_accept_version_mismatch(self, stack: Stack) -> None:
        home = await stack.home()
        async with stack.guest(home) as guest:

            async def mismatched(_: Received) -> Served:
                return envelope(guest.platform.details() | {"version": "2.2"})

            guest.platform.script["details"] = mismatched
            await self._prove(stack, guest, "accept_version_mismatch", code=3002)

    @every_version
    async def test_echoes_our_roles(self, stack: Stack, version: str) -> None:
        home = await stack.home(versions=[version])
        async with stack.guest(home, **speaks(version)) as guest:
            guest.sender.roles[:] = [role("NL/LMH/CPO")]
            await self._prove(stack, guest, "echoes_our_roles", code=2001)
            peer = await home.peer(guest.name)

            assert f"{peer.parties[0].country_code}/{peer.parties[0].party_id}" == guest.party[:6]

    async def test_token_max_len(self, stack: Stack) -> None:
        home = await stack.home(versions=["2.0"])
        async with stack.guest(home, **speaks("2.0")) as guest:
            token = "t" * 255
            guest.platform.accepted.add(token)
            await guest.sender.discover()
            before = await guest.sender.post(token=token)
            named = (await newest(stack, guest.name)).quirk
            await change(stack, guest.name, quirks={"token_max_len": "255"})
            after = await guest.sender.post(token=token)

            assert before.outcome == (200, 2001)
            assert before.message.startswith("token: ")
            assert named == "token_max_len"
            assert after.outcome == (200, 1000)
            assert (await home.held(guest.name)).token == token

    async def test_missing_ids(self, stack: Stack) -> None:
        """ID-01, ID-07: never a reason to refuse, unless a tenant certifies."""
        home = await stack.home(policy=resources_pb2.TenantPolicy(strict=True))
        async with stack.guest(home) as guest:
            await guest.sender.discover()
            body = json.dumps(guest.sender.credentials(new_token())).encode()
            guest.platform.accepted.add(json.loads(body)["token"])

            async def post() -> Any:
                headers = {"Authorization": encoded(guest.sender.token), "Content-Type": "application/json"}
                return checked(await stack.client.post(guest.sender.credentials_url, content=body, headers=headers))

            before = await post()
            named = (await newest(stack, guest.name)).quirk
            await change(stack, guest.name, quirks={"missing_ids": "true"})
            after = await post()

            assert before.outcome == (200, 2001)
            assert "X-Request-ID" in before.message
            assert named == "missing_ids"
            assert after.outcome == (200, 1000)
            guest.platform.faults.clear()  # the correlation id is ours: the peer sent none

    async def test_auth_form_in(self, stack: Stack) -> None:
        """A1: both forms are taken, unless an operator forbids one."""
        home = await stack.home()
        async with stack.guest(home) as guest:
            guest.sender.form = raw
            assert (await guest.sender.versions()).status == 200
            await change(stack, guest.name, quirks={"auth_form_in": "base64"})
            assert (await guest.sender.versions()).status == 401
            guest.sender.form = encoded
            assert (await guest.sender.versions()).status == 200

    async def test_auth_form_out(self, stack: Stack) -> None:
        """A1: without it we write as the peer does, and try the other form once on GETs."""
        home = await stack.home()
        async with stack.guest(home) as guest:
            guest.sender.form, guest.platform.form = encoded, raw
            await change(stack, guest.name, quirks={"auth_form_out": "base64"})
            await guest.sender.discover()
            refused = await guest.sender.post()
            named = (await newest(stack, guest.name)).quirk
            seen = len(guest.platform.received)
            await change(stack, guest.name, quirks={"auth_form_out": "raw"})
            await guest.sender.register()
            held, peer = await home.held(guest.name), await home.peer(guest.name)

            assert refused.outcome == (200, 3001)
            assert named == "auth_form_out"
            assert seen == 1, "no second try"
            assert held.authorization == raw(held.token)
            assert (peer.auth_form_in, peer.auth_form_out) == (
                resources_pb2.HEADER_FORM_BASE64,
                resources_pb2.HEADER_FORM_RAW,
            )
            guest.platform.faults.clear()

    async def test_explicit_nulls(self, stack: Stack) -> None:
        home = await stack.home(versions=["2.3.0"])
        async with stack.guest(home, **speaks("2.3.0")) as guest:
            await guest.sender.discover()
            assert "hub_party_id" not in (await guest.sender.get()).data
            await change(stack, guest.name, quirks={"explicit_nulls": "true"})
            reply = await guest.sender.post()

            assert reply.data["hub_party_id"] is None
            assert reply.data["roles"][0]["business_details"] == {"name": "Lumen Hub", "website": None, "logo": None}

    async def test_trailing_slash(self, stack: Stack) -> None:
        home = await stack.home()
        async with stack.guest(home) as guest:
            await change(stack, guest.name, quirks={"trailing_slash": "true"})
            listed = await guest.sender.versions()
            await guest.sender.discover()
            reply = await guest.sender.post()

            assert listed.data[0]["url"] == f"{guest.sender.base}/2.2.1/"
            assert guest.sender.credentials_url == f"{guest.sender.base}/2.2.1/credentials/"
            assert reply.data["url"] == f"{guest.sender.base}/versions/"

    @pytest.mark.parametrize(
        "quirks", [{"no_such": "true"}, {"trailing_slash": "yes"}, {"token_max_len": "64"}, {"auth_form_in": "auto"}]
    )
    async def test_what_is_no_quirk_is_refused_by_name(self, stack: Stack, home: Home, quirks: dict[str, str]) -> None:
        invitation = await home.invite()
        with pytest.raises(grpc.RpcError) as caught:
            await change(stack, invitation.peer.name, quirks=quirks)

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert next(iter(quirks)) in str(caught.value.details())


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


async def test_a_quirk_of_a_later_release_does_no_harm(own_stack: Stack) -> None:
    """Brokers are replaced one by one, and read what a newer one has written."""
    home = await own_stack.home()
    name = (await home.invite()).peer.name
    own_stack.database.execute("""UPDATE peer SET quirks = '{"from_a_later_release":"yes"}'""")
    changed = await change(own_stack, name, versions=["2.2.1"])

    assert dict(changed.quirks) == {"from_a_later_release": "yes"}


async def test_what_a_failed_exchange_let_pass_is_on_record(stack: Stack) -> None:
    policy = resources_pb2.TenantPolicy(required_modules=[resources_pb2.RequiredModule(module="commands")])
    home = await stack.home(policy=policy)
    async with stack.guest(home) as guest:
        guest.platform.script |= wrapped(guest.platform)["versions_wrapped_in_object"]
        await guest.sender.discover()
        reply = await guest.sender.post()
        exchange = await newest(stack, guest.name)

        assert reply.outcome == (200, 3003)
        assert any("versions_wrapped_in_object" in warning for warning in exchange.warnings)


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
