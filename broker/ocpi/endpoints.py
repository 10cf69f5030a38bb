"""Version details: the endpoints of a platform in one version, with interface roles from 2.2 on (VD-02, VD-03)."""

from collections.abc import Sequence

from broker.core.model import Endpoint, InterfaceRole, Version
from broker.core.required_modules import CREDENTIALS
from broker.errors import NotExpressibleError
from broker.ocpi.dialect import Json, Malformed
from broker.ocpi.fields import Notes, as_list, as_object, as_text, as_url, as_version, below
from broker.ocpi.notes import harmless

MAX_MODULE = 255
# OCPI has a dozen modules. Each entry costs checks that take time.
MAX_ENDPOINTS = 1000

_MODULES = frozenset(
    {
        "cdrs",
        "chargingprofiles",
        "commands",
        CREDENTIALS,
        "hubclientinfo",
        "invoicereconciliation",
        "locations",
        "payments",
        "sessions",
        "tariffs",
        "tokens",
    }
)
# Other spellings that are found, and the one chapter that breaks the rule of lower case (A38, VD-09).
_ALIASES = {"clientinfo": "hubclientinfo", "booking": "Booking", "bookings": "Booking"}
_INTERFACE_ROLES = {role.value: role for role in InterfaceRole}


def read_details_with_roles(value: object, notes: Notes) -> tuple[Version, tuple[Endpoint, ...]]:
    """What cannot be understood is skipped (VD-11); of one module and role the first counts (VD-08).

    An endpoint whose role is missing or none that there is may be meant for either: it is kept without one. Notes both,
    since whoever misses an endpoint wants to know why.
    """
    return _read(value, notes, with_roles=True)


def read_details_without_roles(value: object, notes: Notes) -> tuple[Version, tuple[Endpoint, ...]]:
    """The same before 2.2; a role that is there all the same is ignored (VD-02)."""
    return _read(value, notes, with_roles=False)


def write_details_with_roles(version: Version, endpoints: Sequence[Endpoint]) -> Json:
    return {"version": version.text, "endpoints": [_write_with_role(version, endpoint) for endpoint in endpoints]}


def write_details_without_roles(version: Version, endpoints: Sequence[Endpoint]) -> Json:
    modules = [endpoint.module for endpoint in endpoints]
    twice = sorted({module for module in modules if modules.count(module) > 1})
    if twice:
        raise NotExpressibleError(f"OCPI {version} has no interface roles: {twice[0]} can be listed once only")
    listed = [{"identifier": endpoint.module, "url": endpoint.url} for endpoint in endpoints]
    return {"version": version.text, "endpoints": listed}


def _read(value: object, notes: Notes, *, with_roles: bool) -> tuple[Version, tuple[Endpoint, ...]]:
    body = as_object(value, "")
    version = as_version(body.get("version"), "version")
    unique: dict[str, Endpoint] = {}
    for index, entry in enumerate(as_list(body.get("endpoints"), "endpoints", most=MAX_ENDPOINTS)):
        path = f"endpoints[{index}]"
        try:
            endpoint = _endpoint(entry, path, notes, with_roles)
        except Malformed as error:
            notes.add(error.path, error.message, f"{_named(entry, error.path)} is skipped")
            continue
        first = unique.setdefault(endpoint.key, endpoint)
        if first.url != endpoint.url:
            notes.add(path, "is listed before with another URL", f"{_name(endpoint.key)} is skipped, the first counts")
    return version, tuple(unique.values())


def _endpoint(value: object, path: str, notes: Notes, with_roles: bool) -> Endpoint:
    body = as_object(value, path)
    module = _module(body.get("identifier"), below(path, "identifier"))
    url = as_url(body.get("url"), below(path, "url"))
    written = body.get("role") if with_roles else None
    role = _interface_role_if_valid(written)
    # The role of credentials means nothing (VD-07).
    if with_roles and role is None and module != CREDENTIALS:
        rule = "is required" if written is None else f"must be {' or '.join(_INTERFACE_ROLES)}"
        value = f", written {_name(written)}," if harmless(written) else ""
        notes.add(below(path, "role"), rule, f"{_name(module)}{value} is taken for either of them")
    return Endpoint(module, role, url)


def _module(value: object, path: str) -> str:
    """The specification's modules in its own spelling, whatever the letter case; custom ones as they are (VD-10)."""
    text = as_text(value, path)
    if not 1 <= len(text) <= MAX_MODULE:
        raise Malformed(path, f"must have 1 to {MAX_MODULE} characters")
    if not all("!" <= char <= "~" for char in text):
        raise Malformed(path, "must consist of printable ASCII without blanks")
    lower = text.lower()
    return lower if lower in _MODULES else _ALIASES.get(lower, text)


def _interface_role_if_valid(value: object) -> InterfaceRole | None:
    """Whatever the letter case (VD-04)."""
    return _INTERFACE_ROLES.get(value.upper()) if isinstance(value, str) else None


def _named(entry: object, path: str) -> str:
    """Which endpoint it is, with the value at the path where that may be shown."""
    body = entry if isinstance(entry, dict) else {}
    value = body.get(path.rpartition(".")[2])
    told = f", written {_name(value)}," if harmless(value) and value != body.get("identifier") else ""
    return _name(body.get("identifier")) + told


def _name(value: object) -> str:
    return f'"{value}"' if harmless(value) else "the entry"


def _write_with_role(version: Version, endpoint: Endpoint) -> Json:
    role = endpoint.role
    if role is None and endpoint.module != CREDENTIALS:
        raise NotExpressibleError(f"OCPI {version} needs an interface role for the endpoint of {endpoint.module}")
    # VD-06: the role of credentials means nothing; SENDER is what the specification advises.
    return {"identifier": endpoint.module, "role": (role or InterfaceRole.SENDER).value, "url": endpoint.url}
