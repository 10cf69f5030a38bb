"""A POST or PUT with a token that was replaced: the peer has lost our answer, or somebody has stolen that token.

Whoever it is, nothing that is newer ends, and services get no token but one that is known to be the peer's (F3, F4).
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from broker.core import proving
from ocpi_broker.v1 import peer_service_pb2 as pb
from tests.integration.announcing_peers import on_sqlite
from tests.integration.every_version import VERSIONS, every_version
from tests.integration.field.links import Link, ids, linked, soon, windows
from tests.integration.field.partner import Partner, http, said
from tests.peer import Sender, new_token
from tests.stack import Stack

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "_PAUSES", (100_000,) * 6)


async def lost_answer(link: Link, sender: Sender, method: str) -> str:
    """The first exchange, whose answer the peer never sees; the token that was in it."""
    first = await (sender.post() if method == "POST" else sender.put())
    assert first.outcome == (200, 1000), first
    return first.token


async def before(link: Link, method: str) -> Sender:
    if method == "PUT":
        return await link.registered()
    sender = await link.invited()
    await sender.discover()
    return sender


def no_get(partner: Partner) -> None:
    """Who is known is told that there is no GET of credentials."""
    partner.says["GET"] = lambda _: http(405, said(code=2000))


def as_usual(_partner: Partner) -> None:
    pass


def no_route(partner: Partner) -> None:
    """Nobody is asked for a token where there is nothing to GET."""
    partner.routes_first = True


KINDS: dict[str, tuple[dict[str, bool], Callable[[Partner], None]]] = {
    "closed": ({}, as_usual),
    "closed, no GET": ({}, no_get),
    "closed, no route": ({}, no_route),
    "open": ({"open_documents": True}, as_usual),
    "open, no GET": ({"open_documents": True}, no_get),
    "anonymous, no route": ({"anonymous": True}, no_route),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_the_peer_itself_repeats(stack: Stack, method: str, kind: str) -> None:
    """It takes the token of its repeat and no other: so services get that, without anybody's doing."""
    settings, habit = KINDS[kind]
    async with linked(stack, **settings) as link:
        sender = await before(link, method)
        habit(link.partner)
        first = await lost_answer(link, sender, method)
        mine = new_token()
        link.partner.take(mine)

        again = await sender.post(token=mine) if method == "POST" else await sender.put(token=mine)

        assert again.outcome == (200, 1000)
        assert again.token != first
        await soon(lambda: link.holds(mine))
        await _settled_as_it_should(link, method, first, again.token)


@every_version
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_thief_repeats(stack: Stack, version: str, method: str) -> None:
    """Documents that are open to everybody let any token through; the credentials endpoint tells."""
    async with linked(stack, version, open_documents=True) as link:
        sender = await before(link, method)
        first = await lost_answer(link, sender, method)
        owners, stolen = await link.held(), "thief-" + new_token()

        again = await sender.request(method, sender.credentials_url, content=_json(sender.credentials(stolen)))

        assert again.outcome == (200, 1000)
        await soon(lambda: _tried(link))
        assert await link.held() == owners
        assert "TOKEN_UNPROVEN" in ids(await link.peer())
        await _settled_as_it_should(link, method, first, again.token)
        assert await link.held() == owners


@every_version
async def test_a_repeat_with_a_token_that_is_not_known_changes_nothing_else(stack: Stack, version: str) -> None:
    async with linked(stack, version, open_documents=True) as link:
        sender = await link.registered()
        await lost_answer(link, sender, "PUT")
        stood = await link.peer()

        body = _json(sender.credentials("thief-" + new_token())).replace(b"Kabelwerk", b"A thief")
        reply = await sender.request("PUT", sender.credentials_url, content=body)

        assert reply.outcome == (200, 1000)
        after = await link.peer()
        assert list(after.parties) == list(stood.parties)
        assert (list(after.endpoints), after.versions_url) == (list(stood.endpoints), stood.versions_url)
        assert any("were left as they were" in warning for warning in (await link.record()).warnings)


async def _settled_as_it_should(link: Link, method: str, first: str, again: str) -> None:
    """A repeat of PUT ends nothing that is newer than what it shows; one of POST ends the token never seen (F3)."""
    assert await link.valid(first) is (method == "PUT")
    assert await link.valid(again) is (method == "POST"), "with PUT until the one that was given first has been used"


async def _tried(link: Link) -> bool:
    return bool(link.column("SELECT tries FROM held_token WHERE NOT proven AND tries > 0 AND peer_uid = {uid}"))


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


