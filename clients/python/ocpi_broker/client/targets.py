"""Which targets are this machine: the only ones to which a key goes without TLS."""

from ipaddress import ip_address

_SCHEMES = ("dns:///", "dns:", "ipv4:", "ipv6:", "")
"""A name server that is named (dns://HOST/…) may call any host localhost, so it is not among them."""


def is_loopback(target: str) -> bool:
    """Whether a gRPC target can only be reached from this machine."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    addresses = target.removeprefix(next(scheme for scheme in _SCHEMES if target.startswith(scheme)))
    return all(_is_loopback(address) for address in addresses.split(","))


def _is_loopback(address: str) -> bool:
    host = address.rsplit(":", 1)[0] if ":" in address.rpartition("]")[2] else address
    host = host.removeprefix("[").removesuffix("]")
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
