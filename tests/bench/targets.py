"""The requests that are measured."""

import base64

from broker.core.paths import DEFAULT_TENANT
from ocpi_broker.v1.resources_pb2 import INTERFACE_ROLE_SENDER
from ocpi_broker.v1.token_service_pb2 import BatchGetPeerTokensRequest, GetPeerTokenRequest, VerifyTokenRequest
from tests.bench import echo
from tests.bench.load import Target
from tests.bench.population import Population

BATCH = 100

_PARENT = f"tenants/{DEFAULT_TENANT}"
_SERVICE = "ocpi_broker.v1.TokenService"
# Both sides of a comparison get the same ids, as a peer sends them.
_IDS = (("x-request-id", "b4cf8a6e-6f4e-4a1c-8a56-0d1e1d2f7a10"), ("x-correlation-id", "0d7a3c54-2a4b-4c7e-9b8f-5d1c"))


def echoes(target: str) -> Target:
    return Target("echo", f"http://{target}{echo.PATH}", echo.REQUEST.SerializeToString())


def reads(target: str, population: Population) -> list[Target]:
    """What internal services ask the broker."""
    key = (("authorization", f"Bearer {population.reader_key}"),)
    peer = population.peers[0]
    single = GetPeerTokenRequest(parent=_PARENT, peer=peer)
    module = GetPeerTokenRequest(parent=_PARENT, peer=peer, module="locations", interface_role=INTERFACE_ROLE_SENDER)
    verify = VerifyTokenRequest(parent=_PARENT, authorization=_authorization(population.issued), module="locations")
    batch = BatchGetPeerTokensRequest(
        parent=_PARENT, requests=[GetPeerTokenRequest(peer=name) for name in population.peers[:BATCH]]
    )
    url = f"http://{target}/{_SERVICE}"
    return [
        Target("GetPeerToken by name", f"{url}/GetPeerToken", single.SerializeToString(), key),
        Target("GetPeerToken with module", f"{url}/GetPeerToken", module.SerializeToString(), key),
        Target("VerifyToken", f"{url}/VerifyToken", verify.SerializeToString(), key),
        Target(
            f"BatchGetPeerTokens({BATCH})",
            f"{url}/BatchGetPeerTokens",
            batch.SerializeToString(),
            key,
            connections=2,
            streams=2,
            units=BATCH,
        ),
    ]


def hop(base: str) -> Target:
    return Target("Starlette + one bare hop", f"{base}/", headers=_IDS)


def credentials(base: str, population: Population) -> Target:
    headers = (*_IDS, ("authorization", _authorization(population.issued)))
    return Target("GET credentials", f"{base}/ocpi/2.2.1/credentials", headers=headers)


def _authorization(token: str) -> str:
    return f"Token {base64.b64encode(token.encode()).decode()}"
