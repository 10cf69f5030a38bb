"""The contract's messages as the documents that commands print. Scripts rely on their shapes.

Resources are named by plain ids, parties as NL/LMH/CPO, times as RFC 3339 in UTC. What is absent is null.
"""

from collections.abc import Iterable

from broker.cli import exchange_documents, notation
from broker.cli.names import id_of, tenant_of, word
from broker.cli.output import Document, Verbatim
from ocpi_broker.v1 import admin_service_pb2 as admin
from ocpi_broker.v1 import peer_service_pb2 as peers
from ocpi_broker.v1 import resources_pb2 as resources
from ocpi_broker.v1 import token_service_pb2 as tokens


def tenant(message: resources.Tenant) -> Document:
    return {
        "tenant": id_of(message.name),
        "versions": list(message.versions),
        "parties": _parties(message.parties),
        "business_names": _business_names(message.parties),
        "public_url": message.public_url or None,
        "endpoints": [{"version": listed.version, **_endpoint(listed.endpoint)} for listed in message.endpoints],
        "policy": _policy(message.policy),
        "versions_url": message.versions_url or None,
        "warnings": list(message.warnings),
        "etag": message.etag,
        "create_time": notation.time_text(message, "create_time"),
        "update_time": notation.time_text(message, "update_time"),
    }


def peer(message: resources.Peer) -> Document:
    return {
        "peer": id_of(message.name),
        "tenant": tenant_of(message.name),
        "state": word(resources.PeerState, message.state, "PEER_STATE_"),
        "blocked": message.blocked,
        "unconfirmed": message.unconfirmed,
        "version": message.version or None,
        "versions_url": message.versions_url or None,
        "parties": _parties(message.parties),
        "business_names": _business_names(message.parties),
        "endpoints": [_endpoint(endpoint) for endpoint in message.endpoints],
        "terms": {
            "parties": [*_parties(message.terms.parties), *message.terms.patterns],
            "any_party": message.terms.any_party,
            "versions_url": message.terms.versions_url or None,
        },
        "requested_parties": _parties(message.requested_parties),
        "quirks": Verbatim(sorted(message.quirks.items())),
        "auth_form_in": _form(message.auth_form_in),
        "auth_form_out": _form(message.auth_form_out),
        "offered_versions": list(message.versions) or None,
        "may_downgrade": message.may_downgrade,
        "quarantined": message.quarantined,
        "lifecycle": (word(resources.PeerLifecycle, message.lifecycle, "PEER_LIFECYCLE_") or "MANAGED").lower(),
        "rotation_period": notation.rotation_text(
            message.rotation_period if message.HasField("rotation_period") else None
        ),
        "renew": (word(resources.PeerRenewal, message.renewal, "PEER_RENEWAL_") or "PUT").lower(),
        "job": exchange_documents.job(message.job) if message.HasField("job") else None,
        "health": _health(message.health),
        "warnings": [{"id": one.id, "message": one.message} for one in message.findings],
        "invitation_expire_time": notation.time_text(message, "invitation_expire_time"),
        "register_time": notation.time_text(message, "register_time"),
        "token_time": notation.time_text(message, "token_time"),
        "next_rotation_time": notation.time_text(message, "next_rotation_time"),
        "create_time": notation.time_text(message, "create_time"),
        "update_time": notation.time_text(message, "update_time"),
        "etag": message.etag,
    }


def invitation(message: peers.InvitePeerResponse | peers.ResetPeerResponse) -> Document:
    """Holds a token, which is shown this once."""
    return {
        "peer": id_of(message.peer.name),
        "token": message.token,
        "authorization": message.authorization,
        "versions_url": message.versions_url,
        "expires": notation.time_text(message, "expire_time"),
    }


def held_token(message: tokens.GetPeerTokenResponse) -> Document:
    """Holds a token: whoever asked for it reads it here."""
    return {
        "peer": id_of(message.peer),
        "token": message.token,
        "authorization": message.authorization,
        "version": message.version,
        "versions_url": message.versions_url,
        "endpoint_url": message.endpoint_url or None,
        "endpoints": [_endpoint(endpoint) for endpoint in message.endpoints],
        "parties": _parties(message.parties),
    }


def verification(message: tokens.VerifyTokenResponse) -> Document:
    return {
        "valid": message.valid,
        "reason": word(tokens.TokenRejection, message.rejection, "TOKEN_REJECTION_"),
        "tenant": id_of(message.tenant),
        "peer": id_of(message.peer),
        "parties": _parties(message.parties),
        "version": message.version or None,
        "registration_only": message.registration_only,
    }


def caller(message: admin.Caller) -> Document:
    """Tenants is ["-"] for all of them."""
    return {
        "caller": id_of(message.name),
        "role": (word(admin.CallerRole, message.role, "CALLER_ROLE_") or "").lower(),
        "tenants": [id_of(name) for name in message.tenants],
        "create_time": notation.time_text(message, "create_time"),
        "revoke_time": notation.time_text(message, "revoke_time"),
    }


def new_caller(message: admin.CreateCallerResponse) -> Document:
    """Holds a service key, which is shown this once."""
    return {"caller": id_of(message.caller.name), "key": message.key}


def server(message: admin.GetServerInfoResponse) -> Document:
    return {
        "ok": all(found.ok for found in message.checks),
        "version": message.version,
        "database": message.database,
        "schema_revision": message.schema_revision,
        "revision": message.revision,
        "ocpi_versions": list(message.ocpi_versions),
        "insecure_peers": message.insecure_peers,
        "start_time": notation.time_text(message, "start_time"),
        "checks": [check(found) for found in message.checks],
    }


def check(message: admin.Check) -> Document:
    return {"subject": message.subject, "ok": message.ok, "finding": message.finding}


def _endpoint(message: resources.Endpoint) -> dict[str, object]:
    side = word(resources.InterfaceRole, message.interface_role, "INTERFACE_ROLE_")
    return {"module": message.module, "role": side, "url": message.url}


def _parties(messages: Iterable[resources.Party]) -> list[str]:
    return [notation.party_text(party) for party in messages]


def _business_names(messages: Iterable[resources.Party]) -> dict[str, str]:
    return {notation.party_text(party): party.business_details.name for party in messages}


def _policy(message: resources.TenantPolicy) -> Document:
    return {
        "invitation_expiry": notation.period_text(message.invitation_expiry),
        "post_retry_window": notation.period_text(message.post_retry_window),
        "put_retry_window": notation.period_text(message.put_retry_window),
        "rotation_period": notation.period_text(message.rotation_period),
        "probe_interval": notation.period_text(message.probe_interval),
        "required_modules": [notation.requirement_text(module) for module in message.required_modules],
        "role_policy": (word(resources.RolePolicy, message.role_policy, "ROLE_POLICY_") or "PATTERN").lower(),
        "downgrade": "allowed" if message.may_downgrade else "locked",
        "strict": message.strict,
    }


def _health(message: resources.Health) -> Document:
    return {
        "state": word(resources.HealthState, message.state, "HEALTH_STATE_") or "UNKNOWN",
        "since": notation.time_text(message, "since_time"),
        "reason": word(resources.HealthReason, message.reason, "HEALTH_REASON_"),
        "message": message.message or None,
        "last_contact_in": notation.time_text(message, "last_contact_in_time"),
        "last_contact_out": notation.time_text(message, "last_contact_out_time"),
        "last_probe": notation.time_text(message, "last_probe_time"),
    }


def _form(value: int) -> str | None:
    name = word(resources.HeaderForm, value, "HEADER_FORM_")
    return name.lower() if name else None
