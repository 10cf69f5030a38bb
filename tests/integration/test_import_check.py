"""ImportPeer with check: the peer is asked with the held token, by GET and nothing else."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ocpi_broker.v1 import peer_service_pb2, resources_pb2
from tests.integration.grpc_refusals import Code, refused
from tests.integration.importing import newcomer, take_over
from tests.peer import Platform, Served, answering, encoded, new_token, platform_running, raw
from tests.stack import Home, Stack, reason

pytestmark = pytest.mark.anyio

RAW, BASE64 = resources_pb2.HEADER_FORM_RAW, resources_pb2.HEADER_FORM_BASE64


@pytest.fixture
async def theirs() -> AsyncIterator[Platform]:
    async with platform_running() as platform:
        yield platform


def known(platform: Platform, **changes: Any) -> peer_service_pb2.PortablePeer:
    """What somebody knows who has the two tokens and a URL."""
    held = new_token()
    platform.accepted.add(held)
    fields: dict[str, Any] = {"held_token": held, "versions_url": platform.versions_url, "endpoints": [], "version": ""}
    return newcomer(**{**fields, **changes})


async def test_version_form_and_endpoints_are_found(home: Home, theirs: Platform) -> None:
    theirs.form = raw

    peer = (await take_over(home, known(theirs), check=True)).peer

    assert (peer.version, peer.auth_form_out) == ("2.2.1", RAW)
    assert {endpoint.module for endpoint in peer.endpoints} == {"credentials", "locations", "tokens"}
    assert {request.method for request in theirs.received} == {"GET"}


async def test_without_check_nothing_is_asked(home: Home, theirs: Platform) -> None:
    await take_over(home, newcomer(versions_url=theirs.versions_url))

    assert theirs.received == []


async def test_a_dry_run_with_check_asks_and_changes_nothing(home: Home, theirs: Platform) -> None:
    answer = await take_over(home, known(theirs), check=True, validate_only=True)

    assert answer.outcome == peer_service_pb2.IMPORT_OUTCOME_IMPORTED
    assert theirs.resources() == ["versions", "details"]
    await refused(home.peer(f"{home.name}/peers/kwl"))


async def test_a_peer_that_is_there_is_not_asked_again(home: Home, theirs: Platform) -> None:
    new = known(theirs)
    await take_over(home, new, check=True)
    theirs.received.clear()

    assert (await take_over(home, new, check=True)).outcome == peer_service_pb2.IMPORT_OUTCOME_UNCHANGED
    assert theirs.received == []


async def test_a_token_that_does_not_work_refuses_the_peer(home: Home, theirs: Platform) -> None:
    new = known(theirs, held_token=new_token())

    error = await refused(take_over(home, new, check=True))

    assert reason(error) == "PEER_REJECTED_TOKEN"
    assert new.held_token not in str(error)
    await refused(home.peer(f"{home.name}/peers/kwl"))


async def test_a_version_that_is_not_listed_refuses_the_peer(stack: Stack, theirs: Platform) -> None:
    home = await stack.home(versions=("2.1.1", "2.2.1"))

    error = await refused(take_over(home, known(theirs, version="2.1.1"), check=True))

    assert (error.code(), reason(error)) == (Code.FAILED_PRECONDITION, "PEER_VERSION_UNSUPPORTED")
    assert "does not list 2.1.1; it lists" in str(error.details())


async def test_a_peer_that_does_not_answer_is_refused(home: Home, theirs: Platform) -> None:
    theirs.script["versions"] = answering(Served(status=500))

    assert reason(await refused(take_over(home, known(theirs), check=True))) == "PEER_UNUSABLE"


async def test_what_was_said_otherwise_is_warned_of(home: Home, theirs: Platform) -> None:
    """A form that works is better than one that was written down; endpoints are the operator's to know."""
    elsewhere = resources_pb2.Endpoint(
        module="cdrs", interface_role=resources_pb2.INTERFACE_ROLE_SENDER, url=f"{theirs.base}/old/cdrs"
    )
    new = known(theirs, endpoints=[elsewhere], auth_form_out=RAW)

    answer = await take_over(home, new, check=True)

    assert [endpoint.module for endpoint in answer.peer.endpoints] == ["cdrs"]
    assert answer.peer.auth_form_out == BASE64
    assert (await home.held(answer.peer.name)).authorization == encoded(new.held_token)
    assert any("do not list cdrs/SENDER" in warning for warning in answer.warnings)
    assert any("takes base64" in warning for warning in answer.warnings)
