"""What a peer answers to a POST or PUT that it has carried out, read for what can be had of it (RS-08, RS-09, F12).

The peer has committed; our only credential is in this answer. So a token of legal characters makes it a success,
whatever else is odd, and every oddity becomes a warning. Requests of peers are read by the dialects, which are strict.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from broker.core.model import AnnouncedParty, Announcement, BusinessDetails, Role, Token
from broker.ocpi import salvage
from broker.ocpi.business_details import Decoration
from broker.ocpi.dialect import Dialect, Json, Malformed
from broker.ocpi.envelope import EnvelopeError, read_envelope
from broker.ocpi.fields import Notes, as_country_code, as_party_id, as_url, below
from broker.ocpi.roles import MAX_ROLES

_DECORATION = Decoration(open_categories=True, logo_as_url=True)
_HUB_ID = re.compile(r"[A-Za-z]{2}\*?[A-Za-z0-9]{3}")


def read_answer(dialect: Dialect, body: bytes, offered: Token, *, success: bool) -> Announcement:
    """What the peer says of itself, with the token that it gives us; never with offered, the one in our request.

    success says that the HTTP status is one. Raises EnvelopeError if the peer reports a failure, whatever stands beside
    that, and ValueError if there is no token in the answer.
    """
    flaws: tuple[str, ...] = ()
    try:
        envelope = read_envelope(body)
        # A success, whatever HTTP says (A8).
        success, flaws = True, envelope.flaws
        read = dialect.read_credentials(envelope.data)
        if read.token == offered:
            raise Malformed("token", "is the one that we sent")
    except EnvelopeError:
        raise
    except ValueError as error:
        found = salvage.find(body, offered) if success else None
        if found is None:
            raise
        return _announcement(found, error, flaws)
    return Announcement(read.token, read.url, read.parties, read.draft, (*flaws, *read.warnings))


def _announcement(found: salvage.Find, error: ValueError, flaws: Sequence[str]) -> Announcement:
    around = found.around
    url = _url_if_valid(around.get("url"), found.notes) if around else None
    parties = _without_stand_in(tuple(_parties(around, found.notes))) if around else ()
    warnings = found.notes.taken()
    return Announcement(found.token, url, parties, warnings=(*flaws, *_said(error, found, warnings), *warnings))


def _said(error: ValueError, found: salvage.Find, warnings: Sequence[str]) -> Iterator[str]:
    """What kept the answer from being read as it should be, unless a warning says it already."""
    if not isinstance(error, Malformed):
        yield f"the answer {error}; the token in it was kept"
    elif _is_about(error, found) and not any(warning.startswith(f"{error.path}:") for warning in warnings):
        yield str(error)


def _is_about(error: Malformed, found: salvage.Find) -> bool:
    """Whether it was said of the object that the token was found in, or of the envelope around it."""
    return bool(error.path and found.path) and (error.path == "status_code" or found.path == "data")


def _url_if_valid(value: object, notes: Notes) -> str | None:
    try:
        return as_url(value, "url")
    except Malformed as error:
        notes.add("url", f"{error.message}; the one that we know was kept")
        return None


def _parties(found: Json, notes: Notes) -> Iterator[AnnouncedParty]:
    """In whichever version's shape they stand."""
    roles = found.get("roles")
    if isinstance(roles, dict):
        notes.add("roles", "is an object instead of a list")
        roles = [roles]
    if isinstance(roles, list) and roles:
        for index, entry in enumerate(roles[:MAX_ROLES]):
            yield from _party(entry, f"roles[{index}]", notes)
    elif any(found.get(name) is not None for name in ("party_id", "country_code")):
        yield from _party(found, "", notes)
    else:
        notes.add("roles", "are missing")
    yield from _hub(found.get("hub_party_id"), notes)


def _without_stand_in(parties: tuple[AnnouncedParty, ...]) -> tuple[AnnouncedParty, ...]:
    """A hub that reaches nobody stands in its own roles as OTHER, which is no party beside it (A21)."""
    hubs = {(party.country_code, party.party_id) for party in parties if party.role is Role.HUB}
    return tuple(
        party for party in parties if party.role is not Role.OTHER or (party.country_code, party.party_id) not in hubs
    )


def _party(entry: object, path: str, notes: Notes) -> Iterator[AnnouncedParty]:
    if not isinstance(entry, dict):
        notes.add(path, "must be an object; it was skipped")
        return
    try:
        country = as_country_code(entry.get("country_code"), below(path, "country_code"), notes)
        party = as_party_id(entry.get("party_id"), below(path, "party_id"))
    except Malformed as error:
        notes.add(error.path, f"{error.message}; the party was skipped")
        return
    role = _role(entry.get("role"), below(path, "role"), notes) if path else None
    details = _details(entry.get("business_details"), below(path, "business_details"), notes)
    yield AnnouncedParty(path or "party_id", details, country, party, role)


def _role(value: object, path: str, notes: Notes) -> Role | None:
    """None if it cannot be understood: then the invitation says it."""
    role = Role.__members__.get(value.strip().upper()) if isinstance(value, str) else None
    if role is None:
        notes.add(path, "is none that we know" if value is not None else "is required")
    elif role.value != value:
        notes.add(path, "must be written in upper case")
    return role


def _details(value: Any, path: str, notes: Notes) -> BusinessDetails | None:
    try:
        return _DECORATION.read(value, path, notes)
    except Malformed as error:
        notes.add(error.path, error.message)
        return None


def _hub(value: object, notes: Notes) -> Iterator[AnnouncedParty]:
    """hub_party_id of 2.3.0, with or without the asterisk of display (CO-10, PR-09)."""
    if value is None:
        return
    if not isinstance(value, str) or not _HUB_ID.fullmatch(value):
        notes.add("hub_party_id", "must be a country code and a party id, five characters in all; it was skipped")
        return
    country = as_country_code(value[:2], "hub_party_id", notes)
    yield AnnouncedParty("hub_party_id", None, country, value[-3:].upper(), Role.HUB)
