"""Whether peers still take the tokens that we hold: each is asked after it was quiet for a while, never all at once.

Every broker does this; which of them probes a peer is decided by who moves its turn. Nothing is held while a peer is
being asked: a broker that dies leaves turns that come again. A probe changes no registration.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import structlog

from broker.clock import Clock
from broker.core import health
from broker.core.health import Failed, HealthState, Outcome, Trouble, Worked
from broker.core.peer import Peer
from broker.errors import StoreUnavailableError, TamperedError
from broker.exchanges import events
from broker.exchanges.journal import Journal
from broker.exchanges.situation import form_shown
from broker.memory.readmodel import ReadModel
from broker.outbound.discovery import HttpPeers, Tolerances
from broker.outbound.probes import probe
from broker.store import peer_health
from broker.store.peer_health import Move, Turn
from broker.store.transactions import Store

_log = structlog.get_logger(__name__)

MOST_PROBES = 64
"""Probes that one broker makes at a time."""
MOST_PER_TENANT = 32
"""Of them for one tenant: its peers may be slow, and must not keep those of others waiting (F7)."""
_POLL_SECONDS = 0.5
_BATCH = 200
"""Turns that are taken in one transaction."""
_BATCHES = 5
"""Of these before it is looked whether to stop: after an upgrade all peers are given their turns."""
_CLAIM = 90 * 1_000_000
"""How long a probe has the peer to itself, in microseconds: longer than it may take. Then its turn comes again."""
_LOST = 600 * 1_000_000
"""When a peer is looked at again of which memory knows nothing: it goes, or its row is damaged."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """A probe whose outcome is not written down yet."""

    peer: Peer
    turn: Turn
    outcome: Outcome
    at: int


class HealthWatch:
    """Probes until finish() is called."""

    def __init__(self, store: Store, model: ReadModel, http: HttpPeers, clock: Clock, journal: Journal) -> None:
        self._store = store
        self._model = model
        self._http = http
        self._clock = clock
        self._journal = journal
        self._running: dict[asyncio.Task[None], str] = {}
        self._ended: list[_Ended] = []
        self._finished = asyncio.Event()

    def finish(self) -> None:
        """Begin nothing more, and give up what runs: it has changed nothing."""
        self._finished.set()

    async def follow(self) -> None:
        """Until finish() is called; then write down what has ended."""
        while not self._finished.is_set():
            await self._safely(self.look)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._finished.wait(), _POLL_SECONDS)
        for task in self._running:
            task.cancel()
        await self.drain()
        await self._safely(self._write_down)

    async def drain(self) -> None:
        """Wait for the probes that are running."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def look(self) -> int:
        """Write down what has ended, and begin what is due, as much as may run; how many probes those are."""
        await self._write_down()
        begun = 0
        for _ in range(_BATCHES):
            found, started = await self._take_turns()
            begun += started
            if found < _BATCH or self._finished.is_set():
                break
        return begun

    async def _safely(self, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except StoreUnavailableError:
            pass  # the store tells that the database is away
        except Exception:  # noqa: BLE001  a defect must not end the loop unseen
            _log.exception("probes_stuck")

    async def _take_turns(self) -> tuple[int, int]:
        """How many turns had come, and how many of them are probed now."""
        now, free = self._clock(), MOST_PROBES - len(self._running) - len(self._ended)
        if free <= 0:
            return 0, 0
        counts = Counter(self._running.values())
        full = [tenant for tenant, count in counts.items() if count >= MOST_PER_TENANT]
        turns = await self._store.read(lambda session: peer_health.due(session, now, _BATCH, full))
        if not turns:
            return 0, 0
        await self._model.catch_up()  # a token that came after this moves the turn: then it is not ours any more
        moves: list[Move] = []
        probed: dict[str, Peer] = {}
        for turn in turns:
            following = self._following(turn, now)
            if isinstance(following, Move):
                moves.append(following)
            elif len(probed) < free and counts[turn.tenant] < MOST_PER_TENANT:
                counts[turn.tenant] += 1
                probed[turn.peer_uid] = following
                moves.append(Move(turn, now + _CLAIM, turn.health))
        won = await self._store.jot(lambda tx: peer_health.apply(tx, moves))
        begun = [move for move in won if move.turn.peer_uid in probed]
        for move in begun:
            self._begin(probed[move.turn.peer_uid], Turn(move.turn.peer_uid, move.turn.tenant, move.to, move.health))
        for move in won:
            self._report(move)
        return len(turns), len(begun)

    def _following(self, turn: Turn, now: int) -> Move | Peer:
        """What becomes of a turn that has come; the peer itself if it is to be probed now."""
        peer, tenant = self._model.peer_of(turn.peer_uid), self._model.tenant(turn.tenant)
        if peer is None or tenant is None:
            return Move(turn, now + _LOST, turn.health)
        idle = health.idle_until(peer, tenant.policy, now)
        if idle is not None:
            return Move(turn, idle, health.unprobed(turn.health, now))
        due = health.due(peer.uid, turn.health, tenant.policy.probe_interval, now, anew=turn.anew)
        return Move(turn, due, turn.health) if due > now else peer

    def _begin(self, peer: Peer, turn: Turn) -> None:
        task = asyncio.create_task(self._probe(peer, turn), context=events.about(peer.where))
        self._running[task] = peer.tenant
        task.add_done_callback(partial(self._done, peer))

    def _done(self, peer: Peer, task: "asyncio.Task[None]") -> None:
        self._running.pop(task, None)
        if not task.cancelled() and task.exception() is not None:
            _log.error("probes_stuck", **peer.where, exc_info=task.exception())

    async def _probe(self, peer: Peer, turn: Turn) -> None:
        outcome = await self._outcome(peer)
        self._observe(peer, outcome)
        self._ended.append(_Ended(peer, turn, outcome, self._clock()))

    async def _outcome(self, peer: Peer) -> Outcome:
        try:
            token = self._model.held_token(peer)
        except TamperedError as error:
            return Failed(Trouble.TOKEN_UNREADABLE, str(error))
        tolerances = Tolerances(peer.quirks, strict=self._model.policy(peer.tenant).strict)
        url = peer.versions_url or ""
        return await probe(self._http, url, token, form_shown(peer), tolerances, correlation_id=str(uuid4()))

    def _observe(self, peer: Peer, outcome: Outcome) -> None:
        """The one place that every outcome of a probe passes, whatever becomes of it."""
        worked = isinstance(outcome, Worked) and outcome.form is outcome.asked
        self._journal.probed(peer, "OK" if worked else "FAILED")

    async def _write_down(self) -> None:
        """What probes have found, together. Keeps it if it cannot."""
        ended = self._ended
        if not ended:
            return
        moves = [self._found(each) for each in ended]
        won = await self._store.jot(lambda tx: peer_health.apply(tx, moves))
        self._ended = self._ended[len(ended) :]
        for move in won:
            self._report(move)

    def _found(self, ended: _Ended) -> Move:
        after = health.step(ended.turn.health, ended.outcome, ended.at)
        interval = self._model.policy(ended.peer.tenant).probe_interval
        return Move(ended.turn, health.following(ended.peer.uid, after, interval, ended.at), after)

    def _report(self, move: Move) -> None:
        """Each change of state once: by the broker that wrote it down."""
        before, after = move.turn.health, move.health
        if before.state is after.state:
            return
        peer = self._model.peer_of(move.turn.peer_uid)
        facts = peer.where if peer else {"tenant": move.turn.tenant, "peer_uid": move.turn.peer_uid}
        if after.state is HealthState.FAILING:
            reason = after.trouble.value if after.trouble else None
            _log.warning("peer_health_changed", **facts, state=after.state.value, reason=reason, message=after.message)
        else:
            _log.info("peer_health_changed", **facts, state=after.state.value, reason=None)
