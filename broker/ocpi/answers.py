"""What a peer answers to a POST or PUT that it has carried out, read for what can be had of it (RS-08, RS-09, F12).

The peer has committed; our only credential is in this answer. So a token of legal characters makes it a success,
whatever else is odd, and every oddity becomes a warning. Requests of peers are read by the dialects, which are strict.
"""

import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from broker.core.model import AnnouncedParty, Announcement, BusinessDetails, Role, Token
from broker.ocpi.business_details import Decoration
from broker.ocpi.dialect import Dialect, Json, Malformed
from broker.ocpi.envelope import EnvelopeError, read_envelope
from broker.ocpi.fields import Notes, as_country_code, as_party_id, as_url, below
from broker.ocpi.roles import MAX_ROLES

_DECORATION = Decoration(open_categories=True, logo_as_url=True)
_MOST_OBJECTS: Final = 200
_MOST_DEPTH: Final = 6
_SHORTEST_BARE: Final = 16
"""Characters. A shorter string in the place of the object is a word such as Success rather than a token."""
_IN_TEXT = re.compile(r'"token"\s*:\s*"([!-~]{1,1024})"', re.IGNORECASE)
_SUCCESSES = range(1000, 2000)
_HUB_ID = re.compile(r"[A-Za-z]{2}\*?[A-Za-z0-9]{3}")


def read_answer(dialect: Dialect, body: bytes, offered: Token, *, success: bool) -> Announcement:
    """What the peer says of itself, with the token that it gives us. offered is the one in our request.

    success says that the HTTP status is one. Raises EnvelopeError if the peer reports a failure, and ValueError if
    there is no token in the answer.
    """
    try:
        envelope = read_envelope(body)
    except EnvelopeError:
        raise
    except ValueError as error:
        found = _salvaged(body, offered) if success else None
        if found is None:
            raise
        return replace(found, warnings=(_said(error), *found.warnings))
    try:
        read = dialect.read_credentials(envelope.data)
    except ValueError as error:
        found = _salvaged(body, offered)  # the envelope reports a success, whatever HTTP says (A8)
        if found is None:
            raise
        return replace(found, warnings=(*envelope.flaws, *(found.warnings or (str(error),))))
    return replace(read, warnings=(*envelope.flaws, *read.warnings))


def _said(error: ValueError) -> str:
    """What kept the envelope from being read as it should be."""
    return str(error) if isinstance(error, Malformed) else f"the answer {error}; the token in it was kept"


def _salvaged(body: bytes, offered: Token) -> Announcement | None:
    text = _text(body)
    try:
        parsed: object = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return _from_text(text, offered)
    return _from_objects(parsed, offered) or _bare(parsed, offered)


def _text(body: bytes) -> str:
    return body.decode(json.detect_encoding(body), errors="replace")


def _from_text(text: str, offered: Token) -> Announcement | None:
    """What is no JSON, for example because it was cut off."""
    for match in _IN_TEXT.finditer(text):
        token = _token_if_legal(match[1])
        if token is not None and token != offered:
            return Announcement(token, None, ())
    return None


def _bare(parsed: object, offered: Token) -> Announcement | None:
    """A token as the data, and nothing around it."""
    value = parsed.get("data") if isinstance(parsed, dict) else None
    token = _token_if_legal(value) if isinstance(value, str) and len(value) >= _SHORTEST_BARE else None
    if token is None or token == offered:
        return None
    return Announcement(token, None, (), warnings=("data: is a token instead of an object with one",))


def _from_objects(parsed: object, offered: Token) -> Announcement | None:
    for path, found in _objects(parsed):
        notes = Notes()
        token = _token_in(found, notes)
        if token is None or token == offered:
            continue
        if not path:
            notes.add("data", "is missing; the object stands without an envelope")
        elif path != "data":
            notes.add(path, "is where the object stands; it must be data")
        return _announcement(token, found, notes)
    return None


def _objects(parsed: object) -> Iterator[tuple[str, Json]]:
    """Every object, the outer ones first, with its path."""
    waiting: deque[tuple[str, object, int]] = deque([("", parsed, 0)])
    for _ in range(_MOST_OBJECTS):
        if not waiting:
            return
        path, value, depth = waiting.popleft()
        if isinstance(value, dict):
            yield path, value
        if depth < _MOST_DEPTH:
            waiting.extend((where, child, depth + 1) for where, child in _children(path, value))


def _children(path: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        yield from ((below(path, str(name)), child) for name, child in value.items())
    elif isinstance(value, list):
        yield from ((f"{path}[{index}]", child) for index, child in enumerate(value[:_MOST_OBJECTS]))


def _token_in(found: Json, notes: Notes) -> Token | None:
    for name, value in found.items():
        if name.strip().lower() != "token":
            continue
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        token = _token_if_legal(text)
        if token is None:
            continue
        if name != "token":
            notes.add("token", "is written in other letters")
        if text != value:
            notes.add("token", "is a number instead of a string")
        elif token.reveal() != value:
            notes.add("token", "has blanks around it, which were taken off")
        return token
    return None


def _token_if_legal(value: object) -> Token | None:
    if not isinstance(value, str) or value.strip() == "#NA":
        return None
    try:
        return Token(value.strip())
    except ValueError:
        return None


def _announcement(token: Token, found: Json, notes: Notes) -> Announcement:
    url = _url_if_valid(found.get("url"), notes)
    parties = tuple(_parties(found, notes))
    return Announcement(token, url, parties, warnings=notes.taken())


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
