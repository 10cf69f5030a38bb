"""The gateway without a broker: paths that are nobody's, and what every answer has (D4, ID-02, F15)."""

import json
import re
from datetime import UTC, datetime

import httpx
import pytest
from structlog.testing import capture_logs

from gateway.app import create_app
from gateway.resource import is_tenant

pytestmark = pytest.mark.anyio

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NOW = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)


class Unreachable:
    """A channel on which every call is a defect."""

    def unary_unary(self, *_args, **_kwargs):
        def call(*_args, **_kwargs):
            raise RuntimeError("canary")

        return call


def client():
    app = create_app(Unreachable(), "key", clock=lambda: NOW)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.example")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/health",
        "/ocpi",
        "/ocpi/",
        "/ocpi/credentials",
        "/ocpi/acme",
        "/ocpi/acme/credentials",
        "/ocpi/acme/locations",
        "/ocpi/2.2.1/versions",
        "/ocpi/2.2.1/2.2.1",
        "/ocpi/2.2.1/locations",
        "/ocpi/acme/2.2.1/locations",
        "/ocpi/acme/2.2.1/credentials/x",
        "/ocpi/versions/2.2.1",
        "/ocpi/versions/2.2.1/credentials",
        "/ocpi/credentials/credentials",
        "/ocpi/ACME/versions",
        "/ocpi/a%20b/versions",
        "/ocpi/a%2Fb/2.2.1/x",
        "/ocpi/versions//",
        "/ocpi//versions",
        "//ocpi/versions",
        "/OCPI/versions",
        "/ocpi/acme/2.2.1-d2",
        "/ocpi/" + "a" * 41 + "/versions",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
async def test_a_path_that_is_nobodys_is_404(method, path):
    async with client() as http:
        answer = await http.request(method, "http://gateway.example" + path)

    assert answer.status_code == 404
    assert answer.json() == {
        "status_code": 2000,
        "status_message": "there is nothing at this URL",
        "timestamp": "2026-03-02T09:15:00Z",
    }


@pytest.mark.parametrize(
    "path", ["/ocpi/9.9", "/ocpi/9.9/credentials", "/ocpi/acme/2.1/", "/ocpi/acme/2.3/credentials"]
)
async def test_a_version_that_nobody_speaks_is_404_with_3002(path):
    async with client() as http:
        answer = await http.get(path)

    assert (answer.status_code, answer.json()["status_code"]) == (404, 3002)


@pytest.mark.parametrize("path", ["/ocpi/nothing", "/ocpi/9.9/", "/ocpi/versions"])
async def test_every_answer_is_json_that_nobody_keeps_and_has_both_ids(path):
    async with client() as http:
        sent = {"X-Request-ID": "r-1", "X-Correlation-ID": "c-1", "OCPI-from-party-id": "KWL"}
        echoed, made = await http.get(path, headers=sent), await http.get(path)

    assert (echoed.headers["x-request-id"], echoed.headers["x-correlation-id"]) == ("r-1", "c-1")
    assert UUID.fullmatch(made.headers["x-request-id"])
    assert UUID.fullmatch(made.headers["x-correlation-id"])
    assert made.headers["content-type"] == "application/json"
    assert made.headers["cache-control"] == "no-store"
    assert not [name for name in echoed.headers if name.startswith("ocpi-")]
    assert "status_message" in made.json()


async def test_a_defect_is_500_with_3000_and_explains_nothing():
    with capture_logs() as events:
        async with client() as http:
            answer = await http.get("/ocpi/versions", headers={"Authorization": "Token canary-token"})

    assert (answer.status_code, answer.json()["status_code"]) == (500, 3000)
    assert [event["event"] for event in events] == ["http_defect", "http_request"]
    assert "canary" not in answer.text + json.dumps(events)
    assert events[0]["error"] == "RuntimeError"
    assert events[0]["at"]


async def test_a_request_is_one_event_without_query_headers_or_body():
    with capture_logs() as events:
        async with client() as http:
            await http.post(
                "/ocpi/nothing/?token=canary",
                headers={"Authorization": "Token canary", "X-Request-ID": "r-1", "X-Correlation-ID": "c-1"},
                content=b"canary",
            )

    (event,) = events
    assert event.pop("duration_ms") >= 0
    assert event == {
        "event": "http_request",
        "log_level": "info",
        "method": "POST",
        "path": "/ocpi/nothing/",
        "status": 404,
        "ocpi_code": 2000,
        "reason": "NO_SUCH_PATH",
        "request_id": "r-1",
        "correlation_id": "c-1",
    }


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("default", True),
        ("a", True),
        ("2", False),
        ("-a", False),
        ("a-", False),
        ("nl-main", True),
        ("a" * 40, True),
        ("a" * 41, False),
        ("", False),
        ("2.2.1", False),
        ("versions", False),
        ("credentials", False),
        ("hubclientinfo", False),
        ("Acme", False),
        ("a_b", False),
        ("a\n", False),
        ("\u0661", False),
    ],
)
async def test_what_can_be_a_tenant(name, is_one):
    assert is_tenant(name) is is_one
