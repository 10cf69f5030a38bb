"""We are the Sender: one attempt at what we want of a peer (RS-01 to RS-14, UR-10 to UR-12, UN-06).

Decisions are core.sender's; this is the loop that performs them. No transaction is open while a peer is being called.
Before a request leaves, the token in it is committed and works; what it brings is committed before anything else is
done with it (F2). Each commit names the attempt's lease: whoever lost it changes nothing (F5).
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from uuid import uuid4

import structlog

from broker import defects, tokens
from broker.callbacks import Callbacks
from broker.clock import Clock
from broker.core import sender
from broker.core.exchange import Direction, Exchange, ExchangeKind, Outcome, Step
from broker.core.handshake import PeerFailed, ReadEndpoints, ReadVersions
from broker.core.job import Job, JobState, next_attempt
from broker.core.model import HeaderForm, Sealed, Tenant, Token, Version
from broker.core.peer import Peer, TokenState, has_expired, offered, room
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
    Plan,
    Send,
    Stop,
    Swap,
)
from broker.deliveries import Deliveries, Delivery
from broker.errors import (
    AnswerLostError,
    BrokerError,
    ConflictError,
    ExchangeInProgressError,
    InternalError,
    OutcomeUnknownError,
    PeerRejectedTokenError,
    StoreUnavailableError,
)
from broker.footing import registration_of
from broker.ocpi import DIALECTS
from broker.ourselves import Ourselves
from broker.peers import HttpPeers, Tolerances
from broker.readmodel import ACCESS_TOKEN, HELD_TOKEN, OFFERED_TOKEN, ReadModel
from broker.store import exchanges, jobs, outbound, peers, transitions
from broker.store.transactions import Store, Transaction
from broker.tokens import Pepper, SecretKind
from broker.urls import UrlPolicy
from broker.wire import CallbackError

_log = structlog.get_logger(__name__)

READING_SECONDS = 45
"""How long the lease holds while a peer's lists are being read, with a margin."""
SENDING_SECONDS = 75
"""The same while a request of ours is open (RS-14)."""
_DISCOVERY_SECONDS = 25.0
_GRACE_MICROSECONDS = 60_000_000
"""How long a token still works that the peer has refused (RS-10)."""
_CLIENT_ERRORS = range(2000, 3000)
_USUAL_FORM = HeaderForm.BASE64


class LeaseLostError(Exception):
    """Somebody else has the job, or there is none any more."""


@dataclass(slots=True)
class _Attempt:
    """What belongs to one attempt. exchange is what is on record of it."""

    tenant: Tenant
    peer: Peer
    job: Job
    lease: str
    exchange: Exchange
    form: HeaderForm
    steps: list[Step] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    offering: bool = False
    """Whether this attempt has offered the token that the job now holds."""

    @property
    def record(self) -> Exchange:
        return replace(self.exchange, steps=tuple(self.steps), warnings=tuple(self.warnings))


