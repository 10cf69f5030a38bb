"""A registered peer goes to another version."""

import grpc
import pytest

from ocpi_broker.v1 import resources_pb2
from tests.integration.every_version import VERSIONS, WITH_ROLES, change, speaks
from tests.stack import Home, Stack

pytestmark = pytest.mark.anyio


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
