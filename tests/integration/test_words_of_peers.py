"""What was seen of a peer and what it says: told to operators, and never to a peer that named the URL (F9, F20)."""

import asyncio
import json
import time

import pytest

from broker.core.model import HeaderForm
from broker.errors import BrokerError
from broker.outbound.discovery import Tolerances
from ocpi_broker.v1 import peer_service_pb2, resources_pb2
from tests.integration.every_version import WITH_ROLES, change, newest, speaks
from tests.integration.raw_peer import (
    BASE64,
    QUICK,
    RAW,
    TOKEN,
    endpoint,
    envelope,
    listening,
    offers,
    plain,
    read_details,
    read_versions,
    says,
)
from tests.peer import Served, answering, platform_running
from tests.peer import envelope as enveloped
from tests.ports import free_port
from tests.stack import Home, Stack

pytestmark = pytest.mark.anyio
ROLE = "must be SENDER or RECEIVER"
SECRET = "internal-inventory-of-10.0.0.7"
EITHER = resources_pb2.INTERFACE_ROLE_UNSPECIFIED
RECEIVER = resources_pb2.INTERFACE_ROLE_RECEIVER
SENDER = resources_pb2.INTERFACE_ROLE_SENDER


async def failure(*answers: bytes, read=read_versions, **more) -> BrokerError:
    async with listening(says(*answers)) as peer:
        with pytest.raises(BrokerError) as raised:
            await read(peer.url(), **more)
        return raised.value


@pytest.mark.parametrize("read", [read_versions, read_details])
@pytest.mark.parametrize(
    ("answer", "public", "explained"),
    [
        (plain(b"<h1>down</h1>", status="500 Oops"), "HTTP 500",
         'HTTP 500: something went wrong in its server; the peer says: "<h1>down</h1>"'),
        (plain(b"go away", "Retry-After: 7", status="429 Slow"), "HTTP 429",
         ("HTTP 429: it has had too many requests, and wants no more for 7 seconds (Retry-After); "
         'the peer says: "go away"')),
        (plain(json.dumps({"status_code": 2001, "status_message": "who?"}).encode(), status="404 No"), "HTTP 404",
         'HTTP 404: it has nothing at this URL; the peer says: "who?"'),
        (plain(json.dumps({"status_code": 3000, "status_message": f"no {RAW}"}).encode()),
         "the answer has OCPI status code 3000",
         'the answer has OCPI status code 3000; the peer says: "no Token …"'),
        (plain(b"<html>portal</html>"), "the answer cannot be used: is not JSON at line 1, column 1",
         'the answer cannot be used: is not JSON at line 1, column 1; the peer says: "<html>portal</html>"'),
        (plain(f"unknown: {BASE64}".encode(), status="400 Bad"), "HTTP 400",
         'HTTP 400: it takes the request for a bad one; the peer says: "unknown: Token …"'),
    ],
)  # fmt: skip
async def test_the_words_of_a_list_and_of_details_stand_beside_the_public_message(read, answer, public, explained):
    error = await failure(answer, read=read)

    what = "versions list" if read is read_versions else "version details"
    assert (str(error), error.explained) == (f"{what}: {public}", f"{what}: {explained}")


