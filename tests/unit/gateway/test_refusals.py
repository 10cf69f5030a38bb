"""What peers are answered when the broker refuses (SC-02, SC-08, F19)."""

from datetime import UTC, datetime

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc.aio import AioRpcError, Metadata

from gateway.refusals import REFUSALS, refused
from ocpi_broker.client.reasons import DOMAIN
from ocpi_broker.v1.reasons_pb2 import Reason

NOW = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
SENTENCE = "in the broker's words"


def error(code=grpc.StatusCode.INTERNAL, reason=None, domain=DOMAIN, message=SENTENCE, said=SENTENCE):
    """A failed call. said is what the status in the trailer says, which must be the same."""
    trailer = []
    if reason is not None:
        detail = Any()
        detail.Pack(ErrorInfo(domain=domain, reason=reason))
        status = Status(code=code.value[0], message=said, details=[detail])
        trailer = [("grpc-status-details-bin", status.SerializeToString())]
    return AioRpcError(code, Metadata(), Metadata(*trailer), details=message)


def test_every_reason_of_the_contract_has_a_row():
    assert {f"REASON_{name}" for name in REFUSALS} == set(Reason.keys()) - {"REASON_UNSPECIFIED"}


@pytest.mark.parametrize(
    ("reason", "status", "code", "headers"),
    [
        ("TOKEN_REJECTED", 401, 2000, {"WWW-Authenticate": "Token"}),
        ("PEER_BLOCKED", 401, 2000, {"WWW-Authenticate": "Token"}),
        ("RATE_LIMITED", 429, 2000, {"Retry-After": "60"}),
        ("TOO_MANY_EXCHANGES", 429, 3000, {"Retry-After": "5"}),
        ("VERSION_NOT_OFFERED", 404, 3002, {}),
        ("ALREADY_REGISTERED", 405, 2000, {"Allow": "GET, PUT, DELETE"}),
        ("NOT_REGISTERED", 405, 2000, {"Allow": "GET, POST"}),
        ("BODY_NOT_JSON", 400, 2001, {}),
        ("BODY_TOO_LARGE", 413, 2000, {}),
        ("CREDENTIALS_INVALID", 200, 2001, {}),
        ("PARTY_NOT_ALLOWED", 200, 2001, {}),
        ("EXCHANGE_IN_PROGRESS", 200, 3000, {}),
        ("PEER_UNUSABLE", 200, 3001, {}),
        ("PEER_VERSION_UNSUPPORTED", 200, 3002, {}),
        ("PEER_ENDPOINTS_MISSING", 200, 3003, {}),
        ("NOT_EXPRESSIBLE", 200, 3000, {}),
        ("PEER_REFUSED", 200, 3000, {}),
        ("PEER_REJECTED_TOKEN", 200, 3000, {}),
        ("OUTCOME_UNKNOWN", 200, 3000, {}),
        ("ANSWER_LOST", 200, 3000, {}),
        ("INTERNAL", 200, 3000, {}),
        ("TAMPERED", 200, 3000, {}),
        ("STORE_UNAVAILABLE", 503, 3000, {"Retry-After": "5"}),
        ("DEADLINE_EXCEEDED", 504, 3000, {}),
        ("CALLER_UNAUTHENTICATED", 503, 3000, {"Retry-After": "5"}),
        ("PERMISSION_DENIED", 503, 3000, {"Retry-After": "5"}),
    ],
)
def test_a_reason_decides_status_code_and_headers(reason, status, code, headers):
    answer = refused(error(reason=reason), NOW)

    assert (answer.status, answer.code, dict(answer.headers), answer.reason) == (status, code, headers, reason)


@pytest.mark.parametrize(
    "reason", ["CREDENTIALS_INVALID", "PARTY_NOT_ALLOWED", "PEER_UNUSABLE", "ALREADY_REGISTERED", "BODY_NOT_JSON"]
)
def test_what_the_broker_says_to_peers_is_passed_on(reason):
    assert refused(error(reason=reason), NOW).envelope["status_message"] == SENTENCE


@pytest.mark.parametrize(
    "reason",
    [
        "TOKEN_REJECTED",
        "PEER_BLOCKED",
        "PEER_REFUSED",
        "PEER_REJECTED_TOKEN",
        "OUTCOME_UNKNOWN",
        "ANSWER_LOST",
        "INTERNAL",
        "TAMPERED",
        "INVALID_ARGUMENT",
        "STORE_UNAVAILABLE",
        "PERMISSION_DENIED",
    ],
)
def test_what_is_not_meant_for_peers_is_not_passed_on(reason):
    message = refused(error(reason=reason), NOW).envelope["status_message"]

    assert message
    assert SENTENCE not in message


def test_a_blocked_peer_is_answered_like_any_token_that_is_not_valid_here():
    """F19."""
    rejected, blocked = (refused(error(reason=reason), NOW) for reason in ("TOKEN_REJECTED", "PEER_BLOCKED"))

    assert rejected.status == 401
    assert (blocked.envelope, blocked.status, blocked.headers) == (rejected.envelope, 401, rejected.headers)


@pytest.mark.parametrize(
    ("code", "status", "headers"),
    [
        (grpc.StatusCode.UNAVAILABLE, 503, {"Retry-After": "5"}),
        (grpc.StatusCode.DEADLINE_EXCEEDED, 504, {}),
        (grpc.StatusCode.UNAUTHENTICATED, 503, {"Retry-After": "5"}),
        (grpc.StatusCode.PERMISSION_DENIED, 503, {"Retry-After": "5"}),
        (grpc.StatusCode.INTERNAL, 500, {}),
        (grpc.StatusCode.UNIMPLEMENTED, 500, {}),
        (grpc.StatusCode.UNKNOWN, 500, {}),
    ],
)
@pytest.mark.parametrize(
    "how", [{}, {"reason": "TOKEN_REJECTED", "domain": "elsewhere"}, {"reason": "NEW_ONE"}, {"reason": "", "said": "x"}]
)
def test_without_a_reason_that_we_know_the_status_decides_and_it_is_never_401(code, status, headers, how):
    answer = refused(error(code, **how), NOW)

    assert (answer.status, answer.code, dict(answer.headers)) == (status, 3000, headers)
    assert SENTENCE not in answer.envelope["status_message"]
