"""Connections that exist already and are taken over: what is wrong with one, what is odd, and what differs (moving in).

Nothing here knows where they come from. Fields are named as in the files that operators write.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from broker.core.lifecycle import USUAL, Care, Renewal
from broker.core.model import (
    Endpoint,
    Fingerprint,
    HeaderForm,
    Party,
    PartyKey,
    Tenant,
    Terms,
    Token,
    Version,
)
from broker.core.peer import Peer
from broker.core.quirks import NO_QUIRKS, Quirks
from broker.core.required_modules import CREDENTIALS, missing_modules

_WITH_ROLES: Final = Version("2.2")
_SHORTEST: Final = 8
_FEWEST_CHARACTERS: Final = 4
"""Below these a token can be guessed in spite of the limit per source."""
_USUAL_LENGTH: Final = 16
_USUAL_BITS: Final = 48


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A connection as it is to go on. held we show to the peer, issued the peer shows to us.

    fingerprint stands for an issued token of which nothing but its keyed hash is known. Without version or endpoints
    the peer has to be asked.
    """

    id: str
    versions_url: str
    held: Token = field(repr=False)
    issued: Token | None = field(default=None, repr=False)
    fingerprint: Fingerprint | None = field(default=None, repr=False)
    version: Version | None = None
    endpoints: tuple[Endpoint, ...] = ()
    parties: tuple[Party, ...] = ()
    form_in: HeaderForm | None = None
    form_out: HeaderForm | None = None
    quirks: Quirks = NO_QUIRKS
    terms: Terms | None = None
    """None: its parties."""
    care: Care = USUAL
    versions: tuple[Version, ...] = ()
    may_downgrade: bool = False
    blocked: bool = False

    @property
    def keys(self) -> frozenset[PartyKey]:
        return frozenset(party.key for party in self.parties)

    @property
    def allowed(self) -> Terms:
        return self.terms or Terms(parties=self.keys)


class Strength(Enum):
    """How hard a token is to guess."""

    GUESSABLE = "can be guessed"
    WEAK = "is weak"
    USUAL = "is as strong as tokens usually are"


def strength(token: Token) -> Strength:
    """By its length and the number of different characters: an upper bound of what it can be worth."""
    text = token.reveal()
    different = len(set(text))
    if len(text) < _SHORTEST or different < _FEWEST_CHARACTERS:
        return Strength.GUESSABLE
    if len(text) < _USUAL_LENGTH or len(text) * math.log2(different) < _USUAL_BITS:
        return Strength.WEAK
    return Strength.USUAL


def objections(new: Newcomer, tenant: Tenant, *, asks: bool) -> Iterator[tuple[str, str]]:
    """(field, what is wrong with it). asks: what is not given is read from the peer."""
    yield from _about_tokens(new)
    yield from _about_parties(new, tenant)
    offered = ", ".join(map(str, tenant.versions))
    if new.version is not None and new.version not in tenant.versions:
        yield "version", f"must be one of {offered}, which the tenant offers"
    elif new.version is not None and new.versions and new.version not in new.versions:
        yield "version", "must be among the versions that are offered to the peer"
    elif new.version is None and not asks:
        yield "version", "is missing"
    if not new.endpoints and not asks:
        yield "endpoints", "are missing; give them, or have the peer asked for them (check)"
    keys = [endpoint.key for endpoint in new.endpoints]
    for double in sorted({key for key in keys if keys.count(key) > 1}):
        yield "endpoints", f"{double} is given twice"


def _about_tokens(new: Newcomer) -> Iterator[tuple[str, str]]:
    if new.issued is None and new.fingerprint is None and not new.care.is_manual:
        yield "issued_token", "is missing; only a peer with the lifecycle manual can be without one"
    if new.issued is not None and strength(new.issued) is Strength.GUESSABLE:
        few = f"fewer than {_SHORTEST} characters, or fewer than {_FEWEST_CHARACTERS} different ones"
        yield "issued_token", f"can be guessed: it has {few}; have it replaced before you move"
    if new.issued is not None and new.issued == new.held:
        yield "issued_token", "is the same as held_token; each side generates its own"
    urls = [("versions_url", new.versions_url), *(("endpoints", endpoint.url) for endpoint in new.endpoints)]
    for place, url in urls:
        if any(token is not None and token.appears_in(url) for token in (new.held, new.issued)):
            yield place, "must not contain a token"


