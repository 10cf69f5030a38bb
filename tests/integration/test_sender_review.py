"""Interleavings and hostile answers that once got the better of us as Sender."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import grpc
import pytest

from broker.clock import Clock
from broker.core import sender
from broker.core.exchange import ExchangeKind
from broker.core.model import AnnouncedParty, Announcement, BusinessDetails, Endpoint, Role, Terms, Token, Version
from broker.core.receiver import MOST_REQUESTED, VersionsRead
from broker.crypto import keys
from broker.errors import StoreUnavailableError
from broker.exchanges.attempt_commits import AttemptCommits
from broker.exchanges.dispatcher import MOST_ATTEMPTS, Dispatcher
from broker.exchanges.ourselves import Ourselves
from broker.exchanges.sender_loop import SenderLoop
from broker.memory.readmodel import ReadModel
from broker.outbound.discovery import HttpPeers
from broker.store import engine
from broker.store.transactions import Store
from broker.tools.mock_peer.http_client import ExchangeFailedError
from broker.tools.mock_peer.http_server import Answer, Request
from broker.tools.mock_peer.platform import MockPeer, mock_peer
from broker.tools.mock_peer.receiver import Receiver
from ocpi_broker.v1 import peer_service_pb2, resources_pb2
from tests.peer import new_party
from tests.stack import Home, Stack, reason

pytestmark = pytest.mark.anyio

REFUSED = resources_pb2.EXCHANGE_OUTCOME_REFUSED


@pytest.fixture
async def peer() -> AsyncIterator[MockPeer]:
    async with mock_peer(parties=[f"{new_party()}=Kabelwerk"]) as one:
        yield one


async def connect(home: Home, peer: MockPeer, name: str = "kabelwerk", **more: object) -> resources_pb2.Peer:
    request = peer_service_pb2.ConnectPeerRequest(
        parent=home.name, peer_id=name, versions_url=peer.versions_url, token=peer.token, wait=True, **more
    )
    return (await home.stack.peers.ConnectPeer(request)).peer


async def rotate(home: Home, name: str) -> resources_pb2.Peer:
    request = peer_service_pb2.RotatePeerRequest(name=name, wait=True)
    return (await home.stack.peers.RotatePeer(request)).peer


async def works(home: Home, name: str, peer: MockPeer) -> bool:
    """Whether each side holds a token that the other takes."""
    ours = (await home.held(name)).token
    return peer.held is not None and (await home.verify(peer.held)).valid and peer.accepts(ours) is not None


async def test_a_put_of_ours_begins_and_ends_while_one_of_theirs_is_open(home: Home, peer: MockPeer) -> None:
    """Theirs is judged by what stood before: it is refused, and the pair of ours stands on both sides (F6)."""
    invitation = await home.invite()
    name = invitation.peer.name
    await peer.register(invitation.versions_url, invitation.token)
    assert (await peer.call("GET", invitation.versions_url)).status == 200
    peer.fault("slow:4@CALLBACK*1")

    theirs = asyncio.create_task(peer.rotate())
    await peer.wait_for(event="fault", fault="slow")
    ours = await rotate(home, name)
    assert not theirs.done()
    assert not ours.HasField("job"), ours
    with pytest.raises(ExchangeFailedError) as refused:
        await theirs

    assert refused.value.code == 3000
    found = await home.stack.peers.ListExchanges(peer_service_pb2.ListExchangesRequest(parent=name))
    assert "EXCHANGE_IN_PROGRESS" in str(next(one for one in found.exchanges if one.outcome == REFUSED))
    assert await works(home, name, peer)


async def test_an_answer_outlives_a_database_that_is_away(
    home: Home, peer: MockPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token in it is nowhere else (F2)."""
    peer.fault("slow:1@POST*1")
    request = peer_service_pb2.ConnectPeerRequest(
        parent=home.name, peer_id="kabelwerk", versions_url=peer.versions_url, token=peer.token
    )
    name = (await home.stack.peers.ConnectPeer(request)).peer.name
    await peer.wait_for(event="fault", fault="slow")
    change, refused = Store.change, []

    async def away(self: Store, actor: str, work: Callable[..., object]) -> object:
        if actor == name and len(refused) < 2:
            refused.append(actor)
            raise StoreUnavailableError("the database is away")
        return await change(self, actor, work)

    monkeypatch.setattr(Store, "change", away)

    for _ in range(300):
        found = await home.peer(name)
        if not found.HasField("job"):
            break
        await asyncio.sleep(0.05)
    assert len(refused) == 2
    assert not found.HasField("job"), found
    assert await works(home, name, peer)


@pytest.mark.parametrize("force", [False, True], ids=["told", "forced"])
async def test_a_blocked_peer_can_be_unregistered(home: Home, peer: MockPeer, force: bool) -> None:
    name = (await connect(home, peer)).name
    await home.stack.peers.BlockPeer(peer_service_pb2.BlockPeerRequest(name=name))

    request = peer_service_pb2.UnregisterPeerRequest(name=name, wait=True, force=force)
    answer = await home.stack.peers.UnregisterPeer(request, timeout=10)

    assert answer.peer.state == resources_pb2.PEER_STATE_UNREGISTERED, answer.peer
    assert not peer.registered


