"""The last line of `peer connect` and `peer rotate` says what was seen of each fault that a mock peer can be told."""

from datetime import UTC, datetime

import pytest

from broker.cli.following import failure
from broker.core.exchange import ExchangeKind
from broker.tools.mock_peer.faults import CATALOGUE, parse
from ocpi_broker.v1 import resources_pb2
from tests.faults import batches
from tests.faults.conftest import Pairs
from tests.faults.pair import REGISTERED, Pair

pytestmark = pytest.mark.anyio

POST, PUT = ExchangeKind.POST, ExchangeKind.PUT
IN_DOUBT = "it is not known whether the peer has done it"
GOOD = "the token is good, since the peer has just answered GETs with it"
UNUSABLE = "the answer cannot be used: "

CONNECT = {
    # The answer is lost, late or unreadable.
    "drop-answer": ("cut off", "closed the connection without an answer", IN_DOUBT),
    "drop-answer@versions": ("versions list: the answer was cut off", "closed the connection without an answer"),
    "drop-after-headers": ("closed the connection in the middle of its answer", IN_DOUBT),
    "truncate@details": ("version details: the answer was cut off", "in the middle of its answer"),
    "stall": ("no complete answer within", "it has taken the connection", IN_DOUBT),
    "slow:30": ("no complete answer within", "it has taken the connection", IN_DOUBT),
    "504-after-commit": ("HTTP 504", "a proxy before it waited for it in vain", IN_DOUBT),
    "500-after-commit": ("HTTP 500", "something went wrong in its server", IN_DOUBT),
    "html": (UNUSABLE + "is not JSON", 'the peer says: "<', IN_DOUBT),
    "no-content": ("POST credentials: HTTP 204 without a body", IN_DOUBT),
    "no-content@details": ("version details: HTTP 204 without a body",),
    "empty": ("POST credentials: HTTP 200 without a body", IN_DOUBT),
    "html@versions": ("versions list: the answer cannot be used: is not JSON", 'the peer says: "<'),
    "wrong-envelope": (UNUSABLE, IN_DOUBT),
    "wrong-envelope:array@versions": ("version",),
    # Refused: nothing is done.
    "redirect": ("HTTP 307", "a redirect to"),
    "refuse:2001": ("OCPI status code 2001", "the peer says: "),
    "refuse:3000@versions": ("versions list: the answer has OCPI status code 3000", "the peer says: "),
    "http:400": ("HTTP 400", "it takes the request for a bad one", "the quirk explicit_nulls may help"),
    "http:401": ("HTTP 401", "it does not take the token, although it has just answered GETs"),
    "http:401@versions": (
        "versions list: HTTP 401",
        "neither raw nor in Base64; is it the one that the peer gave you?",
    ),
    "http:403": ("HTTP 403", "it does not admit us"),
    "http:404": ("HTTP 404", "it has nothing at this URL, although its version details name it"),
    "http:405": ("HTTP 405", GOOD, "it has us registered already, or does not offer POST"),
    "http:409": ("HTTP 409", "it may have us registered already"),
    "http:404@versions": ("versions list: HTTP 404", "it has nothing at this URL", "check its versions URL"),
    "http:422": ("HTTP 422", "does not accept what is in it", "the quirk explicit_nulls may help"),
    "http:429": ("HTTP 429", "it has had too many requests"),
    "http:501": ("HTTP 501", GOOD),
    "http:503": ("HTTP 503", "it is out of service for now", IN_DOUBT),
    "http:503@details": ("version details: HTTP 503", "it is out of service for now"),
    "reject-token": ("HTTP 401", "it does not take the token"),
    # What the credentials object of the answer says.
    "no-token": ("token: is required", IN_DOUBT),
    "same-token": ("token: is the one that we sent", IN_DOUBT),
    "space-token": ("token: must consist of printable ASCII", IN_DOUBT),
    "callback-old-token": ("OCPI status code 3001", "the peer says: "),
    # Version list and details.
    "missing-version": ("no version in common: it lists",),
    "wrong-version-in-details": ("not of", "the quirk accept_version_mismatch may help"),
    "missing-module:credentials": ("the peer's version details lack: credentials",),
    "foreign-endpoint": ("a site other than that of the versions list",),
}
"""What stands in the last line. With *1 a fault strikes once."""

