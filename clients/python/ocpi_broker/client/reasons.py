"""Why the broker refused: what a program can decide on, beside gRPC's status code."""

from typing import Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

DOMAIN: Final = "ocpi-broker"
"""In the google.rpc.ErrorInfo of everything that the broker refuses, and of nothing that anybody else does."""

_DETAILS: Final = "grpc-status-details-bin"


def reason(error: grpc.RpcError) -> str | None:
    """The name of the reason, as the table of reasons in docs/api.md lists it, e.g. "WRONG_STATE".

    None if the error does not come from the broker but from gRPC or the network.
    """
    trailers = error.trailing_metadata() if isinstance(error, grpc.Call | grpc.aio.AioRpcError) else None
    details = next((value for name, value in trailers or () if name == _DETAILS), None)
    if not isinstance(details, bytes):
        return None
    try:
        packed = Status.FromString(details).details
        infos = [unpacked for one in packed if one.Unpack(unpacked := ErrorInfo())]
    except DecodeError:
        return None
    return next((info.reason for info in infos if info.domain == DOMAIN), None)
