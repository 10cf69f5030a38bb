"""What runs here, and what an administrator should look at: the source of ocpi-broker doctor."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed_version

from google.protobuf.timestamp_pb2 import Timestamp

from broker.config import Settings
from broker.core import public_urls
from broker.core.paths import DEFAULT_TENANT
from broker.core.placeholder import PLACEHOLDER
from broker.memory import highwater
from broker.memory.neighbours import Neighbours
from broker.memory.readmodel import ReadModel
from broker.ocpi import DIALECTS
from broker.ocpi.shortcomings import shortcomings
from broker.store import audit, peer_health, schema
from broker.store.engine import sqlite_version
from broker.store.transactions import Store

_SQLITE_FIXED = (3, 51, 3)


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; ok means that there is nothing to do."""

    subject: str
    ok: bool
    finding: str


@dataclass(frozen=True, slots=True)
class Inspection:
    version: str
    database: str
    schema_revision: str
    revision: int
    ocpi_versions: tuple[str, ...]
    insecure_peers: bool
    checks: tuple[Check, ...]
    start_time: Timestamp


class Inspector:
    """Looks when asked. Raises StoreUnavailableError."""

    def __init__(self, settings: Settings, store: Store, model: ReadModel, neighbours: Neighbours) -> None:
        self._neighbours = neighbours
        self._settings = settings
        self._store = store
        self._model = model
        self._started = Timestamp()
        self._started.GetCurrentTime()

    async def look(self) -> Inspection:
        found = await asyncio.to_thread(schema.current, self._settings.database_url)
        broken = await self._store.read(audit.first_break)
        failing = await self._store.read(peer_health.count_failing)
        return Inspection(
            version=installed_version("ocpi-broker"),
            database=self._store.dialect,
            schema_revision=found or "",
            revision=self._model.revision,
            ocpi_versions=tuple(DIALECTS),
            insecure_peers=bool(self._settings.urls.insecure),
            checks=(
                _schema(found, self._settings.how_to_upgrade),
                _audit(broken),
                await asyncio.to_thread(self._high_water),
                self._peers(),
                await self._public_url(),
                self._default_tenant(),
                _connections(failing),
                *self._shortcomings(),
                self._sqlite(),
            ),
            start_time=self._started,
        )

    def _peers(self) -> Check:
        if self._settings.urls.insecure:
            kinds = " and ".join(sorted(self._settings.urls.insecure))
            return Check("peer URLs", ok=False, finding=f"http and {kinds} addresses are admitted: for trials only")
        return Check("peer URLs", ok=True, finding="https and public addresses only")

    async def _public_url(self) -> Check:
        differing = await self._neighbours.differing()
        ours = self._settings.public_url
        if differing:
            others = ", ".join(f"{other.public_url} ({other.place})" for other in differing)
            finding = (
                f"this broker gives peers {ours}, others over the same database give {others}: "
                "start all of them with the same --public-url"
            )
            return Check("public URL", ok=False, finding=finding)
        if not public_urls.is_safe(ours):
            finding = f"{ours} is plain http and leads beyond this machine: tokens of peers travel in the clear"
            return Check("public URL", ok=False, finding=finding)
        return Check("public URL", ok=True, finding=ours)

    def _high_water(self) -> Check:
        path = self._settings.high_water_file
        mark = highwater.read(path)
        if mark is None or mark.found is None:
            return Check("high water", ok=True, finding="the database has not gone back")
        finding = (
            f"the database went back from revision {mark.revision} to {mark.found}: it was restored. Peers that were "
            "connected or got new tokens since then get 401: rotate each, and reset those that cannot be "
            f"rotated, or whose token does not work any more; then remove {path}"
        )
        return Check("high water", ok=False, finding=finding)

    def _default_tenant(self) -> Check:
        tenant = self._model.tenant(DEFAULT_TENANT)
        if tenant is not None and PLACEHOLDER in tenant.parties:
            finding = 'it still has its placeholder party; run: ocpi-broker tenant update default --party "…"'
            return Check("tenant default", ok=False, finding=finding)
        return Check("tenant default", ok=True, finding="it has parties of its own")

    def _shortcomings(self) -> list[Check]:
        return [
            Check(f"tenant {tenant.id}", ok=False, finding=what)
            for tenant in self._model.tenants()
            for what in shortcomings(tenant)
        ]

    def _sqlite(self) -> Check:
        if self._store.dialect != "sqlite":
            return Check("database", ok=True, finding="PostgreSQL")
        found = ".".join(map(str, sqlite_version()))
        if sqlite_version() < _SQLITE_FIXED:
            finding = f"SQLite {found}: safe with one broker process only (WAL-reset defect before 3.51.3)"
            return Check("database", ok=True, finding=finding)
        return Check("database", ok=True, finding=f"SQLite {found}")


def _schema(found: str | None, how_to_upgrade: str) -> Check:
    wanted = schema.newest()
    if found == wanted:
        return Check("schema", ok=True, finding=f"revision {found}")
    return Check("schema", ok=False, finding=f"revision {found}, needed is {wanted}; run: {how_to_upgrade}")


def _audit(broken: int | None) -> Check:
    if broken is None:
        return Check("audit chain", ok=True, finding="whole")
    return Check("audit chain", ok=False, finding=f"broken at revision {broken}: the log was altered")


def _connections(failing: Mapping[str, int]) -> Check:
    """Partners come and go: that one fails is no fault of this deployment, and the command's exit code stays 0."""
    if not failing:
        return Check("connections", ok=True, finding="no probe says that one is failing")
    where = ", ".join(f"{count} of tenant {tenant}" for tenant, count in failing.items())
    finding = f"failing: {where}; see: ocpi-broker peer list --failing --tenant {next(iter(failing))}"
    return Check("connections", ok=True, finding=finding)
