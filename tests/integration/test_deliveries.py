"""What becomes of a POST, PUT or DELETE of ours: every row of how an answer is classified (F2, F12, A8, UN-04)."""

import asyncio
import gzip
import json
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from broker.core.exchange import ExchangeKind
from broker.core.model import HeaderForm, Token
from broker.errors import OutcomeUnknownError, PeerRefusedError, PeerRejectedTokenError
from broker.ocpi import DIALECTS
from broker.outbound.deliveries import Deliveries, Delivery
from broker.outbound.http_call import BUDGETS, Budgets, CallbackError, Wire
from broker.outbound.url_policy import UrlPolicy
from tests.ports import free_port

pytestmark = pytest.mark.anyio

POLICY = UrlPolicy(insecure=frozenset({"loopback"}))
SMALL = replace(BUDGETS, credentials=8 << 10)
ACCESS, OFFERED = Token("canary-access-5c1f"), Token("canary-offered-77aa")
THEIRS = {
    "token": "canary-given-90d1",
    "url": "https://peer.example/versions",
    "roles": [{"role": "CPO", "party_id": "KWL", "country_code": "DE", "business_details": {"name": "Kabelwerk"}}],
}
TIME = "2026-01-05T10:00:00Z"
CORRELATION = "1b8c5a0e-0000-4000-8000-000000000001"


def envelope(code, data=None, message="", **more):
    body = {"status_code": code, "status_message": message, "timestamp": TIME, **more}
    return json.dumps(body if data is None else body | {"data": data}).encode()


SUCCESS = envelope(1000, THEIRS)
TLS = b"\x16"  # with which a handshake begins


@dataclass
class Peer:
    """Takes one request per connection whole, then writes these bytes and closes; None: writes nothing for ever."""

    answer: bytes | None
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader, writer):
        self.serving.add(asyncio.current_task())
        try:
            first = await reader.readexactly(1)
            if first == TLS:
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
            head = first + await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
            )
            self.requests.append(head + await reader.readexactly(length))
            if self.answer is None:
                await asyncio.Event().wait()
            writer.write(self.answer or b"")
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def answering(answer):
    peer = Peer(answer)
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        for task in peer.serving:
            task.cancel()
        await asyncio.gather(*peer.serving, return_exceptions=True)


def http(status, body=b"", *headers):
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def send(port, kind=ExchangeKind.POST, *, scheme="http", budgets=SMALL, path="/credentials"):
    """What it brings. Raises one of the four refusals."""
    site = f"{scheme}://127.0.0.1:{port}"
    delivery = Delivery(kind, site + path, f"{site}/versions", ACCESS, HeaderForm.BASE64, CORRELATION)
    wire = Wire(POLICY, connect=budgets.connect)
    deliveries = Deliveries(wire, budgets=budgets)
    try:
        if kind is ExchangeKind.DELETE:
            return await deliveries.withdraw(delivery)
        delivery = replace(delivery, offered=OFFERED, body={"token": OFFERED.reveal()})
        return await deliveries.announce(delivery, DIALECTS["2.2.1"])
    finally:
        await wire.aclose()


async def refusal(answer, kind=ExchangeKind.POST, **more):
    """What it raises, after exactly one request."""
    async with answering(answer) as peer:
        with pytest.raises((PeerRefusedError, PeerRejectedTokenError, OutcomeUnknownError, CallbackError)) as raised:
            await send(peer.port, kind, **more)
        assert len(peer.requests) == 1
    return raised.value


def facts(error):
    return type(error), getattr(error, "code", None), getattr(error, "status", None)


