"""The questions to the peer inside one exchange, of either direction: asks what the core wants to know, and writes down
each step.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from broker.clock import Clock
from broker.core.exchange import Step
from broker.core.model import HeaderForm, Token
from broker.core.receiver import EndpointsRead, PeerFailed, ReadEndpoints, ReadVersions, VersionsRead, lists
from broker.errors import PeerUnusableError, PeerVersionUnsupportedError
from broker.ocpi import DIALECTS
from broker.outbound import words
from broker.outbound.discovery import Answer, HttpPeers, Tolerances
from broker.outbound.http_call import CallbackError

BUDGET_SECONDS = 25.0
"""For all callbacks of one exchange, so that our answer leaves before a peer's own limit of 30 s (A33)."""


LONGEST_SUMMARY = 1000
"""Characters of a step; what a peer lists is up to a megabyte long."""


Told: TypeAlias = VersionsRead | EndpointsRead | PeerFailed
"""What a question to the peer leads to."""


@dataclass(slots=True)
class Callbacks:
    """One exchange's questions to the peer.

    form is the header form in which the peer itself wrote, the best guess for what it reads (A1), unless a quirk says
    which; afterwards the one that worked. fallback is the token held before: a PUT's new one may not work at the peer
    yet (UR-06, A11).
    """

    peers: HttpPeers
    clock: Clock
    correlation_id: str
    form: HeaderForm
    tolerances: Tolerances
    deadline: float
    """In the event loop's time; what passes while waiting for a lease counts too."""
    fallback: Token | None = field(repr=False)
    steps: list[Step]
    warnings: list[str]
    versions_url: str = ""
    """Where the list is; known once it was asked for."""
    given: tuple[Token, ...] = field(default=(), repr=False)
    """Tokens that we have issued to the peer, or offer to it: it may repeat them, and no record may."""
    settled: Token | None = field(default=None, init=False, repr=False)
    """The fallback, once only it has worked: the exchange is finished with it."""

    async def ask(self, question: ReadVersions | ReadEndpoints) -> Told:
        """The peer's answer, or that it failed."""
        started = self.clock()
        try:
            async with asyncio.timeout_at(self.deadline):
                event = await self._ask_with_fallback(question)
        except TimeoutError:
            event = PeerFailed(PeerUnusableError(f"your answers took more than {BUDGET_SECONDS:g} seconds in all"))
        except (PeerUnusableError, PeerVersionUnsupportedError) as err:
            event = PeerFailed(err.quoting(words.masked(err.said or "", self._secrets(question))))
        self._record(question, event, started)
        return event

    async def _ask_with_fallback(self, question: ReadVersions | ReadEndpoints) -> Told:
        if self.settled is not None:
            return await self._ask(question, self.settled)
        try:
            return await self._ask(question, question.token)
        except CallbackError as err:
            if not err.unauthorized or self.fallback is None:
                raise
            refusal = err
        try:
            event = await self._ask(question, self.fallback)
        except CallbackError:
            raise refusal from None
        self.settled = self.fallback
        return event

    async def _ask(self, question: ReadVersions | ReadEndpoints, token: Token) -> Told:
        match question:
            case ReadVersions(url):
                self.versions_url = url
                versions = await self.peers.versions(
                    url, token, self.form, self.tolerances, correlation_id=self.correlation_id
                )
                self._learn(versions)
                return VersionsRead(dict(versions.value), versions.unknown)
            case ReadEndpoints(url, version):
                details = await self.peers.details(
                    url,
                    token,
                    self.form,
                    self.tolerances,
                    dialect=DIALECTS[str(version)],
                    versions_url=self.versions_url,
                    correlation_id=self.correlation_id,
                )
                self._learn(details)
                return EndpointsRead(details.value)

    def _learn(self, answer: Answer[Any]) -> None:
        self.form = answer.form
        self.warnings += answer.warnings

    def _secrets(self, question: ReadVersions | ReadEndpoints) -> tuple[Token, ...]:
        """The tokens that the peer may know and repeat."""
        fallback = () if self.fallback is None else (self.fallback,)
        return (question.token, *fallback, *self.given)

    def _record(self, question: ReadVersions | ReadEndpoints, event: Told, started: int) -> None:
        now = self.clock()
        summary = f"GET {question.url}: {_result(event)}"
        if any(token.appears_in(summary) for token in self._secrets(question)):
            summary = f"GET {type(question).__name__}: the answer repeats the token and is not recorded"
        self.steps.append(Step(summary[:LONGEST_SUMMARY], now, now - started))


def _result(event: Told) -> str:
    match event:
        case VersionsRead():
            return lists(event).replace("it lists", "offers", 1)
        case EndpointsRead(endpoints):
            return "serves " + ", ".join(endpoint.key for endpoint in endpoints)
        case PeerFailed(error):
            return error.explained
    raise AssertionError(event)
