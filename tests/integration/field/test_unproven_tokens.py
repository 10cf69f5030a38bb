"""Services get a token once it has worked, where there is one that has (A11): until then it is tried."""

import asyncio

import pytest

from broker.core import proving
from ocpi_broker.v1 import resources_pb2
from tests.integration.announcing_peers import on_sqlite
from tests.integration.every_version import VERSIONS, every_version
from tests.integration.field.links import Link, ids, linked, soon
from tests.integration.field.partner import BOTH, always, http, said
from tests.integration.test_log_events import about, log_of, named
from tests.integration.test_log_events import ids as where
from tests.peer import encoded, new_token, raw
from tests.stack import Stack

pytestmark = pytest.mark.anyio

FAR = 300_000_000


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first try is made at once, and the next one in five minutes."""
    monkeypatch.setattr(proving, "FIRST_PAUSE", 0)
    monkeypatch.setattr(proving, "_PAUSES", (FAR,) * 6)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "FIRST_PAUSE", 50_000)
    monkeypatch.setattr(proving, "_PAUSES", (50_000,) * 6)


async def proven(link: Link, token: str) -> None:
    """It becomes what services get, and nothing is left to look at."""
    await soon(lambda: link.holds(token))
    assert "TOKEN_UNPROVEN" not in ids(await link.peer())
    assert link.column("SELECT proven FROM held_token WHERE peer_uid = {uid}") in ([1], [True])


@every_version
async def test_a_put_whose_token_the_peer_refuses_itself(
    stack: Stack, version: str, capfd: pytest.CaptureFixture[str], eager: None
) -> None:
    async with linked(stack, version) as link:
        sender = await link.registered()
        before, dead = await link.held(), new_token()

        reply = await link.announces(sender, dead)

        assert reply.outcome == (200, 1000)
        assert await link.held() == before
        peer = await link.peer()
        (finding,) = [one for one in peer.findings if one.id == "TOKEN_UNPROVEN"]
        assert finding.message in peer.warnings
        assert "services get the one before" in finding.message
        assert dead not in str(peer)
        await soon(lambda: _async(link.partner.asked_with(dead) > 3))
        assert await link.held() == before, "tried again and again, and never given out"
        assert link.audited("token.unproven")
        assert not link.audited("token.proven")

        link.partner.accepted.add(dead)
        await proven(link, dead)
        await soon(lambda: _async(link.audited("token.proven")))
        assert len(link.audited("token.proven")) == 1
        logged = capfd.readouterr().out
        assert '"event": "token_unproven"' in logged
        assert '"event": "token_proven"' in logged
        assert dead not in logged


async def _async(value: object) -> object:
    return value


@pytest.mark.parametrize("version", [VERSIONS[1], VERSIONS[3]])
async def test_it_works_within_seconds_of_the_answer(stack: Stack, version: str) -> None:
    """With the pauses of production: many peers take their new token as soon as they have our answer."""
    async with linked(stack, version) as link:
        sender = await link.registered()
        token = new_token()
        await link.announces(sender, token)
        link.partner.take(token)

        async with asyncio.timeout(5):
            await proven(link, token)


@on_sqlite
@pytest.mark.parametrize("form", BOTH, ids=["raw", "base64"])
async def test_the_form_is_that_in_which_it_has_worked(stack: Stack, form: object, eager: None) -> None:
    async with linked(stack) as link:
        sender = await link.registered()
        token = new_token()
        link.partner.reads_token[token] = [form]
        await link.announces(sender, token)
        link.partner.take(token)
        await proven(link, token)

        assert await link.shown() == form(token)


@on_sqlite
async def test_a_try_that_fails_below_http_says_which_partner_it_was(stack: Stack, eager: None) -> None:
    async with linked(stack) as link:
        sender, token = await link.registered(), new_token()
        await link.announces(sender, token)
        with log_of() as events:
            link.partner.says["versions"] = always(b"no HTTP")
            link.partner.accepted.add(token)
            await soon(lambda: _async(named(events, "peer_call_failed")))

    told = [about(event, "tenant", "peer") for event in named(events, "peer_call_failed")]
    assert where(link.name) in told
    assert all(one["tenant"] and one["peer"] for one in told)


@on_sqlite
async def test_a_service_that_asks_causes_a_try(stack: Stack, patient: None) -> None:
    async with linked(stack) as link:
        sender = await link.registered()
        token = new_token()
        await link.announces(sender, token)
        await soon(lambda: _async(link.column("SELECT tries FROM held_token WHERE tries > 0 AND peer_uid = {uid}")))
        link.partner.take(token)

        await soon(lambda: link.holds(token))


@on_sqlite
async def test_services_that_ask_all_the_time_cause_few_tries(stack: Stack, patient: None) -> None:
    """Two seconds lie between two tries that they cause; a partner is not flooded, and the pauses do not run away."""
    async with linked(stack) as link:
        sender = await link.registered()
        token = new_token()
        await link.announces(sender, token)
        await soon(lambda: _async(link.column("SELECT tries FROM held_token WHERE tries > 0 AND peer_uid = {uid}")))

        for _ in range(30):
            await link.held()
            await asyncio.sleep(0.05)

        (tries,) = link.column("SELECT tries FROM held_token WHERE NOT proven AND peer_uid = {uid}")
        assert tries <= 2


@every_version
async def test_a_put_of_ours_whose_new_token_does_not_work_yet(stack: Stack, version: str, eager: None) -> None:
    async with linked(stack, version, keeps=True) as link:
        await link.connected()
        before, late = await link.held(), new_token()
        link.partner.says["PUT"] = lambda _: http(200, said(link.partner.credentials(late)))

        peer = await link.rotate()

        assert not peer.HasField("job"), peer.job
        assert "TOKEN_UNPROVEN" in ids(peer)
        assert await link.held() == before
        assert (await link.record()).outcome == resources_pb2.EXCHANGE_OUTCOME_SUCCEEDED
        link.partner.take(late)
        await proven(link, late)
        assert await link.shown() in (raw(late), encoded(late))


@every_version
async def test_a_post_of_ours_whose_token_does_not_work_yet(stack: Stack, version: str, eager: None) -> None:
    """There is no other: services get it all the same."""
    async with linked(stack, version, keeps=True) as link:
        late = new_token()
        link.partner.says["POST"] = lambda _: http(200, said(link.partner.credentials(late)))

        peer = await link.connected()

        assert "TOKEN_UNPROVEN" in ids(peer)
        assert any("all the same" in one.message for one in peer.findings)
        assert await link.held() == late
        link.partner.take(late)
        await soon(lambda: _fine(link))
        assert await link.held() == late


async def _fine(link: Link) -> bool:
    return "TOKEN_UNPROVEN" not in ids(await link.peer())


async def test_our_next_put_uses_the_unproven_one_where_the_other_is_dead(stack: Stack, patient: None) -> None:
    """And so does our DELETE."""
    async with linked(stack) as link:
        sender = await link.registered()
        token = new_token()
        sender.token = (await link.announces(sender, token)).token
        await soon(lambda: _async(link.column("SELECT tries FROM held_token WHERE tries > 0 AND peer_uid = {uid}")))
        await sender.versions()
        link.partner.take(token)

        peer = await link.rotate()

        assert not peer.HasField("job"), peer.job
        assert await link.held() == link.partner.minted[-1]


async def _tried_again(link: Link, token: str, asked: int) -> bool:
    """A service asks until it is."""
    await link.held()
    return link.partner.asked_with(token) > asked


@on_sqlite
async def test_of_two_that_have_not_worked_the_older_one_proves_nothing(stack: Stack, patient: None) -> None:
    async with linked(stack) as link:
        sender = await link.registered()
        before, slow, dead = await link.held(), new_token(), new_token()
        link.partner.holds[slow] = asyncio.Event()
        sender.token = (await link.announces(sender, slow)).token
        await sender.versions()
        link.partner.accepted.add(slow)
        asked = link.partner.asked_with(slow)
        await soon(lambda: _tried_again(link, slow, asked))
        assert (await link.announces(sender, dead)).outcome == (200, 1000)

        link.partner.holds[slow].set()
        await asyncio.sleep(0.5)

        assert await link.held() == before


@on_sqlite
async def test_a_token_that_is_replaced_while_it_is_tried_is_not_given_out(stack: Stack, eager: None) -> None:
    async with linked(stack) as link:
        sender = await link.registered()
        slow, last = new_token(), new_token()
        await link.announces(sender, slow)
        link.partner.holds[slow] = asyncio.Event()
        link.partner.accepted.add(slow)
        asked = link.partner.asked_with(slow)
        await soon(lambda: _async(link.partner.asked_with(slow) > asked))

        link.partner.accepted.add(last)
        assert (await link.announces(sender, last)).outcome == (200, 1000)
        link.partner.holds[slow].set()
        await soon(lambda: link.holds(last))
        await asyncio.sleep(0.5)

        assert await link.held() == last
        assert link.column("SELECT count(*) FROM held_token WHERE peer_uid = {uid}") == [1]


@on_sqlite
async def test_the_only_token_stays_when_it_has_worked_in_place_of_another(stack: Stack, patient: None) -> None:
    """One that could not be tried when it came has never been proven; the PUT of the peer shows that it works."""
    async with linked(stack) as link:
        sender = await link.registered()
        ours = await link.held()
        link.column(f"UPDATE held_token SET proven = FALSE, next_try_at = {FAR}000000 WHERE peer_uid = {{uid}}")
        await link.change(may_downgrade=True)  # memory reads the peer anew

        assert (await link.announces(sender, new_token())).outcome == (200, 1000)

        assert await link.held() == ours
        assert len(link.column("SELECT 1 FROM held_token WHERE proven AND peer_uid = {uid}")) == 1