@pytest.mark.parametrize("kind", [ExchangeKind.POST, ExchangeKind.PUT])
async def test_a_success_brings_what_the_peer_says_of_itself(kind):
    async with answering(http(200, SUCCESS)) as peer:
        found = await send(peer.port, kind)

        (request,) = peer.requests
    assert (found.token, found.url, found.warnings) == (Token(THEIRS["token"]), THEIRS["url"], ())
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == f"{kind.value} /credentials http/1.1".lower()
    assert f"authorization: token {b64encode(ACCESS.reveal().encode()).decode()}".lower() in lines
    assert "content-type: application/json" in lines
    assert f"x-correlation-id: {CORRELATION}" in lines
    assert json.loads(body) == {"token": OFFERED.reveal()}


@pytest.mark.parametrize(
    ("answer", "warnings"),
    [
        (http(201, SUCCESS), ()),
        (http(200, envelope("1000", THEIRS)), ("POST credentials: status_code: is a number in a string",)),
        (http(200, envelope(1999, THEIRS)), ()),
        (
            http(200, json.dumps({"status_code": 1000, "data": THEIRS}).encode()),
            ("POST credentials: timestamp: is missing",),
        ),
        # A8: its token is the only one that works from now on, whatever the status line says.
        (http(500, SUCCESS), ("POST credentials: HTTP 500 with a success",)),
        (http(400, SUCCESS), ("POST credentials: HTTP 400 with a success",)),
    ],
)
async def test_a8_an_answer_that_can_be_read_is_a_success_on_whatever_status(answer, warnings):
    async with answering(answer) as peer:
        found = await send(peer.port)

    assert (found.token, found.warnings) == (Token(THEIRS["token"]), warnings)


@pytest.mark.parametrize(
    ("answer", "expected", "said"),
    [
        # With an envelope: a definite refusal, unless somebody between us may have written it.
        (http(200, envelope(2001)), (PeerRefusedError, 2001, 200), "OCPI status code 2001"),
        (http(200, envelope("2001")), (PeerRefusedError, 2001, 200), "OCPI status code 2001"),
        (http(200, envelope(3001)), (PeerRefusedError, 3001, 200), "OCPI status code 3001"),
        (http(201, envelope(3002, THEIRS)), (PeerRefusedError, 3002, 201), "OCPI status code 3002"),
        (http(400, envelope(2001)), (PeerRefusedError, 2001, 400), "HTTP 400 with OCPI status code 2001"),
        (http(405, envelope(2000)), (PeerRefusedError, 2000, 405), "HTTP 405 with OCPI status code 2000"),
        (http(429, envelope(2000)), (PeerRefusedError, 2000, 429), "HTTP 429 with OCPI status code 2000"),
        (http(401, envelope(2000)), (PeerRejectedTokenError, None, None), "HTTP 401"),
        (http(403, envelope(2000)), (PeerRejectedTokenError, None, None), "HTTP 403"),
        (http(408, envelope(2000)), (OutcomeUnknownError, None, None), "HTTP 408 with OCPI status code 2000"),
        (http(500, envelope(3000)), (OutcomeUnknownError, None, None), "HTTP 500 with OCPI status code 3000"),
        (http(503, envelope(2000)), (OutcomeUnknownError, None, None), "HTTP 503 with OCPI status code 2000"),
        # Without one the HTTP status decides.
        (http(400), (PeerRefusedError, None, 400), "HTTP 400"),
        (http(404, b"<html>"), (PeerRefusedError, None, 404), "HTTP 404"),
        (http(405), (PeerRefusedError, None, 405), "HTTP 405"),
        (http(429, b"slow down"), (PeerRefusedError, None, 429), "HTTP 429"),
        (http(401), (PeerRejectedTokenError, None, None), "HTTP 401"),
        (http(403, b"{}"), (PeerRejectedTokenError, None, None), "HTTP 403"),
        (http(408), (OutcomeUnknownError, None, None), "HTTP 408"),
        (http(500, b"oops"), (OutcomeUnknownError, None, None), "HTTP 500"),
        (http(502), (OutcomeUnknownError, None, None), "HTTP 502"),
        (http(504, b"<html>"), (OutcomeUnknownError, None, None), "HTTP 504"),
        (http(304), (OutcomeUnknownError, None, None), "HTTP 304"),
        # F8: followed it is not, and done nothing has who redirects.
        (
            http(307, b"", "Location: https://other.example/credentials"),
            (PeerRefusedError, None, 307),
            "HTTP 307, a redirect to other.example, which is not followed",
        ),
        (
            http(302, b"", f"Location: https://{ACCESS.reveal()}.example/"),
            (PeerRefusedError, None, 302),
            "HTTP 302, a redirect to (unreadable), which is not followed",
        ),
        # Too big or compressed, it is not read; what the status line says counts.
        (http(200, b"x" * 9000), (OutcomeUnknownError, None, None), "the answer has more than 8192 bytes"),
        (http(400, b"x" * 9000), (PeerRefusedError, None, 400), "HTTP 400"),
        (
            http(200, b"whatever", "Content-Encoding: br"),
            (OutcomeUnknownError, None, None),
            "the answer is compressed as br, which was not asked for",
        ),
        (
            http(200, gzip.compress(bytes(1 << 20)), "Content-Encoding: gzip"),
            (OutcomeUnknownError, None, None),
            "the answer has more than 8192 bytes",
        ),
        (
            http(401, gzip.compress(envelope(2000)), "Content-Encoding: gzip"),
            (PeerRejectedTokenError, None, None),
            "HTTP 401",
        ),
        (http(405, gzip.compress(b""), "Content-Encoding: gzip"), (PeerRefusedError, None, 405), "HTTP 405"),
    ],
)
async def test_an_answer_decides_by_its_envelope_and_otherwise_by_its_status(answer, expected, said):
    error = await refusal(answer)

    assert (facts(error), str(error)) == (expected, f"POST credentials: {said}")


