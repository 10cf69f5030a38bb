"""The envelope around every answer (EN-01 to EN-10), its status codes, and strict JSON.

What peers send is limited before it is looked at, and nothing of it is repeated in what is raised.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, NoReturn

from broker.ocpi.dialect import ABSENT, Json, Malformed

MAX_DEPTH = 32

_CODE = re.compile(r"[0-9]{4}")
# TY-07: RFC 3339 in UTC; the Z may be missing.
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z?", re.ASCII)


class StatusCode(IntEnum):
    """OCPI status codes that we send."""

    SUCCESS = 1000
    CLIENT_ERROR = 2000
    INVALID_PARAMETERS = 2001
    SERVER_ERROR = 3000
    PEER_UNUSABLE = 3001
    UNSUPPORTED_VERSION = 3002
    ENDPOINTS_MISSING = 3003


class NotJsonError(ValueError):
    """The text is not JSON, or is JSON that cannot be trusted to mean one thing."""


class EnvelopeError(ValueError):
    """An envelope that reports a failure (EN-08).

    said is its status_message, which is the peer's and no part of str(): whoever repeats it has to look at it first.
    """

    def __init__(self, code: int, said: str = "") -> None:
        super().__init__(f"the answer has OCPI status code {code}")
        self.code = code
        self.said = said


def success(data: object, now: datetime) -> Json:
    """ABSENT leaves data out (EN-06)."""
    body: Json = {} if data is ABSENT else {"data": data}
    return body | {
        "status_code": int(StatusCode.SUCCESS),
        "status_message": "Success",
        "timestamp": write_timestamp(now),
    }


def failure(code: StatusCode, message: str, now: datetime) -> Json:
    return {"status_code": int(code), "status_message": message, "timestamp": write_timestamp(now)}


def write_timestamp(moment: datetime) -> str:
    """The one form that is valid in every version (TY-07). Wants an aware datetime."""
    if moment.tzinfo is None:
        raise ValueError("must know its time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Envelope:
    """The data of a success, None if it has none; and what is not right in what surrounds it (EN-01, EN-04, F16)."""

    data: object
    flaws: tuple[str, ...] = ()


def read_envelope(body: bytes) -> Envelope:
    """A success. Raises NotJsonError, Malformed or EnvelopeError (EN-08). A byte order mark in front is skipped."""
    envelope = loads(body.removeprefix(BOM_UTF8))
    if not isinstance(envelope, dict):
        raise Malformed("", "must be an object with status_code and data")
    code = _read_code(envelope.get("status_code"))
    if not 1000 <= code <= 1999:  # noqa: PLR2004  the range of successes
        said = envelope.get("status_message")
        raise EnvelopeError(code, said if isinstance(said, str) else "")
    return Envelope(envelope.get("data"), tuple(_flaws(envelope)))


def _flaws(envelope: Json) -> Iterator[str]:
    """What does not keep anybody from understanding the answer."""
    if isinstance(envelope["status_code"], str):
        yield "status_code: is a number in a string"
    timestamp = envelope.get("timestamp")
    if timestamp is None:
        yield "timestamp: is missing"
    elif not isinstance(timestamp, str) or not _TIMESTAMP.fullmatch(timestamp):
        yield "timestamp: must be a time of day in UTC, such as 2026-01-05T10:00:00Z"


def loads(body: bytes) -> object:
    """Parses JSON strictly (TR-09, F23). Raises NotJsonError.

    Refused besides what is no JSON: NaN and Infinity, a byte order mark, the same key twice, nesting deeper than 32,
    and halves of surrogate pairs, which no UTF-8 text can carry on.
    """
    try:
        parsed = json.loads(body.decode("utf-8"), object_pairs_hook=_once_each, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise NotJsonError("is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise NotJsonError(f"is not JSON at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise NotJsonError(f"is nested deeper than {MAX_DEPTH}") from None
    except NotJsonError:
        raise
    except ValueError:
        raise NotJsonError("has a number that is too long") from None
    _check(parsed)
    return parsed


def _once_each(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJsonError("has an object with the same key twice")
    return found


def _refuse_constant(_name: str) -> NoReturn:
    raise NotJsonError("has a number that JSON does not know")


def _check(parsed: object) -> None:
    """Level by level, so that depth costs no recursion."""
    level = _containers([parsed])
    for _ in range(MAX_DEPTH):
        level = _containers(child for container in level for child in _children(container))
    if level:
        raise NotJsonError(f"is nested deeper than {MAX_DEPTH}")


def _children(container: Json | list[Any]) -> Iterable[object]:
    return (*container.keys(), *container.values()) if isinstance(container, dict) else container


def _containers(values: Iterable[object]) -> list[Json | list[Any]]:
    found: list[Json | list[Any]] = []
    for value in values:
        if isinstance(value, dict | list):
            found.append(value)
        elif isinstance(value, str) and not value.isascii():
            _check_text(value)
    return found


def _check_text(text: str) -> None:
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise NotJsonError("has half of a surrogate pair")


def _read_code(value: object) -> int:
    """A number of four digits; as a string it is tolerated (EN-04)."""
    if isinstance(value, str) and _CODE.fullmatch(value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1000 <= value <= 9999:  # noqa: PLR2004  four digits
        raise Malformed("status_code", "must be a number of four digits")
    return value
