"""We are the Receiver: what a peer may cause with POST, PUT and DELETE credentials.

Decisions are core.receiver's; this is the loop that performs them. No transaction is open while a peer is being
called: read, close, talk, then one short transaction that commits everything and loses cleanly if the exchange no
longer holds its lease (F1, F5). Only after that commit is the answer given (RR-16).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from uuid import uuid4

import structlog

from broker import defects, threads
from broker.clock import Clock
from broker.core import proving, receiver
from broker.core.exchange import Exchange, ExchangeKind, Outcome, Step
from broker.core.model import (
    Announcement,
    Credentials,
    Fingerprint,
    PartyKey,
    Registration,
    Tenant,
    Token,
    Version,
)
from broker.core.notices import held_elsewhere, identity_change, kept_notices, token_is_invitation
from broker.core.peer import (
    IssuedToken,
    Peer,
    Purpose,
    Succession,
    TokenState,
    crossing,
    is_overtaken,
    reject,
    repeats_too_often,
    succeed,
)
from broker.core.receiver import (
    MISSING_IDS,
    Deleted,
    Dissolve,
    Establish,
    Posted,
    Put,
    ReadEndpoints,
    ReadVersions,
    Refuse,
)
from broker.core.required_modules import credentials_url
from broker.core.screening import Screening, screen
from broker.crypto import minting
from broker.crypto.minting import Pepper, SecretKind
from broker.errors import (
    BrokerError,
    CredentialsInvalidError,
    ExchangeInProgressError,
    InternalError,
    PartyNotAllowedError,
    PartyNotApprovedError,
    TokenRejectedError,
)
from broker.exchanges.leases import LEASE_MICROSECONDS, Leases
from broker.exchanges.ourselves import Ourselves
from broker.exchanges.situation import Situation, overtaken, registration_of, standing
from broker.limits import ExchangeSlots
from broker.memory.authenticator import Identity
from broker.memory.readmodel import HELD_TOKEN, OFFERED_TOKEN, ReadModel
from broker.outbound.callbacks import BUDGET_SECONDS, Callbacks
from broker.outbound.discovery import HttpPeers, Tolerances
from broker.outbound.token_trials import Subject, TokenTrials, Trial, Verdict
from broker.outbound.url_policy import UrlPolicy
from broker.store import exchange_records, held_tokens, jobs, peers, transitions
from broker.store.transactions import Store, Transaction

_log = structlog.get_logger(__name__)

_LEFT_AS_IT_WAS = (
    "url, endpoints and parties were left as they were: the PUT came with a token that was replaced, and the token in "
    "it is not known to be the peer's"
)


@dataclass(frozen=True, slots=True)
class Request:
    """A POST, PUT or DELETE by an authenticated peer. arrived is in microseconds since 1970, and not later than the
    commit of an exchange that was not yet known when the request came (F5). without_ids is true if
    the version has message ids and the request had not both (ID-07).
    """

    tenant: Tenant
    identity: Identity
    version: Version
    arrived: int
    request_id: str
    correlation_id: str
    without_ids: bool = False

    @property
    def peer(self) -> Peer:
        return self.identity.peer


@dataclass(frozen=True, slots=True)
class _Given:
    """The token that the peer is given, and what becomes of those before it."""

    token: Token
    fingerprint: Fingerprint
    succession: Succession


class ReceiverLoop:
    """Registers, updates and unregisters peers that ask for it."""

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
        slots: ExchangeSlots | None = None,
    ) -> None:
        self._store = store
        self._leases = Leases(store)
        self._model = model
        self._http = http
        self._urls = urls
        self._pepper = pepper
        self._clock = clock
        self._ourselves = ourselves
        self._trials = TokenTrials(http)
        self._slots = slots or ExchangeSlots()
        self._running: set[asyncio.Task[Credentials]] = set()

    async def register(self, request: Request, body: Announcement | BrokerError) -> Credentials:
        """POST: our credentials with the token issued to the peer. Raises the refusal otherwise."""
        event = Posted(request.version, self._vetted(body, request), request.arrived)
        return await self._exchange(request, ExchangeKind.POST, event)

    async def update(self, request: Request, body: Announcement | BrokerError) -> Credentials:
        """PUT: our credentials with a new token (UR-05). Raises the refusal otherwise."""
        event = Put(request.version, self._vetted(body, request), request.arrived)
        return await self._exchange(request, ExchangeKind.PUT, event)

    async def unregister(self, request: Request) -> None:
        """DELETE: both tokens die, also under a running exchange (UN-02, F5)."""
        record = self._record(request, ExchangeKind.DELETE)
        refusal = (await self._judge(request, Deleted())).refusal
        if refusal is not None:
            await self._leases.refuse(record, refusal)
            raise refusal
        situation = await self._situation(request, Deleted())

        def dissolve(tx: Transaction) -> None:
            if not transitions.dissolve(tx, situation.peer, shown=situation.token.lookup_id):
                raise TokenRejectedError
            exchange_records.begin(tx, replace(record, outcome=Outcome.SUCCEEDED, ended_at=tx.now))
            tx.audit("peer.unregistered", situation.peer.tenant, situation.peer.name, by="peer")

        await self._store.change(situation.peer.name, dissolve)

    async def recover(self) -> None:
        """At the start of the only broker of a database: what a crash left open is over."""
        await self._leases.recover()

    async def drain(self) -> None:
        """Wait for the exchanges that are running; their callback budget bounds how long."""
        await asyncio.gather(*self._running, return_exceptions=True)

    def _vetted(self, body: Announcement | BrokerError, request: Request) -> Announcement | BrokerError:
        """What needs more than the object to judge: the URL policy (F9), and a token that is none of ours (CO-41)."""
        if isinstance(body, BrokerError):
            return body
        try:
            self._vet(body, request)
            self._ourselves.written(request.tenant, request.peer, str(request.version), body.token)
        except BrokerError as err:
            return err
        if request.without_ids and not request.peer.quirks.missing_ids:
            return replace(body, warnings=(*body.warnings, MISSING_IDS))
        return body

    def _vet(self, body: Announcement, request: Request) -> None:
        """Raises CredentialsInvalidError naming the field."""
        if self._issued_here(body.token, request.tenant) and not self._is_admitted(body.token, request):
            refusal = CredentialsInvalidError("token: must be generated by you; this one was issued to you or others")
            raise refusal.helped_by("token_is_invitation") if _is_invitation(body.token, request) else refusal
        if body.url is None:
            return
        try:
            self._urls.check(body.url)
        except ValueError as err:
            raise CredentialsInvalidError(f"url: {err}") from None
        if any(token.appears_in(body.url) for token in (body.token, request.identity.text)):
            raise CredentialsInvalidError("url: must not contain a token")

    def _issued_here(self, token: Token, tenant: Tenant) -> bool:
        """Whether this tenant has issued it. That of another one is a stranger's: tenants may connect to each other."""
        found = self._model.recognised(token.reveal())
        return found is not None and found[0].tenant == tenant.id

    def _is_admitted(self, token: Token, request: Request) -> bool:
        """A peer may give back its invitation as its own token where that is set for it, and keep it afterwards."""
        if not request.peer.quirks.token_is_invitation:
            return False
        held = request.peer.held
        return _is_invitation(token, request) or (held is not None and self._model.held_token(request.peer) == token)

    async def _exchange(self, request: Request, kind: ExchangeKind, event: Posted | Put) -> Credentials:
        """Refuse what can be refused at once; else take the lease and begin again from what stands then (F5)."""
        record = replace(self._record(request, kind), warnings=_warnings(event))
        judged = await self._judge(request, event)
        if judged.refusal is not None:
            await self._leases.refuse(record, judged.refusal)
            if isinstance(judged.refusal, PartyNotApprovedError):
                await self._leases.put_before_operator(request.identity, judged.uncovered)
            raise judged.refusal
        # From here on the exchange runs to its own end: a caller that goes away must not tear it apart (F2 to F4).
        task = asyncio.create_task(self._leased(request, record, event))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(partial(_unheard, request))
            raise

    async def _leased(self, request: Request, record: Exchange, event: Posted | Put) -> Credentials:
        deadline = asyncio.get_running_loop().time() + BUDGET_SECONDS
        try:
            await self._leases.open(record)
        except ExchangeInProgressError as err:
            await self._leases.refuse(record, err)
            raise
        return await self._under_lease(request, record, event, deadline)

    async def _under_lease(
        self, request: Request, record: Exchange, event: Posted | Put, deadline: float
    ) -> Credentials:
        steps: list[Step] = []
        warnings = list(record.warnings)
        try:
            with self._slots.slot(request.tenant.id):
                situation = await self._situation(request, event)
                callbacks = self._callbacks(request, situation, event, deadline, steps, warnings)
                established = await _converse(callbacks, situation.screened)
                held = await self._held(request, situation, callbacks, established.registration)
                said = replace(record, steps=tuple(steps), warnings=tuple(warnings))
                return await self._commit(request, said, situation, held, established)
        except Exception as err:  # noqa: BLE001  whatever it was, it goes on record and the lease is given back
            refusal = err if isinstance(err, BrokerError) else _defect(err, request)
            said = replace(record, steps=tuple(steps), warnings=tuple(warnings))
            await self._leases.fail(said, request.identity, refusal)
            raise refusal from None

    async def _judge(self, request: Request, event: Posted | Put | Deleted) -> Screening:
        """What can be refused from memory; whatever passes is judged again under the lease."""
        before = standing(request.tenant, request.peer, request.identity.token)
        return await threads.run(_size(event), screen, before, event, partial(self._held_elsewhere, request.peer))

    def _held_elsewhere(self, peer: Peer, keys: frozenset[PartyKey]) -> frozenset[PartyKey]:
        """As memory has it. Single look-ups only, since memory may change while a thread asks."""
        holders = (
            (key, self._model.holders(peer.tenant, key.country_code, key.party_id).get(key.role.value)) for key in keys
        )
        return frozenset(key for key, holder in holders if holder is not None and holder.uid != peer.uid)

    async def _situation(self, request: Request, event: Posted | Put | Deleted) -> Situation:
        """Read the peer from the database, judge its token and its request again. Raises TokenRejectedError."""
        lookup_id = request.identity.token.lookup_id

        def stand(peer: Peer, holders: peers.Holders) -> Situation:
            token = next((token for token in peer.issued if token.lookup_id == lookup_id), None)
            if token is None or reject(peer, token, self._clock()):
                raise TokenRejectedError
            before, due = standing(request.tenant, peer, token), overtaken(event, request.peer, peer)
            return Situation(peer, token, screen(before, due, partial(_others, holders, peer)))

        situation = await self._store.read(lambda session: peers.view(session, request.peer.uid, stand))
        if situation is None:
            raise TokenRejectedError
        return situation

    def _callbacks(
        self,
        request: Request,
        situation: Situation,
        event: Posted | Put,
        deadline: float,
        steps: list[Step],
        warnings: list[str],
    ) -> Callbacks:
        held = situation.peer.held if isinstance(event, Put) and not situation.is_repeat else None
        return Callbacks(
            peers=self._http,
            clock=self._clock,
            correlation_id=request.correlation_id,
            form=request.identity.form,
            tolerances=Tolerances(situation.peer.quirks, strict=request.tenant.policy.strict),
            fallback=self._model.held_token(situation.peer) if held else None,
            deadline=deadline,
            steps=steps,
            warnings=warnings,
            given=(request.identity.text,),
        )

    async def _commit(
        self,
        request: Request,
        record: Exchange,
        situation: Situation,
        held: held_tokens.Held | None,
        established: Establish,
    ) -> Credentials:
        """Everything in one transaction; then, and only then, there is an answer."""
        peer, shown = situation.peer, situation.token.lookup_id
        registration = _binding(established.registration, situation, held)
        fresh = Token(minting.mint(SecretKind.ISSUED_TOKEN))
        policy = request.tenant.policy
        window = policy.post_retry_window if situation.token.purpose is Purpose.INVITATION else policy.put_retry_window

        def commit(tx: Transaction) -> Token:
            changed = identity_change(peer, registration, tx.now) if record.kind is ExchangeKind.PUT else None
            left_out = peers.told_holders(tx.session, peer.tenant, [party.key for party in established.left_out])
            ours = self._issued_here(registration.theirs.token, request.tenant)
            seen = (changed, token_is_invitation(tx.now) if ours else None, held_elsewhere(left_out, tx.now))
            kept = kept_notices(transitions.notices_of(tx, peer.uid), [one for one in seen if one is not None])
            registered = transitions.Registered(registration, request.identity.form, held, established.left_out, kept)
            if not transitions.take_over(tx, peer, record.uid, registered):
                raise ExchangeInProgressError("the connection was changed from another side meanwhile")
            if not transitions.token_is_live(tx, shown):
                raise TokenRejectedError
            issued = peers.issued(tx.session, peer.uid)
            if _was_replaced(situation.token, issued):
                raise ExchangeInProgressError("an exchange of ours ended while this one ran; try again")
            given = self._given(tx, peer, issued, fresh, window, shown=shown)
            transitions.establish(tx, peer, registered, given.fingerprint, given.succession)
            lost = transitions.claim_parties(tx, peer, registration.theirs.parties)
            if lost:
                raise PartyNotAllowedError(f"roles: {lost[0]} belongs to another connection")
            left = [_LEFT_AS_IT_WAS] if _differ(registration, established.registration) else []
            told = [*left_out, *([changed.message] if changed else []), *left]
            exchange_records.end(tx, replace(record, outcome=Outcome.SUCCEEDED, warnings=(*record.warnings, *told)))
            tx.audit(
                "peer.registered" if record.kind is ExchangeKind.POST else "peer.updated",
                peer.tenant,
                peer.name,
                exchange=record.uid,
                version=record.version,
                url=registration.theirs.url,
                parties=sorted(str(key) for key in registration.theirs.keys),
                issued=given.fingerprint.lookup_id,
                replaced=shown,
            )
            if changed is not None:
                tx.audit("peer.identity_changed", peer.tenant, peer.name, exchange=record.uid, change=changed.message)
            if held is not None and not held.proven:
                tx.audit("token.unproven", peer.tenant, peer.name, exchange=record.uid, finding=held.finding)
            return given.token

        token = await self._store.change(peer.name, commit)
        if held is not None and not held.proven:
            _log.warning("token_unproven", **peer.where, finding=held.finding)
        return self._ourselves.credentials(request.tenant, peer, token)

    async def _held(
        self, request: Request, situation: Situation, callbacks: Callbacks, registration: Registration
    ) -> held_tokens.Held | None:
        """What is known of the token that the peer has sent; None if it is one that we have of it already.

        It has worked in the call backs, unless only the one before did (A11). In a repeat that does not tell enough:
        who has stolen a replaced token may send anything, and version documents may be open to everybody (A27, F11).
        So there the tokens before stay until the new one is known to be the peer's.
        """
        peer, token = situation.peer, registration.theirs.token
        sealed = self._model.sealed(peer.tenant, peer.uid, token, HELD_TOKEN)
        if callbacks.settled is not None:
            finding = "the peer refused it during its own PUT and took the one before"
            pause = proving.FIRST_PAUSE
            return held_tokens.Held(
                sealed, callbacks.form, proven=False, finding=finding, pause=pause, before=peer.held
            )
        if not situation.is_repeat or peer.held is None:
            return held_tokens.Held(sealed, callbacks.form, proven=True)
        if any(self._model.unsealed(peer, one.sealed, HELD_TOKEN) == token for one in (peer.held, *peer.to_be_tried)):
            return None
        trial = await self._known(request, peer, callbacks, token, self._model.held_token(peer))
        if trial.verdict is Verdict.WORKED:
            return held_tokens.Held(sealed, trial.form, proven=True)
        finding = f"it came in a repeat, with a token of ours that was replaced: {trial.finding}"
        pause = proving.FIRST_PAUSE
        return held_tokens.Held(sealed, trial.form, proven=False, finding=finding, pause=pause, of_repeat=True)

    async def _known(self, request: Request, peer: Peer, callbacks: Callbacks, token: Token, before: Token) -> Trial:
        """Whether the peer knows its new token; if it tells nothing, whether it has forgotten the one before.

        It is asked where it is registered, not where the repeat says: that may be the thief's corner of the same host.
        """
        where, credentials = peer.versions_url or "", credentials_url(peer.endpoints)
        subject = Subject(where, callbacks.form, callbacks.tolerances, credentials)
        try:
            async with asyncio.timeout_at(callbacks.deadline):
                trial = await self._trials.known(subject, token, request.correlation_id)
                if trial.verdict.proves_nothing:
                    alone = await self._trials.taken(subject, before, request.correlation_id)
                    return replace(trial, verdict=Verdict.WORKED) if alone.verdict is Verdict.REFUSED else trial
        except TimeoutError:
            return Trial(Verdict.FAILED, callbacks.form, "the peer did not answer in time")
        return trial

    def _given(
        self, tx: Transaction, peer: Peer, issued: Sequence[IssuedToken], fresh: Token, window: int, *, shown: str
    ) -> _Given:
        """The token in our answer: a fresh one, or the one that a request of ours offers to the peer at this moment.

        Whichever of the two exchanges the peer takes for the later one, it then has the same token (F6). A repeat gets
        a token of its own: it may come from somebody else.
        """
        alone = succeed(issued, shown, tx.now, window * 1_000_000)
        if alone.repeat_of is not None and repeats_too_often(issued, tx.now):
            raise ExchangeInProgressError("this has been repeated too often; use the token that you were given")
        job = jobs.find(tx.session, peer.uid) if alone.repeat_of is None else None
        promoted = None
        if job is not None:
            promoted = crossing(job, issued, shown, tx.now)
            if is_overtaken(job, tx.now):
                jobs.drop(tx, peer.uid)
        if job is not None and job.offered is not None and promoted is not None:
            fresh = self._model.unsealed(peer, job.offered, OFFERED_TOKEN)
        fingerprint = minting.fingerprint(self._pepper, SecretKind.ISSUED_TOKEN, fresh.reveal())
        return _Given(fresh, fingerprint, succeed(issued, shown, tx.now, window * 1_000_000, promote=promoted))

    def _record(self, request: Request, kind: ExchangeKind) -> Exchange:
        return Exchange(
            uid=str(uuid4()),
            peer_uid=request.peer.uid,
            kind=kind,
            version=str(request.version),
            correlation_id=request.correlation_id,
            request_id=request.request_id,
            started_at=request.arrived,
            deadline_at=request.arrived + LEASE_MICROSECONDS,
        )


