"""HOST:PORT, as listeners and callers are told it."""

import re
from dataclasses import dataclass

from ocpi_broker.client.targets import is_loopback

_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+)):(?P<port>[0-9]{1,5})")
_MAX_PORT = 65535
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 — compared with, not bound to


@dataclass(frozen=True, slots=True)
class Address:
    """A host name or IP address and a port; an IPv6 address is written in brackets."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Raises ValueError unless text is HOST:PORT and nothing more."""
        match = _ADDRESS.fullmatch(text)
        if not match or int(match["port"]) > _MAX_PORT:
            raise ValueError("must be HOST:PORT, for example 127.0.0.1:8080 or [::1]:8080")
        return cls(match["v6"] or match["name"], int(match["port"]))

    @property
    def loopback(self) -> bool:
        """Whether only this machine can be at the other end."""
        return is_loopback(str(self))

    @property
    def unspecified(self) -> bool:
        """Whether it stands for every address of this machine."""
        return self.host in _ANY

    @property
    def reachable(self) -> "Address":
        """Where to call from this machine what listens here."""
        return Address(_ANY.get(self.host, self.host), self.port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
