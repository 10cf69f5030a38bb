"""What peers send that is odd or much, in every version: it is put up with."""

import itertools
import json
import string
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from broker.ocpi import DIALECTS
from tests.integration.announcing_peers import (
    BROAD,
    NEWEST,
    OLDEST,
    Subject,
    announced,
    arrays,
    every_version,
    on_sqlite,
    prepared,
)
from tests.peer import FLAT, Received, Served, encoded, envelope, new_token, platform_running, role
from tests.stack import Stack

pytestmark = pytest.mark.anyio


@pytest.fixture
async def fresh(stack: Stack, version: str) -> AsyncIterator[Subject]:
    """One invited peer for one test that succeeds."""
    home = await stack.home(versions=[version])
    async with stack.guest(home, version=version) as guest:
        yield await prepared(stack, home, guest, version, "POST")


# What is put up with


async def _party(subject: Subject) -> Any:
    (one,) = (await subject.home.peer(subject.guest.name)).parties
    return one


@every_version
@on_sqlite
async def test_fields_that_nobody_knows_are_ignored_wherever_they_are(fresh: Subject) -> None:
    """EN-09; a peer may send the fields of two versions together (Appendix C)."""
    details = {"name": "Kabelwerk", "logo": None, "website": None, "slogan": BROAD}
    body = fresh.body(business_details=details, evse_count=5, nested={"a": [None, 1.5e3, True]})
    country_code, party_id, _ = fresh.guest.party.split("/")
    extra = {} if fresh.flat else {"country_code": country_code, "party_id": party_id}

    reply = await fresh.send({**extra, "x-version": "1", "comment": json.loads(arrays(30)), **body})

    assert reply.outcome == (200, 1000)
    assert (await _party(fresh)).business_details.name == "Kabelwerk"


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (BROAD * 100, BROAD * 100),
        (BROAD * 101, BROAD * 100),
        ("e\u0301" * 50, "e\u0301" * 50),
        ("\u202eKabel\u200bwerk", "\u202eKabel\u200bwerk"),
        ("Kabel\twerk\x00", "Kabel werk "),
    ],
    ids=["100 characters", "101 characters", "combining", "right to left", "control"],
)
async def test_a_name_is_counted_in_characters_and_cut(fresh: Subject, name: str, kept: str) -> None:
    """TY-01, CO-40: in both databases, which count in different units."""
    reply = await fresh.send(fresh.body(business_details={"name": name}))

    assert reply.outcome == (200, 1000)
    assert (await _party(fresh)).business_details.name == kept


@every_version
@on_sqlite
async def test_a_token_of_64_characters_is_used_as_it_came(fresh: Subject) -> None:
    """CO-41."""
    token = "!~" * 31 + new_token()[-2:]
    fresh.guest.platform.accepted.add(token)

    reply = await fresh.send({**fresh.body(), "token": token})

    assert reply.outcome == (200, 1000)
    assert (await fresh.home.held(fresh.guest.name)).token == token


@every_version
@on_sqlite
async def test_a_url_of_255_characters_is_used_as_it_came(fresh: Subject) -> None:
    """TY-03, TR-14."""
    platform = fresh.guest.platform
    url = f"{platform.base}/{'a' * (254 - len(platform.base))}"

    async def listed(request: Received) -> Served:
        assert f"{platform.base}{request.path}" == url
        return envelope(platform.versions())

    platform.script["unknown"] = listed
    reply = await fresh.send({**fresh.body(), "url": url})

    assert (len(url), reply.outcome) == (255, (200, 1000))
    assert (await fresh.home.peer(fresh.guest.name)).versions_url == url


@every_version
@on_sqlite
async def test_ids_may_be_in_lower_case(fresh: Subject) -> None:
    """CO-43, A20."""
    country_code, party_id, _ = fresh.guest.party.split("/")

    reply = await fresh.send(fresh.body(country_code=country_code.lower(), party_id=party_id.lower()))

    found = await _party(fresh)
    assert reply.outcome == (200, 1000)
    assert (found.country_code, found.party_id) == (country_code, party_id)


LOGO = {"url": "https://peer.example/logo.png", "category": "OPERATOR", "type": "png"}


