"""Two deployments of ours, strangers to each other, as their operators see them: every version, both roles.

Each is a process with a data directory of its own, one over SQLite, the other over PostgreSQL. After every step each
side's token is what the other side takes, in both directions, and the one before it is dead.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from ocpi_broker.v1 import peer_service_pb2, resources_pb2, token_service_pb2
from tests import database as databases
from tests import postgres, process
from tests.peer import form_of, new_party
from tests.process import Operator
from tests.stack import Deployment, Home, attached

pytestmark = pytest.mark.anyio

VERSIONS = ("2.0", "2.1.1", "2.2", "2.2.1", "2.3.0")
SWITCHES = (("2.0", "2.1.1"), ("2.1.1", "2.2"), ("2.2", "2.2.1"), ("2.2.1", "2.3.0"), ("2.0", "2.3.0"))
HUB = "NL/LMH/HUB"
DEPLOYMENTS = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True)
class Site:
    """A running deployment, and who operates it."""

    deployment: Deployment
    operator: Operator


Sites = dict[str, Site]


@pytest.fixture(scope="module")
async def sites(
    event_loop_for_all: None, postgres_server: postgres.Server, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Sites]:
    async with AsyncExitStack() as rest:
        found = {}
        for kind in DEPLOYMENTS:
            folder = tmp_path_factory.mktemp(kind)
            (folder / "data").mkdir(mode=0o700)
            database = rest.enter_context(databases.fresh(kind, folder / "data", postgres_server))
            program = process.up(folder, database.url)
            rest.push_async_callback(program.kill)
            ready = await program.start()
            deployment = await rest.enter_async_context(attached(ready, folder / "data"))
            found[kind] = Site(deployment, Operator("--data-dir", str(folder / "data")))
        yield found


@dataclass(frozen=True, slots=True)
class Side:
    """A tenant of one deployment, and what it calls the tenant of the other."""

    site: Site
    home: Home
    peer: str

    @property
    def tenant(self) -> str:
        return self.home.name.removeprefix("tenants/")

    @property
    def peer_name(self) -> str:
        return f"{self.home.name}/peers/{self.peer}"

    async def types(self, *words: str, stdin: str = "") -> Any:
        """A command that ends well."""
        return await self.site.operator.json(*words, "--tenant", self.tenant, stdin=stdin)

    async def rotates(self) -> None:
        request = peer_service_pb2.RotatePeerRequest(name=self.peer_name, wait=True)
        answer = await self.home.stack.peers.RotatePeer(request)
        assert not answer.peer.HasField("job"), answer.peer

    async def switches(self, version: str) -> None:
        request = peer_service_pb2.SwitchPeerVersionRequest(name=self.peer_name, version=version, wait=True)
        answer = await self.home.stack.peers.SwitchPeerVersion(request)
        assert not answer.peer.HasField("job"), answer.peer

    async def unregisters(self) -> None:
        request = peer_service_pb2.UnregisterPeerRequest(name=self.peer_name, wait=True)
        answer = await self.home.stack.peers.UnregisterPeer(request)
        assert not answer.peer.HasField("job"), answer.peer

    async def shown(self) -> resources_pb2.Peer:
        return await self.home.peer(self.peer_name)

    async def held(self) -> str:
        """The token that our services show to the peer."""
        return (await self.home.held(self.peer_name, module="locations")).token

    async def takes(self, token: str, version: str) -> bool:
        """Whether the peer's token opens a functional module, in the header form of this version."""
        request = token_service_pb2.VerifyTokenRequest(
            parent=self.home.name, authorization=form_of(version)(token), module="locations"
        )
        return (await self.home.stack.tokens.VerifyToken(request)).valid


@dataclass(slots=True)
class Pair:
    """Two sides that have to agree. live are the tokens in use: that of the sender, that of the receiver."""

    receiver: Side
    sender: Side
    live: tuple[str, str] = ("", "")

    async def connect(self, version: str = "", *, again: bool = False) -> None:
        """The receiver invites, the sender registers; again after an end, under the same names."""
        peers = self.receiver.home.stack.peers
        invitation: peer_service_pb2.InvitePeerResponse | peer_service_pb2.ResetPeerResponse
        if again:
            invitation = await peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=self.receiver.peer_name))
        else:
            invitation = await self.receiver.home.invite(peer_id=self.receiver.peer)
        answer = await self.sender.home.stack.peers.ConnectPeer(
            peer_service_pb2.ConnectPeerRequest(
                parent=self.sender.home.name,
                peer_id=self.sender.peer,
                versions_url=invitation.versions_url,
                token=invitation.token,
                version=version,
                wait=True,
            )
        )
        assert not answer.peer.HasField("job"), answer.peer

    async def agree(self, version: str) -> None:
        """Both are registered in this version, with new tokens that work; those before do not."""
        for side in (self.receiver, self.sender):
            peer = await side.shown()
            assert (peer.state, peer.version) == (resources_pb2.PEER_STATE_REGISTERED, version), peer
            assert not peer.HasField("job"), peer
            assert not peer.quarantined, peer
        old, self.live = self.live, (await self.sender.held(), await self.receiver.held())
        assert await self.receiver.takes(self.live[0], version)
        assert await self.sender.takes(self.live[1], version)
        assert not set(old) & set(self.live)
        if all(old):
            assert not await self.receiver.takes(old[0], version)
            assert not await self.sender.takes(old[1], version)

    async def parted(self, version: str) -> None:
        """Neither takes the other's token, and neither has one to give out."""
        for side in (self.receiver, self.sender):
            assert (await side.shown()).state == resources_pb2.PEER_STATE_UNREGISTERED
        assert not await self.receiver.takes(self.live[0], version)
        assert not await self.sender.takes(self.live[1], version)
        self.live = ("", "")


