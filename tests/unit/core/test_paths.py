"""The URLs that peers see (TR-11 to TR-13)."""

import pytest

from broker.core.model import Version
from broker.core.paths import Urls
from broker.ocpi import DIALECTS

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
    urls = Urls(public_url, tenant)

    assert urls.versions == f"{root}/versions"
    assert urls.details(VERSION) == f"{root}/2.2.1"
    assert urls.credentials(VERSION) == f"{root}/2.2.1/credentials"


@pytest.mark.parametrize("version", DIALECTS)
def test_every_version_has_a_place_of_its_own(version):
    """Tenants called cpo and emsp thus have the paths that 2.0 shows (VL-10)."""
    urls = Urls("https://ocpi.example", "cpo")

    assert urls.credentials(Version(version)) == f"https://ocpi.example/ocpi/cpo/{version}/credentials"


def test_a_peer_that_needs_it_is_given_a_slash_at_every_end():
    """A30, quirk trailing_slash."""
    urls = Urls("https://ocpi.example/", "acme", slash=True)

    assert urls.versions == "https://ocpi.example/ocpi/acme/versions/"
    assert urls.details(VERSION) == "https://ocpi.example/ocpi/acme/2.2.1/"
    assert urls.credentials(VERSION) == "https://ocpi.example/ocpi/acme/2.2.1/credentials/"
