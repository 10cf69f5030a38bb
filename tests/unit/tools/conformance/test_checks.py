"""The checker against a platform that does everything right, and against platforms with one fault each."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import pytest

from broker.tools.conformance.checks import CHECKS
from broker.tools.conformance.connection import Connection
from broker.tools.conformance.dialogue import Dialogue
from broker.tools.conformance.editions import EDITIONS
from broker.tools.conformance.objects import Party
from broker.tools.conformance.platform import Platform
from broker.tools.conformance.run import Outcome, Result, connect, run
from broker.tools.conformance.secrecy import Secrets
from tests.unit.tools.conformance.receiver import Receiver

pytestmark = pytest.mark.anyio

MILESTONES = {"post_registers", "put_updates", "delete_unregisters"}
SKIPPED = {
    "functional_modules_are_closed",
    "several_parties_share_one_registration",
    "put_switches_the_version",
}


@asynccontextmanager
async def meeting(version: str, fault: str = "") -> AsyncIterator[tuple[Receiver, Connection]]:
    """Both platforms in memory: no socket is opened."""
    edition = EDITIONS[version]
    platform = Platform("http://127.0.0.1:8", edition)
    async with (
        httpx.AsyncClient(transport=_Reachable(platform)) as calls,
        httpx.AsyncClient(transport=httpx.ASGITransport(receiver := Receiver(edition, calls, fault))) as http,
    ):
        dialogue = Dialogue(http, platform, Secrets(), lambda _: True)
        yield receiver, await connect(dialogue, receiver.versions_url, receiver.invitation, [Party()], version)


class _Reachable(httpx.ASGITransport):
    """Our platform at its own address only: nobody is anywhere else, and nobody speaks TLS."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not str(request.url).startswith("http://127.0.0.1:8/"):
            raise httpx.ConnectError("nobody there")
        return await super().handle_async_request(request)


async def found(version: str, fault: str, checks: Sequence[str]) -> dict[str, Outcome]:
    """The outcomes of these checks, made in the course of a whole registration."""
    wanted = [check for check in CHECKS if check.name in {*checks, *MILESTONES}]
    async with meeting(version, fault) as (_, connection):
        return {outcome.check.name: outcome for outcome in await run(connection, wanted)}


@pytest.mark.parametrize("version", EDITIONS)
async def test_a_platform_without_faults_passes(version: str) -> None:
    async with meeting(version) as (_, connection):
        outcomes = await run(connection)

    assert {outcome.check.name: outcome.why for outcome in outcomes if outcome.result is Result.DEVIATES} == {}
    assert {outcome.check.name for outcome in outcomes if outcome.result is Result.SKIPPED} <= SKIPPED


FAULTS = {
    "list in an object": "the_version_list_is_an_array",
    "redirects slashes": "a_slash_at_the_end_makes_no_difference",
    "reads the body first": "the_token_is_judged_before_the_body",
    "opens to everybody": "a_bad_token_is_401",
    "no challenge": "every_401_has_a_challenge",
    "repeats tokens": "no_message_holds_a_token",
    "lists credentials twice": "credentials_is_listed_once_in_every_version",
    "roles of another version": "endpoints_are_of_the_version",
    "makes tokens on GET": "credentials_can_be_read",
    "encodes the token": "the_token_in_the_body_is_plain",
    "our own ids": "their_object_is_about_them",
    "details for url": "their_object_is_about_them",
    "long names": "their_object_is_of_the_version",
    "405 without Allow": "put_and_delete_need_a_registration",
    "takes any object": "a_bad_token_field_is_2001",
    "400 for bad objects": "a_bad_url_is_2001",
    "takes any status": "a_list_that_cannot_be_read_is_3001",
    "HTTP error for 3001": "details_that_cannot_be_read_are_3001",
    "3003 for 3002": "a_list_without_the_version_is_3002",
    "follows redirects": "a_redirect_is_not_followed",
    "stores before it has read": "what_failed_left_the_invitation_usable",
    "never calls back": "post_registers",
    "calls back with the invitation": "post_registers",
    "201": "post_registers",
    "echoes our parties": "the_answer_is_their_object",
    "issues short tokens": "the_issued_token_is_sound",
    "keeps the invitation": "the_invitation_is_over",
    "registers again": "post_when_registered_is_405",
    "PUT does not read again": "put_updates",
    "PUT keeps the token": "put_updates",
    "answers 400 to the old token": "the_old_token_lives_until_the_new_one_is_used",
    "keeps the old token": "the_old_token_lives_until_the_new_one_is_used",
    "crashes on text": "odd_lists_are_read",
    "data of another version": "delete_unregisters",
    "lives on after DELETE": "the_token_is_dead",
    "plain text errors": "every_answer_is_json",
    "codes as text": "every_answer_is_an_envelope",
    "isoformat": "every_time_is_of_the_form",
    "camel case": "every_name_is_snake_case",
    "PATCHes": "every_call_is_a_get",
    "trims URLs": "every_url_is_used_as_it_is",
}
SINCE_2_2 = {
    "takes duplicates": "bad_roles_are_2001",
    "raw header": "every_call_has_our_token",
    "no ids on errors": "every_request_id_is_repeated",
    "same request ids": "every_call_has_ids",
    "new correlation ids": "every_call_has_ids",
    "routing headers": "no_answer_has_routing_headers",
    "routing headers in calls": "no_call_has_routing_headers",
}
OCCASIONS = {
    "no challenge": "a_bad_token_is_401",
    "repeats tokens": "a_bad_token_is_401",
    "plain text errors": "a_bad_token_is_401",
    "no ids on errors": "a_bad_token_is_401",
    "stores before it has read": "details_that_cannot_be_read_are_3001",
}
"""Faults that show only when there is something to refuse, and the check that gives the occasion."""
ROWS = [(version, *row) for version in ("2.0", "2.2.1") for row in FAULTS.items()]
ROWS += [(version, *row) for version in ("2.2", "2.3.0") for row in SINCE_2_2.items()]


