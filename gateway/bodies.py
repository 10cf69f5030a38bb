"""Request bodies, limited in size and time, and what is wrong with those that are no credentials object.

Whether that is said is the broker's decision: a registered peer that POSTs broken JSON gets 405 (AU-14).
"""

import asyncio

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from broker.core.model import Announcement
from broker.ocpi.dialect import Dialect, Malformed
from broker.ocpi.envelope import NotJsonError, loads
from ocpi_broker.v1.ocpi_service_pb2 import UnreadableBody
from ocpi_broker.v1.reasons_pb2 import Reason

MAX_SECONDS = 20.0


class BodyError(Exception):
    """The body did not come as it must."""

    def __init__(self, unreadable: UnreadableBody) -> None:
        super().__init__(unreadable.message)
        self.unreadable = unreadable


async def read_body(scope: Scope, receive: Receive, limit: int, seconds: float = MAX_SECONDS) -> bytes:
    """Raises BodyError for a body that is too large or too slow, ClientDisconnect for one that never ends."""
    if _announced(scope) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(seconds):
            return await _collect(receive, limit)
    except TimeoutError:
        raise _unreadable(Reason.REASON_BODY_NOT_JSON, "the body did not arrive in time") from None


def read_credentials(dialect: Dialect, body: bytes) -> Announcement:
    """Raises BodyError for what is not JSON (SC-01) or breaks a rule of the version (CO-39)."""
    try:
        parsed = loads(body)
    except NotJsonError as error:
        raise _unreadable(Reason.REASON_BODY_NOT_JSON, f"the body {error}") from None
    try:
        return dialect.read_credentials(parsed)
    except Malformed as error:
        message = str(error) if error.path else f"the body {error}"
        raise _unreadable(Reason.REASON_CREDENTIALS_INVALID, message) from None


async def _collect(receive: Receive, limit: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return bytes(body)


def _announced(scope: Scope) -> int:
    """Of a body that comes in chunks, nothing is known beforehand."""
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(lengths[0]) if lengths and lengths[0].isdigit() else 0


def _too_large(limit: int) -> BodyError:
    return _unreadable(Reason.REASON_BODY_TOO_LARGE, f"the body has more than {limit} bytes")


def _unreadable(reason: "Reason", message: str) -> BodyError:
    return BodyError(UnreadableBody(reason=reason, message=message))
