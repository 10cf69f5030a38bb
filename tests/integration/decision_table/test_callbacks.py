"""Rows 15 to 18: what the peer's own API does not answer, or does not list; and a defect of ours."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from ocpi_broker.v1 import resources_pb2
from tests.integration.decision_table.either import Either, both_methods
from tests.peer import Platform, Received, Served, answering, encoded, envelope, new_token, platform_running
from tests.ports import free_port
from tests.stack import Guest, Home, Stack

pytestmark = pytest.mark.anyio


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
        body=bytes(range(128, 256)) + envelope(platform.versions()).body, headers=(("content-encoding", "br"),)
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
