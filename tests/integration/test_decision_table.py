"""What the server answers: rows 1 to 19 of the decision table, each with what it says about the state afterwards."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest

from gateway import server
from gateway.config import GatewaySettings
from ocpi_broker.v1 import peer_service_pb2, resources_pb2
from tests.peer import (
    Gate,
    Platform,
    Received,
    Reply,
    Sender,
    Served,
    answering,
    checked,
    encoded,
    envelope,
    new_party,
    new_token,
    platform_running,
    role,
)
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


@dataclass(frozen=True, slots=True)
class Either:
    """A peer that may POST (invited) or one that may PUT (registered): the same rules hold for both."""

    home: Home
    guest: Guest
    method: str

    async def send(self, body: object = None, **changes: Any) -> Reply:
        return await (self.guest.sender.post if self.method == "POST" else self.guest.sender.put)(body, **changes)

    async def snapshot(self) -> object:
        """All that the peer is, as far as a failure must not change it (RR-15, UR-08)."""
        kept = _standing(await self.home.peer(self.guest.name))
        shown = (await self.home.verify(self.guest.sender.token, "credentials")).valid
        held = (await self.home.held(self.guest.name)).token if self.method == "PUT" else None
        return kept, shown, held


@pytest.fixture(scope="module")
async def settled(request: pytest.FixtureRequest, stack: Stack) -> AsyncIterator[Either]:
    """One for all tests of refusals, because none of them may change it."""
    home = await stack.home()
    async with stack.guest(home) as guest:
        await guest.sender.discover()
        if request.param == "PUT":
            await guest.sender.register()
            await guest.sender.versions()  # so that the exchange is confirmed
        yield Either(home, guest, request.param)


@pytest.fixture
def either(settled: Either) -> Iterator[Either]:
    platform = settled.guest.platform
    modules = platform.modules
    platform.received.clear()
    yield settled
    faults = list(platform.faults)
    platform.script, platform.modules = {}, modules
    platform.faults.clear()
    assert faults == []


def _standing(peer: resources_pb2.Peer) -> tuple[object, ...]:
    return peer.state, peer.version, peer.versions_url, str(peer.parties), str(peer.endpoints), peer.unconfirmed


both_methods = pytest.mark.parametrize("settled", ["POST", "PUT"], indirect=True, scope="module")


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


# Rows 5 to 8

STATE_ROWS: dict[str, dict[str, int | set[str]]] = {
    "5 invited": {"PUT": {"GET", "POST"}, "DELETE": {"GET", "POST"}},
    "6 invitation retiring": {"PUT": {"GET", "POST"}, "DELETE": {"GET", "POST"}},
    "7 registered": {"POST": {"GET", "PUT", "DELETE"}},
    "8 token retiring": {"POST": {"GET", "PUT", "DELETE"}},
}


@pytest.mark.parametrize("row", STATE_ROWS)
async def test_rows_5_to_8_the_state_decides_before_the_body(home: Home, guest: Guest, row: str) -> None:
    """RR-12, RR-20, UR-02, UN-05: 405 even for broken JSON, without a callback, and nothing changes."""
    sender, platform = guest.sender, guest.platform
    await sender.discover()
    if row != "5 invited":
        issued = (await sender.post()).token
        if row != "6 invitation retiring":
            sender.token = issued
            assert (await sender.versions()).status == 200
        if row == "8 token retiring":
            assert (await sender.put()).outcome == (200, 1000)  # and the answer is lost
    platform.received.clear()
    before = _standing(await home.peer(guest.name))

    for method, allowed in STATE_ROWS[row].items():
        for body in (b"{broken", None):
            announced = json.dumps(sender.credentials(new_token())).encode() if body is None else body
            reply = await sender.request(method, sender.credentials_url, content=announced)
            assert reply.outcome == (405, 2000), (row, method)
            assert reply.allow == allowed, (row, method)

    assert platform.received == []
    assert _standing(await home.peer(guest.name)) == before
    for reply in (await sender.versions(), await sender.get(f"{sender.base}/2.2.1")):
        assert reply.outcome == (200, 1000)
    echoed = await sender.get()
    assert echoed.outcome == (200, 1000)
    assert echoed.token == sender.token  # A4: never the newer one


# Rows 9 to 12

NOT_JSON: dict[str, bytes] = {
    "empty": b"",
    "cut": b'{"token": "a',
    "two documents": b"{}{}",
    "NaN": b'{"token": NaN}',
    "Infinity": b'{"token": -Infinity}',
    "not UTF-8": b'{"token": "\xff"}',
    "single quotes": b"{'token': 'a'}",
    "too deep": b'{"a":' * 5000 + b"1" + b"}" * 5000,
}


@both_methods
@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
async def test_row_9_a_body_that_is_not_json_is_400(either: Either, body: bytes) -> None:
    """SC-01, F23."""
    before = await either.snapshot()

    reply = await either.send(body)

    assert reply.outcome == (400, 2001)
    assert either.guest.platform.received == []
    assert await either.snapshot() == before


@both_methods
async def test_row_10_a_large_body_is_413(either: Either) -> None:
    """TR-19."""
    before = await either.snapshot()

    reply = await either.send(b'{"token": "' + b"a" * 10 * 1024 * 1024 + b'"}')

    assert reply.status == 413
    assert await either.snapshot() == before


def _role(**changes: Any) -> Callable[[Guest], dict[str, Any]]:
    """The guest's only role with these fields changed; ... takes a field away."""

    def announce(guest: Guest) -> dict[str, Any]:
        changed = {**role(guest.party), **changes}
        return {"roles": [{name: value for name, value in changed.items() if value is not ...}]}

    return announce


