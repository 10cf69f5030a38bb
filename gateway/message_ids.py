"""X-Request-ID and X-Correlation-ID: repeated in every answer, whatever becomes of the request (ID-02, ID-03)."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

Headers = Iterable[tuple[bytes, bytes]]

REQUEST_ID = b"x-request-id"
CORRELATION_ID = b"x-correlation-id"

# What is echoed and logged must not be able to break a header or a log line (ID-04, F20).
HARMLESS = re.compile(rb"[!-~](?:[ -~]{0,126}[!-~])?")


@dataclass(frozen=True, slots=True)
class MessageIds:
    """sent is false if at least one of them is ours because the request had none."""

    request_id: str
    correlation_id: str
    sent: bool = True

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return [(REQUEST_ID, self.request_id.encode("ascii")), (CORRELATION_ID, self.correlation_id.encode("ascii"))]


def read_message_ids(headers: Headers, new_id: Callable[[], UUID]) -> MessageIds:
    """The ids of a request; what is missing or harmful is replaced by a new one (ID-07)."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in {REQUEST_ID, CORRELATION_ID} and HARMLESS.fullmatch(value):
            found.setdefault(name, value)
    request_id, correlation_id = found.get(REQUEST_ID), found.get(CORRELATION_ID)
    return MessageIds(
        request_id.decode("ascii") if request_id else str(new_id()),
        correlation_id.decode("ascii") if correlation_id else str(new_id()),
        sent=request_id is not None and correlation_id is not None,
    )
