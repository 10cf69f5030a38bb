"""Internal services that call the broker, and what their roles mean."""

from dataclasses import dataclass
from enum import Enum

EVERY_TENANT = "-"


class CallerRole(Enum):
    READER = "reader"
    OPERATOR = "operator"
    GATEWAY = "gateway"
    AUDITOR = "auditor"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller and the keyed hash of its service key. Times in microseconds since 1970."""

    id: str
    role: CallerRole
    tenants: frozenset[str]
    """Tenant ids, or "-" for all of them."""
    lookup_id: str
    pepper_id: str
    digest: bytes
    created_at: int
    revoked_at: int | None = None

    def __repr__(self) -> str:
        return f"Caller({self.id!r}, {self.role.value})"

    @property
    def name(self) -> str:
        return f"callers/{self.id}"

    def may_act_for(self, tenant: str) -> bool:
        return EVERY_TENANT in self.tenants or tenant in self.tenants