async def test_what_the_head_says_stands_though_its_body_never_comes():
    """401 is known from the status line: nobody waits for words that do not come."""

    async def stall(peer, writer):
        await peer.write(writer, b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 1000\r\n\r\nno such")
        await asyncio.sleep(60)

    async with listening(stall) as peer:
        with pytest.raises(BrokerError) as raised:
            await read_versions(peer.url(), form=HeaderForm.RAW, budgets=QUICK)

    assert (str(raised.value), raised.value.said) == ("versions list: HTTP 401", "no such")
    assert raised.value.cause == "it does not take the token, neither raw nor in Base64"


async def test_words_without_end_are_cut():
    async def flood(peer, writer):
        await peer.write(writer, b"HTTP/1.1 500 No\r\n\r\n")
        while True:
            await peer.write(writer, b"word " * 10_000)

    async with listening(flood) as peer:
        with pytest.raises(BrokerError) as raised:
            await read_versions(peer.url())

        assert peer.written < 16 << 20
    assert raised.value.said == ("word " * 100) + "…"


async def test_a_version_that_is_none_is_named():
    data = [{"version": text, "url": "http://127.0.0.1/x"} for text in ("2.1.1-d2", "2.1.1", TOKEN.reveal(), "2 1")]
    async with listening(says(plain(envelope(data)))) as peer:
        answer = await read_versions(peer.url())

    assert answer.unknown == ("2.1.1-d2",)


async def test_details_of_a_version_that_is_none_name_it():
    error = await failure(plain(envelope({"version": "2.2.1-d2", "endpoints": []})), read=read_details)

    assert str(error) == "version details: the answer cannot be used: version: must be a version number such as 2.2.1"
    assert error.cause == "it is 2.2.1-d2"


ODD = (endpoint(role="CPO"), endpoint("cdrs", role=TOKEN.reveal()), endpoint("tokens", url="/e"))


async def test_endpoints_that_are_odd_are_noted_without_our_token():
    async with listening(offers(*ODD)) as peer:
        answer = await read_details(peer.url())

    assert [found.key for found in answer.value] == ["locations", "cdrs"]
    assert answer.flaws == (
        f'version details: endpoints[0].role: {ROLE}; "locations", written "CPO", is taken for either of them',
        f'version details: endpoints[1].role: {ROLE}; "cdrs", written "…", is taken for either of them',
        'version details: endpoints[2].url: must be an absolute URL; "tokens", written "/e", is skipped',
    )


async def test_a_strict_tenant_does_not_take_them():
    async with listening(offers(*ODD)) as peer:
        with pytest.raises(BrokerError) as raised:
            await read_details(peer.url(), tolerances=Tolerances(strict=True))

    assert str(raised.value) == "version details: endpoints[0].role: must be SENDER or RECEIVER"
    assert raised.value.cause == '"locations", written "CPO", is taken for either of them'


# --- we are the Receiver ----------------------------------------------------------------------------------------------

LEAKS = {
    "a page": Served(body=f"<html>{SECRET}</html>".encode(), content_type="text/html"),
    "an error": Served(404, f"no {SECRET}".encode()),
    "an envelope": enveloped(code=3000, status_message=SECRET),
    "an odd list": enveloped([{"version": SECRET, "url": "http://127.0.0.1/x"}]),
    "odd details": enveloped({"version": SECRET, "endpoints": []}),
}
SEEN = {"an odd list": "versions", "odd details": "details"}


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("kind", "where"), [(kind, SEEN.get(kind, where)) for kind in LEAKS for where in ("versions", "details")]
)
async def test_f9_a_peer_is_not_told_what_is_at_the_url_that_it_named(
    stack: Stack, home: Home, kind: str, where: str, method: str
) -> None:
    async with stack.guest(home) as guest:
        await guest.sender.discover()
        if method == "PUT":
            await guest.sender.register()
        guest.platform.script[where] = answering(LEAKS[kind])

        reply = await (guest.sender.post() if method == "POST" else guest.sender.put())

        recorded = await newest(stack, guest.name)
        assert reply.outcome[0] == 200
        assert reply.outcome[1] in {3001, 3002}
        assert SECRET not in json.dumps(reply.body)
        assert SECRET in recorded.message
        assert any(SECRET in step.summary for step in recorded.steps)


async def test_f9_why_a_connection_fails_is_for_operators(stack: Stack, home: Home) -> None:
    async with stack.guest(home) as guest:
        await guest.sender.discover()
        guest.platform.base = f"http://127.0.0.1:{free_port()}"

        reply = await guest.sender.post()

        assert reply.message == "versions list: could not connect to 127.0.0.1"
        recorded = await newest(stack, guest.name)
        assert recorded.message == f"{reply.message}: the connection was refused; nothing listens at that port"


async def test_f9_a_strict_tenant_tells_the_rule_and_not_the_value(stack: Stack) -> None:
    home = await stack.home(policy=resources_pb2.TenantPolicy(strict=True))
    async with stack.guest(home, modules=(("credentials", "SENDER"), ("locations", SECRET))) as guest:
        await guest.sender.discover()

        reply = await guest.sender.post()

        assert reply.message == "version details: endpoints[1].role: must be SENDER or RECEIVER"
        assert SECRET in (await newest(stack, guest.name)).message


