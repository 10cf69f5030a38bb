"""`ocpi-broker up` registers with software that was not written here, renews the tokens and unregisters.

extrawest-ocpi 2025.7.16, on 2.2.1 and 2.1.1, needs nothing set. Its callbacks have no message ids (ID-07). A party in
its answer on 2.2.1 is in lower case. On 2.1.1 the token stands raw in front of everything but the version list, which
decodes it first and takes it raw only if what comes out is no text; one that cannot be decoded is answered with HTTP
200 and 3000.

python-ocpi 0.3.1, on 2.2, lists a credentials URL that it answers with HTTP 308 to the same with a slash at the end.
No request is sent on to another URL (F15): its operator has to let the application take both. Its version list is an
object (A25), its timestamps have no Z, the logo in its answer has only nulls. It calls back without a token, at our
version list's URL with "/2.2" behind it, and registers without having got an answer. It serves version list and details
to everybody. It answers DELETE with HTTP 500 when it has done it, so `peer unregister` needs --force.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest

from tests import process
from tests.interop.environment import Platform, platform
from tests.peer import form_of
from tests.ports import free_port

pytestmark = pytest.mark.anyio

PARTY = "DE/KWL/CPO"
PEER = ("kabelwerk", "--tenant", "lumen")
IDS = {"X-Request-ID": "interop-1", "X-Correlation-ID": "interop-1"}

Running: TypeAlias = Callable[[Path, Path], AbstractAsyncContextManager[Platform]]


def extrawest(version: str) -> Running:
    def running(python: Path, folder: Path) -> AbstractAsyncContextManager[Platform]:
        settings = {"OCPI_HOST": f"127.0.0.1:{free_port()}", "PROTOCOL": "http"}
        return platform(python, "extrawest_platform.py", version, folder=folder, **settings)

    return running


def python_ocpi(*arguments: str) -> Running:
    def running(python: Path, folder: Path) -> AbstractAsyncContextManager[Platform]:
        return platform(python, "python_ocpi_platform.py", "python-ocpi.json", *arguments, folder=folder)

    return running


@dataclass(frozen=True, slots=True)
class Receiver:
    """A library in one version, and what it takes to unregister from it."""

    running: Running
    version: str
    unregister: tuple[str, ...] = ()


RECEIVERS = {
    "extrawest-ocpi on 2.2.1": Receiver(extrawest("2.2.1"), "2.2.1"),
    "extrawest-ocpi on 2.1.1": Receiver(extrawest("2.1.1"), "2.1.1"),
    "python-ocpi on 2.2": Receiver(python_ocpi("any-slash"), "2.2", unregister=("--force",)),
}


@dataclass(frozen=True, slots=True)
class Tokens:
    """Both directions of a connection."""

    shown: str
    """By us: the library has issued it."""
    issued: str
    """By us: the library shows it."""


class Connection:
    """Both ends of one: the broker with its commands, and the library."""

    def __init__(self, data: list[str], library: Platform, version: str) -> None:
        self._data = data
        self._version = version
        self.library = library

    async def run(self, *arguments: str, stdin: str = "") -> process.Ran:
        return await process.cli(*arguments, *self._data, stdin=stdin)

    async def json(self, *arguments: str, stdin: str = "") -> Any:
        return (await self.run(*arguments, stdin=stdin)).json

    async def connect(self, *more: str) -> process.Ran:
        url = ("--versions-url", self.library.versions_url)
        command = ("peer", "connect", *PEER, *url, "--token-stdin", "--party", PARTY, *more)
        return await self.run(*command, stdin=self.library.invitation)

    async def proven(self) -> Tokens:
        """Holds what either side says against the other, and shows both tokens where they count."""
        [known] = (await self.library.ask(say="state"))["registrations"]
        held = await self.json("token", "get", "--tenant", "lumen", "--peer", "kabelwerk", "--module", "credentials")
        assert held["token"] == known["accepts"]
        assert held["version"] == self._version
        assert held["versions_url"] == self.library.versions_url
        for url in (held["versions_url"], held["endpoint_url"]):
            assert await self._answer(url, held["authorization"]) == (200, 1000), url

        verified = await self._verified(known["token"])
        assert verified["valid"] is True
        assert verified["registration_only"] is False
        assert (verified["tenant"], verified["peer"], verified["version"]) == ("lumen", "kabelwerk", self._version)
        return Tokens(held["token"], known["token"])

    async def library_takes(self, token: str) -> bool:
        """At its credentials: its version list may be open to everybody."""
        held = await self.json("token", "get", "--tenant", "lumen", "--peer", "kabelwerk", "--module", "credentials")
        return await self._answer(held["endpoint_url"], form_of(self._version)(token)) == (200, 1000)

    async def forgotten(self) -> bool:
        """Whether the library soon knows nobody: with --force it is told on the side."""
        for _ in range(200):
            if await self.library.ask(say="state") == {"invitations": [], "registrations": []}:
                return True
            await asyncio.sleep(0.1)
        return False

    async def we_take(self, token: str) -> bool:
        return bool((await self._verified(token))["valid"])

    async def _verified(self, token: str) -> Any:
        return await self.json("token", "verify", stdin=form_of(self._version)(token))

    async def _answer(self, url: str, authorization: str) -> tuple[int, int | None]:
        """HTTP status and OCPI code."""
        async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
            response = await http.get(url, headers={"Authorization": authorization, **IDS})
        return response.status_code, response.json().get("status_code")


@asynccontextmanager
async def connection(receiver: Receiver, python: Path, folder: Path) -> AsyncIterator[Connection]:
    """A tenant that offers every version that the libraries have, and a library that has invited it."""
    program = process.up(folder)
    data = ["--data-dir", str(folder / "data"), "--json"]
    offered = ("--version", "2.1.1", "--version", "2.2", "--version", "2.2.1")
    await program.start()
    try:
        # Before 2.2 a platform is one party (CO-06).
        tenant = await process.cli("tenant", "create", "lumen", "--party", "NL/LMH/EMSP=Lumen Hub", *offered, *data)
        assert tenant.code == 0, tenant
        async with receiver.running(python, folder) as library:
            yield Connection(data, library, receiver.version)
        assert await program.stop() == 0
    finally:
        await program.kill()


@pytest.mark.parametrize("name", RECEIVERS)
async def test_we_register_renew_and_unregister(
    event_loop_for_all: None, name: str, interpreter: Path, tmp_path: Path
) -> None:
    receiver = RECEIVERS[name]
    async with connection(receiver, interpreter, tmp_path) as both:
        connected = (await both.connect()).json
        assert connected["state"] == "REGISTERED"
        assert connected["version"] == receiver.version
        assert connected["parties"] == [PARTY]
        first = await both.proven()
        assert both.library.invitation not in {first.shown, first.issued}
        assert not await both.library_takes(both.library.invitation)

        assert (await both.json("peer", "rotate", *PEER))["state"] == "REGISTERED"
        second = await both.proven()
        assert not {second.shown, second.issued} & {first.shown, first.issued}
        assert not await both.library_takes(first.shown)

        ended = await both.json("peer", "unregister", *PEER, *receiver.unregister)
        assert ended["state"] == "UNREGISTERED"
        assert await both.forgotten()
        assert (await both.run("token", "get", "--tenant", "lumen", "--peer", "kabelwerk")).code != 0
        assert not await both.we_take(second.issued)


async def test_a_redirect_of_our_post_is_not_followed(
    event_loop_for_all: None, interpreter: Path, tmp_path: Path
) -> None:
    """F15: the token goes to no URL that the version details do not name. The operator is told why it ends here."""
    async with connection(Receiver(python_ocpi(), "2.2"), interpreter, tmp_path) as both:
        ran = await both.connect("--timeout", "20s")
        assert ran.code != 0, ran
        assert "308" in ran.stderr, ran
        assert "redirect" in ran.stderr, ran
        assert both.library.invitation not in ran.stdout + ran.stderr
        assert (await both.json("peer", "show", *PEER))["state"] != "REGISTERED"
        kept = await both.library.ask(say="state")
        assert kept == {"invitations": [both.library.invitation], "registrations": []}
