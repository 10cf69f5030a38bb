"""With the invitation's token, before anything is registered."""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from broker.tools.conformance import shapes
from broker.tools.conformance.checks.registry import Stage, each
from broker.tools.conformance.connection import (
    NOT_ALLOWED,
    NOT_FOUND,
    OK,
    SUCCESS,
    UNAUTHORIZED,
    Connection,
    demand,
    expect,
    shown_by,
)
from broker.tools.conformance.deviations import Skipped
from broker.tools.conformance.dialogue import IDS
from broker.tools.conformance.editions import encoded, raw
from broker.tools.conformance.transcript import Exchange

stage = Stage("with the invitation")

_HEADER = "Authorization"
_ROUTING = tuple((f"OCPI-{way}-{what}", "XX") for way in ("to", "from") for what in ("country-code", "party-id"))
_MAX_ID = 128


@stage.proves("VL-01", "VL-02", "VL-06", "EN-02", "AU-10", "RR-03")
async def the_version_list_is_an_array(connection: Connection) -> None:
    """The version list can be read and is a bare array with at least one entry."""
    exchange = await connection.get(connection.versions_url)
    expect(exchange, OK, SUCCESS)
    data = exchange.answer.data
    demand(isinstance(data, list) and data, "data is not an array with at least one entry", exchange)


@stage.proves("VL-03", "VL-04", "TR-11", "TY-03", "TY-10")
async def entries_have_version_and_url(connection: Connection) -> None:
    """Every entry of the list has a version number as a string and an absolute URL."""
    exchange = await connection.get(connection.versions_url)
    with shown_by(exchange):
        for entry in exchange.answer.data or ():
            shapes.check_version(entry)


@stage.proves("VL-08")
async def no_version_twice(connection: Connection) -> None:
    """No version is listed twice."""
    exchange = await connection.get(connection.versions_url)
    numbers = [entry.get("version") for entry in exchange.answer.data or () if isinstance(entry, dict)]
    demand(len(numbers) == len(set(numbers)), f"the list is {', '.join(map(str, numbers))}", exchange)


@stage.proves("PG-03")
async def the_list_has_no_pages(connection: Connection) -> None:
    """The parameters offset and limit do not change the version list, and there is no link to a next page."""
    joint = "&" if "?" in connection.versions_url else "?"
    whole = await connection.get(connection.versions_url)
    exchange = await connection.get(f"{connection.versions_url}{joint}offset=1&limit=1")
    demand(exchange.answer.header("link") is None, "the answer has a Link header", exchange)
    demand(exchange.answer.data == whole.answer.data, "the list has changed", exchange)


@stage.proves("VD-01", "EN-02", "VD-12", "AU-10", "RR-03")
async def details_are_an_object(connection: Connection) -> None:
    """The version details are one object, of the version that was listed."""
    exchange = await connection.get(connection.details_url)
    expect(exchange, OK, SUCCESS)
    data = exchange.answer.data
    demand(isinstance(data, dict), "data is not an object", exchange)
    told = data.get("version")
    demand(told == connection.edition.version, f"version is {told}, not {connection.edition.version}", exchange)
    demand(isinstance(data.get("endpoints"), list) and data["endpoints"], "endpoints is not a list", exchange)


@stage.proves("VD-02", "VD-03", "VD-04", "VD-09", "VD-10", "TY-09")
async def endpoints_are_of_the_version(connection: Connection) -> None:
    """Every endpoint has a module of the version, an absolute URL, and a role only where the version has one."""
    exchange = await connection.get(connection.details_url)
    with shown_by(exchange):
        endpoints = connection.read_endpoints(exchange.answer)
        shapes.demand(endpoints, "there are no endpoints")
        for endpoint in endpoints:
            shapes.check_endpoint(connection.edition, endpoint)


