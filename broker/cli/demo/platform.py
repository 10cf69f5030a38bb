"""A small OCPI 2.2.1 platform for the demo: what it serves to the holders of its tokens, and how it calls."""

import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from broker.core import model
from broker.core.model import Endpoint, HeaderForm, InterfaceRole, Token
from broker.ocpi import envelope, v2_2_1, versions
from broker.ocpi.authorization import candidates, write_authorization
from broker.ocpi.dialect import PLAIN
from broker.ocpi.fields import Notes
from gateway.server import bind, serving

DIALECT = v2_2_1.DIALECT
OURS = "Lumen Hub"

_SHOWN = 2
_IDS = ("X-Request-ID", "X-Correlation-ID")

Tell = Callable[[str], None]


def masked(token: Token) -> str:
    """Enough of a token to recognise it by."""
    maker, _, rest = token.reveal().partition("-")
    return f"{maker}-{rest[:_SHOWN]}…"


class DemoPlatform:
    """Serves its version list and details to whoever shows one of its tokens. tell gets a line for each step."""

    party: model.Party
    meanwhile = ""

    def __init__(self, client: httpx.AsyncClient, root: str, token: Token, tell: Tell) -> None:
        self._client = client
        self.root = root
        self.token = token
        self.tell = tell

    @property
    def name(self) -> str:
        return self.party.details.name

    @property
    def versions_url(self) -> str:
        return f"{self.root}/ocpi/versions"

    def app(self) -> Starlette:
        """What the other side may read with our token."""
        return Starlette(
            routes=[
                Route("/ocpi/versions", self._answer_versions),
                Route("/ocpi/2.2.1", self._answer_details),
                Route("/ocpi/2.2.1/credentials", self._answer_credentials, methods=["GET", "POST", "PUT"]),
            ]
        )

    async def find_credentials(self, versions_url: str, token: Token) -> str:
        """The URL of the other side's credentials, by its version list and its details (RS-01 to RS-03)."""
        listed = dict(versions.read_versions(await self.call("GET", versions_url, token), Notes()))
        self.tell(f"       versions: {', '.join(map(str, listed))}")
        endpoints = DIALECT.read_details(await self.call("GET", listed[DIALECT.version], token), Notes())[1]
        self.tell(f"       endpoints: {', '.join(endpoint.key for endpoint in endpoints)}")
        return next(endpoint.url for endpoint in endpoints if endpoint.module == "credentials")

    async def shows(self, versions_url: str, token: Token) -> HTTPStatus:
        """What the other side says to a token."""
        answer = await self._send("GET", versions_url, token)
        self.tell(f"       HTTP {answer.status_code}")
        return HTTPStatus(answer.status_code)

    async def call(self, method: str, url: str, token: Token, body: Any = None) -> object:
        """The data of the answer. Raises ValueError unless it is a success."""
        answer = await self._send(method, url, token, body)
        data = envelope.read_envelope(answer.content).data
        self.tell(f"       HTTP {answer.status_code}, OCPI {envelope.StatusCode.SUCCESS.value}")
        return data

    async def _send(self, method: str, url: str, token: Token, body: Any = None) -> httpx.Response:
        self.tell(f"   {self.name} → {method} {url}  [{masked(token)}]")
        headers = {"Authorization": write_authorization(token, HeaderForm.BASE64)}
        headers |= {name: str(uuid.uuid4()) for name in _IDS}
        return await self._client.request(method, url, json=body, headers=headers)

    def credentials(self, token: Token) -> object:
        """Who we are, and the token to call us with."""
        return DIALECT.write_credentials(model.Credentials(token, self.versions_url, (self.party,)), PLAIN)

    def accepts(self, request: Request) -> bool:
        return self.token.reveal() in _shown(request.headers.getlist("authorization"))

    async def exchange(self, _request: Request) -> object:
        """What is answered to a POST or PUT of credentials."""
        return self.credentials(self.token)

    async def _answer_versions(self, request: Request) -> Response:
        return await self._answer(request, versions.write_versions([(DIALECT.version, f"{self.root}/ocpi/2.2.1")]))

    async def _answer_details(self, request: Request) -> Response:
        endpoints = [
            Endpoint("credentials", InterfaceRole.SENDER, f"{self.root}/ocpi/2.2.1/credentials"),
            Endpoint("locations", InterfaceRole.RECEIVER, f"{self.root}/ocpi/2.2.1/locations"),
            Endpoint("tokens", InterfaceRole.SENDER, f"{self.root}/ocpi/2.2.1/tokens"),
        ]
        return await self._answer(request, DIALECT.write_details(DIALECT.version, endpoints))

    async def _answer_credentials(self, request: Request) -> Response:
        return await self._answer(request, self.credentials(self.token))

    async def _answer(self, request: Request, data: object) -> Response:
        """To the holder of our token only."""
        ids = {name: request.headers.get(name, "") for name in _IDS}
        if not self.accepts(request):
            refusal = envelope.failure(envelope.StatusCode.CLIENT_ERROR, "unknown token", datetime.now(UTC))
            return JSONResponse(refusal, HTTPStatus.UNAUTHORIZED, {**ids, "WWW-Authenticate": "Token"})
        self.tell(f"{self.meanwhile}{request.method} {request.url}  [{masked(self.token)}]")
        if request.method != "GET":
            data = await self.exchange(request)
        return JSONResponse(envelope.success(data, datetime.now(UTC)), headers=ids)


Platform = TypeVar("Platform", bound=DemoPlatform)


@asynccontextmanager
async def running(kind: type[Platform], token: Token, tell: Tell) -> AsyncIterator[Platform]:
    """A platform on a free port of loopback."""
    listener = bind("127.0.0.1", 0)
    root = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        platform = kind(client, root, token, tell)
        config = uvicorn.Config(platform.app(), log_config=None, access_log=False, ws="none", lifespan="off")
        async with serving(config, listener):
            yield platform


def _shown(authorization: Sequence[str]) -> list[str]:
    return [text for text, _ in candidates(authorization)]