CUT = http(200, SUCCESS)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "the answer was cut off or is not HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "the answer was cut off or is not HTTP"),
        (CUT[:40], "the answer was cut off or is not HTTP"),
        (CUT[:60], "the answer was cut off or is not HTTP"),
        (http(200, b"<html>"), "the answer cannot be used: is not JSON at line 1"),
        (http(200), "HTTP 200 without a body"),
        (http(204), "HTTP 204 without a body"),
        (http(200, b"[]"), "the answer cannot be used: must be an object with status_code and data"),
        (http(200, envelope(1000)), "the answer cannot be used: "),
        (http(200, envelope(1000, {**THEIRS, "token": None})), "the answer cannot be used: token: "),
        (http(200, envelope(1000, {**THEIRS, "token": "with a blank"})), "the answer cannot be used: token: "),
        (http(200, envelope(1000, {**THEIRS, "token": "x" * 1025})), "the answer cannot be used: token: "),
        (http(200, envelope(1000, {**THEIRS, "token": OFFERED.reveal(), "roles": 1})), "the answer cannot be used: "),
    ],
)
@pytest.mark.parametrize("kind", [ExchangeKind.POST, ExchangeKind.PUT])
async def test_f2_f12_an_answer_that_is_lost_or_no_use_leaves_the_outcome_unknown(answer, said, kind):
    error = await refusal(answer, kind)

    assert type(error) is OutcomeUnknownError
    assert str(error).startswith(f"{kind.value} credentials: {said}")
    assert "with a blank" not in str(error)


@pytest.mark.parametrize(
    "answer",
    [
        CUT[:-5],
        http(200, SUCCESS[:-5]),
        http(200, envelope(1000, [THEIRS])),
        http(200, envelope(1000, {**THEIRS, "roles": "CPO"})),
        http(200, json.dumps(THEIRS).encode()),
        http(200, b"\xef\xbb\xbf" + SUCCESS),
        http(201, gzip.compress(SUCCESS), "Content-Encoding: gzip"),
        http(200, gzip.compress(SUCCESS)),
        http(200, SUCCESS, "Content-Encoding: gzip"),
        http(200, SUCCESS + b" " * 9000),
    ],
)
@pytest.mark.parametrize("kind", [ExchangeKind.POST, ExchangeKind.PUT])
async def test_f12_a_token_that_can_be_found_is_kept(answer, kind):
    async with answering(answer) as peer:
        found = await send(peer.port, kind)

    assert found.token == Token(THEIRS["token"])


