"""Rows of a table, several in one test: they spend most of their time waiting, each with a pair of its own.

On SQLite every row is tried. PostgreSQL differs in what is committed and when it is seen, which depends on two things
at a time: so the gate tries as many rows on it as bring every pair together, and the soak all of them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import cache
from itertools import combinations
from typing import Any, TypeVar

import pytest

from tests.faults.table import RECEIVED, SENT, Received, Sent, features
from tests.soak import SOAK

SIZE = 4
"""Half as many attempts as one tenant may have at a time, so that nothing but a fault uses up a budget."""

R = TypeVar("R", Sent, Received)


@cache
def pairs(row: Sent | Received) -> set[frozenset[Hashable]]:
    """Every two features of a row that occur together in it."""
    return {frozenset(pair) for pair in combinations(features(row), 2)}


def covering(rows: Sequence[Sent | Received]) -> tuple[Sent | Received, ...]:
    """So few rows that every pair that occurs in any of them occurs in one of these; always the same."""
    missing = set[frozenset[Hashable]]().union(*map(pairs, rows))
    chosen = []
    while missing:
        best = max(rows, key=lambda row: len(pairs(row) & missing))
        chosen.append(best)
        missing -= pairs(best)
    return tuple(chosen)


CHOSEN = frozenset(covering((*SENT, *RECEIVED)))
"""The rows for PostgreSQL in the gate."""


def placed(rows: Sequence[R]) -> Any:
    """Marks a test with the database and the rows for each of its runs."""
    chosen = [row for row in rows if SOAK or row in CHOSEN]
    runs = [("sqlite", batch) for batch in batches(rows)] + [("postgresql", batch) for batch in batches(chosen)]
    return pytest.mark.parametrize(
        ("database_kind", "rows"),
        runs,
        ids=[f"{kind}-from {batch[0]}" for kind, batch in runs],
        indirect=["database_kind"],
        scope="session",
    )


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
