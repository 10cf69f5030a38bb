"""What the Sender sends, and what it does not (RS-01 to RS-13, F13, F22)."""

import asyncio

import pytest

from broker.core.model import HeaderForm
from ocpi_broker.v1 import resources_pb2
from tests.faults.conftest import Pairs
from tests.faults.pair import FAILED, REGISTERED, WAITING, why
from tests.stack import Stack

pytestmark = pytest.mark.anyio

BOTH = ("2.2.1", "2.3.0")


async def test_the_newest_version_unless_one_is_pinned(pairs: Pairs, stack: Stack) -> None:
    """RS-02."""
    home = await stack.home(versions=BOTH)
    async with pairs(home, versions=BOTH) as newest, pairs(home, versions=BOTH) as pinned:
        assert (await newest.connect()).version == "2.3.0"
        assert (await pinned.connect(version="2.2.1")).version == "2.2.1"
        await newest.check_connected()
        await pinned.check_connected()


async def test_without_a_version_in_common_nothing_is_sent(pairs: Pairs) -> None:
    async with pairs(versions=("2.3.0",)) as pair:
        peer = await pair.connect()

        assert (why(peer), peer.job.state) == ("PEER_VERSION_UNSUPPORTED", FAILED)
        assert pair.mock.journal.find(method="POST") == []
        await pair.check()


@pytest.mark.parametrize("module", ["credentials", "locations"])
async def test_a_missing_module_stops_it_before_the_post(pairs: Pairs, stack: Stack, module: str) -> None:
    """RS-04."""
    policy = resources_pb2.TenantPolicy(required_modules=[resources_pb2.RequiredModule(module="locations")])
    home = await stack.home(policy=policy)
    async with pairs(home) as pair:
        pair.mock.fault(f"missing-module:{module}*1")

        peer = await pair.connect()

        assert (why(peer), peer.job.state) == ("PEER_ENDPOINTS_MISSING", FAILED), peer
        assert pair.mock.journal.find(method="POST") == []
        await pair.check()
        assert (await pair.connect()).state == REGISTERED
        await pair.check_connected()


async def test_what_is_offered_opens_versions_and_nothing_else_while_the_post_is_open(pairs: Pairs) -> None:
    """RS-06: the callbacks came through, and the answer is not there yet."""
    async with pairs() as pair:
        pair.mock.fault("slow:1@POST*1")
        await pair.begin_connect()
        await pair.mock.wait_for(event="exchange", role="Receiver", outcome="done")
        offered = pair.mock.held
        assert (await pair.peer()).job.state == resources_pb2.JOB_STATE_RUNNING

        assert (await pair.mock.call("GET", pair.home.versions_url)).code == 1000
        verdict = await pair.home.verify(offered or "", "versions")
        assert (verdict.valid, verdict.registration_only) == (True, True)
        assert not await pair.works(offered)

        await pair.rest()
        assert await pair.works(offered)
        await pair.check_connected()


async def test_after_3002_the_next_lower_version_is_tried_once(pairs: Pairs, stack: Stack) -> None:
    """RS-10."""
    versions = ("2.2", *BOTH)
    home = await stack.home(versions=versions)
    async with pairs(home, versions=versions) as pair:
        pair.mock.fault("refuse:3002@POST*1")
        assert (await pair.connect()).version == "2.2.1"
        await pair.check_connected()
    async with pairs(home, versions=versions) as pair:
        pair.mock.fault("refuse:3002@POST")
        peer = await pair.connect()
        assert (why(peer), peer.job.state) == ("PEER_REFUSED", FAILED)
        assert len(pair.mock.journal.find(event="request", method="POST")) == 2
        await pair.check()


async def test_a_peer_that_regards_us_as_registered_is_not_asked_again(pairs: Pairs) -> None:
    """RS-11."""
    async with pairs() as pair:
        pair.mock.fault("http:405@POST")

        peer = await pair.connect()

        assert (why(peer), peer.job.state) == ("PEER_REJECTED_TOKEN", FAILED)
        assert "registered already" in peer.job.last_error.message
        assert "new registration token" in peer.job.advice
        assert len(pair.mock.journal.find(event="request", method="POST")) == 1


@pytest.mark.parametrize("form", list(HeaderForm), ids=lambda form: form.value)
async def test_a_peer_that_reads_one_form_of_the_header(pairs: Pairs, form: HeaderForm) -> None:
    """RS-12: found out by GET, never by POST or PUT."""
    async with pairs(accepts=[form]) as pair:
        peer = await pair.connected()

        assert peer.auth_form_out == resources_pb2.HeaderForm.Value(f"HEADER_FORM_{form.name}")
        assert not (await pair.rotate()).HasField("job")
        for method in ("POST", "PUT"):
            assert len(pair.mock.journal.find(event="request", method=method)) == 1
        await pair.check_connected()


async def test_the_new_token_is_tried_at_once(pairs: Pairs) -> None:
    """RS-13."""
    async with pairs() as pair:
        await pair.connected()

        last = pair.mock.journal.find(event="request")[-1]

        assert (last.method, last.resource, last.code) == ("GET", "versions", 1000)
        assert (await pair.held()).startswith(last.token.rstrip("…"))


async def test_a_callback_with_the_old_token(pairs: Pairs) -> None:
    """F13: good in a PUT. In a POST there is none of ours, and who did it wrong is said."""
    async with pairs() as pair:
        pair.mock.fault("callback-old-token")

        peer = await pair.connect()

        assert (why(peer), peer.job.state) == ("PEER_REFUSED", WAITING)
        assert "3001" in peer.job.last_error.message
        pair.mock.no_fault()
        await pair.connect()
        pair.mock.fault("callback-old-token")
        assert not (await pair.rotate()).HasField("job")
        await pair.check_connected()


async def test_the_peer_drops_the_version_in_use(pairs: Pairs, stack: Stack) -> None:
    """F22: it goes on in that version. If its credentials are gone, the newest of both is next."""
    home = await stack.home(versions=BOTH)
    async with pairs(home, versions=BOTH) as pair:
        await pair.connect(version="2.2.1")
        pair.mock.fault("missing-version")

        peer = await pair.rotate()

        assert (peer.version, peer.HasField("job")) == ("2.2.1", False), peer
        await pair.check_connected()
        pair.mock.fault("http:404@PUT*1")
        peer = await pair.rotate()
        assert (peer.version, peer.HasField("job")) == ("2.3.0", False), peer
        pair.mock.no_fault()
        await pair.check_connected()


async def test_many_at_once(pairs: Pairs) -> None:
    """RS-07: nothing is held over a POST."""
    async with pairs() as one, pairs() as two, pairs() as three:
        for pair in (one, two, three):
            pair.mock.fault("slow:0.5@POST*1")
        await asyncio.gather(*(pair.connect() for pair in (one, two, three)))
        for pair in (one, two, three):
            await pair.check_connected()