def _binding(announced: Registration, situation: Situation, held: held_tokens.Held | None) -> Registration:
    """What an exchange changes of the registration: nothing, where a repeat may come from somebody else (F11)."""
    before = registration_of(situation.peer)
    if before is None or not situation.is_repeat or (held is not None and held.proven):
        return announced
    return replace(before, theirs=replace(before.theirs, token=announced.theirs.token), draft=situation.peer.draft)


def _differ(one: Registration, other: Registration) -> bool:
    """In what is known of a peer besides its token."""
    facts, others = (one.theirs.url, one.theirs.parties), (other.theirs.url, other.theirs.parties)
    return facts != others or one.endpoints != other.endpoints


def _is_invitation(token: Token, request: Request) -> bool:
    return request.identity.token.purpose is Purpose.INVITATION and token == request.identity.text


def _was_replaced(shown: IssuedToken, issued: Sequence[IssuedToken]) -> bool:
    """Whether an exchange of ours has given the peer another token since this one was judged (F6)."""
    now = next((token.state for token in issued if token.lookup_id == shown.lookup_id), TokenState.REVOKED)
    return shown.state is TokenState.ACTIVE and now is not TokenState.ACTIVE


def _warnings(event: Posted | Put) -> tuple[str, ...]:
    return event.body.warnings if isinstance(event.body, Announcement) else ()


