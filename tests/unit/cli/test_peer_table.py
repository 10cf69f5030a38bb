"""Peers by the age of their tokens."""

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from broker.cli import output, peer_table
from ocpi_broker.v1 import resources_pb2 as pb

NOW = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
DAY = 86_400


def cells(capsys, *peers):
    output.answer({}, as_json=False, text=peer_table.by_age(peers, NOW))
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split() == ["PEER", "STATE", "VERSION", "TOKEN", "AGE", "NEXT", "ROTATION", "JOB", "WARNINGS"]
    return [[cell.strip() for cell in row.split("   ") if cell.strip()] for row in rows]


def test_a_row_tells_what_an_operator_looks_for(capsys):
    peer = pb.Peer(
        name="tenants/acme/peers/kw",
        state=pb.PEER_STATE_REGISTERED,
        version="2.2.1",
        token_time=Timestamp(seconds=SECONDS - 12 * DAY - 5),
        next_rotation_time=Timestamp(seconds=SECONDS + 15 * DAY + 5),
        job=pb.Job(kind=pb.EXCHANGE_KIND_PUT, state=pb.JOB_STATE_FAILED),
        findings=[pb.Finding(id="LOOK", message="look here")],
    )

    assert cells(capsys, peer) == [["kw", "REGISTERED", "2.2.1", "12d", "in 15d", "PUT FAILED", "look here"]]


@pytest.mark.parametrize(("due", "said"), [(None, "-"), (SECONDS - 1, "due"), (SECONDS + 3_700, "in 1h")])
def test_a_rotation_is_due_or_to_come_or_not_planned(capsys, due, said):
    peer = pb.Peer(name="tenants/acme/peers/kw", state=pb.PEER_STATE_REGISTERED, version="2.2.1")
    if due:
        peer.next_rotation_time.FromSeconds(due)

    assert cells(capsys, peer) == [["kw", "REGISTERED", "2.2.1", "-", said, "-", "-"]]
