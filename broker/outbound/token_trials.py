"""Whether a peer takes a token: asked with requests that change nothing, and in both header forms (A1, RS-13).

Version documents may be open to everybody (A27), so that they prove nothing. Where it matters, the credentials endpoint
is asked as well, and once without a token for comparison.
"""

from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from uuid import uuid4

import httpx

from broker.core.model import HeaderForm, Token
from broker.ocpi.authorization import OTHER_FORM
from broker.outbound.discovery import HttpPeers, Tolerances
from broker.outbound.http_call import Call, CallbackError

_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class Verdict(Enum):
    WORKED = "WORKED"
    REFUSED = "REFUSED"
    """The peer does not know it, in either form."""
    FAILED = "FAILED"
    """The peer could not be asked."""
    OPEN = "OPEN"
    """The peer answers the same without a token."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it; form is the one in which the token worked. finding says in words why it did not."""

    verdict: Verdict
    form: HeaderForm
    finding: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """Where a peer is asked, and how the token is shown first. Without credentials_url the version list decides."""

    versions_url: str
    form: HeaderForm
    tolerances: Tolerances
    credentials_url: str | None = None


@dataclass(frozen=True, slots=True)
class _Shown:
    status: int

    @property
    def refused(self) -> bool:
        return self.status in _REFUSED


@dataclass(frozen=True, slots=True)
class _Asking:
    subject: Subject
    token: Token = field(repr=False)
    correlation_id: str


class TokenTrials:
    """Tries tokens at peers."""

    def __init__(self, http: HttpPeers) -> None:
        self._http = http

    async def known(self, subject: Subject, token: Token, correlation_id: str) -> Trial:
        """Whether a token with which the version documents have been read is one that the peer knows."""
        asking = _Asking(subject, token, correlation_id)
        if subject.credentials_url is None:
            return Trial(Verdict.OPEN, subject.form, "the peer has no credentials endpoint to ask")
        try:
            return await self._compared(asking, subject.credentials_url, subject.form)
        except CallbackError as error:
            return Trial(Verdict.FAILED, subject.form, error.explained)

    async def of(self, subject: Subject, token: Token) -> Trial:
        """One try; takes as long as a few GETs at most, and never raises."""
        asking = _Asking(subject, token, str(uuid4()))
        try:
            listed = await self._http.versions(
                subject.versions_url, token, subject.form, subject.tolerances, correlation_id=asking.correlation_id
            )
            if subject.credentials_url is None:
                return Trial(Verdict.WORKED, listed.form)
            return await self._compared(asking, subject.credentials_url, listed.form)
        except CallbackError as error:
            verdict = Verdict.REFUSED if error.unauthorized else Verdict.FAILED
            return Trial(verdict, subject.form, error.explained)

    async def _compared(self, asking: _Asking, url: str, form: HeaderForm) -> Trial:
        for shown_in in self._forms(asking, form):
            shown = await self._shown(asking, url, shown_in)
            if not shown.refused:
                break
        else:
            return Trial(Verdict.REFUSED, form, f"GET credentials: HTTP {shown.status}")
        if await self._discriminates(asking, url, asking.subject.versions_url):
            return Trial(Verdict.WORKED, shown_in)
        return Trial(Verdict.OPEN, shown_in, "the peer answers the same without a token")

    def _forms(self, asking: _Asking, form: HeaderForm) -> tuple[HeaderForm, ...]:
        fixed = asking.subject.tolerances.quirks.auth_form_out is not None
        return (form,) if fixed else (form, OTHER_FORM[form])

    async def _discriminates(self, asking: _Asking, *urls: str) -> bool:
        """Whether one of these URLs, which have answered to the token, refuses those who show none."""
        for url in urls:
            if (await self._shown(asking, url, None)).refused:
                return True
        return False

    async def _shown(self, asking: _Asking, url: str, form: HeaderForm | None) -> _Shown:
        budgets = self._http.budgets
        call = Call("credentials", url, budgets.details, asking.token, asking.correlation_id, seconds=budgets.whole)
        self._http.wire.admit_beside(call, "url", url, asking.subject.versions_url)
        reply = await self._http.wire.exchange(call, form, _vet)
        return _Shown(reply.status)


def _vet(_call: Call, _response: httpx.Response) -> None:
    """Every answer tells something."""
