"""Request bodies: limited in size and time; what is wrong with them is said in a form that the broker can judge."""

import asyncio
import json

import pytest
from starlette.requests import ClientDisconnect

from broker.core.model import Role
from broker.ocpi import DIALECTS
from gateway.bodies import BodyError, read_body, read_credentials
from ocpi_broker.v1.reasons_pb2 import Reason
from tests.unit.ocpi.examples import example

pytestmark = pytest.mark.anyio

LIMIT = 10


def arriving(*chunks, then=None):
    """A receive() that yields the chunks; then: what comes instead of the end."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append(then or {"type": "http.request", "body": b"", "more_body": False})

    async def receive():
        return messages.pop(0)

    return receive


async def nothing():
    await asyncio.sleep(60)


def scope(length=None):
    return {"headers": [] if length is None else [(b"content-length", length)]}


@pytest.mark.parametrize("chunks", [[], [b"abc"], [b"abc", b"", b"defghij"]])
async def test_a_body_is_put_together(chunks):
    assert await read_body(scope(), arriving(*chunks), LIMIT) == b"".join(chunks)


@pytest.mark.parametrize("length", [b"", b"x", b"-1", b"3"])
async def test_a_wrong_length_does_no_harm(length):
    assert await read_body(scope(length), arriving(b"abc"), LIMIT) == b"abc"


@pytest.mark.parametrize(("length", "chunks"), [(b"11", []), (None, [b"a" * 6, b"a" * 5]), (b"5", [b"a" * 11])])
async def test_a_body_beyond_the_limit_is_not_read_to_its_end(length, chunks):
    receive = arriving(*chunks, then={"type": "never"})

    with pytest.raises(BodyError) as raised:
        await read_body(scope(length), receive, LIMIT)

    assert raised.value.unreadable.reason == Reason.REASON_BODY_TOO_LARGE
    assert (await receive())["type"] == "never"


async def test_a_body_that_does_not_come_is_not_waited_for():
    with pytest.raises(BodyError) as raised:
        await read_body(scope(), nothing, LIMIT, seconds=0)

    assert raised.value.unreadable.reason == Reason.REASON_BODY_NOT_JSON


async def test_a_peer_that_goes_away_is_not_answered():
    with pytest.raises(ClientDisconnect):
        await read_body(scope(), arriving(b"abc", then={"type": "http.disconnect"}), LIMIT)


@pytest.mark.parametrize(
    ("body", "reason", "said"),
    [
        (b"", "REASON_BODY_NOT_JSON", "the body is not JSON at line 1, column 1"),
        (b'{"token"', "REASON_BODY_NOT_JSON", "the body is not JSON at line 1, column 9"),
        (b'{"token":"a","token":"b"}', "REASON_BODY_NOT_JSON", "the body has an object with the same key twice"),
        (b"[]", "REASON_CREDENTIALS_INVALID", "the body must be an object"),
        (b"{}", "REASON_CREDENTIALS_INVALID", "token: is required"),
        (
            b'{"token":"a","url":"https://a.example/","roles":[{"role":"X"}]}',
            "REASON_CREDENTIALS_INVALID",
            "roles[0].role: must be one of CPO, EMSP, HUB, NAP, NSP, OTHER, SCSP",
        ),
    ],
)
async def test_what_is_wrong_is_named(body, reason, said):
    with pytest.raises(BodyError) as raised:
        read_credentials(DIALECTS["2.2.1"], body)

    assert (Reason.Name(raised.value.unreadable.reason), raised.value.unreadable.message) == (reason, said)


async def test_credentials_are_read_in_their_version():
    body = json.dumps(example("2.2", "credentials")).encode()

    read = read_credentials(DIALECTS["2.2"], body)

    assert [(party.party_id, party.role) for party in read.parties] == [("RJS", Role.EMSP), ("RJS", Role.CPO)]
    with pytest.raises(BodyError):
        read_credentials(DIALECTS["2.1.1"], body)
