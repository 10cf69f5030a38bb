"""A probe: whether a peer still takes the token that we hold, by asking it for its version list. It changes nothing."""

import asyncio
from http import HTTPStatus

import httpx

from broker.core.health import Failed, Outcome, Refused, Trouble, Worked
from broker.core.model import HeaderForm, Token
from broker.outbound.discovery import USUAL, HttpPeers, Tolerances
from broker.outbound.http_call import Breakdown, CallbackError
from broker.outbound.token_trials import Subject, TokenTrials

_CALLS = 3
"""A list in both forms and a little more: a probe takes no longer than this many calls may."""
_BREAKDOWNS = {
    Breakdown.TLS: Trouble.TLS_FAILED,
    Breakdown.CONNECT: Trouble.UNREACHABLE,
    Breakdown.TIME: Trouble.NO_ANSWER,
    Breakdown.BROKEN: Trouble.NO_ANSWER,
}
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


async def probe(
    peers: HttpPeers,
    url: str,
    token: Token,
    form: HeaderForm,
    tolerances: Tolerances = USUAL,
    *,
    correlation_id: str,
) -> Outcome:
    """What came of asking for the list at url, within all limits and rules that hold for calls to peers.

    form is the one in which services are given the token. If the peer refuses it, the other one is tried once, also
    where a quirk says which: that quirk may be what is wrong. Raises nothing.
    """
    subject = Subject(url, form, tolerances, either_form=True)
    seconds = _CALLS * peers.budgets.whole
    try:
        async with asyncio.timeout(seconds):
            trial = await TokenTrials(peers).taken(subject, token, correlation_id)
    except TimeoutError:
        return Failed(Trouble.NO_ANSWER, f"versions list: no complete answer within {seconds:g} seconds")
    if trial.error is None:
        return Worked(trial.form, form)
    return Refused(trial.finding) if trial.error.unauthorized else Failed(_trouble(trial.error), trial.finding)


def _trouble(error: CallbackError) -> Trouble:
    status = error.status
    if error.breakdown is not None:
        return _BREAKDOWNS[error.breakdown]
    if status in _GONE:
        return Trouble.NOT_FOUND
    if status is not None and httpx.codes.is_redirect(status):
        return Trouble.REDIRECTED
    if status is not None and not httpx.codes.is_success(status):
        return Trouble.HTTP_ERROR
    if error.code is not None:
        return Trouble.OCPI_ERROR
    return Trouble.URL_REFUSED if error.unsent else Trouble.UNREADABLE
