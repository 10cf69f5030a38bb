"""Who may call what: one row per RPC. A method without a row keeps the server from starting."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from broker.contract.names import peer_of, tenant_of
from broker.core.caller import EVERY_TENANT, Caller, CallerRole
from broker.errors import PermissionDeniedError

READER, OPERATOR, GATEWAY, AUDITOR, ADMIN = (
    CallerRole.READER,
    CallerRole.OPERATOR,
    CallerRole.GATEWAY,
    CallerRole.AUDITOR,
    CallerRole.ADMIN,
)

TenantOf = Callable[[Any], str | None]
"""The tenant a request is about; None if it is about none or the servicer filters by the caller's grants."""


def _nothing(_request: Any) -> None:
    return None


def _parent(request: Any) -> str:
    return tenant_of(request.parent, "parent")


def _parent_if_given(request: Any) -> str | None:
    return tenant_of(request.parent, "parent") if request.parent else None


def _tenant_name(request: Any) -> str:
    return tenant_of(request.name, "name")


def _updated_tenant(request: Any) -> str:
    return tenant_of(request.tenant.name, "tenant.name")


def _peer_name(request: Any) -> str:
    return peer_of(request.name, "name")[0]


def _updated_peer(request: Any) -> str:
    return peer_of(request.peer.name, "peer.name")[0]


def _peer_parent(request: Any) -> str:
    return peer_of(request.parent, "parent")[0]


def _new_tenant(request: Any) -> str:
    return str(request.tenant_id)


def _every_tenant(_request: Any) -> str:
    return EVERY_TENANT


@dataclass(frozen=True, slots=True)
class Rule:
    """Roles that may call, and the tenant that their grant must cover. public: without a service key."""

    roles: frozenset[CallerRole]
    tenant: TenantOf = _nothing
    creates_tenant: bool = False
    public: bool = False


def _rule(*roles: CallerRole, tenant: TenantOf = _nothing, creates_tenant: bool = False) -> Rule:
    return Rule(frozenset(roles), tenant, creates_tenant=creates_tenant)


_PUBLIC = Rule(frozenset(), public=True)
_ANYBODY = _rule(*CallerRole)
_PREFIX = "/ocpi_broker.v1."

RULES: Final[Mapping[str, Rule]] = {
    f"{_PREFIX}TokenService/GetPeerToken": _rule(READER, ADMIN, tenant=_parent),
    f"{_PREFIX}TokenService/BatchGetPeerTokens": _rule(READER, ADMIN, tenant=_parent),
    f"{_PREFIX}TokenService/VerifyToken": _rule(READER, ADMIN, tenant=_parent_if_given),
    f"{_PREFIX}PeerService/InvitePeer": _rule(OPERATOR, ADMIN, tenant=_parent),
    f"{_PREFIX}PeerService/ConnectPeer": _rule(OPERATOR, ADMIN, tenant=_parent),
    f"{_PREFIX}PeerService/RotatePeer": _rule(OPERATOR, ADMIN, tenant=_peer_name),
    f"{_PREFIX}PeerService/SwitchPeerVersion": _rule(OPERATOR, ADMIN, tenant=_peer_name),
    f"{_PREFIX}PeerService/RevokePeer": _rule(OPERATOR, ADMIN, tenant=_peer_name),
    f"{_PREFIX}PeerService/GetPeer": _rule(OPERATOR, ADMIN, tenant=_peer_name),
    f"{_PREFIX}PeerService/ListPeers": _rule(OPERATOR, ADMIN, tenant=_parent),
    f"{_PREFIX}PeerService/UpdatePeer": _rule(OPERATOR, ADMIN, tenant=_updated_peer),
    f"{_PREFIX}PeerService/UnregisterPeer": _rule(OPERATOR, ADMIN, tenant=_peer_name),
    f"{_PREFIX}PeerService/DeletePeer": _rule(OPERATOR, ADMIN, tenant=_peer_name),
    f"{_PREFIX}PeerService/ResetPeer": _rule(OPERATOR, ADMIN, tenant=_peer_name),
    f"{_PREFIX}PeerService/BlockPeer": _rule(OPERATOR, ADMIN, tenant=_peer_name),
    f"{_PREFIX}PeerService/UnblockPeer": _rule(OPERATOR, ADMIN, tenant=_peer_name),
    f"{_PREFIX}PeerService/ListExchanges": _rule(OPERATOR, ADMIN, tenant=_peer_parent),
    f"{_PREFIX}PeerService/ImportPeer": _rule(OPERATOR, ADMIN, tenant=_parent),
    f"{_PREFIX}PeerService/ExportPeers": _rule(OPERATOR, ADMIN, tenant=_parent),
    f"{_PREFIX}TenantService/CreateTenant": _rule(OPERATOR, ADMIN, tenant=_new_tenant, creates_tenant=True),
    f"{_PREFIX}TenantService/GetTenant": _rule(OPERATOR, ADMIN, tenant=_tenant_name),
    f"{_PREFIX}TenantService/ListTenants": _rule(OPERATOR, ADMIN),
    f"{_PREFIX}TenantService/UpdateTenant": _rule(OPERATOR, ADMIN, tenant=_updated_tenant),
    f"{_PREFIX}TenantService/DeleteTenant": _rule(OPERATOR, ADMIN, tenant=_tenant_name),
    f"{_PREFIX}OcpiService/ListVersions": _rule(GATEWAY),
    f"{_PREFIX}OcpiService/GetVersionDetails": _rule(GATEWAY),
    f"{_PREFIX}OcpiService/GetCredentials": _rule(GATEWAY),
    f"{_PREFIX}OcpiService/Register": _rule(GATEWAY),
    f"{_PREFIX}OcpiService/Update": _rule(GATEWAY),
    f"{_PREFIX}OcpiService/Unregister": _rule(GATEWAY),
    f"{_PREFIX}AdminService/CreateCaller": _rule(ADMIN, tenant=_every_tenant),
    f"{_PREFIX}AdminService/ListCallers": _rule(ADMIN, tenant=_every_tenant),
    f"{_PREFIX}AdminService/RevokeCaller": _rule(ADMIN, tenant=_every_tenant),
    f"{_PREFIX}AdminService/GetServerInfo": _rule(ADMIN, tenant=_every_tenant),
    "/grpc.health.v1.Health/Check": _PUBLIC,
    "/grpc.health.v1.Health/List": _PUBLIC,
    "/grpc.health.v1.Health/Watch": _PUBLIC,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": _ANYBODY,
}


def authorise(rule: Rule, caller: Caller, tenant: str | None, *, exists: bool) -> None:
    """Raises PermissionDeniedError, with the same words for a foreign tenant and for none at all (AIP-211)."""
    if caller.role not in rule.roles:
        raise PermissionDeniedError(f"the role {caller.role.value} may not call this")
    if tenant is None:
        return
    if not caller.may_act_for(tenant) or not (exists or rule.creates_tenant):
        raise PermissionDeniedError("the tenant does not exist or is not among yours")


def require_rules(methods: Iterable[str]) -> None:
    """Raises RuntimeError if a served method has no row."""
    missing = sorted(set(methods) - RULES.keys())
    if missing:
        raise RuntimeError(f"no permission is written down for {', '.join(missing)}")
