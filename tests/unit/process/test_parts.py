"""Parts start in order and stop in the opposite one, also when one of them fails."""

import asyncio

import pytest

from broker.process.parts import Part, loop, running

pytestmark = pytest.mark.anyio


class Diary:
    """What happened, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def part(self, name: str, *, starts: bool = True, stops: bool = True) -> Part:
        async def start() -> None:
            self.lines.append(f"start {name}")
            if not starts:
                raise RuntimeError(f"{name} does not start")

        async def stop() -> None:
            self.lines.append(f"stop {name}")
            if not stops:
                raise RuntimeError(f"{name} does not stop")

        return Part(name, start, stop)


async def test_the_order_of_the_drain_is_that_of_the_start_turned_round() -> None:
    diary = Diary()

    async with running([diary.part("store"), diary.part("server"), Part("nothing")]):
        diary.lines.append("serving")

    assert diary.lines == ["start store", "start server", "serving", "stop server", "stop store"]


async def test_what_has_started_is_stopped_if_the_next_part_does_not_start() -> None:
    diary = Diary()

    with pytest.raises(RuntimeError, match="server does not start"):
        async with running([diary.part("store"), diary.part("server", starts=False), diary.part("jobs")]):
            pytest.fail("it serves")

    assert diary.lines == ["start store", "start server", "stop store"]


async def test_a_part_that_does_not_stop_keeps_nobody_else_from_it() -> None:
    diary = Diary()

    with pytest.raises(RuntimeError, match="server does not stop"):
        async with running([diary.part("store"), diary.part("server", stops=False)]):
            pass

    assert diary.lines[-1] == "stop store"


async def test_a_loop_ends_by_itself_when_it_is_told_to_finish() -> None:
    wanted, lines = asyncio.Event(), []

    async def follow() -> None:
        await wanted.wait()
        lines.append("the last of it is written")

    async with running([loop("disclosures", follow, wanted.set)]):
        await asyncio.sleep(0)

    assert lines == ["the last of it is written"]


async def test_a_loop_without_an_end_is_cancelled() -> None:
    lines = []

    async def follow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            lines.append("cancelled")

    async with running([loop("change log", follow)]):
        await asyncio.sleep(0)

    assert lines == ["cancelled"]


async def test_a_loop_that_has_died_is_told_and_keeps_nobody_from_stopping() -> None:
    diary = Diary()

    async def follow() -> None:
        raise ValueError("a defect")

    with pytest.raises(ValueError, match="a defect"):
        async with running([diary.part("store"), loop("change log", follow)]):
            await asyncio.sleep(0)

    assert diary.lines[-1] == "stop store"
