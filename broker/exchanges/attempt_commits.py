"""What an attempt of ours commits, step by step: the token offered, the token got, retries, the end (F2, F5).

Each transaction names the attempt's lease: whoever lost it changes nothing. The peer's row is locked before the job's.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar
from uuid import uuid4

import structlog

from broker.clock import Clock
from broker.core import notices, proving
from broker.core.exchange import Direction, Exchange, ExchangeKind, Outcome
from broker.core.job import Job, JobOutcome, JobState, confirming, failed, next_attempt, without_invitation
from broker.core.model import HeaderForm, Sealed, Token, Version
from broker.core.peer import HeldToken, Peer, TokenState, has_expired, room
from broker.core.sender import Committed, Finish, Keep, Stop, Swap
from broker.crypto import minting
from broker.crypto.minting import Pepper, SecretKind
from broker.errors import (
    BrokerError,
    ConflictError,
    ExchangeInProgressError,
    OutcomeUnknownError,
    PeerRefusedError,
    PeerRejectedTokenError,
    StoreUnavailableError,
)
from broker.exchanges.attempt import Attempt, LeaseLostError
from broker.memory.readmodel import ACCESS_TOKEN, HELD_TOKEN, OFFERED_TOKEN, ReadModel
from broker.outbound.http_call import CallbackError
from broker.store import exchange_records, held_tokens, jobs, offers, peers, transitions
from broker.store.transactions import Store, Transaction

T = TypeVar("T")

_log = structlog.get_logger(__name__)

READING_SECONDS = 45
"""How long the lease holds while a peer's lists are being read, with a margin."""
SENDING_SECONDS = 75
"""The same while a request of ours is open (RS-14)."""
_PATIENCE_SECONDS = (0.5, 1, 2, 4, 8, 15, 30)
"""How long an answer waits for the database, in all about a minute."""
_GRACE_MICROSECONDS = 60_000_000
"""How long a token still works that the peer has refused (RS-10)."""
_TRIED_BY_THE_JOB = 300_000_000
"""Until when a new token is the job's to try; later it is tried like any other that is not proven."""
_USUAL_FORM = HeaderForm.BASE64
_GIVEN = frozenset({TokenState.PROVISIONAL, TokenState.ACTIVE})
"""An offered token that the peer has replaced since is not offered again."""
SETTLING = (PeerRefusedError, PeerRejectedTokenError, CallbackError)
"""With these it is sure that a request has had no effect."""


