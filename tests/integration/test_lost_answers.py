"""An answer to POST or PUT that never arrived: neither side is locked out, nobody else gets in (F3 and F4)."""

import asyncio

import httpx
import pytest
from google.protobuf import duration_pb2

from ocpi_broker.v1 import resources_pb2
from tests.peer import Gate, Platform, new_party, new_token, platform_running, role
from tests.stack import Guest, Home, Stack

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]


def _windows(post: int, put: int) -> resources_pb2.TenantPolicy:
    """In seconds."""
    return resources_pb2.TenantPolicy(
        post_retry_window=duration_pb2.Duration(seconds=post), put_retry_window=duration_pb2.Duration(seconds=put)
    )


def _moved(platform: Platform) -> str:
    """The same platform under another origin that reaches it as well."""
    return platform.versions_url.replace("127.0.0.1", "localhost")


# F3


async def test_a_lost_answer_to_post_is_asked_for_again(home: Home, guest: Guest) -> None:
    """A different token; the one that was never seen is dead, whoever may have read it."""
    sender, theirs = guest.sender, [new_token(), new_token()]
    await sender.discover()
    lost = (await sender.post(token=theirs[0])).token
    guest.platform.received.clear()

    again = await sender.post(token=theirs[1])

    assert again.outcome == (200, 1000)
    assert again.token != lost
    assert guest.platform.resources()[:2] == ["versions", "details"]  # the callbacks run again
    assert not (await home.verify(lost)).valid
    assert (await home.verify(again.token)).valid
    assert (await home.held(guest.name)).token == theirs[1]


async def test_the_answer_to_post_may_be_lost_many_times(home: Home, guest: Guest) -> None:
    await guest.sender.discover()

    tokens = [(await guest.sender.post()).token for _ in range(4)]

    assert [(await home.verify(token)).valid for token in tokens] == [False, False, False, True]


async def test_the_window_of_post_closes_when_the_token_is_seen(guest: Guest) -> None:
    sender = guest.sender
    invitation = sender.token
    await sender.register()
    assert (await sender.versions()).outcome == (200, 1000)
    sender.token = invitation

    assert (await sender.post()).outcome == (401, 2000)
    assert (await sender.versions()).outcome == (401, 2000)


async def test_the_window_of_post_closes_when_the_token_is_seen_by_a_service(home: Home, guest: Guest) -> None:
    """A functional module verifies the token over gRPC: that is its first use as well."""
    sender = guest.sender
    await sender.discover()
    issued = (await sender.post()).token
    assert (await home.verify(issued)).valid

    assert (await sender.post()).outcome == (401, 2000)
    assert not (await home.peer(guest.name)).unconfirmed


async def test_a_retry_of_post_keeps_to_the_origin_that_was_committed(home: Home, guest: Guest) -> None:
    """A thief of the invitation cannot take the connection over."""
    await guest.sender.discover()
    issued = (await guest.sender.post()).token

    reply = await guest.sender.post(url=_moved(guest.platform))

    assert reply.outcome in {(401, 2000), (405, 2000)}
    assert (await home.verify(issued)).valid
    held = await home.held(guest.name)
    assert held.versions_url == guest.platform.versions_url


async def test_a_retry_of_post_keeps_to_the_roles_that_were_committed(stack: Stack, home: Home) -> None:
    invitation = await home.invite()
    async with platform_running() as platform:
        sender = stack.sender(invitation, platform, new_party())
        await sender.discover()
        issued = (await sender.post()).token

        reply = await sender.post(roles=[*sender.roles, role(new_party())])

        assert reply.outcome in {(401, 2000), (405, 2000), (200, 2001)}
        assert (await home.verify(issued)).valid


async def test_a_failed_retry_of_post_leaves_the_first_token(home: Home, guest: Guest) -> None:
    sender = guest.sender
    await sender.discover()
    theirs = new_token()
    issued = (await sender.post(token=theirs)).token
    guest.platform.accepted.clear()

    reply = await sender.post(sender.credentials(new_token()))

    assert reply.outcome == (200, 3001)
    assert (await home.held(guest.name)).token == theirs
    assert (await home.verify(issued)).valid
    guest.platform.faults.clear()  # a token that the platform does not accept was the point


async def test_the_window_of_post_ends(stack: Stack) -> None:
    home = await stack.home(policy=_windows(post=1, put=60))
    async with stack.guest(home) as guest:
        await guest.sender.discover()
        issued = (await guest.sender.post()).token
        assert (await guest.sender.versions()).outcome == (200, 1000)
        await asyncio.sleep(1.2)

        assert (await guest.sender.post()).outcome == (401, 2000)
        assert (await home.verify(issued)).valid


async def test_a_strict_tenant_gives_no_second_answer_to_post(stack: Stack) -> None:
    home = await stack.home(policy=_windows(post=0, put=0))
    async with stack.guest(home) as guest:
        await guest.sender.discover()
        issued = (await guest.sender.post()).token

        assert (await guest.sender.post()).outcome == (401, 2000)
        assert (await guest.sender.versions()).outcome == (401, 2000)
        assert (await home.verify(issued)).valid


async def test_post_with_the_token_just_given_is_405(guest: Guest) -> None:
    """F3: the peer got it and thinks that it failed."""
    await guest.sender.register()

    reply = await guest.sender.post()

    assert reply.outcome == (405, 2000)
    assert reply.allow == {"GET", "PUT", "DELETE"}


