"""Exchanges and jobs as documents: what was done with a peer, and what is still wanted of it."""

from collections.abc import Mapping
from typing import cast

from broker.cli import notation
from broker.cli.failures import reason_of
from broker.cli.names import word
from broker.cli.output import Document
from ocpi_broker.v1 import resources_pb2 as resources
from ocpi_broker.v1.reasons_pb2 import Reason


def exchange(message: resources.Exchange) -> Document:
    return {
        "uid": message.uid,
        "kind": word(resources.ExchangeKind, message.kind, "EXCHANGE_KIND_"),
        "direction": word(resources.ExchangeDirection, message.direction, "EXCHANGE_DIRECTION_"),
        "version": message.version or None,
        "outcome": word(resources.ExchangeOutcome, message.outcome, "EXCHANGE_OUTCOME_"),
        "reason": word(Reason, message.reason, "REASON_"),
        "message": message.message or None,
        "quirk": message.quirk or None,
        "warnings": list(message.warnings),
        "correlation_id": message.correlation_id or None,
        "request_id": message.request_id or None,
        "start_time": notation.time_text(message, "start_time"),
        "end_time": notation.time_text(message, "end_time"),
        "steps": [
            {
                "summary": step.summary,
                "end_time": notation.time_text(step, "end_time"),
                "duration_ms": round(step.duration.ToNanoseconds() / 1e6, 3),
            }
            for step in message.steps
        ],
    }


def readable(row: Document) -> Document:
    """An exchange as people read it: how long each step took has a unit."""
    steps = cast("list[Mapping[str, object]]", row["steps"])
    told = [{**step, "duration_ms": in_milliseconds(cast("float", step["duration_ms"]))} for step in steps]
    return {**row, "steps": told}


def in_milliseconds(duration: float) -> str:
    """53 ms; 0.4 ms where it is less than one."""
    return f"{duration:.0f} ms" if duration >= 1 else f"{duration:.1f} ms"


def job(message: resources.Job) -> Document:
    return {
        "kind": word(resources.ExchangeKind, message.kind, "EXCHANGE_KIND_"),
        "state": word(resources.JobState, message.state, "JOB_STATE_"),
        "version": message.version or None,
        "attempts": message.attempts,
        "next_attempt_time": notation.time_text(message, "next_attempt_time"),
        "outcome_unknown": message.outcome_unknown,
        "last_error": _error(message),
        "advice": message.advice or None,
        "start_time": notation.time_text(message, "start_time"),
        "scheduled": message.scheduled,
    }


def _error(message: resources.Job) -> Document | None:
    if not message.HasField("last_error"):
        return None
    return {"reason": reason_of(message.last_error), "message": message.last_error.message}
