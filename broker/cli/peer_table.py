"""The peers of a tenant by the age of their tokens, as somebody reads them who looks after many."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from rich.table import Table

from broker.cli import notation
from broker.cli.names import id_of, word
from broker.cli.output import Document, table
from ocpi_broker.v1.resources_pb2 import ExchangeKind, Job, JobState, Peer, PeerState

WIDTH: Final = 80
"""What fits a terminal; when piped, long names are folded."""

_OVERVIEW = ("peer", "state", "version", "parties", "notes")
_COLUMNS = ("peer", "state", "version", "token_age", "next_rotation", "job", "warnings")


def overview(peers: Sequence[Peer]) -> Table:
    """A line for each, with the least that tells whether to look closer."""
    return table([_glance(peer) for peer in peers], _OVERVIEW)


def by_age(peers: Sequence[Peer], now: datetime) -> Table:
    return table([_row(peer, now) for peer in peers], _COLUMNS)


def _glance(peer: Peer) -> Document:
    first, rest = peer.parties[:1], len(peer.parties) - 1
    parties = [notation.party_text(party) + (f" +{rest}" if rest else "") for party in first]
    return {
        "peer": id_of(peer.name),
        "state": word(PeerState, peer.state, "PEER_STATE_"),
        "version": peer.version,
        "parties": parties,
        "notes": list(_notes(peer)),
    }


def _notes(peer: Peer) -> Iterator[str]:
    if peer.blocked:
        yield "blocked"
    if peer.quarantined:
        yield "quarantined"
    if peer.unconfirmed:
        yield "unconfirmed"
    if peer.HasField("job"):
        yield _job(peer.job)
    if peer.findings:
        yield f"{len(peer.findings)} warning{'s' if len(peer.findings) > 1 else ''}"


def _row(peer: Peer, now: datetime) -> Document:
    return {
        "peer": id_of(peer.name),
        "state": word(PeerState, peer.state, "PEER_STATE_"),
        "version": peer.version,
        "token_age": _age(peer, now),
        "next_rotation": _next_rotation(peer, now),
        "job": _job(peer.job) if peer.HasField("job") else None,
        "warnings": [one.message for one in peer.findings],
    }


def _age(peer: Peer, now: datetime) -> str | None:
    if not peer.HasField("token_time"):
        return None
    return notation.span_text((now - peer.token_time.ToDatetime(tzinfo=UTC)).total_seconds())


def _next_rotation(peer: Peer, now: datetime) -> str | None:
    if not peer.HasField("next_rotation_time"):
        return None
    left = (peer.next_rotation_time.ToDatetime(tzinfo=UTC) - now).total_seconds()
    return f"in {notation.span_text(left)}" if left > 0 else "due"


def _job(job: Job) -> str:
    """PUT FAILED, for example."""
    return f"{word(ExchangeKind, job.kind, 'EXCHANGE_KIND_')} {word(JobState, job.state, 'JOB_STATE_')}"