def _defect(error: BaseException, request: Request) -> InternalError:
    """It has the same id in the log, in the record of the exchange and in the answer."""
    return defects.report(error, request_id=request.request_id, **request.peer.where)


def _unheard(request: Request, task: asyncio.Task[Credentials]) -> None:
    """Look at how an exchange ended whose caller has gone: nobody else does, and asyncio takes offence at that."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, BrokerError):
        _defect(error, request)


def _size(event: Posted | Put | Deleted) -> int:
    """About as many bytes as an announcement was read from."""
    return 0 if isinstance(event, Deleted) or isinstance(event.body, BrokerError) else 100 * len(event.body.parties)


def _others(holders: peers.Holders, peer: Peer, keys: frozenset[PartyKey]) -> frozenset[PartyKey]:
    return frozenset(key for key, uid in holders(keys).items() if uid != peer.uid)


async def _converse(callbacks: Callbacks, screened: Screening) -> Establish:
    """Run the handshake to its end. Raises the refusal if it ends in one."""
    state, effect = screened.state, screened.effect
    while True:
        match effect:
            case Refuse(error):
                raise error
            case Establish():
                return effect
            case ReadVersions() | ReadEndpoints():
                state, effect = receiver.step(state, await callbacks.ask(effect))
            case Dissolve():
                raise receiver.IllegalTransitionError("a POST or PUT cannot end a registration")