@on_sqlite
async def test_the_peer_forgets_the_one_before_once_it_has_our_answer(stack: Stack) -> None:
    """Its documents are open to those who show nothing: that it refuses the one before tells which it takes."""
    async with linked(stack, anonymous=True, routes_first=True) as link:
        sender = await link.registered()
        await lost_answer(link, sender, "PUT")
        mine = new_token()
        assert (await sender.put(token=mine)).outcome == (200, 1000)
        assert not await link.holds(mine)
        link.partner.take(mine)

        await soon(lambda: link.holds(mine))


@every_version
async def test_a_repeat_has_no_fall_back(stack: Stack, version: str) -> None:
    """A token that the peer refuses is refused, although the one before would have worked."""
    async with linked(stack, version) as link:
        sender = await link.registered()
        first = await lost_answer(link, sender, "PUT")
        owners = await link.held()

        reply = await link.announces(sender, new_token())

        assert reply.outcome == (200, 3001)
        assert await link.held() == owners
        assert await link.valid(first)


@pytest.mark.parametrize("opened", [False, True], ids=["closed", "all open"])
async def test_what_is_open_everywhere_proves_nothing(stack: Stack, *, opened: bool) -> None:
    """Also the credentials endpoint answers the same to everybody."""
    async with linked(stack, open_documents=True) as link:
        sender = await link.registered()
        await lost_answer(link, sender, "PUT")
        owners, stolen = await link.held(), "thief-" + new_token()
        link.partner.open_to_all = opened
        await link.announces(sender, stolen)
        await soon(lambda: _tried(link))
        await asyncio.sleep(0.3)

        assert await link.held() == owners


async def test_a_thiefs_repeat_does_not_displace_what_the_owner_has_brought(stack: Stack) -> None:
    """The owner's platform takes its new token only when it has had our answer; by then somebody has repeated."""
    async with linked(stack) as link:
        sender = await link.registered()
        mine = new_token()
        first = (await link.announces(sender, mine)).token
        link.partner.open_documents = True
        await link.announces(sender, "thief-" + new_token())
        assert ids(await link.peer()).count("TOKEN_UNPROVEN") == 2
        listing = pb.ListPeersRequest(parent=link.home.name, order_by="token_time")
        assert [one.name for one in (await stack.peers.ListPeers(listing)).peers] == [link.name], "once"

        link.partner.take(mine)
        assert await link.valid(first), "which ends what the repeat was given"

        await soon(lambda: link.holds(mine))


@on_sqlite
async def test_open_documents_prove_nothing_where_there_is_no_credentials_endpoint_to_ask(stack: Stack) -> None:
    """So it may be with a peer that was imported."""
    async with linked(stack, open_documents=True) as link:
        sender = await link.registered()
        await lost_answer(link, sender, "PUT")
        link.column("DELETE FROM peer_endpoint WHERE module = 'credentials' AND peer_uid = {uid}")
        await link.change(may_downgrade=True)
        owners, stolen = await link.held(), "thief-" + new_token()

        await link.announces(sender, stolen)
        await soon(lambda: _tried(link))

        assert await link.held() == owners


@pytest.mark.parametrize("version", [VERSIONS[1], VERSIONS[3]])
async def test_after_the_window_both_go_on_and_an_operator_is_told(stack: Stack, version: str) -> None:
    """The one that was given first may be the owner's, who was silent (F4)."""
    async with linked(stack, version, policy=windows(put=1)) as link:
        sender = await link.registered()
        first = await lost_answer(link, sender, "PUT")
        again = (await sender.put()).token
        assert await link.valid(again)
        assert "OLD_TOKEN_IN_USE" not in ids(await link.peer())
        await asyncio.sleep(1.1)

        assert await link.valid(again)
        assert not await link.valid(sender.token)
        assert "OLD_TOKEN_IN_USE" in ids(await link.peer())
        sender.token = again
        assert (await sender.put()).outcome == (200, 1000)
        assert "POSSIBLE_TOKEN_THEFT" not in ids(await link.peer())

        assert await link.valid(first)
        assert "POSSIBLE_TOKEN_THEFT" in ids(await link.peer()), "both were used"
        assert not await link.valid(again)


