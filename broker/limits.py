"""Limits: rejected tokens per source, exchanges at a time per tenant and in all, reminders per hour."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from broker.errors import RateLimitedError, TooManyExchangesError

_SOURCES = 10_000
"""Sources remembered; the longest silent is forgotten first."""


class FailureLimit:
    """A token bucket of rejected tokens per source (F19, RR-21). Requests with a good token are never limited.

    clock is monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float], *, burst: int = 300, per_second: float = 5.0) -> None:
        self._clock = clock
        self._burst = burst
        self._rate = per_second
        self._sources: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.refused = 0

    def count(self, source: str) -> None:
        """Count a failure. Raises RateLimitedError if there were too many of late."""
        now = self._clock()
        level, since = self._sources.pop(source, (float(self._burst), now))
        level = min(self._burst, level + (now - since) * self._rate) - 1
        self._sources[source] = (max(level, -1.0), now)
        if len(self._sources) > _SOURCES:
            self._sources.popitem(last=False)
        if level < 0:
            self.refused += 1
            raise RateLimitedError("too many requests with a wrong token; try again later")


class Reminders:
    """Lets each thing be told once an hour, and no more than so many of them: whoever makes them up fills no log.

    clock gives microseconds.
    """

    def __init__(self, clock: Callable[[], int], *, most: int = 1000, pause: int = 3600 * 1_000_000) -> None:
        self._clock = clock
        self._most = most
        self._pause = pause
        self._told: OrderedDict[str, int] = OrderedDict()

    def is_due(self, thing: str) -> bool:
        """Whether to tell it now; then it counts as told."""
        now = self._clock()
        while self._told and now - next(iter(self._told.values())) >= self._pause:
            self._told.popitem(last=False)
        if thing in self._told or len(self._told) >= self._most:
            return False
        self._told[thing] = now
        return True


class ExchangeSlots:
    """How many exchanges may run at once, per tenant and in this broker: slow peers hold connections (F7)."""

    def __init__(self, *, per_tenant: int = 8, total: int = 64) -> None:
        self._per_tenant = per_tenant
        self._total = total
        self._running: Counter[str] = Counter()
        self.refused = 0

    @contextmanager
    def slot(self, tenant: str) -> Iterator[None]:
        """Hold a slot. Raises TooManyExchangesError if there is none."""
        if self._running[tenant] >= self._per_tenant or self._running.total() >= self._total:
            self.refused += 1
            raise TooManyExchangesError("too many registrations are running; try again in a moment")
        self._running[tenant] += 1
        try:
            yield
        finally:
            self._running[tenant] -= 1
