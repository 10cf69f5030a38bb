"""The broker's clock: microseconds since 1970, on the database's time where several brokers share one (F16)."""

import time


class Clock:
    """Call it for the time. The store sets the offset to the database's clock, so that replicas agree on windows."""

    def __init__(self) -> None:
        self.offset = 0

    def __call__(self) -> int:
        return time.time_ns() // 1000 + self.offset