@every_version
@on_sqlite
async def test_the_width_of_a_logo_may_be_a_string(fresh: Subject) -> None:
    """F23; what is no number at all costs only itself."""
    details = {"name": "Kabelwerk", "logo": {**LOGO, "width": "512", "height": 1e400}}
    body = json.dumps(fresh.body(business_details=details)).replace("Infinity", "1e400")

    reply = await fresh.send(body.encode())

    logo = (await _party(fresh)).business_details.logo
    assert reply.outcome == (200, 1000)
    assert (logo.url, logo.width, logo.height) == (LOGO["url"], 512, 0)


@every_version
@on_sqlite
async def test_decoration_that_is_wrong_is_dropped(fresh: Subject) -> None:
    """CO-40."""
    details = {"name": "Kabelwerk", "website": "www.kabelwerk.example", "logo": {**LOGO, "category": "MASCOT"}}

    reply = await fresh.send(fresh.body(business_details=details))

    found = (await _party(fresh)).business_details
    assert reply.outcome == (200, 1000)
    assert found.website == ""


TIMES: dict[str, Any] = {
    "an offset": "2026-03-02T11:15:00+02:00",
    "zero offset": "2026-03-02T09:15:00+00:00",
    "no designator": "2026-03-02T09:15:00",
    "a fraction": "2026-03-02T09:15:00.1Z",
    "27 characters": "2026-03-02T09:15:00.123456Z",
    "a blank": "2026-03-02 09:15:00",
    "1970": "1970-01-01T00:00:00Z",
    "2099": "2099-12-31T23:59:60Z",
    "a number": 1772442900,
    "null": None,
    "rubbish": "yesterday",
}


@every_version
@on_sqlite
async def test_the_time_in_a_peers_answers_does_not_matter(fresh: Subject) -> None:
    """F16: whatever its clock says and however it writes it."""
    subject = fresh
    for name, timestamp in TIMES.items():
        platform = subject.guest.platform
        platform.script = {
            "versions": _answering(platform.versions, timestamp),
            "details": _answering(platform.details, timestamp),
        }
        reply = await subject.send(subject.body())
        assert reply.outcome == (200, 1000), name
        subject.guest.sender.token = reply.token
        subject = replace(subject, method="PUT")


def _answering(data: Callable[[], Any], timestamp: Any) -> Any:
    async def script(_: Received) -> Served:
        return envelope(data(), timestamp=timestamp)

    return script


@every_version
@on_sqlite
@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "Application/JSON;charset=utf-16", "???"]
)
async def test_the_content_type_does_not_matter(fresh: Subject, content_type: str | None) -> None:
    """What parses as JSON is JSON."""
    typed = {} if content_type is None else {"Content-Type": content_type}

    response = await fresh.stack.client.post(
        fresh.guest.sender.credentials_url,
        content=json.dumps(fresh.body()).encode(),
        headers={"Authorization": encoded(fresh.guest.sender.token), **typed},
    )

    assert (response.status_code, response.json()["status_code"]) == (200, 1000)
    assert response.headers["content-type"] == "application/json"


# As many as there may be

IDS = ["".join(letters) for letters in itertools.product(string.ascii_uppercase + string.digits, repeat=3)]


@pytest.mark.parametrize("version", [version for version in DIALECTS if version not in FLAT][-1:])
async def test_20_000_roles_are_taken_in_one_transaction_and_one_more_is_refused(stack: Stack, version: str) -> None:
    """F23."""
    home = await stack.home(versions=[version])
    invitation = await home.invite()
    async with platform_running(version=version) as platform:
        sender = stack.sender(invitation, platform)
        sender.credentials_url = f"{sender.base}/{version}/credentials"
        body = announced(platform, version, "SE/AAA/CPO")
        entries = [{**role(f"SE/{one}/CPO", "K"), "party_id": one} for one in IDS[:20_001]]

        refused = await sender.request("POST", sender.credentials_url, content=_with(body, entries))
        before = await home.peer(invitation.peer.name)
        taken = await sender.request("POST", sender.credentials_url, content=_with(body, entries[:-1]))
        after = await home.peer(invitation.peer.name)

    assert refused.outcome == (200, 2001)
    assert "roles" in refused.message
    assert len(before.parties) == 0
    assert taken.outcome == (200, 1000)
    assert len(after.parties) == 20_000


def _with(body: dict[str, Any], entries: list[dict[str, Any]]) -> bytes:
    return json.dumps({**body, "roles": entries}, separators=(",", ":")).encode()