async def test_an_unconfirmed_registration_says_so(home: Home, guest: Guest) -> None:
    await guest.sender.register()
    before = (await home.peer(guest.name)).unconfirmed
    await guest.sender.versions()

    assert before
    assert not (await home.peer(guest.name)).unconfirmed


async def test_a_sender_that_hangs_up_during_post_can_repeat_it(stack: Stack, home: Home, guest: Guest) -> None:
    """F2 seen from our side: whether or not the first went through, the retry does."""
    gate = Gate()
    guest.platform.script["details"] = gate
    await guest.sender.discover()
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        guest.sender.http = client
        post = asyncio.create_task(guest.sender.post())
        await gate.reached.wait()
        post.cancel()
        with pytest.raises(asyncio.CancelledError):
            await post
    guest.sender.http = stack.client
    gate.open()
    await asyncio.sleep(0.5)
    guest.platform.faults.clear()  # a callback after the hang-up carries an id that is no longer expected

    again = await guest.sender.post()

    assert again.outcome == (200, 1000)
    assert (await home.verify(again.token)).valid


# F4


async def test_after_a_lost_answer_to_put_the_old_token_goes_on(home: Home, registered: Guest) -> None:
    """Until the new one is seen, which ends the old one at once."""
    sender = registered.sender
    await sender.versions()
    lost = (await sender.put()).token

    assert (await sender.versions()).outcome == (200, 1000)
    assert (await home.verify(sender.token)).valid
    again = await sender.put()
    assert again.outcome == (200, 1000)
    assert again.token not in {lost, sender.token}
    assert (await home.verify(sender.token)).valid  # the one known to be held is kept
    assert (await home.verify(again.token)).valid
    assert not (await home.verify(sender.token)).valid
    assert (await sender.versions()).outcome == (401, 2000)
    assert (await home.verify(lost)).valid  # a thief of the replaced token cannot end what is newer
    assert not (await home.verify(again.token)).valid  # which ends the other one


async def test_a_retry_of_put_keeps_to_the_origin(home: Home, registered: Guest) -> None:
    """A12, F4: a retiring token may repeat, not move or grow."""
    await registered.sender.put()

    moved = await registered.sender.put(url=_moved(registered.platform))

    assert moved.outcome == (200, 2001)
    assert (await home.held(registered.name)).versions_url == registered.platform.versions_url


async def test_a_retry_of_put_adds_no_roles(stack: Stack, home: Home) -> None:
    invitation = await home.invite()
    async with platform_running() as platform:
        sender = stack.sender(invitation, platform, new_party())
        await sender.register()
        await sender.put()

        reply = await sender.put(roles=[*sender.roles, role(new_party())])

        assert reply.outcome == (200, 2001)
        assert len((await home.peer(invitation.peer.name)).parties) == 1


async def test_the_current_token_may_add_roles(stack: Stack, home: Home) -> None:
    """UR-14: what a retry may not do, an update may."""
    invitation = await home.invite()
    async with platform_running() as platform:
        sender = stack.sender(invitation, platform, new_party())
        await sender.register()

        reply = await sender.put(roles=[*sender.roles, role(new_party())])

        assert reply.outcome == (200, 1000)
        assert len((await home.peer(invitation.peer.name)).parties) == 2


async def test_delete_with_the_retiring_token_ends_all(home: Home, registered: Guest) -> None:
    """Appendix A, row 8."""
    lost = (await registered.sender.put()).token

    reply = await registered.sender.delete()

    assert reply.outcome == (200, 1000)
    assert not (await home.verify(lost)).valid
    assert not (await home.verify(registered.sender.token)).valid


async def test_get_with_the_retiring_token_echoes_it_and_closes_nothing(home: Home, registered: Guest) -> None:
    """A4, F24."""
    lost = (await registered.sender.put()).token

    reply = await registered.sender.get()

    assert reply.token == registered.sender.token
    assert (await home.verify(lost)).valid


async def test_a_strict_tenant_ends_the_old_token_with_the_put(stack: Stack) -> None:
    home = await stack.home(policy=_windows(post=60, put=0))
    async with stack.guest(home) as guest:
        await guest.sender.register()
        fresh = (await guest.sender.put()).token

        assert (await guest.sender.versions()).outcome == (401, 2000)
        assert (await home.verify(fresh)).valid


async def test_the_cap_never_takes_the_only_token_that_the_peer_is_known_to_have(stack: Stack) -> None:
    """F4: only the old one was used since, so the peer never got the new one; both stay and an operator is told."""
    home = await stack.home(policy=_windows(post=60, put=1))
    async with stack.guest(home) as guest:
        await guest.sender.register()
        await guest.sender.versions()
        lost = (await guest.sender.put()).token
        assert (await guest.sender.versions()).outcome == (200, 1000)
        await asyncio.sleep(1.2)

        assert (await guest.sender.versions()).outcome == (200, 1000)
        assert (await home.peer(guest.name)).warnings
        assert (await home.verify(lost)).valid


async def test_the_cap_ends_the_old_token_if_neither_was_used(stack: Stack) -> None:
    home = await stack.home(policy=_windows(post=60, put=1))
    async with stack.guest(home) as guest:
        await guest.sender.register()
        await guest.sender.versions()
        fresh = (await guest.sender.put()).token
        await asyncio.sleep(1.2)

        assert (await guest.sender.versions()).outcome == (401, 2000)
        assert (await home.verify(fresh)).valid