@stage.proves("VD-08")
async def an_endpoint_is_listed_once(connection: Connection) -> None:
    """Module and interface role together occur once."""
    exchange = await connection.get(connection.details_url)
    endpoints = connection.read_endpoints(exchange.answer)
    pairs = [(endpoint.get("identifier"), endpoint.get("role")) for endpoint in endpoints]
    demand(len(pairs) == len(set(pairs)), f"the list is {', '.join(map(str, pairs))}", exchange)


@stage.proves("VD-05", "VD-06")
async def credentials_is_listed_once_in_every_version(connection: Connection) -> None:
    """The module credentials is listed once in the details of every version."""

    async def listed(url: str) -> None:
        exchange = await connection.get(url)
        expect(exchange, OK, SUCCESS)
        data = exchange.answer.data
        data = data[0] if isinstance(data, list) and data else data
        endpoints = data.get("endpoints") if isinstance(data, dict) else None
        found = [entry for entry in endpoints or () if entry.get("identifier") == "credentials"]
        demand(len(found) == 1, f"credentials is listed {len(found)} times", exchange)

    await each(connection.listed, listed)


@stage.proves("TR-12")
async def urls_name_the_version(connection: Connection) -> None:
    """The version number stands in the URLs of details and credentials."""
    number = connection.edition.version
    for url in (connection.details_url, connection.credentials_url):
        demand(number in url, f"{url} does not name {number}")


@stage.proves("TR-13")
async def a_slash_at_the_end_makes_no_difference(connection: Connection) -> None:
    """Every URL answers the same with and without a slash at the end, without a redirect."""

    async def the_same(url: str) -> None:
        path, mark, query = url.partition("?")
        other = (path.removesuffix("/") if path.endswith("/") else f"{path}/") + mark + query
        first, second = await connection.get(url), await connection.get(other)
        expect(second, first.answer.status, first.answer.code)  # type: ignore[arg-type]  # no code: none again
        demand(second.answer.data == first.answer.data, "the answer is another one", second)

    urls = {"versions": connection.versions_url, "details": connection.details_url}
    await each({**urls, "credentials": connection.credentials_url}, the_same)


@stage.proves("AU-10", "GT-01", "GT-02", "RR-19")
async def credentials_can_be_read(connection: Connection) -> None:
    """GET credentials answers with the token that was shown, twice the same."""
    first, second = await connection.get(), await connection.get()
    for exchange in (first, second):
        expect(exchange, OK, SUCCESS)
        data = exchange.answer.data
        shown = isinstance(data, dict) and data.get("token") == connection.token
        demand(shown, "the token in the answer is not the one that was shown", exchange)
    demand(first.answer.data == second.answer.data, "the second answer is another one", second)


@stage.proves(
    "CO-01",
    "CO-02",
    "CO-03",
    "CO-04",
    "CO-05",
    "CO-06",
    "CO-07",
    "CO-08",
    "CO-09",
    "CO-10",
    "CO-11",
    "CO-12",
    "CO-13",
    "CO-14",
    "CO-15",
    "CO-16",
    "CO-17",
    "CO-18",
    "CO-19",
    "CO-20",
    "CO-21",
    "CO-22",
    "CO-32",
    "CO-33",
    "TY-01",
    "TY-02",
    "TY-09",
    "TY-12",
)
async def their_object_is_of_the_version(connection: Connection) -> None:
    """The credentials object that they send has the fields, types and lengths of the version."""
    exchange = await connection.get()
    with shown_by(exchange):
        shapes.check_credentials(connection.edition, exchange.answer.data)
        check_hub(connection, exchange)


def check_hub(connection: Connection, exchange: Exchange) -> None:
    """CO-10, PR-09: where there is a field for it, its form."""
    hub = exchange.answer.data.get("hub_party_id")
    demand(hub is None or connection.edition.hub_field, "hub_party_id is not known to this version")
    sound = isinstance(hub, str) and len(hub) == len("NLLMH") and hub[:2].isalpha() and hub.isalnum()
    demand(hub is None or sound, f"hub_party_id is {hub}")


@stage.proves("CO-34", "VL-01")
async def their_object_is_about_them(connection: Connection) -> None:
    """The credentials object describes them: their version list, not our parties."""
    exchange = await connection.get()
    check_sender(connection, exchange)


