"""A small OCPI 2.2.1 platform that registers with ours before the eyes of whoever watches.

It is the Sender of the handshake (RS-01 to RS-08): it reads our versions and details, posts its credentials, and
answers our callbacks, which arrive while its POST is still open.
"""

import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

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

NAME = "Kabelwerk"
PARTY = model.Party(model.PartyKey("DE", "KWL", model.Role.EMSP), model.BusinessDetails(NAME))

_DIALECT = v2_2_1.DIALECT
_SHOWN = 6
_IDS = ("X-Request-ID", "X-Correlation-ID")


def masked(token: Token) -> str:
    """Enough of a token to recognise it by."""
    return f"{token.reveal()[:_SHOWN]}…"


class DemoPlatform:
    """Serves its own version list and details, and registers where it is invited. tell gets a line for each step."""

    def __init__(self, client: httpx.AsyncClient, root: str, token: Token, tell: Callable[[str], None]) -> None:
        self._client = client
        self.root = root
        self._tell = tell
        self.token = token

    def app(self) -> Starlette:
        """What the other side may read with our token."""
        return Starlette(
            routes=[
                Route("/ocpi/versions", self._answer_versions),
                Route("/ocpi/2.2.1", self._answer_details),
                Route("/ocpi/2.2.1/credentials", self._answer_credentials),
            ]
        )

    async def register(self, versions_url: str, invitation: Token) -> Token:
        """Registers with the invitation's token. The token that we are to use from then on."""
        details_url = await self._details_url(versions_url, invitation)
        endpoints = _DIALECT.read_details(await self._call("GET", details_url, invitation))[1]
        self._tell(f"       endpoints: {', '.join(endpoint.key for endpoint in endpoints)}")
        url = next(endpoint.url for endpoint in endpoints if endpoint.module == "credentials")
        own = self._credentials()
        self._tell(f"   In the body of the next: token {masked(self.token)}, url {own.url}, role {PARTY.key}")
        answer = await self._call("POST", url, invitation, _DIALECT.write_credentials(own, PLAIN))
        theirs = _DIALECT.read_credentials(answer)
        parties = ", ".join(f"{party.country_code}/{party.party_id} ({party.details.name})" for party in theirs.parties)
        self._tell(f"       answer: token {masked(theirs.token)}, url {theirs.url}, role {parties}")
        return theirs.token

    async def confirm(self, versions_url: str, token: Token) -> None:
        """Uses the new token once, so that both sides know that it arrived (RS-13)."""
        await self._details_url(versions_url, token)

    async def _details_url(self, versions_url: str, token: Token) -> str:
        listed = dict(versions.read_versions(await self._call("GET", versions_url, token), Notes()))
        self._tell(f"       versions: {', '.join(map(str, listed))}")
        return listed[_DIALECT.version]

    async def _call(self, method: str, url: str, token: Token, body: Any = None) -> object:
        self._tell(f"   {NAME} → {method} {url}  [{masked(token)}]")
        headers = {"Authorization": write_authorization(token, HeaderForm.BASE64)}
        headers |= {name: str(uuid.uuid4()) for name in _IDS}
        answer = await self._client.request(method, url, json=body, headers=headers)
        data = envelope.read_envelope(answer.content).data
        self._tell(f"       HTTP {answer.status_code}, OCPI {envelope.StatusCode.SUCCESS.value}")
        return data

    async def _answer_versions(self, request: Request) -> Response:
        return self._answer(request, versions.write_versions([(_DIALECT.version, f"{self.root}/ocpi/2.2.1")]))

    async def _answer_details(self, request: Request) -> Response:
        endpoints = [
            Endpoint("credentials", InterfaceRole.SENDER, f"{self.root}/ocpi/2.2.1/credentials"),
            Endpoint("locations", InterfaceRole.RECEIVER, f"{self.root}/ocpi/2.2.1/locations"),
            Endpoint("tokens", InterfaceRole.SENDER, f"{self.root}/ocpi/2.2.1/tokens"),
        ]
        return self._answer(request, _DIALECT.write_details(_DIALECT.version, endpoints))

    async def _answer_credentials(self, request: Request) -> Response:
        return self._answer(request, _DIALECT.write_credentials(self._credentials(), PLAIN))

    def _credentials(self) -> model.Credentials:
        return model.Credentials(self.token, f"{self.root}/ocpi/versions", (PARTY,))

    def _answer(self, request: Request, data: object) -> Response:
        """To the holder of our token only."""
        ids = {name: request.headers.get(name, "") for name in _IDS}
        now = datetime.now(UTC)
        if self.token.reveal() not in _shown(request.headers.getlist("authorization")):
            refusal = envelope.failure(envelope.StatusCode.CLIENT_ERROR, "unknown token", now)
            return JSONResponse(refusal, 401, {**ids, "WWW-Authenticate": "Token"})
        self._tell(f"       meanwhile our side calls back: GET {request.url}  [{masked(self.token)}]")
        return JSONResponse(envelope.success(data, now), headers=ids)


@asynccontextmanager
async def demo_platform(token: Token, tell: Callable[[str], None]) -> AsyncIterator[DemoPlatform]:
    """The platform on a free port of loopback."""
    listener = bind("127.0.0.1", 0)
    root = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        platform = DemoPlatform(client, root, token, tell)
        config = uvicorn.Config(platform.app(), log_config=None, access_log=False, ws="none", lifespan="off")
        async with serving(config, listener):
            yield platform


def _shown(authorization: Sequence[str]) -> list[str]:
    return [text for text, _ in candidates(authorization)]
