"""Two of our brokers over a bad wire, one defence of the Sender after the other (F2, F4, F5, F6).

Each defence has a sequence that it stands up to, and that does harm when it is taken out: so none of them is there for
nothing, and none of these tests passes by chance.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlmodel import col

from broker.core.peer import Rejection, TokenState
from broker.exchanges import attempt_commits, receiver_loop
from broker.memory import authenticator
from broker.store import held_tokens, jobs, offers
from broker.store.tables import JobRow
from tests.faults.brokers import Pair, Site, new_pair, two_brokers, until
from tests.faults.channel import Kind

pytestmark = pytest.mark.anyio


class HarmError(AssertionError):
    """A pair has come apart."""


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise HarmError(what)


@pytest.fixture(scope="module")
async def sites(event_loop_for_all: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Site, Site]]:
    async with two_brokers(tmp_path_factory.mktemp("brokers")) as both:
        yield both


async def _registers(pair: Pair) -> None:
    """b calls back with the token in a's POST."""
    await pair.connect()
    await pair.settle()
    _require(pair.a.state == "REGISTERED", f"a is {pair.a.state}: {pair.a.job()}")


async def _repeats(pair: Pair) -> None:
    """b has done it, its answer is lost, and so is the request that repeats it. b uses what it has."""
    lost = pair.b.channel.fault(Kind.DROP_ANSWER)
    await pair.a.rotate()
    await _over(pair, lost.struck)
    lost = pair.b.channel.fault(Kind.DROP_REQUEST)
    pair.a.hurry()
    await _over(pair, lost.struck)
    _require(await pair.a.takes(await pair.b.held()), "a does not take what it has given to b")


async def _old_calls(pair: Pair) -> None:
    """A service of b has fetched the token before it was replaced, and comes with it afterwards."""
    old = await pair.b.held()
    await pair.a.rotate()
    await pair.settle()
    assert await pair.b.held() != old
    _require(await pair.a.takes(old), "the old token died before b has used the new one")


async def _cross(pair: Pair) -> None:
    """a's request is under way while b asks and is answered, and arrives at b after that."""
    late = pair.b.channel.fault(Kind.HOLD_REQUEST, "PUT")
    await pair.a.rotate()
    await _soon(late.struck)
    await pair.b.rotate()
    await until(lambda: pair.b.job() is None)
    late.released.set()
    await pair.settle()
    _require(await pair.well(), "what each side holds does not open the other")


async def _dies_before_trying(pair: Pair) -> None:
    """a dies when it has the answer of a peer that ends old tokens at once, before it has tried the new one."""
    answer = pair.b.channel.fault(Kind.HOLD_ANSWER)
    await pair.a.rotate()
    await _soon(answer.struck)
    trial = pair.b.channel.fault(Kind.HOLD_REQUEST, "GET")
    answer.released.set()
    await _soon(trial.struck)
    await pair.a.crash()
    trial.released.set()
    await pair.settle()
    _require(await pair.well(), "the pair has come apart")


async def _stays_unknown(pair: Pair) -> None:
    """The answer of a peer that has done it is lost; a minute later it still uses the new token."""
    lost = pair.b.channel.fault(Kind.DROP_ANSWER)
    await pair.a.rotate()
    await _over(pair, lost.struck)
    _require(await pair.a.takes(await pair.b.held()), "a does not take what it has given to b")


async def _comes_late(pair: Pair) -> None:
    """The answer to an attempt comes when its time is over and another broker has repeated the request."""
    first = pair.b.channel.fault(Kind.HOLD_ANSWER)
    await pair.a.rotate()
    await _soon(first.struck)
    pair.a.expire()
    second = pair.b.channel.fault(Kind.HOLD_ANSWER)
    other = pair.a.attempt()
    await _soon(second.struck)
    first.released.set()
    await until(lambda: not pair.a.attempting)
    second.released.set()
    await other
    await pair.settle()
    _require(await pair.well(), "a holds what b has replaced since")


async def _over(pair: Pair, struck: asyncio.Event) -> None:
    """Until a has taken note of what was done to its request."""
    await _soon(struck)
    await until(lambda: not pair.a.attempting)


async def _soon(event: asyncio.Event) -> None:
    async with asyncio.timeout(20):
        await event.wait()


def _provisional_is_refused(patch: pytest.MonkeyPatch) -> None:
    judge = authenticator.reject

    def reject(peer: Any, token: Any, now: int) -> Rejection | None:
        return Rejection.UNKNOWN if token.state is TokenState.PROVISIONAL else judge(peer, token, now)

    patch.setattr(authenticator, "reject", reject)


