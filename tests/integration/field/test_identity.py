"""Who a peer is: a PUT that changes it, and a partner that gives its invitation back as its token."""

import pytest

from tests.integration.announcing_peers import on_sqlite
from tests.integration.every_version import VERSIONS, WITH_ROLES, every_version
from tests.integration.field.links import REGISTERED, ids, linked
from tests.integration.field.partner import http, said
from tests.peer import FLAT, new_party, role
from tests.stack import Stack

pytestmark = pytest.mark.anyio


@every_version
async def test_a_put_that_changes_the_party_is_allowed_audited_and_told(stack: Stack, version: str) -> None:
    async with linked(stack, version) as link:
        was, now = new_party("EMSP"), new_party("EMSP")
        sender = stack.sender(await link.home.invite(peer_id=link.id), link.partner, was)
        await sender.register()
        fields = {"party_id": now[3:6]} if version in FLAT else {"roles": [role(now)]}

        reply = await sender.put(**fields)

        assert reply.outcome == (200, 1000)
        (entry,) = link.audited("peer.identity_changed")
        assert was in entry["change"]
        assert now in entry["change"]
        peer = await link.peer()
        assert [one.party_id for one in peer.parties] == [now[3:6]]
        (finding,) = [one.message for one in peer.findings if one.id == "IDENTITY_CHANGED"]
        assert any(finding.startswith(told) for told in (await link.record()).warnings)
        assert finding in peer.warnings


@on_sqlite
@every_version
async def test_a_put_that_changes_nothing_says_nothing(stack: Stack, version: str) -> None:
    async with linked(stack, version) as link:
        sender = await link.registered()

        await sender.rotate()

        assert "IDENTITY_CHANGED" not in ids(await link.peer())
        assert not link.audited("peer.identity_changed")


@on_sqlite
@pytest.mark.parametrize("version", [version for version in WITH_ROLES if version != "2.2"])
async def test_a_hub_reaches_others_every_day(stack: Stack, version: str) -> None:
    async with linked(stack, version) as link:
        hub, parties = new_party("HUB"), [new_party(), new_party()]
        named = {"hub_party_id": hub[:2] + hub[3:6]} if version == "2.3.0" else {}
        own = [] if named else [role(hub)]
        sender = stack.sender(await link.home.invite(peer_id=link.id), link.partner, hub)
        await sender.discover()
        sender.token = (await sender.post(**named, roles=[*own, role(parties[0])])).token

        reply = await sender.put(**named, roles=[*own, *map(role, parties)])

        assert reply.outcome == (200, 1000)
        assert "IDENTITY_CHANGED" not in ids(await link.peer())


@every_version
async def test_a_partner_that_registers_with_its_invitation_as_its_token(stack: Stack, version: str) -> None:
    async with linked(stack, version) as link:
        sender = await link.invited()
        await sender.discover()
        invitation = sender.token

        refused = await sender.post(token=invitation)

        assert refused.outcome == (200, 2001)
        assert refused.message.startswith("token: ")
        assert (await link.record()).quirk == "token_is_invitation"

        await link.change(quirks={"token_is_invitation": "true"})
        reply = await sender.post(token=invitation)
        assert reply.outcome == (200, 1000)
        assert await link.held() == invitation
        assert "TOKEN_IS_INVITATION" in ids(await link.peer())
        sender.token = reply.token
        assert (await sender.put(token=reply.token)).outcome == (200, 2001), "the invitation only"
        await sender.rotate()
        assert "TOKEN_IS_INVITATION" not in ids(await link.peer()), "it was renewed"


@on_sqlite
async def test_the_invitation_of_another_peer_is_never_taken(stack: Stack) -> None:
    async with linked(stack) as link:
        sender = await link.invited()
        other = (await link.home.invite(new_party())).token
        await link.change(quirks={"token_is_invitation": "true"})
        await sender.discover()

        assert (await sender.post(token=other)).outcome == (200, 2001)


@pytest.mark.parametrize("version", [VERSIONS[1], VERSIONS[3]])
async def test_a_partner_that_answers_with_its_invitation(stack: Stack, version: str) -> None:
    async with linked(stack, version, keeps=True) as link:
        token = link.partner.fresh()
        link.partner.says["POST"] = lambda _: http(200, said(link.partner.credentials(token)))

        peer = await link.attempted(link.connect(token, wait=False))

        assert peer.state != REGISTERED
        assert peer.job.outcome_unknown
        assert (await link.record()).quirk == "token_is_invitation"

        await link.change(quirks={"token_is_invitation": "true"})
        peer = await link.connect(token)
        assert peer.state == REGISTERED, peer.job
        assert await link.held() == token
        assert "TOKEN_IS_INVITATION" in ids(peer)
        peer = await link.rotate()
        assert not peer.HasField("job"), peer.job
        assert "TOKEN_IS_INVITATION" not in ids(peer), "it was renewed"
        assert await link.held() == link.partner.minted[-1]
