"""Answers: an envelope with an HTTP status, and why it is what it is for the log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import orjson
from starlette.types import Send

from broker.ocpi.dialect import Json
from broker.ocpi.envelope import StatusCode, failure

# Answers carry tokens: nothing between us and the peer may keep them.
_HEADERS = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))

DEFECT = "DEFECT"


@dataclass(frozen=True, slots=True)
class Answer:
    """reason is empty for a success, else the name of a Reason or of a refusal of the gateway's own."""

    envelope: Json
    status: int = HTTPStatus.OK
    headers: Sequence[tuple[str, str]] = ()
    reason: str = ""

    @property
    def code(self) -> int:
        return int(self.envelope["status_code"])

    async def send(self, send: Send) -> None:
        body = orjson.dumps(self.envelope)
        own = ((name.encode("ascii"), value.encode("ascii")) for name, value in self.headers)
        headers = [*_HEADERS, (b"content-length", str(len(body)).encode("ascii")), *own]
        await send({"type": "http.response.start", "status": int(self.status), "headers": headers})
        await send({"type": "http.response.body", "body": body})


def not_found(now: datetime) -> Answer:
    """Nothing of ours has this path, whoever asks."""
    envelope = failure(StatusCode.CLIENT_ERROR, "there is nothing at this URL", now)
    return Answer(envelope, HTTPStatus.NOT_FOUND, reason="NO_SUCH_PATH")


def version_not_spoken(now: datetime) -> Answer:
    """No tenant can offer this version (VD-14)."""
    envelope = failure(StatusCode.UNSUPPORTED_VERSION, "this OCPI version is not offered", now)
    return Answer(envelope, HTTPStatus.NOT_FOUND, reason="VERSION_NOT_OFFERED")


def method_not_allowed(allow: str, now: datetime) -> Answer:
    """The resource does not know this method, whatever the state of the peer (TR-04)."""
    envelope = failure(StatusCode.CLIENT_ERROR, f"the method is not one of {allow}", now)
    return Answer(envelope, HTTPStatus.METHOD_NOT_ALLOWED, (("Allow", allow),), reason="METHOD_NOT_ALLOWED")


def broken(now: datetime) -> Answer:
    """A defect. What it is stands in the log under the request's id."""
    envelope = failure(StatusCode.SERVER_ERROR, "internal error; quote the X-Request-ID of this answer", now)
    return Answer(envelope, HTTPStatus.INTERNAL_SERVER_ERROR, reason=DEFECT)
