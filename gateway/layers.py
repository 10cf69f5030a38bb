"""What every request passes, outermost first: message ids, the log event, the last resort, the path without slash.

Pure ASGI, so that a request costs microseconds here (Starlette's BaseHTTPMiddleware costs more than all the rest).
"""

import time
import traceback
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import visit
from gateway.answers import broken
from gateway.message_ids import read_message_ids
from gateway.watch import NO_ANSWER, Watch

_MAX_PATH = 200
_FRAMES = 6

log: structlog.typing.FilteringBoundLogger = structlog.get_logger("gateway")


class EchoedIds:
    """Adds the message ids to every answer, those of errors included (ID-02)."""

    def __init__(self, app: ASGIApp, new_id: Callable[[], UUID]) -> None:
        self._app = app
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        ids = read_message_ids(scope["headers"], self._new_id)
        visit.begin(scope, ids)

        async def send_with_ids(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *ids.headers]
            await send(message)

        await self._app(scope, receive, send_with_ids)


class Journal:
    """One event per request, which is counted. Never a header, a query or a body: that is where tokens are."""

    def __init__(self, app: ASGIApp, watch: Watch) -> None:
        self._app = app
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        try:
            await self._app(scope, receive, send)
        finally:
            self._write(scope, time.perf_counter() - start)

    def _write(self, scope: Scope, seconds: float) -> None:
        entry = visit.current(scope)
        answer = entry.answer
        status = NO_ANSWER if answer is None else str(int(answer.status))
        self._watch.count(entry.route, scope["method"], status, seconds, entry.upstream_error)
        log.info(
            "http_request",
            **({"tenant": entry.tenant} if entry.tenant else {}),
            method=scope["method"],
            path=scope["path"][:_MAX_PATH],
            status=None if answer is None else int(answer.status),
            ocpi_code=None if answer is None else answer.code,
            reason="PEER_GONE" if answer is None else answer.reason,
            duration_ms=round(seconds * 1000, 2),
            request_id=entry.ids.request_id,
            correlation_id=entry.ids.correlation_id,
        )


class LastResort:
    """A defect is answered with an envelope and logged by where it happened: its text may hold what the peer sent."""

    def __init__(self, app: ASGIApp, clock: Callable[[], datetime]) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001  the last resort
            entry = visit.current(scope)
            kind, at = type(error).__name__, _where(error)
            log.error("http_defect", request_id=entry.ids.request_id, error=kind, at=at)  # noqa: TRY400  see above
            if entry.answer is None:
                await visit.reply(broken(self._clock()), scope, send)


class Slashless:
    """…/credentials/ is …/credentials, without a redirect (TR-13, F15)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"][:-1]}
        await self._app(scope, receive, send)


def _where(error: Exception) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
