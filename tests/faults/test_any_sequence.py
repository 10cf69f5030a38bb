"""Two of our brokers over a bad wire: any sequence of commands, losses and deaths (F1, F2, F4, F5, F6).

After every step: no peer has a third token that works, a registered one has at least one, what is revoked stays
revoked, and every success stands in the audit log once. In the end the wire is good, operators do once more what their
jobs advise, and what each side holds opens the other; only requests that came late or twice need a new invitation.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.faults.brokers import VERSIONS, Pair, Side, Site, admitted, new_pair, two_brokers, until
from tests.faults.channel import Kind
from tests.soak import at_most

pytestmark = pytest.mark.anyio

T = TypeVar("T")

EXAMPLES = at_most(12, soak=100)
STEPS = 10
_HOPELESS = ("ANSWER_LOST", "PEER_REJECTED_TOKEN")
_METHODS = ("POST", "PUT", "PUT", "GET", "DELETE")
SIDES = st.sampled_from(("a", "b"))


@pytest.fixture(scope="module")
async def sites(event_loop_for_all: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Site, Site]]:
    async with two_brokers(tmp_path_factory.mktemp("brokers")) as both:
        yield both


class Sequence(RuleBasedStateMachine):
    """Runs in a thread of its own; what it does to the brokers runs in their loop."""

    loop: asyncio.AbstractEventLoop
    sites: tuple[Site, Site]
    pair: Pair

    def __init__(self) -> None:
        super().__init__()
        self.revoked: dict[str, set[str]] = {"a": set(), "b": set()}
        self.parted = False
        self.replayed = False
        self.steps: list[str] = []

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    def side(self, name: str) -> Side:
        side: Side = getattr(self.pair, name)
        return side

    @initialize(kind=st.none() | st.sampled_from(Kind), method=st.sampled_from(("GET", "POST")), side=SIDES)
    def begin(self, kind: Kind | None, method: str, side: str) -> None:
        self.steps.append(f"begins: {kind} {method} {side}")
        self.pair = self.do(new_pair(self.sites))
        if kind is not None:
            self._fault(side, kind, method)
        self.do(self._command(self.pair.connect()))

    @rule(side=SIDES)
    def rotates(self, side: str) -> None:
        self.steps.append(f"{side} rotates")
        self.do(self._command(self.side(side).rotate()))

    @rule(crossing=st.booleans())
    def both_rotate(self, crossing: bool) -> None:
        self.steps.append(f"both rotate, crossing: {crossing}")
        self.do(self._cross() if crossing else self._command(*(side.rotate() for side in self.pair.sides)))

    @rule(side=SIDES, version=st.sampled_from(VERSIONS))
    def switches(self, side: str, version: str) -> None:
        self.steps.append(f"{side} switches to {version}")
        self.do(self._command(self.side(side).switch(version)))

    @rule(side=SIDES, wanted=st.integers(0, 5))
    def unregisters(self, side: str, wanted: int) -> None:
        self.steps.append(f"{side} unregisters" if wanted == 5 else "-")
        if wanted == 5:  # rarely
            self.parted = self.do(self._command(self.side(side).unregister())) or self.parted

    @rule()
    def a_calls(self) -> None:
        self.steps.append("a calls")
        self.do(self._calls(self.pair.a, self.pair.b))

    @rule()
    def b_calls(self) -> None:
        self.steps.append("b calls")
        self.do(self._calls(self.pair.b, self.pair.a))

    @rule(side=SIDES, kind=st.sampled_from(Kind), method=st.sampled_from(_METHODS))
    def wire_fails(self, side: str, kind: Kind, method: str) -> None:
        self.steps.append(f"before {side}: {kind.value}, {method}")
        self._fault(side, kind, method)

    @rule()
    def wire_heals(self) -> None:
        self.steps.append("heals")

        async def heal() -> None:
            self.pair.heal()

        self.do(heal())

    @rule(side=SIDES)
    def dies(self, side: str) -> None:
        self.steps.append(f"{side} dies")
        self.do(self.side(side).crash())

    @rule()
    def time_passes(self) -> None:
        self.steps.append("time passes")
        for side in self.pair.sides:
            side.hurry()
        self.do(asyncio.sleep(0.15))

    @invariant()
    def holds(self) -> None:
        self._noting(self._hold)

    def _hold(self) -> None:
        for name in ("a", "b") if hasattr(self, "pair") else ():
            side = self.side(name)
            state, working = side.working()
            assert working <= 2, f"{working} tokens of {name}'s peer work"
            assert working or state != "REGISTERED", f"no token of {name}'s peer works"
            self._revoked_stay_so(name, side)
            _audited_once(side)

    def _fault(self, side: str, kind: Kind, method: str) -> None:
        """What is done a second time, or when nobody waits for it any more, may end in tokens that nobody hears of."""
        self.replayed = self.replayed or kind in (Kind.LATE, Kind.TWICE, Kind.HOLD_REQUEST)
        self.side(side).channel.fault(kind, method)

    def _noting(self, check: Callable[[], None]) -> None:
        """What led to a failure: threads and processes do not repeat themselves exactly."""
        try:
            check()
        except Exception as error:
            error.add_note("\n".join(self.steps))
            raise

    def _revoked_stay_so(self, name: str, side: Side) -> None:
        listed = side.rows("SELECT lookup_id, state FROM issued_token WHERE peer_uid = '{uid}'")
        alive = {lookup_id for lookup_id, state in listed if state != "REVOKED"}
        assert not alive & self.revoked[name]
        self.revoked[name] |= {lookup_id for lookup_id, state in listed if state == "REVOKED"}

    def teardown(self) -> None:
        if hasattr(self, "pair"):
            self._noting(lambda: self.do(self._ends_well()))
            self.holds()

    async def _ends_well(self) -> None:
        pair = self.pair
        pair.heal()
        await pair.settle()
        for side in pair.sides:
            await self._repeat(side)
        await pair.settle()
        if self.parted:
            return
        lost = [job for side in pair.sides if (job := side.job()) is not None and job[3] in _HOPELESS]
        if lost:
            assert self.replayed, f"an answer is lost for good: {self._jobs()}"
            await pair.invite_again()
            await pair.settle()
        assert [side.state for side in pair.sides] == ["REGISTERED"] * 2, [side.job() for side in pair.sides]
        assert await pair.well(), f"what they hold does not open the other: {self._jobs()}; {lost}"

    async def _repeat(self, side: Side) -> None:
        """The command of a job that has failed."""
        job = side.job()
        if job is None or job[1] != "FAILED":
            return
        commands = {"POST": self.pair.connect, "PUT": side.rotate, "DELETE": side.unregister}
        await admitted(commands[job[0]]())

    def _jobs(self) -> list[Any]:
        return [side.job() for side in self.pair.sides]

    async def _command(self, *commands: Coroutine[Any, Any, None]) -> bool:
        """Whether one of them was taken. Some of what follows happens before the next step."""
        taken = await asyncio.gather(*map(admitted, commands))
        await asyncio.sleep(0.1)
        return any(taken)

    async def _cross(self) -> None:
        """Neither hears of its own request before the other's is done, if both get that far."""
        self.pair.heal()
        await self._calls(self.pair.a, self.pair.b)
        await self._calls(self.pair.b, self.pair.a)
        faults = [side.channel.fault(Kind.HOLD_ANSWER) for side in self.pair.sides]
        await self._command(*(side.rotate() for side in self.pair.sides))
        await until(
            lambda: (
                all(fault.struck.is_set() for fault in faults) or not all(side.attempting for side in self.pair.sides)
            )
        )
        for fault in faults:
            fault.released.set()

    async def _calls(self, caller: Side, called: Side) -> None:
        """A service of the one calls a service of the other."""
        if caller.state == called.state == "REGISTERED" and caller.rows(
            "SELECT 1 FROM held_token WHERE peer_uid = '{uid}'"
        ):
            await admitted(_use(caller, called))


async def _use(caller: Side, called: Side) -> None:
    await called.takes(await caller.held())


def _audited_once(side: Side) -> None:
    done = side.rows("SELECT uid FROM exchange WHERE peer_uid = '{uid}' AND outcome = 'SUCCEEDED' AND kind <> 'DELETE'")
    details = side.rows(  # read last: there may be more by now
        "SELECT detail FROM audit WHERE resource = '{name}' AND action IN ('peer.registered', 'peer.updated')"
    )
    found = Counter(json.loads(detail)["exchange"] for (detail,) in details)
    assert set(found.values()) <= {1}, found
    assert set(found) >= {uid for (uid,) in done}


@pytest.mark.long
async def test_any_sequence(sites: tuple[Site, Site]) -> None:
    Sequence.loop, Sequence.sites = asyncio.get_running_loop(), sites
    await asyncio.to_thread(
        run_state_machine_as_test,
        Sequence,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            phases=(Phase.generate,),
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
