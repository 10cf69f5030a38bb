"""What a tenant cannot say of itself in a version that it offers: its peers would be refused there (NotExpressible)."""

from collections.abc import Iterator, Sequence

from broker.core.model import Credentials, Endpoint, InterfaceRole, Style, Tenant, Token, Version
from broker.core.required_modules import CREDENTIALS
from broker.errors import NotExpressibleError
from broker.ocpi import DIALECTS

_ANY_URL = "https://example.com/ocpi/versions"


def shortcomings(tenant: Tenant) -> list[str]:
    """A sentence for each version that cannot say what the tenant is or serves."""
    return [f"OCPI {version}: {why}" for version in tenant.versions for why in _of(tenant, version)]


def inexpressible(listed: Sequence[tuple[Version, Endpoint]]) -> Iterator[tuple[int, str]]:
    """The place of each endpoint that its version cannot list, and why. Of two that exclude each other the later."""
    first: dict[tuple[Version, str], Endpoint] = {}
    for index, (version, endpoint) in enumerate(listed):
        dialect = DIALECTS.get(version.text)
        if dialect is None:
            yield index, f"OCPI {version} is not spoken here, but {', '.join(DIALECTS)}"
            continue
        before = first.setdefault((version, endpoint.module), endpoint)
        try:
            dialect.write_details(version, [endpoint] if before is endpoint else [before, endpoint])
        except NotExpressibleError as error:
            yield index, str(error)


def _of(tenant: Tenant, version: Version) -> Iterator[str]:
    dialect = DIALECTS[version.text]
    try:
        dialect.write_credentials(Credentials(Token("-"), _ANY_URL, tenant.parties), Style())
    except (NotExpressibleError, ValueError) as error:
        yield str(error)
    endpoints = [endpoint for listed_in, endpoint in tenant.endpoints if listed_in == version]
    try:
        dialect.write_details(version, [Endpoint(CREDENTIALS, InterfaceRole.SENDER, _ANY_URL), *endpoints])
    except NotExpressibleError as error:
        yield str(error)
