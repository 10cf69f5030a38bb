"""The partner has carried out our POST or PUT: whatever else is odd in its answer, the token in it is kept (RS-09)."""

from collections.abc import Iterable, Sequence

import pytest

from ocpi_broker.v1 import resources_pb2
from tests.integration.announcing_peers import on_sqlite
from tests.integration.every_version import VERSIONS, WITH_ROLES
from tests.integration.field.links import REGISTERED, Link, linked
from tests.integration.field.odd_answers import (
    CLOSED_ROLES_ONLY,
    FLAT_ONLY,
    REFUSALS,
    SILENT,
    USELESS,
    WARNED,
    WITH_ROLES_ONLY,
    Written,
    odd,
)
from tests.peer import FLAT
from tests.stack import Stack

pytestmark = [pytest.mark.anyio, on_sqlite]


def spread(rows: Iterable[str], *kinds: Sequence[str]) -> list[tuple[str, str]]:
    """Every row with a version of each kind, in turn: all rows with all versions would take a minute."""
    return [(row, kind[index % len(kind)]) for index, row in enumerate(rows) for kind in kinds]


async def answers_oddly(link: Link, written: Written, about: str | None) -> None:
    """POST and then PUT are answered like that; both times we hold what the partner expects, and its party."""
    link.partner.says["POST"] = link.partner.says["PUT"] = odd(link.partner, written)
    token = link.partner.fresh()
    for method in ("POST", "PUT"):
        peer = await (link.connect(token) if method == "POST" else link.rotate())
        record = await link.record()

        assert peer.state == REGISTERED, (method, peer.job)
        assert not peer.HasField("job"), (method, peer.job)
        assert not peer.quarantined
        assert len(link.partner.shown_with(method)) == 1
        assert await link.held() == link.partner.minted[-1], method
        assert await link.valid(link.partner.given[-1])
        assert [f"{one.country_code}/{one.party_id}" for one in peer.parties] == [link.partner.party[:6]]
        assert not [one for one in peer.findings if one.id == "TOKEN_UNPROVEN"], "it was tried, and worked"
        assert record.outcome == resources_pb2.EXCHANGE_OUTCOME_SUCCEEDED
        if about is None:
            assert not record.warnings, method
        else:
            assert any(about in warning for warning in record.warnings), (method, list(record.warnings))
        assert not any(link.partner.minted[-1] in warning for warning in record.warnings), "never the token (F20)"


@pytest.mark.parametrize(("what", "version"), spread(WARNED, sorted(FLAT), WITH_ROLES))
async def test_a_token_is_kept_and_what_is_odd_is_said(stack: Stack, version: str, what: str) -> None:
    written, about = WARNED[what]
    async with linked(stack, version) as link:
        await answers_oddly(link, written, about)


@pytest.mark.parametrize(
    ("what", "version"), [*spread(WITH_ROLES_ONLY, WITH_ROLES), *spread(CLOSED_ROLES_ONLY, WITH_ROLES[:1])]
)
async def test_roles_that_are_odd(stack: Stack, version: str, what: str) -> None:
    written, about = {**WITH_ROLES_ONLY, **CLOSED_ROLES_ONLY}[what]
    async with linked(stack, version) as link:
        await answers_oddly(link, written, about)


@pytest.mark.parametrize("what", FLAT_ONLY)
@pytest.mark.parametrize("version", sorted(FLAT))
async def test_a_shape_of_later_versions(stack: Stack, version: str, what: str) -> None:
    written, about = FLAT_ONLY[what]
    async with linked(stack, version) as link:
        await answers_oddly(link, written, about)


@pytest.mark.parametrize(("what", "version"), spread(SILENT, VERSIONS))
async def test_what_lies_around_an_answer_is_taken_off(stack: Stack, version: str, what: str) -> None:
    async with linked(stack, version) as link:
        await answers_oddly(link, SILENT[what], None)


@pytest.mark.parametrize("what", USELESS)
async def test_without_a_token_that_can_be_used_nobody_knows_what_became_of_it(stack: Stack, what: str) -> None:
    """What stood before stands, and what we have offered works: the partner may show it."""
    async with linked(stack, keeps=True) as link:
        await link.connected()
        held = await link.held()
        link.partner.says["PUT"] = odd(link.partner, USELESS[what])

        peer = await link.attempted(link.rotate(wait=False))

        assert peer.job.outcome_unknown, peer.job
        assert await link.held() == held
        assert await link.valid(link.partner.given[-1])
        assert await link.valid(link.partner.given[-2])


@pytest.mark.parametrize("what", REFUSALS)
async def test_an_error_code_is_a_refusal_whatever_stands_beside_it(stack: Stack, what: str) -> None:
    async with linked(stack, keeps=True) as link:
        await link.connected()
        held = await link.held()
        link.partner.says["PUT"] = odd(link.partner, REFUSALS[what])

        peer = await link.attempted(link.rotate(wait=False))

        assert not peer.job.outcome_unknown, peer.job
        assert (await link.record()).outcome == resources_pb2.EXCHANGE_OUTCOME_REFUSED
        assert await link.held() == held


async def test_a_token_longer_than_the_text_allows_is_kept_and_the_setting_named(stack: Stack) -> None:
    """CO-41: as a Receiver we refuse it; here the partner has committed."""
    async with linked(stack, mint=lambda: "x" * 70) as link:
        link.partner.accepted.add("token-a-of-the-partner")
        peer = await link.connect("token-a-of-the-partner")

        assert not peer.HasField("job"), peer
        assert await link.held() == "x" * 70
        assert (await link.record()).quirk == "token_max_len"