async def pair_of(sites: Sites, sender: str, versions: Sequence[str], party: str | None = None) -> Pair:
    """Two new tenants; the one that registers is at this deployment."""
    receiver = next(kind for kind in DEPLOYMENTS if kind != sender)
    host = await sites[receiver].deployment.home(versions=versions, parties=[new_party("CPO")])
    guest = await sites[sender].deployment.home(versions=versions, parties=[party or new_party("EMSP")])
    return Pair(Side(sites[receiver], host, "guest"), Side(sites[sender], guest, "host"))


@pytest.mark.parametrize("sender", DEPLOYMENTS)
@pytest.mark.parametrize("version", VERSIONS)
async def test_they_connect_rotate_and_part_from_either_side(sites: Sites, version: str, sender: str) -> None:
    """UR-10, UN-01: PUT and DELETE are for whoever wants them; a new invitation begins anew after an end."""
    pair = await pair_of(sites, sender, [version])
    await pair.connect()
    await pair.agree(version)

    await pair.receiver.rotates()
    await pair.agree(version)
    await pair.sender.rotates()
    await pair.agree(version)
    await pair.sender.rotates()
    await pair.agree(version)

    await pair.sender.unregisters()
    await pair.parted(version)

    await pair.connect(again=True)
    await pair.agree(version)
    await pair.receiver.unregisters()
    await pair.parted(version)


@pytest.mark.parametrize("sender", DEPLOYMENTS)
@pytest.mark.parametrize(("old", "new"), SWITCHES)
async def test_either_side_moves_both_to_a_newer_version(sites: Sites, old: str, new: str, sender: str) -> None:
    """UR-10: the URL of the PUT says the version; after it both use no other."""
    by_sender = await pair_of(sites, sender, [old, new])
    by_receiver = await pair_of(sites, sender, [old, new])
    for pair, switching in ((by_sender, by_sender.sender), (by_receiver, by_receiver.receiver)):
        await pair.connect(old)
        await pair.agree(old)

        await switching.switches(new)

        await pair.agree(new)


@pytest.mark.parametrize("sender", DEPLOYMENTS)
@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
async def test_a_hub_registers_with_others(sites: Sites, version: str, sender: str) -> None:
    """CO-36, CO-37: one party in the role HUB, or hub_party_id."""
    pair = await pair_of(sites, sender, [version], HUB)
    await pair.connect()
    await pair.agree(version)

    known = [(one.country_code, one.party_id, one.role) for one in (await pair.receiver.shown()).parties]
    assert known == [("NL", "LMH", resources_pb2.ROLE_HUB)]
    await pair.receiver.rotates()
    await pair.agree(version)


async def test_commands_do_the_same(sites: Sites) -> None:
    """token get here, token verify there, as operators type it."""
    pair = await pair_of(sites, DEPLOYMENTS[0], ["2.2.1", "2.3.0"])
    invitation = await pair.receiver.types("peer", "invite", "guest", "--any-party")
    words = ["peer", "connect", "host", "--versions-url", invitation["versions_url"], "--token-stdin"]
    connected = await pair.sender.types(*words, "--version", "2.2.1", stdin=invitation["token"])
    assert (connected["state"], connected["version"], connected["warnings"]) == ("REGISTERED", "2.2.1", [])

    assert (await pair.receiver.types("peer", "switch-version", "guest", "2.3.0"))["version"] == "2.3.0"
    await pair.agree("2.3.0")
    await pair.sender.types("peer", "rotate", "host")
    await pair.agree("2.3.0")

    for here, there in ((pair.sender, pair.receiver), (pair.receiver, pair.sender)):
        token = (await here.types("token", "get", "--peer", here.peer, "--module", "locations"))["token"]
        verdict = await there.types("token", "verify", "--module", "locations", stdin=form_of("2.3.0")(token))
        assert (verdict["valid"], verdict["peer"]) == (True, there.peer), verdict

    assert (await pair.receiver.types("peer", "unregister", "guest"))["state"] == "UNREGISTERED"
    await pair.parted("2.3.0")
