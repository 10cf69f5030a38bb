"""Rows 1 to 4: who is not let in, and which methods there are, whatever the state."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import httpx
import pytest

from gateway import server
from gateway.config import GatewaySettings
from ocpi_broker.v1 import peer_service_pb2
from tests.peer import Reply, Sender, checked, encoded, new_party, platform_running
from tests.ports import free_port
from tests.stack import Guest, Home, Stack

pytestmark = pytest.mark.anyio

Call = Callable[[Sender], Awaitable[Reply]]
CALLS: dict[str, Call] = {
    "versions": lambda sender: sender.versions(),
    "details": lambda sender: sender.get(f"{sender.base}/2.2.1"),
    "GET": lambda sender: sender.get(),
    "POST": lambda sender: sender.post(),
    "PUT": lambda sender: sender.put(),
    "DELETE": lambda sender: sender.delete(),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
writing = pytest.mark.parametrize("call", [CALLS["POST"], CALLS["PUT"]], ids=["POST", "PUT"])


# Row 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/ocpi/versions"),
        ("GET", "/ocpi/acme/versions/"),
        ("GET", "/ocpi/acme/2.2.1"),
        ("GET", "/ocpi/2.2.1/credentials"),
        ("POST", "/ocpi/acme/2.2.1/credentials"),
        ("PUT", "/ocpi/acme/2.2.1/credentials"),
        ("DELETE", "/ocpi/acme/2.2.1/credentials"),
        ("PATCH", "/ocpi/acme/2.2.1/credentials"),
    ],
)
async def test_row_1_without_the_broker_everything_is_503(event_loop_for_all: None, method: str, path: str) -> None:
    """SC-08, F14: never 401, which makes peers drop the connection."""
    settings = GatewaySettings(
        host="127.0.0.1",
        port=0,
        target=f"127.0.0.1:{free_port()}",
        service_key="none",
    )
    async with server.running(settings) as address, httpx.AsyncClient(trust_env=False, timeout=30) as client:
        response = await client.request(
            method, f"http://{address}{path}", headers={"Authorization": encoded("x-y")}, content=b"{}"
        )

    assert checked(response).status == 503
    assert int(response.headers["retry-after"]) > 0


# Row 2


async def test_row_2_too_many_bad_tokens_from_one_source_are_429(own_stack: Stack) -> None:
    """F19, F10. Another source is not held liable."""
    home = await own_stack.home()
    async with own_stack.guest(home) as guest:
        sender, good = guest.sender, guest.sender.token
        await sender.discover()
        sender.token = "ocpi-guess-guess"

        outcomes = [(await sender.versions()).status]
        while outcomes[-1] == 401 and len(outcomes) < 1000:
            outcomes.append((await sender.versions()).status)

        assert outcomes[-1] == 429, f"{len(outcomes)} failures and no limit"
        limited = [await call(sender) for call in CALLS.values()]
        assert {reply.status for reply in limited} == {429}
        assert all(int(reply.headers["retry-after"]) > 0 for reply in limited)
        other = own_stack.sender(guest.invitation, guest.platform, guest.party)
        other.token = good
        assert (await other.versions()).outcome == (200, 1000)


# Row 3


def _token(value: str) -> list[tuple[str, str]]:
    return [("Authorization", value)]


BAD_HEADERS: dict[str, Callable[[str], list[tuple[str, str]]]] = {
    "missing": lambda _: [],
    "doubled": lambda token: _token(encoded(token)) * 2,
    "empty": lambda _: _token(""),
    "scheme alone": lambda _: _token("Token"),
    "no scheme": _token,
    "other scheme": lambda token: _token(encoded(token).replace("Token", "Bearer")),
    "two values": lambda token: _token(f"Token {token} {token}"),
    "two in one": lambda token: _token(f"{encoded(token)}, {encoded(token)}"),
    "encoded twice": lambda token: _token(encoded(encoded(token).removeprefix("Token "))),
    "cut": lambda token: _token(encoded(token[:-1])),
    "lengthened": lambda token: _token(encoded(f"{token}x")),
    "other letter case": lambda token: _token(encoded(token.swapcase())),
    "two line feeds": lambda token: _token(encoded(f"{token}\n\n")),
    "unknown": lambda _: _token(encoded("5c6a9f0e-7d1b-4b8e-9a34-2f0d61c7be55")),
    "long": lambda _: _token(f"Token {'a' * 2000}"),
    "not ASCII": lambda _: _token(encoded("caf\xe9")),
}


@pytest.mark.parametrize("shown", BAD_HEADERS.values(), ids=BAD_HEADERS)
async def test_row_3_a_bad_header_is_401_for_every_call(guest: Guest, shown: Callable[[str], Any]) -> None:
    """AU-08, AU-12, AU-14: before the body is looked at, and never 400 or 500."""
    sender = guest.sender
    await sender.discover()
    requests = [
        ("GET", sender.versions_url),
        ("GET", f"{sender.base}/2.2.1"),
        ("GET", sender.credentials_url),
        ("POST", sender.credentials_url),
        ("PUT", sender.credentials_url),
        ("DELETE", sender.credentials_url),
        ("PATCH", sender.credentials_url),
    ]

    replies = [
        await sender.request(
            method, url, content=b"{broken" if method in {"POST", "PUT"} else None, headers=shown(sender.token)
        )
        for method, url in requests
    ]

    assert {reply.outcome for reply in replies} == {(401, 2000)}
    assert {reply.headers["www-authenticate"].split()[0] for reply in replies} == {"Token"}  # AU-11
    assert len({_told(reply) for reply in replies}) == 1


def _told(reply: Reply) -> tuple[str, ...]:
    """What the peer can learn from an answer: everything but the time and the ids."""
    body = {name: value for name, value in reply.body.items() if name != "timestamp"}
    headers = {
        name: value for name, value in reply.headers.items() if name not in {"date", "x-request-id", "x-correlation-id"}
    }
    return json.dumps(body, sort_keys=True), json.dumps(headers, sort_keys=True)


async def test_row_3_the_encoding_of_the_token_is_strict(guest: Guest) -> None:
    """Appendix B: without padding it is 401 by default."""
    sender = guest.sender
    padded = next(text for text in (sender.token, f"{sender.token}\n", f"{sender.token}\r\n") if len(text) % 3)
    value = base64.b64encode(padded.encode()).decode()

    good = await sender.request("GET", sender.versions_url, headers=_token(f"Token {value}"))
    bad = await sender.request("GET", sender.versions_url, headers=_token(f"Token {value.rstrip('=')}"))

    assert (good.status, bad.status) == (200, 401)


async def test_row_3_an_expired_invitation_is_401(stack: Stack, home: Home) -> None:
    """RR-21, F10."""
    party = new_party()
    invitation = await home.invite(party, expiry=1)
    async with platform_running() as platform:
        sender = stack.sender(invitation, platform, party)
        await sender.discover()
        await asyncio.sleep(1.1)

        assert [(await call(sender)).outcome for call in CALLS.values()] == [(401, 2000)] * len(CALLS)


@every_call
async def test_row_3_a_blocked_peer_is_401_until_it_is_unblocked(
    stack: Stack, home: Home, registered: Guest, call: Call
) -> None:
    """AU-16."""
    await stack.peers.BlockPeer(peer_service_pb2.BlockPeerRequest(name=registered.name))
    blocked = await call(registered.sender)
    with pytest.raises(grpc.RpcError) as refused:
        await home.held(registered.name)
    await stack.peers.UnblockPeer(peer_service_pb2.UnblockPeerRequest(name=registered.name))

    assert blocked.outcome == (401, 2000)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert (await registered.sender.versions()).outcome == (200, 1000)
    assert (await home.held(registered.name)).token


@every_call
async def test_row_3_a_revoked_token_is_401(stack: Stack, home: Home, registered: Guest, call: Call) -> None:
    """By a DELETE of its own."""
    shown = registered.sender.token
    assert (await registered.sender.delete()).outcome == (200, 1000)
    registered.sender.token = shown

    assert (await call(registered.sender)).outcome == (401, 2000)


async def test_row_3_a_reset_revokes_everything_that_was_issued(stack: Stack, home: Home, registered: Guest) -> None:
    """F3, operator tool."""
    answer = await stack.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=registered.name))

    assert (await registered.sender.versions()).status == 401
    assert (await home.peer(registered.name)).versions_url == registered.platform.versions_url  # the entry is kept
    registered.sender.token = answer.token
    await registered.sender.register()


# Row 4


@pytest.mark.parametrize("method", ["PATCH", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("resource", ["versions", "2.2.1"])
async def test_row_4_versions_and_details_are_read_only(guest: Guest, resource: str, method: str) -> None:
    """TR-03, TR-04."""
    url = f"{guest.sender.base}/{resource}"

    reply = await guest.sender.request(method, url, content=b"{}")
    unknown = await guest.sender.request(method, url, content=b"{}", headers=[])

    assert reply.outcome == (405, 2000)
    assert reply.allow == {"GET"}
    assert unknown.status == 401  # unauthenticated probes learn nothing


async def test_row_4_there_is_no_patch_of_credentials(registered: Guest) -> None:
    reply = await registered.sender.request("PATCH", registered.sender.credentials_url, content=b"{}")

    assert reply.outcome == (405, 2000)
    assert reply.allow - {"POST"} == {"GET", "PUT", "DELETE"}