def _fields(**changes: Any) -> Callable[[Guest], dict[str, Any]]:
    return lambda _: changes


INVALID: dict[str, tuple[str, Callable[[Guest], dict[str, Any]]]] = {
    "token missing": ("token", _fields(token=...)),
    "token null": ("token", _fields(token=None)),
    "token a number": ("token", _fields(token=5)),
    "token empty": ("token", _fields(token="")),
    "token of 65": ("token", _fields(token="t" * 65)),
    "token with a blank": ("token", _fields(token="to ken")),
    "token with a tab": ("token", _fields(token="to\tken")),
    "token not ASCII": ("token", _fields(token="tok\xe9n")),
    "token with DEL": ("token", _fields(token="tok\x7fn")),
    "url missing": ("url", _fields(url=...)),
    "url a list": ("url", _fields(url=["https://example.com"])),
    "url relative": ("url", _fields(url="/ocpi/versions")),
    "url of 300": ("url", _fields(url="https://example.com/" + "a" * 280)),
    "url with a password": ("url", _fields(url="https://user:pass@example.com/versions")),
    "url with a fragment": ("url", _fields(url="https://example.com/versions#top")),
    "url of another scheme": ("url", _fields(url="ftp://example.com/versions")),
    "roles missing": ("roles", _fields(roles=...)),
    "roles null": ("roles", _fields(roles=None)),
    "roles empty": ("roles", _fields(roles=[])),
    "roles an object": ("roles", _fields(roles={})),
    "role not an object": ("roles[0]", _fields(roles=["CPO"])),
    "role missing": ("roles[0].role", _role(role=...)),
    "role unknown": ("roles[0].role", _role(role="BAKER")),
    "role in lower case": ("roles[0].role", _role(role="cpo")),
    "party_id missing": ("roles[0].party_id", _role(party_id=...)),
    "party_id of two": ("roles[0].party_id", _role(party_id="KW")),
    "party_id of four": ("roles[0].party_id", _role(party_id="KWLX")),
    "party_id with a dash": ("roles[0].party_id", _role(party_id="K-L")),
    "party_id a number": ("roles[0].party_id", _role(party_id=123)),
    "country_code of three": ("roles[0].country_code", _role(country_code="DEU")),
    "country_code with a digit": ("roles[0].country_code", _role(country_code="D1")),
    "country_code missing": ("roles[0].country_code", _role(country_code=...)),
    "business_details missing": ("roles[0].business_details", _role(business_details=...)),
    "name missing": ("roles[0].business_details.name", _role(business_details={})),
    "the same role twice": (
        "roles",
        lambda guest: {"roles": [role(guest.party), role(guest.party.lower().replace("cpo", "CPO"))]},
    ),
}


@both_methods
@pytest.mark.parametrize(("path", "announce"), INVALID.values(), ids=INVALID)
async def test_row_11_a_bad_object_is_2001_and_named(
    either: Either, path: str, announce: Callable[[Guest], dict[str, Any]]
) -> None:
    """CO-39, SC-02: HTTP 200, the JSON path, never the token, no callback, no change."""
    before, theirs = await either.snapshot(), new_token()
    body = {**either.guest.sender.credentials(theirs), **announce(either.guest)}

    reply = await either.send({name: value for name, value in body.items() if value is not ...})

    assert reply.outcome == (200, 2001)
    assert path in reply.message
    assert theirs not in reply.message
    assert either.guest.platform.received == []
    assert await either.snapshot() == before


