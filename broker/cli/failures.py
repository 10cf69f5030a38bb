"""How a command fails: one readable line on standard error and an exit code, never a traceback."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from broker.cli import assumed
from broker.cli.output import note
from broker.process.not_ready import NotReadyError
from ocpi_broker.client.reasons import DOMAIN

COMMANDS: Final[Mapping[str, str]] = {
    "InvitePeer": "peer invite",
    "ConnectPeer": "peer connect",
    "RotatePeer": "peer rotate",
    "SwitchPeerVersion": "peer switch-version",
    "RevokePeer": "peer revoke",
    "GetPeer": "peer show",
    "ListPeers": "peer list",
    "UpdatePeer": "peer update",
    "UnregisterPeer": "peer unregister",
    "DeletePeer": "peer delete",
    "ExportPeers": "peer export",
    "ImportPeer": "peer import",
    "ResetPeer": "peer reset",
    "BlockPeer": "peer block",
    "UnblockPeer": "peer unblock",
    "ListExchanges": "peer exchanges",
    "CreateTenant": "tenant create",
    "GetTenant": "tenant show",
    "ListTenants": "tenant list",
    "UpdateTenant": "tenant update",
    "DeleteTenant": "tenant delete",
    "GetPeerToken": "token get",
    "VerifyToken": "token verify",
    "CreateCaller": "caller create",
    "ListCallers": "caller list",
    "RevokeCaller": "caller revoke",
    "GetServerInfo": "doctor",
}
"""The command that makes each call."""
_OTHER_NAME = ("ostname", "Peer name", "SSL server name")
"""How gRPC says that a certificate does not name the host that was called."""
_UNREACHED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED)
_CALL = re.compile(rf"\b(?:{'|'.join(COMMANDS)})\b")

Detail = TypeVar("Detail", bound=Message)


class CommandError(Exception):
    """A sentence for whoever typed the command. Exit code 2 says that the command line is wrong."""

    def __init__(self, sentence: str, exit_code: int = 1) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def reporting(program: Callable[[], None]) -> None:
    """Run a program; if it fails, say why in one line and leave."""
    try:
        program()
    except NotReadyError as err:
        note(f"error: {err}")
        sys.exit(1)
    except CommandError as err:
        note(f"error: {err}")
        sys.exit(err.exit_code)


def in_words(error: OSError) -> str:
    """What the system says, without what a library adds to it."""
    return os.strerror(error.errno) if error.errno else str(error)


def explain(error: grpc.RpcError, target: str, how_to_start: str = "", field_of: Callable[[str], str] = str) -> str:
    """The refusal in words, the fields that it names, and its reason as the contract calls it.

    how_to_start is the command that starts a broker at target, if there is one. field_of says how whoever asked knows a
    field of the contract.
    """
    status = rpc_status.from_call(error) if isinstance(error, grpc.Call) else None
    reason = reason_of(status) if status else None
    if reason is None:
        return _unexplained(error, target, how_to_start)
    violations = [(v.field, v.description) for bad in _details(status, BadRequest) for v in bad.field_violations]
    assumption = assumed.in_words()
    remark = f" ({assumption})" if assumption else ""
    said = _sentence(status.message if status else "", violations, field_of)
    return f"{in_commands(said)}{remark} [{reason}]"


def in_commands(text: str) -> str:
    """Text of the broker for somebody who types: calls of the contract as the commands that make them."""
    named = _CALL.sub(lambda found: f"`{COMMANDS[found[0]]}`", text)
    return named.replace("use force", "use --force").replace("(check)", "(--check)")


def reason_of(status: Status) -> str | None:
    """The contract's name for why something failed; None if the broker gave none."""
    return next((str(info.reason) for info in _details(status, ErrorInfo) if info.domain == DOMAIN), None)


def _details(status: Status | None, kind: type[Detail]) -> Iterable[Detail]:
    for packed in status.details if status else ():
        detail = kind()
        if packed.Unpack(detail):
            yield detail


def _sentence(message: str, violations: Sequence[tuple[str, str]], field_of: Callable[[str], str]) -> str:
    """The message, and the violations. One that spells them out itself, perhaps cut off, adds nothing to them."""
    named = [f"{field_of(field)}: {what}" for field, what in violations]
    spelled_out = bool(violations) and message.startswith(": ".join(violations[0])[: len(message)])
    return "; ".join(named if spelled_out else [message, *named])


def _unexplained(error: grpc.RpcError, target: str, how_to_start: str) -> str:
    """What to say when no broker gave a reason: most often because none was reached."""
    code = error.code() if isinstance(error, grpc.Call) else None
    details = error.details() if isinstance(error, grpc.Call) else None
    if code is grpc.StatusCode.UNAVAILABLE and "CERTIFICATE_VERIFY_FAILED" in (details or ""):
        return (
            f"the broker at {target} shows a certificate that is not trusted here ({details}); OCPI_BROKER_CA_FILE "
            "names what to trust"
        )
    if code in _UNREACHED and any(sign in (details or "") for sign in _OTHER_NAME):
        return (
            f"the certificate of the broker at {target} is for another name ({details}); call it by a name that the "
            "certificate has: OCPI_BROKER_TARGET and OCPI_BROKER_KEY_FILE"
        )
    if code is grpc.StatusCode.UNAVAILABLE:
        start = f" To start one: {how_to_start}" if how_to_start else ""
        return f"no broker answers at {target} ({details}); is it running?{start}"
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"the broker at {target} did not answer in time"
    name = code.name if code else "UNKNOWN"
    return f"the call to the broker at {target} failed: {details or 'no details given'} [{name}]"
