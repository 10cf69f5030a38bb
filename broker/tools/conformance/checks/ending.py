"""DELETE, and that nothing works after it."""

from broker.tools.conformance.checks.registry import Stage
from broker.tools.conformance.connection import OK, SUCCESS, UNAUTHORIZED, Connection, demand, expect
from broker.tools.conformance.deviations import Skipped

stage = Stage("the end")


@stage.proves("UN-01", "UN-03", "UN-04", "EN-06")
async def delete_unregisters(connection: Connection) -> None:
    """DELETE is answered with 200 and 1000, without data (2.0: data null)."""
    connection.needs_registration()
    exchange = await connection.call("DELETE", connection.credentials_url, connection.shown())
    expect(exchange, OK, SUCCESS)
    connection.unregistered = True
    if connection.edition.null_data:
        demand("data" in exchange.answer.envelope and exchange.answer.data is None, "data is not null", exchange)
    else:
        demand("data" not in exchange.answer.envelope, "the answer has data", exchange)


@stage.proves("UN-01", "UN-02", "AU-08")
async def the_token_is_dead(connection: Connection) -> None:
    """After DELETE the issued token is 401 everywhere."""
    _needs_end(connection)
    for url in (connection.versions_url, connection.details_url, connection.credentials_url):
        expect(await connection.get(url), UNAUTHORIZED)


@stage.proves("UN-07", "UN-05", "UR-02")
async def there_is_no_way_back(connection: Connection) -> None:
    """After DELETE neither the issued token nor the invitation's can POST, PUT or DELETE: 401."""
    _needs_end(connection)
    for token in (connection.token, connection.invitation):
        for method in ("POST", "PUT"):
            expect(await connection.announce(method, token=token), UNAUTHORIZED)
        expect(await connection.call("DELETE", connection.credentials_url, connection.shown(token)), UNAUTHORIZED)


@stage.proves("UN-01", "UN-02")
async def nobody_calls_us_any_more(connection: Connection) -> None:
    """After DELETE our platform is not called."""
    _needs_end(connection)
    after = connection.notes.setdefault("received", len(connection.platform.received))
    ends = [exchange for exchange in connection.dialogue.exchanges if exchange.sent.method == "DELETE"]
    called = [request for exchange in ends for request in exchange.callbacks]
    demand(not called and len(connection.platform.received) == after, "our platform was called")


def _needs_end(connection: Connection) -> None:
    if not connection.unregistered:
        raise Skipped("the registration was not ended")
