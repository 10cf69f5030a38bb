"""Fields of JSON objects that others sent: each is read as one type, or Malformed names its path (CO-39, A31)."""

from urllib.parse import urlsplit

from broker.core.model import MAX_URL
from broker.ocpi.dialect import Json, Malformed


def as_object(value: object, path: str) -> Json:
    if not isinstance(value, dict):
        raise Malformed(path, "must be an object")
    return value


def as_list(value: object, path: str) -> list[object]:
    if not isinstance(value, list):
        raise Malformed(path, "must be a list")
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


def below(path: str, name: str) -> str:
    """The path of a field of the object at path."""
    return f"{path}.{name}" if path else name


def _is_absolute(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.scheme and parts.hostname)