class AttemptCommits:
    """Reads and writes for attempts. chance gives numbers from [0, 1) by which retries are spread."""

    def __init__(
        self,
        store: Store,
        model: ReadModel,
        pepper: Pepper,
        clock: Clock,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._model = model
        self._pepper = pepper
        self._clock = clock
        self._chance = chance

    async def open(self, peer_uid: str) -> Attempt | None:
        """An attempt at the job of this peer, if it is due and nobody else makes it."""
        return await self._store.jot(lambda tx: self._opened(tx, peer_uid))

    def _opened(self, tx: Transaction, peer_uid: str) -> Attempt | None:
        lease = str(uuid4())
        if not jobs.take(tx, peer_uid, lease, tx.now + READING_SECONDS * 1_000_000):
            return None
        peer = peers.find_by_uid(tx.session, peer_uid)
        tenant = self._model.tenant(peer.tenant) if peer else None
        if peer is None or peer.job is None or tenant is None:
            return None
        exchange = self._begun(peer, peer.job, lease)
        if not peer.job.confirming:
            exchange_records.begin(tx, exchange)
        shown = peer.unproven if peer.job.confirming and peer.unproven else peer.held
        form = peer.quirks.auth_form_out or (shown.form if shown else None) or _USUAL_FORM
        return Attempt(tenant, peer, peer.job, lease, exchange, form)

    async def progress(self, attempt: Attempt, seconds: int) -> None:
        """Show how far it is, and hold the lease for what comes next. Raises LeaseLostError."""

        def write(tx: Transaction) -> bool:
            until = tx.now + seconds * 1_000_000
            exchange_records.note(tx, replace(attempt.record, deadline_at=until))
            return jobs.extend(tx, attempt.peer.uid, attempt.lease, until)

        if not await self._store.jot(write):
            raise LeaseLostError
        attempt.noted = len(attempt.steps)

    async def offer(self, attempt: Attempt, version: Version) -> Token:
        """The token in the request works before that leaves (RS-06); a repeat has the same one (F2)."""
        token = await self._store.change(attempt.peer.name, lambda tx: self._offered(tx, attempt, version))
        attempt.offering = True
        return token

    def _offered(self, tx: Transaction, attempt: Attempt, version: Version) -> Token:
        peer, job = self._standing(tx, attempt)
        known = next((token for token in peer.issued if token.lookup_id == job.offered_lookup_id), None)
        reusable = known is not None and known.state in _GIVEN and not has_expired(known, tx.now)
        if reusable and job.offered is not None:
            text, box, lookup_id = (
                self._model.unsealed(peer, job.offered, OFFERED_TOKEN),
                job.offered,
                job.offered_lookup_id,
            )
        else:
            text, box, lookup_id = self._fresh(tx, peer, anew=job.kind is ExchangeKind.POST)
        attempt.job = replace(job, offered=box, offered_lookup_id=lookup_id, sent_version=version)
        if not jobs.write(tx, peer.uid, attempt.lease, attempt.job, free=False):
            raise LeaseLostError
        return text

    def _fresh(self, tx: Transaction, peer: Peer, *, anew: bool) -> tuple[Token, Sealed, str]:
        found = room(peer.issued, tx.now, anew=anew)
        if found is None:
            raise ExchangeInProgressError(
                "the peer has not used the token of the last exchange yet: until it is known which one it has, "
                "no other can be offered"
            )
        text = Token(minting.mint(SecretKind.ISSUED_TOKEN))
        fingerprint = minting.fingerprint(self._pepper, SecretKind.ISSUED_TOKEN, text.reveal())
        offers.offer(tx, peer, found, fingerprint)
        return text, self._model.sealed(peer.tenant, peer.uid, text, OFFERED_TOKEN), fingerprint.lookup_id

    async def keep(self, attempt: Attempt, keep: Keep) -> Committed:
        """Whatever is wrong with the peer, its token is stored first: without it the peer is lost (F2)."""
        attempt.warnings += keep.warnings

        def commit(tx: Transaction) -> tuple[Peer, list[str], Committed]:
            peer, job = self._standing(tx, attempt)
            newest = peer.newest_held
            crossed = newest.sealed if newest is not None and _differs(peer, attempt.peer) else None
            settled = self._settled(tx, attempt, keep, peer, job)
            if not offers.settle(tx, peer, attempt.lease, confirming(job, crossed, tx.now), settled):
                raise LeaseLostError
            lost = offers.claim(tx, peer, keep.parties, settled.notices)
            quirk = keep.quirk or attempt.quirk
            exchange_records.end(tx, replace(attempt.record, outcome=Outcome.SUCCEEDED, quirk=quirk))
            tx.audit(
                "peer.registered" if job.kind is ExchangeKind.POST else "peer.updated",
                peer.tenant,
                peer.name,
                by="us",
                exchange=attempt.exchange.uid,
                version=str(keep.version),
                url=keep.url,
                parties=sorted(str(party.key) for party in keep.parties or () if party.key not in lost),
                issued=settled.offered,
            )
            spare = self._model.unsealed(peer, crossed, HELD_TOKEN) if crossed else None
            tx.session.expire_all()
            left_out = peers.told_holders(tx.session, peer.tenant, lost)
            return peers.find_by_uid(tx.session, peer.uid) or peer, left_out, Committed(keep.token, spare)

        attempt.peer, left_out, committed = await self._insist(attempt, commit)
        attempt.job, attempt.noted = attempt.peer.job or attempt.job, len(attempt.steps)
        attempt.form, attempt.token = self._form_of_new(attempt), None
        attempt.warnings += left_out
        return committed

    def _form_of_new(self, attempt: Attempt) -> HeaderForm:
        """In which the peer will take the token that it has just given, as far as the form of the one before tells it:
        an invitation that was in Base64 already was decoded, although it was shown as it is (A3).
        """
        fixed = attempt.peer.quirks.auth_form_out
        return fixed or (HeaderForm.BASE64 if attempt.was_encoded else attempt.form)

    async def prove(self, attempt: Attempt, token: HeldToken) -> None:
        """A token that was not proven has worked where the one that services get did not."""

        def commit(tx: Transaction) -> None:
            peer, _ = self._standing(tx, attempt)
            if held_tokens.prove(tx, peer.uid, token, attempt.form):
                tx.audit("token.proven", peer.tenant, peer.name)

        await self._store.change(attempt.peer.name, commit)

    async def _insist(self, attempt: Attempt, work: Callable[[Transaction], T]) -> T:
        """What the peer has answered is in memory alone: a database that is away for a while must not lose it (F2)."""
        for number, pause in enumerate(_PATIENCE_SECONDS):
            try:
                return await self._store.change(attempt.peer.name, work)
            except StoreUnavailableError:
                if number == 0:
                    _log.warning("answer_waits_for_database", **attempt.peer.where)
            await asyncio.sleep(pause)
        return await self._store.change(attempt.peer.name, work)

    def _settled(self, tx: Transaction, attempt: Attempt, keep: Keep, peer: Peer, job: Job) -> offers.Settled:
        window = attempt.tenant.policy.put_retry_window
        used = self._model.unsealed(attempt.peer, job.access, ACCESS_TOKEN) if job.access else None
        used_access = minting.digest(self._pepper, used.reveal()) if used else None
        is_invitation = minting.digest(self._pepper, keep.token.reveal()) == (used_access or peer.used_access)
        new = [
            *(notices.contradictions(keep.warnings, tx.now) if keep.parties is None else ()),
            *([notices.token_is_invitation(tx.now)] if is_invitation else ()),
        ]
        return offers.Settled(
            version=keep.version,
            versions_url=keep.url,
            draft=keep.draft,
            held=held_tokens.Held(
                self._model.sealed(attempt.peer.tenant, attempt.peer.uid, keep.token, HELD_TOKEN),
                self._form_of_new(attempt),
                proven=False,
                pause=_TRIED_BY_THE_JOB,
            ),
            endpoints=keep.endpoints,
            parties=keep.parties,
            asked=keep.asked,
            offered=job.offered_lookup_id or "",
            not_after=tx.now + window * 1_000_000 if window else None,
            notices=notices.kept_notices(peer.notices, new),
            used_access=used_access,
        )

    async def leave(self, attempt: Attempt, error: BrokerError | None = None) -> None:
        """The end of the registration; with an error the peer may not have been told (F17)."""

        def commit(tx: Transaction) -> None:
            peer, job = self._standing(tx, attempt)
            jobs.end(tx, peer.uid, attempt.lease)
            transitions.dissolve(tx, peer)
            record = replace(attempt.record, outcome=Outcome.SUCCEEDED)
            if error is not None:
                what = f"{error.explained}; the peer may think that it is still connected"
                jobs.put(tx, peer.uid, replace(job, state=JobState.FAILED, reason=error.reason, message=what))
                record = replace(record, outcome=Outcome.UNKNOWN, reason=error.reason, message=what)
            exchange_records.end(tx, record)
            tx.audit("peer.unregistered", peer.tenant, peer.name, by="us", told=error is None)

        await self._store.change(attempt.peer.name, commit)

    async def finish(self, attempt: Attempt, effect: Swap | Finish) -> None:
        """The job is done. What was found out while trying the token is added to the record."""
        warning = (
            effect.warning if isinstance(effect, Finish) else "an exchange of the peer crossed ours; its token is used"
        )
        if warning is not None:
            attempt.warnings.append(warning)

        def commit(tx: Transaction) -> None:
            peer, job = self._standing(tx, attempt)
            if isinstance(effect, Swap) and job.access is not None:
                held_tokens.hold(tx, peer.uid, held_tokens.Held(job.access, attempt.form, proven=True))
            elif isinstance(effect, Finish) and peer.unproven is not None:
                self._settle_trial(tx, peer, peer.unproven, attempt, effect)
            jobs.end(tx, peer.uid, attempt.lease)
            exchange_records.amend(tx, attempt.record)

        await self._store.change(attempt.peer.name, commit)

    def _settle_trial(self, tx: Transaction, peer: Peer, token: HeldToken, attempt: Attempt, finish: Finish) -> None:
        if finish.proven:
            held_tokens.prove(tx, peer.uid, token, attempt.form)
        else:
            finding = finish.warning or "it could not be tried"
            held_tokens.put_off_try(tx, peer.uid, token, finding, tx.now + proving.pause(token.tries))

    async def put_off(self, attempt: Attempt, stop: Stop) -> None:
        """What stood before stands, and so does what is not known (UR-12, F2).

        An exchange of the peer may have crossed this attempt (F6): that does as well, unless ours is in doubt. The peer
        may take it for the later one.
        """
        unknown = isinstance(stop.error, OutcomeUnknownError) or attempt.doubtful
        outcome = Outcome.UNKNOWN if unknown else Outcome.REFUSED

        def commit(tx: Transaction) -> None:
            peer, job = self._standing(tx, attempt)
            exchange_records.end(
                tx,
                replace(
                    attempt.record,
                    outcome=outcome,
                    reason=stop.error.reason,
                    message=stop.error.explained,
                    quirk=stop.error.quirk,
                ),
            )
            crossed = _differs(peer, attempt.peer)
            if crossed and job.is_for_tokens and not _stays_in_doubt(attempt):
                offers.withdraw_offer(tx, peer.uid, tx.now + _GRACE_MICROSECONDS)
                jobs.end(tx, peer.uid, attempt.lease, JobOutcome.DROPPED)
                return
            if crossed:
                job = without_invitation(job)
            wait = tx.now + round((stop.error.retry_after or 0) * 1_000_000)
            due = next_attempt(job, tx.now, self._chance(), not_before=wait) if stop.again or crossed else None
            at = tx.now if due is None else due
            after = failed(job, stop.error, at, again=due is not None, in_doubt=_was_in_doubt(attempt))
            if not _stays_in_doubt(attempt):
                after = replace(after, offered=None, offered_lookup_id=None, sent_version=None)
                if attempt.offering:
                    offers.withdraw_offer(tx, peer.uid, tx.now + _GRACE_MICROSECONDS)
            jobs.write(tx, peer.uid, attempt.lease, after, free=True)

        await self._store.change(attempt.peer.name, commit)

    async def has_changed(self, attempt: Attempt) -> bool:
        """Whether our token was replaced while it was shown: then its refusal says nothing of the registration."""
        found = await self._store.read(lambda session: peers.find_by_uid(session, attempt.peer.uid))
        return found is not None and _differs(found, attempt.peer)

    async def overtaken(self, attempt: Attempt) -> None:
        """The record says so; what was committed by somebody else stands."""
        _log.info("attempt_overtaken", **attempt.peer.where, kind=attempt.job.kind.value)
        error = ConflictError("the connection was changed from another side meanwhile")
        outcome = Outcome.UNKNOWN if attempt.doubtful else Outcome.REFUSED
        ended = replace(attempt.record, outcome=outcome, reason=error.reason, message=str(error))
        await self._store.jot(lambda tx: exchange_records.end(tx, ended))

    def _standing(self, tx: Transaction, attempt: Attempt) -> tuple[Peer, Job]:
        """The peer and its job as they are now, locked. Raises LeaseLostError."""
        transitions.lock_by_uid(tx, attempt.peer.uid)
        if not jobs.extend(tx, attempt.peer.uid, attempt.lease, tx.now + READING_SECONDS * 1_000_000):
            raise LeaseLostError
        peer = peers.find_by_uid(tx.session, attempt.peer.uid)
        if peer is None or peer.job is None:
            raise LeaseLostError
        return peer, peer.job

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


def _stays_in_doubt(attempt: Attempt) -> bool:
    """A refusal settles only what was sent in this attempt: the one before may have been carried out (F2)."""
    return _was_in_doubt(attempt) or attempt.doubtful


def _was_in_doubt(attempt: Attempt) -> bool:
    before = attempt.peer.job
    return before is not None and before.sent_version is not None


def _differs(found: Peer, before: Peer) -> bool:
    """Whether another exchange has brought a token since."""
    return _newest(found) is not None and _newest(found) != _newest(before)


def _newest(peer: Peer) -> Sealed | None:
    return peer.newest_held.sealed if peer.newest_held else None