ROTATE = {
    "http:405": ("HTTP 405", GOOD, "does not offer PUT", "peer update --renew reregister", "connect anew"),
    "http:404": ("HTTP 404", "it has nothing at this URL", "peer update --renew reregister"),
    "http:501": ("HTTP 501", GOOD, "does not offer PUT", "peer update --renew reregister"),
    "refuse:2000": ("OCPI status code 2000", "the peer says: ", "peer update --renew reregister"),
    "reject-token": ("HTTP 401", "it does not take the token"),
    "forget*1": ("HTTP 401", "it does not take the token"),
    "http:503": ("HTTP 503", "it is out of service for now", IN_DOUBT),
}

HARMLESS = {
    "content-type", "status-string", "no-timestamp", "extra-fields", "raw-only", "base64-only", "lowercase-ids",
    "url-is-details", "no-callback", "callback-twice", "wrapped-versions", "details-in-list",
    "trickle", "huge", "long-token", "no-parties",
}  # fmt: skip
"""No failure, since there is a token in the answer or it is tolerated: see the tables of the other tests."""
QUARANTINED = {"echo-roles"}
AS_SENDER = {"hang-up", "hang-up-late", "twice", "callback-401", "put-unchanged-token"}
CROSSING = {"put-inside-put", "post-inside-post", "delete-inside-put", "forget"}
LATER_THAN_READ = {"gzip-bomb"}
"""What is unpacked, and how far, is shown in test_deliveries."""
NEVER = ("check the token", "answer was lost", "answer is lost", "has carried out our")


def test_no_fault_is_left_out() -> None:
    told = {parse(text).name for text in (*CONNECT, *ROTATE)}

    assert told | HARMLESS | QUARANTINED | AS_SENDER | CROSSING | LATER_THAN_READ == CATALOGUE.keys()


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True, scope="session")
@pytest.mark.parametrize("kind", [POST, PUT], ids=["connect", "rotate"])
async def test_the_last_line_says_what_was_seen(pairs: Pairs, kind: ExchangeKind) -> None:
    table = CONNECT if kind is POST else ROTATE
    found = dict[str, str | None]()

    async def tell(fault: str) -> None:
        async with pairs() as pair:
            found[fault] = await _last_line(pair, kind, fault)

    await batches.each(list(table), tell)

    wrong = {fault: line for fault, line in found.items() if any(word not in (line or "") for word in table[fault])}
    assert wrong == {}
    assert [line for line in found.values() if any(word in (line or "") for word in NEVER)] == []


async def _last_line(pair: Pair, kind: ExchangeKind, fault: str) -> str | None:
    if kind is PUT:
        await pair.connected()
    striking = parse(fault).kind.usual
    where = f"@{kind.value}" if "@" not in fault and len(striking) > 1 else ""
    name, star, times = fault.partition("*")
    pair.mock.fault(f"{name}{where}{star}{times}")
    peer: resources_pb2.Peer = await pair.command(kind)
    return failure(peer, REGISTERED, datetime.now(UTC))


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True, scope="session")
async def test_what_is_in_doubt_stays_in_front_of_what_goes_wrong_since(pairs: Pairs) -> None:
    async with pairs() as pair:
        pair.mock.fault("drop-answer@POST*1")
        first = await pair.command(POST)
        pair.mock.fault("http:404@versions")

        then = await pair.command(POST)

        assert then.job.outcome_unknown
        assert then.job.last_error.message.startswith(first.job.last_error.message)
        assert "; since then:\u00a0versions list: HTTP 404" in then.job.last_error.message
        assert then.job.state == resources_pb2.JOB_STATE_WAITING, "it is not given up"
