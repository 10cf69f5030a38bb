"""Which targets are this machine: the only ones to which a key goes without TLS."""

import re
from ipaddress import ip_address

_SCHEMES = ("dns:///", "dns:", "ipv4:", "ipv6:", "")
"""A name server that is named (dns://HOST/…) may call any host localhost, so it is not among them."""

_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9.-]+))(?::[0-9]{1,5})?")
"""One way to write each thing. What gRPC would read otherwise than we do (percent signs, ::1:80, scopes) is none."""


def is_loopback(target: str) -> bool:
    """Whether a gRPC target can only be reached from this machine. What is written oddly does not count as such."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    addresses = target.removeprefix(next(scheme for scheme in _SCHEMES if target.startswith(scheme)))
    return all(_is_loopback(address) for address in addresses.split(","))


def _is_loopback(address: str) -> bool:
    found = _ADDRESS.fullmatch(address)
    if not found:
        return False
    if found["host"] == "localhost":
        return True
    try:
        return ip_address(found["v6"] or found["host"]).is_loopback
    except ValueError:
        return False
