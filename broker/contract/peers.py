"""Peers and their exchanges."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import ErrorInfo

from broker.contract.parties import endpoint_to_pb, key_from_pb, key_to_pb, party_to_pb
from broker.contract.values import Violations, duration, each, enum_name, etag, invalid, seconds_from_pb, timestamp
from broker.core import lifecycle, rotation
from broker.core.exchange import Exchange
from broker.core.health import NO_HEALTH, Health
from broker.core.health import warning as health_warning
from broker.core.job import Job, JobState
from broker.core.lifecycle import Care, Lifecycle, Renewal
from broker.core.model import HeaderForm, PartyPattern, Terms
from broker.core.peer import Peer, PeerState, Rejection
from broker.core.quirks import Quirks
from broker.core.warning_ids import WarningId
from broker.core.warnings import PeerWarning
from broker.core.warnings import warnings as peer_warnings
from ocpi_broker.client.reasons import DOMAIN
from ocpi_broker.v1 import peer_service_pb2, resources_pb2

MAX_TERMS: Final = 1000


def terms_from_pb(message: resources_pb2.InvitationTerms, field: str, found: Violations) -> Terms:
    if len(message.parties) + len(message.patterns) > MAX_TERMS:
        found.add(f"{field}.parties", f"must have at most {MAX_TERMS} entries; use any_party for more")
        return Terms()
    keys = each(message.parties, f"{field}.parties", key_from_pb, found)
    patterns = each(message.patterns, f"{field}.patterns", PartyPattern.parse, found)
    if not keys and not patterns and not message.any_party:
        found.add(f"{field}.parties", "name the parties that may register, or set any_party")
    return Terms(frozenset(keys), message.any_party, message.versions_url or None, frozenset(patterns))


def terms_to_pb(terms: Terms) -> resources_pb2.InvitationTerms:
    return resources_pb2.InvitationTerms(
        parties=[key_to_pb(key) for key in sorted(terms.parties, key=str)],
        any_party=terms.any_party,
        versions_url=terms.versions_url or "",
        patterns=sorted(map(str, terms.patterns)),
    )


def state_from_pb(value: int) -> PeerState | None:
    """None for any state. Raises InvalidArgumentError for one that this release does not know."""
    if not value:
        return None
    try:
        return PeerState(enum_name(resources_pb2.PeerState, value, "PEER_STATE_"))
    except ValueError:
        raise invalid("state", f"{value} is no state of a peer") from None


def quirks_from_pb(message: Mapping[str, str], found: Violations) -> Quirks:
    with found.of("peer.quirks"):
        return Quirks.read(message)
    return Quirks()


def care_from_pb(message: resources_pb2.Peer | peer_service_pb2.PortablePeer, field: str, found: Violations) -> Care:
    care = Care()
    with found.of(f"{field}.lifecycle"):
        if message.lifecycle:
            name = enum_name(resources_pb2.PeerLifecycle, message.lifecycle, "PEER_LIFECYCLE_")
            care = replace(care, lifecycle=Lifecycle(name))
    with found.of(f"{field}.rotation_period"):
        if message.HasField("rotation_period"):
            care = replace(care, rotation_period=seconds_from_pb(message.rotation_period, shortest=0))
    with found.of(f"{field}.renewal"):
        if message.renewal:
            name = enum_name(resources_pb2.PeerRenewal, message.renewal, "PEER_RENEWAL_")
            care = replace(care, renewal=Renewal(name))
    return care


def period_to_pb(care: Care) -> Duration | None:
    return None if care.rotation_period is None else Duration(seconds=care.rotation_period)


def peer_to_pb(peer: Peer, now: int, rotation_period: int = 0, health: Health = NO_HEALTH) -> resources_pb2.Peer:
    """Never a token of either direction. rotation_period is the tenant's, in seconds."""
    invitation, found = peer.invitation, [*_warnings(peer, now, rotation_period, health)]
    message = resources_pb2.Peer(
        name=peer.name,
        state=f"PEER_STATE_{peer.state.value}",
        blocked=peer.blocked,
        unconfirmed=peer.unconfirmed,
        version=str(peer.version or ""),
        versions_url=peer.versions_url or "",
        parties=map(party_to_pb, peer.parties),
        endpoints=map(endpoint_to_pb, peer.endpoints),
        terms=terms_to_pb(peer.terms),
        etag=etag(peer.revision),
        create_time=timestamp(peer.created_at),
        update_time=timestamp(peer.updated_at),
        warnings=[one.message for one in found],
        findings=[resources_pb2.Finding(id=one.id, message=one.message) for one in found],
        quirks=peer.quirks.write(),
        versions=map(str, peer.versions),
        may_downgrade=peer.may_downgrade,
        requested_parties=map(key_to_pb, peer.requested),
        auth_form_in=form_to_pb(peer.form_in),
        auth_form_out=form_to_pb(peer.quirks.auth_form_out or peer.form_out),
        quarantined=peer.quarantined,
        health=_health_to_pb(health),
        lifecycle=f"PEER_LIFECYCLE_{peer.care.lifecycle.value}",
        rotation_period=period_to_pb(peer.care),
        renewal=f"PEER_RENEWAL_{peer.care.renewal.value}",
    )
    if peer.state is PeerState.INVITED and invitation is not None and invitation.not_after is not None:
        message.invitation_expire_time.CopyFrom(timestamp(invitation.not_after))
    if peer.registered_at is not None:
        message.register_time.CopyFrom(timestamp(peer.registered_at))
    if peer.held is not None and peer.state is PeerState.REGISTERED:
        message.token_time.CopyFrom(timestamp(peer.held.created_at))
        due = rotation.due(peer.uid, peer.held.created_at, peer.care.automatic(rotation_period))
        if due is not None:
            message.next_rotation_time.CopyFrom(timestamp(due))
    if peer.job is not None:
        message.job.CopyFrom(_job_to_pb(peer.job, now))
    return message


