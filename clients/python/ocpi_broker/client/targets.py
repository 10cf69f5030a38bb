"""Which targets are this machine: the only ones to which a key goes without TLS."""

from ipaddress import ip_address

_SCHEMES = ("dns:///", "dns:", "ipv4:", "ipv6:", "")
"""A name server that is named (dns://HOST/…) may call any host localhost, so it is not among them."""


def is_loopback(target: str) -> bool:
    """Whether a gRPC target can only be reached from this machine."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    address = target.removeprefix(next(scheme for scheme in _SCHEMES if target.startswith(scheme)))
    host = address.rsplit(":", 1)[0] if ":" in address.rpartition("]")[2] else address
    return _is_loopback_host(host.removeprefix("[").removesuffix("]"))


def _is_loopback_host(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
