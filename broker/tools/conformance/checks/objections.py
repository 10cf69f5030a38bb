"""POSTs that must be refused for what is in them.

Meanwhile our platform answers nothing but errors, so that no such POST can register us by mistake.
"""

import json
from typing import Any

from broker.tools.conformance import objects, shapes
from broker.tools.conformance.checks.registry import Stage, each
from broker.tools.conformance.connection import (
    BAD_REQUEST,
    FORBIDDEN,
    INVALID,
    OK,
    UNUSABLE,
    Connection,
    demand,
    expect,
)
from broker.tools.conformance.deviations import Deviation, Skipped
from broker.tools.conformance.objects import Party, changed, role
from broker.tools.conformance.platform import always, envelope
from broker.tools.conformance.transcript import Exchange

stage = Stage("objects that must be refused")

BROKEN = always(envelope(code=3000, status=500))

NOT_JSON = {
    "empty": b"",
    "cut": b'{"token": "',
    "text": b"hello",
    "something behind it": b'{"token": "a"} {',
    "NaN": b'{"token": NaN}',
    "not UTF-8": b'{"token": "\xff\xfe"}',
    "1000 levels deep": b"[" * 1000,
}
NO_OBJECT = {"array": b"[]", "number": b"7", "string": b'"text"', "null": b"null"}


async def refused(connection: Connection, method: str, body: dict[str, Any], field: str = "") -> Exchange:
    """Raises Deviation unless the object is refused with 2001 that names the field, and our platform is left alone."""
    with connection.misbehaving(versions=BROKEN, details=BROKEN):
        exchange = await connection.announce(method, body)
    expect(exchange, OK, INVALID)
    demand(not exchange.callbacks, "our platform was called all the same", exchange)
    demand(field in exchange.answer.message, f"status_message does not name {field}", exchange)
    return exchange


@stage.proves("SC-01")
async def a_body_that_is_no_json_is_400(connection: Connection) -> None:
    """A body that is not JSON is 400."""
    connection.needs_invitation()

    async def is_400(content: bytes) -> None:
        expect(await connection.send("POST", content), BAD_REQUEST)

    await each(NOT_JSON, is_400)


@stage.proves("SC-02", "CO-39")
async def json_that_is_no_object_is_2001(connection: Connection) -> None:
    """JSON that is not an object is HTTP 200 with 2001."""
    connection.needs_invitation()

    async def is_2001(content: bytes) -> None:
        expect(await connection.send("POST", content), OK, INVALID)

    await each(NO_OBJECT, is_2001)


@stage.proves("TR-09")
async def a_key_given_twice_is_refused(connection: Connection) -> None:
    """An object with token or url twice is refused."""
    connection.needs_invitation()

    async def is_refused(name: str) -> None:
        text = json.dumps(connection.credentials())
        with connection.misbehaving(versions=BROKEN):
            exchange = await connection.send("POST", f'{{"{name}": "https://example.com/x", {text[1:]}'.encode())
        codes = exchange.answer.status, exchange.answer.code
        demand(codes in {(OK, INVALID), (BAD_REQUEST, INVALID)}, f"got HTTP {codes[0]} with OCPI {codes[1]}", exchange)

    await each({"token": "token", "url": "url"}, is_refused)


def bad_tokens(connection: Connection) -> dict[str, object]:
    """Values of token that are none."""
    return {"missing": ..., "null": None, "number": 7, "empty": "", "blank": "a token", "tab": "a\ttoken",
            "letter outside ASCII": "caf\xe9", "DEL": "a\x7f", "the one shown": connection.token}  # fmt: skip


@stage.proves("CO-01", "CO-02", "CO-03", "CO-04", "CO-39", "CO-41", "TY-01")
async def a_bad_token_field_is_2001(connection: Connection) -> None:
    """A token that is missing, no string, or has characters that are not allowed is 2001."""
    connection.needs_invitation()

    async def is_2001(token: object) -> None:
        body = objects.without_dots({**connection.credentials(), "token": token})
        exchange = await refused(connection, "POST", body, "token")
        shown = isinstance(token, str) and len(token) > 1 and token in exchange.answer.message
        demand(not shown, "status_message repeats the token", exchange)

    await each(bad_tokens(connection), is_2001)


@stage.proves("CO-02", "CO-03", "CO-04")
async def a_token_of_65_characters_is_2001(connection: Connection) -> None:
    """A token of 65 characters is 2001."""
    connection.needs_invitation()
    await refused(connection, "POST", {**connection.credentials(), "token": "x" * (shapes.MAX_TOKEN + 1)}, "token")


def bad_urls() -> dict[str, object]:
    """Values of url that are none."""
    return {"missing": ..., "null": None, "number": 7, "empty": "", "relative": "/ocpi/versions",
            "blank": "https://a b/", "no scheme": "example.com/versions",
            "256 characters": f"https://example.com/{'a' * 236}"}  # fmt: skip


@stage.proves("CO-05", "CO-39", "TY-03", "TR-11")
async def a_bad_url_is_2001(connection: Connection) -> None:
    """A url that is missing, too long or not absolute is 2001."""
    connection.needs_invitation()

    async def is_2001(url: object) -> None:
        await refused(connection, "POST", objects.without_dots({**connection.credentials(), "url": url}), "url")

    await each(bad_urls(), is_2001)


