"""Tenants and their policies."""

from collections.abc import Iterable

from google.protobuf.duration_pb2 import Duration

from broker.contract.parties import (
    interface_role_from_pb,
    interface_role_to_pb,
    module_from_pb,
    role_from_pb,
    role_to_pb,
    versioned_from_pb,
)
from broker.contract.values import Violations, each, enum_name, invalid, seconds_from_pb
from broker.core.model import (
    Endpoint,
    Policy,
    RequiredModule,
    RolePolicy,
    Version,
)
from ocpi_broker.v1 import (
    resources_pb2,
)

_OURS = frozenset({"credentials", "versions"})


def versions_from_pb(
    values: Iterable[str], supported: Iterable[str], field: str, found: Violations
) -> tuple[Version, ...]:
    known = set(supported)
    versions = []
    for index, value in enumerate(values):
        if value not in known:
            found.add(f"{field}[{index}]", f"must be one of {', '.join(sorted(known))}")
        else:
            versions.append(Version(value))
    return tuple(sorted(set(versions)))


def versioned_endpoints_from_pb(
    messages: Iterable[resources_pb2.VersionedEndpoint], found: Violations
) -> tuple[tuple[Version, Endpoint], ...]:
    """One address for a module and side of a version (VD-08), and none for what the gateway serves itself."""
    seen: set[tuple[Version, str]] = set()

    def read(message: resources_pb2.VersionedEndpoint) -> tuple[Version, Endpoint]:
        version, endpoint = versioned_from_pb(message)
        if endpoint.module in _OURS:
            raise invalid("endpoint.module", f"{endpoint.module} is served by the gateway and listed by itself")
        if (version, endpoint.key) in seen:
            raise invalid("endpoint", f"{endpoint.key} is given twice for OCPI {version}")
        seen.add((version, endpoint.key))
        return version, endpoint

    return each(messages, "tenant.endpoints", read, found)


def policy_from_pb(message: resources_pb2.TenantPolicy, found: Violations) -> Policy:
    default = Policy()
    return Policy(
        invitation_expiry=_seconds(message, "invitation_expiry", default.invitation_expiry, found, shortest=1),
        post_retry_window=_seconds(message, "post_retry_window", default.post_retry_window, found),
        put_retry_window=_seconds(message, "put_retry_window", default.put_retry_window, found),
        required_modules=each(message.required_modules, "tenant.policy.required_modules", _required_from_pb, found),
        role_policy=_role_policy_from_pb(message.role_policy, found),
        may_downgrade=message.may_downgrade,
        strict=message.strict,
        rotation_period=_seconds(message, "rotation_period", default.rotation_period, found),
        probe_interval=_seconds(message, "probe_interval", default.probe_interval, found),
    )


def policy_to_pb(policy: Policy) -> resources_pb2.TenantPolicy:
    return resources_pb2.TenantPolicy(
        invitation_expiry=Duration(seconds=policy.invitation_expiry),
        post_retry_window=Duration(seconds=policy.post_retry_window),
        put_retry_window=Duration(seconds=policy.put_retry_window),
        required_modules=[
            resources_pb2.RequiredModule(
                peer_role=role_to_pb(rule.peer_role),
                module=rule.module,
                interface_role=interface_role_to_pb(rule.role),
            )
            for rule in policy.required_modules
        ],
        role_policy=f"ROLE_POLICY_{policy.role_policy.value}",
        may_downgrade=policy.may_downgrade,
        strict=policy.strict,
        rotation_period=Duration(seconds=policy.rotation_period),
        probe_interval=Duration(seconds=policy.probe_interval),
    )


def _role_policy_from_pb(value: int, found: Violations) -> RolePolicy:
    if value == resources_pb2.ROLE_POLICY_UNSPECIFIED:
        return RolePolicy.PATTERN
    with found.of("tenant.policy.role_policy"):
        return RolePolicy(enum_name(resources_pb2.RolePolicy, value, "ROLE_POLICY_"))
    return RolePolicy.PATTERN


def _required_from_pb(message: resources_pb2.RequiredModule) -> RequiredModule:
    role = interface_role_from_pb(message.interface_role)
    return RequiredModule(module_from_pb(message.module), role, role_from_pb(message.peer_role))


def _seconds(
    message: resources_pb2.TenantPolicy, field: str, default: int, found: Violations, *, shortest: int = 0
) -> int:
    if not message.HasField(field):
        return default
    with found.of(f"tenant.policy.{field}"):
        return seconds_from_pb(getattr(message, field), shortest=shortest)
    return default
