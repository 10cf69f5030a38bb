"""The URLs that peers see (TR-11 to TR-13)."""

import pytest

from broker.core.model import Version
from broker.core.paths import credentials_url, details_url, versions_url

VERSION = Version("2.2.1")


@pytest.mark.parametrize(
    ("public_url", "tenant", "root"),
    [
        ("https://ocpi.example", "acme", "https://ocpi.example/ocpi/acme"),
        ("https://ocpi.example/", "acme", "https://ocpi.example/ocpi/acme"),
        ("https://ocpi.example//", "acme", "https://ocpi.example/ocpi/acme"),
        ("https://ocpi.example:8443/broker", "acme", "https://ocpi.example:8443/broker/ocpi/acme"),
        ("https://ocpi.example", "default", "https://ocpi.example/ocpi"),
        ("https://ocpi.example/", "default", "https://ocpi.example/ocpi"),
    ],
)
def test_the_default_tenant_goes_without_its_name_and_nothing_ends_in_a_slash(public_url, tenant, root):
    assert versions_url(public_url, tenant) == f"{root}/versions"
    assert details_url(public_url, tenant, VERSION) == f"{root}/2.2.1"
    assert credentials_url(public_url, tenant, VERSION) == f"{root}/2.2.1/credentials"
