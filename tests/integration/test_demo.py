"""The platforms of the demo, with each other: what they show of us is only worth something if they speak OCPI."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from broker.cli.demo.partners import Kabelwerk, Windrose, new_token
from broker.cli.demo.platform import Tell, masked, running
from tests.peer import encoded

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def both(tell: Tell) -> AsyncIterator[tuple[Kabelwerk, Windrose]]:
    async with running(Kabelwerk, new_token("kwl"), tell) as one, running(Windrose, new_token("win"), tell) as other:
        yield one, other


async def test_the_two_platforms_register_with_each_other() -> None:
    said: list[str] = []
    async with both(said.append) as (kabelwerk, windrose):
        invitation = windrose.token

        issued = await kabelwerk.register(windrose.versions_url, invitation)

        assert issued == windrose.token != invitation
        assert windrose.held == kabelwerk.token
        assert await kabelwerk.shows(windrose.versions_url, issued) == 200
        assert await kabelwerk.shows(windrose.versions_url, invitation) == 401
    assert sum("our side calls back: GET" in line for line in said) == 2
    tokens = [token.reveal() for token in (invitation, issued, kabelwerk.token)]
    assert not [line for line in said if any(token in line for token in tokens)]


async def test_put_changes_the_tokens_of_both() -> None:
    async with both(lambda _: None) as (kabelwerk, windrose):
        before = await kabelwerk.register(windrose.versions_url, windrose.token)
        kabelwerk.token = new_token("kwl")

        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.put(
                f"{windrose.root}/ocpi/2.2.1/credentials",
                json=kabelwerk.credentials(kabelwerk.token),
                headers={"Authorization": encoded(before.reveal())},
            )

        assert answer.json()["data"]["token"] == windrose.token.reveal() != before.reveal()
        assert windrose.held == kabelwerk.token


async def test_a_token_is_told_by_its_maker_and_two_characters() -> None:
    token = new_token("win")

    assert masked(token) == f"win-{token.reveal()[4:6]}…"
