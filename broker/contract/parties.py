"""Parties, endpoints and credentials objects."""

import re
from collections.abc import Iterable
from typing import Final

from broker.contract.values import Violations, each, enum_name, invalid
from broker.core.model import (
    MAX_NAME,
    MAX_URL,
    AnnouncedParty,
    Announcement,
    BusinessDetails,
    Credentials,
    Endpoint,
    Image,
    InterfaceRole,
    Party,
    PartyKey,
    Role,
    Style,
    Token,
    Version,
    country_code,
    party_id,
)
from ocpi_broker.v1 import (
    ocpi_service_pb2,
    resources_pb2,
)

_MODULE = re.compile(r"[A-Za-z0-9_-]{1,64}")


def role_from_pb(value: int) -> Role | None:
    return None if value == resources_pb2.ROLE_UNSPECIFIED else Role(enum_name(resources_pb2.Role, value, "ROLE_"))


def role_to_pb(role: Role | None) -> str:
    return f"ROLE_{role.value if role else 'UNSPECIFIED'}"


def interface_role_from_pb(value: int) -> InterfaceRole | None:
    if value == resources_pb2.INTERFACE_ROLE_UNSPECIFIED:
        return None
    return InterfaceRole(enum_name(resources_pb2.InterfaceRole, value, "INTERFACE_ROLE_"))


def interface_role_to_pb(role: InterfaceRole | None) -> str:
    return f"INTERFACE_ROLE_{role.value if role else 'UNSPECIFIED'}"


def key_from_pb(message: resources_pb2.Party) -> PartyKey:
    found = Violations()
    role = None
    with found.of("country_code"):
        country_code(message.country_code)
    with found.of("party_id"):
        party_id(message.party_id)
    with found.of("role"):
        role = role_from_pb(message.role)
        if role is None:
            raise ValueError("is required")
    found.check()
    return PartyKey(message.country_code, message.party_id, role or Role.OTHER)


def party_from_pb(message: resources_pb2.Party) -> Party:
    return Party(key_from_pb(message), details_from_pb(message.business_details))


def parties_from_pb(messages: Iterable[resources_pb2.Party], field: str, found: Violations) -> tuple[Party, ...]:
    seen: set[PartyKey] = set()

    def read(message: resources_pb2.Party) -> Party:
        party = party_from_pb(message)
        if party.key in seen:
            raise ValueError(f"{party.key} is listed twice")
        seen.add(party.key)
        return party

    return each(messages, field, read, found)


def party_to_pb(party: Party) -> resources_pb2.Party:
    message = key_to_pb(party.key)
    message.business_details.CopyFrom(details_to_pb(party.details))
    return message


def key_to_pb(key: PartyKey) -> resources_pb2.Party:
    return resources_pb2.Party(country_code=key.country_code, party_id=key.party_id, role=role_to_pb(key.role))


def details_from_pb(message: resources_pb2.BusinessDetails) -> BusinessDetails:
    found = Violations()
    if not 1 <= len(message.name) <= MAX_NAME:
        found.add("business_details.name", f"must have 1 to {MAX_NAME} characters")
    if len(message.website) > MAX_URL:
        found.add("business_details.website", f"must have at most {MAX_URL} characters")
    found.check()
    logo = _image_from_pb(message.logo) if message.HasField("logo") else None
    return BusinessDetails(message.name, message.website or None, logo)


def details_to_pb(details: BusinessDetails) -> resources_pb2.BusinessDetails:
    message = resources_pb2.BusinessDetails(name=details.name, website=details.website or "")
    if details.logo is not None:
        message.logo.CopyFrom(_image_to_pb(details.logo))
    return message


def _image_from_pb(message: resources_pb2.Image) -> Image:
    return Image(
        message.url,
        message.category,
        message.type,
        message.thumbnail or None,
        message.width or None,
        message.height or None,
    )


def _image_to_pb(image: Image) -> resources_pb2.Image:
    return resources_pb2.Image(
        url=image.url,
        thumbnail=image.thumbnail or "",
        category=image.category,
        type=image.type,
        width=image.width or 0,
        height=image.height or 0,
    )


def module_from_pb(value: str) -> str:
    if not _MODULE.fullmatch(value):
        raise ValueError("must be an OCPI module identifier such as locations")
    return value


def endpoint_from_pb(message: resources_pb2.Endpoint) -> Endpoint:
    return Endpoint(module_from_pb(message.module), interface_role_from_pb(message.interface_role), message.url)


def endpoint_to_pb(endpoint: Endpoint) -> resources_pb2.Endpoint:
    role = interface_role_to_pb(endpoint.role)
    return resources_pb2.Endpoint(module=endpoint.module, interface_role=role, url=endpoint.url)


def versioned_from_pb(message: resources_pb2.VersionedEndpoint) -> tuple[Version, Endpoint]:
    endpoint = endpoint_from_pb(message.endpoint)
    if not re.fullmatch(r"https?://[^\s/]+\S*", endpoint.url) or len(endpoint.url) > MAX_URL:
        raise invalid("endpoint.url", f"must be an absolute URL of at most {MAX_URL} characters")
    return Version(message.version), endpoint


def credentials_from_pb(message: ocpi_service_pb2.Credentials) -> Credentials:
    try:
        return Credentials(Token(message.token), message.url, tuple(map(party_from_pb, message.parties)))
    except ValueError as err:
        raise invalid("credentials", str(err)) from None


def style_from_pb(message: ocpi_service_pb2.Style) -> Style:
    return Style(message.draft, message.explicit_nulls)


def announcement_from_pb(message: ocpi_service_pb2.Announcement) -> Announcement:
    """Thousands of parties may be in it: the first that is wrong ends it. Raises InvalidArgumentError."""
    try:
        parties = tuple(map(_announced, message.parties))
        token = Token(message.token)
    except (ValueError, KeyError) as err:
        raise invalid("announcement", str(err)) from None
    if not parties:
        raise invalid("announcement.parties", "must not be empty")
    return Announcement(token, message.url or None, parties, message.draft, tuple(message.warnings))


def _announced(message: ocpi_service_pb2.AnnouncedParty) -> AnnouncedParty:
    return AnnouncedParty(
        message.path,
        details_from_pb(message.business_details),
        country_code(message.country_code) if message.country_code else None,
        party_id(message.party_id) if message.party_id else None,
        _ROLES[message.role] if message.role else None,
    )


_ROLES: Final = {resources_pb2.Role.Value(f"ROLE_{role.value}"): role for role in Role}


def credentials_to_pb(credentials: Credentials, style: Style) -> ocpi_service_pb2.Credentials:
    return ocpi_service_pb2.Credentials(
        token=credentials.token.reveal(),
        url=credentials.url,
        parties=map(party_to_pb, credentials.parties),
        style=ocpi_service_pb2.Style(draft=style.draft, explicit_nulls=style.explicit_nulls),
    )


def announcement_to_pb(announcement: Announcement) -> ocpi_service_pb2.Announcement:
    return ocpi_service_pb2.Announcement(
        token=announcement.token.reveal(),
        url=announcement.url or "",
        parties=map(_announced_to_pb, announcement.parties),
        draft=announcement.draft,
        warnings=announcement.warnings,
    )


def _announced_to_pb(party: AnnouncedParty) -> ocpi_service_pb2.AnnouncedParty:
    return ocpi_service_pb2.AnnouncedParty(
        path=party.path,
        country_code=party.country_code or "",
        party_id=party.party_id or "",
        role=role_to_pb(party.role),
        business_details=details_to_pb(party.details) if party.details else None,
    )