def check_sender(connection: Connection, exchange: Exchange) -> None:
    """CO-34: raises Deviation if the object of the answer is not about who sent it."""
    data = exchange.answer.data
    with shown_by(exchange):
        shapes.demand(isinstance(data, dict), "data is not an object")
        given, told = connection.versions_url, str(data.get("url"))
        same = told.partition("?")[0].rstrip("/") == given.partition("?")[0].rstrip("/")
        shapes.demand(same, f"url is {told}, which is not the version list {given}")
        ours = {party.ids for party in connection.parties}
        theirs = {
            (str(party.get("country_code")).upper(), str(party.get("party_id")).upper())
            for _, party in shapes.parties(connection.edition, data)
        }
        shapes.demand(not ours & theirs, "the parties in it are ours")


@stage.proves("AU-05")
async def the_token_in_the_body_is_plain(connection: Connection) -> None:
    """The token in the JSON body is not encoded."""
    exchange = await connection.get()
    data = exchange.answer.data
    told = data.get("token") if isinstance(data, dict) else None
    demand(told != base64.b64encode(connection.token.encode()).decode(), "it is encoded in Base64", exchange)
    demand(isinstance(told, str) and not told.startswith("Token"), "it is no token", exchange)


@stage.proves("AU-13")
async def both_header_forms_are_read(connection: Connection) -> None:
    """The Authorization header is read raw and in Base64."""
    await each({"raw": raw(connection.token), "Base64": encoded(connection.token)}, _accepted(connection))


@stage.proves("AU-06")
async def a_line_end_in_base64_is_forgiven(connection: Connection) -> None:
    """A line end behind the token, as in the specification's samples, is no part of it."""
    values = {"LF": encoded(f"{connection.token}\n"), "CRLF": encoded(f"{connection.token}\r\n")}
    await each(values, _accepted(connection))


@stage.proves("AU-12")
async def case_and_blanks_are_forgiven(connection: Connection) -> None:
    """The letter case of the scheme and blanks around it do not matter."""
    good = connection.edition.authorization(connection.token)
    value = good.removeprefix("Token ")
    values = {"lower case": f"token {value}", "upper case": f"TOKEN {value}", "blanks": f"Token   {value}"}  # fmt: skip
    await each(values, _accepted(connection))


@stage.proves("TR-17")
async def the_case_of_header_names_does_not_matter(connection: Connection) -> None:
    """The letter case of header names does not matter."""
    good = connection.edition.authorization(connection.token)

    async def accepted(name: str) -> None:
        expect(await connection.call("GET", connection.versions_url, [(name, good)]), OK, SUCCESS)

    await each({name: name for name in ("authorization", "AUTHORIZATION")}, accepted)


def _accepted(connection: Connection) -> Any:
    async def accepted(value: str) -> None:
        expect(await connection.call("GET", connection.versions_url, [(_HEADER, value)]), OK, SUCCESS)

    return accepted


BadHeader = Callable[[str, str], list[tuple[str, str | bytes]]]
"""Makes the headers from the token and from the value that would be good."""

