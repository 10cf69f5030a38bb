"""Rows 9 to 12: what is wrong with a body, or with the parties in it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.decision_table.either import Either, both_methods
from tests.peer import new_party, new_token, platform_running, role
from tests.stack import Guest, Home, Stack

pytestmark = pytest.mark.anyio


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


async def test_row_11_a_put_does_not_move_to_another_origin(home: Home, registered: Guest) -> None:
    """F9: a thief of the token could otherwise have our data sent to himself."""
    async with platform_running() as elsewhere:
        before = await home.held(registered.name)

        reply = await registered.sender.put(url=elsewhere.versions_url.replace("127.0.0.1", "localhost"))

        assert reply.outcome == (200, 2001)
        assert elsewhere.received == []
        assert (await home.held(registered.name)).token == before.token
