"""Who may call what, written down a second time (D8)."""

import pytest

from broker.core.caller import Caller, CallerRole
from broker.errors import InvalidArgumentError, PermissionDeniedError
from broker.rpc.permissions import RULES, Rule, authorise, require_rules
from ocpi_broker.v1 import (
    admin_service_pb2,
    ocpi_service_pb2,
    peer_service_pb2,
    resources_pb2,
    tenant_service_pb2,
    token_service_pb2,
)

PREFIX = "/ocpi_broker.v1."
HEALTH = "/grpc.health.v1.Health/"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

EVERYBODY = {"reader", "operator", "gateway", "auditor", "admin"}
MATRIX = {
    f"{PREFIX}TokenService/GetPeerToken": {"reader", "admin"},
    f"{PREFIX}TokenService/BatchGetPeerTokens": {"reader", "admin"},
    f"{PREFIX}TokenService/VerifyToken": {"reader", "admin"},
    f"{PREFIX}PeerService/InvitePeer": {"operator", "admin"},
    f"{PREFIX}PeerService/ConnectPeer": {"operator", "admin"},
    f"{PREFIX}PeerService/RotatePeer": {"operator", "admin"},
    f"{PREFIX}PeerService/SwitchPeerVersion": {"operator", "admin"},
    f"{PREFIX}PeerService/RevokePeer": {"operator", "admin"},
    f"{PREFIX}PeerService/GetPeer": {"operator", "admin"},
    f"{PREFIX}PeerService/ListPeers": {"operator", "admin"},
    f"{PREFIX}PeerService/UpdatePeer": {"operator", "admin"},
    f"{PREFIX}PeerService/UnregisterPeer": {"operator", "admin"},
    f"{PREFIX}PeerService/DeletePeer": {"operator", "admin"},
    f"{PREFIX}PeerService/ResetPeer": {"operator", "admin"},
    f"{PREFIX}PeerService/BlockPeer": {"operator", "admin"},
    f"{PREFIX}PeerService/UnblockPeer": {"operator", "admin"},
    f"{PREFIX}PeerService/ListExchanges": {"operator", "admin"},
    f"{PREFIX}PeerService/ImportPeer": {"operator", "admin"},
    f"{PREFIX}PeerService/ExportPeers": {"operator", "admin"},
    f"{PREFIX}TenantService/CreateTenant": {"operator", "admin"},
    f"{PREFIX}TenantService/GetTenant": {"operator", "admin"},
    f"{PREFIX}TenantService/ListTenants": {"operator", "admin"},
    f"{PREFIX}TenantService/UpdateTenant": {"operator", "admin"},
    f"{PREFIX}TenantService/DeleteTenant": {"operator", "admin"},
    f"{PREFIX}OcpiService/ListVersions": {"gateway"},
    f"{PREFIX}OcpiService/GetVersionDetails": {"gateway"},
    f"{PREFIX}OcpiService/GetCredentials": {"gateway"},
    f"{PREFIX}OcpiService/Register": {"gateway"},
    f"{PREFIX}OcpiService/Update": {"gateway"},
    f"{PREFIX}OcpiService/Unregister": {"gateway"},
    f"{PREFIX}AdminService/CreateCaller": {"admin"},
    f"{PREFIX}AdminService/ListCallers": {"admin"},
    f"{PREFIX}AdminService/RevokeCaller": {"admin"},
    f"{PREFIX}AdminService/GetServerInfo": {"admin"},
    f"{HEALTH}Check": set(),
    f"{HEALTH}List": set(),
    f"{HEALTH}Watch": set(),
    REFLECTION: EVERYBODY,
}
PUBLIC = {f"{HEALTH}Check", f"{HEALTH}List", f"{HEALTH}Watch"}