async def test_f20_no_token_of_the_connection_is_recorded_whichever_call_repeats_it(stack: Stack, home: Home) -> None:
    """The new token of a PUT is refused, then the one before is shown: the answer has all that the peer knows."""
    async with stack.guest(home) as guest:
        await guest.sender.discover()
        await guest.sender.register()
        known = [*guest.platform.accepted, guest.sender.token, guest.invitation.token]
        guest.platform.script["versions"] = answering(Served(500, " ".join(known).encode()))

        reply = await guest.sender.put()

        recorded = await newest(stack, guest.name)
        assert reply.outcome == (200, 3001)
        assert 'the peer says: "' in recorded.message
        told = recorded.message + "".join(step.summary for step in recorded.steps)
        assert [token for token in known[:-1] if token in told] == []


@pytest.mark.parametrize("version", WITH_ROLES)
async def test_an_endpoint_without_a_role_serves_both(stack: Stack, version: str) -> None:
    """Services get the URL for either role; one of the very role comes first."""
    required = [resources_pb2.RequiredModule(module="locations", interface_role=SENDER)]
    policy = resources_pb2.TenantPolicy(required_modules=required)
    home = await stack.home(versions=[version], policy=policy)
    modules = (("credentials", "BOTH"), ("locations", "CPO"), ("tokens", "receiver"), ("cdrs", "x"), ("cdrs", "SENDER"))
    async with stack.guest(home, **speaks(version), modules=modules) as guest:
        await guest.sender.discover()
        assert (await guest.sender.register()).outcome == (200, 1000)

        peer = await home.peer(guest.name)
        urls = {(one.module, one.interface_role): one.url for one in peer.endpoints}
        recorded = await newest(stack, guest.name)

        async def url(module: str, role: int) -> str:
            return (await home.held(guest.name, module=module, interface_role=role)).endpoint_url

        assert set(urls) == {
            ("credentials", EITHER), ("locations", EITHER), ("tokens", RECEIVER), ("cdrs", EITHER), ("cdrs", SENDER)
        }  # fmt: skip
        for role in (EITHER, SENDER, RECEIVER):
            assert await url("locations", role) == urls["locations", EITHER]
        assert await url("cdrs", SENDER) == urls["cdrs", SENDER]
        assert await url("cdrs", RECEIVER) == await url("cdrs", EITHER) == urls["cdrs", EITHER]
        assert [line for line in recorded.warnings if "endpoints[" in line] == [
            f'version details: endpoints[{at}].role: {ROLE}; "{name}", written "{wrote}", is taken for either of them'
            for at, name, wrote in ((1, "locations", "CPO"), (3, "cdrs", "x"))
        ]


# --- we are the Sender ------------------------------------------------------------------------------------------------


async def test_a_quirk_that_is_set_already_is_not_named_again(stack: Stack, home: Home) -> None:
    async with platform_running(accepted={"token-a"}) as platform:
        platform.script["credentials"] = answering(Served(422, b"website: field required"))  # its credentials
        request = peer_service_pb2.ConnectPeerRequest(
            parent=home.name, peer_id="quirky", versions_url=platform.versions_url, token="token-a", wait=True
        )

        before = (await stack.peers.ConnectPeer(request)).peer.job.last_error.message
        named = (await newest(stack, f"{home.name}/peers/quirky")).quirk
        await change(stack, f"{home.name}/peers/quirky", quirks={"explicit_nulls": "true"})
        after = (await stack.peers.ConnectPeer(request)).peer.job.last_error.message

        assert named == "explicit_nulls"
        assert before == f"{after}; the quirk explicit_nulls may help (peer update --quirk explicit_nulls)"
        assert after.endswith('the peer says: "website: field required"')


@pytest.mark.parametrize("status", [429, 503])
async def test_a_peer_that_wants_to_be_left_alone_is(stack: Stack, home: Home, status: int) -> None:
    async with platform_running(accepted={"token-a"}) as platform:
        platform.script["versions"] = answering(Served(status, b"slow down", headers=(("Retry-After", "7200"),)))
        began = time.time()

        answer = await stack.peers.ConnectPeer(
            peer_service_pb2.ConnectPeerRequest(
                parent=home.name, peer_id="busy", versions_url=platform.versions_url, token="token-a", wait=False
            )
        )
        job = answer.peer.job
        while not job.attempts:
            await asyncio.sleep(0.05)
            job = (await home.peer(f"{home.name}/peers/busy")).job

        assert 7200 <= job.next_attempt_time.ToSeconds() - began + 1 < 7300
        assert f"HTTP {status}" in job.last_error.message
        assert job.last_error.message.endswith(
            'and wants no more for 7200 seconds (Retry-After); the peer says: "slow down"'
        )
