"""What is known of the call being served: who calls, and the peer's message ids (ID-01 to ID-08)."""

from contextvars import ContextVar
from dataclasses import dataclass

from broker.core.caller import Caller
from broker.core.peer import Peer


@dataclass(slots=True)
class Call:
    """The authenticated caller, the ids under which the call is logged, and the partner that it is about, if any."""

    caller: Caller
    request_id: str
    correlation_id: str
    tenant: str = ""
    peer: str = ""

    def concerns(self, peer: Peer) -> None:
        self.tenant, self.peer = peer.tenant, peer.id

    @property
    def where(self) -> dict[str, str]:
        """Which partner it is about, as far as that is known."""
        if self.peer:
            return {"tenant": self.tenant, "peer": self.peer}
        return {"tenant": self.tenant} if self.tenant else {}


_current: ContextVar[Call] = ContextVar("call")


def current() -> Call:
    return _current.get()


def begin(call: Call) -> None:
    """Each call is served in a context of its own."""
    _current.set(call)
