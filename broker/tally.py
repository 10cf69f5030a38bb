"""What is counted while broker and gateway work: plain numbers, which are read when somebody asks for metrics.

Counting is done in the event loop and costs a look into a dictionary. Every label has a closed list of values: what a
stranger makes up counts as "other", so that nobody can fill the memory, or the metrics, by trying.
"""

from bisect import bisect_left
from collections.abc import Collection
from itertools import product
from typing import Final

OTHER: Final = "other"
BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets in which durations are counted, in seconds; what is longer has a bucket of its own."""


class Tally:
    """How often each combination of labels was seen. For each label its known values; None admits any, for names that
    only operators give (tenants). most: with so many combinations, all that are new count as "other". from_zero: every
    combination is there from the start, so that the first one that counts is seen as a change.
    """

    def __init__(self, *known: Collection[str] | None, most: int = 10_000, from_zero: bool = False) -> None:
        self._known = tuple(None if values is None else frozenset(values) for values in known)
        self._most = most
        self._counts: dict[tuple[str, ...], int] = {}
        if from_zero:
            self._counts = dict.fromkeys(product(*(values or () for values in known)), 0)

    def add(self, *labels: str) -> None:
        """Count one; as many labels as there are lists of known values."""
        try:
            self._counts[labels] += 1
        except KeyError:
            self._add_new(labels)

    def items(self) -> list[tuple[tuple[str, ...], int]]:
        """As they are at this moment; safe from another thread."""
        return list(self._counts.items())

    def _add_new(self, labels: tuple[str, ...]) -> None:
        pairs = zip(labels, self._known, strict=True)
        bounded = tuple(value if known is None or value in known else OTHER for value, known in pairs)
        if bounded not in self._counts and len(self._counts) >= self._most:
            bounded = (OTHER,) * len(labels)
        self._counts[bounded] = self._counts.get(bounded, 0) + 1


class Durations:
    """How long things took, by one label with a closed list of values."""

    def __init__(self, known: Collection[str]) -> None:
        self._known = frozenset(known)
        self._rows: dict[str, tuple[list[int], list[float]]] = {}

    def add(self, label: str, seconds: float) -> None:
        row = self._rows.get(label)
        if row is None:
            name = label if label in self._known else OTHER
            row = self._rows.setdefault(name, ([0] * (len(BOUNDS) + 1), [0.0]))
        row[0][bisect_left(BOUNDS, seconds)] += 1
        row[1][0] += seconds

    def items(self) -> list[tuple[str, list[int], float]]:
        """For each value: how many fell into each bucket, and the sum of seconds; safe from another thread."""
        return [(label, list(counts), total[0]) for label, (counts, total) in list(self._rows.items())]
