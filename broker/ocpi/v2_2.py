"""OCPI 2.2, written in full: a platform announces its parties in roles, and endpoints have interface roles.

The token is Base64 in the header (2.2-d2; the first edition had it raw, AU-03, AU-04). A hub is named by a party in the
role HUB: the same fact as hub in the model, which therefore needs that party to be said here.
"""

from collections.abc import Iterable, Sequence

from broker.core.model import (
    Credentials,
    Endpoint,
    HeaderForm,
    InterfaceRole,
    Party,
    PartyKey,
    Role,
    Token,
    Version,
    country_code,
    party_id,
)
from broker.errors import NotExpressibleError
from broker.ocpi.business_details import read_business_details, write_business_details
from broker.ocpi.dialect import Dialect, Json, Malformed
from broker.ocpi.fields import as_list, as_object, as_text, as_url, below

MAX_ROLES = 20_000
MAX_MODULE = 255

# The only module that is found without an interface role (VD-07).
_CREDENTIALS = "credentials"
_MODULES = frozenset(
    {
        "cdrs",
        "chargingprofiles",
        "commands",
        _CREDENTIALS,
        "hubclientinfo",
        "locations",
        "sessions",
        "tariffs",
        "tokens",
    }
)
_ROLES = {role.value: role for role in Role}
_INTERFACE_ROLES = {role.value: role for role in InterfaceRole}


def read_credentials(value: object) -> Credentials:
    body = as_object(value, "")
    token = _read_token(body.get("token"))
    url = as_url(body.get("url"), "url")
    parties = _read_roles(body.get("roles"))
    try:
        return Credentials(token, url, parties, _hub(parties))
    except ValueError as error:
        raise Malformed("roles", str(error)) from None


def write_credentials(credentials: Credentials) -> Json:
    if credentials.hub is not None and credentials.hub not in _hub_ids(credentials.parties):
        raise NotExpressibleError("OCPI 2.2 names a hub by a party in the role HUB; none has the hub's id")
    return {
        "token": credentials.token.reveal(),
        "url": credentials.url,
        "roles": [_write_role(party) for party in credentials.parties],
    }


def read_details(value: object) -> tuple[Version, tuple[Endpoint, ...]]:
    """An object, or an array that holds nothing else (A25). What cannot be understood is skipped (VD-11)."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    body = as_object(value, "")
    version = _read_version(body.get("version"))
    entries = [_endpoint_if_valid(entry) for entry in as_list(body.get("endpoints"), "endpoints")]
    # First wins (VD-08).
    unique = {endpoint.key: endpoint for endpoint in reversed(entries) if endpoint is not None}
    return version, tuple(reversed(unique.values()))


def write_details(version: Version, endpoints: Sequence[Endpoint]) -> Json:
    return {"version": version.text, "endpoints": [_write_endpoint(endpoint) for endpoint in endpoints]}


def _read_token(value: object) -> Token:
    text = as_text(value, "token")
    try:
        return Token(text)
    except ValueError as error:
        raise Malformed("token", str(error)) from None


def _read_roles(value: object) -> tuple[Party, ...]:
    entries = as_list(value, "roles")
    if len(entries) > MAX_ROLES:
        raise Malformed("roles", f"must have at most {MAX_ROLES} entries")
    return tuple(_read_role(entry, f"roles[{index}]") for index, entry in enumerate(entries))


def _read_role(value: object, path: str) -> Party:
    body = as_object(value, path)
    role = _ROLES.get(as_text(body.get("role"), below(path, "role")))
    if role is None:
        raise Malformed(below(path, "role"), f"must be one of {', '.join(_ROLES)}")
    key = PartyKey(_read_country_code(body, path), _read_party_id(body, path), role)
    return Party(key, read_business_details(body.get("business_details"), below(path, "business_details")))


def _read_country_code(body: Json, path: str) -> str:
    here = below(path, "country_code")
    text = as_text(body.get("country_code"), here)
    try:
        return country_code(text)
    except ValueError as error:
        raise Malformed(here, str(error)) from None


def _read_party_id(body: Json, path: str) -> str:
    here = below(path, "party_id")
    text = as_text(body.get("party_id"), here)
    try:
        return party_id(text)
    except ValueError as error:
        raise Malformed(here, str(error)) from None


def _write_role(party: Party) -> Json:
    return {
        "role": party.key.role.value,
        "business_details": write_business_details(party.details),
        "party_id": party.key.party_id,
        "country_code": party.key.country_code,
    }


def _hub(parties: Iterable[Party]) -> str | None:
    return next(iter(_hub_ids(parties)), None)


def _hub_ids(parties: Iterable[Party]) -> list[str]:
    return [party.key.country_code + party.key.party_id for party in parties if party.key.role is Role.HUB]


def _read_version(value: object) -> Version:
    text = as_text(value, "version")
    try:
        return Version(text)
    except ValueError as error:
        raise Malformed("version", str(error)) from None


def _endpoint_if_valid(value: object) -> Endpoint | None:
    if not isinstance(value, dict):
        return None
    module, role = _module_if_valid(value.get("identifier")), _interface_role_if_valid(value.get("role"))
    if module is None or (role is None and module != _CREDENTIALS):
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
    return value.lower() if value.lower() in _MODULES else value


def _interface_role_if_valid(value: object) -> InterfaceRole | None:
    return _INTERFACE_ROLES.get(value) if isinstance(value, str) else None


def _write_endpoint(endpoint: Endpoint) -> Json:
    role = endpoint.role
    if role is None and endpoint.module != _CREDENTIALS:
        raise NotExpressibleError(f"OCPI 2.2 needs an interface role for the endpoint of {endpoint.module}")
    # VD-06: the role of credentials means nothing; SENDER is what the specification advises.
    return {"identifier": endpoint.module, "role": (role or InterfaceRole.SENDER).value, "url": endpoint.url}


DIALECT = Dialect(
    version=Version("2.2"),
    header=HeaderForm.BASE64,
    read_credentials=read_credentials,
    write_credentials=write_credentials,
    read_details=read_details,
    write_details=write_details,
)
