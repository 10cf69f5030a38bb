"""Whatever is sent to any operation of docs/openapi.json, the answer is one that the document has (EN-07, ID-02).

Schemathesis makes requests out of the document, in order and out of order; a running broker and gateway get them, with
a good token, a bad one and none. The same requests each time.
"""

import asyncio
import copy
import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from broker.ocpi import DIALECTS
from gateway.message_ids import HARMLESS
from gateway.openapi import document
from ocpi_broker.v1 import peer_service_pb2, resources_pb2, tenant_service_pb2
from tests import database as databases
from tests import stack as stacks
from tests.peer import Platform, Received, Served, encoded, envelope, new_token, platform_running, raw
from tests.soak import at_most
from tests.stack import Home, Stack

pytestmark = pytest.mark.anyio

# Enough to be refused for many reasons and to succeed now and then, in twenty seconds for all operations.
EXAMPLES = {
    method: at_most(gate, soak=gate * 10) for method, gate in (("GET", 2), ("DELETE", 2), ("POST", 5), ("PUT", 5))
}
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
DOCUMENT = document()
API = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = {f"{found.ok().method.upper()} {found.ok().path}": found.ok() for found in API.get_all_operations()}


@dataclass(slots=True)
class Opponent:
    """Platforms that accept any token, and the tokens that they hold at two tenants of ours."""

    stack: Stack
    homes: dict[str, Home]
    platforms: dict[str, Platform]
    registered: dict[tuple[str, str], str] = field(default_factory=dict)
    sources: Any = field(default_factory=lambda: (f"198.51.{n // 250}.{n % 250 + 1}" for n in itertools.count()))

    async def token_for(self, method: str, tenant: str, version: str) -> str:
        """A fresh invitation for a POST, else a registration."""
        if method == "POST" or not version:
            return (await self._invite(tenant, version)).token
        if (tenant, version) not in self.registered:
            self.registered[tenant, version] = await self._register(tenant, version)
        return self.registered[tenant, version]

    def learn(self, method: str, tenant: str, version: str, answer: dict[str, Any]) -> None:
        """Of an answer to us: which token is good from now on."""
        if answer["status_code"] == 1000 and method == "PUT":
            self.registered[tenant, version] = answer["data"]["token"]
        elif answer["status_code"] == 1000 and method == "DELETE":
            del self.registered[tenant, version]

    def announced(self, version: str, body: Any) -> Any:
        """The body with a token and a URL that are in order, if it is an object."""
        return {**body, **self._usable(version)} if isinstance(body, dict) else body

    def _usable(self, version: str) -> dict[str, str]:
        return {"token": new_token(), "url": self.platforms[version].versions_url}

    async def _invite(self, tenant: str, version: str) -> peer_service_pb2.InvitePeerResponse:
        """For any party, but on the platform's own host: nothing else is to be called, whatever URL is sent."""
        platform = self.platforms[version or next(iter(DIALECTS))]
        return await self.homes[tenant].invite(versions_url=platform.versions_url)

    async def _register(self, tenant: str, version: str) -> str:
        invitation = await self._invite(tenant, version)
        body = copy.deepcopy(DOCUMENT["components"]["schemas"][f"Announced-{version}"]["examples"][0])
        party = {"country_code": "DE", "party_id": uuid.uuid4().hex[:3].upper()}
        for place in body.get("roles", [body]):
            place.update(party)
        response = await self.stack.client.post(
            f"{self.homes[tenant].versions_url.removesuffix('/versions')}/{version}/credentials",
            headers={"Authorization": encoded(invitation.token)},
            json=self.announced(version, body),
        )
        assert response.json()["status_code"] == 1000, response.text
        return str(response.json()["data"]["token"])


def _always(resource: str, platform: Platform) -> Any:
    async def script(_: Received) -> Served:
        return envelope(platform.versions() if resource == "versions" else platform.details())

    return script


@pytest.fixture(scope="module")
async def opponent(event_loop_for_all: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opponent]:
    """A deployment of its own: what happens here would disturb the tests that share one."""
    folder = tmp_path_factory.mktemp("stack")
    async with AsyncExitStack() as rest:
        database = rest.enter_context(databases.fresh("sqlite", folder, None))
        stack = await rest.enter_async_context(stacks.running(folder, database))
        platforms = {}
        for version in DIALECTS:
            platform = await rest.enter_async_context(platform_running(version=version))
            platform.script = {resource: _always(resource, platform) for resource in ("versions", "details")}
            platforms[version] = platform
        named = await stack.home(versions=tuple(DIALECTS), parties=("NL/LMH/CPO",))
        yield Opponent(stack, {"": await _default(stack), named.name.partition("/")[2]: named}, platforms)


async def _default(stack: Stack) -> Home:
    """The default tenant, offering every version."""
    tenant = resources_pb2.Tenant(name="tenants/default", versions=tuple(DIALECTS))
    request = tenant_service_pb2.UpdateTenantRequest(tenant=tenant)
    request.update_mask.paths.append("versions")
    return Home(stack, (await stack.services.tenants.UpdateTenant(request)).tenant)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request out of the document, and what is done to it. shown: good, bad or none."""

    case: Any
    shown: str
    form: Any
    aimed: bool


def attempts(operation: Any) -> st.SearchStrategy[Attempt]:
    made = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))
    shown = st.sampled_from(["good"] * 5 + ["bad", "none"])
    return st.builds(Attempt, made, shown, st.sampled_from([encoded, raw]), st.booleans())


@pytest.mark.parametrize("label", OPERATIONS)
async def test_every_answer_is_in_the_document(opponent: Opponent, label: str) -> None:
    operation = OPERATIONS[label]
    method, path = label.split()
    version = next((version for version in DIALECTS if version in path.split("/")), "")
    loop = asyncio.get_running_loop()
    session = requests.Session()
    session.trust_env = False

    def awaited(coroutine: Awaitable[Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)  # type: ignore[arg-type]

    @seed(crc32(label.encode()))
    @settings(
        max_examples=EXAMPLES[method],
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(attempts(operation))
    def attack(attempt: Attempt) -> None:
        case, tenant = attempt.case, "" if "{tenant}" not in path else max(opponent.homes)
        headers = {"X-Forwarded-For": next(opponent.sources)}
        if attempt.shown == "good":
            headers["Authorization"] = attempt.form(awaited(opponent.token_for(method, tenant, version)))
            case.path_parameters = {"tenant": tenant} if tenant else {}
        elif attempt.shown == "bad":
            headers["Authorization"] = attempt.form(new_token())
        if attempt.aimed and version:
            case.body = opponent.announced(version, case.body)
        response = case.call(base_url=opponent.stack.http, session=session, headers=headers)
        case.validate_response(response, checks=CHECKS)
        _check_ids(response)
        answer = response.json()
        if attempt.shown == "good":
            assert response.status_code != 401, answer
            opponent.learn(method, tenant, version, answer)
        elif response.status_code != 404:
            assert response.status_code == 401, answer

    with session:
        await asyncio.to_thread(attack)


def _check_ids(response: Any) -> None:
    for name in ("x-request-id", "x-correlation-id"):
        sent = response.request.headers.get(name)
        (got,) = response.headers[name]
        value = sent.encode("latin-1") if isinstance(sent, str) else sent
        assert HARMLESS.fullmatch(got.encode())
        assert value is None or not HARMLESS.fullmatch(value) or got.encode() == value