class Connector:
    """Makes attempts at jobs. chance gives numbers from [0, 1) by which retries are spread."""

    def __init__(
        self,
        store: Store,
        model: ReadModel,
        http: HttpPeers,
        urls: UrlPolicy,
        pepper: Pepper,
        clock: Clock,
        ourselves: Ourselves,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._model = model
        self._http = http
        self._deliveries = Deliveries(http.wire, budgets=http.budgets)
        self._urls = urls
        self._pepper = pepper
        self._clock = clock
        self._ourselves = ourselves
        self._chance = chance

    async def attempt(self, peer_uid: str) -> None:
        """One attempt at the job of this peer, if it is due and nobody else makes it."""
        lease = str(uuid4())
        if not await self._store.jot(lambda tx: jobs.take(tx, peer_uid, lease, tx.now + READING_SECONDS * 1_000_000)):
            return
        peer = await self._store.read(lambda session: peers.find_by_uid(session, peer_uid))
        tenant = self._model.tenant(peer.tenant) if peer else None
        if peer is None or peer.job is None or tenant is None:
            return
        attempt = _Attempt(tenant, peer, peer.job, lease, self._begun(peer, peer.job, lease), _form(peer))
        if not peer.job.confirming:
            await self._store.jot(lambda tx: exchanges.begin(tx, attempt.exchange))
        try:
            await self._guarded(attempt)
        except LeaseLostError:
            await self._overtaken(attempt)
        except StoreUnavailableError:
            _log.warning("attempt_interrupted", peer=peer.name, kind=peer.job.kind.value)

    async def _overtaken(self, attempt: _Attempt) -> None:
        """The record says so; what was committed by somebody else stands."""
        _log.info("attempt_overtaken", peer=attempt.peer.name, kind=attempt.job.kind.value)
        error = ConflictError("the connection was changed from another side meanwhile")
        ended = replace(attempt.record, outcome=Outcome.REFUSED, reason=error.reason, message=str(error))
        await self._store.jot(lambda tx: exchanges.end(tx, ended))

    async def _guarded(self, attempt: _Attempt) -> None:
        """A defect of ours ends the attempt like a failure of the peer, and never the loop that makes attempts."""
        try:
            await self._run(attempt)
        except (LeaseLostError, StoreUnavailableError):
            raise
        except Exception as err:  # noqa: BLE001  whatever it was, it goes on record and the lease is given back
            error = defects.report(err, request_id=attempt.exchange.request_id, peer=attempt.peer.name)
            await self._stop(attempt, Stop(error, again=True))

    async def _run(self, attempt: _Attempt) -> None:
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
                    event = await self._keep(attempt, effect)
                case Leave():
                    return await self._leave(attempt)
                case Swap() | Finish():
                    return await self._finish(attempt, effect)
                case Stop():
                    return await self._stop(attempt, effect)
            state, effect = sender.step(state, event)

    def _start(self, attempt: _Attempt) -> tuple[sender.State, sender.Effect]:
        peer, job = attempt.peer, attempt.job
        spare = self._model.unsealed(peer, job.access, HELD_TOKEN) if job.confirming and job.access else None
        plan = replace(plan_of(attempt.tenant, peer, job, self._access(peer, job)), spare=spare)
        if job.confirming:
            return sender.step(sender.Kept(plan), Committed(plan.access, spare))
        return sender.step(plan, Begun())

    def _access(self, peer: Peer, job: Job) -> Token:
        if job.kind is ExchangeKind.POST and not job.confirming and job.access is not None:
            return self._model.unsealed(peer, job.access, ACCESS_TOKEN)
        return self._model.held_token(peer)

    async def _ask(self, attempt: _Attempt, question: ReadVersions | ReadEndpoints) -> sender.Event:
        callbacks = Callbacks(
            peers=self._http,
            clock=self._clock,
            correlation_id=attempt.exchange.correlation_id,
            form=attempt.form,
            tolerances=Tolerances(attempt.peer.quirks, strict=attempt.tenant.policy.strict),
            fallback=None,
            deadline=asyncio.get_running_loop().time() + _DISCOVERY_SECONDS,
            steps=attempt.steps,
            warnings=attempt.warnings,
            versions_url=_versions_url(attempt),
        )
        event = await callbacks.ask(question)
        attempt.form = callbacks.form
        await self._progress(attempt, READING_SECONDS)
        if isinstance(event, PeerFailed) and _rejects_token(event.error):
            return PeerFailed(PeerRejectedTokenError(str(event.error)))
        return event

    async def _offer(self, attempt: _Attempt, version: Version) -> sender.Event:
        """The token in the request works before that leaves (RS-06); a repeat has the same one (F2)."""
        attempt.exchange = replace(attempt.exchange, version=str(version))
        try:
            self._ourselves.written(attempt.tenant, attempt.peer, str(version), Token("-"))
            token = await self._store.change(attempt.peer.name, lambda tx: self._offered(tx, attempt, version))
        except (LeaseLostError, StoreUnavailableError):
            raise
        except BrokerError as error:
            return Failed(error)
        attempt.offering = True
        return Offered(token)

    def _offered(self, tx: Transaction, attempt: _Attempt, version: Version) -> Token:
        peer, job = self._standing(tx, attempt)
        known = next((token for token in peer.issued if token.lookup_id == job.offered_lookup_id), None)
        reusable = known is not None and known.state is not TokenState.REVOKED and not has_expired(known, tx.now)
        if reusable and job.offered is not None:
            text, box, lookup_id = (
                self._model.unsealed(peer, job.offered, OFFERED_TOKEN),
                job.offered,
                job.offered_lookup_id,
            )
        else:
            text, box, lookup_id = self._fresh(tx, peer)
        attempt.job = replace(job, offered=box, offered_lookup_id=lookup_id, sent_version=version)
        if not jobs.write(tx, peer.uid, attempt.lease, attempt.job, free=False):
            raise LeaseLostError
        return text

    def _fresh(self, tx: Transaction, peer: Peer) -> tuple[Token, Sealed, str]:
        found = room(peer.issued, tx.now)
        if found is None:
            raise ExchangeInProgressError(
                "the peer has not used the token of the last exchange yet: until it is known which one it has, "
                "no other can be offered"
            )
        text = Token(tokens.mint(SecretKind.ISSUED_TOKEN))
        fingerprint = tokens.fingerprint(self._pepper, SecretKind.ISSUED_TOKEN, text.reveal())
        outbound.offer(tx, peer, found, fingerprint)
        return text, self._model.sealed(peer.tenant, peer.uid, text, OFFERED_TOKEN), fingerprint.lookup_id

    async def _send(self, attempt: _Attempt, effect: Send) -> sender.Event:
        await self._progress(attempt, SENDING_SECONDS)
        started = self._clock()
        try:
            event: sender.Event = await self._deliver(attempt, effect)
            result = "answered"
        except BrokerError as error:
            event, result = Failed(error), str(error)
        now = self._clock()
        attempt.steps.append(Step(f"{effect.kind.value} {effect.url}: {result}"[:500], now, now - started))
        return event

    async def _deliver(self, attempt: _Attempt, effect: Send) -> sender.Event:
        peer, job = attempt.peer, attempt.job
        delivery = Delivery(
            kind=effect.kind,
            url=effect.url,
            versions_url=_versions_url(attempt),
            token=self._access(peer, job),
            form=attempt.form,
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

    async def _keep(self, attempt: _Attempt, keep: Keep) -> sender.Event:
        """Whatever is wrong with the peer, its token is stored first: without it the peer is lost (F2)."""
        attempt.warnings += keep.warnings

        def commit(tx: Transaction) -> Committed:
            peer, job = self._standing(tx, attempt)
            crossed = peer.held if _differs(peer, attempt.peer) else None
            window = attempt.tenant.policy.put_retry_window
            settled = outbound.Settled(
                version=keep.version,
                versions_url=keep.url,
                draft=keep.draft,
                form_out=attempt.form,
                held=self._model.sealed(peer.tenant, peer.uid, keep.token, HELD_TOKEN),
                endpoints=keep.endpoints,
                parties=keep.parties,
                asked=keep.asked,
                offered=job.offered_lookup_id or "",
                not_after=tx.now + window * 1_000_000 if window else None,
            )
            attempt.job = replace(
                job,
                access=crossed.sealed if crossed else None,
                offered=None,
                offered_lookup_id=None,
                sent_version=None,
                confirming=True,
                attempts=0,
                next_attempt_at=tx.now,
                reason=None,
                message=None,
            )
            if not outbound.settle(tx, peer, attempt.lease, attempt.job, settled):
                raise LeaseLostError
            lost = outbound.claim(tx, peer, keep.parties)
            if lost is not None:
                attempt.warnings.append(f"roles: {lost} belongs to another connection; no party was taken over")
            exchanges.end(tx, replace(attempt.record, outcome=Outcome.SUCCEEDED, quirk=keep.quirk))
            tx.audit(
                "peer.registered" if job.kind is ExchangeKind.POST else "peer.updated",
                peer.tenant,
                peer.name,
                by="us",
                exchange=attempt.exchange.uid,
                version=str(keep.version),
                url=keep.url,
                parties=sorted(str(party.key) for party in keep.parties or ()),
                issued=settled.offered,
            )
            tx.session.expire_all()
            attempt.peer = peers.find_by_uid(tx.session, peer.uid) or peer
            return Committed(keep.token, self._model.unsealed(peer, crossed.sealed, HELD_TOKEN) if crossed else None)

        return await self._store.change(attempt.peer.name, commit)

    async def _leave(self, attempt: _Attempt, error: BrokerError | None = None) -> None:
        """The end of the registration; with an error the peer may not have been told (F17)."""

        def commit(tx: Transaction) -> None:
            peer, job = self._standing(tx, attempt)
            transitions.dissolve(tx, peer)
            record = replace(attempt.record, outcome=Outcome.SUCCEEDED)
            if error is not None:
                what = f"{error}; the peer may think that it is still connected"
                jobs.put(tx, peer.uid, replace(job, state=JobState.FAILED, reason=error.reason, message=what))
                record = replace(record, outcome=Outcome.UNKNOWN, reason=error.reason, message=what)
            exchanges.end(tx, record)
            tx.audit("peer.unregistered", peer.tenant, peer.name, by="us", told=error is None)

        await self._store.change(attempt.peer.name, commit)

    async def _finish(self, attempt: _Attempt, effect: Swap | Finish) -> None:
        """The job is done. What was found out while trying the token is added to the record."""
        warning = (
            effect.warning if isinstance(effect, Finish) else "an exchange of the peer crossed ours; its token is used"
        )
        if warning is not None:
            attempt.warnings.append(warning)

        def commit(tx: Transaction) -> None:
            peer, job = self._standing(tx, attempt)
            if isinstance(effect, Swap) and job.access is not None:
                transitions.hold(tx, peer.uid, job.access)
            jobs.end(tx, peer.uid, attempt.lease)
            exchanges.amend(tx, attempt.record)

        await self._store.change(attempt.peer.name, commit)

    async def _stop(self, attempt: _Attempt, stop: Stop) -> None:
        job = attempt.job
        if job.force:
            await self._leave(attempt, stop.error)
        elif job.confirming and (not stop.again or next_attempt(job, 0, 0) is None):
            await self._finish(attempt, Finish(f"the new token could not be tried: {stop.error}"))
        else:
            await self._put_off(attempt, stop)

    async def _put_off(self, attempt: _Attempt, stop: Stop) -> None:
        """What stood before stands, and so does what is not known (UR-12, F2)."""
        unknown = isinstance(stop.error, OutcomeUnknownError | InternalError)
        outcome = Outcome.UNKNOWN if unknown else Outcome.REFUSED

        def commit(tx: Transaction) -> None:
            peer, job = self._standing(tx, attempt)
            exchanges.end(
                tx,
                replace(
                    attempt.record,
                    outcome=outcome,
                    reason=stop.error.reason,
                    message=str(stop.error),
                    quirk=stop.error.quirk,
                ),
            )
            stays_unknown = self._stays_unknown(attempt, stop.error)
            if _differs(peer, attempt.peer):
                if job.is_for_tokens and not stays_unknown:
                    jobs.end(tx, peer.uid, attempt.lease)
                    return
                job = _crossed(job)
            due = next_attempt(job, tx.now, self._chance()) if stop.again else None
            after = replace(
                job,
                state=JobState.WAITING if due is not None else JobState.FAILED,
                attempts=job.attempts + 1,
                next_attempt_at=due if due is not None else tx.now,
                reason=stop.error.reason,
                message=str(stop.error),
            )
            if not stays_unknown:
                after = replace(after, offered=None, offered_lookup_id=None, sent_version=None)
                if attempt.offering:
                    outbound.withdraw_offer(tx, peer.uid, tx.now + _GRACE_MICROSECONDS)
            jobs.write(tx, peer.uid, attempt.lease, after, free=True)

        await self._store.change(attempt.peer.name, commit)

    def _stays_unknown(self, attempt: _Attempt, error: BrokerError) -> bool:
        """A refusal settles only what was sent in this attempt: the one before may have been carried out (F2)."""
        before = attempt.peer.job
        if before is not None and before.sent_version is not None:
            return True
        return isinstance(error, OutcomeUnknownError | AnswerLostError | InternalError) and attempt.offering

    def _standing(self, tx: Transaction, attempt: _Attempt) -> tuple[Peer, Job]:
        """The peer and its job as they are now, locked. Raises LeaseLostError."""
        transitions.lock_by_uid(tx, attempt.peer.uid)
        if not jobs.extend(tx, attempt.peer.uid, attempt.lease, tx.now + READING_SECONDS * 1_000_000):
            raise LeaseLostError
        peer = peers.find_by_uid(tx.session, attempt.peer.uid)
        if peer is None or peer.job is None:
            raise LeaseLostError
        return peer, peer.job

    async def _progress(self, attempt: _Attempt, seconds: int) -> None:
        """Show how far it is, and hold the lease for what comes next. Raises LeaseLostError."""

        def write(tx: Transaction) -> bool:
            until = tx.now + seconds * 1_000_000
            exchanges.note(tx, replace(attempt.record, deadline_at=until))
            return jobs.extend(tx, attempt.peer.uid, attempt.lease, until)

        if not await self._store.jot(write):
            raise LeaseLostError

    def _begun(self, peer: Peer, job: Job, lease: str) -> Exchange:
        now = self._clock()
        return Exchange(
            uid=lease,
            peer_uid=peer.uid,
            kind=job.kind,
            version=str(peer.version or "") if job.kind is ExchangeKind.DELETE else "",
            correlation_id=str(uuid4()),
            request_id=str(uuid4()),
            started_at=now,
            deadline_at=now + READING_SECONDS * 1_000_000,
            direction=Direction.OUTBOUND,
        )


def plan_of(tenant: Tenant, peer: Peer, job: Job, access: Token) -> Plan:
    """What the core wants to know. A registration begins where we were told, whatever may stand already."""
    anew = job.kind is ExchangeKind.POST and not job.confirming
    return Plan(
        kind=job.kind,
        versions_url=(job.versions_url if anew else peer.versions_url) or "",
        access=access,
        offers=frozenset(offered(tenant, peer)),
        version=job.version,
        registration=None if anew else registration_of(peer),
        current=None if anew else peer.version,
        endpoints=() if anew else peer.endpoints,
        sent=job.sent_version,
        terms=peer.terms,
        ours=frozenset(party.key for party in tenant.parties),
        required=tenant.policy.required_modules,
        quirks=peer.quirks,
    )


def _crossed(job: Job) -> Job:
    """What is left to do when an exchange of the peer has registered us: no invitation is needed for that (F6)."""
    if job.kind is not ExchangeKind.POST or job.confirming:
        return job
    return replace(job, kind=ExchangeKind.PUT, access=None, versions_url=None)


def _form(peer: Peer) -> HeaderForm:
    return peer.quirks.auth_form_out or peer.form_out or _USUAL_FORM


def _versions_url(attempt: _Attempt) -> str:
    anew = attempt.job.kind is ExchangeKind.POST and not attempt.job.confirming
    return (attempt.job.versions_url if anew else attempt.peer.versions_url) or ""


def _rejects_token(error: BrokerError) -> bool:
    """A7: also an answer of theirs to GET versions that puts the blame on us."""
    return isinstance(error, CallbackError) and (error.unauthorized or error.code in _CLIENT_ERRORS)


def _differs(found: Peer, before: Peer) -> bool:
    """Whether another exchange has brought a token since."""
    return found.held is not None and found.held != before.held
