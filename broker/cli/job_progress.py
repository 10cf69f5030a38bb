"""Jobs as commands begin them: the broker carries out what is wanted of a peer, the command looks on."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer
from google.protobuf.duration_pb2 import Duration

from broker.cli import documents
from broker.cli.connection import Broker, connected
from broker.cli.failures import CommandError
from broker.cli.following import Clock, Sight, Story, ended_before, failure, follow, quarantine, unproven, where_to_look
from broker.cli.names import id_of
from broker.cli.output import answer, note
from ocpi_broker.v1.peer_service_pb2 import GetPeerRequest, ListExchangesRequest
from ocpi_broker.v1.resources_pb2 import JOB_STATE_FAILED, Exchange, Peer, PeerState

_CLOCK = Clock(lambda: datetime.now(UTC), time.sleep)
_INTERRUPTED = 130
UNUSABLE = 3
"""Exit code: the peer has exchanged tokens with us, and is not to be used as it is."""
_NEWEST = 5
"""One attempt may leave more than one exchange behind, for example when it falls back to an older version."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Which peer is to get into which state, and how long somebody looks on."""

    name: str
    wanted: PeerState
    patience: Duration
    no_wait: bool = False
    first: bool = False
    """Whether it is a registration: there is no other token with which services can go on."""


def carry_out(begin: Callable[[Broker], Peer], watch: Watch, data_dir: Path | None, *, as_json: bool) -> None:
    """Begin a job, tell how it goes on, and print the peer. Raises CommandError unless it is as wanted in the end.

    With as_json the peer is printed then as well: its job says in full what the sentence says in short.
    """
    with connected(data_dir) as broker:
        try:
            peer = _carried_out(broker, begin, watch)
        except KeyboardInterrupt:
            note(f"what the broker has taken on goes on without you: see {where_to_look(watch.name)}")
            raise typer.Exit(_INTERRUPTED) from None
    why_not = None if watch.no_wait else failure(peer, watch.wanted, _CLOCK.now())
    if as_json or not why_not:
        answer(documents.peer(peer), as_json=as_json)
    if why_not:
        raise CommandError(why_not)
    if not watch.no_wait and peer.job.state == JOB_STATE_FAILED:
        note(f"{id_of(peer.name)} is not connected any more, and was not told: {peer.job.last_error.message}")
    if peer.quarantined and not watch.no_wait:
        raise CommandError(quarantine(peer), UNUSABLE)
    refused = unproven(peer) if watch.first and not watch.no_wait else None
    if refused:
        raise CommandError(refused, UNUSABLE)


def _carried_out(broker: Broker, begin: Callable[[Broker], Peer], watch: Watch) -> Peer:
    story = Story(ended_before(_known(broker, watch.name)))
    begun = begin(broker)
    if watch.no_wait:
        return begun

    def look() -> Sight:
        peer = broker.ask(broker.peers.GetPeer, GetPeerRequest(name=watch.name)).peer
        return Sight(peer, _newest(broker, watch.name))  # read after the peer: a job that is done has left its steps

    until = _CLOCK.now() + timedelta(seconds=watch.patience.seconds)
    return follow(look, note, story, until, _CLOCK)


def _known(broker: Broker, name: str) -> list[Exchange]:
    """Before the command. Of a peer that is not there yet nothing is known, and what else is wrong shows next."""
    try:
        return _newest(broker, name)
    except CommandError:
        return []


def _newest(broker: Broker, name: str) -> list[Exchange]:
    request = ListExchangesRequest(parent=name, page_size=_NEWEST)
    return list(broker.ask(broker.peers.ListExchanges, request).exchanges)
