"""OCPI 2.1.1, written in full: a platform is one party, whose ids and details stand beside the token (CO-06 to CO-08).

Nothing says in which role: whoever is CPO and eMSP has a connection for each (VL-10). The token stands in the header as
it is (AU-03), strings are ASCII (TY-01), and there are neither hubs nor message ids.
"""

from functools import partial

from broker.core.model import AnnouncedParty, Announcement, Credentials, HeaderForm, Style, Version
from broker.errors import NotExpressibleError
from broker.ocpi.business_details import Decoration
from broker.ocpi.dialect import Dialect, Json, Malformed
from broker.ocpi.endpoints import read_details_without_roles, write_details_without_roles
from broker.ocpi.fields import Notes, as_country_code, as_object, as_party_id, as_token, as_url

DECORATION = Decoration(ascii_only=True)

_FLAT = ("business_details", "party_id", "country_code")


def read_credentials(decoration: Decoration, value: object) -> Announcement:
    notes = Notes()
    body = as_object(value, "")
    token = as_token(body.get("token"), "token")
    url = as_url(body.get("url"), "url")
    if "roles" in body and not any(name in body for name in _FLAT):
        raise Malformed("roles", "is not known before OCPI 2.2; party_id and country_code stand beside token")
    party = AnnouncedParty(
        "party_id",
        decoration.read(body.get("business_details"), "business_details", notes),
        as_country_code(body.get("country_code"), "country_code", notes),
        as_party_id(body.get("party_id"), "party_id"),
    )
    return Announcement(token, url, (party,), warnings=notes.taken())


def write_credentials(decoration: Decoration, credentials: Credentials, style: Style) -> Json:
    if len(credentials.parties) != 1:
        raise NotExpressibleError(
            f"before OCPI 2.2 a credentials object names one party, and there are {len(credentials.parties)}: "
            "each role needs a tenant of its own"
        )
    party = credentials.parties[0]
    return {
        "token": credentials.token.reveal(),
        "url": credentials.url,
        "business_details": decoration.write(party.details, style),
        "party_id": party.key.party_id,
        "country_code": party.key.country_code,
    }


DIALECT = Dialect(
    version=Version("2.1.1"),
    header=HeaderForm.RAW,
    read_credentials=partial(read_credentials, DECORATION),
    write_credentials=partial(write_credentials, DECORATION),
    read_details=read_details_without_roles,
    write_details=write_details_without_roles,
    has_message_ids=False,
)
