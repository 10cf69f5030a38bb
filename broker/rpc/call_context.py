"""What is known of the call being served: who calls, and the peer's message ids (ID-01 to ID-08)."""

from contextvars import ContextVar
from dataclasses import dataclass

from broker.core.caller import Caller


@dataclass(frozen=True, slots=True)
class Call:
    """The authenticated caller and the ids under which the call is logged."""

    caller: Caller
    request_id: str
    correlation_id: str


_current: ContextVar[Call] = ContextVar("call")


def current() -> Call:
    return _current.get()


def begin(call: Call) -> None:
    """Each call is served in a context of its own."""
    _current.set(call)
