"""The gateway's key and its trust in the broker, tried once before peers are served: later they would get 503 or 401.

A broker that does not answer is waited for by every request, so that it may start later; one that answers and refuses
the key will go on refusing it.
"""

import grpc
import structlog

from gateway.config import GatewaySettings
from gateway.message_ids import MessageIds
from gateway.server import connect
from gateway.upstream import Upstream
from ocpi_broker.client.reasons import reason
from ocpi_broker.v1.ocpi_service_pb2 import ListVersionsRequest

_log = structlog.get_logger(__name__)

_SECONDS = 5.0
_IDS = MessageIds("gateway-start", "gateway-start")


class RefusedError(Exception):
    """The broker refuses the gateway's key. The message says what to do."""


async def introduce(settings: GatewaySettings) -> None:
    """Ask the broker for what no peer has asked: it refuses that, after it has let us in. Raises RefusedError."""
    channel = connect(settings)
    upstream = Upstream(channel, settings.service_key)
    try:
        await upstream.ocpi.ListVersions(ListVersionsRequest(), timeout=_SECONDS, metadata=upstream.metadata(_IDS))
    except grpc.aio.AioRpcError as err:
        _judge(err, settings.target)
    finally:
        await channel.close()


def _judge(error: grpc.aio.AioRpcError, target: str) -> None:
    """Every other refusal is about the request, which nobody has made: we were let in."""
    match reason(error):
        case "CALLER_UNAUTHENTICATED":
            raise RefusedError(
                f"--key-file: the broker at {target} does not know this key, or it was revoked; the first start of "
                "the broker writes gateway.key into its data directory, and "
                "`ocpi-broker caller create NAME --role gateway` makes another"
            )
        case "PERMISSION_DENIED":
            raise RefusedError(
                f"--key-file: the broker at {target} knows this key as one of another role; make one with "
                "`ocpi-broker caller create NAME --role gateway`"
            )
        case None:
            _log.warning("broker_not_reached", broker=target, cause=cause(error.details() or ""))


def cause(details: str) -> str:
    """What gRPC says, and what to look at if it is about TLS."""
    if "CERTIFICATE_VERIFY_FAILED" in details:
        return f"its certificate is not one that --ca-file vouches for: {details}"
    if "WRONG_VERSION_NUMBER" in details:
        return f"it does not speak TLS, and --ca-file asks for that: {details}"
    if "ostname" in details or "Peer name" in details:
        return f"its certificate does not name the host in --broker: {details}"
    return details
