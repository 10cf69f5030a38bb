"""What the objects that a platform sends must look like, version by version. Each function raises Deviation."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from broker.tools.conformance.deviations import Deviation
from broker.tools.conformance.editions import Edition

MAX_URL = 255
MAX_TOKEN = 64
MAX_NAME = 100
MAX_TIME = 25
_MAX_PIXELS = 99999
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_PARTY = re.compile(r"[A-Za-z0-9]{3}")
_TYPE = re.compile(r"[!-~]{1,4}")
_NUMBER = re.compile(r"[0-9]+\.[0-9]+(\.[0-9]+)?")
_CUSTOM = re.compile(r"[A-Za-z]{2}[A-Za-z0-9]{3}-[!-~]+")
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?")
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?")
_CATEGORIES = frozenset({"CHARGER", "ENTRANCE", "LOCATION", "NETWORK", "OPERATOR", "OTHER", "OWNER"})
_SIDES = frozenset({"SENDER", "RECEIVER"})

Json = Mapping[str, Any]


def demand(holds: object, sentence: str) -> None:
    """Raises Deviation with the sentence unless it holds."""
    if not holds:
        raise Deviation(sentence)


def check_version(entry: Any) -> None:
    """An entry of the version list (VL-03, VL-04, TY-10)."""
    demand(isinstance(entry, dict), "an entry of the version list is not an object")
    demand(isinstance(entry.get("version"), str), "version is not a string")
    demand(_NUMBER.fullmatch(entry["version"]), f"version {entry['version']} is not a number of the specification")
    check_url(entry.get("url"), f"url of {entry['version']}")


def check_url(value: Any, path: str) -> None:
    """An absolute URL (TY-03, TR-11)."""
    check_text(value, path, MAX_URL)
    demand("#" not in value and " " not in value, f"{path} is not a URL: {value}")
    try:
        parts = urlsplit(value)
    except ValueError:
        raise Deviation(f"{path} is not a URL: {value}") from None
    demand(parts.scheme in {"http", "https"} and parts.hostname, f"{path} is not an absolute URL: {value}")


def check_text(value: Any, path: str, length: int, *, ascii_only: bool = False) -> None:
    """A string of limited length without control characters (TY-01, TY-02)."""
    demand(isinstance(value, str), f"{path} is not a string")
    demand(len(value) <= length, f"{path} has more than {length} characters")
    demand(all(char.isprintable() for char in value), f"{path} has characters that are not printable")
    demand(not ascii_only or value.isascii(), f"{path} has characters outside ASCII")


def check_endpoint(edition: Edition, endpoint: Any) -> None:
    """An entry of endpoints (VD-02, VD-03, VD-09, VD-10)."""
    demand(isinstance(endpoint, dict), "an entry of endpoints is not an object")
    module = endpoint.get("identifier")
    check_text(module, "identifier", MAX_URL, ascii_only=True)
    demand(
        module in edition.modules or _CUSTOM.fullmatch(module),
        f"{module} is neither a module of OCPI {edition.version} nor one of a party (xxyyy-name)",
    )
    check_url(endpoint.get("url"), f"url of {module}")
    if edition.roles:
        demand(endpoint.get("role") in _SIDES, f"role of {module} is neither SENDER nor RECEIVER")
    else:
        demand("role" not in endpoint, f"{module} has a role, which OCPI {edition.version} does not know")


def check_credentials(edition: Edition, value: Any) -> None:
    """The credentials object as a whole (CO-01 to CO-22)."""
    demand(isinstance(value, dict), "data is not an object")
    check_token(value.get("token"))
    check_url(value.get("url"), "url")
    for path, party in parties(edition, value):
        check_party(edition, path, party)


def check_token(value: Any) -> None:
    """CO-02 to CO-04."""
    demand(isinstance(value, str), "token is not a string")
    demand(1 <= len(value) <= MAX_TOKEN, f"token has {len(value)} characters, not 1 to {MAX_TOKEN}")
    demand(all("!" <= char <= "~" for char in value), "token has characters other than U+0021 to U+007E")


def parties(edition: Edition, value: Json) -> list[tuple[str, Any]]:
    """The objects that hold a party each, with their paths."""
    if not edition.roles:
        demand("roles" not in value, f"roles is not known to OCPI {edition.version}")
        return [("", value)]
    roles = value.get("roles")
    demand(isinstance(roles, list) and roles, "roles is not a list with at least one entry")
    return [(f"roles[{index}].", role) for index, role in enumerate(roles)]  # type: ignore[arg-type]  # demanded above


def check_party(edition: Edition, path: str, party: Any) -> None:
    """CO-06 to CO-08, CO-11 to CO-14."""
    demand(isinstance(party, dict), f"{path.rstrip('.')} is not an object")
    for name, pattern in (("country_code", _COUNTRY), ("party_id", _PARTY)):
        text = party.get(name)
        demand(isinstance(text, str) and pattern.fullmatch(text), f"{path}{name} is not a {name.replace('_', ' ')}")
    if edition.roles:
        demand(party.get("role") in edition.role_names, f"{path}role is no role of OCPI {edition.version}")
    check_business_details(edition, f"{path}business_details", party.get("business_details"))


def check_business_details(edition: Edition, path: str, value: Any) -> None:
    """CO-15 to CO-17."""
    demand(isinstance(value, dict), f"{path} is not an object")
    check_text(value.get("name"), f"{path}.name", MAX_NAME, ascii_only=not edition.roles)
    if value.get("website") is not None:
        check_url(value["website"], f"{path}.website")
    if value.get("logo") is not None:
        check_image(f"{path}.logo", value["logo"], open_category=edition.hub_field)


def check_image(path: str, value: Any, *, open_category: bool) -> None:
    """CO-18 to CO-22, TY-12."""
    demand(isinstance(value, dict), f"{path} is not an object")
    check_url(value.get("url"), f"{path}.url")
    if value.get("thumbnail") is not None:
        check_url(value["thumbnail"], f"{path}.thumbnail")
    category, file_type = value.get("category"), value.get("type")
    demand(isinstance(category, str) and (open_category or category in _CATEGORIES), f"{path}.category is unknown")
    demand(isinstance(file_type, str) and _TYPE.fullmatch(file_type), f"{path}.type is not a file type")
    for name in ("width", "height"):
        size = value.get(name)
        sound = isinstance(size, int) and not isinstance(size, bool) and 0 <= size <= _MAX_PIXELS
        demand(size is None or sound, f"{path}.{name} is not a whole number of at most five digits")


def check_time(edition: Edition, value: Any) -> None:
    """TY-04 to TY-06."""
    demand(isinstance(value, str) and len(value) <= MAX_TIME, f"timestamp is not a string of at most {MAX_TIME}")
    offsets = not edition.roles and edition.null_data
    pattern = _ISO if offsets else _UTC
    demand(pattern.fullmatch(value), f"timestamp {value} is not of the form 2026-03-02T09:15:00Z")


def keys(value: Any) -> set[str]:
    """The names of all fields in it."""
    if isinstance(value, dict):
        return set(value).union(*(keys(item) for item in value.values()))
    return set[str]().union(*(keys(item) for item in value)) if isinstance(value, list) else set()
