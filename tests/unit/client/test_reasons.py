"""The reason of a refusal, and nothing where nobody gave one."""

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from grpc.aio import AioRpcError, Metadata

from ocpi_broker import client

OURS = ErrorInfo(domain="ocpi-broker", reason="WRONG_STATE")
THEIRS = ErrorInfo(domain="proxy.example", reason="OTHER")


def failed(*trailers: tuple[str, str | bytes]) -> AioRpcError:
    return AioRpcError(grpc.StatusCode.FAILED_PRECONDITION, Metadata(), Metadata(*trailers))


def details(*messages: Message) -> tuple[str, bytes]:
    packed = [Any() for _ in messages]
    for one, message in zip(packed, messages, strict=True):
        one.Pack(message)
    return ("grpc-status-details-bin", Status(code=9, details=packed).SerializeToString())


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (failed(details(OURS)), "WRONG_STATE"),
        (failed(details(THEIRS, BadRequest(), OURS)), "WRONG_STATE"),
        (failed(details(THEIRS)), None),
        (failed(details()), None),
        (failed(), None),
        (failed(("grpc-status-details-bin", b"\xff\xff")), None),
        (failed(("grpc-status-details-bin", "text")), None),
        (grpc.RpcError("no call at all"), None),
    ],
    ids=["ours", "among others", "a proxy's", "empty", "no details", "garbled", "text", "no call"],
)
def test_the_reason_is_ours_or_there_is_none(error: grpc.RpcError, expected: str | None) -> None:
    assert client.reason(error) == expected
