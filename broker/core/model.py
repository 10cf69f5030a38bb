"""The model in the middle: tokens that do not print, parties, endpoints, terms, policies; every edge converts to it.

Values are frozen and valid when built; a ValueError from a constructor names the rule that was broken, never the value
of a token. Tokens are named by direction: *issued* ones we generated and the peer shows to us, *held* ones the peer
generated and we show to it.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import total_ordering
from itertools import product
from urllib.parse import SplitResult, urlsplit

MAX_TOKEN = 255
"""Characters. The longest token that is taken from a request; how long a peer's may be is for the handshake (CO-41)."""
LONGEST_TOKEN = 1024
"""The longest text that can be a token at all: what a peer gives us in an answer is kept, however long it is."""
MAX_URL = 255
MAX_NAME = 100
ANY = "*"
_PARTS = 3
_TELLING = 8

_COUNTRY = re.compile(r"[A-Z]{2}")
_PARTY_ID = re.compile(r"[A-Z0-9]{3}")
VERSION_NUMBER = re.compile(r"(0|[1-9][0-9]{0,3})(\.(0|[1-9][0-9]{0,3})){1,3}")
_PRINTABLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Token:
    """A credentials token (CO-02 to CO-05). Its text leaves only through reveal()."""

    _text: str = field(repr=False)

    def __post_init__(self) -> None:
        if not 1 <= len(self._text) <= LONGEST_TOKEN:
            raise ValueError(f"must have 1 to {LONGEST_TOKEN} characters")
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
        if not VERSION_NUMBER.fullmatch(self.text):
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

    parties have distinct keys. A hub is a party in the role HUB, however its version says so (CO-10, CO-36).
    """

    token: Token
    url: str
    parties: tuple[Party, ...]

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
class AnnouncedParty:
    """A party as a peer wrote it, at this JSON path. None is what its version has no field for (CO-06 to CO-08), and in
    an answer to us what the peer has left out.
    """

    path: str
    details: BusinessDetails | None
    country_code: str | None = None
    party_id: str | None = None
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class Announcement:
    """A credentials object as it came. What it leaves out follows from the invitation (core.announcements).

    draft is the shape that 2.0 had before its release. warnings say, with JSON paths, what was not right but does not
    matter enough to refuse it (CO-40).
    """

    token: Token
    url: str | None
    parties: tuple[AnnouncedParty, ...]
    draft: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Style:
    """How a peer has to be written to, beyond what its version says."""

    draft: bool = False
    """In the shape that 2.0 had before its release, where a logo is a URL."""
    explicit_nulls: bool = False
    """Optional fields without a value are written as null instead of being left out (EN-10)."""


@dataclass(frozen=True, slots=True)
class PartyPattern:
    """Parties that an invitation allows without naming each: None stands for any (RR-17)."""

    country_code: str | None = None
    party_id: str | None = None
    role: Role | None = None

    def __post_init__(self) -> None:
        if self.country_code is not None:
            object.__setattr__(self, "country_code", country_code(self.country_code))
        if self.party_id is not None:
            object.__setattr__(self, "party_id", party_id(self.party_id))

    @classmethod
    def parse(cls, text: str) -> "PartyPattern":
        """From the form DE/*/CPO. Raises ValueError."""
        parts = [None if part == ANY else part for part in text.split("/")]
        if len(parts) != _PARTS:
            raise ValueError("must have the form CC/PID/ROLE, each of which may be *")
        country, party, role = parts
        if role is not None and role.upper() not in Role.__members__:
            raise ValueError(f"the role must be {ANY} or one of {', '.join(Role.__members__)}")
        return cls(country, party, Role(role.upper()) if role else None)

    def covers_ids(self, country: str, party: str) -> bool:
        return self.country_code in (None, country) and self.party_id in (None, party)

    def __str__(self) -> str:
        return f"{self.country_code or ANY}/{self.party_id or ANY}/{self.role.value if self.role else ANY}"


@dataclass(frozen=True, slots=True)
class Terms:
    """What an invitation allows (RR-17): these parties, all of a pattern or any; and the host of the version list if
    it is known.
    """

    parties: frozenset[PartyKey] = frozenset()
    any_party: bool = False
    versions_url: str | None = None
    patterns: frozenset[PartyPattern] = frozenset()

    def coverage(self, *, exact: bool = False) -> Callable[[PartyKey], bool]:
        """Whether a party is allowed, for many parties and many patterns. exact leaves only the parties named."""
        if exact:
            return self.parties.__contains__
        patterns = {(pattern.country_code, pattern.party_id, pattern.role) for pattern in self.patterns}

        def covers(key: PartyKey) -> bool:
            if self.any_party or key in self.parties:
                return True
            forms = product((key.country_code, None), (key.party_id, None), (key.role, None))
            return bool(patterns) and any(form in patterns for form in forms)

        return covers


@dataclass(frozen=True, slots=True)
class RequiredModule:
    """A module that peers with a party in peer_role must list (RR-10); None means any role."""

    module: str
    role: InterfaceRole | None = None
    peer_role: Role | None = None


class RolePolicy(Enum):
    """How a tenant decides which parties a peer may register (A19)."""

    EXACT = "EXACT"
    """Every invitation names each party."""
    PATTERN = "PATTERN"
    """Invitations may also name patterns, or any party."""
    MANUAL = "MANUAL"
    """What the invitation does not cover waits for an operator's approval."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A tenant's rules (docs/operations.md). Times in seconds; a window of zero is strict."""

    invitation_expiry: int = 14 * 24 * 3600
    post_retry_window: int = 15 * 60
    put_retry_window: int = 24 * 3600
    required_modules: tuple[RequiredModule, ...] = ()
    role_policy: RolePolicy = RolePolicy.PATTERN
    may_downgrade: bool = False
    """Whether PUT may lead below the newest version that a connection has used (A34)."""
    strict: bool = False
    """For certification: what is otherwise noted as a warning refuses the exchange (CO-40)."""
    rotation_period: int = 30 * 24 * 3600
    """How old tokens may become before we renew them (TK-02); zero renews nothing."""
    probe_interval: int = 3600
    """How long a peer may be quiet before we look whether it still takes our token; zero does not look."""


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
    draft: bool = False


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


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL, normalised for comparison."""
    parts: SplitResult = urlsplit(url)
    default = {"https": 443, "http": 80}.get(parts.scheme.lower())
    return parts.scheme.lower(), (parts.hostname or "").lower(), parts.port or default
