"""What each operation may be answered: success, every refusal that it can meet, and what the gateway says by itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from broker.ocpi.dialect import Json
from broker.ocpi.envelope import StatusCode, write_timestamp
from gateway import answers
from gateway.answers import Answer
from gateway.refusals import REFUSALS

_NOW = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
# The names that RFC 9110 gives; Python 3.13 and later have them, too.
_PHRASES = {HTTPStatus(413): "Content Too Large"}
_EXCHANGES = frozenset({"POST", "PUT"})
_CREDENTIALS = frozenset({"GET", "POST", "PUT", "DELETE"})

# Refusals that not every operation can meet, by the methods of credentials that can.
ONLY: Mapping[str, frozenset[str]] = {
    "ALREADY_REGISTERED": frozenset({"POST"}),
    "NOT_REGISTERED": frozenset({"PUT", "DELETE"}),
    "NOT_EXPRESSIBLE": _CREDENTIALS,
    "BODY_NOT_JSON": _EXCHANGES,
    "BODY_TOO_LARGE": _EXCHANGES,
    "CREDENTIALS_INVALID": _EXCHANGES,
    "PARTY_NOT_ALLOWED": _EXCHANGES,
    "PARTY_NOT_APPROVED": _EXCHANGES,
    "EXCHANGE_IN_PROGRESS": _EXCHANGES,
    "PEER_UNUSABLE": _EXCHANGES,
    "PEER_VERSION_UNSUPPORTED": _EXCHANGES,
    "PEER_ENDPOINTS_MISSING": _EXCHANGES,
    "TOO_MANY_EXCHANGES": _EXCHANGES,
}

TIMESTAMP = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", "examples": [write_timestamp(_NOW)]}


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a resource. data is the schema of what a success has as data; None if it has none."""

    method: str
    path: str
    data: Json | None

    @property
    def versioned(self) -> bool:
        return "{version}" in self.path

    @property
    def of_credentials(self) -> bool:
        return self.path.endswith("/credentials")


@dataclass(frozen=True, slots=True)
class _Said:
    """A failure as it goes out."""

    status: HTTPStatus
    code: StatusCode
    headers: tuple[tuple[str, str], ...]


def success_of(operation: Operation) -> Json:
    """The envelope of a success (EN-01), or that of a failure that OCPI wants on HTTP 200 (SC-02)."""
    properties: Json = {
        "status_code": {"const": int(StatusCode.SUCCESS)},
        "status_message": {"type": "string"},
        "timestamp": TIMESTAMP,
    }
    success: Json = {"title": "Success", "type": "object", "required": ["status_code", "timestamp"]}
    if operation.data is None:
        success |= {"properties": properties, "not": {"required": ["data"]}}
    else:
        success["required"].append("data")
        success["properties"] = {"data": operation.data, **properties}
    codes = sorted({said.code for said in _failures(operation) if said.status is HTTPStatus.OK})
    return _response("Success, or a failure within OCPI.", {"anyOf": [success, _failure(codes)]}, {})


def failures_of(operation: Operation) -> dict[str, Json]:
    """By HTTP status, all but those on 200."""
    found: dict[str, Json] = {}
    said = _failures(operation)
    for status in sorted({one.status for one in said if one.status is not HTTPStatus.OK}):
        of_status = [one for one in said if one.status is status]
        codes = sorted({one.code for one in of_status})
        phrase = _PHRASES.get(status, status.phrase)
        found[str(int(status))] = _response(f"{phrase}.", _failure(codes), _headers(of_status))
    return found


def _failures(operation: Operation) -> list[_Said]:
    refused = [
        _Said(refusal.status, refusal.code, refusal.headers)
        for reason, refusal in REFUSALS.items()
        if _can_meet(operation, reason)
    ]
    own = [answers.not_found(_NOW), answers.broken(_NOW)]
    own += [answers.version_not_spoken(_NOW)] if operation.versioned else []
    return refused + [_said(answer) for answer in own]


def _can_meet(operation: Operation, reason: str) -> bool:
    if reason == "VERSION_NOT_OFFERED":
        return operation.versioned
    return reason not in ONLY or (operation.of_credentials and operation.method in ONLY[reason])


def _said(answer: Answer) -> _Said:
    return _Said(HTTPStatus(answer.status), StatusCode(answer.code), tuple(answer.headers))


def _failure(codes: Iterable[StatusCode]) -> Json:
    return {
        "title": "Failure",
        "type": "object",
        "required": ["status_code", "status_message", "timestamp"],
        "properties": {
            "status_code": {"enum": [int(code) for code in codes]},
            "status_message": {"type": "string", "minLength": 1},
            "timestamp": TIMESTAMP,
        },
        "not": {"required": ["data"]},
    }


def _headers(said: Iterable[_Said]) -> Json:
    """A header is promised if every refusal with this status has it."""
    sets = [dict(one.headers) for one in said]
    values = {name: sorted({headers[name] for headers in sets if name in headers}) for one in sets for name in one}
    return {
        name: {"required": all(name in headers for headers in sets), "schema": {"type": "string", "enum": found}}
        for name, found in values.items()
    }


def _response(description: str, schema: Json, headers: Json) -> Json:
    ids = {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", "X-Correlation-ID")}
    return {
        "description": description,
        "headers": ids | headers,
        "content": {"application/json": {"schema": schema}},
    }
