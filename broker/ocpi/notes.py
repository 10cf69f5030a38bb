"""What is not right in what others sent, and does not matter enough to refuse it: the notes that readers take of it."""

import re

_MOST_NOTES = 20
_PLAIN = re.compile(r"[A-Za-z0-9._:/ -]{1,60}")


class Notes:
    """What is not right in an object but does not matter enough to refuse it (CO-40); the first few of it."""

    def __init__(self) -> None:
        self._found: list[tuple[str, str]] = []
        self._more = 0

    def add(self, path: str, what: str, seen: str = "") -> None:
        """Path and rule, never the value found there. That may be in what was seen and done, which is for operators."""
        if len(self._found) < _MOST_NOTES:
            self._found.append((f"{path}: {what}", seen))
        else:
            self._more += 1

    def taken(self) -> tuple[str, ...]:
        found = tuple(f"{rule}; {seen}" if seen else rule for rule, seen in self._found)
        return (*found, f"and {self._more} more") if self._more else found

    @property
    def first(self) -> tuple[str, str] | None:
        """The rule that was broken first, and what was seen there."""
        return self._found[0] if self._found else None


def harmless(value: object) -> str:
    """A value as it may stand in a note: short, plain, and no place for a secret; empty for any other."""
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else ""