@both_methods
@pytest.mark.parametrize("body", [b"[]", b"7", b'"text"', b"null"])
async def test_row_11_json_that_is_no_object_is_2001(either: Either, body: bytes) -> None:
    before = await either.snapshot()

    reply = await either.send(body)

    assert reply.outcome == (200, 2001)
    assert await either.snapshot() == before


@both_methods
async def test_row_11_the_flat_object_of_older_versions_is_2001(either: Either) -> None:
    """CO-44."""
    country_code, party_id, _ = either.guest.party.split("/")
    flat = {
        "token": new_token(),
        "url": either.guest.platform.versions_url,
        "business_details": {"name": "Kabelwerk"},
        "party_id": party_id,
        "country_code": country_code,
    }

    assert (await either.send(flat)).outcome == (200, 2001)


@both_methods
@pytest.mark.parametrize("field", ["token", "url"])
async def test_row_11_a_key_given_twice_is_refused(either: Either, field: str) -> None:
    """TR-09: which of the two counts must not be a matter of luck."""
    before = await either.snapshot()
    body = json.dumps(either.guest.sender.credentials(new_token()))
    doubled = f'{{"{field}": "https://example.com/versions", {body[1:]}'

    reply = await either.send(doubled.encode())

    assert reply.outcome in {(200, 2001), (400, 2001)}
    assert await either.snapshot() == before


@both_methods
async def test_row_11_a_token_that_we_issued_is_no_token_of_theirs(either: Either) -> None:
    """CO-41. One of another tenant of ours may be, since tenants connect to each other (test_connect.py)."""
    before = await either.snapshot()
    elsewhere = await either.home.invite()

    for ours in (either.guest.sender.token, elsewhere.token):
        reply = await either.send(token=ours)
        assert reply.outcome == (200, 2001)
        assert ours not in reply.message

    assert await either.snapshot() == before


@both_methods
async def test_row_12_a_party_outside_the_invitation_is_2001(either: Either) -> None:
    """RR-17, UR-14, A19."""
    before = await either.snapshot()

    reply = await either.send(roles=[role(either.guest.party), role(new_party())])

    assert reply.outcome == (200, 2001)
    assert either.guest.platform.received == []
    assert await either.snapshot() == before


@both_methods
async def test_row_12_a_party_of_another_peer_is_2001(stack: Stack, home: Home, either: Either) -> None:
    """PR-02: first owner keeps the id, on POST and on PUT, even for an invitation that allows any party."""
    async with stack.guest(home) as owner, platform_running() as platform:
        await owner.sender.register()
        invitation = await home.invite()
        thief = stack.sender(invitation, platform, new_party())
        await thief.discover()
        if either.method == "PUT":
            await thief.register()
        announced = [*thief.roles, role(owner.party)]

        reply = await (thief.post if either.method == "POST" else thief.put)(roles=announced)

        assert reply.outcome == (200, 2001)
        (kept,) = (await home.peer(owner.name)).parties
        assert kept.party_id == owner.party.split("/")[1]


async def test_row_12_the_same_party_may_have_other_roles_elsewhere(stack: Stack, home: Home) -> None:
    """PR-03."""
    party = new_party("CPO")
    async with stack.guest(home, party) as one, stack.guest(home, party.replace("CPO", "EMSP")) as two:
        await one.sender.register()
        await two.sender.register()


@both_methods
async def test_row_11_a_host_that_the_invitation_does_not_name_is_refused(
    stack: Stack, home: Home, either: Either
) -> None:
    """F9: the expected version list pins its host."""
    party = new_party()
    async with platform_running() as expected, platform_running() as other:
        invitation = await home.invite(party, versions_url=expected.versions_url)
        sender = stack.sender(invitation, expected, party)
        await sender.discover()
        if either.method == "PUT":
            await sender.register()
        moved = other.versions_url.replace("127.0.0.1", "localhost")

        reply = await (sender.post if either.method == "POST" else sender.put)(url=moved)

        assert reply.outcome == (200, 2001)
        assert other.received == []


# Row 13


async def test_row_13_no_downgrade_by_put(stack: Stack) -> None:
    """A34."""
    home = await stack.home(versions=("2.2", "2.2.1"))
    async with stack.guest(home) as guest:
        await guest.sender.register()
        guest.sender.credentials_url = guest.sender.credentials_url.replace("2.2.1", "2.2")

        reply = await guest.sender.put()

        assert reply.outcome == (200, 3002)
        assert (await home.peer(guest.name)).version == "2.2.1"


# Row 14


