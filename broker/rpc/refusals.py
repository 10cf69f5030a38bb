"""Refusals on the wire: one gRPC status code per reason, and google.rpc details that say which (AIP-193).

A defect becomes INTERNAL with an id and nothing of what went wrong: grpc.aio would send an exception's text.
"""

from collections.abc import Mapping
from typing import Any, Final, NoReturn

from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from grpc.aio import ServicerContext

from broker.errors import BrokerError, InvalidArgumentError
from ocpi_broker.client.reasons import DOMAIN

_LONGEST_MESSAGE: Final = 500
_MOST_VIOLATIONS: Final = 20
"""Both travel as metadata, of which clients take 8 KiB."""

STATUS: Final[Mapping[str, StatusCode]] = {
    "CALLER_UNAUTHENTICATED": StatusCode.UNAUTHENTICATED,
    "PERMISSION_DENIED": StatusCode.PERMISSION_DENIED,
    "INVALID_ARGUMENT": StatusCode.INVALID_ARGUMENT,
    "REQUEST_ID_REUSED": StatusCode.INVALID_ARGUMENT,
    "NOT_FOUND": StatusCode.NOT_FOUND,
    "ALREADY_EXISTS": StatusCode.ALREADY_EXISTS,
    "ETAG_MISMATCH": StatusCode.ABORTED,
    "CONFLICT": StatusCode.ABORTED,
    "WRONG_STATE": StatusCode.FAILED_PRECONDITION,
    "PEER_BLOCKED": StatusCode.FAILED_PRECONDITION,
    "ENDPOINT_NOT_FOUND": StatusCode.NOT_FOUND,
    "TOKEN_REJECTED": StatusCode.UNAUTHENTICATED,
    "RATE_LIMITED": StatusCode.RESOURCE_EXHAUSTED,
    "VERSION_NOT_OFFERED": StatusCode.NOT_FOUND,
    "ALREADY_REGISTERED": StatusCode.FAILED_PRECONDITION,
    "NOT_REGISTERED": StatusCode.FAILED_PRECONDITION,
    "BODY_NOT_JSON": StatusCode.INVALID_ARGUMENT,
    "BODY_TOO_LARGE": StatusCode.INVALID_ARGUMENT,
    "CREDENTIALS_INVALID": StatusCode.INVALID_ARGUMENT,
    "PARTY_NOT_ALLOWED": StatusCode.FAILED_PRECONDITION,
    "PARTY_NOT_APPROVED": StatusCode.FAILED_PRECONDITION,
    "EXCHANGE_IN_PROGRESS": StatusCode.ABORTED,
    "PEER_UNUSABLE": StatusCode.FAILED_PRECONDITION,
    "PEER_VERSION_UNSUPPORTED": StatusCode.FAILED_PRECONDITION,
    "PEER_ENDPOINTS_MISSING": StatusCode.FAILED_PRECONDITION,
    "TOO_MANY_EXCHANGES": StatusCode.RESOURCE_EXHAUSTED,
    "NOT_EXPRESSIBLE": StatusCode.FAILED_PRECONDITION,
    "PEER_REFUSED": StatusCode.FAILED_PRECONDITION,
    "PEER_REJECTED_TOKEN": StatusCode.FAILED_PRECONDITION,
    "OUTCOME_UNKNOWN": StatusCode.UNAVAILABLE,
    "ANSWER_LOST": StatusCode.FAILED_PRECONDITION,
    "STORE_UNAVAILABLE": StatusCode.UNAVAILABLE,
    "DEADLINE_EXCEEDED": StatusCode.DEADLINE_EXCEEDED,
    "TAMPERED": StatusCode.DATA_LOSS,
    "INTERNAL": StatusCode.INTERNAL,
}


async def refuse(context: "ServicerContext[Any, Any]", error: BrokerError) -> NoReturn:
    """End the call with this refusal."""
    code = STATUS[error.reason]
    message = str(error)[:_LONGEST_MESSAGE]
    status = Status(code=code.value[0], message=message)
    status.details.add().Pack(ErrorInfo(reason=error.reason, domain=DOMAIN))
    if isinstance(error, InvalidArgumentError):
        violations = [
            BadRequest.FieldViolation(field=field, description=what)
            for field, what in error.violations[:_MOST_VIOLATIONS]
        ]
        status.details.add().Pack(BadRequest(field_violations=violations))
    trailer = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(code, message, trailer)
    raise AssertionError("abort() always raises")
