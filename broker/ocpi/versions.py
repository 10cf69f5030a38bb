"""The version list, the same in every version: what cannot be understood in a peer's list is skipped (VL-05)."""

from collections.abc import Iterable, Iterator

from broker.core.model import VERSION_NUMBER, Version
from broker.ocpi.dialect import Json, Malformed
from broker.ocpi.fields import Notes, as_list, as_object, as_url, as_version, below

MAX_VERSIONS = 1000


def read_versions(data: object, notes: Notes) -> tuple[tuple[Version, str], ...]:
    """Versions and the URLs of their details; of duplicates the first (VL-02 to VL-05, VL-08, A26).

    Notes what is skipped: whoever misses a version in the list wants to know why.
    """
    unique: dict[Version, str] = {}
    for index, entry in enumerate(as_list(data, "", most=MAX_VERSIONS)):
        try:
            unique.setdefault(*_entry(entry, f"[{index}]"))
        except Malformed as error:
            notes.add(error.path, error.message, "the entry was skipped")
    return tuple(unique.items())


def unknown_versions(data: object) -> Iterator[str]:
    """What a list names as versions and no version number is, such as 2.1.1-d2; as it stands there."""
    for entry in data if isinstance(data, list) else ():
        text = entry.get("version") if isinstance(entry, dict) else None
        if isinstance(text, str) and not VERSION_NUMBER.fullmatch(text):
            yield text


def write_versions(versions: Iterable[tuple[Version, str]]) -> list[Json]:
    return [{"version": version.text, "url": url} for version, url in versions]


def _entry(value: object, path: str) -> tuple[Version, str]:
    body = as_object(value, path)
    return as_version(body.get("version"), below(path, "version")), as_url(body.get("url"), below(path, "url"))
