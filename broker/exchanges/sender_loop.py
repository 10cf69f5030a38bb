"""We are the Sender: one attempt at what we want of a peer (RS-01 to RS-14, UR-10 to UR-12, UN-06).

Decisions are core.sender's; this is the loop that performs them. No transaction is open while a peer is being called.
Before a request leaves, the token in it is committed and works; what it brings is committed before anything else is
done with it (F2). Each commit names the attempt's lease: whoever lost it changes nothing (F5).
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import structlog

from broker import defects
from broker.clock import Clock
from broker.core import sender
from broker.core.exchange import Step
from broker.core.job import Job, next_attempt
from broker.core.model import HeaderForm, Token, Version
from broker.core.notices import ENCODED
from broker.core.peer import HeldToken, Peer
from broker.core.receiver import PeerFailed, ReadEndpoints, ReadVersions
from broker.core.sender import (
    Answered,
    Begun,
    Committed,
    Failed,
    Finish,
    Keep,
    Leave,
    Offer,
    Offered,
    Send,
    Stop,
    Swap,
)
from broker.errors import (
    BrokerError,
    ExchangeInProgressError,
    NotFoundError,
    PeerRejectedTokenError,
    StoreUnavailableError,
)
from broker.exchanges.attempt import Attempt, LeaseLostError, begins_anew, plan_of
from broker.exchanges.attempt_commits import READING_SECONDS, SENDING_SECONDS, SETTLING, AttemptCommits
from broker.exchanges.ourselves import Ourselves
from broker.memory.readmodel import ACCESS_TOKEN, HELD_TOKEN, OFFERED_TOKEN, ReadModel
from broker.ocpi import DIALECTS
from broker.ocpi.authorization import OTHER_FORM, is_encoded
from broker.outbound.callbacks import LONGEST_SUMMARY, Callbacks
from broker.outbound.deliveries import Deliveries, Delivery
from broker.outbound.discovery import HttpPeers, Tolerances
from broker.outbound.http_call import CallbackError
from broker.outbound.url_policy import UrlPolicy

_log = structlog.get_logger(__name__)

_DISCOVERY_SECONDS = 25.0
_CLIENT_ERRORS = range(2000, 3000)


class SenderLoop:
    """Makes attempts at jobs."""

    def __init__(
        self,
        commits: AttemptCommits,
        model: ReadModel,
        http: HttpPeers,
        urls: UrlPolicy,
        clock: Clock,
        ourselves: Ourselves,
    ) -> None:
        self._commits = commits
        self._model = model
        self._http = http
        self._deliveries = Deliveries(http.wire, budgets=http.budgets)
        self._urls = urls
        self._clock = clock
        self._ourselves = ourselves

    async def attempt(self, peer_uid: str) -> None:
        """One attempt at the job of this peer, if it is due and nobody else makes it."""
        attempt = await self._commits.open(peer_uid)
        if attempt is None:
            return
        try:
            await self._guarded(attempt)
        except LeaseLostError:
            await self._commits.overtaken(attempt)
        except StoreUnavailableError:
            _log.warning("attempt_interrupted", **attempt.peer.where, kind=attempt.job.kind.value)

    async def _guarded(self, attempt: Attempt) -> None:
        """A defect of ours ends the attempt like a failure of the peer, and never the loop that makes attempts."""
        try:
            await self._run(attempt)
        except (LeaseLostError, StoreUnavailableError):
            raise
        except NotFoundError as err:
            raise LeaseLostError from err  # the tenant has just been deleted, and everything with it
        except BrokerError as err:
            await self._stop(attempt, Stop(err))
        except Exception as err:  # noqa: BLE001  whatever it was, it goes on record and the lease is given back
            error = defects.report(err, request_id=attempt.exchange.request_id, **attempt.peer.where)
            await self._stop(attempt, Stop(error, again=True))

    async def _run(self, attempt: Attempt) -> None:
        if begins_anew(attempt.job) and is_encoded(self._access(attempt.peer, attempt.job)):
            attempt.warnings.append(ENCODED)
        state, effect = self._start(attempt)
        event: sender.Event
        while True:
            match effect:
                case ReadVersions() | ReadEndpoints():
                    event = await self._ask(attempt, effect)
                case Offer(version):
                    event = await self._offer(attempt, version)
                case Send():
                    event = await self._send(attempt, effect)
                case Keep():
                    attempt.was_encoded = attempt.form is HeaderForm.RAW and ENCODED in attempt.warnings
                    event = await self._commits.keep(attempt, effect)
                case Leave():
                    return await self._commits.leave(attempt)
                case Swap() | Finish():
                    return await self._commits.finish(attempt, effect)
                case Stop():
                    return await self._stop(attempt, effect)
            state, effect = sender.step(state, event)

    def _start(self, attempt: Attempt) -> tuple[sender.State, sender.Effect]:
        peer, job = attempt.peer, attempt.job
        spare = self._model.unsealed(peer, job.access, HELD_TOKEN) if job.confirming and job.access else None
        plan = replace(plan_of(attempt.tenant, peer, job, self._access(peer, job)), spare=spare)
        if job.confirming:
            return sender.step(sender.Kept(plan), Committed(plan.access, spare))
        return sender.step(plan, Begun())

    def _access(self, peer: Peer, job: Job) -> Token:
        if begins_anew(job) and job.access is not None:
            return self._model.unsealed(peer, job.access, ACCESS_TOKEN)
        if job.confirming and peer.unproven is not None:
            return self._model.unsealed(peer, peer.unproven.sealed, HELD_TOKEN)
        return self._model.held_token(peer)

    def _spare(self, attempt: Attempt) -> HeldToken | None:
        """A token that has not worked yet, for the case that the one that services get does not work any more."""
        if begins_anew(attempt.job) or attempt.job.confirming:
            return None
        return next((token for token in attempt.peer.to_be_tried if token is not attempt.peer.held), None)

    async def _ask(self, attempt: Attempt, question: ReadVersions | ReadEndpoints) -> sender.Event:
        if len(attempt.steps) > attempt.noted:
            await self._commits.progress(attempt, READING_SECONDS)
        spare = self._spare(attempt)
        callbacks = Callbacks(
            peers=self._http,
            clock=self._clock,
            correlation_id=attempt.exchange.correlation_id,
            form=_form(attempt, question),
            tolerances=Tolerances(attempt.peer.quirks, strict=attempt.tenant.policy.strict, doubts_form=True),
            fallback=self._model.unsealed(attempt.peer, spare.sealed, HELD_TOKEN) if spare else None,
            deadline=asyncio.get_running_loop().time() + _DISCOVERY_SECONDS,
            steps=attempt.steps,
            warnings=attempt.warnings,
            versions_url=attempt.versions_url,
            given=self._given(attempt),
        )
        event = await callbacks.ask(question)
        attempt.form = callbacks.form
        if spare is not None and callbacks.settled is not None and attempt.token is None:
            attempt.token = callbacks.settled
            await self._commits.prove(attempt, spare)
        if isinstance(event, PeerFailed) and _rejects_token(event.error):
            return PeerFailed(PeerRejectedTokenError(str(event.error)).after(event.error))
        return event

    def _given(self, attempt: Attempt) -> tuple[Token, ...]:
        job = attempt.job
        return () if job.offered is None else (self._model.unsealed(attempt.peer, job.offered, OFFERED_TOKEN),)

    async def _send(self, attempt: Attempt, effect: Send) -> sender.Event:
        event: sender.Event | None = None
        for token, form in self._showings(attempt):
            before = event
            event = await self._send_once(attempt, effect, token, form)
            if not (isinstance(event, Failed) and isinstance(event.error, PeerRejectedTokenError)):
                if before is not None:
                    _learn(attempt, token, form)
                break
            event = before or event
        if event is None:
            raise LookupError("a request without a token to show")
        crossed = effect.version is None and isinstance(event, Failed) and await self._commits.has_changed(attempt)
        if crossed:
            return Failed(ExchangeInProgressError("an exchange of the peer crossed ours; the token is another now"))
        return event

    def _showings(self, attempt: Attempt) -> Iterator[tuple[Token, HeaderForm]]:
        """The token, and then what else the peer may take: to be refused with 401 has no effect (A1, A11)."""
        fixed, spare = attempt.peer.quirks.auth_form_out, self._spare(attempt)
        token = attempt.token or self._access(attempt.peer, attempt.job)
        yield token, attempt.form
        if fixed is None:
            yield token, OTHER_FORM[attempt.form]
        if spare is not None and attempt.token is None:
            other = self._model.unsealed(attempt.peer, spare.sealed, HELD_TOKEN)
            form = fixed or spare.form or attempt.form
            yield other, form
            if fixed is None:
                yield other, OTHER_FORM[form]

    async def _send_once(self, attempt: Attempt, effect: Send, token: Token, form: HeaderForm) -> sender.Event:
        await self._commits.progress(attempt, SENDING_SECONDS)
        started = self._clock()
        attempt.doubtful = True
        try:
            event: sender.Event = await self._deliver(attempt, effect, token, form)
            result = "answered"
        except BrokerError as error:
            if error.quirk == "explicit_nulls" and attempt.peer.quirks.explicit_nulls:
                error.quirk = None  # it is set, and has not helped
            event, result = Failed(error), error.explained.removeprefix(f"{effect.kind.value} credentials: ")
            attempt.doubtful = not isinstance(error, SETTLING)
        now = self._clock()
        attempt.steps.append(Step(f"{effect.kind.value} {effect.url}: {result}"[:LONGEST_SUMMARY], now, now - started))
        return event

    async def _deliver(self, attempt: Attempt, effect: Send, token: Token, form: HeaderForm) -> sender.Event:
        peer, job = attempt.peer, attempt.job
        delivery = Delivery(
            kind=effect.kind,
            url=effect.url,
            versions_url=attempt.versions_url,
            token=token,
            form=form,
            correlation_id=attempt.exchange.correlation_id,
        )
        if effect.version is None or job.offered is None:
            await self._deliveries.withdraw(delivery)
            return Answered(None)
        text = self._model.unsealed(peer, job.offered, OFFERED_TOKEN)
        body = self._ourselves.written(attempt.tenant, peer, str(effect.version), text)
        answer = await self._deliveries.announce(
            replace(delivery, body=body, offered=text), DIALECTS[str(effect.version)]
        )
        if answer.url is not None:
            try:
                self._urls.check(answer.url)
            except ValueError as err:
                answer = replace(answer, url=None, warnings=(*answer.warnings, f"url: {err}; it was not taken over"))
        return Answered(answer, text)

    async def _stop(self, attempt: Attempt, stop: Stop) -> None:
        job = attempt.job
        if job.force:
            await self._commits.leave(attempt, stop.error)
        elif job.confirming and (not stop.again or next_attempt(job, 0, 0) is None):
            await self._commits.finish(attempt, Finish(f"the new token could not be tried: {stop.error.explained}"))
        else:
            await self._commits.put_off(attempt, stop)

    async def _offer(self, attempt: Attempt, version: Version) -> sender.Event:
        """What we have to say must be possible in this version before a token is offered."""
        attempt.exchange = replace(attempt.exchange, version=str(version))
        try:
            self._ourselves.written(attempt.tenant, attempt.peer, str(version), Token("-"))
            return Offered(await self._commits.offer(attempt, version))
        except StoreUnavailableError:
            raise
        except BrokerError as error:
            return Failed(error)


def _learn(attempt: Attempt, token: Token, form: HeaderForm) -> None:
    """What a request has shown that the lists did not: they may be open to everybody (A27)."""
    if form is not attempt.form:
        attempt.quirk = "auth_form_out"
        attempt.warnings.append(
            f"quirk auth_form_out={form.value}: the peer takes the token in this form only, which its version "
            "documents did not show"
        )
    attempt.form, attempt.token = form, token


def _form(attempt: Attempt, question: ReadVersions | ReadEndpoints) -> HeaderForm:
    """A version that is new to the connection is tried in its own form first (A1); what works there is kept."""
    if isinstance(question, ReadEndpoints) and (begins_anew(attempt.job) or question.version != attempt.peer.version):
        return DIALECTS[str(question.version)].header
    return attempt.form


def _rejects_token(error: BrokerError) -> bool:
    """A7: also an answer of theirs to GET versions that puts the blame on us."""
    return isinstance(error, CallbackError) and (error.unauthorized or error.code in _CLIENT_ERRORS)