BAD_HEADERS: dict[str, BadHeader] = {
    "missing": lambda _token, _good: [],
    "doubled": lambda _token, good: [(_HEADER, good), (_HEADER, good)],
    "empty": lambda _token, _good: [(_HEADER, "")],
    "scheme alone": lambda _token, _good: [(_HEADER, "Token")],
    "no scheme": lambda _token, good: [(_HEADER, good.removeprefix("Token "))],
    "Bearer": lambda _token, good: [(_HEADER, good.replace("Token", "Bearer", 1))],
    "Basic": lambda _token, good: [(_HEADER, good.replace("Token", "Basic", 1))],
    "two values": lambda token, _good: [(_HEADER, f"Token {token} {token}")],
    "two in one": lambda _token, good: [(_HEADER, f"{good}, {good}")],
    "encoded twice": lambda token, _good: [(_HEADER, encoded(encoded(token).removeprefix("Token ")))],
    "cut": lambda token, _good: [(_HEADER, raw(token[:-1]))],
    "lengthened": lambda token, _good: [(_HEADER, encoded(f"{token}x"))],
    "unknown, raw": lambda _token, _good: [(_HEADER, raw("5c6a9f0e-7d1b-4b8e-9a34-2f0d61c7be55"))],
    "unknown, Base64": lambda _token, _good: [(_HEADER, encoded("5c6a9f0e-7d1b-4b8e-9a34-2f0d61c7be55"))],
    "no Base64": lambda _token, _good: [(_HEADER, "Token ==a=b==")],
    "long": lambda _token, _good: [(_HEADER, f"Token {'a' * 2000}")],
    "not ASCII": lambda _token, _good: [(_HEADER, "Token caf\xe9".encode("latin-1"))],
}


@stage.proves("AU-08", "AU-11", "AU-12", "VL-07")
async def a_bad_token_is_401(connection: Connection) -> None:
    """Without a good token everything is 401, with WWW-Authenticate: Token."""
    token, good = connection.token, connection.edition.authorization(connection.token)
    connection.secrets.learn(token[:-1], "the invitation's token, cut")

    async def refused(case: tuple[str, BadHeader]) -> None:
        url, headers = case
        exchange = await connection.call("GET", url, headers(token, good))
        expect(exchange, UNAUTHORIZED)
        challenge = exchange.answer.header("www-authenticate") or ""
        demand(challenge.split()[:1] == ["Token"], "WWW-Authenticate is not Token", exchange)

    cases = {name: (connection.versions_url, headers) for name, headers in BAD_HEADERS.items()}
    for resource, url in (("details", connection.details_url), ("credentials", connection.credentials_url)):
        cases |= {f"{name} ({resource})": (url, BAD_HEADERS[name]) for name in ("missing", "unknown, raw", "doubled")}
    await each(cases, refused)


@stage.proves("AU-14")
async def the_token_is_judged_before_the_body(connection: Connection) -> None:
    """An unknown token with a broken body is 401, not 400."""
    unknown = connection.shown("5c6a9f0e-7d1b-4b8e-9a34-2f0d61c7be55")

    async def refused(method: str) -> None:
        expect(await connection.send(method, b"{broken", unknown), UNAUTHORIZED)

    await each({method: method for method in ("POST", "PUT")}, refused)


@stage.proves("AU-09")
async def functional_modules_are_closed(connection: Connection) -> None:
    """The invitation's token is refused with 401 by functional modules."""
    urls = {str(endpoint.get("identifier")): str(endpoint.get("url")) for endpoint in connection.endpoints}
    served = {}
    for module, url in urls.items():
        if module != "credentials" and urlsplit(url).netloc == urlsplit(connection.versions_url).netloc:
            exchange = await connection.get(url)
            if exchange.answer.status != NOT_FOUND:
                served[module] = exchange
    if not served:
        raise Skipped("no functional module is served here")

    async def refused(exchange: Exchange) -> None:
        expect(exchange, UNAUTHORIZED)

    await each(served, refused)


@stage.proves("TR-03", "TR-04")
async def other_methods_are_405(connection: Connection) -> None:
    """A method that the resource does not have is 405 with Allow."""
    cases = {f"{method} versions": (method, connection.versions_url, {"GET"}) for method in ("POST", "PUT", "DELETE")}
    cases |= {f"{method} details": (method, connection.details_url, {"GET"}) for method in ("POST", "PATCH")}
    cases["PATCH credentials"] = ("PATCH", connection.credentials_url, {"GET", "POST", "PUT", "DELETE"})

    async def refused(case: tuple[str, str, set[str]]) -> None:
        method, url, methods = case
        exchange = await connection.call(method, url, connection.shown(), b"{}")
        expect(exchange, NOT_ALLOWED)
        allowed = exchange.answer.methods - {"HEAD", "OPTIONS"}
        demand(allowed and allowed <= methods, f"Allow is {exchange.answer.header('allow')}", exchange)

    await each(cases, refused)


