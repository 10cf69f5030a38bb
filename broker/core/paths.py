"""The URLs that peers see (TR-11, TR-12): advertised without a trailing slash (TR-13)."""

from broker.core.model import Version

DEFAULT_TENANT = "default"
"""Served without its name."""


def versions_url(public_url: str, tenant: str) -> str:
    """What a peer is given, and what credentials.url says (VL-01, CO-05)."""
    return f"{_root(public_url, tenant)}/versions"


def details_url(public_url: str, tenant: str, version: Version) -> str:
    return f"{_root(public_url, tenant)}/{version}"


def credentials_url(public_url: str, tenant: str, version: Version) -> str:
    return f"{details_url(public_url, tenant, version)}/credentials"


def _root(public_url: str, tenant: str) -> str:
    base = f"{public_url.rstrip('/')}/ocpi"
    return base if tenant == DEFAULT_TENANT else f"{base}/{tenant}"
