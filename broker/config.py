"""Settings of the broker process: one frozen value, read and checked once."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from broker.outbound.url_policy import UrlPolicy


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A server certificate chain and its private key, both PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are and what is admitted.

    grpc is HOST:PORT; without tls the host must be a loopback one. public_url is what peers see, without /ocpi.
    """

    data_dir: Path
    grpc: str
    public_url: str
    database_url: str
    urls: UrlPolicy = field(default_factory=UrlPolicy)
    tls: TlsFiles | None = None
    log_level: str = "INFO"
    metrics_tenants: bool = False
    """Whether metrics have tenants as a label."""

    @property
    def key_file(self) -> Path:
        return self.data_dir / "keys.json"

    @property
    def high_water_file(self) -> Path:
        return self.data_dir / "high-water"

    @property
    def admin_key_file(self) -> Path:
        return self.data_dir / "admin.key"

    @property
    def gateway_key_file(self) -> Path:
        return self.data_dir / "gateway.key"

    @property
    def how_to_upgrade(self) -> str:
        """The command that brings the database's schema up to date. A URL may hold a password, and is not repeated."""
        if self.database_url == embedded_database(self.data_dir):
            return f"ocpi-broker db upgrade --data-dir {shlex.quote(str(self.data_dir.absolute()))}"
        return "ocpi-broker db upgrade, with the --database-url (or OCPI_BROKER_DATABASE_URL) of this broker"


def embedded_database(data_dir: Path) -> str:
    """The SQLite file of an embedded start."""
    return f"sqlite:///{data_dir.absolute() / 'broker.db'}"
