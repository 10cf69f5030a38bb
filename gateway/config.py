"""Settings of the gateway process."""

from dataclasses import dataclass, field
from pathlib import Path

from ocpi_broker.client.targets import is_loopback


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """target is the broker as gRPC names it: HOST:PORT, or dns:///… for several. ca_file holds the certificates that
    its own must be signed by; without one the channel is in clear text, which is for loopback only.

    trusted_proxies are the addresses or networks, parted by commas, whose X-Forwarded-For is believed; "*" means all.
    """

    host: str
    port: int
    target: str
    service_key: str = field(repr=False)
    ca_file: Path | None = None
    trusted_proxies: str = ""

    def __post_init__(self) -> None:
        if not self.service_key:
            raise ValueError("the gateway needs a service key")
        if self.ca_file is None and not is_loopback(self.target):
            raise ValueError(f"{self.target} is not on this machine: give the CA file of the broker's certificate")
