"""Version details: the endpoints of a platform in one version, with interface roles from 2.2 on (VD-02, VD-03)."""

from collections.abc import Sequence

from broker.core.model import Endpoint, InterfaceRole, Version
from broker.core.required_modules import CREDENTIALS
from broker.errors import NotExpressibleError
from broker.ocpi.dialect import Json, Malformed
from broker.ocpi.fields import as_list, as_object, as_url, as_version

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


def read_details_with_roles(value: object) -> tuple[Version, tuple[Endpoint, ...]]:
    """What cannot be understood is skipped (VD-11); of one module and role the first counts (VD-08)."""
    return _read(value, with_roles=True)


def read_details_without_roles(value: object) -> tuple[Version, tuple[Endpoint, ...]]:
    """The same before 2.2; a role that is there all the same is ignored (VD-02)."""
    return _read(value, with_roles=False)


def write_details_with_roles(version: Version, endpoints: Sequence[Endpoint]) -> Json:
    return {"version": version.text, "endpoints": [_write_with_role(version, endpoint) for endpoint in endpoints]}


def write_details_without_roles(version: Version, endpoints: Sequence[Endpoint]) -> Json:
    modules = [endpoint.module for endpoint in endpoints]
    twice = sorted({module for module in modules if modules.count(module) > 1})
    if twice:
        raise NotExpressibleError(f"OCPI {version} has no interface roles: {twice[0]} can be listed once only")
    listed = [{"identifier": endpoint.module, "url": endpoint.url} for endpoint in endpoints]
    return {"version": version.text, "endpoints": listed}


def _read(value: object, *, with_roles: bool) -> tuple[Version, tuple[Endpoint, ...]]:
    body = as_object(value, "")
    version = as_version(body.get("version"), "version")
    listed = as_list(body.get("endpoints"), "endpoints", most=MAX_ENDPOINTS)
    entries = [_endpoint_if_valid(entry, with_roles) for entry in listed]
    unique = {endpoint.key: endpoint for endpoint in reversed(entries) if endpoint is not None}
    return version, tuple(reversed(unique.values()))


def _endpoint_if_valid(value: object, with_roles: bool) -> Endpoint | None:
    if not isinstance(value, dict):
        return None
    module = _module_if_valid(value.get("identifier"))
    role = _interface_role_if_valid(value.get("role")) if with_roles else None
    # Only credentials is found without an interface role (VD-07).
    if module is None or (with_roles and role is None and module != CREDENTIALS):
        return None
    try:
        return Endpoint(module, role, as_url(value.get("url"), ""))
    except Malformed:
        return None


def _module_if_valid(value: object) -> str | None:
    """The specification's modules in its own spelling, whatever the letter case; custom ones as they are (VD-10)."""
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_MODULE:
        return None
    if not all("!" <= char <= "~" for char in value):
        return None
    lower = value.lower()
    return lower if lower in _MODULES else _ALIASES.get(lower, value)


def _interface_role_if_valid(value: object) -> InterfaceRole | None:
    return _INTERFACE_ROLES.get(value) if isinstance(value, str) else None


def _write_with_role(version: Version, endpoint: Endpoint) -> Json:
    role = endpoint.role
    if role is None and endpoint.module != CREDENTIALS:
        raise NotExpressibleError(f"OCPI {version} needs an interface role for the endpoint of {endpoint.module}")
    # VD-06: the role of credentials means nothing; SENDER is what the specification advises.
    return {"identifier": endpoint.module, "role": (role or InterfaceRole.SENDER).value, "url": endpoint.url}
