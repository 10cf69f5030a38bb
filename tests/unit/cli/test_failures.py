"""How a refusal of the broker reads on the command line."""

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status

from broker.cli.failures import COMMANDS, CommandError, explain, in_commands, reporting
from ocpi_broker.v1 import admin_service_pb2, peer_service_pb2, tenant_service_pb2
from tests.unit.cli.test_commands import commands

TARGET = "127.0.0.1:50051"


class Refused(grpc.RpcError, grpc.Call):
    """What a call of the gRPC library raises."""

    def __init__(self, code, details, *packed):
        super().__init__()
        self._code, self._details = code, details
        status = Status(code=code.value[0], message=details)
        for message in packed:
            anything = Any()
            anything.Pack(message)
            status.details.append(anything)
        self._trailers = (("grpc-status-details-bin", status.SerializeToString()),) if packed else ()

    def code(self):
        return self._code

    def details(self):
        return self._details

    def trailing_metadata(self):
        return self._trailers

    def initial_metadata(self):
        return ()

    def is_active(self):
        return False

    def time_remaining(self):
        return None

    def cancel(self):
        return False

    def add_callback(self, callback):
        return False


def info(reason):
    return ErrorInfo(domain="ocpi-broker", reason=reason)


def bad(**fields):
    found = [BadRequest.FieldViolation(field=field, description=what) for field, what in fields.items()]
    return BadRequest(field_violations=found)


def test_a_refusal_is_its_sentence_and_its_reason():
    error = Refused(grpc.StatusCode.NOT_FOUND, "there is no such peer", info("NOT_FOUND"))

    assert explain(error, TARGET) == "there is no such peer [NOT_FOUND]"


def test_field_violations_are_named():
    error = Refused(grpc.StatusCode.INVALID_ARGUMENT, "bad", info("INVALID_ARGUMENT"), bad(peer_id="is taken", x="no"))

    assert explain(error, TARGET) == "bad; peer_id: is taken; x: no [INVALID_ARGUMENT]"


def test_violations_that_the_sentence_spells_out_are_not_repeated():
    error = Refused(grpc.StatusCode.INVALID_ARGUMENT, "a: no; b: no", info("INVALID_ARGUMENT"), bad(a="no", b="no"))

    assert explain(error, TARGET) == "a: no; b: no [INVALID_ARGUMENT]"


def test_a_broker_that_is_away_is_told_from_one_that_refuses():
    away = Refused(grpc.StatusCode.UNAVAILABLE, "connection refused")
    draining = Refused(grpc.StatusCode.UNAVAILABLE, "shutting down", info("STORE_UNAVAILABLE"))

    assert "no broker answers at 127.0.0.1:50051" in explain(away, TARGET)
    assert explain(away, TARGET, "the command").endswith("is it running? To start one: the command")
    assert explain(away, TARGET).endswith("is it running?")
    assert explain(draining, TARGET) == "shutting down [STORE_UNAVAILABLE]"


@pytest.mark.parametrize(
    ("code", "details"),
    [
        (grpc.StatusCode.UNAVAILABLE, "Peer name 127.0.0.1 is not in peer certificate"),
        (grpc.StatusCode.UNAVAILABLE, "Hostname Verification Check failed."),
        (grpc.StatusCode.UNAUTHENTICATED, "call host does not match SSL server name"),
    ],
)
def test_a_certificate_for_another_name_is_said(code, details):
    assert "is for another name" in explain(Refused(code, details), TARGET)


def test_a_deadline_without_a_reason_is_said_in_words():
    error = Refused(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")

    assert explain(error, TARGET) == "the broker at 127.0.0.1:50051 did not answer in time"


def test_a_reason_of_another_program_is_not_taken_for_ours():
    error = Refused(grpc.StatusCode.NOT_FOUND, "404", ErrorInfo(domain="proxy.example", reason="NOT_FOUND"))

    assert explain(error, TARGET) == "the call to the broker at 127.0.0.1:50051 failed: 404 [NOT_FOUND]"


@pytest.mark.parametrize("exit_code", [1, 2])
def test_a_failed_command_says_why_in_one_line_and_leaves(capsys, exit_code):
    def program():
        raise CommandError("first\nsecond", exit_code)

    with pytest.raises(SystemExit) as left:
        reporting(program)

    printed = capsys.readouterr()
    assert (left.value.code, printed.out, printed.err) == (exit_code, "", "error: first\\nsecond\n")


def test_calls_are_told_as_the_commands_that_make_them():
    said = in_commands("the peer was renewed; RotatePeer it, then ResetPeer, or use force; GetPeerTokens is nobody's")

    assert said == (
        "the peer was renewed; `peer rotate` it, then `peer reset`, or use --force; GetPeerTokens is nobody's"
    )


def test_every_command_that_is_told_is_there():
    assert set(COMMANDS.values()) <= {name for name, _ in commands()}


def test_every_call_of_people_has_a_command():
    services = [peer_service_pb2.DESCRIPTOR, tenant_service_pb2.DESCRIPTOR, admin_service_pb2.DESCRIPTOR]
    calls = {call.name for file in services for one in file.services_by_name.values() for call in one.methods}

    assert calls <= set(COMMANDS)
