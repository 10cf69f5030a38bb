"""OCPI 2.0: differs from 2.1.1 in what DELETE answers (UN-03), in details that may stand in an array (EN-03), and in
having had another shape before its release.

In that shape a credentials object is a token and business details, whose logo is a URL; the invitation says the rest.
Who sends it gets the released object with the logo as a URL, which has all that the earlier one had.
"""

from dataclasses import replace
from functools import partial

from broker.core.model import AnnouncedParty, Announcement, Endpoint, Version
from broker.ocpi import v2_1_1
from broker.ocpi.business_details import Decoration
from broker.ocpi.endpoints import read_details_without_roles
from broker.ocpi.fields import Notes, as_object, as_token

_DECORATION = Decoration(ascii_only=True, logo_as_url=True)
_RELEASED = ("url", "party_id", "country_code")


def read_credentials(value: object) -> Announcement:
    body = as_object(value, "")
    if any(body.get(name) is not None for name in (*_RELEASED, "roles")):
        return v2_1_1.read_credentials(_DECORATION, value)
    notes = Notes()
    token = as_token(body.get("token"), "token")
    notes.add("url, party_id, country_code", "are missing, as before the release of 2.0")
    details = _DECORATION.read(body.get("business_details"), "business_details", notes)
    return Announcement(token, None, (AnnouncedParty("party_id", details),), draft=True, warnings=notes.taken())


def read_details(value: object, notes: Notes) -> tuple[Version, tuple[Endpoint, ...]]:
    return read_details_without_roles(value[0] if isinstance(value, list) and len(value) == 1 else value, notes)


DIALECT = replace(
    v2_1_1.DIALECT,
    version=Version("2.0"),
    read_credentials=read_credentials,
    write_credentials=partial(v2_1_1.write_credentials, _DECORATION),
    read_details=read_details,
    unregistered=None,
)
