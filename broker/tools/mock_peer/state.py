"""What a mock peer is and knows: who it says it is, its tokens, and what it knows of the other side."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from broker.core.model import (
    AnnouncedParty,
    Announcement,
    Credentials,
    Endpoint,
    HeaderForm,
    InterfaceRole,
    Party,
    PartyPattern,
    Role,
    Style,
    Token,
    Version,
)
from broker.core.required_modules import CREDENTIALS, credentials_url
from broker.ocpi import DIALECTS
from broker.tools.mock_peer.accepted_tokens import Tokens
from broker.tools.mock_peer.faults import Faults
from broker.tools.mock_peer.journal import Journal


@dataclass(frozen=True, slots=True)
class Identity:
    """What a mock peer announces. base is how it is reached from outside, without a path."""

    base: str
    versions: tuple[Version, ...]
    parties: tuple[Party, ...]
    modules: tuple[tuple[str, InterfaceRole], ...]

    @property
    def versions_url(self) -> str:
        return f"{self.base}/ocpi/versions"

    def details_url(self, version: Version) -> str:
        return f"{self.base}/ocpi/{version}"

    def endpoints(self, version: Version) -> list[Endpoint]:
        """Credentials once, as SENDER (VD-06), and the modules."""
        root = self.details_url(version)
        modules = [Endpoint(name, role, f"{root}/{role.value.lower()}/{name}") for name, role in self.modules]
        return [Endpoint(CREDENTIALS, InterfaceRole.SENDER, f"{root}/{CREDENTIALS}"), *modules]

    def check(self) -> None:
        """Raises ValueError if a version cannot say it."""
        for version in self.versions:
            dialect = DIALECTS[version.text]
            dialect.write_credentials(Credentials(Token("-"), self.versions_url, self.parties), Style())
            dialect.write_details(version, self.endpoints(version))


@dataclass(frozen=True, slots=True)
class Link:
    """A registration, as far as it is known. held is the token that the mock peer shows to the other side."""

    version: Version
    held: Token
    versions_url: str
    endpoints: tuple[Endpoint, ...]
    theirs: Announcement | None

    @property
    def credentials_url(self) -> str | None:
        return credentials_url(self.endpoints)


@dataclass(slots=True)
class State:
    """Everything that changes. own are the versions of exchanges that the mock peer started and that are open."""

    identity: Identity
    tokens: Tokens
    faults: Faults
    journal: Journal
    mint: Callable[[], Token]
    now: Callable[[], datetime]
    accepts: frozenset[HeaderForm] = frozenset(HeaderForm)
    partners: tuple[PartyPattern, ...] = ()
    """Who may register (RR-17); empty for anybody."""
    form: HeaderForm | None = None
    """In which the other side wants tokens, if it was seen to want another one than its version says."""
    link: Link | None = None
    earlier: list[Token] = field(default_factory=list)
    """Tokens of the other side's that were replaced, newest last."""
    given: tuple[str, Token] | None = None
    """An invitation of the other side: its version list and a token A."""
    own: list[Version] = field(default_factory=list)
    epoch: int = 0
    """Counts what the other side changed: an exchange that it overtook must not commit."""

    def invites(self, party: AnnouncedParty) -> bool:
        """Whether this party may register; what its version has no field for does not count."""
        told = (party.country_code, party.party_id, party.role)
        return not self.partners or any(_covers(pattern, told) for pattern in self.partners)

    def is_ours(self, token: Token) -> bool:
        """Whether the other side has it from us (CO-41), and not we from them: same-token issues what they sent."""
        theirs = self.link is not None and self.link.held == token
        return not theirs and self.tokens.standing(token) is not None

    def connect(self, link: Link) -> None:
        if self.link is not None and self.link.held != link.held:
            self.earlier.append(self.link.held)
        self.link = link

    def disconnect(self) -> None:
        """Both tokens die (UN-02)."""
        self.tokens.end()
        self.link = None
        self.earlier.clear()
        self.epoch += 1

    def form_for(self, version: Version) -> HeaderForm:
        return self.form or DIALECTS[version.text].header


def _covers(pattern: PartyPattern, told: tuple[str | Role | None, ...]) -> bool:
    allowed = (pattern.country_code, pattern.party_id, pattern.role)
    return all(None in pair or pair[0] == pair[1] for pair in zip(allowed, told, strict=True))
