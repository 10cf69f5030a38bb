"""OCPI 2.2: differs from 2.1.1 in that a platform announces its parties in roles, that endpoints have interface roles,
that strings are Unicode, and that there are hubs and message ids.

The token is Base64 in the header (2.2-d2; the first edition had it raw, AU-03, AU-04).
"""

from dataclasses import replace

from broker.core.model import Announcement, Credentials, HeaderForm, Role, Style, Version
from broker.ocpi import v2_1_1
from broker.ocpi.business_details import Decoration
from broker.ocpi.dialect import Json, Malformed
from broker.ocpi.endpoints import read_details_with_roles, write_details_with_roles
from broker.ocpi.fields import Notes, as_object, as_text, as_token, as_url
from broker.ocpi.roles import read_roles, write_role

_DECORATION = Decoration()
_ROLES = {role.value: role for role in Role}


def read_credentials(value: object) -> Announcement:
    notes = Notes()
    body = as_object(value, "")
    token, url = as_token(body.get("token"), "token"), as_url(body.get("url"), "url")
    parties = read_roles(body.get("roles"), _role, _DECORATION, notes)
    return Announcement(token, url, parties, warnings=notes.taken())


def write_credentials(credentials: Credentials, style: Style) -> Json:
    """A hub names itself and not the parties behind it (CO-36)."""
    hubs = [party for party in credentials.parties if party.key.role is Role.HUB]
    return {
        "token": credentials.token.reveal(),
        "url": credentials.url,
        "roles": [write_role(party, _DECORATION, style) for party in hubs or credentials.parties],
    }


def _role(value: object, path: str, _notes: Notes) -> Role:
    role = _ROLES.get(as_text(value, path))
    if role is None:
        raise Malformed(path, f"must be one of {', '.join(_ROLES)}")
    return role


DIALECT = replace(
    v2_1_1.DIALECT,
    version=Version("2.2"),
    header=HeaderForm.BASE64,
    read_credentials=read_credentials,
    write_credentials=write_credentials,
    read_details=read_details_with_roles,
    write_details=write_details_with_roles,
    has_message_ids=True,
)
