"""Tries tokens that peers have announced and that have not worked yet, until they work or the peer has given another.

Services get a token only once it is known to work, where there is one that does. Every broker does this; which of them
makes a try is decided by a conditional statement.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from functools import partial
from uuid import uuid4

import structlog

from broker.clock import Clock
from broker.core import proving
from broker.core.peer import HeldToken, Peer, PeerState
from broker.core.required_modules import credentials_url
from broker.errors import BrokerError, StoreUnavailableError
from broker.exchanges import events
from broker.exchanges.situation import form_of
from broker.memory.readmodel import HELD_TOKEN, ReadModel
from broker.outbound.discovery import HttpPeers, Tolerances
from broker.outbound.token_trials import Subject, TokenTrials, Trial, Verdict
from broker.store import held_tokens, transitions
from broker.store.transactions import Store, Transaction

_log = structlog.get_logger(__name__)

MOST_TRIES = 16
"""Tries that one broker makes at a time."""
MOST_PER_TENANT = 4
"""Of them for one tenant: its peers may be slow, and must not keep those of others waiting (F7)."""
_TRY_SECONDS = 40.0
"""One try, which is a few GETs."""
_POLL_SECONDS = 0.25
_CLAIMED = 60_000_000
"""Microseconds after which another broker may make a try whose broker has died."""
_RARELY = 2_000_000
"""Microseconds between two tries of one peer that this broker begins."""


class UnprovenTokens:
    """Tries what is due until finish() is called."""

    def __init__(self, store: Store, model: ReadModel, http: HttpPeers, clock: Clock) -> None:
        self._store = store
        self._model = model
        self._trials = TokenTrials(http)
        self._clock = clock
        self._running: dict[str, asyncio.Task[None]] = {}
        self._wanted: set[str] = set()
        self._begun: dict[str, int] = {}
        self._tenants: Counter[str] = Counter()
        self._finished = asyncio.Event()

    def asked_for(self, peer: Peer) -> None:
        """A service has asked for the token of a peer that has announced another: a good moment to try that."""
        if len(self._wanted) < MOST_TRIES:
            self._wanted.add(peer.uid)

    def finish(self) -> None:
        """Begin nothing more."""
        self._finished.set()

    async def follow(self) -> None:
        while not self._finished.is_set():
            self._begin_what_is_due()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._finished.wait(), _POLL_SECONDS)
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _begin_what_is_due(self) -> None:
        now, wanted = self._clock(), self._wanted
        self._wanted = set()
        self._begun = {uid: at for uid, at in self._begun.items() if at > now - _RARELY}
        for peer, token in self._waiting():
            hurried = peer.uid in wanted and token.tries > 0 and token.next_try_at - now > _RARELY
            full = len(self._running) >= MOST_TRIES or self._tenants[peer.tenant] >= MOST_PER_TENANT
            if not full and (hurried or token.next_try_at <= now):
                self._begin(peer, token, hurried=hurried)

    def _waiting(self) -> list[tuple[Peer, HeldToken]]:
        """Whose token may be tried, the longest due first."""
        found = [
            (peer, token)
            for peer in self._model.unproven()
            if not peer.blocked and peer.state is PeerState.REGISTERED
            if peer.uid not in self._running and peer.uid not in self._begun
            for token in [min(peer.to_be_tried, key=lambda token: token.next_try_at)]
        ]
        return sorted(found, key=lambda each: each[1].next_try_at)

    def _begin(self, peer: Peer, token: HeldToken, *, hurried: bool) -> None:
        self._begun[peer.uid] = self._clock()
        self._tenants[peer.tenant] += 1
        self._running[peer.uid] = task = asyncio.create_task(
            self._safely(peer, token, hurried=hurried), context=events.about(peer.where)
        )
        task.add_done_callback(partial(self._ended, peer))

    def _ended(self, peer: Peer, _task: "asyncio.Task[None]") -> None:
        self._running.pop(peer.uid, None)
        self._tenants[peer.tenant] -= 1
        self._tenants += Counter()  # drops what is back at zero

    async def _safely(self, peer: Peer, token: HeldToken, *, hurried: bool) -> None:
        try:
            await self._try(peer, token, hurried=hurried)
        except StoreUnavailableError:
            return  # the store tells that the database is away; the try is made again when its claim is over
        except Exception:  # noqa: BLE001  a defect must not end the loop unseen
            _log.exception("token_try_stuck", **peer.where)

    async def _try(self, peer: Peer, token: HeldToken, *, hurried: bool) -> None:
        def claim(tx: Transaction) -> bool:
            return held_tokens.claim_try(tx, peer.uid, token, tx.now + _CLAIMED, hurried=hurried)

        if not await self._store.jot(claim):
            return  # another broker makes it, or the token is not held any more
        try:
            async with asyncio.timeout(_TRY_SECONDS):
                trial = await self._judged(peer, token)
        except TimeoutError:
            trial = Trial(Verdict.FAILED, form_of(peer, token), f"no answer to it within {_TRY_SECONDS:g} seconds")
        if trial.verdict is Verdict.WORKED:
            await self._proved(peer, token, trial)
        else:
            await self._failed(peer, token, trial)

    async def _judged(self, peer: Peer, token: HeldToken) -> Trial:
        trial = await self._made(peer, token)
        last = trial.verdict.proves_nothing and proving.is_of_the_last_word(peer, token, self._clock())
        if last or (trial.verdict.proves_nothing and await self._is_dead(peer)):
            return Trial(Verdict.WORKED, trial.form)
        return trial

    async def _made(self, peer: Peer, token: HeldToken) -> Trial:
        """What is beside another token must be known to be the peer's; the only one is only to be tried."""
        try:
            text = self._model.unsealed(peer, token.sealed, HELD_TOKEN)
        except BrokerError as error:
            return Trial(Verdict.FAILED, form_of(peer, token), error.explained)
        subject, correlation_id = self._subject(peer, token), str(uuid4())
        trial = await self._trials.taken(subject, text, correlation_id)
        if token is peer.held or trial.verdict is not Verdict.WORKED:
            return trial
        return await self._trials.known(replace(subject, form=trial.form), text, correlation_id)

    async def _is_dead(self, peer: Peer) -> bool:
        """Whether the peer does not take the token any more that services get, or that does not open."""
        if peer.held is None or not peer.held.proven:
            return True
        try:
            text = self._model.held_token(peer)
        except BrokerError:
            return True
        found = await self._trials.taken(self._subject(peer, peer.held), text, str(uuid4()))
        return found.verdict is Verdict.REFUSED

    def _subject(self, peer: Peer, token: HeldToken) -> Subject:
        tolerances = Tolerances(peer.quirks, strict=self._model.policy(peer.tenant).strict)
        return Subject(peer.versions_url or "", form_of(peer, token), tolerances, credentials_url(peer.endpoints))

    async def _proved(self, peer: Peer, token: HeldToken, trial: Trial) -> None:
        def commit(tx: Transaction) -> bool:
            transitions.lock_by_uid(tx, peer.uid)
            proved = held_tokens.prove(tx, peer.uid, token, trial.form)
            if proved:
                tx.audit("token.proven", peer.tenant, peer.name)
            return proved

        if await self._store.change("broker", commit):
            _log.info("token_proven", **peer.where)

    async def _failed(self, peer: Peer, token: HeldToken, trial: Trial) -> None:
        at = self._clock() + proving.pause(token.tries)

        def commit(tx: Transaction) -> bool:
            noted = held_tokens.put_off_try(tx, peer.uid, token, trial.finding, at) and token.tries == 0
            if noted:
                tx.audit("token.unproven", peer.tenant, peer.name, finding=trial.finding)
            return noted

        if await self._store.change("broker", commit):
            _log.warning("token_unproven", **peer.where, finding=trial.finding)
