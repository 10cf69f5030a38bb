"""Which job is attempted when, and how many at a time: begun by operators, failed before, or tokens that grow old.

Every broker does this; which of them makes an attempt is decided by the job's lease.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from broker.clock import Clock
from broker.core import rotation
from broker.core.exchange import ExchangeKind
from broker.core.job import Job, JobState
from broker.core.model import Policy
from broker.core.peer import Peer, PeerState, room
from broker.errors import StoreUnavailableError
from broker.exchanges import events
from broker.exchanges.sender_loop import SenderLoop
from broker.memory.readmodel import ReadModel
from broker.store import jobs, peers, transitions
from broker.store.transactions import Store, Transaction

_log = structlog.get_logger(__name__)

MOST_ATTEMPTS = 32
"""Attempts that one broker makes at a time."""
MOST_PER_TENANT = 8
"""Of them for one tenant: its peers may be slow, and must not keep those of others waiting (F7)."""
_POLL_SECONDS = 0.5
_SCHEDULE_SECONDS = 60.0
_BREATH = 1000
"""Peers that are looked at in one go: requests wait meanwhile."""
_DAY = 24 * 3600 * 1_000_000
_HOPELESS = frozenset({"ANSWER_LOST", "PEER_REJECTED_TOKEN"})


class Dispatcher:
    """Begins attempts until finish() is called."""

    def __init__(self, store: Store, model: ReadModel, sender_loop: SenderLoop, clock: Clock) -> None:
        self._store = store
        self._model = model
        self._sender_loop = sender_loop
        self._clock = clock
        self._running: dict[str, asyncio.Task[None]] = {}
        self._tenants: dict[str, str] = {}
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
        scheduling = asyncio.create_task(self._keep_schedule())
        while not self._finished:
            await self._safely(self.dispatch)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), _POLL_SECONDS)
            self._wanted.clear()
        scheduling.cancel()
        await asyncio.gather(scheduling, return_exceptions=True)
        await self.drain()

    async def _keep_schedule(self) -> None:
        """Beside the dispatching: a policy that is new may make the turn of many peers come at once."""
        while True:
            await self._safely(self.schedule)
            await asyncio.sleep(_SCHEDULE_SECONDS)

    async def _safely(self, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except StoreUnavailableError:
            pass  # the store tells that the database is away
        except Exception:  # noqa: BLE001  a defect must not end the loop unseen
            _log.exception("jobs_stuck")

    async def drain(self) -> None:
        """Wait for the attempts that are running."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def dispatch(self) -> int:
        """Begin the attempts that are due, as many as may run; how many those are."""
        begun = 0
        while (free := MOST_ATTEMPTS - len(self._running)) > 0:
            due = await self._due(free)
            started = [uid for tenant, uid in due if self._begin(tenant, uid)]
            begun += len(started)
            if len(due) < free or not started:
                break
        return begun

    async def _due(self, limit: int) -> list[tuple[str, str]]:
        now, counts = self._clock(), Counter(self._tenants.values())
        full = [tenant for tenant, count in counts.items() if count >= MOST_PER_TENANT]
        return await self._store.read(lambda session: jobs.due(session, now, limit, full))

    async def schedule(self) -> None:
        """Begin the rotations that are due (TK-02)."""
        now = self._clock()
        for number, peer in enumerate(self._model.peers()):
            if number % _BREATH == 0:
                await asyncio.sleep(0)
            if _rotation(self._model.policy(peer.tenant), peer, now) is not None:
                await self._schedule(peer.uid)

    async def _schedule(self, peer_uid: str) -> None:
        """As the database has it: memory may be behind, and a job of a peer that is gone would never end."""

        def begin(tx: Transaction) -> None:
            transitions.lock_by_uid(tx, peer_uid)
            peer = peers.find_by_uid(tx.session, peer_uid)
            job = _rotation(self._model.policy(peer.tenant), peer, tx.now) if peer else None
            if peer is None or job is None:
                return
            jobs.drop_failed(tx, peer_uid, tx.now - _DAY)
            if jobs.put_first(tx, peer_uid, job):
                tx.audit("peer.rotation_scheduled", peer.tenant, peer.name)

        await self._store.change("rotation policy", begin)

    def _begin(self, tenant: str, peer_uid: str) -> bool:
        """Whether another attempt runs now."""
        if peer_uid in self._running or Counter(self._tenants.values())[tenant] >= MOST_PER_TENANT:
            return False
        peer = self._model.peer_of(peer_uid)
        self._running[peer_uid] = task = asyncio.create_task(
            self._sender_loop.attempt(peer_uid), context=events.about(peer.where if peer else {"tenant": tenant})
        )
        self._tenants[peer_uid] = tenant
        task.add_done_callback(lambda done: self._ended(peer_uid, done))
        return True

    def _ended(self, peer_uid: str, task: "asyncio.Task[None]") -> None:
        full = len(self._running) >= MOST_ATTEMPTS
        self._running.pop(peer_uid, None)
        self._tenants.pop(peer_uid, None)
        if not task.cancelled() and task.exception() is not None:
            peer = self._model.peer_of(peer_uid)
            _log.error("jobs_stuck", **(peer.where if peer else {}), exc_info=task.exception())
        if full:
            self.wake()


def _rotation(policy: Policy, peer: Peer, now: int) -> Job | None:
    """The job that renews the tokens of this peer, if its turn has come."""
    if peer.state is not PeerState.REGISTERED or peer.blocked or peer.held is None or not _is_idle(peer.job, now):
        return None
    period = peer.care.automatic(policy.rotation_period)
    due = rotation.passed(peer.uid, peer.held.created_at, period, now)
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
