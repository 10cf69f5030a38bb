"""The checker against the mock peer: as it is advertised, in every version, and with each of its faults."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import cycle

import pytest

from broker.tools.conformance.checks import CHECKS, answers, callbacks
from broker.tools.conformance.run import Outcome, Result, run
from broker.tools.mock_peer.faults import CATALOGUE
from broker.tools.mock_peer.platform import mock_peer
from ocpi_broker.v1.peer_service_pb2 import InvitePeerResponse
from tests.conformance.mock_peer_faults import CROSSING, FOUND, HARMLESS, SENDING
from tests.conformance.visitor import VERSIONS, visitor

pytestmark = pytest.mark.anyio

PARTY = "DE/OCB/EMSP"
EVERYTHING = frozenset(check.name for check in CHECKS)
BRIEFLY = EVERYTHING - {"a_megabyte_is_read_and_much_more_is_413"}
"""Without what takes a third of the time and depends on no fault."""
ONE_LIFE = {
    "the_version_list_is_an_array",
    "details_are_an_object",
    "both_header_forms_are_read",
    "credentials_can_be_read",
    "post_registers",
    "the_answer_is_their_object",
    "put_updates",
    "delete_unregisters",
    *(check.name for stage in (answers.stage, callbacks.stage) for check in stage),
}
"""Enough for each fault that is to be found."""
PATIENCE = {"stall": 0.5}
"""Seconds for each answer, where the fault is that one does not come."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run found, and which faults struck in it."""

    outcomes: Sequence[Outcome]
    struck: frozenset[str]

    @property
    def deviations(self) -> dict[str, str]:
        return {one.check.name: one.why for one in self.outcomes if one.result is Result.DEVIATES}

    @property
    def skipped(self) -> set[str]:
        return {one.check.name for one in self.outcomes if one.result is Result.SKIPPED}


async def made(
    version: str, faults: Sequence[str] = (), checks: Collection[str] = EVERYTHING, *, lenient: bool = False
) -> Run:
    """A run against a mock peer of its own that speaks this version alone."""
    async with mock_peer(versions=[version], partners=[PARTY], faults=faults, lenient=lenient) as peer:
        invitation = InvitePeerResponse(versions_url=peer.versions_url, token=peer.token)
        async with visitor(invitation, version, PARTY) as connection:
            connection.dialogue.http.timeout = min((PATIENCE.get(fault, 60) for fault in faults), default=60)
            outcomes = await run(connection, [check for check in CHECKS if check.name in checks])
        return Run(outcomes, frozenset(event.fault for event in peer.journal.find(event="fault")))


def test_every_fault_is_judged() -> None:
    tables = (set(HARMLESS), set(FOUND), CROSSING, SENDING)
    assert set.union(*map(set, tables)) == set(CATALOGUE)
    assert sum(map(len, tables)) == len(CATALOGUE)


@pytest.mark.parametrize("checked", VERSIONS)
async def test_a_lenient_one_does_not_deviate(checked: str) -> None:
    """The strict one is checked in tests/integration/test_mock_peer_command.py, as users start it."""
    one = await made(checked, lenient=True)

    assert one.deviations == {}
    assert one.skipped <= {"put_switches_the_version", "several_parties_share_one_registration"}


@pytest.mark.parametrize("checked", VERSIONS)
async def test_no_fault_that_breaks_no_rule_is_a_deviation(checked: str) -> None:
    """All at once, together with those that cannot show."""
    one = await made(checked, [*(text for texts in HARMLESS.values() for text in texts), *SENDING], BRIEFLY)

    assert one.deviations == {}
    assert one.struck == set(HARMLESS)


@pytest.mark.parametrize(("checked", "name"), list(zip(cycle(VERSIONS), HARMLESS, strict=False)))
async def test_nor_is_each_alone(checked: str, name: str) -> None:
    one = await made(checked, HARMLESS[name], BRIEFLY)

    assert one.deviations == {}
    assert one.struck == {name}


@pytest.mark.parametrize(("checked", "name"), list(zip(cycle(VERSIONS), FOUND, strict=False)))
async def test_what_breaks_a_rule_is_found(checked: str, name: str) -> None:
    fault, check, words = FOUND[name]

    one = await made(checked, [fault], ONE_LIFE)

    assert words in one.deviations[check]


@pytest.mark.parametrize("name", sorted(CROSSING))
async def test_a_run_ends_whatever_the_platform_begins_meanwhile(name: str) -> None:
    one = await made("2.2.1", [name], ONE_LIFE)

    assert one.struck == {name}
    assert "post_registers" not in one.deviations
