"""The documents about jobs and exchanges."""

from google.protobuf.duration_pb2 import Duration
from google.rpc.status_pb2 import Status

from broker.cli import exchange_documents
from ocpi_broker.v1 import reasons_pb2 as reasons
from ocpi_broker.v1 import resources_pb2 as pb
from tests.unit.cli.moment import MOMENT, TIME


def test_a_job_that_has_just_begun_has_no_error_and_no_advice():
    document = exchange_documents.job(pb.Job(kind=pb.EXCHANGE_KIND_POST, state=pb.JOB_STATE_RUNNING))

    told = ("version", "next_attempt_time", "last_error", "advice", "start_time")
    assert [document[name] for name in told] == [None] * 5


def test_an_error_that_no_broker_has_explained_is_told_without_a_reason():
    document = exchange_documents.job(pb.Job(last_error=Status(message="it failed")))

    assert document["last_error"] == {"reason": None, "message": "it failed"}


def test_an_exchange_with_its_steps():
    message = pb.Exchange(
        uid="u1",
        kind=pb.EXCHANGE_KIND_POST,
        version="2.2.1",
        direction=pb.EXCHANGE_DIRECTION_INBOUND,
        outcome=pb.EXCHANGE_OUTCOME_REFUSED,
        reason=reasons.REASON_PEER_UNUSABLE,
        message="your versions cannot be read",
        quirk="auth_form_out",
        warnings=["logo: must be an object; the logo was dropped"],
        correlation_id="c1",
        request_id="r1",
        start_time=MOMENT,
        steps=[pb.ExchangeStep(summary="read versions", end_time=MOMENT, duration=Duration(nanos=1_234_567))],
    )

    assert exchange_documents.exchange(message) == {
        "uid": "u1",
        "kind": "POST",
        "direction": "INBOUND",
        "version": "2.2.1",
        "outcome": "REFUSED",
        "reason": "PEER_UNUSABLE",
        "message": "your versions cannot be read",
        "quirk": "auth_form_out",
        "warnings": ["logo: must be an object; the logo was dropped"],
        "correlation_id": "c1",
        "request_id": "r1",
        "start_time": TIME,
        "end_time": None,
        "steps": [{"summary": "read versions", "end_time": TIME, "duration_ms": 1.235}],
    }
