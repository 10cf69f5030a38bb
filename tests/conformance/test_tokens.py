"""Tokens: what needs a second one, a look at the database, or the operator's hand."""

import asyncio

import grpc
import pytest

from broker.tools.conformance.editions import EDITIONS
from broker.tools.conformance.platform import Received
from ocpi_broker.v1 import peer_service_pb2, resources_pb2, token_service_pb2
from tests.conformance.visitor import VERSIONS, visitor
from tests.peer import new_party
from tests.stack import Home, Stack

pytestmark = pytest.mark.anyio


@pytest.mark.requirement("RR-01", "AU-07")
async def test_every_invitation_has_a_token_of_its_own_and_the_version_list(host: Home, version: str) -> None:
    first, second = await host.invite(new_party()), await host.invite(new_party())

    assert first.token != second.token
    assert first.versions_url == second.versions_url == host.versions_url
    for invitation in (first, second):
        async with visitor(invitation, version) as peer:
            assert (await peer.get()).answer.data["token"] == invitation.token


@pytest.mark.requirement("AU-07", "AU-08", "VL-10")
async def test_a_token_is_good_at_its_own_tenant_only(stack: Stack, version: str) -> None:
    """As a CPO and as an eMSP, before 2.2: one list and one registration for each."""
    cpo = await stack.home(versions=[version], parties=["NL/LMH/CPO"])
    emsp = await stack.home(versions=[version], parties=["NL/LMH/EMSP"])
    async with (
        visitor(await cpo.invite(), version) as one,
        visitor(await emsp.invite(), version) as other,
    ):
        for peer in (one, other):
            assert (await peer.announce("POST")).answer.succeeded
        assert one.token != other.token
        assert one.versions_url != other.versions_url

        assert (await one.get(one.versions_url)).answer.status == 200
        assert (await one.get(other.versions_url)).answer.status == 401
        assert (await one.get(other.credentials_url)).answer.status == 401
        assert (await other.get(one.credentials_url)).answer.status == 401


@pytest.mark.requirement("AU-09")
async def test_the_invitation_opens_no_functional_module(host: Home, version: str) -> None:
    """The services that serve them ask us."""
    async with visitor(await host.invite(), version) as peer:
        refused = await host.verify(peer.invitation)
        await peer.announce("POST")
        granted = await host.verify(peer.token)

    assert (refused.valid, granted.valid) == (False, True)
    assert refused.rejection == token_service_pb2.TOKEN_REJECTION_REGISTRATION_ONLY


@pytest.mark.requirement("AU-15")
async def test_issued_tokens_are_not_in_the_database(stack: Stack, host: Home, version: str) -> None:
    async with visitor(await host.invite(), version) as peer:
        await peer.announce("POST")
        await peer.announce("PUT")
        kept = stack.database.dump()

    for token in (peer.invitation, peer.token, peer.held):
        assert token.encode() not in kept
        assert EDITIONS["2.2"].authorization(token).removeprefix("Token ").encode() not in kept


@pytest.mark.requirement("AU-16")
async def test_a_blocked_peer_is_401_until_it_is_unblocked(stack: Stack, host: Home, version: str) -> None:
    invitation = await host.invite()
    name = invitation.peer.name
    async with visitor(invitation, version) as peer:
        await peer.announce("POST")
        await stack.peers.BlockPeer(peer_service_pb2.BlockPeerRequest(name=name))
        blocked = [await peer.get(url) for url in (peer.versions_url, peer.details_url, peer.credentials_url)]
        blocked.append(await peer.announce("PUT"))
        await stack.peers.UnblockPeer(peer_service_pb2.UnblockPeerRequest(name=name))
        unblocked = await peer.get(peer.versions_url)

    assert {(exchange.answer.status, exchange.answer.code) for exchange in blocked} == {(401, 2000)}
    assert unblocked.answer.status == 200


@pytest.mark.requirement("RR-14")
async def test_our_services_are_given_the_token_that_the_peer_sent(host: Home, version: str) -> None:
    invitation = await host.invite()
    async with visitor(invitation, version) as peer:
        await peer.announce("POST")
        first = (await host.held(invitation.peer.name)).token, peer.held
        await peer.announce("PUT")
        second = (await host.held(invitation.peer.name)).token, peer.held

    assert first[0] == first[1]
    assert second[0] == second[1] != first[0]


async def _slow(_: Received) -> None:
    """The right answer, when all that was sent at once has arrived."""
    await asyncio.sleep(1)


@pytest.mark.requirement("RR-18", "RR-16")
async def test_of_many_posts_at_once_one_succeeds(host: Home, version: str) -> None:
    async with visitor(await host.invite(), version) as peer:
        bodies = [peer.credentials() for _ in range(5)]
        peer.held = ""
        peer.platform.tokens |= {body["token"] for body in bodies}
        peer.platform.scripts["versions"] = _slow  # what comes after the first has ended would be a repeat (F3)

        exchanges = await asyncio.gather(
            *(peer.announce("POST", body, token=peer.invitation) for body in bodies), return_exceptions=True
        )

        answers = [exchange.answer for exchange in exchanges if not isinstance(exchange, BaseException)]
        won = [answer for answer in answers if answer.succeeded]
        assert len(answers) == len(bodies)
        assert len(won) == 1
        assert {answer.status for answer in answers if not answer.succeeded} <= {200, 401, 405}
        assert (await peer.get(token=won[0].data["token"])).answer.succeeded


@pytest.mark.requirement("RR-21")
async def test_an_invitation_expires_and_can_be_taken_back(stack: Stack) -> None:
    """Every version at once: most of the time is waiting."""

    async def ends(version: str) -> None:
        host = await stack.home(versions=[version])
        brief, replaced = await host.invite(expiry=1), await host.invite()
        async with visitor(replaced, version) as peer:
            assert (await peer.get()).answer.succeeded
            await stack.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=replaced.peer.name))
            assert (await peer.get()).answer.status == 401
            assert (await peer.announce("POST")).answer.status == 401
        async with visitor(brief, version) as peer:
            await asyncio.sleep(1.1)
            assert (await peer.get(host.versions_url)).answer.status == 401

    await asyncio.gather(*map(ends, VERSIONS))


@pytest.mark.requirement("TK-04")
async def test_no_window_of_ours_ends_a_token_that_is_in_use(stack: Stack) -> None:
    policy = resources_pb2.TenantPolicy()
    policy.post_retry_window.FromSeconds(1)
    policy.put_retry_window.FromSeconds(1)

    async def stays(version: str) -> None:
        home = await stack.home(versions=[version], policy=policy)
        async with visitor(await home.invite(), version) as peer:
            for method in ("POST", "PUT"):
                assert (await peer.announce(method)).answer.succeeded
                assert (await peer.get()).answer.succeeded
            await asyncio.sleep(1.2)
            assert (await peer.get()).answer.succeeded

    await asyncio.gather(*map(stays, VERSIONS))


@pytest.mark.requirement("UN-08", "UN-02")
async def test_after_delete_the_record_stays_and_the_secrets_go(host: Home, version: str) -> None:
    invitation = await host.invite()
    async with visitor(invitation, version) as peer:
        await peer.announce("POST")
        ended = await peer.call("DELETE", peer.credentials_url, peer.shown())
        kept = await host.peer(invitation.peer.name)

        assert ended.answer.succeeded
        assert kept.state == resources_pb2.PEER_STATE_UNREGISTERED
        with pytest.raises(grpc.RpcError):
            await host.held(invitation.peer.name)
        assert not (await host.verify(peer.token)).valid
