"""POSTs that must be refused because our platform misbehaves when it is called back."""

import json
from collections.abc import Callable

from broker.tools.conformance.checks.registry import Stage, each
from broker.tools.conformance.connection import MISSING, OK, SUCCESS, UNSUPPORTED, UNUSABLE, Connection, demand, expect
from broker.tools.conformance.editions import EDITIONS
from broker.tools.conformance.platform import Platform, Served, always, envelope

stage = Stage("a platform that cannot be called back")

Spoilt = dict[str, Callable[[Platform], Served]]

LISTS: Spoilt = {
    "HTTP 500": lambda p: envelope(p.versions(), status=500),
    "HTTP 404": lambda _: envelope(code=2000, status=404),
    "HTTP 401": lambda _: envelope(code=2000, status=401),
    "HTTP 204": lambda _: Served(204),
    "redirect": lambda p: Served(302, headers=(("location", f"{p.base}/ocpi/elsewhere"),)),
    "HTML": lambda _: Served(body=b"<html>", content_type="text/html"),
    "cut": lambda p: Served(body=envelope(p.versions()).body[:-10]),
    "no envelope": lambda p: Served(body=json.dumps(p.versions()).encode()),
    "no data": lambda _: envelope(),
    "no status_code": lambda p: envelope(p.versions(), ...),
    "OCPI 2000 with data": lambda p: envelope(p.versions(), 2000),
    "OCPI 3000 as text": lambda p: envelope(p.versions(), "3000"),
    "data a string": lambda _: envelope("versions"),
}
DETAILS: Spoilt = {
    "HTTP 500": lambda p: envelope(p.details(), status=500),
    "no JSON": lambda _: Served(body=b"{"),
    "no data": lambda _: envelope(),
    "no endpoints": lambda p: envelope({"version": p.edition.version}),
    "OCPI 3000 with data": lambda p: envelope(p.details(), 3000),
}


SAMPLE = ("HTTP 500", "no JSON", "no envelope", "no data", "OCPI 2000 with data")
"""Enough for PUT."""


def sample(cases: Spoilt) -> Spoilt:
    return {name: case for name, case in cases.items() if name in SAMPLE}


async def lists_are_refused(connection: Connection, method: str, lists: Spoilt) -> None:
    """Raises Deviation unless each of these lists gives 3001."""

    async def is_3001(served: Callable[[Platform], Served]) -> None:
        with connection.misbehaving(versions=always(served(connection.platform))):
            exchange = await connection.announce(method)
        expect(exchange, OK, UNUSABLE)
        asked = [request.resource for request in exchange.callbacks]
        demand("details" not in asked, "the details were asked for all the same", exchange)

    await each(lists, is_3001)


async def details_are_refused(connection: Connection, method: str, details: Spoilt) -> None:
    """Raises Deviation unless each of these details gives 3001."""

    async def is_3001(served: Callable[[Platform], Served]) -> None:
        with connection.misbehaving(details=always(served(connection.platform))):
            expect(await connection.announce(method), OK, UNUSABLE)

    await each(details, is_3001)


def neighbour(version: str) -> str:
    """The version before it, or the one after the first: as like it as can be (A26)."""
    others = list(EDITIONS)
    at = others.index(version)
    return others[at - 1] if at else others[1]


async def other_versions_are_refused(connection: Connection, method: str) -> None:
    """Raises Deviation unless a list without the version and details of another one give 3002."""
    platform, other = connection.platform, neighbour(connection.edition.version)
    entry = {"version": other, "url": platform.details_url}
    cases = {
        "a list without it": {"versions": always(envelope([entry]))},
        "details of another one": {"details": always(envelope({**platform.details(), "version": other}))},
    }

    async def is_3002(case: str) -> None:
        with connection.misbehaving(**cases[case]):
            expect(await connection.announce(method), OK, UNSUPPORTED)

    await each({case: case for case in cases}, is_3002)


async def missing_endpoints_are_refused(connection: Connection, method: str) -> None:
    """Raises Deviation unless details without credentials give 3003."""
    platform = connection.platform
    rest = [endpoint for endpoint in platform.endpoints() if endpoint["identifier"] != "credentials"]
    with connection.misbehaving(details=always(envelope({**platform.details(), "endpoints": rest}))):
        expect(await connection.announce(method), OK, MISSING)


@stage.proves("RR-08", "EN-08", "SC-02", "TR-15")
async def a_list_that_cannot_be_read_is_3001(connection: Connection) -> None:
    """POST: a version list that cannot be read is 3001."""
    connection.needs_admission()
    await lists_are_refused(connection, "POST", LISTS)


@stage.proves("TR-15")
async def a_redirect_is_not_followed(connection: Connection) -> None:
    """POST: a redirect of ours is not followed."""
    connection.needs_admission()
    platform = connection.platform
    moved = Served(307, headers=(("location", f"{platform.base}/ocpi/elsewhere"),))
    with connection.misbehaving(versions=always(moved)):
        exchange = await connection.announce("POST")
    followed = [request.target for request in exchange.callbacks if request.target.endswith("/ocpi/elsewhere")]
    demand(not followed, "it was followed", exchange)
    expect(exchange, OK, UNUSABLE)


@stage.proves("RR-08", "EN-08")
async def details_that_cannot_be_read_are_3001(connection: Connection) -> None:
    """POST: version details that cannot be read are 3001."""
    connection.needs_admission()
    await details_are_refused(connection, "POST", DETAILS)


@stage.proves("RR-08", "TR-02")
async def a_platform_that_is_not_there_is_3001(connection: Connection) -> None:
    """POST: nobody at the URL, or nobody who speaks TLS there, is 3001."""
    connection.needs_admission()
    own = connection.platform.versions_url
    cases = {"TLS": own.replace("http://", "https://", 1)}
    if own.startswith("http://") and connection.is_local(own):
        cases["nobody"] = "http://127.0.0.1:9/ocpi/versions"

    async def is_3001(url: str) -> None:
        expect(await connection.announce("POST", connection.credentials(url=url)), OK, UNUSABLE)

    await each({name: url for name, url in cases.items() if url != own}, is_3001)


@stage.proves("RR-09", "VD-12")
async def a_list_without_the_version_is_3002(connection: Connection) -> None:
    """POST: a list that lacks the version, or details of another one, are 3002."""
    connection.needs_admission()
    await other_versions_are_refused(connection, "POST")


@stage.proves("RR-10")
async def details_without_credentials_are_3003(connection: Connection) -> None:
    """POST: details that lack credentials are 3003."""
    connection.needs_admission()
    await missing_endpoints_are_refused(connection, "POST")


@stage.proves("RR-15", "RR-08")
async def what_failed_left_the_invitation_usable(connection: Connection) -> None:
    """After all these the invitation's token is still good, and no token of ours is called with."""
    connection.needs_invitation()
    expect(await connection.get(), OK, SUCCESS)
    expect(await connection.get(connection.versions_url), OK, SUCCESS)