def bad_parties() -> dict[str, tuple[str, object]]:
    """Fields of a party with values that are none."""
    return {
        "party_id missing": ("party_id", ...),
        "party_id short": ("party_id", "KW"),
        "party_id long": ("party_id", "KWLX"),
        "party_id with a sign": ("party_id", "K-L"),
        "country_code missing": ("country_code", ...),
        "country_code with a digit": ("country_code", "D1"),
        "business_details missing": ("business_details", ...),
        "name missing": ("business_details", {}),
        "name null": ("business_details", {"name": None}),
    }


DRAFT = ("party_id missing", "country_code missing")
"""What a 2.0 platform of the draft edition leaves out: the other side may know it from the invitation."""


@stage.proves("CO-06", "CO-07", "CO-08", "CO-12", "CO-13", "CO-14", "CO-15", "CO-39", "TY-02")
async def a_bad_party_is_2001(connection: Connection) -> None:
    """Ids and business details that are missing or have the wrong form are 2001."""
    connection.needs_invitation()
    cases = bad_parties()
    if connection.edition.null_data:
        cases = {name: case for name, case in cases.items() if name not in DRAFT}

    async def is_2001(case: tuple[str, object]) -> None:
        field, value = case
        await refused(
            connection, "POST", changed(connection.edition, connection.credentials(), **{field: value}), field
        )

    await each(cases, is_2001)


@stage.proves("CO-09", "CO-11", "CO-30", "CO-31", "CO-32", "CO-33")
async def bad_roles_are_2001(connection: Connection) -> None:
    """A list of roles that is missing, empty, or has entries that are doubled or unknown is 2001."""
    connection.needs_invitation()
    first = connection.parties[0]
    lower = role(first, country_code=first.country_code.lower(), party_id=first.party_id.lower())
    cases: dict[str, object] = {
        "missing": ...,
        "null": None,
        "empty": [],
        "an object": role(first),
        "entries that are strings": ["CPO"],
        "role missing": [objects.without_dots(role(first, role=...))],
        "role in lower case": [role(first, role=first.role.lower())],
        "role that is a number": [role(first, role=7)],
        "the same twice": [role(first), role(first)],
        "the same twice in another letter case": [role(first), lower],
    }

    async def is_2001(roles: object) -> None:
        await refused(connection, "POST", objects.without_dots({**connection.credentials(), "roles": roles}), "role")

    await each(cases, is_2001)


@stage.proves("CO-44", "CO-39")
async def the_shape_of_another_version_is_2001(connection: Connection) -> None:
    """The object of other versions, flat or with roles, is 2001."""
    connection.needs_invitation()
    first, body = connection.parties[0], connection.credentials()
    head = {"token": body["token"], "url": body["url"]}
    flat = {"party_id": first.party_id, "country_code": first.country_code, "business_details": {"name": first.name}}
    await refused(
        connection, "POST", {**head, **flat} if connection.edition.roles else {**head, "roles": [role(first)]}
    )


@stage.proves("RR-17")
async def our_party_is_invited(connection: Connection) -> None:
    """The invitation is for the party that we announce: POST calls us back before it is refused."""
    connection.needs_invitation()
    with connection.misbehaving(versions=BROKEN, details=BROKEN):
        exchange = await connection.announce("POST")
    answer, names = exchange.answer, connection.names
    if not exchange.callbacks and answer.status in REFUSING and isinstance(answer.code, int) and answer.code in CLIENTS:
        connection.refusal = f"OCPI {answer.code}, “{answer.message}”"
        raise Deviation(f"the platform refuses {names} with {connection.refusal}", exchange)
    expect(exchange, OK, UNUSABLE)


@stage.proves("RR-17", "CO-39")
async def a_party_outside_the_invitation_is_2001(connection: Connection) -> None:
    """A party that the invitation does not name is 2001."""
    connection.needs_invitation()
    await announce_a_stranger(connection, "POST")


async def announce_a_stranger(connection: Connection, method: str) -> None:
    """Harmless where any party may register: the callbacks fail."""
    body = objects.credentials(connection.edition, connection.new_token(), connection.platform.versions_url, [OTHER])
    with connection.misbehaving(versions=BROKEN, details=BROKEN):
        exchange = await connection.announce(method, body)
    if (exchange.answer.status, exchange.answer.code) == (OK, UNUSABLE):
        raise Skipped("the invitation seems to be for any party")
    expect(exchange, OK, INVALID)


REFUSING = (OK, BAD_REQUEST, FORBIDDEN)
CLIENTS = range(2000, 3000)
"""Status codes that say that the request is at fault."""
OTHER = Party("AT", "ZZ9", "CPO", "Nobody's")


@stage.proves("TR-19")
async def a_megabyte_is_read_and_much_more_is_413(connection: Connection) -> None:
    """A body of 1 MiB is read; one of 24 MiB is 413."""
    connection.needs_invitation()
    with connection.misbehaving(versions=BROKEN, details=BROKEN):
        exchange = await connection.announce("POST", {**connection.credentials(), "padding": "x" * 1024 * 1000})
        expect(exchange, OK, INVALID if connection.refusal else UNUSABLE)
        large = await connection.send("POST", b'{"padding": "' + b"x" * 24 * 1024 * 1024 + b'"}')
    expect(large, 413)


@stage.proves("RR-15", "CO-39")
async def what_was_refused_left_the_invitation_usable(connection: Connection) -> None:
    """After all these the invitation's token is still good."""
    connection.needs_invitation()
    exchange = await connection.get()
    expect(exchange, OK, 1000)
    demand(exchange.answer.data.get("token") == connection.token, "it is not the token that was shown", exchange)
