"""What is kept of answers: as much as fits, and never that of an older state."""

from dataclasses import replace

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from broker.core.model import Terms
from broker.core.peer import Peer, PeerState
from broker.rpc import prepared_answers
from broker.rpc.prepared_answers import Constants

_PEER = Peer("0", "acme", "p", PeerState.REGISTERED, False, Terms(), 1, 0, 0)


class _Writer:
    """Writes answers of a size, and counts them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.written = 0

    def __call__(self, _: Peer) -> BytesValue:
        self.written += 1
        return BytesValue(value=bytes(self.size))


def _peers(number: int) -> list[Peer]:
    return [replace(_PEER, uid=str(place)) for place in range(number)]


def test_an_answer_is_written_once_per_state_of_its_peer() -> None:
    writer = _Writer(10)
    kept = Constants(writer)
    newer = replace(_PEER, revision=2)

    answers = [kept.of(peer) for peer in (_PEER, _PEER, newer, newer)]

    assert len(set(answers)) == 1
    assert writer.written == 2


def test_answers_are_kept_up_to_a_number_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared_answers, "_MOST_BYTES", 5000)
    writer = _Writer(996)  # with its header 999
    kept = Constants(writer)
    first, *others = _peers(6)

    for peer in (first, *others[:4], first):
        kept.of(peer)
    assert writer.written == 5

    kept.of(others[4])
    kept.of(first)
    assert writer.written == 7


def test_a_newer_state_takes_the_place_of_the_older(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared_answers, "_MOST_BYTES", 5000)
    writer = _Writer(996)
    kept = Constants(writer)
    other = replace(_PEER, uid="1")
    kept.of(other)

    for revision in range(20):
        kept.of(replace(_PEER, revision=revision))

    assert writer.written == 21
    kept.of(other)
    assert writer.written == 21