TENANT, PEER = "tenants/acme", "tenants/acme/peers/kwl"
# The tenant that a request is about. Who is not in here is about none, or filters by the grants itself.
ABOUT_ACME = {
    "TokenService/GetPeerToken": token_service_pb2.GetPeerTokenRequest(parent=TENANT, peer="tenants/other/peers/x"),
    "TokenService/BatchGetPeerTokens": token_service_pb2.BatchGetPeerTokensRequest(parent=TENANT),
    "TokenService/VerifyToken": token_service_pb2.VerifyTokenRequest(parent=TENANT),
    "PeerService/InvitePeer": peer_service_pb2.InvitePeerRequest(parent=TENANT),
    "PeerService/ConnectPeer": peer_service_pb2.ConnectPeerRequest(parent=TENANT),
    "PeerService/RotatePeer": peer_service_pb2.RotatePeerRequest(name=PEER),
    "PeerService/SwitchPeerVersion": peer_service_pb2.SwitchPeerVersionRequest(name=PEER),
    "PeerService/RevokePeer": peer_service_pb2.RevokePeerRequest(name=PEER),
    "PeerService/GetPeer": peer_service_pb2.GetPeerRequest(name=PEER),
    "PeerService/ListPeers": peer_service_pb2.ListPeersRequest(parent=TENANT),
    "PeerService/UpdatePeer": peer_service_pb2.UpdatePeerRequest(peer=resources_pb2.Peer(name=PEER)),
    "PeerService/UnregisterPeer": peer_service_pb2.UnregisterPeerRequest(name=PEER),
    "PeerService/DeletePeer": peer_service_pb2.DeletePeerRequest(name=PEER),
    "PeerService/ResetPeer": peer_service_pb2.ResetPeerRequest(name=PEER),
    "PeerService/BlockPeer": peer_service_pb2.BlockPeerRequest(name=PEER),
    "PeerService/UnblockPeer": peer_service_pb2.UnblockPeerRequest(name=PEER),
    "PeerService/ListExchanges": peer_service_pb2.ListExchangesRequest(parent=PEER),
    "PeerService/ImportPeer": peer_service_pb2.ImportPeerRequest(parent=TENANT),
    "PeerService/ExportPeers": peer_service_pb2.ExportPeersRequest(parent=TENANT),
    "TenantService/CreateTenant": tenant_service_pb2.CreateTenantRequest(
        tenant_id="acme", tenant=resources_pb2.Tenant(name="tenants/other")
    ),
    "TenantService/GetTenant": tenant_service_pb2.GetTenantRequest(name=TENANT),
    "TenantService/UpdateTenant": tenant_service_pb2.UpdateTenantRequest(tenant=resources_pb2.Tenant(name=TENANT)),
    "TenantService/DeleteTenant": tenant_service_pb2.DeleteTenantRequest(name=TENANT),
}
ABOUT_NONE = {
    "TokenService/VerifyToken": token_service_pb2.VerifyTokenRequest(),
    "TenantService/ListTenants": tenant_service_pb2.ListTenantsRequest(),
    "OcpiService/Register": ocpi_service_pb2.RegisterRequest(call=ocpi_service_pb2.OcpiCall(tenant="acme")),
}
# An administrator of some tenants must not make itself one of all.
ABOUT_ALL = {f"AdminService/{name}" for name in ("CreateCaller", "ListCallers", "RevokeCaller", "GetServerInfo")}
FOREIGN = "the tenant does not exist or is not among yours"


def caller(role="admin", *tenants):
    return Caller("billing", CallerRole(role), frozenset(tenants or {"-"}), "AAAAAAAAAAAA", "p1", b"", 1)


def denied(rule, who, tenant, *, exists=True):
    """Why not; None if it may."""
    try:
        authorise(rule, who, tenant, exists=exists)
    except PermissionDeniedError as err:
        return str(err)
    return None


def test_the_matrix_has_a_row_for_every_rule():
    assert set(RULES) == set(MATRIX)


@pytest.mark.parametrize("role", CallerRole, ids=lambda role: role.value)
def test_a_role_may_call_what_the_matrix_says(role):
    told = {method: denied(rule, caller(role.value), None) for method, rule in RULES.items()}

    refusal = f"the role {role.value} may not call this"
    assert told == {method: None if role.value in roles else refusal for method, roles in MATRIX.items()}


def test_only_health_is_open_to_those_without_a_key():
    assert {method for method, rule in RULES.items() if rule.public} == PUBLIC