async def test_row_14_a_second_post_waits_for_the_first_and_gives_up(guest: Guest) -> None:
    """F5."""
    gate = Gate()
    guest.platform.script["versions"] = gate
    await guest.sender.discover()
    first = asyncio.create_task(guest.sender.post())
    await gate.reached.wait()
    started = asyncio.get_running_loop().time()

    second = await guest.sender.post()

    waited = asyncio.get_running_loop().time() - started
    gate.open()
    assert second.outcome == (200, 3000)
    assert 4 < waited < 9
    assert (await first).outcome == (200, 1000)


# Rows 15 to 17


def _no_list(platform: Platform) -> Served:
    return Served(body=json.dumps(platform.versions()).encode())


UNUSABLE: dict[str, Callable[[Platform], Served]] = {
    "HTTP 500": lambda _: Served(status=500, body=envelope().body),
    "HTTP 404": lambda _: Served(status=404),
    "HTTP 204": lambda _: Served(status=204),
    "a redirect": lambda platform: Served(status=302, headers=(("location", f"{platform.base}/elsewhere"),)),
    "HTML": lambda _: Served(body=b"<html>", content_type="text/html"),
    "no envelope": _no_list,
    "no data": lambda _: envelope(),
    "an error of theirs": lambda platform: envelope(platform.versions(), code=2000),
    "an error of theirs as text": lambda platform: envelope(platform.versions(), code="3000"),
    "no status code": lambda platform: Served(body=json.dumps({"data": platform.versions()}).encode()),
    "data a string": lambda _: envelope("versions"),
    "compressed": lambda platform: Served(
        body=envelope(platform.versions()).body, headers=(("content-encoding", "gzip"),)
    ),
    "too large": lambda _: Served(body=b'"' + b"a" * 5 * 1024 * 1024 + b'"'),
    "too deep": lambda _: Served(body=b"[" * 100_000 + b"]" * 100_000),
}


@both_methods
@pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE)
async def test_row_15_a_list_that_cannot_be_had_is_3001(either: Either, answer: Callable[[Platform], Served]) -> None:
    """RR-08, F7, F8: and what stood before stands."""
    before = await either.snapshot()
    either.guest.platform.script["versions"] = answering(answer(either.guest.platform))

    reply = await either.send()

    assert reply.outcome == (200, 3001)
    assert "details" not in either.guest.platform.resources()
    assert await either.snapshot() == before


@both_methods
async def test_row_15_details_that_cannot_be_had_are_3001(either: Either) -> None:
    """A32."""
    before = await either.snapshot()
    for answer in (Served(status=500), envelope(), envelope([]), envelope({"version": "2.2.1"}), Served(body=b"{")):
        either.guest.platform.script["details"] = answering(answer)
        assert (await either.send()).outcome == (200, 3001)
    assert await either.snapshot() == before


@both_methods
async def test_row_15_a_redirect_is_named_and_not_followed(either: Either) -> None:
    """F8."""
    async with platform_running() as elsewhere:
        target = f"http://localhost:{elsewhere.base.rpartition(':')[2]}/ocpi"
        either.guest.platform.script["versions"] = answering(Served(status=301, headers=(("location", target),)))

        reply = await either.send()

        assert reply.outcome == (200, 3001)
        assert "localhost" in reply.message
        assert elsewhere.received == []


@pytest.mark.parametrize("settled", ["POST"], indirect=True, scope="module")
async def test_row_15_a_peer_that_does_not_answer_tells_nothing_about_ports(either: Either) -> None:
    """F9: the same text whether the name is unknown or the port closed."""
    closed = await either.send(url=f"http://127.0.0.1:{free_port()}/versions")
    unknown = await either.send(url="http://no-such-host.invalid/versions")

    assert closed.outcome == unknown.outcome == (200, 3001)
    assert closed.message.replace("127.0.0.1", "") == unknown.message.replace("no-such-host.invalid", "")


async def test_row_11_a_put_does_not_move_to_another_origin(home: Home, registered: Guest) -> None:
    """F9: a thief of the token could otherwise have our data sent to himself."""
    async with platform_running() as elsewhere:
        before = await home.held(registered.name)

        reply = await registered.sender.put(url=elsewhere.versions_url.replace("127.0.0.1", "localhost"))

        assert reply.outcome == (200, 2001)
        assert elsewhere.received == []
        assert (await home.held(registered.name)).token == before.token


