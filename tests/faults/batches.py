"""Rows of a table, several in one test: they spend most of their time waiting, each with a pair of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from tests.faults.table import Received, Sent

SIZE = 4
"""Half as many attempts as one tenant may have at a time, so that nothing but a fault uses up a budget."""

R = TypeVar("R", Sent, Received)


def batches(rows: Sequence[R]) -> list[tuple[R, ...]]:
    """Those that wait for the end of a budget come first, so that they do it together."""
    ordered = sorted(rows, key=lambda row: "stall" not in row.fault)
    return [tuple(ordered[at : at + SIZE]) for at in range(0, len(ordered), SIZE)]


async def each(rows: Sequence[R], check: Callable[[R], Awaitable[None]]) -> None:
    """Check all of them. A failure names its row, and what the others find is told as well."""
    outcomes = await asyncio.gather(*map(check, rows), return_exceptions=True)
    failed = []
    for row, outcome in zip(rows, outcomes, strict=True):
        if isinstance(outcome, Exception):
            outcome.add_note(f"row: {row}")
            failed.append(outcome)
        elif outcome is not None:
            raise outcome
    if failed:
        raise ExceptionGroup(f"{len(failed)} of {len(rows)} rows", failed)