def test_every_rpc_that_names_a_tenant_is_in_the_table_of_this_test():
    about = {name.removeprefix(PREFIX) for name, rule in RULES.items() if rule.tenant is not Rule(frozenset()).tenant}

    assert about == set(ABOUT_ACME) | ABOUT_ALL


@pytest.mark.parametrize("name", ABOUT_ACME)
def test_a_request_is_about_the_tenant_it_names(name):
    assert RULES[PREFIX + name].tenant(ABOUT_ACME[name]) == "acme"


@pytest.mark.parametrize("name", sorted(ABOUT_ALL))
def test_administration_is_for_administrators_of_every_tenant(name):
    rule = RULES[PREFIX + name]
    about = rule.tenant(admin_service_pb2.CreateCallerRequest(caller=admin_service_pb2.Caller(tenants=[TENANT])))

    assert denied(rule, caller("admin"), about) is None
    assert denied(rule, caller("admin", "acme"), about) == FOREIGN


@pytest.mark.parametrize("name", ABOUT_NONE)
def test_a_request_that_names_no_tenant_is_about_none(name):
    assert RULES[PREFIX + name].tenant(ABOUT_NONE[name]) is None


@pytest.mark.parametrize("name", [name for name in ABOUT_ACME if "VerifyToken" not in name and "Create" not in name])
def test_a_request_that_should_name_a_tenant_and_does_not_is_refused(name):
    with pytest.raises(InvalidArgumentError):
        RULES[PREFIX + name].tenant(type(ABOUT_ACME[name])())


EXISTING_ONLY = [name for name in ABOUT_ACME if name != "TenantService/CreateTenant"]


@pytest.mark.parametrize(
    ("tenants", "exists", "expected"),
    [
        (["acme"], True, None),
        (["acme", "other"], True, None),
        (["-"], True, None),
        (["other"], True, FOREIGN),
        (["other"], False, FOREIGN),
        (["acme"], False, FOREIGN),
        (["-"], False, FOREIGN),
        (["ACME"], True, FOREIGN),
        (["acm", "acme2"], True, FOREIGN),
    ],
)
def test_a_foreign_tenant_and_none_at_all_are_refused_in_the_same_words(tenants, exists, expected):
    told = {}
    for name in EXISTING_ONLY:
        rule, role = RULES[PREFIX + name], min(MATRIX[PREFIX + name])
        told[name] = denied(rule, caller(role, *tenants), rule.tenant(ABOUT_ACME[name]), exists=exists)

    assert told == dict.fromkeys(EXISTING_ONLY, expected)


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize(("tenants", "told"), [(["acme"], None), (["-"], None), (["other"], FOREIGN)])
def test_a_tenant_to_be_created_is_among_the_callers_and_need_not_exist(tenants, exists, told):
    rule = RULES[f"{PREFIX}TenantService/CreateTenant"]

    assert denied(rule, caller("operator", *tenants), "acme", exists=exists) == told


def test_nothing_else_may_name_what_does_not_exist():
    assert [name for name, rule in RULES.items() if rule.creates_tenant] == [f"{PREFIX}TenantService/CreateTenant"]


def test_a_caller_without_tenants_reaches_none():
    nobody = Caller("billing", CallerRole.ADMIN, frozenset(), "AAAAAAAAAAAA", "p1", b"", 1)

    assert denied(RULES[f"{PREFIX}PeerService/GetPeer"], nobody, "acme") == FOREIGN
    assert denied(RULES[f"{PREFIX}TenantService/CreateTenant"], nobody, "") == FOREIGN


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("tenant", ["acme", "other"])
def test_a_role_is_refused_before_anything_is_said_of_the_tenant(tenant, exists):
    rule = RULES[f"{PREFIX}PeerService/GetPeer"]

    assert denied(rule, caller("reader", "acme"), tenant, exists=exists) == "the role reader may not call this"


def test_the_server_does_not_start_with_a_method_that_has_no_row():
    require_rules(MATRIX)

    with pytest.raises(RuntimeError, match=r"^no permission is written down for /a\.B/One, /a\.B/Two$"):
        require_rules([*MATRIX, "/a.B/Two", "/a.B/One"])
