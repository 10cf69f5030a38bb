"""What holds for every answer of the run, those of refusals included."""

from collections.abc import Callable

from broker.tools.conformance import shapes
from broker.tools.conformance.checks.registry import Stage
from broker.tools.conformance.connection import UNAUTHORIZED, Connection, demand, shown_by
from broker.tools.conformance.dialogue import IDS
from broker.tools.conformance.transcript import Exchange

stage = Stage("every answer")

ROUTING = {f"ocpi-{way}-{what}" for way in ("to", "from") for what in ("party-id", "country-code")}


def _holds_everywhere(connection: Connection, rule: Callable[[Exchange], None]) -> None:
    """Raises the first Deviation, shown by its exchange."""
    for exchange in connection.dialogue.exchanges:
        with shown_by(exchange):
            rule(exchange)


@stage.proves("TR-08", "EN-07")
async def every_answer_is_json(connection: Connection) -> None:
    """Every answer is application/json and an object, also with an HTTP error."""

    def rule(exchange: Exchange) -> None:
        kind = (exchange.answer.header("content-type") or "").partition(";")[0].strip().lower()
        demand(kind == "application/json", f"Content-Type is {kind or 'missing'}")
        demand(exchange.answer.envelope, "the body is not a JSON object")

    _holds_everywhere(connection, rule)


@stage.proves("EN-01", "EN-04", "SC-06")
async def every_answer_is_an_envelope(connection: Connection) -> None:
    """Every answer has a status_code, a number of four digits that is not a custom one, and a timestamp."""

    def rule(exchange: Exchange) -> None:
        code = exchange.answer.code
        demand(isinstance(code, int) and not isinstance(code, bool), "status_code is not a number")
        demand(1000 <= int(str(code)) <= 9999, f"status_code is {code}")  # noqa: PLR2004  four digits
        demand(int(str(code)) // 100 % 10 != 9, f"status_code is {code}")  # noqa: PLR2004  x9xx
        message = exchange.answer.envelope.get("status_message")
        demand(message is None or isinstance(message, str), "status_message is not a string")
        demand("timestamp" in exchange.answer.envelope, "timestamp is missing")

    _holds_everywhere(connection, rule)


@stage.proves("TY-04", "TY-05", "TY-06", "TY-07")
async def every_time_is_of_the_form(connection: Connection) -> None:
    """Every timestamp has the form of the version."""
    _holds_everywhere(
        connection, lambda exchange: shapes.check_time(exchange.edition, exchange.answer.envelope.get("timestamp"))
    )


@stage.proves("TY-11")
async def every_name_is_snake_case(connection: Connection) -> None:
    """Field names are in lower case."""

    def rule(exchange: Exchange) -> None:
        odd = [name for name in shapes.keys(exchange.answer.envelope) if name != name.lower() or "-" in name]
        demand(not odd, f"field names are {', '.join(odd)}")

    _holds_everywhere(connection, rule)


@stage.proves("EN-05", "EN-02")
async def data_is_what_is_due(connection: Connection) -> None:
    """With 1000 there is data for GET, POST and PUT."""

    def rule(exchange: Exchange) -> None:
        if exchange.answer.succeeded and exchange.sent.method in {"GET", "POST", "PUT"}:
            demand(isinstance(exchange.answer.data, dict | list), "data is missing")

    _holds_everywhere(connection, rule)


@stage.proves("ID-02")
async def every_request_id_is_repeated(connection: Connection) -> None:
    """Every answer, errors included, repeats X-Request-ID."""
    _holds_everywhere(connection, lambda exchange: _repeated(exchange, IDS[0]))


@stage.proves("ID-03")
async def every_correlation_id_is_repeated(connection: Connection) -> None:
    """Every answer, errors included, repeats X-Correlation-ID."""
    _holds_everywhere(connection, lambda exchange: _repeated(exchange, IDS[1]))


_MAX_ID = 128


def _repeated(exchange: Exchange, name: str) -> None:
    sent = exchange.sent.header(name)
    if sent is not None and len(sent) <= _MAX_ID:
        demand(exchange.answer.header(name) == sent, f"{name} is not repeated")


@stage.proves("RH-01")
async def no_answer_has_routing_headers(connection: Connection) -> None:
    """No answer has OCPI-to or OCPI-from headers."""

    def rule(exchange: Exchange) -> None:
        found = {name.lower() for name, _ in exchange.answer.headers} & ROUTING
        demand(not found, f"the answer has {', '.join(sorted(found))}")

    _holds_everywhere(connection, rule)


@stage.proves("TR-13", "SC-02")
async def no_answer_redirects_or_fails(connection: Connection) -> None:
    """No answer is a redirect, and none is a failure of the server (5xx)."""

    def rule(exchange: Exchange) -> None:
        demand(exchange.answer.status // 100 not in {3, 5}, f"HTTP {exchange.answer.status}")

    _holds_everywhere(connection, rule)


@stage.proves("AU-11")
async def every_401_has_a_challenge(connection: Connection) -> None:
    """Every 401 has WWW-Authenticate: Token."""

    def rule(exchange: Exchange) -> None:
        challenge = (exchange.answer.header("www-authenticate") or "").split()[:1]
        demand(exchange.answer.status != UNAUTHORIZED or challenge == ["Token"], "WWW-Authenticate is not Token")

    _holds_everywhere(connection, rule)


@stage.proves("AU-15")
async def no_message_holds_a_token(connection: Connection) -> None:
    """No status_message and no header holds a token."""

    def rule(exchange: Exchange) -> None:
        for text in (exchange.answer.message, *(value for _, value in exchange.answer.headers)):
            demand(connection.secrets.mask(text) == text, "a message or a header holds a token")

    _holds_everywhere(connection, rule)
