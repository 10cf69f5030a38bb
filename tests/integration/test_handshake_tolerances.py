"""Headers, bodies and answers that are sloppy but clear: a registration succeeds all the same."""

import re

import pytest

from tests.peer import Served, answering, checked, encoded, envelope, raw, role
from tests.stack import Guest, Home, Stack

pytestmark = pytest.mark.anyio


async def test_a_raw_header_is_taken_and_answered_in_kind(stack: Stack, home: Home) -> None:
    """A1: the peer's own form is the best guess for the callbacks; the strict platform accepts no other."""
    async with stack.guest(home, form=raw) as guest:
        await guest.sender.register()
        held = await home.held(guest.name)

        assert guest.platform.faults == []
        assert held.authorization == f"Token {held.token}"


@pytest.mark.parametrize(
    "value",
    ["Token {newline}", "token {base64}", "Token   {base64}", "TOKEN {raw}"],
    ids=["decodes to a line feed at the end", "lower case", "three blanks", "upper case, raw"],
)
async def test_sloppy_but_clear_headers_are_taken(guest: Guest, value: str) -> None:
    """AU-12, A2."""
    token = guest.invitation.token
    shown = value.format(
        raw=token,
        base64=encoded(token).removeprefix("Token "),
        newline=encoded(f"{token}\n").removeprefix("Token "),
    )

    reply = await guest.sender.request("GET", guest.sender.versions_url, headers=[("Authorization", shown)])

    assert reply.outcome == (200, 1000)


async def test_a_trailing_slash_changes_nothing(guest: Guest) -> None:
    """TR-13: no redirect, on any resource."""
    sender = guest.sender
    await sender.discover()

    plain = [await sender.get(url) for url in (sender.versions_url, f"{sender.base}/2.2.1", sender.credentials_url)]
    slashed = [
        await sender.get(f"{url}/") for url in (sender.versions_url, f"{sender.base}/2.2.1", sender.credentials_url)
    ]

    assert [reply.data for reply in slashed] == [reply.data for reply in plain]


async def test_message_ids_are_made_up_when_they_are_missing(stack: Stack, guest: Guest) -> None:
    """ID-07: never required."""
    response = await stack.client.get(guest.sender.versions_url, headers={"Authorization": encoded(guest.sender.token)})

    reply = checked(response)
    assert reply.outcome == (200, 1000)
    assert reply.headers["x-request-id"]
    assert reply.headers["x-correlation-id"]


@pytest.mark.parametrize(
    "value", ["x" * 129, "caf\xe9", "tab\there"], ids=["too long", "not ASCII", "control character"]
)
async def test_message_ids_that_could_do_harm_are_replaced(stack: Stack, guest: Guest, value: str) -> None:
    """ID-04, F20."""
    response = await stack.client.get(
        guest.sender.versions_url,
        headers=[
            (b"Authorization", encoded(guest.sender.token).encode()),
            (b"X-Request-ID", value.encode("latin-1")),
            (b"X-Correlation-ID", value.encode("latin-1")),
        ],
    )

    assert response.status_code == 200
    for name in ("x-request-id", "x-correlation-id"):
        assert response.headers[name] != value
        assert re.fullmatch(r"[!-~]{1,128}", response.headers[name])


async def test_routing_headers_of_a_peer_are_ignored(stack: Stack, guest: Guest) -> None:
    """RH-02."""
    response = await stack.client.get(
        guest.sender.versions_url,
        headers={
            "Authorization": encoded(guest.sender.token),
            "OCPI-from-party-id": "XXX",
            "OCPI-from-country-code": "XX",
            "OCPI-to-party-id": "YYY",
            "OCPI-to-country-code": "YY",
        },
    )

    assert checked(response).outcome == (200, 1000)


async def test_callbacks_tolerate_what_peers_get_wrong(guest: Guest) -> None:
    """EN-04, A24, A25, VL-05, VD-07, VD-11, F16."""
    platform = guest.platform
    listed = [*platform.versions(), {"version": 2.2}, "noise", {"url": "no version"}]
    details = platform.details()
    details["endpoints"] = [
        {**details["endpoints"][0], "role": None},
        *details["endpoints"][1:],
        {"identifier": 7},
        None,
    ]
    platform.script["versions"] = answering(
        envelope({"versions": listed}, code="1000", timestamp="1970-01-01T00:00:00+02:00")
    )
    platform.script["details"] = answering(envelope([details]))

    reply = await guest.sender.register()

    assert reply.outcome == (200, 1000)


async def test_a_peer_may_answer_with_any_content_type(guest: Guest) -> None:
    """F7: wrong content type with valid JSON is fine."""
    body = envelope(guest.platform.versions()).body
    guest.platform.script["versions"] = answering(Served(body=body, content_type="text/plain; charset=utf-8"))

    assert (await guest.sender.register()).outcome == (200, 1000)


async def test_unknown_fields_and_extra_ids_are_ignored(guest: Guest) -> None:
    """EN-09, A31."""
    await guest.sender.discover()

    reply = await guest.sender.post(party_id="KWL", country_code="DE", colour="green", hub_party_id=None)

    assert reply.outcome == (200, 1000)
    assert set(reply.data) == {"token", "url", "roles"}


async def test_decoration_never_fails_a_handshake(home: Home, guest: Guest) -> None:
    """CO-40, A31: a bad logo or website is dropped, a long name cut."""
    await guest.sender.discover()
    shown = role(guest.party)
    shown["business_details"] = {"name": "K" * 101, "website": "not a url", "logo": "https://example.com/logo.png"}

    reply = await guest.sender.post(roles=[shown])

    assert reply.outcome == (200, 1000)
    details = (await home.peer(guest.name)).parties[0].business_details
    assert details.name == "K" * 100
    assert details.website == ""
    assert not details.HasField("logo")


async def test_lower_case_parties_are_kept_in_upper_case(home: Home, guest: Guest) -> None:
    """CO-43."""
    country_code, party_id, kind = guest.party.split("/")
    await guest.sender.discover()

    reply = await guest.sender.post(roles=[role(f"{country_code.lower()}/{party_id.lower()}/{kind}")])

    assert reply.outcome == (200, 1000)
    (party,) = (await home.peer(guest.name)).parties
    assert (party.country_code, party.party_id) == (country_code, party_id)
