"""Callers and their grants."""

from collections.abc import Sequence

from broker.contract.names import tenant_id, tenant_of
from broker.contract.values import Violations, enum_name, timestamp
from broker.core.caller import EVERY_TENANT, Caller, CallerRole
from ocpi_broker.v1 import (
    admin_service_pb2,
)


def caller_role_from_pb(value: int) -> CallerRole:
    if value == admin_service_pb2.CALLER_ROLE_UNSPECIFIED:
        raise ValueError("is required")
    return CallerRole(enum_name(admin_service_pb2.CallerRole, value, "CALLER_ROLE_").lower())


def caller_to_pb(caller: Caller) -> admin_service_pb2.Caller:
    message = admin_service_pb2.Caller(
        name=caller.name,
        role=f"CALLER_ROLE_{caller.role.value.upper()}",
        tenants=[f"tenants/{tenant}" for tenant in sorted(caller.tenants)],
        create_time=timestamp(caller.created_at),
    )
    if caller.revoked_at is not None:
        message.revoke_time.CopyFrom(timestamp(caller.revoked_at))
    return message


def grants_from_pb(names: Sequence[str], found: Violations) -> frozenset[str]:
    """Tenant ids, or "-" for all."""
    tenants = set()
    for index, name in enumerate(names):
        with found.of(f"caller.tenants[{index}]"):
            tenant = tenant_of(name, "")
            tenants.add(tenant if tenant == EVERY_TENANT else tenant_id(tenant))
    return frozenset(tenants)
