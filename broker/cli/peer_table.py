"""The peers of a tenant by the age of their tokens, as somebody reads them who looks after many."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.table import Table

from broker.cli import notation
from broker.cli.names import id_of, word
from broker.cli.output import Document, table
from ocpi_broker.v1.resources_pb2 import ExchangeKind, Job, JobState, Peer, PeerState

_COLUMNS = ("peer", "state", "version", "token_age", "next_rotation", "job", "warnings")


def by_age(peers: Sequence[Peer], now: datetime) -> Table:
    return table([_row(peer, now) for peer in peers], _COLUMNS)


def _row(peer: Peer, now: datetime) -> Document:
    return {
        "peer": id_of(peer.name),
        "state": word(PeerState, peer.state, "PEER_STATE_"),
        "version": peer.version,
        "token_age": _age(peer, now),
        "next_rotation": _next_rotation(peer, now),
        "job": _job(peer.job) if peer.HasField("job") else None,
        "warnings": list(peer.warnings),
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
