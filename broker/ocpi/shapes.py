"""Shapes of version lists and details that platforms answer although the specification has others (A24, A25).

Each function gives the data as it should have been, and the name of the quirk that takes it for that; None if it was
right, or cannot be put right.
"""

from broker.ocpi.dialect import Json


def of_versions(data: object, url: str) -> tuple[object, str | None]:
    """The list itself, in an object, a single entry, or the details that it should have led to at this URL."""
    if not isinstance(data, dict):
        return data, None
    if isinstance(data.get("versions"), list):
        return data["versions"], "versions_wrapped_in_object"
    if "version" in data and "endpoints" in data:
        return [{"version": data["version"], "url": url}], "url_is_version_details"
    if "version" in data and "url" in data:
        return [data], "versions_wrapped_in_object"
    return data, None


def of_details(data: object) -> tuple[object, str | None]:
    """The object itself, or alone in an array."""
    if isinstance(data, list) and len(data) == 1 and _is_details(data[0]):
        return data[0], "details_wrapped_in_array"
    return data, None


def _is_details(value: object) -> bool:
    known: Json | None = value if isinstance(value, dict) else None
    return known is not None and "version" in known and "endpoints" in known
