"""Whether a peer takes a token: asked with requests that change nothing, and in both header forms (A1, RS-13).

Version documents may be open to everybody (A27), so that they prove nothing. Where it matters, the credentials endpoint
is asked as well, and once without a token for comparison.
"""

from dataclasses import dataclass, field, replace
from enum import Enum

import httpx

from broker.core.model import HeaderForm, Token, Version
from broker.ocpi.authorization import OTHER_FORM
from broker.outbound.discovery import HttpPeers, Tolerances
from broker.outbound.http_call import REFUSES_TOKEN, Call, CallbackError


class Verdict(Enum):
    WORKED = "WORKED"
    REFUSED = "REFUSED"
    """The peer does not know it, in either form."""
    FAILED = "FAILED"
    """The peer could not be asked."""
    OPEN = "OPEN"
    """The peer answers the same without a token."""
    NOT_ASKED = "NOT_ASKED"
    """The peer has no credentials endpoint, which could tell."""

    @property
    def proves_nothing(self) -> bool:
        """Whether the peer may know the token or not, and cannot tell."""
        return self in (Verdict.OPEN, Verdict.NOT_ASKED)


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it; form is the one in which the token worked. finding says in words why it did not."""

    verdict: Verdict
    form: HeaderForm
    finding: str = ""
    error: CallbackError | None = None
    """The call that failed, if one did."""
    listed: tuple[tuple[Version, str], ...] = ()
    """The peer's version list, if that was asked for."""
    warnings: tuple[str, ...] = ()
    """What was not right in it and was let pass."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Where a peer is asked, and how the token is shown first.

    A form that an operator has set is the only one, unless either_form asks whether that is what is wrong.
    """

    versions_url: str
    form: HeaderForm
    tolerances: Tolerances
    credentials_url: str | None = None
    either_form: bool = False

    @property
    def admitted(self) -> Tolerances:
        """Whatever the peer says may be about the form of the token."""
        quirks = self.tolerances.quirks
        if self.either_form:
            quirks = replace(quirks, auth_form_out=None)
        return replace(self.tolerances, quirks=quirks, doubts_form=True)

    @property
    def forms(self) -> tuple[HeaderForm, ...]:
        fixed = self.admitted.quirks.auth_form_out
        return (self.form, OTHER_FORM[self.form]) if fixed is None else (fixed,)


@dataclass(frozen=True, slots=True)
class _Asking:
    subject: Subject
    token: Token = field(repr=False)
    correlation_id: str


class TokenTrials:
    """Tries tokens at peers. Each method takes as long as a few GETs at most, and raises nothing."""

    def __init__(self, http: HttpPeers) -> None:
        self._http = http

    async def taken(self, subject: Subject, token: Token, correlation_id: str) -> Trial:
        """Whether the peer answers with its version list; it may do so for anybody."""
        try:
            answer = await self._http.versions(
                subject.versions_url, token, subject.form, subject.admitted, correlation_id=correlation_id
            )
        except CallbackError as error:
            verdict = Verdict.REFUSED if error.unauthorized else Verdict.FAILED
            return Trial(verdict, subject.form, error.explained, error)
        return Trial(Verdict.WORKED, answer.form, listed=answer.value, warnings=answer.warnings)

    async def known(self, subject: Subject, token: Token, correlation_id: str) -> Trial:
        """Whether a token with which the version documents have been read is one that the peer knows."""
        if subject.credentials_url is None:
            return Trial(Verdict.NOT_ASKED, subject.form, "the peer has no credentials endpoint to ask")
        try:
            return await self._compared(_Asking(subject, token, correlation_id), subject.credentials_url)
        except CallbackError as error:
            return Trial(Verdict.FAILED, subject.form, error.explained, error)

    async def _compared(self, asking: _Asking, url: str) -> Trial:
        for form in asking.subject.forms:
            status = await self._status(asking, url, form)
            if status not in REFUSES_TOKEN:
                break
        else:
            return Trial(Verdict.REFUSED, asking.subject.form, f"GET credentials: HTTP {status}")
        if await self._discriminates(asking, url, asking.subject.versions_url):
            return Trial(Verdict.WORKED, form)
        return Trial(Verdict.OPEN, form, "the peer answers the same without a token")

    async def _discriminates(self, asking: _Asking, *urls: str) -> bool:
        """Whether one of these URLs, which have answered to the token, refuses those who show none."""
        for url in urls:
            if await self._status(asking, url, None) in REFUSES_TOKEN:
                return True
        return False

    async def _status(self, asking: _Asking, url: str, form: HeaderForm | None) -> int:
        budgets = self._http.budgets
        call = Call("credentials", url, budgets.details, asking.token, asking.correlation_id, seconds=budgets.whole)
        self._http.wire.admit_beside(call, "url", url, asking.subject.versions_url)
        return (await self._http.wire.exchange(call, form, _vet)).status


def _vet(_call: Call, _response: httpx.Response) -> None:
    """Every answer tells something."""
