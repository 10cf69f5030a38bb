"""The version list, the same in every version: what cannot be understood in a peer's list is skipped (VL-05)."""

from collections.abc import Iterable

from broker.core.model import Version
from broker.ocpi.dialect import Json, Malformed
from broker.ocpi.fields import as_list, as_text, as_url

MAX_VERSIONS = 1000


def read_versions(data: object) -> tuple[tuple[Version, str], ...]:
    """Versions and the URLs of their details; of duplicates the first (VL-02 to VL-05, VL-08, A26)."""
    unique: dict[Version, str] = {}
    for entry in as_list(data, "", most=MAX_VERSIONS):
        known = _entry_if_valid(entry)
        if known is not None:
            unique.setdefault(*known)
    return tuple(unique.items())


def write_versions(versions: Iterable[tuple[Version, str]]) -> list[Json]:
    return [{"version": version.text, "url": url} for version, url in versions]


def _entry_if_valid(value: object) -> tuple[Version, str] | None:
    if not isinstance(value, dict):
        return None
    try:
        return Version(as_text(value.get("version"), "")), as_url(value.get("url"), "")
    except (Malformed, ValueError):
        return None
