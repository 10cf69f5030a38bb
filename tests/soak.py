"""Whether everything is tested that can be (`make soak`), or what the gate has the time for (docs/development.md)."""

import os
from typing import Final, TypeVar

T = TypeVar("T")

SOAK: Final = os.environ.get("OCPI_BROKER_SOAK", "") not in ("", "0")


def at_most(gate: T, soak: T) -> T:
    """How much of something is tried."""
    return soak if SOAK else gate