@stage.proves("RR-20", "UR-02", "UN-05", "SC-03")
async def put_and_delete_need_a_registration(connection: Connection) -> None:
    """PUT and DELETE with the invitation's token are 405, Allow: GET, POST."""

    async def refused(method: str) -> None:
        if method == "PUT":
            exchange = await connection.announce("PUT")
        else:
            exchange = await connection.call(method, connection.credentials_url, connection.shown())
        expect(exchange, NOT_ALLOWED)
        allowed = exchange.answer.methods - {"HEAD", "OPTIONS"}
        demand(allowed == {"GET", "POST"}, f"Allow is {exchange.answer.header('allow')}", exchange)
        demand(not exchange.callbacks, "our platform was called all the same", exchange)

    await each({method: method for method in ("PUT", "DELETE")}, refused)


@stage.proves("ID-07", "ID-03")
async def ids_are_made_where_there_are_none(connection: Connection) -> None:
    """A request without message ids is served, and its answer has them where the version does."""
    exchange = await connection.dialogue.say("GET", connection.versions_url, connection.shown())
    expect(exchange, OK, SUCCESS)
    for name in IDS if connection.edition.ids else ():
        demand(exchange.answer.header(name), f"the answer has no {name}", exchange)


@stage.proves("ID-04")
async def ids_are_opaque_and_limited(connection: Connection) -> None:
    """Any printable id is repeated; one that is too long is replaced."""

    async def repeated(value: str) -> None:
        exchange = await connection.call("GET", connection.versions_url, [*connection.shown(), (IDS[0], value)])
        expect(exchange, OK, SUCCESS)
        demand(exchange.answer.header(IDS[0]) == value, f"{IDS[0]} is not repeated", exchange)

    await each({"a word": "request", "with signs": "a/b:c;d=e", "longest": "x" * _MAX_ID}, repeated)
    exchange = await connection.call("GET", connection.versions_url, [*connection.shown(), (IDS[0], "x" * 4000)])
    expect(exchange, OK, SUCCESS)
    demand(len(exchange.answer.header(IDS[0]) or "") <= _MAX_ID, "an id of 4000 characters is repeated", exchange)


@stage.proves("RH-02")
async def routing_headers_are_ignored(connection: Connection) -> None:
    """OCPI-to and OCPI-from headers change nothing."""
    exchange = await connection.call("GET", connection.versions_url, [*connection.shown(), *_ROUTING])
    expect(exchange, OK, SUCCESS)


@stage.proves("VD-14", "EN-07", "TR-16")
async def an_unknown_version_is_404(connection: Connection) -> None:
    """A version that is not offered is 404 with an envelope."""
    number, url = connection.edition.version, connection.details_url
    if number not in url:
        raise Skipped("the URL of the version details does not name the version")
    exchange = await connection.get("7.8.9".join(url.rsplit(number, 1)))
    expect(exchange, NOT_FOUND)
    demand(isinstance(exchange.answer.code, int), "the answer is no envelope", exchange)


@stage.proves("TR-16", "EN-07")
async def an_unknown_path_is_404(connection: Connection) -> None:
    """What does not exist is 404 with an envelope."""
    url = connection.credentials_url.rstrip("/")
    exchange = await connection.get(f"{url}/no-such-thing")
    expect(exchange, NOT_FOUND)
    demand(isinstance(exchange.answer.code, int), "the answer is no envelope", exchange)


@stage.proves("TR-01", "TR-02")
async def urls_are_https(connection: Connection) -> None:
    """Every URL that they list is https, except on this machine; none asks for a client certificate."""
    listed = [connection.versions_url, *connection.listed.values()]
    listed += [str(endpoint.get("url")) for endpoint in connection.endpoints]
    insecure = [url for url in listed if not url.startswith("https://") and not connection.is_local(url)]
    demand(not insecure, f"without TLS: {', '.join(insecure)}")
