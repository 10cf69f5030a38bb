"""The gateway on its own, between a real HTTP client and a real gRPC server that says what each test wants."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.any_pb2 import Any as Detail
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from gateway import server
from gateway.config import GatewaySettings
from ocpi_broker.v1 import ocpi_service_pb2 as ocpi
from ocpi_broker.v1 import resources_pb2
from ocpi_broker.v1.reasons_pb2 import Reason
from tests.integration.scripted_broker import (
    ANSWERS,
    AUTHORIZATION,
    KEY,
    OURS_JSON,
    THEIRS_JSON,
    Script,
    broker_running,
    gateway_running,
    settings,
)

pytestmark = pytest.mark.anyio

READS = [
    ("GET", "/versions", "ListVersions"),
    ("GET", "/2.2.1", "GetVersionDetails"),
    ("GET", "/2.2.1/credentials", "GetCredentials"),
]
EXCHANGES = [("POST", "/2.2.1/credentials", "Register"), ("PUT", "/2.2.1/credentials", "Update")]
ENDS = [("DELETE", "/2.2.1/credentials", "Unregister")]
every_call = pytest.mark.parametrize(("method", "path", "rpc"), [*READS, *EXCHANGES, *ENDS])


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def http(event_loop_for_all: None, script: Script) -> AsyncIterator[httpx.AsyncClient]:
    async with broker_running(script) as port, gateway_running(port) as client:
        yield client


def refusing(code: grpc.StatusCode, reason: str, message: str = "in words") -> Callable[[Any], Awaitable[None]]:
    async def refuse(context: Any) -> None:
        detail = Detail()
        detail.Pack(ErrorInfo(domain="ocpi-broker", reason=reason))
        status = Status(code=code.value[0], message=message, details=[detail])
        await context.abort_with_status(rpc_status.to_status(status))

    return refuse


def failing(code: grpc.StatusCode) -> Callable[[Any], Awaitable[None]]:
    async def fail(context: Any) -> None:
        await context.abort(code, "canary")

    return fail


def body_for(method: str) -> dict[str, Any]:
    return {"json": THEIRS_JSON} if method in {"POST", "PUT"} else {}


@every_call
@pytest.mark.parametrize(("prefix", "tenant"), [("", "default"), ("/acme", "acme"), ("/default", "default")])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_request_is_asked_of_the_broker(http, script, method, path, rpc, prefix, tenant, slash):
    ids = {"X-Request-ID": "r-1", "X-Correlation-ID": "c-1"}

    answer = await http.request(method, prefix + path + slash, headers={**AUTHORIZATION, **ids}, **body_for(method))

    asked, request, metadata = script.only
    assert asked == rpc
    assert request.call == ocpi.OcpiCall(tenant=tenant, authorization=["Token shown"], source="127.0.0.1")
    assert rpc == "ListVersions" or request.version == "2.2.1"
    assert metadata["authorization"] == f"Bearer {KEY}"
    assert (metadata["x-request-id"], metadata["x-correlation-id"]) == ("r-1", "c-1")
    assert (answer.headers["x-request-id"], answer.headers["x-correlation-id"]) == ("r-1", "c-1")
    assert (answer.status_code, answer.json()["status_code"]) == (200, 1000)
    assert "server" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "data"),
    [
        ("GET", "/versions", [{"version": "2.2.1", "url": "https://us.example/ocpi/2.2.1"}]),
        (
            "GET",
            "/2.2.1",
            {
                "version": "2.2.1",
                "endpoints": [
                    {
                        "identifier": "credentials",
                        "role": "SENDER",
                        "url": "https://us.example/ocpi/2.2.1/credentials",
                    }
                ],
            },
        ),
        ("GET", "/2.2/credentials", OURS_JSON),
        ("POST", "/2.2.1/credentials", OURS_JSON),
        ("PUT", "/2.2.1/credentials", OURS_JSON),
    ],
)
async def test_the_answer_of_the_broker_is_said_in_ocpi(http, method, path, data):
    answer = await http.request(method, path, headers=AUTHORIZATION, **body_for(method))

    assert answer.json()["data"] == data


async def test_the_answer_to_delete_has_no_data(http):
    answer = await http.delete("/2.2.1/credentials", headers=AUTHORIZATION)

    assert answer.json().keys() == {"status_code", "status_message", "timestamp"}


async def test_what_the_peer_announced_reaches_the_broker(http, script):
    await http.post("/2.2.1/credentials", headers=AUTHORIZATION, json=THEIRS_JSON)

    _, request, _ = script.only
    assert (request.WhichOneof("body"), request.announcement.token) == ("announcement", "their-token")
    assert [(p.country_code, p.party_id, p.role) for p in request.announcement.parties] == [("DE", "KWL", 1)]


@pytest.mark.parametrize("content_type", [None, "text/plain", "Application/JSON; charset=utf-8"])
async def test_the_content_type_does_not_matter(http, script, content_type):
    headers = AUTHORIZATION | ({} if content_type is None else {"Content-Type": content_type})

    await http.post(
        "/2.2.1/credentials", headers=headers, content=httpx.Request("POST", "x:", json=THEIRS_JSON).content
    )

    assert script.only[1].WhichOneof("body") == "announcement"


async def chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65536):
        yield b"[" * 65536


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.REASON_BODY_NOT_JSON),
        (b"{oops", Reason.REASON_BODY_NOT_JSON),
        (b"[" * 10_000, Reason.REASON_BODY_NOT_JSON),
        (b"[]", Reason.REASON_CREDENTIALS_INVALID),
        (b"[" * 10_000_000, Reason.REASON_BODY_TOO_LARGE),
        (10_000_000, Reason.REASON_BODY_TOO_LARGE),
    ],
    ids=["empty", "broken", "deep", "list", "large", "large in chunks"],
)
async def test_what_is_wrong_with_a_body_is_told_to_the_broker_who_decides(http, script, method, content, reason):
    script.raises = refusing(grpc.StatusCode.FAILED_PRECONDITION, "ALREADY_REGISTERED", "use PUT")
    sent = chunks(content) if isinstance(content, int) else content

    answer = await http.request(method, "/2.2.1/credentials", headers=AUTHORIZATION, content=sent)

    assert script.only[1].unreadable.reason == reason
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, PUT, DELETE")
    assert answer.json()["status_message"] == "use PUT"


@pytest.mark.parametrize(
    ("headers", "values"),
    [
        ([], []),
        ([("Authorization", "Token a"), ("authorization", "Token b")], ["Token a", "Token b"]),
        ([("Authorization", "Bearer x")], ["Bearer x"]),
        ([("Authorization", "Token caf\xe9".encode("latin-1"))], ["Token caf\xe9"]),
        ([("Authorization", "Token " + "a" * 10_000)], ["Token " + "a" * 10_000]),
    ],
)
async def test_authorization_is_handed_on_as_it_came(http, script, headers, values):
    await http.get("/versions", headers=headers)

    assert list(script.only[1].call.authorization) == values


@every_call
async def test_a_rejected_token_is_401_with_a_challenge(http, script, method, path, rpc):
    script.raises = refusing(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REJECTED", "expired yesterday")

    answer = await http.request(method, path, headers=AUTHORIZATION, **body_for(method))

    assert (answer.status_code, answer.headers["www-authenticate"], answer.json()["status_code"]) == (
        401,
        "Token",
        2000,
    )
    assert "expired" not in answer.text


@pytest.mark.parametrize(
    ("raises", "status", "code"),
    [
        (refusing(grpc.StatusCode.FAILED_PRECONDITION, "PEER_UNUSABLE"), 200, 3001),
        (refusing(grpc.StatusCode.FAILED_PRECONDITION, "PEER_VERSION_UNSUPPORTED"), 200, 3002),
        (refusing(grpc.StatusCode.FAILED_PRECONDITION, "PEER_ENDPOINTS_MISSING"), 200, 3003),
        (refusing(grpc.StatusCode.INVALID_ARGUMENT, "CREDENTIALS_INVALID"), 200, 2001),
        (refusing(grpc.StatusCode.INTERNAL, "INTERNAL"), 200, 3000),
        (refusing(grpc.StatusCode.UNAUTHENTICATED, "CALLER_UNAUTHENTICATED"), 503, 3000),
        (refusing(grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED"), 429, 2000),
        (refusing(grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE"), 503, 3000),
        (failing(grpc.StatusCode.UNAVAILABLE), 503, 3000),
        (failing(grpc.StatusCode.DEADLINE_EXCEEDED), 504, 3000),
        (failing(grpc.StatusCode.UNAUTHENTICATED), 503, 3000),
        (failing(grpc.StatusCode.UNKNOWN), 500, 3000),
    ],
)
async def test_a_refusal_is_an_envelope_with_its_code(http, script, raises, status, code):
    script.raises = raises

    answer = await http.post("/2.2.1/credentials", headers=AUTHORIZATION, json=THEIRS_JSON)

    assert (answer.status_code, answer.json()["status_code"]) == (status, code)
    assert answer.json()["status_message"]
    assert ("retry-after" in answer.headers) == (status in {429, 503})
    assert "canary" not in answer.text


async def test_an_answer_that_the_version_cannot_say_is_no_defect(http, monkeypatch):
    """NotExpressible: what the broker answers is right, and 2.2.1 has no words for it."""
    without_role = resources_pb2.Endpoint(module="locations", url="https://us.example/locations")
    details = ocpi.GetVersionDetailsResponse(version="2.2.1", endpoints=[without_role])
    monkeypatch.setitem(ANSWERS, "GetVersionDetails", details)

    answer = await http.get("/2.2.1", headers=AUTHORIZATION)

    assert (answer.status_code, answer.json()["status_code"]) == (200, 3000)
    assert "locations" in answer.json()["status_message"]


NOT_ALLOWED = pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/versions", "GET"),
        ("DELETE", "/acme/2.2.1/", "GET"),
        ("PATCH", "/2.2.1/credentials", "GET, POST, PUT, DELETE"),
        ("OPTIONS", "/acme/2.2.1/credentials", "GET, POST, PUT, DELETE"),
        ("REPORT", "/2.2.1/credentials", "GET, POST, PUT, DELETE"),
    ],
)


@NOT_ALLOWED
async def test_a_method_that_a_resource_has_not_is_405_for_those_who_may_ask(http, script, method, path, allow):
    """The token is judged as for any request, so that neither tenants nor limits differ."""
    answer = await http.request(method, path, headers=AUTHORIZATION)

    rpc, request, metadata = script.only
    assert (rpc, list(request.call.authorization)) == ("ListVersions", ["Token shown"])
    assert request.call.tenant == ("acme" if "acme" in path else "default")
    assert metadata["authorization"] == f"Bearer {KEY}"
    assert (answer.status_code, answer.headers["allow"], answer.json()["status_code"]) == (405, allow, 2000)


@NOT_ALLOWED
async def test_such_a_method_is_401_for_others(http, script, method, path, allow):
    script.raises = refusing(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REJECTED")

    answer = await http.request(method, path, headers=AUTHORIZATION)

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Token")


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_large_body_is_not_read_for_strangers(http, script, method):
    """Reading it takes longer than anything else here, and they could send it again and again."""
    script.raises = refusing(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REJECTED")

    answer = await http.request(method, "/2.2.1/credentials", headers=AUTHORIZATION, content=b"[" * 100_000)

    assert answer.status_code == 401
    assert script.only[0] == "ListVersions"


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_large_body_of_a_peer_is_read(http, script, method):
    body = THEIRS_JSON | {"comment": "x" * 100_000}

    answer = await http.request(method, "/2.2.1/credentials", headers=AUTHORIZATION, json=body)

    assert answer.status_code == 200
    assert script.asked[-1][1].announcement.token == "their-token"


async def test_what_is_no_http_is_an_envelope_too(http, script):
    answer = await http.request("BREW", "/2.2.1/credentials", headers=AUTHORIZATION)

    assert (answer.status_code, answer.json()["status_code"]) == (400, 2000)
    assert answer.headers["x-request-id"]
    assert answer.headers["x-correlation-id"]
    assert script.asked == []


async def test_head_is_get_without_its_body(http, script):
    answer = await http.head("/versions", headers=AUTHORIZATION)

    assert (answer.status_code, answer.content, script.only[0]) == (200, b"", "ListVersions")


@every_call
async def test_reads_are_repeated_while_the_broker_is_away_and_exchanges_never(http, script, method, path, rpc):
    script.raises = failing(grpc.StatusCode.UNAVAILABLE)

    answer = await http.request(method, path, headers=AUTHORIZATION, **body_for(method))

    assert answer.status_code == 503
    assert len(script.asked) == (3 if method == "GET" else 1)


@every_call
async def test_without_a_broker_it_is_503_and_after_its_return_all_is_well(
    event_loop_for_all, script, method, path, rpc
):
    async with broker_running(script) as port, gateway_running(port) as http:
        before = await http.request(method, path, headers=AUTHORIZATION, **body_for(method))
    async with gateway_running(port) as http:
        away = await http.request(method, path, headers=AUTHORIZATION, **body_for(method))
        async with broker_running(script, port):
            for _ in range(100):
                after = await http.request(method, path, headers=AUTHORIZATION, **body_for(method))
                if after.status_code != 503:
                    break

    assert (before.status_code, away.status_code, after.status_code) == (200, 503, 200)
    assert away.json()["status_code"] == 3000
    assert away.headers["retry-after"]


@pytest.mark.parametrize(
    ("trusted", "source"), [("", "127.0.0.1"), ("10.0.0.1", "127.0.0.1"), ("127.0.0.1", "203.0.113.9")]
)
async def test_the_address_of_the_peer_is_believed_from_trusted_proxies_only(
    event_loop_for_all, script, trusted, source
):
    async with broker_running(script) as port, gateway_running(port, trusted_proxies=trusted) as http:
        await http.get("/versions", headers={**AUTHORIZATION, "X-Forwarded-For": "203.0.113.9"})

    assert script.only[1].call.source == source


async def test_a_port_that_is_taken_is_an_error(event_loop_for_all):
    async with server.running(settings(1)) as address:
        port = int(address.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            async with server.running(GatewaySettings("127.0.0.1", port, "127.0.0.1:1", KEY)):
                raise AssertionError
