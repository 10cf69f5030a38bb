"""What holds for every call that the platform made to ours while a POST or PUT was open."""

from collections.abc import Callable, Iterator

from broker.tools.conformance.asides import tokens_in
from broker.tools.conformance.checks.answers import ROUTING
from broker.tools.conformance.checks.registry import Stage
from broker.tools.conformance.connection import Connection, demand
from broker.tools.conformance.deviations import Skipped
from broker.tools.conformance.dialogue import IDS
from broker.tools.conformance.editions import encoded, raw
from broker.tools.conformance.platform import Received
from broker.tools.conformance.transcript import Exchange

stage = Stage("every call to us")

Rule = Callable[[Exchange, Received], None]


def _calls(connection: Connection) -> Iterator[tuple[Exchange, Received]]:
    for exchange in connection.dialogue.exchanges:
        for request in exchange.callbacks:
            yield exchange, request


def _holds_everywhere(connection: Connection, rule: Rule) -> None:
    calls = list(_calls(connection))
    if not calls:
        raise Skipped("our platform was never called")
    for exchange, request in calls:
        rule(exchange, request)


@stage.proves("TR-03")
async def every_call_is_a_get(connection: Connection) -> None:
    """List and details are read with GET."""
    _holds_everywhere(
        connection, lambda exchange, request: demand(request.method == "GET", f"it was {request.method}", exchange)
    )


@stage.proves("TR-10", "TR-14")
async def every_url_is_used_as_it_is(connection: Connection) -> None:
    """Our URLs are used byte for byte, none is composed."""
    _holds_everywhere(
        connection,
        lambda exchange, request: demand(request.resource, f"there is nothing at {request.target}", exchange),
    )


@stage.proves("AU-01", "AU-02", "AU-03", "AU-04")
async def every_call_has_our_token(connection: Connection) -> None:
    """Every call has an Authorization header: Token, one blank, and our token in the form of the version."""

    def rule(exchange: Exchange, request: Received) -> None:
        shown = request.header("authorization") or ""
        scheme, _, value = shown.partition(" ")
        demand(scheme == "Token" and value and " " not in value, "Authorization is not of this form", exchange)

        other = raw if exchange.edition.encoded else encoded
        wrong = {other(token) for token in tokens_in(exchange.sent)}
        first = request is exchange.callbacks[0]
        demand(not first or shown not in wrong, "the token has the form of other versions", exchange)

    _holds_everywhere(connection, rule)


@stage.proves("ID-01", "ID-06", "ID-08")
async def every_call_has_ids(connection: Connection) -> None:
    """Every call has a new X-Request-ID and the X-Correlation-ID of our POST or PUT."""
    seen: set[str | None] = set()

    def rule(exchange: Exchange, request: Received) -> None:
        own, correlation = request.header(IDS[0]), request.header(IDS[1])
        demand(own and correlation, "an id is missing", exchange)
        demand(own not in seen, "X-Request-ID is not a new one", exchange)
        seen.add(own)
        asked = exchange.sent.header(IDS[1])
        demand(asked is None or correlation == asked, "X-Correlation-ID is another one", exchange)

    _holds_everywhere(connection, rule)


@stage.proves("RH-01")
async def no_call_has_routing_headers(connection: Connection) -> None:
    """No call has OCPI-to or OCPI-from headers."""

    def rule(exchange: Exchange, request: Received) -> None:
        found = {name for name, _ in request.headers} & ROUTING
        demand(not found, f"it has {', '.join(sorted(found))}", exchange)

    _holds_everywhere(connection, rule)


@stage.proves("RR-06")
async def every_call_has_the_token_of_the_body(connection: Connection) -> None:
    """Every first call inside a POST or PUT has the token that is in its body."""

    def rule(exchange: Exchange, request: Received) -> None:
        if request is not exchange.callbacks[0]:
            return
        forms = {form(token) for form in (raw, encoded) for token in tokens_in(exchange.sent)}
        demand(not forms or request.header("authorization") in forms, "it has another token", exchange)

    _holds_everywhere(connection, rule)
