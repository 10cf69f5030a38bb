"""An answer that contradicts what was agreed: its token is kept, and nothing else of it until an operator says so."""

import grpc
import pytest

from tests.integration.announcing_peers import on_sqlite
from tests.integration.every_version import WITH_ROLES, every_version
from tests.integration.field.links import REGISTERED, ids, linked
from tests.integration.field.odd_answers import odd
from tests.integration.field.partner import Partner, http, said
from tests.peer import FLAT, new_party, role
from tests.stack import Stack, reason

pytestmark = pytest.mark.anyio


def _being(partner: Partner, *parties: str, token: str) -> dict[str, object]:
    """Its credentials under other names."""
    if partner.version in FLAT:
        country, name, _ = parties[0].split("/")
        return partner.credentials(token, country_code=country, party_id=name)
    return partner.credentials(token, roles=[role(one) for one in parties])


def answers_as(partner: Partner, *parties: str) -> None:
    answer = odd(partner, lambda one, token: http(200, said(_being(one, *parties, token=token))))
    partner.says["POST"] = partner.says["PUT"] = answer


def own(kind: str = "EMSP") -> str:
    """What our side, which is a CPO, leaves over where no role is written."""
    return new_party(kind)


@every_version
async def test_another_party_is_quarantined_and_approved_at_once(stack: Stack, version: str) -> None:
    async with linked(stack, version, party=own()) as link:
        other = own()
        answers_as(link.partner, other)

        peer = await link.connected()

        assert peer.state == REGISTERED
        assert peer.quarantined
        assert [one.party_id for one in peer.requested_parties] == [other[3:6]]
        assert [one for one in peer.findings if one.id == "ANSWER_CONTRADICTS" and other in one.message], peer.findings
        assert "QUARANTINED" in ids(peer)
        assert any(other in warning for warning in (await link.record()).warnings)
        assert not await link.valid(link.partner.given[-1]), "nothing functional is open to it"
        with pytest.raises(grpc.RpcError) as caught:
            await link.held()
        assert reason(caught.value) == "WRONG_STATE", caught.value
        sent = len(link.partner.heard)

        peer = await link.approve(other)

        assert not peer.quarantined
        assert [one.party_id for one in peer.parties] == [other[3:6]]
        assert not peer.requested_parties
        assert not {"QUARANTINED", "ANSWER_CONTRADICTS"} & {*ids(peer)}
        assert await link.held() == link.partner.minted[-1]
        assert await link.valid(link.partner.given[-1])
        assert len(link.partner.heard) == sent, "the partner is not asked again"
        assert link.audited("peer.parties_approved") == [{"parties": [other]}]


@on_sqlite
@pytest.mark.parametrize("version", WITH_ROLES)
async def test_each_contradiction_has_a_warning(stack: Stack, version: str) -> None:
    async with linked(stack, version) as link:
        others = [new_party(), new_party()]
        answers_as(link.partner, link.partner.party, *others)

        peer = await link.connected()

        told = [one.message for one in peer.findings if one.id == "ANSWER_CONTRADICTS"]
        assert len(told) == 2
        assert all(any(other in message for message in told) for other in others)

        peer = await link.approve(others[0])
        assert not peer.quarantined, "what is left waits, and closes nothing"
        assert {f"DE/{one.party_id}/CPO" for one in peer.parties} == {link.partner.party, others[0]}
        assert [one.party_id for one in peer.requested_parties] == [others[1][3:6]]


@on_sqlite
@pytest.mark.parametrize("version", WITH_ROLES)
async def test_our_own_party_is_never_given_away(stack: Stack, version: str) -> None:
    async with linked(stack, version) as link:
        answers_as(link.partner, "NL/LMH/CPO", link.partner.party)

        peer = await link.connected()

        assert peer.quarantined
        assert not peer.requested_parties
        assert any("one of our own parties" in one.message for one in peer.findings)


@on_sqlite
@every_version
async def test_a_put_that_is_answered_with_another_party_leaves_those_that_are_there(
    stack: Stack, version: str
) -> None:
    async with linked(stack, version, party=own()) as link:
        await link.connected()
        other = own()
        answers_as(link.partner, other)

        peer = await link.rotate()

        assert not peer.quarantined
        assert [one.party_id for one in peer.parties] == [link.partner.party[3:6]]
        assert [one.party_id for one in peer.requested_parties] == [other[3:6]]
        assert await link.held() == link.partner.minted[-1]

        peer = await link.approve(other)
        assert {one.party_id for one in peer.parties} == {link.partner.party[3:6], other[3:6]}


async def test_what_was_turned_down_does_not_come_back(stack: Stack) -> None:
    """Emptied, the list of what was asked for gives the peer nothing later."""
    async with linked(stack) as link:
        await link.connected()
        other = new_party()
        answers_as(link.partner, other)
        await link.rotate()

        await link.change("requested_parties")
        peer = await link.approve(other)

        assert [one.party_id for one in peer.parties] == [link.partner.party[3:6]]
        assert not peer.requested_parties


@pytest.mark.parametrize("first", ["approved", "connected"])
async def test_a_party_that_another_peer_holds_waits_until_it_is_free(stack: Stack, first: str) -> None:
    async with linked(stack) as link:
        other = new_party()
        sender = stack.sender(await link.home.invite(peer_id="holder"), link.partner, other)
        if first == "connected":
            await sender.register()
        answers_as(link.partner, other)
        await link.connected()
        if first == "approved":
            await sender.register()

        peer = await link.approve(other)

        assert peer.quarantined
        assert [one.party_id for one in peer.requested_parties] == [other[3:6]]
        assert any("holder" in one.message for one in peer.findings if one.id == "PARTIES_HELD_ELSEWHERE"), (
            peer.findings
        )
        await sender.delete()
        peer = await link.approve()
        assert not peer.quarantined
        assert [one.party_id for one in peer.parties] == [other[3:6]]
        assert "PARTIES_HELD_ELSEWHERE" not in ids(peer)
