"""What nobody meant to happen: logged once, whole, under an id; the caller and the records get the id alone."""

from uuid import uuid4

import structlog

from broker.errors import InternalError

_log = structlog.get_logger(__name__)


def report(error: BaseException, *, request_id: str, **where: str) -> InternalError:
    """Log the defect and return the refusal that stands for it."""
    error_id = uuid4().hex
    _log.error("defect", error_id=error_id, request_id=request_id, exc_info=error, **where)
    return InternalError(f"internal error {error_id}")
