"""The way from a service to the broker: a channel that knows the key, and the reason of a refusal.

`connect` is for threads, `ocpi_broker.client.aio.connect` for asyncio; the stubs of `ocpi_broker.v1` work on both.
"""

from ocpi_broker.client.reasons import reason
from ocpi_broker.client.sync import connect

__all__ = ["connect", "reason"]
