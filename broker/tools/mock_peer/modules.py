"""What a mock peer serves at the modules that it lists beside credentials: nothing is kept, but every answer is sound.

A SENDER's has an empty list; a RECEIVER's takes what is sent and has none of it afterwards.
"""

import uuid
from dataclasses import replace
from datetime import datetime

from broker.core.model import Endpoint, InterfaceRole
from broker.ocpi.dialect import ABSENT
from broker.tools.mock_peer import spoiling
from broker.tools.mock_peer.spoiling import CLIENT_ERROR, Draft

_PAGE = (("X-Total-Count", "0"), ("X-Limit", "100"))
_COMMANDS = "commands"


def answer(endpoint: Endpoint, method: str, now: datetime, *, below: bool) -> Draft:
    """To whoever is registered. below says that the URL goes on behind that of the endpoint."""
    if endpoint.role is InterfaceRole.RECEIVER:
        return _received(endpoint, method, now)
    if method != "GET":
        return spoiling.refusal(405, CLIENT_ERROR, "only GET", now, Allow="GET")
    if below:
        return spoiling.refusal(404, CLIENT_ERROR, "there is no such object", now)
    return replace(spoiling.success([], now), headers=_PAGE)


def _received(endpoint: Endpoint, method: str, now: datetime) -> Draft:
    if method == "GET":
        return spoiling.refusal(404, CLIENT_ERROR, "there is no such object: a mock peer keeps none", now)
    if endpoint.module == _COMMANDS:
        return spoiling.refusal(200, CLIENT_ERROR, "a mock peer obeys no commands", now)
    accepted = spoiling.success(ABSENT, now)
    made = (("Location", f"{endpoint.url}/{uuid.uuid4()}"),) if method == "POST" else ()
    return replace(accepted, headers=made)