async def test_f2_silence_after_the_request_leaves_the_outcome_unknown():
    error = await refusal(None, budgets=Budgets(exchange=0.5))

    assert type(error) is OutcomeUnknownError
    assert str(error) == "POST credentials: no complete answer within 0.5 seconds"


async def test_f2_who_was_not_reached_has_done_nothing():
    with pytest.raises(CallbackError, match=r"^POST credentials: could not connect to 127\.0\.0\.1$") as raised:
        await send(free_port())

    assert raised.value.unsent


async def test_f2_without_a_trusted_connection_nothing_was_sent():
    async with answering(http(200, SUCCESS)) as peer:
        with pytest.raises(CallbackError, match=r"no trusted TLS connection to 127\.0\.0\.1$") as raised:
            await send(peer.port, scheme="https")

        assert peer.requests == []
    assert raised.value.unsent


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://thief.example/credentials", "url is on thief.example, a site other than that of the versions list"),
        ("http://peer.example/credentials", "url must be an https URL"),
        (f"https://peer.example/{ACCESS.reveal()}", "url must not contain the token"),
    ],
)
async def test_f9_a_request_goes_to_the_site_of_the_version_list_only(url, said):
    delivery = Delivery(
        ExchangeKind.DELETE, url, "https://peer.example/versions", ACCESS, HeaderForm.BASE64, CORRELATION
    )
    wire = Wire(POLICY)

    with pytest.raises(CallbackError) as raised:
        await Deliveries(wire).withdraw(delivery)

    await wire.aclose()
    assert (str(raised.value), raised.value.unsent) == (f"DELETE credentials: {said}", True)


@pytest.mark.parametrize(
    "answer",
    [
        http(200, envelope(1000)),
        http(200, envelope(1000, {"anything": ["at all"]})),
        http(200, envelope("1000", "bye")),
        http(202, envelope(1000)),
        http(204),
        http(200),
    ],
)
async def test_un_04_a_delete_is_done_with_any_data_or_none(answer):
    async with answering(answer) as peer:
        await send(peer.port, ExchangeKind.DELETE)

        (request,) = peer.requests
    assert request.startswith(b"DELETE /credentials HTTP/1.1\r\n")
    assert request.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (http(401), PeerRejectedTokenError),
        (http(404), PeerRefusedError),
        (http(405, envelope(2000)), PeerRefusedError),
        (http(200, envelope(3000)), PeerRefusedError),
        (http(200, b"<html>"), OutcomeUnknownError),
        (http(500), OutcomeUnknownError),
        # Nothing in it shows that the peer means it.
        (http(500, envelope(1000)), OutcomeUnknownError),
        (b"", OutcomeUnknownError),
    ],
)
async def test_un_06_what_else_is_answered_to_a_delete(answer, expected):
    assert type(await refusal(answer, ExchangeKind.DELETE)) is expected


def in_base64(token):
    return b64encode(token.reveal().encode()).decode()


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("party_id is unknown", "party_id is unknown"),
        ("", None),
        ("x" * 501, f"{'x' * 500}…"),
        ('say "no"\nERROR forged\x1b[31m\u202e', 'say "no" ERROR forged[31m'),
        # F20: never with a token, however it is written.
        (f"Token {ACCESS.reveal()} is unknown", "Token … is unknown"),
        (f"Token {in_base64(ACCESS)} is unknown", "Token … is unknown"),
        (f"your {OFFERED.reveal()} gets 401", "your … gets 401"),
        (f"your {in_base64(OFFERED)} gets 401", "your … gets 401"),
        (f"{'x' * 495} {OFFERED.reveal().upper()}", f"{'x' * 495} …"),
    ],
)
async def test_f20_what_the_peer_says_stands_beside_the_message_cut_and_without_our_tokens(message, said):
    error = await refusal(http(200, envelope(2001, message=message)))

    assert (str(error), error.said) == ("POST credentials: OCPI status code 2001", said)