def _about_parties(new: Newcomer, tenant: Tenant) -> Iterator[tuple[str, str]]:
    ours = new.keys & {party.key for party in tenant.parties}
    if not new.parties:
        yield "parties", "are missing"
    for key in sorted(ours, key=str):
        yield "parties", f"{key} is a party of the tenant itself"
    covers = new.allowed.coverage()
    for key in sorted(new.keys, key=str):
        if not covers(key):
            yield "terms", f"must allow {key}, which is a party of the peer"


def oddities(new: Newcomer, tenant: Tenant) -> list[str]:
    """What is taken over all the same, and an operator should know."""
    found = []
    if new.issued is not None and strength(new.issued) is Strength.WEAK:
        found.append("issued_token: is easy to guess; have it replaced")
    renews = not new.care.is_manual and new.care.renewal is Renewal.PUT
    modules = {endpoint.module for endpoint in new.endpoints}
    if renews and new.endpoints and CREDENTIALS not in modules:
        found.append("endpoints: credentials is not among them; until the next PUT the peer cannot be told by DELETE")
    found += _without_roles(new) if new.version is not None and new.version < _WITH_ROLES else _roleless(new)
    lacking = missing_modules(tenant.policy.required_modules, new.keys, new.endpoints)
    found += [f"endpoints: the tenant requires {name}" for name in lacking if new.endpoints and name != CREDENTIALS]
    return found


def _without_roles(new: Newcomer) -> Iterator[str]:
    """What the credentials and details of the versions before 2.2 cannot say."""
    if len(new.parties) > 1:
        yield f"parties: OCPI {new.version} knows one for each connection; the peer's next PUT will name one"
    if any(endpoint.role is not None for endpoint in new.endpoints):
        yield f"endpoints: OCPI {new.version} knows no roles; the peer's next PUT brings them without"


def _roleless(new: Newcomer) -> Iterator[str]:
    missing = sorted({one.module for one in new.endpoints if one.role is None and one.module != CREDENTIALS})
    if missing:
        yield f"endpoints: no role is given for {', '.join(missing)}: each is taken for either of them"


def differences(peer: Peer, new: Newcomer, held: Token | None) -> list[str]:
    """The fields in which a peer of this name is another one; held is the token that we have of it.

    What the file leaves out is as it is. Tokens are compared by whoever can recognise them.
    """
    differing = [
        ("held_token", held != new.held),
        ("version", new.version not in (None, peer.version)),
        ("versions_url", new.versions_url != peer.versions_url),
        ("endpoints", bool(new.endpoints) and set(new.endpoints) != set(peer.endpoints)),
        ("parties", new.keys != frozenset(party.key for party in peer.parties)),
        ("auth_form_in", new.form_in not in (None, peer.form_in)),
        ("auth_form_out", new.form_out not in (None, peer.quirks.auth_form_out, peer.form_out)),
        ("terms", new.terms is not None and replace(new.terms, versions_url=peer.terms.versions_url) != peer.terms),
    ]
    return [name for name, differs in differing if differs] + setting_differences(peer, new)


def setting_differences(peer: Peer, new: Newcomer) -> list[str]:
    """The same for what no exchange changes."""
    differing = [
        ("quirks", new.quirks != peer.quirks),
        ("lifecycle", new.care.lifecycle is not peer.care.lifecycle),
        ("rotation_period", new.care.rotation_period != peer.care.rotation_period),
        ("renew", new.care.renewal is not peer.care.renewal),
        ("offered_versions", new.versions != peer.versions),
        ("may_downgrade", new.may_downgrade != peer.may_downgrade),
        ("blocked", new.blocked != peer.blocked),
    ]
    return [name for name, differs in differing if differs]


def unlisted(given: Iterable[Endpoint], listed: Iterable[Endpoint]) -> list[str]:
    """Endpoints that were given and that the peer does not list at this URL."""
    known = {(endpoint.module, endpoint.url) for endpoint in listed}
    return [endpoint.key for endpoint in given if (endpoint.module, endpoint.url) not in known]
