"""Without leave for trials, and without the broker."""

import httpx
import pytest

from gateway import server
from gateway.config import GatewaySettings
from tests import database as databases
from tests import stack as stacks
from tests.conformance.visitor import VERSIONS, visitor
from tests.peer import checked, encoded
from tests.ports import free_port

pytestmark = pytest.mark.anyio


@pytest.mark.requirement("TR-02", "TR-01")
async def test_http_and_private_addresses_are_refused(
    event_loop_for_all: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As in production: no URL of a peer may be without TLS or lead into our network, and none of them is called."""
    folder = tmp_path_factory.mktemp("trust")
    with databases.fresh("sqlite", folder, None) as database:
        async with stacks.running(folder, database, insecure=frozenset()) as stack:
            home = await stack.home(versions=VERSIONS)
            for version in VERSIONS:
                async with visitor(await home.invite(), version) as peer:
                    for url in (peer.platform.versions_url, "http://ocpi.example.com/v", "https://127.0.0.1/v"):
                        exchange = await peer.announce("POST", peer.credentials(url=url))
                        assert (exchange.answer.status, exchange.answer.code) == (200, 2001), url
                        assert "url" in exchange.answer.message
                    assert peer.platform.received == []


@pytest.mark.requirement("SC-08", "EN-07")
@pytest.mark.parametrize("version", VERSIONS)
async def test_without_the_broker_everything_is_503(event_loop_for_all: None, version: str) -> None:
    """Never 401, which makes peers drop the connection."""
    settings = GatewaySettings(host="127.0.0.1", port=0, target=f"127.0.0.1:{free_port()}", service_key="none")
    paths = ["/ocpi/versions", f"/ocpi/acme/{version}", f"/ocpi/acme/{version}/credentials"]
    async with server.running(settings) as address, httpx.AsyncClient(trust_env=False, timeout=30) as client:
        for path in paths:
            response = await client.get(f"http://{address}{path}", headers={"Authorization": encoded("x-y")})

            assert checked(response).status == 503
            assert int(response.headers["retry-after"]) > 0
