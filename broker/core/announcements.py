"""What an announcement leaves out, filled in from what is known of the peer.

OCPI 2.0 and 2.1.1 have no role in the credentials object, and the shape that 2.0 had before its release has neither ids
nor a URL: there the invitation says who it is (VL-10, docs/concepts.md).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from broker.core.model import (
    AnnouncedParty,
    Announcement,
    BusinessDetails,
    Credentials,
    Party,
    PartyKey,
    Registration,
    Role,
    Terms,
)
from broker.errors import BrokerError, CredentialsInvalidError

_COUNTERPART = {frozenset({Role.CPO}): Role.EMSP, frozenset({Role.EMSP}): Role.CPO}


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a peer before it says anything. ours are the parties of the tenant it talks to."""

    terms: Terms
    registration: Registration | None
    ours: frozenset[PartyKey]

    @property
    def registered(self) -> frozenset[PartyKey]:
        return self.registration.theirs.keys if self.registration else frozenset()

    @property
    def url(self) -> str | None:
        return self.registration.theirs.url if self.registration else self.terms.versions_url


def completed(announced: Announcement, known: Known) -> Credentials:
    """The credentials that were meant. Raises CredentialsInvalidError naming the field that cannot be filled in."""
    url = _url(announced, known)
    parties = tuple(_party(party, known) for party in announced.parties)
    try:
        return Credentials(announced.token, url, parties)
    except ValueError as error:
        raise CredentialsInvalidError(f"roles: {error}") from None


@dataclass(frozen=True, slots=True)
class Understood:
    """The parties that an answer to us means, and what is wrong with the others; named are those it names itself."""

    parties: tuple[Party, ...]
    complaints: tuple[str, ...]
    named: tuple[tuple[AnnouncedParty, PartyKey], ...] = ()


def understood(announced: Announcement, known: Known) -> Understood:
    """What cannot be understood is left out. Where nothing can, the parties that were agreed are meant (RS-09)."""
    found: dict[PartyKey, tuple[AnnouncedParty, Party]] = {}
    complaints: list[str] = []
    for written in announced.parties:
        try:
            party = _party(written, known)
        except (BrokerError, ValueError) as error:
            complaints.append(str(error))
        else:
            if party.key in found:
                complaints.append(f"roles: {party.key} is listed twice")
            found.setdefault(party.key, (written, party))
    if found:
        named = tuple((written, party.key) for written, party in found.values())
        return Understood(tuple(party for _, party in found.values()), tuple(complaints), named)
    agreed = known.registered or known.terms.parties
    taken = "those that were agreed are taken" if agreed else "the invitation names none either"
    complaints.append(f"roles: no party is named that can be understood; {taken}")
    return Understood(tuple(Party(key, _details(key, known)) for key in sorted(agreed, key=str)), tuple(complaints))


def echoes(named: Iterable[tuple[AnnouncedParty, PartyKey]], known: Known) -> bool:
    """Whether the peer has sent our own parties back, taking them for what is asked of it (A17, CO-34)."""
    return all(_is_ours(written, key, known) for written, key in named)


def renamed(details: BusinessDetails, known: Known, path: str) -> tuple[Party, ...]:
    """The invitation's parties in the place of ours, which the peer has echoed (A17, quirk echoes_our_roles)."""
    names = known.registered or known.terms.parties
    if not names:
        raise CredentialsInvalidError(f"{path}: is ours, and the invitation does not name the peer's parties")
    return tuple(Party(key, details) for key in sorted(names, key=str))


def _party(written: AnnouncedParty, known: Known) -> Party:
    key = _key(written, known)
    return Party(key, written.details or _details(key, known))


def _details(key: PartyKey, known: Known) -> BusinessDetails:
    """As registered, else what stands for a name that is not said."""
    registered = known.registration.theirs.parties if known.registration else ()
    named = (party.details for party in registered if party.key == key)
    return next(named, nameless(key))


def nameless(key: PartyKey) -> BusinessDetails:
    """What stands for a name that nobody has said."""
    return BusinessDetails(key.country_code + key.party_id)


def _url(announced: Announcement, known: Known) -> str:
    url = announced.url or known.url
    if url is None:
        raise CredentialsInvalidError("url: is required; the invitation does not name the version list either")
    return url


def _is_ours(written: AnnouncedParty, key: PartyKey, known: Known) -> bool:
    """Where no role is written, our ids are ours in any role, unless the invitation names them for the peer."""
    if written.role is not None or written.party_id is None or key in known.registered | known.terms.parties:
        return key in known.ours
    return any((key.country_code, key.party_id) == (one.country_code, one.party_id) for one in known.ours)


def _key(party: AnnouncedParty, known: Known) -> PartyKey:
    if party.country_code is None or party.party_id is None:
        return _only(known, "party_id: is required; the invitation does not name exactly one party")
    if party.role is not None:
        return PartyKey(party.country_code, party.party_id, party.role)
    return PartyKey(party.country_code, party.party_id, _role(party.country_code, party.party_id, known))


def _only(known: Known, complaint: str) -> PartyKey:
    names = known.registered or known.terms.parties
    if len(names) != 1:
        raise CredentialsInvalidError(complaint)
    return next(iter(names))


def _role(country_code: str, party_id: str, known: Known) -> Role:
    """As registered, else as invited, else what our own side leaves over."""
    for names in (known.registered, known.terms.parties):
        roles = {key.role for key in names if (key.country_code, key.party_id) == (country_code, party_id)}
        if roles:
            return _one_of(roles)
    patterns = [pattern for pattern in known.terms.patterns if pattern.covers_ids(country_code, party_id)]
    return _one_of({pattern.role or _counterpart(known.ours) for pattern in patterns} or {_counterpart(known.ours)})


def _one_of(roles: Iterable[Role]) -> Role:
    found = sorted(role.value for role in roles)
    if len(found) > 1:
        raise CredentialsInvalidError(
            f"party_id: is known as {' and '.join(found)}; before OCPI 2.2 each role needs an invitation of its own"
        )
    return Role(found[0])


def _counterpart(ours: Iterable[PartyKey]) -> Role:
    """Whom we talk to where nobody has said it: before 2.2 there are only CPOs and eMSPs."""
    return _COUNTERPART.get(frozenset(key.role for key in ours), Role.OTHER)
