"""Parties that the invitation does not name: refused, kept for approval, or taken."""

import grpc
import pytest
from google.protobuf import field_mask_pb2

from broker.exchanges import leases
from ocpi_broker.v1 import peer_service_pb2, resources_pb2, tenant_service_pb2
from tests.integration.every_version import change
from tests.peer import new_party, platform_running, role
from tests.stack import Home, Stack, reason

pytestmark = pytest.mark.anyio


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
