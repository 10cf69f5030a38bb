"""OCPI 2.3.0: differs from 2.2.1 in how a hub says that it is one, and in that image categories are open (TY-09).

The role HUB is gone; hub_party_id stands beside the roles, which list the parties that the hub reaches (CO-33, CO-37,
CO-38). In the model a hub is a party in the role HUB as before, so the two are translated here.
"""

from collections.abc import Sequence
from dataclasses import replace

from broker.core.model import AnnouncedParty, Announcement, BusinessDetails, Credentials, Party, Role, Style, Version
from broker.errors import NotExpressibleError
from broker.ocpi import v2_2_1
from broker.ocpi.business_details import Decoration, optional
from broker.ocpi.dialect import Json, Malformed
from broker.ocpi.fields import Notes, as_country_code, as_object, as_party_id, as_text, as_token, as_url
from broker.ocpi.roles import read_roles, write_role

_DECORATION = Decoration(open_categories=True)
_ROLES = {role.value: role for role in Role}
_HUB_ID = 5
_COUNTRY = 2


def read_credentials(value: object) -> Announcement:
    notes = Notes()
    body = as_object(value, "")
    token, url = as_token(body.get("token"), "token"), as_url(body.get("url"), "url")
    listed = read_roles(body.get("roles"), _role, _DECORATION, notes)
    parties = _with_hub(body.get("hub_party_id"), listed, notes)
    return Announcement(token, url, parties, warnings=notes.taken())


def write_credentials(credentials: Credentials, style: Style) -> Json:
    hubs = [party for party in credentials.parties if party.key.role is Role.HUB]
    others = [party for party in credentials.parties if party.key.role is not Role.HUB]
    if len(hubs) > 1:
        raise NotExpressibleError("OCPI 2.3.0 names one hub, and there are several parties in the role HUB")
    hub_party_id = hubs[0].key.country_code + hubs[0].key.party_id if hubs else None
    body: Json = {"token": credentials.token.reveal(), "url": credentials.url}
    body |= optional({"hub_party_id": hub_party_id}, style)
    listed = others or [_stand_in(hubs[0])]
    return body | {"roles": [write_role(party, _DECORATION, style) for party in listed]}


def _stand_in(hub: Party) -> Party:
    """Roles must not be empty, and a hub may reach nobody yet (A21)."""
    return replace(hub, key=replace(hub.key, role=Role.OTHER))


def _role(value: object, path: str, notes: Notes) -> Role:
    """A role that the version does not have counts as OTHER; HUB, which it had, as what it was (A22).

    One that it has, in other letters, is a slip and no other role (TY-09).
    """
    text = as_text(value, path)
    role = _ROLES.get(text)
    if role is None and text.upper() in _ROLES:
        raise Malformed(path, "must be written in upper case")
    if role is Role.HUB:
        notes.add(path, "HUB is not a role of OCPI 2.3.0; taken as hub_party_id")
    if role is None:
        notes.add(path, "is not a role of OCPI 2.3.0; taken as OTHER")
    return role or Role.OTHER


def _with_hub(value: object, listed: Sequence[AnnouncedParty], notes: Notes) -> tuple[AnnouncedParty, ...]:
    """The hub as a party of its own; the stand-in of a hub that reaches nobody is that party. There is one (CO-10)."""
    hubs = [party for party in listed if party.role is Role.HUB]
    if len(hubs) > 1:
        raise Malformed(hubs[1].path, "names a second hub; a platform is one at most")
    if value is None:
        return tuple(listed)
    country_code, party_id = _hub_ids(as_text(value, "hub_party_id"), notes)
    if hubs and (hubs[0].country_code, hubs[0].party_id) != (country_code, party_id):
        raise Malformed("hub_party_id", f"names another hub than {hubs[0].path}")
    own = [party for party in listed if (party.country_code, party.party_id) == (country_code, party_id)]
    if any(party.role is Role.HUB for party in own):
        return tuple(listed)
    details = own[0].details if own else BusinessDetails(country_code + party_id)
    hub = AnnouncedParty("hub_party_id", details, country_code, party_id, Role.HUB)
    return (hub, *(party for party in listed if party not in own or party.role is not Role.OTHER))


def _hub_ids(text: str, notes: Notes) -> tuple[str, str]:
    """Country code and party id without anything between (CO-10, PR-09)."""
    if len(text) != _HUB_ID:
        raise Malformed("hub_party_id", "must be a country code and a party id, five characters in all")
    country_code = as_country_code(text[:_COUNTRY], "hub_party_id", notes)
    return country_code, as_party_id(text[_COUNTRY:], "hub_party_id")


DIALECT = replace(
    v2_2_1.DIALECT,
    version=Version("2.3.0"),
    read_credentials=read_credentials,
    write_credentials=write_credentials,
)
