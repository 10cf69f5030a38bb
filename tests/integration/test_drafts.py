"""The draft of 2.0, whose ids and url the invitation knows."""

from typing import Any, ClassVar

import pytest

from ocpi_broker.v1 import peer_service_pb2, resources_pb2
from tests.integration.every_version import speaks
from tests.peer import Sender, new_token, platform_running
from tests.stack import Stack

pytestmark = pytest.mark.anyio


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