async def test_the_parties_of_an_earlier_connection_do_not_open_anything_to_another_platform(
    home: Home, peer: MockPeer
) -> None:
    """RS-09: whoever is connected under the name of a peer that was reset has to be whom it was expected to be."""
    first = peer.state()
    assert not first["registered"]
    terms = resources_pb2.InvitationTerms(any_party=True)
    name = (await connect(home, peer, terms=terms)).name
    known = (await home.peer(name)).parties
    await home.stack.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=name))

    async with mock_peer(parties=["FR/XXX/CPO=Stranger"]) as stranger:
        other = await connect(home, stranger, terms=resources_pb2.InvitationTerms(parties=known))

        assert other.state == resources_pb2.PEER_STATE_REGISTERED
        assert other.quarantined, other
        assert stranger.held is not None
        assert not (await home.verify(stranger.held)).valid


async def settled(home: Home, name: str) -> resources_pb2.Peer:
    """The peer once its job is not running."""
    for _ in range(600):
        found = await home.peer(name)
        if found.job.attempts or not found.HasField("job"):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(found)


class Held:
    """Keeps the first answer of a peer to a method back until it is let go."""

    def __init__(self, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self._let_go = asyncio.Event(), asyncio.Event()
        answer = Receiver.answer

        async def late(receiver: Receiver, request: Request) -> Answer:
            made = await answer(receiver, request)
            if request.method == method:
                self.reached.set()
                await self._let_go.wait()
            return made

        monkeypatch.setattr(Receiver, "answer", late)

    def let_go(self) -> None:
        self._let_go.set()


@pytest.mark.parametrize("fault", ["reject-token", "refuse:3000"])
async def test_a_rotation_of_the_peer_does_not_end_its_unregistration(
    home: Home, peer: MockPeer, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal of a token that was just replaced says nothing, and what the operator wants is not forgotten."""
    name = (await connect(home, peer)).name
    peer.fault(f"{fault}@DELETE*1")
    held = Held("DELETE", monkeypatch)
    await home.stack.peers.UnregisterPeer(peer_service_pb2.UnregisterPeerRequest(name=name))
    await held.reached.wait()
    await peer.rotate()
    held.let_go()

    found = await settled(home, name)

    assert found.state == resources_pb2.PEER_STATE_REGISTERED
    assert found.job.state == resources_pb2.JOB_STATE_WAITING, found
    again = peer_service_pb2.UnregisterPeerRequest(name=name, wait=True)
    assert (await home.stack.peers.UnregisterPeer(again)).peer.state == resources_pb2.PEER_STATE_UNREGISTERED
    assert not peer.registered


async def test_what_was_refused_for_sure_stays_so_when_the_next_step_fails(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RS-10: after 3002 a lower version is read; that this fails is no doubt about the POST."""
    home = await stack.home(versions=["2.1.1", "2.2.1"])
    async with mock_peer(versions=["2.1.1", "2.2.1"], parties=[f"{new_party()}=Kabelwerk"]) as peer:
        peer.fault("refuse:3002@POST*1")
        held = Held("POST", monkeypatch)
        request = peer_service_pb2.ConnectPeerRequest(
            parent=home.name, peer_id="kabelwerk", versions_url=peer.versions_url, token=peer.token
        )
        name = (await stack.peers.ConnectPeer(request)).peer.name
        await held.reached.wait()
        peer.fault("wrong-version-in-details")
        held.let_go()

        found = await settled(home, name)

        assert found.job.state == resources_pb2.JOB_STATE_FAILED, found
        assert not found.job.outcome_unknown, found


async def test_an_open_request_is_not_thrown_away_without_force(home: Home, peer: MockPeer) -> None:
    """The peer would be left with a registration of which we know nothing."""
    peer.fault("slow:4@POST*1")
    connecting = asyncio.create_task(connect(home, peer))
    await peer.wait_for(event="fault", fault="slow")
    request = peer_service_pb2.UnregisterPeerRequest(name=f"{home.name}/peers/kabelwerk")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await home.stack.peers.UnregisterPeer(request)

    assert reason(refused.value) == "CONFLICT"
    assert (await connecting).state == resources_pb2.PEER_STATE_REGISTERED


async def test_one_tenant_with_slow_peers_does_not_keep_another_one_waiting(own_stack: Stack, peer: MockPeer) -> None:
    """F7: it never has all the attempts that a broker makes at a time."""
    crowded, other = await own_stack.home(), await own_stack.home()
    async with mock_peer(faults=["stall@VERSIONS"]) as slow:
        for number in range(MOST_ATTEMPTS + 8):
            request = peer_service_pb2.ConnectPeerRequest(
                parent=crowded.name, peer_id=f"slow-{number}", versions_url=slow.versions_url, token=slow.token
            )
            await own_stack.peers.ConnectPeer(request)

        found = await connect(other, peer)

        assert found.state == resources_pb2.PEER_STATE_REGISTERED, found
        assert len(slow.journal.find(event="request")) < MOST_ATTEMPTS


class Later:
    """A clock by which every rotation is due."""

    def __call__(self) -> int:
        return Clock()() + 40 * 24 * 3600 * 1_000_000


@asynccontextmanager
async def second_broker(stack: Stack, kind: type[Dispatcher] = Dispatcher) -> AsyncIterator[Dispatcher]:
    """The dispatcher of another broker, whose memory stays as it is now."""
    clock, urls = Later(), stack.settings.urls
    keyring = keys.read(stack.settings.key_file)
    store, http = Store(engine.connect(stack.database.url), clock), HttpPeers(urls)
    try:
        model = ReadModel(store, keyring, clock)
        await model.start()
        ourselves = Ourselves(stack.settings.public_url)
        commits = AttemptCommits(store, model, keyring.pepper, clock)
        sender_loop = SenderLoop(commits, model, http, urls, clock, ourselves)
        yield kind(store, model, sender_loop, clock)
    finally:
        await http.aclose()
        await store.aclose()


@pytest.mark.parametrize(("gone", "jobs"), [(False, 1), (True, 0)], ids=["registered", "gone"])
async def test_no_rotation_is_begun_for_a_peer_that_is_gone(
    own_stack: Stack, peer: MockPeer, gone: bool, jobs: int
) -> None:
    """A broker's memory may be behind. Such a job would be attempted for ever: nothing ends it."""
    name = (await connect(await own_stack.home(), peer)).name
    assert peer.held is not None
    async with second_broker(own_stack) as dispatcher:
        if gone:
            request = peer_service_pb2.UnregisterPeerRequest(name=name, wait=True)
            await own_stack.peers.UnregisterPeer(request)

        await dispatcher.schedule()

    assert own_stack.database.execute("SELECT count(*) FROM job")[0][0] == jobs


class _Busy(Dispatcher):
    """One that is never done with beginning rotations."""

    dispatched = False

    async def schedule(self) -> None:
        await asyncio.Event().wait()

    async def dispatch(self) -> int:
        self.dispatched = True
        self.finish()
        return 0


async def test_attempts_do_not_wait_until_all_rotations_are_begun(own_stack: Stack) -> None:
    async with second_broker(own_stack, _Busy) as dispatcher:
        await asyncio.wait_for(dispatcher.follow(), 20)

        assert isinstance(dispatcher, _Busy)
        assert dispatcher.dispatched


SITE = "https://ocpi.kabelwerk.example"
USED = Version("2.2.1")


def asking(access: str = "invitation-token-a") -> sender.Asking:
    """Our POST is open."""
    plan = sender.Plan(ExchangeKind.POST, f"{SITE}/versions", Token(access), frozenset({USED}))
    return sender.Asking(plan, USED, {USED: f"{SITE}/2.2.1"}, endpoints=(Endpoint("credentials", None, f"{SITE}/c"),))


def answer(token: str, url: str, *ids: str) -> Announcement:
    parties = tuple(
        AnnouncedParty(f"roles[{index}]", BusinessDetails("Kabelwerk"), "DE", one, Role.CPO)
        for index, one in enumerate(ids)
    )
    return Announcement(Token(token), url, parties)


@pytest.mark.parametrize("which", ["theirs", "offered", "access"])
def test_a_url_with_a_token_in_it_is_not_kept(which: str) -> None:
    """It would be stored and logged in plain text."""
    texts = {"theirs": "their-new-token-c", "offered": "our-offered-token-b", "access": "invitation-token-a"}
    said = answer(texts["theirs"], f"{SITE}/versions/{texts[which]}", "KWL")

    _, keep = sender.step(asking(), sender.Answered(said, Token(texts["offered"])))

    assert isinstance(keep, sender.Keep)
    assert keep.url == f"{SITE}/versions"
    assert not any(text in repr(keep) for text in texts.values())


def test_a_crowd_of_strangers_is_not_stored_one_by_one() -> None:
    """A peer that announces thousands of parties must not fill what operators list."""
    ids = [f"{number:03X}" for number in range(MOST_REQUESTED + 1)]
    nobody = replace(asking().plan, terms=Terms())
    said = answer("their-new-token-c", f"{SITE}/versions", *ids)

    _, keep = sender.step(replace(asking(), plan=nobody), sender.Answered(said, Token("our-offered-token-b")))

    assert isinstance(keep, sender.Keep)
    assert (keep.parties, keep.asked) == (None, ())
    assert len(keep.warnings) < MOST_REQUESTED


def test_a_crowd_of_versions_is_not_told_one_by_one() -> None:
    listed = {Version(f"9.{number}"): SITE for number in range(1000)}
    reading, _ = sender.step(asking().plan, sender.Begun())

    _, stop = sender.step(reading, VersionsRead(listed))

    assert isinstance(stop, sender.Stop)
    assert len(str(stop.error)) < 1000
