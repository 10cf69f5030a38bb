"""Settings of the gateway process."""

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
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
        for proxy in self.trusted_proxies.split(",") if self.trusted_proxies not in ("", "*") else ():
            _require_address(proxy.strip())


def _require_address(proxy: str) -> None:
    """A name would never match: what is compared is the address of a connection."""
    try:
        ip_network(proxy) if "/" in proxy else ip_address(proxy)
    except ValueError:
        raise ValueError(
            f"--trusted-proxies: {proxy!r} is neither an IP address nor a network such as 10.1.0.0/16; names are not "
            'looked up, and "*" stands alone'
        ) from None