def _warnings(peer: Peer, now: int, rotation_period: int, health: Health) -> Iterator[PeerWarning]:
    yield from peer_warnings(peer, now)
    failing = health_warning(health)
    if failing is not None:
        yield failing
    if peer.held is not None and peer.state is PeerState.REGISTERED:
        reminder = lifecycle.reminder(peer.care, peer.uid, peer.held.created_at, rotation_period, now)
        if reminder is not None:
            yield PeerWarning(WarningId.RENEWAL_DUE, reminder)


def _health_to_pb(health: Health) -> resources_pb2.Health:
    message = resources_pb2.Health(
        state=f"HEALTH_STATE_{health.state.value}",
        reason=f"HEALTH_REASON_{health.trouble.value if health.trouble else 'UNSPECIFIED'}",
        message=health.message,
    )
    times = {
        "since_time": health.since,
        "last_contact_in_time": health.last_in,
        "last_contact_out_time": health.last_out,
        "last_probe_time": health.last_probe,
    }
    for field, at in times.items():
        if at is not None:
            getattr(message, field).CopyFrom(timestamp(at))
    return message


def _job_to_pb(job: Job, now: int) -> resources_pb2.Job:
    state = "RUNNING" if job.is_running(now) else job.state.value
    message = resources_pb2.Job(
        kind=f"EXCHANGE_KIND_{job.kind.value}",
        state=f"JOB_STATE_{state}",
        version=str(job.version or ""),
        attempts=job.attempts,
        outcome_unknown=job.outcome_unknown and state != "RUNNING",
        advice=job.advice,
        start_time=timestamp(job.started_at),
        scheduled=job.scheduled,
    )
    if state == JobState.WAITING.value:
        message.next_attempt_time.CopyFrom(timestamp(job.next_attempt_at))
    if job.reason is not None:
        message.last_error.code = code_pb2.FAILED_PRECONDITION
        message.last_error.message = job.message or ""
        message.last_error.details.add().Pack(ErrorInfo(reason=job.reason, domain=DOMAIN))
    return message


def exchange_to_pb(exchange: Exchange) -> resources_pb2.Exchange:
    message = resources_pb2.Exchange(
        uid=exchange.uid,
        kind=f"EXCHANGE_KIND_{exchange.kind.value}",
        version=exchange.version,
        outcome=f"EXCHANGE_OUTCOME_{exchange.outcome.value}",
        reason=f"REASON_{exchange.reason or 'UNSPECIFIED'}",
        message=exchange.message or "",
        correlation_id=exchange.correlation_id,
        request_id=exchange.request_id,
        warnings=exchange.warnings,
        quirk=exchange.quirk or "",
        direction=f"EXCHANGE_DIRECTION_{exchange.direction.value}",
        start_time=timestamp(exchange.started_at),
        steps=[
            resources_pb2.ExchangeStep(
                summary=step.summary, end_time=timestamp(step.ended_at), duration=duration(step.duration)
            )
            for step in exchange.steps
        ],
    )
    if exchange.ended_at is not None:
        message.end_time.CopyFrom(timestamp(exchange.ended_at))
    return message


def form_to_pb(form: HeaderForm | None) -> str:
    return f"HEADER_FORM_{form.name if form else 'UNSPECIFIED'}"


def rejection_to_pb(rejection: Rejection) -> str:
    return f"TOKEN_REJECTION_{rejection.value}"