@pytest.mark.parametrize("message", [None, 17, ["no"], {"a": 1}])
async def test_a_message_that_is_no_text_is_not_quoted(message):
    error = await refusal(http(200, envelope(2001, message=message)))

    assert (str(error), error.said) == ("POST credentials: OCPI status code 2001", None)


LACKING = b'{"detail": [{"loc": ["body", "roles"], "msg": "field required"}]}'


@pytest.mark.parametrize("kind", ExchangeKind)
@pytest.mark.parametrize(
    ("answer", "explained"),
    [
        (
            http(422, LACKING),
            ("HTTP 422: it understands the request, and does not accept what is in it; the peer says: "
            '"{"detail": [{"loc": ["body", "roles"], "msg": "field required"}]}"'),
        ),
        (http(404, b"<p>Not  Found</p>"), 'HTTP 404: it has nothing at this URL; the peer says: "<p>Not Found</p>"'),
        (http(405), "HTTP 405: it does not offer KIND there"),
        (http(503, b"later", "Retry-After: 60"),
         ("HTTP 503: it is out of service for now, and wants no more for 60 seconds (Retry-After); "
         'the peer says: "later"')),
        (
            http(200, b'{"code": "7010", "message": "already registered"}'),
            ("the answer cannot be used: status_code: must be a number of four digits; the peer says: "
            '"{"code": "7010", "message": "already registered"}"'),
        ),
        (http(409, envelope(2012, message="party already registered")),
         ("HTTP 409 with OCPI status code 2012: it sees a conflict with what it has; it may have us registered "
             "already; "
         'the peer says: "party already registered"')),
        (b"", "the answer was cut off or is not HTTP: it closed the connection without an answer in HTTP"),
        (b"nonsense\r\n\r\n", "the answer was cut off or is not HTTP: what it answers is not HTTP"),
        (CUT[:110], "the answer was cut off or is not HTTP: it closed the connection in the middle of its answer"),
    ],
)  # fmt: skip
async def test_what_was_seen_and_what_the_peer_says_is_told(answer, explained, kind):
    error = await refusal(answer, kind)

    assert error.explained == f"{kind.value} credentials: {explained.replace('KIND', kind.value)}"


@pytest.mark.parametrize(
    ("answer", "quirk"),
    [
        (http(422, LACKING), "explicit_nulls"),
        (http(400, b"business_details.website must not be null"), "explicit_nulls"),
        (http(200, envelope(2001, message="roles[0].business_details.logo: is required")), "explicit_nulls"),
        (http(400, envelope(2000, message="website is missing")), "explicit_nulls"),
        (http(422, b"nullify"), None),
        (http(200, envelope(2001, message="party_id is unknown")), None),
        (http(200, envelope(2000, message="website is missing")), None),
        (http(404, b"route is missing"), None),
        (http(500, b"NullPointerException: website is null"), None),
    ],
)
async def test_a_refusal_about_missing_fields_names_the_quirk(answer, quirk):
    assert (await refusal(answer)).quirk == quirk


@pytest.mark.parametrize(("status", "seconds"), [(429, 600.0), (503, 600.0), (500, None), (404, None), (200, None)])
async def test_how_long_it_wants_to_be_left_alone_is_known_of_429_and_503(status, seconds):
    assert (await refusal(http(status, b"busy", "Retry-After: 600"))).retry_after == seconds


async def test_a_new_token_in_an_answer_that_cannot_be_read_is_not_repeated():
    for body in (
        b'[{"tokens": ["canary-given-90d1"], "token": "canary given-90d1"}]',
        envelope(1000, {**THEIRS, "token": {"value": "canary-given-90d1"}}),
    ):
        assert "canary" not in (await refusal(http(200, body))).explained
