"""Which URLs of other platforms may be called: one policy for every URL that a peer names (F9, TR-02, VD-16).

A name says little before it is resolved. So the text is judged when it is read (check), and the addresses behind it
each time that somebody is about to connect (permits).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import idna
from publicsuffixlist import PublicSuffixList

from broker.core.model import MAX_URL

LOOPBACK = "loopback"
PRIVATE = "private"
PUBLIC = "public"
SPECIAL = "special"

_DEFAULT_PORT = {"https": 443, "http": 80}
_MAX_PORT = 65535

# RFC 3986. What is missing here (blanks, controls, backslashes, quotes, everything beyond ASCII) is what two parsers
# read differently; international names are written in their xn-- form.
_URL = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")
_AUTHORITY = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9.-]+))(?::(?P<port>[0-9]{0,5}))?")
_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# 2130706433, 0x7f000001 and 127.1 are addresses to a resolver: a label that is a number is never the last of a name.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_INTERNATIONAL = re.compile(r"(?:^|\.)xn--")
# Names that only mean something inside a machine or a network (RFC 6761, 6762, 7686, 8375, ICANN's .internal).
_INNER = frozenset({"localhost", "local", "localdomain", "internal", "intranet", "lan", "arpa", "onion", "invalid"})

_PRIVATE_NETS = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
# Cloud metadata services, some of which sit in otherwise public or private ranges. Never admitted.
_METADATA = frozenset(
    map(ip_address, ("169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254"))
)
# Not reachable parties, whatever the standard library of the day makes of them: "this network", protocol
# assignments, the relay of 6to4, and in IPv6 Teredo and its neighbours, 6to4 and both ranges for documentation.
_SPECIAL_NETS = tuple(
    map(
        ip_network,
        ("0.0.0.0/8", "192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)
_GLOBAL_V6 = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class UrlPolicy:
    """What is admitted beyond https to a public host name on one of these ports.

    insecure holds the kinds of address, "loopback" and "private", for which plain http, IP literals and any port are
    admitted: for trials and tests on one machine or in one network.
    """

    insecure: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset({443})

    def __post_init__(self) -> None:
        if not self.insecure <= {LOOPBACK, PRIVATE}:
            raise ValueError(f"only {LOOPBACK} and {PRIVATE} addresses can be admitted")

    def check(self, url: str) -> None:
        """Judge the text alone. Raises ValueError with what is wrong, as a phrase that follows the field's name."""
        target = _read(url)
        if self._may_be_exempt(target):
            return
        if target.scheme != "https":
            raise ValueError("must be an https URL")
        if target.address:
            raise ValueError("must name its host, not an IP address")
        if not target.is_public_name:
            raise ValueError("must name a public host")
        if target.port not in self.ports:
            raise ValueError("must use port " + " or ".join(map(str, sorted(self.ports))))

    def admits(self, address: str) -> bool:
        """May this address be connected to at all?"""
        return kind(address) in {PUBLIC, *self.insecure}

    def permits(self, url: str, addresses: Sequence[str]) -> bool:
        """May this URL be called at the addresses of its host? One bad address condemns all (F9)."""
        target = _read(url)
        if self._is_secure(target):
            return bool(addresses) and all(self.admits(address) for address in addresses)
        return bool(addresses) and all(kind(address) in self.insecure for address in addresses)

    def same_site(self, one: str, other: str) -> bool:
        """Do both URLs belong to one owner: the same host, or names below the same registrable domain?"""
        first, second = _read(one), _read(other)
        if first.host == second.host:
            return True
        if first.is_loopback and second.is_loopback:
            return LOOPBACK in self.insecure
        if first.address or second.address:
            return False
        domain = _suffixes().privatesuffix(first.host)
        return domain is not None and domain == _suffixes().privatesuffix(second.host)

    def _is_secure(self, target: "_Target") -> bool:
        return target.scheme == "https" and target.is_public_name and target.port in self.ports

    def _may_be_exempt(self, target: "_Target") -> bool:
        """Before resolution any name may turn out to be private; to be loopback it has to say so."""
        if target.address:
            return kind(str(target.address)) in self.insecure
        return PRIVATE in self.insecure or (target.is_loopback and LOOPBACK in self.insecure)


@dataclass(frozen=True, slots=True)
class _Target:
    """What a URL leads to. host is in lower case; address is set if the host is an IP literal."""

    scheme: str
    host: str
    address: IPv4Address | IPv6Address | None
    port: int

    @property
    def is_public_name(self) -> bool:
        labels = self.host.split(".")
        return self.address is None and len(labels) > 1 and labels[-1] not in _INNER

    @property
    def is_loopback(self) -> bool:
        if self.address:
            return kind(str(self.address)) == LOOPBACK
        return self.host == "localhost" or self.host.endswith(".localhost")


def kind(address: str) -> str:
    """loopback, private, public or special: the last is everything that no platform answers at."""
    try:
        ip = _unwrapped(ip_address(address))
    except ValueError:
        return SPECIAL
    if ip in _METADATA:
        return SPECIAL
    if ip.is_loopback:
        return LOOPBACK
    if any(ip in net for net in _PRIVATE_NETS):
        return PRIVATE
    return PUBLIC if _is_public(ip) else SPECIAL


def _unwrapped(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one stands for, where a connection would really end up there."""
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped:
            return ip.ipv4_mapped
        if ip in _NAT64:
            return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    if isinstance(ip, IPv6Address) and ip not in _GLOBAL_V6:
        return False
    return ip.is_global and not ip.is_multicast and not any(ip in net for net in _SPECIAL_NETS)


def _read(url: str) -> _Target:
    if len(url) > MAX_URL:
        raise ValueError(f"must have at most {MAX_URL} characters")
    if not _URL.fullmatch(url):
        raise ValueError("must consist of characters that a URL may have (RFC 3986)")
    if "#" in url:
        raise ValueError("must not contain a fragment")
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    if scheme not in _DEFAULT_PORT or not rest:
        raise ValueError("must be an absolute https URL")
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    if "@" in authority:
        raise ValueError("must not contain a user name or a password")
    return _read_authority(scheme, authority)


def _read_authority(scheme: str, authority: str) -> _Target:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise ValueError("must have a host, and a port only as a number")
    port = int(match["port"] or _DEFAULT_PORT[scheme])
    if not 1 <= port <= _MAX_PORT:
        raise ValueError(f"must have a port between 1 and {_MAX_PORT}")
    host = (match["v6"] or match["name"]).lower()
    address = _literal(host)
    if address is None and (match["v6"] or not _is_name(host)):
        raise ValueError("must have a valid host name")
    return _Target(scheme, str(address) if address else host, address, port)


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_name(host: str) -> bool:
    if not _NAME.fullmatch(host) or _NUMBER.fullmatch(host.rpartition(".")[2]):
        return False
    return _INTERNATIONAL.search(host) is None or _is_decodable(host)


def _is_decodable(host: str) -> bool:
    """Whether every xn-- label stands for a name (RFC 5891): HTTP clients decode it and fail over one that does not."""
    try:
        idna.decode(host)
    except UnicodeError:
        return False
    return True


@cache
def _suffixes() -> PublicSuffixList:
    """Read once, when first needed: it takes a tenth of a second."""
    return PublicSuffixList()
