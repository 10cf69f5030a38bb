"""A peer of any version: the checker's own platform and connection, at one of our tenants."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from broker.ocpi import DIALECTS
from broker.tools.conformance.connection import Connection
from broker.tools.conformance.dialogue import Dialogue
from broker.tools.conformance.editions import EDITIONS
from broker.tools.conformance.objects import Party
from broker.tools.conformance.platform import Platform
from broker.tools.conformance.secrecy import Secrets
from ocpi_broker.v1 import peer_service_pb2
from tests.peer import new_party
from tests.serving import serving

VERSIONS = [version for version in EDITIONS if version in {str(spoken) for spoken in DIALECTS}]
SINCE_2_2 = [version for version in VERSIONS if EDITIONS[version].roles]


def party(text: str) -> Party:
    """From the form DE/KWL/CPO."""
    country_code, party_id, role = text.split("/")
    return Party(country_code, party_id, role, "Kabelwerk")


@asynccontextmanager
async def visitor(
    invitation: peer_service_pb2.InvitePeerResponse, version: str, *parties: str
) -> AsyncIterator[Connection]:
    """A platform with an invitation, which has read our version list and details."""
    platform = Platform("", EDITIONS[version])
    # Each from an address of its own: the limit of bad tokens is per source.
    source = f"198.51.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}"
    headers = {"X-Forwarded-For": source}
    # verify: there is no TLS here, and to load the authorities takes longer than a registration.
    calling = httpx.AsyncClient(trust_env=False, timeout=60, headers=headers, verify=False)
    async with serving(platform) as base, calling as client:
        platform.base = base
        dialogue = Dialogue(client, platform, Secrets(), lambda _: True)
        announced = [party(text) for text in parties or (new_party(),)]
        connection = Connection(EDITIONS[version], dialogue, invitation.versions_url, invitation.token, announced)
        await connection.discover()
        yield connection
