"""Calls of the platform that reach ours while it answers us, and belong to something else.

It may ask at any time whether a token of ours works, also at the credentials endpoint, and may compare that with how we
answer to nobody.
"""

import json

from broker.tools.conformance.editions import encoded, raw
from broker.tools.conformance.platform import CREDENTIALS, Received
from broker.tools.conformance.transcript import Sent

_CORRELATION = "X-Correlation-ID"


def is_aside(sent: Sent, request: Received) -> bool:
    """Whether a call is not about this request of ours: it shows another token, and is not marked as belonging here."""
    if request.method == "GET" and (request.resource == CREDENTIALS or not request.has("authorization")):
        return True
    asked = sent.header(_CORRELATION)
    belongs = asked is None or request.header(_CORRELATION) == asked  # without ids nobody can tell
    return not belongs and bool(tokens_in(sent)) and not any(_shows(request, token) for token in tokens_in(sent))


def tokens_in(sent: Sent) -> list[str]:
    """The token in the body that was sent, if there is one."""
    try:
        body = json.loads(sent.body)
    except ValueError:
        return []
    token = body.get("token") if isinstance(body, dict) else None
    return [token] if isinstance(token, str) else []


def _shows(request: Received, token: str) -> bool:
    return request.header("authorization") in (raw(token), encoded(token))
