"""Whether everything is tested that can be (`make soak`), or what the gate has the time for (docs/development.md)."""

import os
from typing import Final

SOAK: Final = os.environ.get("OCPI_BROKER_SOAK", "") not in ("", "0")
