"""The URLs that peers see (TR-11, TR-12): advertised without a trailing slash (TR-13)."""

from dataclasses import dataclass

from broker.core.model import Version

DEFAULT_TENANT = "default"
"""Served without its name."""


@dataclass(frozen=True, slots=True)
class Urls:
    """The URLs of one tenant. slash puts one at the end, for peers that need it."""

    public_url: str
    tenant: str
    slash: bool = False

    @property
    def versions(self) -> str:
        """What a peer is given, and what credentials.url says (VL-01, CO-05)."""
        return self._at("versions")

    def details(self, version: Version) -> str:
        return self._at(str(version))

    def credentials(self, version: Version) -> str:
        return self._at(f"{version}/credentials")

    def _at(self, path: str) -> str:
        below = "" if self.tenant == DEFAULT_TENANT else f"{self.tenant}/"
        return f"{self.public_url.rstrip('/')}/ocpi/{below}{path}{'/' if self.slash else ''}"
