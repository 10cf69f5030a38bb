"""Which peer the events of a task are about: whatever is logged within it says so, also where nobody knows a peer."""

from collections.abc import Mapping
from contextvars import Context, copy_context

from structlog.contextvars import bind_contextvars


def about(where: Mapping[str, str]) -> Context:
    """The context for a task that works for one peer, or at least for one tenant."""
    context = copy_context()
    context.run(bind_contextvars, **where)
    return context
