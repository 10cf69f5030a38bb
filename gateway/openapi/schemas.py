"""JSON schemas of what is sent and answered. The shape of a version is what its dialect writes and insists on reading.

A schema says what is in order. What the gateway puts up with beyond that, such as a logo that is none, is not in it.
"""

from collections.abc import Iterable, Mapping

from broker.core.model import (
    MAX_NAME,
    MAX_TOKEN,
    MAX_URL,
    VERSION_NUMBER,
    BusinessDetails,
    Credentials,
    Endpoint,
    Image,
    InterfaceRole,
    Party,
    PartyKey,
    Role,
    Token,
)
from broker.errors import NotExpressibleError
from broker.ocpi.dialect import PLAIN, Dialect, Json, Malformed
from broker.ocpi.roles import MAX_ROLES
from broker.ocpi.versions import write_versions

_BASE = "https://ocpi.lumenhub.example/ocpi"
_TOKEN = Token("5c6a9f0e-7d1b-4b8e-9a34-2f0d61c7be55")
_LOGO = Image("https://lumenhub.example/logo.svg", "OPERATOR", "svg", "https://lumenhub.example/small.svg", 512, 512)
_DETAILS = BusinessDetails("Lumen Hub", "https://lumenhub.example", _LOGO)

VERSION = {"type": "string", "pattern": f"^{VERSION_NUMBER.pattern}$"}
URL = {"type": "string", "format": "uri", "maxLength": MAX_URL}
_COUNTRY = {"type": "string", "pattern": "^[A-Za-z]{2}$", "description": "ISO 3166-1 alpha-2, in any letter case."}
_PARTY_ID = {"type": "string", "pattern": "^[A-Za-z0-9]{3}$", "description": "In any letter case."}

COMMON: Mapping[str, Json] = {
    "Image": {
        "type": "object",
        "description": "A logo that is not in order is dropped, and the handshake goes on.",
        "required": ["url", "category", "type"],
        "properties": {
            "url": URL,
            "thumbnail": URL,
            "category": {"type": "string", "description": "An ImageCategory of OCPI.", "examples": [_LOGO.category]},
            "type": {"type": "string", "minLength": 1, "maxLength": 4, "examples": [_LOGO.type]},
            "width": {"type": "integer", "minimum": 1, "maximum": 99999},
            "height": {"type": "integer", "minimum": 1, "maximum": 99999},
        },
    },
    "BusinessDetails": {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": MAX_NAME, "description": "A longer one is cut."},
            "website": URL,
            "logo": {"$ref": "#/components/schemas/Image"},
        },
    },
    "Versions": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["version", "url"],
            "properties": {"version": VERSION, "url": URL},
        },
    },
}


def of_dialect(dialect: Dialect) -> dict[str, Json]:
    """The schemas that only this version has, by name."""
    written = dialect.write_credentials(_party(Role.CPO), PLAIN)
    known = written | (_written_or_none(dialect, _party(Role.HUB)) or {})
    required = [name for name in written if not _reads(dialect, {key: written[key] for key in written if key != name})]
    answered: Json = {"type": "object", "required": list(written), "properties": _properties(dialect, known)}
    sent: Json = answered | {"required": required}
    return {
        f"Details-{dialect.version}": _details(dialect),
        f"Answered-{dialect.version}": answered | {"examples": [written]},
        f"Announced-{dialect.version}": sent | {"examples": [written]},
    }


def versions_example(dialects: Iterable[Dialect]) -> Json:
    listed = write_versions((dialect.version, f"{_BASE}/{dialect.version}") for dialect in dialects)
    return COMMON["Versions"] | {"examples": [listed]}


def _properties(dialect: Dialect, names: Iterable[str]) -> Json:
    """A field that is not known here stops the generator."""
    known: Json = {
        "token": {"type": "string", "minLength": 1, "maxLength": MAX_TOKEN, "pattern": "^[!-~]+$"},
        "url": URL | {"description": "The version list of whoever sends the object."},
        "country_code": _COUNTRY,
        "party_id": _PARTY_ID,
        "business_details": {"$ref": "#/components/schemas/BusinessDetails"},
        "roles": {"type": "array", "minItems": 1, "maxItems": MAX_ROLES, "items": _role(dialect)},
        "hub_party_id": {"type": "string", "pattern": "^[A-Za-z]{2}[A-Za-z0-9]{3}$"},
    }
    return {name: known[name] for name in names}


def _role(dialect: Dialect) -> Json:
    return {
        "type": "object",
        "required": ["role", "business_details", "party_id", "country_code"],
        "properties": {
            "role": {"enum": [role.value for role in Role if _has_role(dialect, role)]},
            "business_details": {"$ref": "#/components/schemas/BusinessDetails"},
            "party_id": _PARTY_ID,
            "country_code": _COUNTRY,
        },
    }


def _details(dialect: Dialect) -> Json:
    endpoint = Endpoint("credentials", InterfaceRole.SENDER, f"{_BASE}/{dialect.version}/credentials")
    written = dialect.write_details(dialect.version, [endpoint])
    names = list(written["endpoints"][0])
    known: Json = {
        "identifier": {"type": "string", "minLength": 1},
        "role": {"enum": [role.value for role in InterfaceRole]},
        "url": URL,
    }
    entry: Json = {"type": "object", "required": names, "properties": {name: known[name] for name in names}}
    return {
        "type": "object",
        "required": list(written),
        "properties": {
            "version": {"const": dialect.version.text},
            "endpoints": {"type": "array", "minItems": 1, "items": entry},
        },
        "examples": [written],
    }


def _has_role(dialect: Dialect, role: Role) -> bool:
    """Whether the version knows a role by its name, rather than not at all or by another field."""
    written = _written_or_none(dialect, _party(role))
    return written is not None and [entry["role"] for entry in written.get("roles", ())] == [role.value]


def _reads(dialect: Dialect, body: Json) -> bool:
    try:
        dialect.read_credentials(body)
    except Malformed:
        return False
    return True


def _written_or_none(dialect: Dialect, credentials: Credentials) -> Json | None:
    try:
        return dialect.write_credentials(credentials, PLAIN)
    except NotExpressibleError:
        return None


def _party(role: Role) -> Credentials:
    return Credentials(_TOKEN, f"{_BASE}/versions", (Party(PartyKey("NL", "LMH", role), _DETAILS),))
