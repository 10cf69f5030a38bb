"""Which job is attempted when: what operators begin at once, what failed later, and tokens before they are too old.

Every broker does this; which of them makes an attempt is decided by the job's lease.
"""

import asyncio
from contextlib import suppress

import structlog

from broker.clock import Clock
from broker.connector import Connector
from broker.core import rotation
from broker.core.exchange import ExchangeKind
from broker.core.job import Job, JobState
from broker.core.model import Policy
from broker.core.peer import Peer, PeerState, room
from broker.errors import StoreUnavailableError
from broker.readmodel import ReadModel
from broker.store import jobs
from broker.store.transactions import Store, Transaction

_log = structlog.get_logger(__name__)

MOST_ATTEMPTS = 32
"""Attempts that one broker makes at a time."""
_POLL_SECONDS = 0.5
_SCHEDULE_SECONDS = 60.0
_DAY = 24 * 3600 * 1_000_000
_HOPELESS = frozenset({"ANSWER_LOST", "PEER_REJECTED_TOKEN"})


class Dispatcher:
    """Begins attempts until finish() is called."""

    def __init__(self, store: Store, model: ReadModel, connector: Connector, clock: Clock) -> None:
        self._store = store
        self._model = model
        self._connector = connector
        self._clock = clock
        self._running: dict[str, asyncio.Task[None]] = {}
        self._wanted = asyncio.Event()
        self._finished = False

    def wake(self) -> None:
        """Look at once: somebody has begun a job."""
        self._wanted.set()

    def finish(self) -> None:
        """Begin nothing more."""
        self._finished = True
        self.wake()

    async def follow(self) -> None:
        """Until finish() is called; then wait for the attempts that run, which their budgets bound."""
        scheduled = 0.0
        now = asyncio.get_running_loop().time
        while not self._finished:
            try:
                if now() - scheduled >= _SCHEDULE_SECONDS:
                    await self.schedule()
                    scheduled = now()
                await self.dispatch()
            except StoreUnavailableError:
                _log.warning("jobs_waiting")
            except Exception:  # noqa: BLE001  a defect must not end the loop unseen
                _log.exception("jobs_stuck")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), _POLL_SECONDS)
            self._wanted.clear()
        await self.drain()

    async def drain(self) -> None:
        """Wait for the attempts that are running."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def dispatch(self) -> int:
        """Begin the attempts that are due, as many as may run; how many those are."""
        free = MOST_ATTEMPTS - len(self._running)
        now = self._clock()
        due = await self._store.read(lambda session: jobs.due(session, now, free)) if free else []
        for peer_uid in due:
            self._begin(peer_uid)
        return len(due)

    async def schedule(self) -> None:
        """Begin the rotations that are due (TK-02)."""
        now = self._clock()
        for peer in self._model.peers():
            job = _rotation(self._model.policy(peer.tenant), peer, now)
            if job is not None:
                await self._schedule(peer, job)

    async def _schedule(self, peer: Peer, job: Job) -> None:
        def begin(tx: Transaction) -> None:
            jobs.drop_failed(tx, peer.uid, job.started_at - _DAY)
            if jobs.put_first(tx, peer.uid, job):
                tx.audit("peer.rotation_scheduled", peer.tenant, peer.name)

        await self._store.change("rotation policy", begin)

    def _begin(self, peer_uid: str) -> None:
        if peer_uid in self._running:
            return
        self._running[peer_uid] = task = asyncio.create_task(self._connector.attempt(peer_uid))
        task.add_done_callback(lambda done: self._ended(peer_uid, done))

    def _ended(self, peer_uid: str, task: "asyncio.Task[None]") -> None:
        full = len(self._running) >= MOST_ATTEMPTS
        self._running.pop(peer_uid, None)
        if not task.cancelled() and task.exception() is not None:
            _log.error("jobs_stuck", exc_info=task.exception())
        if full:
            self.wake()


def _rotation(policy: Policy, peer: Peer, now: int) -> Job | None:
    """The job that renews the tokens of this peer, if its turn has come."""
    if peer.state is not PeerState.REGISTERED or peer.blocked or peer.held is None or not _is_idle(peer.job, now):
        return None
    due = rotation.passed(peer.uid, peer.held.created_at, policy.rotation_period, now)
    if due is None or room(peer.issued, now) is None:
        return None
    begin = rotation.start(peer.uid, due, now)
    return Job(ExchangeKind.PUT, JobState.WAITING, started_at=now, next_attempt_at=begin, scheduled=True)


def _is_idle(job: Job | None, now: int) -> bool:
    """A day after a failure that is sure, the schedule goes on; what is in doubt, or hopeless, is an operator's."""
    if job is None:
        return True
    over = job.state is JobState.FAILED and now - job.next_attempt_at >= _DAY
    hopeless = job.kind is ExchangeKind.DELETE or (job.kind is ExchangeKind.PUT and job.reason in _HOPELESS)
    return over and not job.outcome_unknown and not hopeless
