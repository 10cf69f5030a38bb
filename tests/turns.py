"""Which tests the gate runs on which database: each once, on one after the other, and those about databases on both.

What a partner sends, and what is answered, does not depend on the database. So of two tests that differ in that alone
one is enough, and the rows of a table take turns.
"""

from collections import Counter
from collections.abc import Iterable
from zlib import crc32

import pytest

KINDS = ("sqlite", "postgresql")


def taken(items: Iterable[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Those that are run, and those that are left out."""
    items = list(items)
    twins = Counter(_row(item) for item in items)
    places: Counter[str] = Counter()
    chosen_for: dict[tuple[str, str], str] = {}
    for item in items:
        row = _row(item)
        if row not in chosen_for:
            chosen_for[row] = KINDS[(crc32(row[0].encode()) + places[row[0]]) % len(KINDS)]
            places[row[0]] += 1

    def is_taken(item: pytest.Item) -> bool:
        everywhere = twins[_row(item)] < len(KINDS) or item.get_closest_marker("both_databases") is not None
        return everywhere or kind_of(item) == chosen_for[_row(item)]

    return [item for item in items if is_taken(item)], [item for item in items if not is_taken(item)]


def kind_of(item: pytest.Item) -> str:
    """The database that the test is run on; empty for one that needs none."""
    spec = getattr(item, "callspec", None)
    return str(spec.params.get("database_kind", "")) if spec else ""


def _row(item: pytest.Item) -> tuple[str, str]:
    """The test and the row of its table, whatever the database."""
    name, _, row = item.nodeid.partition("[")
    return name, row.replace(kind_of(item), "", 1)
