"""Fields of JSON objects that others sent: each is read as one type, or Malformed names its path (CO-39, A31)."""

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from broker.core.model import MAX_TOKEN, MAX_URL, Token, Version, country_code, party_id
from broker.ocpi.countries import COUNTRIES
from broker.ocpi.dialect import Json, Malformed
from broker.ocpi.notes import Notes as Notes  # noqa: PLC0414  readers take both from here

T = TypeVar("T")


def as_object(value: object, path: str) -> Json:
    if value is None and path:
        raise Malformed(path, "is required")
    if not isinstance(value, dict):
        raise Malformed(path, "must be an object")
    return value


def as_list(value: object, path: str, *, most: int) -> list[object]:
    """How many there may be is asked before anybody looks at each."""
    if value is None and path:
        raise Malformed(path, "is required")
    if not isinstance(value, list):
        raise Malformed(path, "must be a list")
    if len(value) > most:
        raise Malformed(path, f"must have at most {most} entries")
    return value


def as_text(value: object, path: str) -> str:
    """A string; null and absent are the same (EN-10)."""
    if value is None:
        raise Malformed(path, "is required")
    if not isinstance(value, str):
        raise Malformed(path, "must be a string")
    return value


def as_url(value: object, path: str) -> str:
    """An absolute URL of at most 255 characters (TY-03, TR-11). Which schemes and hosts are admitted is not OCPI."""
    url = as_text(value, path)
    if len(url) > MAX_URL:
        raise Malformed(path, f"must have at most {MAX_URL} characters")
    if not all("!" <= char <= "~" for char in url):
        raise Malformed(path, "must consist of printable ASCII without blanks")
    if not _is_absolute(url):
        raise Malformed(path, "must be an absolute URL")
    return url


def as_token(value: object, path: str) -> Token:
    """Of any length that there is at all; how long this peer's may be is not OCPI's to say alone (CO-41).

    "#NA" is how OCPI says that there is no value (EN-11); a token there must be.
    """
    if value == "#NA":
        raise Malformed(path, "must be a token; #NA says that there is none")
    if not 1 <= len(as_text(value, path)) <= MAX_TOKEN:
        raise Malformed(path, f"must have 1 to {MAX_TOKEN} characters")
    return _as(Token, value, path)


def as_version(value: object, path: str) -> Version:
    return _as(Version, value, path)


def as_country_code(value: object, path: str, notes: Notes) -> str:
    """Two letters in upper case; those of no country are noted (CO-14, CO-43)."""
    code = _as(country_code, value, path)
    if code not in COUNTRIES:
        notes.add(path, "is no country of ISO 3166-1")
    return code


def as_party_id(value: object, path: str) -> str:
    return _as(party_id, value, path)


def below(path: str, name: str) -> str:
    """The path of a field of the object at path."""
    return f"{path}.{name}" if path else name


def _as(read: Callable[[str], T], value: object, path: str) -> T:
    text = as_text(value, path)
    try:
        return read(text)
    except ValueError as error:
        raise Malformed(path, str(error)) from None


def _is_absolute(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.scheme and parts.hostname)
