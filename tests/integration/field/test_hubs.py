"""A hub lists whom it reaches, and some of them are connected with us directly: those stay where they are (CO-37)."""

import pytest

from tests.integration.announcing_peers import on_sqlite
from tests.integration.field.links import REGISTERED, Link, ids, linked
from tests.integration.field.odd_answers import odd
from tests.integration.field.partner import http, said
from tests.peer import Sender, new_party, role
from tests.stack import Stack

pytestmark = pytest.mark.anyio

ELSEWHERE = "PARTIES_HELD_ELSEWHERE"
hub_versions = pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])


async def holder_of(link: Link, party: str) -> Sender:
    """A peer that is connected directly."""
    sender = link.stack.sender(await link.home.invite(party, peer_id="direct"), link.partner, party)
    await sender.register()
    return sender


def listing(link: Link, hub: str, *parties: str) -> dict[str, object]:
    """What a hub of these ids says of itself and of those that it reaches."""
    if link.partner.version == "2.3.0":
        return {"hub_party_id": hub[:2] + hub[3:6], "roles": [role(one) for one in parties]}
    return {"roles": [role(hub), *map(role, parties)]}


def parties_of(peer: object) -> set[str]:
    return {one.party_id for one in peer.parties}  # type: ignore[attr-defined]


async def joins(link: Link, way: str, hub: str, *parties: str) -> None:
    """The hub is registered, alone at first where the way is a PUT."""
    match way:
        case "POST" | "PUT":
            sender = link.stack.sender(await link.home.invite(peer_id=link.id), link.partner, hub)
            await sender.discover()
            first = parties if way == "POST" else (new_party(),)
            reply = await sender.post(**listing(link, hub, *first))
            assert reply.outcome == (200, 1000), reply
            if way == "PUT":
                sender.token = reply.token
                reply = await sender.put(**listing(link, hub, *parties))
                assert reply.outcome == (200, 1000), reply
        case _:
            answered = listing(link, hub, *parties)
            answer = odd(link.partner, lambda one, token: http(200, said(one.credentials(token, **answered))))
            link.partner.says[way.partition(" ")[0]] = answer
            peer = await link.connected(terms=False)
            if way == "PUT of ours":
                peer = await link.rotate()
            assert not peer.HasField("job"), peer.job


@hub_versions
@pytest.mark.parametrize("way", ["POST", "PUT", "POST of ours", "PUT of ours"])
async def test_the_others_are_taken_and_the_collision_is_listed(stack: Stack, version: str, way: str) -> None:
    async with linked(stack, version) as link:
        hub, direct, other = new_party("HUB"), new_party(), new_party()
        sender = await holder_of(link, direct)

        await joins(link, way, hub, other, direct)

        peer = await link.peer()
        assert peer.state == REGISTERED
        assert not peer.quarantined
        assert {other[3:6], hub[3:6]} <= parties_of(peer)
        assert direct[3:6] not in parties_of(peer)
        assert [one.party_id for one in peer.requested_parties] == [direct[3:6]]
        (finding,) = [one.message for one in peer.findings if one.id == ELSEWHERE]
        assert f"{direct} is held by the peer direct" in finding
        assert any(direct in warning and "direct" in warning for warning in (await link.record()).warnings)
        assert parties_of(await link.home.peer(f"{link.home.name}/peers/direct")) == {direct[3:6]}

        peer = await link.approve(direct)
        assert [one.party_id for one in peer.requested_parties] == [direct[3:6]], "not before the holder is gone"
        assert ELSEWHERE in ids(peer)
        assert direct[3:6] not in parties_of(peer)

        assert (await sender.delete()).outcome == (200, 1000)
        peer = await link.approve(direct)
        assert direct[3:6] in parties_of(peer)
        assert not peer.requested_parties
        assert ELSEWHERE not in ids(peer)


@hub_versions
async def test_a_hub_whose_own_name_is_taken_is_refused(stack: Stack, version: str) -> None:
    async with linked(stack, version) as link:
        hub = new_party("HUB")
        first = stack.sender(await link.home.invite(peer_id="direct"), link.partner, hub)
        await first.discover()
        assert (await first.post(**listing(link, hub, new_party()))).outcome == (200, 1000)

        second = stack.sender(await link.home.invite(peer_id=link.id), link.partner, hub)
        await second.discover()
        reply = await second.post(**listing(link, hub, new_party()))

        assert reply.outcome == (200, 2001)
        assert "belongs to another connection" in reply.message


@on_sqlite
@pytest.mark.parametrize("way", ["POST", "PUT"])
@hub_versions
async def test_who_is_no_hub_is_refused(stack: Stack, version: str, way: str) -> None:
    async with linked(stack, version) as link:
        direct, own = new_party(), new_party()
        await holder_of(link, direct)
        sender = stack.sender(await link.home.invite(peer_id=link.id), link.partner, own)
        await sender.discover()
        if way == "PUT":
            sender.token = (await sender.post()).token
        roles = [role(own), role(direct)]

        reply = await (sender.post(roles=roles) if way == "POST" else sender.put(roles=roles))

        assert reply.outcome == (200, 2001)
        assert "belongs to another connection" in reply.message
        assert parties_of(await link.peer()) == ({own[3:6]} if way == "PUT" else set())


@on_sqlite
async def test_a_collision_hides_nothing_else_that_is_to_be_looked_at(stack: Stack) -> None:
    async with linked(stack) as link:
        hub, direct = new_party("HUB"), new_party()
        await holder_of(link, direct)
        await joins(link, "POST of ours", hub, new_party())
        note = '[["POSSIBLE_TOKEN_THEFT","seen",1]]'
        where = f"tenant = '{link.home.name[8:]}' AND id = '{link.id}'"
        stack.database.execute(f"UPDATE peer SET notices = '{note}' WHERE {where}")
        answered = listing(link, hub, direct)
        link.partner.says["PUT"] = odd(
            link.partner, lambda one, token: http(200, said(one.credentials(token, **answered)))
        )
        await link.rotate()

        assert {"POSSIBLE_TOKEN_THEFT", ELSEWHERE} <= {*ids(await link.peer())}
