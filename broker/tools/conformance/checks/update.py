"""PUT: what it changes, what it refuses, and what must not matter to it."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from broker.tools.conformance import objects
from broker.tools.conformance.checks import unusable
from broker.tools.conformance.checks.objections import BROKEN, NO_OBJECT, NOT_JSON, announce_a_stranger, refused
from broker.tools.conformance.checks.registration import check_answer, check_reading
from broker.tools.conformance.checks.registry import Stage, at_once, each
from broker.tools.conformance.connection import (
    BAD_REQUEST,
    INVALID,
    OK,
    SUCCESS,
    UNAUTHORIZED,
    UNSUPPORTED,
    UNUSABLE,
    Connection,
    demand,
    expect,
)
from broker.tools.conformance.deviations import Skipped
from broker.tools.conformance.editions import EDITIONS, Edition
from broker.tools.conformance.objects import changed, role
from broker.tools.conformance.platform import Platform, Received, Served, always, envelope

stage = Stage("the update")

Body = dict[str, Any]

AT_ONCE = (
    "the platform ends the token at once, as it may: if its answer to a PUT is lost, it must be told a token by hand"
)


@stage.proves("UR-01", "UR-03", "UR-05", "SC-05", "CO-34", "RR-04")
async def put_updates(connection: Connection) -> None:
    """PUT reads our list and details again and answers with a new token."""
    connection.needs_registration()
    before, held = connection.token, connection.held
    exchange = await connection.announce("PUT")
    expect(exchange, OK, SUCCESS)
    check_reading(exchange)
    check_answer(connection, exchange, before)
    connection.notes.update(before=before, held_before=held)


@stage.proves("UR-09", "AU-08")
async def the_old_token_lives_until_the_new_one_is_used(connection: Connection) -> None:
    """The token before the PUT is good until the new one is used, and 401 from then on.

    A platform may be strict and end it at once, as our own is with --put-retry-window 0.
    """
    connection.needs_registration()
    before = connection.notes.get("before")
    if before is None:
        raise Skipped("there was no PUT")
    between = await connection.get(connection.versions_url, before)
    expect(await connection.get(connection.versions_url), OK, SUCCESS)
    expect(await connection.get(connection.versions_url, before), UNAUTHORIZED)
    if between.answer.status == UNAUTHORIZED:
        raise Skipped(AT_ONCE)
    expect(between, OK, SUCCESS)


@stage.proves("UR-05", "UR-03")
async def put_may_keep_our_token(connection: Connection) -> None:
    """PUT with the token that they hold already succeeds, and is answered with a new one as well."""
    connection.needs_registration()
    before = connection.token
    exchange = await connection.announce("PUT", connection.credentials(connection.held))
    expect(exchange, OK, SUCCESS)
    check_reading(exchange)
    demand(connection.token != before, "the token is not a new one", exchange)


@stage.proves("UR-06")
async def put_falls_back_to_the_token_before(connection: Connection) -> None:
    """If our platform does not take its new token yet, PUT calls with the one before."""
    connection.needs_registration()
    held = connection.held
    body = connection.credentials()

    async def only_the_old(request: Received) -> Served | None:
        forms = {edition.authorization(held) for edition in EDITIONS.values()}
        return None if request.header("authorization") in forms else envelope(code=2000, status=401)

    with connection.misbehaving(versions=only_the_old, details=only_the_old):
        exchange = await connection.announce("PUT", body)
    expect(exchange, OK, SUCCESS)
    first = exchange.callbacks[0].header("authorization") if exchange.callbacks else None
    demand(first == connection.edition.authorization(body["token"]), "the new token was not tried first", exchange)


@stage.proves("SC-01", "SC-02", "UR-08")
async def a_bad_body_is_refused(connection: Connection) -> None:
    """PUT: no JSON is 400, JSON that is no object is 2001."""
    connection.needs_registration()

    async def is_refused(case: tuple[bytes, int]) -> None:
        content, status = case
        expect(await connection.send("PUT", content), status, INVALID)

    cases = {name: (content, BAD_REQUEST) for name, content in NOT_JSON.items()}
    await each(cases | {name: (content, OK) for name, content in NO_OBJECT.items()}, is_refused)


@stage.proves("CO-39", "CO-41", "TY-01", "TY-03", "UR-08")
async def a_bad_object_is_2001(connection: Connection) -> None:
    """PUT: token, url or a party of the wrong form is 2001."""
    connection.needs_registration()
    edition, good = connection.edition, connection.credentials()
    cases: dict[str, tuple[Body, str]] = {
        "token null": ({**good, "token": None}, "token"),
        "token with a blank": ({**good, "token": "a token"}, "token"),
        "token the one shown": ({**good, "token": connection.token}, "token"),
        "url relative": ({**good, "url": "/ocpi/versions"}, "url"),
        "url of 256 characters": ({**good, "url": f"https://example.com/{'a' * 236}"}, "url"),
        "party_id long": (changed(edition, good, party_id="KWLX"), "party_id"),
        "country_code with a digit": (changed(edition, good, country_code="D1"), "country_code"),
        "name missing": (changed(edition, good, business_details={}), "business_details"),
    }

    async def is_2001(case: tuple[Body, str]) -> None:
        await refused(connection, "PUT", *case)

    await each(cases, is_2001)


@stage.proves("UR-14", "RR-17")
async def a_party_outside_the_invitation_is_2001_at_put(connection: Connection) -> None:
    """PUT: a party that the invitation does not name is 2001."""
    connection.needs_registration()
    await announce_a_stranger(connection, "PUT")


@stage.proves("UR-07", "UR-08")
async def put_fails_like_post(connection: Connection) -> None:
    """PUT: what cannot be read is 3001, another version 3002, missing credentials 3003."""
    connection.needs_registration()
    await unusable.lists_are_refused(connection, "PUT", unusable.sample(unusable.LISTS))
    await unusable.details_are_refused(connection, "PUT", unusable.sample(unusable.DETAILS))
    await unusable.other_versions_are_refused(connection, "PUT")
    await unusable.missing_endpoints_are_refused(connection, "PUT")


@stage.proves("UR-08")
async def a_failed_put_changes_nothing(connection: Connection) -> None:
    """After PUTs that failed, the token is as good as before."""
    connection.needs_registration()
    token = connection.token
    with connection.misbehaving(versions=BROKEN, details=BROKEN):
        expect(await connection.announce("PUT"), OK, UNUSABLE)
    for url in (connection.versions_url, connection.credentials_url):
        expect(await connection.get(url, token), OK, SUCCESS)


@stage.proves("AU-08", "UR-02")
async def put_with_an_unknown_token_is_401(connection: Connection) -> None:
    """PUT and DELETE with an unknown token are 401."""
    connection.needs_registration()
    unknown = "5c6a9f0e-7d1b-4b8e-9a34-2f0d61c7be55"
    expect(await connection.announce("PUT", token=unknown), UNAUTHORIZED)
    expect(await connection.call("DELETE", connection.credentials_url, connection.shown(unknown)), UNAUTHORIZED)


@stage.proves(
    "EN-09",
    "EN-10",
    "CO-15",
    "CO-16",
    "CO-17",
    "CO-18",
    "CO-19",
    "CO-20",
    "CO-21",
    "CO-22",
    "CO-40",
    "CO-43",
    "TY-01",
    "TY-02",
    "TY-12",
)
async def what_is_allowed_or_forgivable_is_accepted(connection: Connection) -> None:
    """PUT: unknown fields, null for optional ones, letter case of ids, and faults of decoration do not matter."""
    connection.needs_registration()
    edition, first = connection.edition, connection.parties[0]
    plain: Callable[[], Body] = connection.credentials

    def named(**details: Any) -> Body:
        return changed(edition, plain(), business_details={"name": first.name, **details})

    def lower(body: Body) -> Body:
        return changed(edition, body, country_code=first.country_code.lower(), party_id=first.party_id.lower())

    odd_name = "Kabelwerk Köln \U0001f50c" + "n" * 100
    await _accepted(
        connection,
        {
            "what is allowed": lambda: lower({**named(name="n" * 100, website=None, logo=None, vat="7"), "more": [1]}),
            "a website and a logo": lambda: named(
                website="https://kabelwerk.example", logo={**LOGO, "thumbnail": None, "width": "512"}
            ),
            "decoration with faults": lambda: named(name=odd_name, website="not a url", logo="https://a.example/l.png"),
        },
        {
            "unknown fields": lambda: {**named(vat="7"), "party": {"more": [1]}},
            "null for optional fields": lambda: named(website=None, logo=None),
            "a website and a logo": lambda: named(website="https://kabelwerk.example", logo=LOGO),
            "a logo with null fields": lambda: named(logo={**LOGO, "thumbnail": None, "width": None}),
            "sizes as text": lambda: named(logo={**LOGO, "width": "512"}),
            "a logo without category": lambda: named(logo={"url": LOGO["url"], "type": "png"}),
            "a logo that is a string": lambda: named(logo="https://cdn.kabelwerk.example/logo.png"),
            "a website that is none": lambda: named(website="not a url"),
            "a name of 100 characters": lambda: named(name="n" * 100),
            "a name of 101 characters": lambda: named(name="n" * 101),
            "a name outside ASCII": lambda: named(name="Kabelwerk Köln \U0001f50c"),
            "ids in lower case": lambda: lower(plain()),
        },
    )


LOGO = {
    "url": "https://cdn.kabelwerk.example/logo.png",
    "thumbnail": "https://cdn.kabelwerk.example/logo-128.png",
    "category": "OPERATOR",
    "type": "png",
    "width": 512,
    "height": 512,
}


@stage.proves("CO-04", "CO-02", "CO-03", "TY-03")
async def the_longest_and_the_oddest_are_accepted(connection: Connection) -> None:
    """PUT: a token of 64 characters, one of signs only, and a URL of 255 characters are good."""
    connection.needs_registration()
    platform, usual = connection.platform, connection.platform.query
    room = 255 - len(platform.versions_url) + len(usual)
    odd, long = "!~" * 32, connection.new_token()
    long += "x" * (64 - len(long))
    connection.secrets.learn(odd, "our token")
    connection.secrets.learn(long, "our token")
    cases: Bodies = {
        "64 characters": lambda: connection.credentials(long),
        "signs only": lambda: connection.credentials(odd),
    }
    await _accepted(connection, cases, cases)
    platform.query = "q" * room
    try:
        expect(await connection.announce("PUT"), OK, SUCCESS)
    finally:
        platform.query = usual


@stage.proves("TR-07")
async def the_content_type_does_not_matter(connection: Connection) -> None:
    """PUT: media type parameters, letter case, and a missing Content-Type do not matter."""
    connection.needs_registration()
    cases: dict[str, list[tuple[str, str]]] = {
        "parameter": [("Content-Type", "application/json; charset=utf-8")],
        "letter case": [("Content-Type", "Application/JSON")],
        "missing": [],
    }

    async def is_accepted(headers: list[tuple[str, str]]) -> None:
        content = json.dumps(connection.credentials(connection.held)).encode()
        with_type = [*connection.shown(), *headers]
        exchange = await connection.call("PUT", connection.credentials_url, with_type, content)
        connection.settle("PUT", exchange.answer, connection.held)
        expect(exchange, OK, SUCCESS)

    await each(cases, is_accepted)


Bodies = dict[str, Callable[[], Body]]


async def _accepted(connection: Connection, together: Bodies, apart: Bodies) -> None:
    async def is_accepted(body: Callable[[], Body]) -> None:
        expect(await connection.announce("PUT", body()), OK, SUCCESS)

    await at_once(together, apart, is_accepted)


Spoilt = dict[str, Callable[[Platform], Served]]

ODD_LISTS_AT_ONCE: Spoilt = {
    "all of it": lambda p: replace(
        envelope(
            [{"version": "9.9", "url": p.base}, {"version": 3}, "2.2.1", *p.versions(), {}],
            "1000",
            timestamp="2026-03-02 09:15:00",
            status_message=None,
            more={"a": 1},
        ),
        content_type="text/plain",
        headers=(("x-total-count", "1"), ("x-limit", "50")),
    ),
    "no timestamp, no message": lambda p: envelope(p.versions(), timestamp=..., status_message=...),
    "a time with an offset": lambda p: envelope(p.versions(), timestamp="2099-03-02T09:15:00+02:00"),
}
ODD_LISTS: Spoilt = {
    "unknown and malformed entries": lambda p: envelope(
        [{"version": "9.9", "url": p.base}, {"version": 3}, "2.2.1", {"version": "3.0"}, *p.versions()]
    ),
    "another version first and last": lambda p: envelope([{"version": "1.9", "url": p.base}, *p.versions(), {}]),
    "status_code as text": lambda p: envelope(p.versions(), "1000"),
    "no timestamp": lambda p: envelope(p.versions(), timestamp=...),
    "a time with an offset": lambda p: envelope(p.versions(), timestamp="2099-03-02T09:15:00+02:00"),
    "a time with a fraction": lambda p: envelope(p.versions(), timestamp="1970-03-02T09:15:00.123456Z"),
    "a time that is none": lambda p: envelope(p.versions(), timestamp="2026-03-02 09:15:00"),
    "no status_message": lambda p: envelope(p.versions(), status_message=...),
    "status_message null": lambda p: envelope(p.versions(), status_message=None),
    "unknown fields": lambda p: envelope(p.versions(), more={"a": 1}),
    "another content type": lambda p: Served(body=envelope(p.versions()).body, content_type="text/plain"),
    "a list without pages": lambda p: Served(
        body=envelope(p.versions()).body, headers=(("x-total-count", "1"), ("x-limit", "50"))
    ),
}


@stage.proves("VL-05", "EN-04", "EN-09", "EN-10", "TY-08", "PG-03")
async def odd_lists_are_read(connection: Connection) -> None:
    """PUT: what is odd in our version list is skipped."""
    connection.needs_registration()

    async def is_read(served: Callable[[Platform], Served]) -> None:
        with connection.misbehaving(versions=always(served(connection.platform))):
            expect(await connection.announce("PUT"), OK, SUCCESS)

    await at_once(ODD_LISTS_AT_ONCE, ODD_LISTS, is_read)


def _with(platform: Platform, *more: object) -> Served:
    return envelope({**platform.details(), "endpoints": [*platform.endpoints(), *more]})


def _credentials_as(platform: Platform, **changes: object) -> Served:
    """The endpoint of credentials with another interface role."""
    first, *others = platform.endpoints()
    return envelope({**platform.details(), "endpoints": [objects.without_dots({**first, **changes}), *others]})


def odd_details(edition: Edition) -> Spoilt:
    """Details that are to be understood all the same."""
    cases: Spoilt = {
        "unknown modules": lambda p: _with(p, {"identifier": "weather", "role": "SENDER", "url": f"{p.base}/weather"}),
        "malformed entries": lambda p: _with(p, {}, "locations", {"identifier": "cdrs"}, None),
        "an unknown role": lambda p: _with(p, {"identifier": "cdrs", "role": "BOTH", "url": f"{p.base}/cdrs"}),
        "unknown fields": lambda p: envelope({**p.details(), "more": 1}),
        "credentials as RECEIVER": lambda p: _credentials_as(p, role="RECEIVER"),
        "credentials with role null": lambda p: _credentials_as(p, role=None),
        "credentials without role": lambda p: _credentials_as(p, role=...),
        "credentials twice": lambda p: _with(p, {**p.endpoints()[0], "role": "RECEIVER"}),
    }
    wrapped: Spoilt = {"in an array of one": lambda p: envelope([p.details()])}
    return cases | wrapped if edition.wrapped else cases


ODD_ALONE = ("credentials as RECEIVER", "credentials without role", "in an array of one")


def _odd_at_once(platform: Platform) -> Served:
    first, *others = platform.endpoints()
    odd: list[object] = [{"identifier": "weather", "role": "SENDER", "url": f"{platform.base}/weather"}, {}, "x", None]
    odd += [{"identifier": "cdrs", "role": "BOTH", "url": f"{platform.base}/x"}, {**first, "role": "RECEIVER"}]
    return envelope({**platform.details(), "more": 1, "endpoints": [{**first, "role": None}, *odd, *others]})


@stage.proves("VD-02", "VD-07", "VD-08", "VD-11", "EN-03", "EN-09")
async def odd_details_are_read(connection: Connection) -> None:
    """PUT: what is odd in our version details is ignored."""
    connection.needs_registration()

    async def is_read(served: Callable[[Platform], Served]) -> None:
        with connection.misbehaving(details=always(served(connection.platform))):
            expect(await connection.announce("PUT"), OK, SUCCESS)

    apart = odd_details(connection.edition)
    await at_once(
        {"all of it": _odd_at_once, **{name: apart[name] for name in ODD_ALONE if name in apart}}, apart, is_read
    )


@stage.proves("CO-31", "HB-02")
async def several_parties_share_one_registration(connection: Connection) -> None:
    """PUT: one platform may have several roles, and the same role with several ids."""
    connection.needs_registration()
    first = connection.parties[0]
    other = "CPO" if first.role != "CPO" else "EMSP"
    parties = [role(first), role(first, role=other), role(first, party_id="OC2")]
    exchange = await connection.announce("PUT", {**connection.credentials(), "roles": parties})
    if (exchange.answer.status, exchange.answer.code) == (OK, INVALID):
        raise Skipped("the invitation is for other parties")
    expect(exchange, OK, SUCCESS)
    expect(await connection.announce("PUT"), OK, SUCCESS)


@stage.proves("UR-04", "CO-44")
async def put_switches_the_version(connection: Connection) -> None:
    """PUT at another version makes it the version of the connection, or is refused with 3002; and back."""
    connection.needs_registration()
    home = connection.edition
    others = [EDITIONS[version] for version in connection.listed if version in EDITIONS and version != home.version]
    if not others:
        raise Skipped(f"the platform lists no version that we check but {home.version}")
    older = [edition for edition in others if edition.number < home.number]
    other = max(older, key=lambda edition: edition.number) if older else min(others, key=lambda one: one.number)
    if not await _switch(connection, other):
        expect(await connection.get(connection.versions_url), OK, SUCCESS)
    elif not await _switch(connection, home):
        # The way back is locked, which is theirs to decide. credentials of the version we came from still answers.
        connection.speak(home)
        await connection.discover()


async def _switch(connection: Connection, edition: Edition) -> bool:
    """False if it is refused with 3002. Raises Deviation if it goes wrong."""
    before = connection.edition
    connection.speak(edition)
    await connection.discover()
    exchange = await connection.announce("PUT")
    if (exchange.answer.status, exchange.answer.code) == (OK, UNSUPPORTED):
        connection.speak(before)
        await connection.discover()
        return False
    expect(exchange, OK, SUCCESS)
    check_reading(exchange)
    check_answer(connection, exchange, "")
    return True