async def test_a_chain_of_repeats_ends_nothing_but_its_own(stack: Stack) -> None:
    """However often somebody repeats with what repeats were given: the owner's goes on."""
    async with linked(stack) as link:
        owner = await link.registered()
        thief = await _twin(link, owner)
        await lost_answer(link, owner, "PUT")
        mine, theirs = (await owner.put()).token, (await thief.put()).token
        assert await link.valid(mine)
        for _ in range(10):
            thief.token = theirs
            assert await link.valid(theirs)
            theirs = (await thief.put()).token

        assert await link.valid(mine)
        assert "POSSIBLE_TOKEN_THEFT" in ids(await link.peer())
        (live,) = link.column("SELECT count(*) FROM issued_token WHERE state = 'RESENT' AND peer_uid = {uid}")
        assert live <= 3


async def test_a_repeat_that_names_a_token_that_we_have_brings_nothing(stack: Stack) -> None:
    """Whoever knows both of the peer's tokens may still not move its connection (F9)."""
    async with linked(stack, open_documents=True) as link:
        sender = await link.registered()
        old = await link.held()
        mine = new_token()
        link.partner.open_documents = False
        await link.announces(sender, mine)
        link.partner.open_documents = True
        stood = await link.peer()

        body = _json(sender.credentials(old)).replace(b"Kabelwerk", b"A thief")
        assert (await sender.request("PUT", sender.credentials_url, content=body)).outcome == (200, 1000)

        assert list((await link.peer()).parties) == list(stood.parties)
        assert any("were left as they were" in warning for warning in (await link.record()).warnings)
        link.partner.take(mine)
        await soon(lambda: link.holds(mine))


async def _twin(link: Link, sender: Sender) -> Sender:
    """Somebody who has the same token."""
    twin = link.stack.sender(pb.InvitePeerResponse(token=sender.token), link.partner, link.partner.party)
    twin.versions_url, twin.credentials_url = sender.versions_url, sender.credentials_url
    return twin


@on_sqlite
async def test_a_resent_token_that_was_not_used_in_time_is_over(stack: Stack) -> None:
    async with linked(stack, policy=windows(put=1)) as link:
        sender = await link.registered()
        first = await lost_answer(link, sender, "PUT")
        again = (await sender.put()).token
        await asyncio.sleep(1.1)

        assert not await link.valid(again)
        assert await link.valid(first)


@on_sqlite
async def test_many_repeats_leave_few_tokens(stack: Stack) -> None:
    """Eight beside the one that was given first; whoever repeats without end gets no more, and evicts nobody."""
    async with linked(stack) as link:
        sender = await link.registered()
        first = await lost_answer(link, sender, "PUT")
        replies = [await sender.put() for _ in range(10)]

        assert [reply.outcome for reply in replies] == [(200, 1000)] * 8 + [(200, 3000)] * 2
        assert await link.valid(first)
        (live,) = link.column("SELECT count(*) FROM issued_token WHERE state <> 'REVOKED' AND peer_uid = {uid}")
        assert live == 1, "as soon as it is used"


async def test_the_takeover_brings_the_token_of_the_repeat_along(stack: Stack) -> None:
    """Where nothing tells which of two tokens the peer takes, it is the one of the exchange that counts in the end."""
    async with linked(stack, open_documents=True, policy=windows(put=1)) as link:
        sender = await link.registered()
        link.partner.says["GET"] = lambda _: http(405, said(code=2000))
        link.partner.open_to_all = True
        await lost_answer(link, sender, "PUT")
        mine = new_token()
        again = (await sender.put(token=mine)).token
        await link.valid(again)
        await asyncio.sleep(1.1)

        assert await link.valid(again)
        await soon(lambda: link.holds(mine))


@pytest.mark.parametrize("opened", [False, True], ids=["closed", "open to all"])
async def test_who_goes_on_with_the_old_token_after_the_window(stack: Stack, *, opened: bool) -> None:
    """It may be the only one that the peer has; the newer one stays all the same (F4). What is known to come from the
    peer counts.
    """
    async with linked(stack, policy=windows(put=1)) as link:
        sender = await link.registered()
        link.partner.open_to_all = opened
        first = await lost_answer(link, sender, "PUT")
        await sender.versions()
        await asyncio.sleep(1.1)
        await sender.versions()
        mine = new_token()
        link.partner.take(mine)

        body = _json(sender.credentials(mine)).replace(b"Kabelwerk", b"Renamed")
        reply = await sender.request("PUT", sender.credentials_url, content=body)

        assert reply.outcome == (200, 1000)
        assert await link.holds(mine) is not opened
        name = "Kabelwerk" if opened else "Renamed"
        assert [one.business_details.name for one in (await link.peer()).parties] == [name]
        assert "OLD_TOKEN_IN_USE" in ids(await link.peer())
        assert await link.valid(first)
