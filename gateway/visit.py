"""One request on its way through the layers of the gateway."""

from dataclasses import dataclass

from starlette.types import Scope, Send

from broker.tally import OTHER
from gateway.answers import Answer
from gateway.message_ids import MessageIds

_KEY = "ocpi_visit"


@dataclass(slots=True)
class Visit:
    """answer is None until there is one. route is what the path was found to be below a tenant, tenant the one that the
    path names. upstream_error is gRPC's word for a call to the broker that failed through no fault of the peer.
    """

    ids: MessageIds
    answer: Answer | None = None
    route: str = OTHER
    tenant: str = ""
    upstream_error: str = ""


def begin(scope: Scope, ids: MessageIds) -> None:
    scope[_KEY] = Visit(ids)


def current(scope: Scope) -> Visit:
    visit = scope[_KEY]
    assert isinstance(visit, Visit)  # noqa: S101  put there by the outermost layer
    return visit


async def reply(answer: Answer, scope: Scope, send: Send) -> None:
    current(scope).answer = answer
    await answer.send(send)