@both_methods
async def test_row_15_their_own_token_refused_is_3001_after_one_try_in_the_other_form(either: Either) -> None:
    """F13."""
    before, theirs = await either.snapshot(), new_token()
    platform = either.guest.platform
    platform.script["versions"] = answering(Served(status=401, body=envelope(code=2000).body))

    reply = await either.send(either.guest.sender.credentials(theirs))

    assert reply.outcome == (200, 3001)
    shown = [request.header("authorization") for request in platform.received]
    assert shown[:2] == [encoded(theirs), f"Token {theirs}"]
    assert len(shown) <= (2 if either.method == "POST" else 4)  # on PUT once more with the token it replaces (A11)
    assert await either.snapshot() == before
    platform.faults.clear()  # the other form is no fault after a 401


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True, scope="session")
async def test_row_15_slow_but_in_time_is_fine_and_too_slow_is_3001(stack: Stack, home: Home) -> None:
    """A33, F7: 10 s per GET."""
    async with stack.guest(home) as slow, stack.guest(home) as stalled:
        slow.platform.script["versions"] = _delayed(4)
        stalled.platform.script["details"] = answering(Served(), delay=13)
        await asyncio.gather(slow.sender.discover(), stalled.sender.discover())
        started = asyncio.get_running_loop().time()

        replies = await asyncio.gather(slow.sender.post(), stalled.sender.post())

        assert [reply.outcome for reply in replies] == [(200, 1000), (200, 3001)]
        assert 9 < asyncio.get_running_loop().time() - started < 12


def _delayed(seconds: float) -> Any:
    async def script(_: Received) -> None:
        await asyncio.sleep(seconds)

    return script


@both_methods
async def test_row_16_a_list_without_our_version_is_3002(either: Either) -> None:
    """RR-09, A26: 2.2 is not 2.2.1."""
    before = await either.snapshot()
    listed = [{"version": "2.2", "url": either.guest.platform.details_url}]
    either.guest.platform.script["versions"] = answering(envelope(listed))

    reply = await either.send()

    assert reply.outcome == (200, 3002)
    assert await either.snapshot() == before


@both_methods
async def test_row_16_details_of_another_version_are_3002(either: Either) -> None:
    """VD-12."""
    before = await either.snapshot()
    details = {**either.guest.platform.details(), "version": "2.2"}
    either.guest.platform.script["details"] = answering(envelope(details))

    reply = await either.send()

    assert reply.outcome == (200, 3002)
    assert await either.snapshot() == before


@both_methods
async def test_row_17_details_without_credentials_are_3003(either: Either) -> None:
    """A32, VD-05."""
    before = await either.snapshot()
    either.guest.platform.modules = (("locations", "SENDER"),)

    reply = await either.send()

    assert reply.outcome == (200, 3003)
    assert await either.snapshot() == before


@pytest.mark.parametrize(
    ("modules", "outcome"),
    [
        ((("credentials", "SENDER"),), (200, 3003)),
        ((("credentials", "SENDER"), ("locations", "RECEIVER")), (200, 3003)),
        ((("credentials", "SENDER"), ("Locations", "SENDER")), (200, 1000)),  # VD-11
    ],
)
async def test_row_17_what_the_tenant_requires_must_be_listed(
    stack: Stack, modules: tuple[tuple[str, str], ...], outcome: tuple[int, int]
) -> None:
    """RR-10."""
    required = resources_pb2.RequiredModule(
        peer_role=resources_pb2.ROLE_CPO,
        module="locations",
        interface_role=resources_pb2.INTERFACE_ROLE_SENDER,
    )
    home = await stack.home(policy=resources_pb2.TenantPolicy(required_modules=[required]))
    async with stack.guest(home, modules=modules) as guest:
        await guest.sender.discover()
        assert (await guest.sender.post()).outcome == outcome


@both_methods
async def test_an_endpoint_on_a_foreign_host_is_refused(either: Either) -> None:
    """F9: their token and our data would go to a third party of the peer's choosing."""
    before = await either.snapshot()
    details = either.guest.platform.details()
    details["endpoints"][1]["url"] = "https://collector.example.com/locations"
    either.guest.platform.script["details"] = answering(envelope(details))

    reply = await either.send()

    assert reply.status == 200
    assert reply.code in {3001, 3003}
    assert "locations" in reply.message
    assert await either.snapshot() == before


# Row 18


async def test_row_18_a_defect_after_authentication_is_3000(stack: Stack, registered: Guest) -> None:
    """SC-08: and says nothing of the cause."""
    tenant, peer = registered.name.split("/")[1::2]
    stack.database.execute(f"UPDATE peer SET terms = 'SPOILT' WHERE tenant = '{tenant}' AND id = '{peer}'")

    replies = [await registered.sender.put(), await registered.sender.delete()]

    assert [reply.outcome for reply in replies] == [(200, 3000)] * 2
    for reply in replies:
        assert not [word for word in ("SPOILT", "json", "JSON", "Error", "column", "line 1") if word in reply.message]
