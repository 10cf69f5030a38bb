"""Brokers over one database that were started with different public URLs."""

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from broker.memory import neighbours
from broker.process import composition
from ocpi_broker.v1 import admin_service_pb2
from tests.integration.inspection import soon
from tests.stack import Services, Stack, key_of, services

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]

OTHER = "https://other.example.com"


async def _second(stack: Stack, rest: AsyncExitStack, public_url: str) -> Services:
    settings = replace(stack.settings, grpc="127.0.0.1:0", public_url=public_url)
    broker = await rest.enter_async_context(composition.running(settings))
    return await rest.enter_async_context(services(broker.grpc, key_of(settings.data_dir, "admin")))


async def _finding(admin: Services) -> tuple[bool, str]:
    info = await admin.admin.GetServerInfo(admin_service_pb2.GetServerInfoRequest())
    (check,) = [check for check in info.checks if check.subject == "public URL"]
    return check.ok, check.finding


def _warnings(logs: list[Any]) -> list[Any]:
    return [entry for entry in logs if entry["event"] == "public_urls_differ"]


async def test_brokers_that_differ_are_told_of_at_the_start_and_by_doctor(own_stack: Stack) -> None:
    with capture_logs() as logs:
        async with AsyncExitStack() as rest:
            admin = await _second(own_stack, rest, OTHER)

            async def warned() -> bool:
                return bool(_warnings(logs))

            assert await soon(warned)
            found = [await _finding(admin), await _finding(own_stack.services)]

        after = await _finding(own_stack.services)

    (warning,) = _warnings(logs)
    assert (warning["log_level"], warning["public_url"]) == ("warning", OTHER)
    assert own_stack.settings.public_url in warning["others"][0]
    assert own_stack.target in warning["others"][0]
    assert [ok for ok, _ in found] == [False, False]
    assert all("start all of them with the same --public-url" in text for _, text in found)
    assert after == (True, own_stack.settings.public_url)  # the other has stopped


async def test_the_one_that_was_there_notices_as_well(own_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    with capture_logs() as logs:
        async with AsyncExitStack() as rest:
            monkeypatch.setattr(neighbours, "_SAY_SECONDS", 0.05)
            await _second(own_stack, rest, own_stack.settings.public_url)
            await _second(own_stack, rest, OTHER)

            async def both_sides() -> bool:
                return {entry["public_url"] for entry in _warnings(logs)} == {OTHER, own_stack.settings.public_url}

            assert await soon(both_sides)
            told = len(_warnings(logs))

    assert told == 2  # once each, not every time that they look


async def test_brokers_that_agree_are_nothing_to_tell(own_stack: Stack) -> None:
    with capture_logs() as logs:
        async with AsyncExitStack() as rest:
            admin = await _second(own_stack, rest, own_stack.settings.public_url)

            assert await _finding(admin) == (True, own_stack.settings.public_url)

    assert _warnings(logs) == []


async def test_one_that_was_killed_is_forgotten(own_stack: Stack) -> None:
    own_stack.database.execute(f"INSERT INTO running_broker VALUES ('elsewhere', '{OTHER}', 1)")

    assert await _finding(own_stack.services) == (True, own_stack.settings.public_url)
