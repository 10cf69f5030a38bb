"""What a peer is answered when the broker refuses: one row per Reason of the contract (without its prefix).

Failures travel on HTTP 200 unless OCPI prescribes an HTTP error (SC-02, A8). A token is never said to be bad unless the
broker has looked at it: when the gateway's own key is refused, that is a failure of ours (SC-08).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from broker.errors import NotExpressibleError
from broker.ocpi.envelope import StatusCode, failure
from gateway.answers import DEFECT, Answer, broken
from ocpi_broker.client.reasons import DOMAIN

_RETRY_LATER = ("Retry-After", "5")
_CHALLENGE = ("WWW-Authenticate", "Token")

_UNKNOWN_TOKEN = "the Authorization header carries no token that is valid here"  # noqa: S105  a sentence
_AWAY = "the service is not available at the moment; try again later"
_BUSY = "too many requests; try again later"
_LATE = "the request could not be completed in time; try again later"
_FAILED = "internal error; quote the X-Request-ID of this answer"


@dataclass(frozen=True, slots=True)
class Refusal:
    """How one reason is said over OCPI. sentence None: the broker's own, which is written for peers."""

    status: HTTPStatus
    code: StatusCode
    sentence: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


_UNAUTHORIZED = Refusal(HTTPStatus.UNAUTHORIZED, StatusCode.CLIENT_ERROR, _UNKNOWN_TOKEN, (_CHALLENGE,))
_UNAVAILABLE = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, StatusCode.SERVER_ERROR, _AWAY, (_RETRY_LATER,))
_TIMED_OUT = Refusal(HTTPStatus.GATEWAY_TIMEOUT, StatusCode.SERVER_ERROR, _LATE)
_OURS = Refusal(HTTPStatus.OK, StatusCode.SERVER_ERROR, _FAILED)
_INVALID = Refusal(HTTPStatus.OK, StatusCode.INVALID_PARAMETERS)
_TRY_AGAIN = Refusal(HTTPStatus.OK, StatusCode.SERVER_ERROR)


def _not_allowed(methods: str) -> Refusal:
    return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, StatusCode.CLIENT_ERROR, headers=(("Allow", methods),))


REFUSALS: Mapping[str, Refusal] = MappingProxyType(
    {
        "CALLER_UNAUTHENTICATED": _UNAVAILABLE,
        "PERMISSION_DENIED": _UNAVAILABLE,
        "INVALID_ARGUMENT": _OURS,
        "REQUEST_ID_REUSED": _OURS,
        "NOT_FOUND": Refusal(HTTPStatus.NOT_FOUND, StatusCode.CLIENT_ERROR, "there is nothing at this URL"),
        "ALREADY_EXISTS": _OURS,
        "ETAG_MISMATCH": _OURS,
        "CONFLICT": Refusal(HTTPStatus.OK, StatusCode.SERVER_ERROR, _LATE),
        "WRONG_STATE": _OURS,
        # AU-16: like any other token that is not valid here.
        "PEER_BLOCKED": _UNAUTHORIZED,
        "ENDPOINT_NOT_FOUND": _OURS,
        "TOKEN_REJECTED": _UNAUTHORIZED,
        "RATE_LIMITED": Refusal(HTTPStatus.TOO_MANY_REQUESTS, StatusCode.CLIENT_ERROR, _BUSY, (("Retry-After", "60"),)),
        "VERSION_NOT_OFFERED": Refusal(HTTPStatus.NOT_FOUND, StatusCode.UNSUPPORTED_VERSION),
        "ALREADY_REGISTERED": _not_allowed("GET, PUT, DELETE"),
        "NOT_REGISTERED": _not_allowed("GET, POST"),
        "BODY_NOT_JSON": Refusal(HTTPStatus.BAD_REQUEST, StatusCode.INVALID_PARAMETERS),
        "BODY_TOO_LARGE": Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, StatusCode.CLIENT_ERROR),
        "CREDENTIALS_INVALID": _INVALID,
        "PARTY_NOT_ALLOWED": _INVALID,
        "PARTY_NOT_APPROVED": _INVALID,
        "EXCHANGE_IN_PROGRESS": _TRY_AGAIN,
        "PEER_UNUSABLE": Refusal(HTTPStatus.OK, StatusCode.PEER_UNUSABLE),
        "PEER_VERSION_UNSUPPORTED": Refusal(HTTPStatus.OK, StatusCode.UNSUPPORTED_VERSION),
        "PEER_ENDPOINTS_MISSING": Refusal(HTTPStatus.OK, StatusCode.ENDPOINTS_MISSING),
        "TOO_MANY_EXCHANGES": Refusal(HTTPStatus.TOO_MANY_REQUESTS, StatusCode.SERVER_ERROR, _BUSY, (_RETRY_LATER,)),
        "NOT_EXPRESSIBLE": _TRY_AGAIN,
        # What peers answer to us is never an answer to one.
        "PEER_REFUSED": _OURS,
        "PEER_REJECTED_TOKEN": _OURS,
        "OUTCOME_UNKNOWN": _OURS,
        "ANSWER_LOST": _OURS,
        "STORE_UNAVAILABLE": _UNAVAILABLE,
        "DEADLINE_EXCEEDED": _TIMED_OUT,
        "TAMPERED": _OURS,
        "INTERNAL": _OURS,
    }
)

# What gRPC itself reports, before or instead of the broker.
_WITHOUT_REASON: Mapping[grpc.StatusCode, Refusal] = MappingProxyType(
    {
        grpc.StatusCode.UNAVAILABLE: _UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED: _TIMED_OUT,
        grpc.StatusCode.UNAUTHENTICATED: _UNAVAILABLE,
        grpc.StatusCode.PERMISSION_DENIED: _UNAVAILABLE,
    }
)

NOT_THE_PEERS: frozenset[str] = frozenset(
    {name for name, row in REFUSALS.items() if row in (_UNAVAILABLE, _TIMED_OUT, _OURS)}
    | {code.name for code in grpc.StatusCode}
    | {DEFECT}
)
"""Reasons of answers to peers for which the broker, or the way to it, is to blame."""


def refused(error: grpc.aio.AioRpcError, now: datetime) -> Answer:
    """The answer to a peer whose request the broker refused or could not be asked."""
    reason = _reason(error)
    if reason in REFUSALS:
        return _answer(REFUSALS[reason], error.details() or "", reason, now)
    refusal = _WITHOUT_REASON.get(error.code())
    return broken(now) if refusal is None else _answer(refusal, "", error.code().name, now)


def not_expressible(error: NotExpressibleError, now: datetime) -> Answer:
    """The version asked for cannot say what the broker has answered."""
    return _answer(REFUSALS[error.reason], str(error), error.reason, now)


def _answer(refusal: Refusal, said: str, reason: str, now: datetime) -> Answer:
    sentence = said if refusal.sentence is None else refusal.sentence
    return Answer(failure(refusal.code, sentence, now), refusal.status, refusal.headers, reason)


def _reason(error: grpc.aio.AioRpcError) -> str:
    """The name of the contract's Reason without its prefix; empty if it is not the broker that refused."""
    try:
        status: Status | None = rpc_status.from_call(error)
    except ValueError:
        return ""
    info = ErrorInfo()
    for detail in status.details if status else ():
        if detail.Unpack(info) and info.domain == DOMAIN:
            return str(info.reason)
    return ""
