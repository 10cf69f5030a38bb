"""The model in the middle: JSON, protobuf and rows are each converted to and from these types at one place.

Values are frozen and valid when built; a ValueError from a constructor names the rule that was broken, never the value
of a token. Tokens are named by direction: *issued* ones we generated and the peer shows to us, *held* ones the peer
generated and we show to it.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import total_ordering
from urllib.parse import SplitResult, urlsplit

MAX_TOKEN = 64
MAX_URL = 255
MAX_NAME = 100
_TELLING = 8

_COUNTRY = re.compile(r"[A-Z]{2}")
_PARTY_ID = re.compile(r"[A-Z0-9]{3}")
_VERSION = re.compile(r"(0|[1-9][0-9]{0,3})(\.(0|[1-9][0-9]{0,3})){1,3}")
_PRINTABLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Token:
    """A credentials token (CO-02 to CO-05). Its text leaves only through reveal()."""

    _text: str = field(repr=False)

    def __post_init__(self) -> None:
        if not 1 <= len(self._text) <= MAX_TOKEN:
            raise ValueError(f"must have 1 to {MAX_TOKEN} characters")
        if not _PRINTABLE.fullmatch(self._text):
            raise ValueError("must consist of printable ASCII without blanks (U+0021 to U+007E)")

    def reveal(self) -> str:
        """The text. Every place where a token leaves the program calls this."""
        return self._text

    def appears_in(self, text: str) -> bool:
        """Whether text gives the token away, raw or in Base64. A very short one is too common a string to tell."""
        if len(self._text) < _TELLING:
            return False
        encoded = b64encode(self._text.encode()).decode().rstrip("=")
        return any(form.lower() in text.lower() for form in (self._text, encoded))

    def __repr__(self) -> str:
        return "Token(…)"


class Role(Enum):
    """OCPI types, Role (CO-32)."""

    CPO = "CPO"
    EMSP = "EMSP"
    HUB = "HUB"
    NAP = "NAP"
    NSP = "NSP"
    OTHER = "OTHER"
    SCSP = "SCSP"


class InterfaceRole(Enum):
    """OCPI versions, InterfaceRole (VD-04)."""

    SENDER = "SENDER"
    RECEIVER = "RECEIVER"


class HeaderForm(Enum):
    """How a token stands in an Authorization header (AU-03, AU-04, A1)."""

    RAW = "raw"
    BASE64 = "base64"


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """An OCPI version number. Ordered by number, so that 2.10 is newer than 2.9 (VL-12)."""

    text: str

    def __post_init__(self) -> None:
        if not _VERSION.fullmatch(self.text):
            raise ValueError("must be a version number such as 2.2.1")

    def __lt__(self, other: "Version") -> bool:
        return self._numbers() < other._numbers()

    def _numbers(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.text.split("."))

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Image:
    """OCPI locations, Image (CO-18 to CO-22). Width and height in pixels."""

    url: str
    category: str
    type: str
    thumbnail: str | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class BusinessDetails:
    """OCPI locations, BusinessDetails (CO-15 to CO-17)."""

    name: str
    website: str | None = None
    logo: Image | None = None


@dataclass(frozen=True, slots=True)
class PartyKey:
    """What names a party (PR-01). Built from any letter case, kept in upper case (A20, CO-43)."""

    country_code: str
    party_id: str
    role: Role

    def __post_init__(self) -> None:
        object.__setattr__(self, "country_code", country_code(self.country_code))
        object.__setattr__(self, "party_id", party_id(self.party_id))

    def __str__(self) -> str:
        return f"{self.country_code}/{self.party_id}/{self.role.value}"


@dataclass(frozen=True, slots=True)
class Party:
    """A party and who it is."""

    key: PartyKey
    details: BusinessDetails


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One module interface of a platform; its key is (module, interface role) (VD-08)."""

    module: str
    role: InterfaceRole | None
    url: str

    @property
    def key(self) -> str:
        return f"{self.module}/{self.role.value}" if self.role else self.module


@dataclass(frozen=True, slots=True)
class Credentials:
    """A credentials object, of whichever version: it describes the platform that sends it (CO-34).

    hub is the country code and party id of a platform's hub functionality (CO-10). parties have distinct keys.
    """

    token: Token
    url: str
    parties: tuple[Party, ...]
    hub: str | None = None

    def __post_init__(self) -> None:
        if not self.parties:
            raise ValueError("at least one role is needed")
        seen: set[PartyKey] = set()
        for party in self.parties:
            if party.key in seen:
                raise ValueError(f"{party.key} is listed twice")
            seen.add(party.key)

    @property
    def keys(self) -> frozenset[PartyKey]:
        return frozenset(party.key for party in self.parties)


@dataclass(frozen=True, slots=True)
class Terms:
    """What an invitation allows (RR-17): these parties or any, and the host of the version list if it is known."""

    parties: frozenset[PartyKey] = frozenset()
    any_party: bool = False
    versions_url: str | None = None

    def covers(self, key: PartyKey) -> bool:
        return self.any_party or key in self.parties


@dataclass(frozen=True, slots=True)
class RequiredModule:
    """A module that peers with a party in peer_role must list (RR-10); None means any role."""

    module: str
    role: InterfaceRole | None = None
    peer_role: Role | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A tenant's rules (docs/operations.md). Times in seconds; a window of zero is strict."""

    invitation_expiry: int = 14 * 24 * 3600
    post_retry_window: int = 15 * 60
    put_retry_window: int = 24 * 3600
    required_modules: tuple[RequiredModule, ...] = ()


@dataclass(frozen=True, slots=True)
class Tenant:
    """A platform that this deployment operates."""

    id: str
    versions: tuple[Version, ...]
    parties: tuple[Party, ...]
    public_url: str | None = None
    endpoints: tuple[tuple[Version, Endpoint], ...] = ()
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True)
class Registration:
    """What one successful exchange established: replaced as a whole by the next (PR-07)."""

    version: Version
    theirs: Credentials
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted secret: nonce and ciphertext, and the id of the key that opens them."""

    key_id: str
    box: bytes


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A tenant's data key, sealed under a key-encryption key."""

    id: str
    tenant: str
    sealed: Sealed


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """All that is stored of a secret: its lookup id, the pepper's id and HMAC-SHA-256 under that pepper."""

    lookup_id: str
    pepper_id: str
    digest: bytes


def country_code(value: str) -> str:
    """Two letters in upper case (CO-14)."""
    upper = value.upper()
    if not value.isascii() or not _COUNTRY.fullmatch(upper):
        raise ValueError("must be two letters (ISO 3166-1 alpha-2)")
    return upper


def party_id(value: str) -> str:
    """Three letters or digits in upper case (CO-13)."""
    upper = value.upper()
    if not value.isascii() or not _PARTY_ID.fullmatch(upper):
        raise ValueError("must be three letters or digits")
    return upper


def hub_ids(parties: Iterable[Party]) -> Iterator[str]:
    """Country code and party id of each party in the role HUB, as hub_party_id writes them (CO-10)."""
    return (party.key.country_code + party.key.party_id for party in parties if party.key.role is Role.HUB)


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL, normalised for comparison."""
    parts: SplitResult = urlsplit(url)
    default = {"https": 443, "http": 80}.get(parts.scheme.lower())
    return parts.scheme.lower(), (parts.hostname or "").lower(), parts.port or default
