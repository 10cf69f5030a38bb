"""A broker that says what a test wants, over gRPC, and a gateway in front of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx

from gateway import server
from gateway.config import GatewaySettings
from ocpi_broker.v1 import ocpi_service_pb2 as ocpi
from ocpi_broker.v1 import ocpi_service_pb2_grpc, resources_pb2

KEY = "gateway-key"
AUTHORIZATION = {"Authorization": "Token shown"}
OURS = ocpi.Credentials(
    token="issued-token",
    url="https://us.example/ocpi/versions",
    parties=[
        resources_pb2.Party(
            country_code="NL",
            party_id="LMH",
            role=resources_pb2.ROLE_HUB,
            business_details=resources_pb2.BusinessDetails(name="Lumen Hub"),
        )
    ],
)
OURS_JSON = {
    "token": "issued-token",
    "url": "https://us.example/ocpi/versions",
    "roles": [
        {"role": "HUB", "business_details": {"name": "Lumen Hub"}, "party_id": "LMH", "country_code": "NL"},
    ],
}
THEIRS_JSON = {
    "token": "their-token",
    "url": "https://them.example/versions",
    "roles": [
        {"role": "CPO", "business_details": {"name": "Kabelwerk"}, "party_id": "KWL", "country_code": "DE"},
    ],
}
ANSWERS = {
    "ListVersions": ocpi.ListVersionsResponse(
        versions=[ocpi.ListVersionsResponse.Version(version="2.2.1", url="https://us.example/ocpi/2.2.1")]
    ),
    "GetVersionDetails": ocpi.GetVersionDetailsResponse(
        version="2.2.1",
        endpoints=[
            resources_pb2.Endpoint(
                module="credentials",
                interface_role=resources_pb2.INTERFACE_ROLE_SENDER,
                url="https://us.example/ocpi/2.2.1/credentials",
            )
        ],
    ),
    "GetCredentials": ocpi.GetCredentialsResponse(credentials=OURS),
    "Register": ocpi.RegisterResponse(credentials=OURS),
    "Update": ocpi.UpdateResponse(credentials=OURS),
    "Unregister": ocpi.UnregisterResponse(),
}


@dataclass
class Script:
    """What the server answers, and what it was asked."""

    raises: Callable[[Any], Awaitable[None]] | None = None
    asked: list[tuple[str, Any, dict[str, str]]] = field(default_factory=list)

    async def answer(self, rpc: str, request: Any, context: Any) -> Any:
        self.asked.append((rpc, request, dict(context.invocation_metadata())))
        if self.raises is not None:
            await self.raises(context)
        return ANSWERS[rpc]

    @property
    def only(self) -> tuple[str, Any, dict[str, str]]:
        (one,) = self.asked
        return one


class ScriptedOcpi(ocpi_service_pb2_grpc.OcpiServiceServicer):
    def __init__(self, script: Script) -> None:
        self._script = script

    async def ListVersions(self, request, context):
        return await self._script.answer("ListVersions", request, context)

    async def GetVersionDetails(self, request, context):
        return await self._script.answer("GetVersionDetails", request, context)

    async def GetCredentials(self, request, context):
        return await self._script.answer("GetCredentials", request, context)

    async def Register(self, request, context):
        return await self._script.answer("Register", request, context)

    async def Update(self, request, context):
        return await self._script.answer("Update", request, context)

    async def Unregister(self, request, context):
        return await self._script.answer("Unregister", request, context)


@asynccontextmanager
async def broker_running(script: Script, port: int = 0) -> AsyncIterator[int]:
    broker = grpc.aio.server()
    ocpi_service_pb2_grpc.add_OcpiServiceServicer_to_server(ScriptedOcpi(script), broker)
    bound = broker.add_insecure_port(f"127.0.0.1:{port}")
    await broker.start()
    try:
        yield bound
    finally:
        await broker.stop(None)


def settings(port: int, **changes: Any) -> GatewaySettings:
    return GatewaySettings("127.0.0.1", 0, f"127.0.0.1:{port}", KEY, **changes)


@asynccontextmanager
async def gateway_running(port: int, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        server.running(settings(port, **changes)) as address,
        httpx.AsyncClient(base_url=f"http://{address}/ocpi", trust_env=False, timeout=30) as client,
    ):
        yield client
