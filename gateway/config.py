"""Settings of the gateway process."""

from dataclasses import dataclass, field
from pathlib import Path

from broker.core import hosts


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


def is_loopback(target: str) -> bool:
    """Whether a gRPC target can only be reached from this machine."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    host = target.rsplit("/", 1)[-1].removeprefix("ipv4:").removeprefix("ipv6:").rsplit(":", 1)[0]
    return hosts.is_loopback(host)