@pytest.mark.parametrize(("version", "fault", "check"), ROWS, ids=[f"{row[0]}-{row[1]}" for row in ROWS])
async def test_a_fault_is_found_by_its_check(version: str, fault: str, check: str) -> None:
    outcomes = await found(version, fault, [check, OCCASIONS.get(fault, check)])

    assert outcomes[check].result is Result.DEVIATES, outcomes[check]


async def test_an_invitation_for_any_party_cannot_be_told_from_a_fault() -> None:
    check = "a_party_outside_the_invitation_is_2001"

    outcomes = await found("2.2.1", "any party", [check])

    assert outcomes[check].result is Result.SKIPPED
    assert outcomes["post_registers"].result is Result.PASSED


async def test_a_platform_may_end_the_old_token_at_once_and_is_told_what_that_costs() -> None:
    """UR-09 knows strict platforms; our own is one with --put-retry-window 0."""
    check = "the_old_token_lives_until_the_new_one_is_used"

    outcomes = await found("2.2.1", "ends the old token at once", [check])

    assert outcomes[check].result is Result.SKIPPED
    assert "told a token by hand" in outcomes[check].why


@pytest.mark.parametrize("version", EDITIONS)
async def test_an_invitation_for_others_is_found_before_the_registration(version: str) -> None:
    """With the platform's own words. What cannot be learned then is skipped, and the invitation is not used up."""
    async with meeting(version) as (receiver, connection):
        receiver.allowed = ("NL", "RJS")
        outcomes = {outcome.check.name: outcome for outcome in await run(connection)}
        await connection.discover()

    assert {name for name, one in outcomes.items() if one.result is Result.DEVIATES} == {
        "our_party_is_invited",
        "post_registers",
    }
    assert "roles: not invited" in outcomes["our_party_is_invited"].why
    assert outcomes["a_list_that_cannot_be_read_is_3001"].why == "the platform refuses DE/OCB/EMSP"
    assert connection.refusal == "OCPI 2001, “roles: not invited”"
    assert version in connection.listed


async def test_a_platform_that_registers_by_mistake_is_checked_to_the_end() -> None:
    """It took an object that it should have refused: what needs the invitation is skipped, and says why."""
    outcomes = await found("2.2.1", "takes any status", ["a_list_that_cannot_be_read_is_3001"])

    assert outcomes["a_list_that_cannot_be_read_is_3001"].result is Result.DEVIATES
    assert outcomes["post_registers"].result is Result.SKIPPED
    assert "a version list that cannot be read is 3001" in outcomes["post_registers"].why
    assert outcomes["put_updates"].result is Result.PASSED
    assert outcomes["delete_unregisters"].result is Result.PASSED
