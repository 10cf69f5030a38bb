"""Resource names and ids (AIP-122)."""

import re
from functools import lru_cache
from typing import Final

from broker.contract.values import invalid

MAX_TENANT_ID: Final = 40
MAX_ID: Final = 60
_KEPT: Final = 20_000
"""Names remembered: each call reads the same ones several times."""

TENANT_ID: Final = rf"[a-z0-9]([a-z0-9-]{{0,{MAX_TENANT_ID - 2}}}[a-z0-9])?"
RESERVED: Final = frozenset({"versions", "credentials", "hubclientinfo"})
"""No tenants' ids: they would be taken for OCPI paths."""

_ID = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_VERSION_LIKE = re.compile(r"[0-9.]+")


def tenant_id(value: str) -> str:
    """A new tenant's id: what the paths of version lists cannot be taken for."""
    checked = _checked_id(value, MAX_TENANT_ID)
    if checked in RESERVED or _VERSION_LIKE.fullmatch(checked):
        raise ValueError("is reserved: it would be taken for an OCPI path")
    return checked


def resource_id(value: str) -> str:
    return _checked_id(value, MAX_ID)


@lru_cache(maxsize=_KEPT)
def tenant_of(name: str, field: str) -> str:
    """The id in tenants/{tenant}."""
    return _parts(name, field, "tenants/{tenant}")[0]


@lru_cache(maxsize=_KEPT)
def peer_of(name: str, field: str) -> tuple[str, str]:
    """The ids in tenants/{tenant}/peers/{peer}."""
    tenant, peer = _parts(name, field, "tenants/{tenant}/peers/{peer}")
    return tenant, peer


def caller_of(name: str, field: str) -> str:
    return _parts(name, field, "callers/{caller}")[0]


def _parts(name: str, field: str, pattern: str) -> list[str]:
    wanted, given = pattern.split("/"), name.split("/")
    if len(wanted) != len(given):
        raise invalid(field, f"must have the form {pattern}")
    ids = []
    for want, got in zip(wanted, given, strict=True):
        if want.startswith("{"):
            if not got:
                raise invalid(field, f"must have the form {pattern}")
            ids.append(got)
        elif want != got:
            raise invalid(field, f"must have the form {pattern}")
    return ids


def _checked_id(value: str, longest: int) -> str:
    if not 1 <= len(value) <= longest or not _ID.fullmatch(value):
        raise ValueError(f'must be 1 to {longest} lower case letters, digits or "-", not starting or ending with "-"')
    return value
