"""The registration itself, and what the token that it issues is good for."""

import re

from broker.tools.conformance import shapes
from broker.tools.conformance.checks.invitation import check_hub, check_sender
from broker.tools.conformance.checks.registry import Stage, each
from broker.tools.conformance.connection import (
    NOT_ALLOWED,
    OK,
    SUCCESS,
    UNAUTHORIZED,
    Connection,
    demand,
    expect,
    shown_by,
)
from broker.tools.conformance.deviations import Skipped
from broker.tools.conformance.editions import encoded, raw
from broker.tools.conformance.platform import DETAILS, VERSIONS, Received
from broker.tools.conformance.transcript import Exchange

stage = Stage("the registration")

_MINTED = re.compile(r"[A-Za-z0-9-]{22,64}")


@stage.proves("RR-04", "RR-05", "RR-07", "RR-11", "RR-15", "SC-05", "VL-11")
async def post_registers(connection: Connection) -> None:
    """POST registers: it reads our list and details before it answers with 200 and 1000."""
    connection.needs_invitation()
    during: list[Exchange] = []

    async def read_meanwhile(_: Received) -> None:
        during.append(await connection.get(connection.versions_url, connection.invitation))
        during.append(await connection.get(connection.details_url, connection.invitation))

    with connection.misbehaving(versions=read_meanwhile):
        exchange = await connection.announce("POST")
    connection.notes.update(registration=exchange, during=during)
    expect(exchange, OK, SUCCESS)
    check_reading(exchange)


def check_reading(exchange: Exchange) -> None:
    """RR-05, UR-03: raises Deviation unless list and details were read, in this order, before the answer."""
    asked = [request.resource for request in exchange.callbacks if request.accepted]
    firsts = list(dict.fromkeys(asked))
    demand(firsts == [VERSIONS, DETAILS], f"our platform was asked for {', '.join(firsts) or 'nothing'}", exchange)


@stage.proves("RR-03")
async def the_invitation_serves_while_the_post_is_open(connection: Connection) -> None:
    """The invitation's token opens list and details while the POST is being processed."""
    during: list[Exchange] = connection.notes.get("during", [])
    if not during:
        raise Skipped("our platform was not called while a POST was open")
    for exchange in during:
        expect(exchange, OK, SUCCESS)


@stage.proves("RR-11", "CO-34", "AU-05", "CO-01", "CO-02", "CO-03", "CO-04", "CO-05", "CO-10")
async def the_answer_is_their_object(connection: Connection) -> None:
    """The answer to POST is their credentials object, with a token that is neither the invitation's nor ours."""
    exchange = _registration(connection)
    check_answer(connection, exchange, connection.invitation)


def check_answer(connection: Connection, exchange: Exchange, shown: str) -> None:
    """Raises Deviation unless data is their credentials object with a new token."""
    data = exchange.answer.data
    with shown_by(exchange):
        shapes.check_credentials(connection.edition, data)
        check_hub(connection, exchange)
        shapes.demand(data["token"] not in {shown, connection.held}, "the token is not a new one")
    check_sender(connection, exchange)


@stage.proves("CO-42")
async def the_issued_token_is_sound(connection: Connection) -> None:
    """The issued token is long enough to be random, and never valid Base64."""
    token = _registration(connection).answer.data.get("token")
    demand(isinstance(token, str) and _MINTED.fullmatch(token), "it has other characters than letters, digits and -")
    demand("-" in token, "it could be taken for Base64")


@stage.proves("RR-06")
async def our_token_was_used_for_the_callbacks(connection: Connection) -> None:
    """The calls inside the POST were made with the token in its body."""
    exchange = _registration(connection)
    for request in exchange.callbacks:
        demand(request.accepted, f"{request.method} {request.target} came with another token", exchange)


def _registration(connection: Connection) -> Exchange:
    """Raises Skipped unless it succeeded."""
    exchange = connection.notes.get("registration")
    if not isinstance(exchange, Exchange) or not exchange.answer.succeeded:
        raise Skipped("the registration did not succeed")
    return exchange


@stage.proves("VL-06", "VL-09", "GT-01", "GT-02", "RR-16")
async def the_issued_token_opens_everything(connection: Connection) -> None:
    """The issued token opens list, details and credentials, and GET credentials repeats it."""
    connection.needs_registration()
    for url in (connection.versions_url, connection.details_url):
        expect(await connection.get(url), OK, SUCCESS)
    exchange = await connection.get()
    expect(exchange, OK, SUCCESS)
    demand(exchange.answer.data.get("token") == connection.token, "it is not the token that was shown", exchange)


@stage.proves("VL-09")
async def the_list_is_the_same_as_before(connection: Connection) -> None:
    """The version list is the same as with the invitation."""
    connection.needs_registration()
    exchange = await connection.get(connection.versions_url)
    listed = {entry["version"]: entry["url"] for entry in exchange.answer.data}
    demand(listed == connection.listed, f"it is {listed}, and was {connection.listed}", exchange)


@stage.proves("RR-13", "RR-21", "AU-08", "UN-07")
async def the_invitation_is_over(connection: Connection) -> None:
    """Once the issued token was used, the invitation's token is 401 everywhere."""
    connection.needs_registration()
    for url in (connection.versions_url, connection.details_url, connection.credentials_url):
        expect(await connection.get(url, connection.invitation), UNAUTHORIZED)
    expect(await connection.announce("POST", token=connection.invitation), UNAUTHORIZED)


@stage.proves("AU-07", "AU-08", "RR-19")
async def our_own_token_opens_nothing(connection: Connection) -> None:
    """The token that we made for them is none of theirs: 401."""
    connection.needs_registration()
    expect(await connection.get(connection.versions_url, connection.held), UNAUTHORIZED)


@stage.proves("RR-12", "SC-03")
async def post_when_registered_is_405(connection: Connection) -> None:
    """POST by a registered platform is 405, Allow: GET, PUT, DELETE, whatever the body, at every version."""
    connection.needs_registration()
    urls = {connection.edition.version: connection.credentials_url}
    if others := [version for version in connection.listed if version != connection.edition.version]:
        urls[others[0]] = connection.credentials_url.replace(connection.edition.version, others[0])
    token = connection.token

    async def is_405(url: str) -> None:
        exchange = await connection.announce("POST", url=url)
        expect(exchange, NOT_ALLOWED)
        allowed = exchange.answer.methods - {"HEAD", "OPTIONS"}
        demand(allowed == {"GET", "PUT", "DELETE"}, f"Allow is {exchange.answer.header('allow')}", exchange)
        demand(not exchange.callbacks, "our platform was called all the same", exchange)

    await each(urls, is_405)
    expect(await connection.send("POST", b"{broken"), NOT_ALLOWED)
    expect(await connection.get(connection.versions_url, token), OK, SUCCESS)


@stage.proves("AU-13", "AU-06", "AU-12")
async def the_issued_token_is_read_in_both_forms(connection: Connection) -> None:
    """The issued token is read raw, in Base64, and in Base64 with a line end."""
    connection.needs_registration()
    token = connection.token
    forms = {"raw": raw(token), "Base64": encoded(token), "Base64 with a line end": encoded(f"{token}\n")}

    async def is_good(value: str) -> None:
        expect(await connection.call("GET", connection.versions_url, [("Authorization", value)]), OK, SUCCESS)

    await each(forms, is_good)
