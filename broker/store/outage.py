"""When the database is away and when it is back: said once for each outage, however many calls meet it."""

import time
from collections.abc import Callable

import structlog

from broker.tally import Tally

_log = structlog.get_logger(__name__)

_CALM_SECONDS = 1.0
"""An outage is over with a success that no failure came shortly before: some calls may work while others do not."""
_LONGEST = 300
KINDS = ("away", "repeated")


class Outage:
    """errors counts what the database did: away, the call failed; repeated, it was busy and the call ran again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.errors = Tally(KINDS, from_zero=True)
        self._clock = clock
        self._since: float | None = None
        self._failed_at = 0.0

    def repeated(self) -> None:
        self.errors.add("repeated")

    def failed(self, error: Exception) -> None:
        """A call got no answer from the database."""
        self.errors.add("away")
        self._failed_at = self._clock()
        if self._since is None:
            self._since = self._failed_at
            _log.warning("database_away", cause=cause(error))

    def succeeded(self) -> None:
        if self._since is None:
            return
        now = self._clock()
        if now - self._failed_at >= _CALM_SECONDS:
            _log.info("database_back", seconds=round(now - self._since, 1))
            self._since = None


def cause(error: Exception) -> str:
    """What the driver says, in one line. It holds no values: statements and their parameters are left out."""
    said = " ".join(str(getattr(error, "orig", None) or error).split())
    return f"{type(error).__name__}: {said}"[:_LONGEST]
