"""Logs: one JSON object per event on standard error, ours and every library's, and never a token.

Tokens are a type that does not print; what libraries say passes a last filter that masks what looks like one of ours.
"""

import logging
import re
import sys
import threading
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

_log = structlog.get_logger(__name__)

_SECRET = re.compile(r"(?:ocpi|obk)-[0-9A-Za-z]{12}-[0-9A-Za-z]{42}")
_AUTHORIZATION = re.compile(r"\b(token|bearer)(?:\s|\\t)+[^\s\"\\]{8,}", re.IGNORECASE)
_QUIET = ("httpx", "httpcore", "hpack", "asyncio", "alembic", "sqlalchemy.engine", "sqlalchemy.pool")
"""At DEBUG these print headers or values, of which we cannot know whose they are."""


def configure(level: str) -> None:
    """Send everything through structlog from here on."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            render,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def take_over(level: str) -> None:
    """As configure, for a process that serves: also what nobody logs comes as an event, not as text beside them.

    These are warnings of Python and exceptions that nobody catches.
    """
    configure(level)
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda kind, error, trace: _uncaught("main", (kind, error, trace))
    threading.excepthook = lambda lost: _uncaught(
        lost.thread.name if lost.thread else "thread", (lost.exc_type, lost.exc_value, lost.exc_traceback)
    )
    sys.unraisablehook = lambda lost: _uncaught(
        lost.err_msg or "nowhere to raise it", (lost.exc_type, lost.exc_value, lost.exc_traceback)
    )


def _uncaught(where: str, error: Any) -> None:
    if issubclass(error[0], KeyboardInterrupt | SystemExit):
        return
    _log.critical("uncaught", where=where, exc_info=error)


def render(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """The event as one line of JSON, masked whole: a secret may stand in a list, an object or an exception."""
    return mask(orjson.dumps(event, default=repr).decode())


def mask(line: str) -> str:
    """Mask what looks like a token of ours or an Authorization value, wherever it stands."""
    return _AUTHORIZATION.sub(r"\1 [masked]", _SECRET.sub("[masked]", line))
