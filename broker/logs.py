"""Logs: one JSON object per event on standard error, ours and every library's, and never a token.

Tokens are a type that does not print; what libraries say passes a last filter that masks what looks like one of ours.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

_SECRET = re.compile(r"(?:ocpi|obk)-[0-9A-Za-z]{12}-[0-9A-Za-z]{42}")
_AUTHORIZATION = re.compile(r"(?i)\b(token|bearer)\s+[!-~]{8,}")
_QUIET = ("httpx", "httpcore", "hpack", "asyncio", "alembic", "sqlalchemy.engine", "sqlalchemy.pool")
"""At DEBUG these print headers or values, of which we cannot know whose they are."""


def configure(level: str) -> None:
    """Send everything through structlog from here on."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_dump)],
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(serializer=_dump),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask what looks like a token of ours or an Authorization value, wherever it stands."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _AUTHORIZATION.sub(r"\1 [masked]", _SECRET.sub("[masked]", value))
    return event


def _dump(event: Any, **_options: Any) -> str:
    return orjson.dumps(event, default=repr).decode()