def _repeat_is_fresh(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(attempt_commits, "has_expired", lambda *_: True)


def _old_dies_at_once(patch: pytest.MonkeyPatch) -> None:
    settle = offers.settle

    def settled(tx: Any, peer: Any, lease: str, job: Any, result: offers.Settled) -> bool:
        return settle(tx, peer, lease, job, replace(result, not_after=None))

    patch.setattr(offers, "settle", settled)


def _crossing_is_not_seen(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(receiver_loop, "crossing", lambda *_: None)


def _held_is_stored_later(patch: pytest.MonkeyPatch) -> None:
    forgetful = SimpleNamespace(**{**vars(held_tokens), "hold": lambda *_: None})
    patch.setattr(offers, "held_tokens", forgetful)


def _unknown_is_failed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(attempt_commits, "_stays_in_doubt", lambda *_: False)


def _no_fence(patch: pytest.MonkeyPatch) -> None:
    def written(tx: Any, peer_uid: str, held: str, **values: Any) -> bool:
        row = tx.session.exec(update(JobRow).where(col(JobRow.peer_uid) == peer_uid).values(**values))
        return bool(row.rowcount == 1)

    def end(tx: Any, peer_uid: str, lease: str) -> bool:
        row = tx.session.exec(delete(JobRow).where(col(JobRow.peer_uid) == peer_uid))
        tx.changed("peer", peer_uid)
        return bool(row.rowcount == 1)

    patch.setattr(jobs, "_update", written)
    patch.setattr(jobs, "end", end)


@dataclass(frozen=True, slots=True)
class Defence:
    """What is taken out, and what it stands up to: from two tenants that are connected, unless it is about that.

    put_window: how long b keeps replaced tokens, if not as long as usual.
    """

    take_out: Callable[[pytest.MonkeyPatch], None]
    sequence: Callable[[Pair], Awaitable[None]]
    put_window: int | None = None
    connected: bool = True
    alone: bool = True
    """Whether nothing else stands up to it: tokens are tried before services get them."""

    async def pair(self, sites: tuple[Site, Site]) -> Pair:
        pair = await new_pair(sites, put_window=self.put_window)
        if self.connected:
            await pair.connect()
            await pair.settle()
            assert await pair.well()
        return pair


DEFENCES = {
    "the offered token works before the request leaves": Defence(_provisional_is_refused, _registers, connected=False),
    "a repeat carries the same token": Defence(_repeat_is_fresh, _repeats),
    "the old token lives until the new one is used": Defence(_old_dies_at_once, _old_calls),
    "a crossing exchange gives the token that is offered": Defence(_crossing_is_not_seen, _cross, alone=False),
    "what was got is stored before it is tried": Defence(_held_is_stored_later, _dies_before_trying, put_window=0),
    "what is not known is not taken for a failure": Defence(_unknown_is_failed, _stays_unknown, put_window=0),
    "who has lost the lease changes nothing": Defence(_no_fence, _comes_late, alone=False),
}


@pytest.fixture(params=DEFENCES)
def defence(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Defence:
    """The minute for which a refused token still works is over at once."""
    monkeypatch.setattr(attempt_commits, "_GRACE_MICROSECONDS", 0)
    return DEFENCES[request.param]


async def test_the_pair_stands(sites: tuple[Site, Site], defence: Defence) -> None:
    await defence.sequence(await defence.pair(sites))


async def test_without_the_defence_it_does_not(
    sites: tuple[Site, Site], defence: Defence, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not defence.alone:
        pytest.skip("a second defence stands behind it")
    pair = await defence.pair(sites)
    defence.take_out(monkeypatch)
    with pytest.raises(HarmError):
        await defence.sequence(pair)
    for site in sites:
        site.channel.heal()


async def test_a_new_invitation_helps_a_peer_that_never_got_its_token(sites: tuple[Site, Site]) -> None:
    """The answer to b's PUT is lost, and b begins anew: it will never say which of a's tokens it has."""
    pair = await new_pair(sites)
    await pair.connect()
    await pair.settle()
    assert await pair.well()
    lost = pair.a.channel.fault(Kind.DROP_ANSWER)
    await pair.b.rotate()
    await _soon(lost.struck)
    await until(lambda: not pair.b.attempting)

    await pair.invite_again()
    await pair.settle()

    assert [side.job() for side in pair.sides] == [None, None]
    assert await pair.well()
