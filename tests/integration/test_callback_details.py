"""Version details of other platforms: of the version asked for, and with endpoints on the peer's own site."""

import threading

import pytest

from broker.core.model import HeaderForm, InterfaceRole
from broker.errors import PeerVersionUnsupportedError
from broker.ocpi import envelope as envelopes
from broker.outbound import discovery
from broker.outbound.http_call import CallbackError
from tests.integration.raw_peer import RAW, endpoint, envelope, listening, offers, plain, read_details, resolving, says

pytestmark = pytest.mark.anyio


async def test_details_are_read_with_the_form_that_works():
    async with listening(offers(endpoint(), endpoint(role="RECEIVER"))) as peer:
        answer = await read_details(peer.url("/ocpi/2.2.1"), form=HeaderForm.RAW)

        assert [one.key for one in answer.value] == ["locations/SENDER", "locations/RECEIVER"]
        assert answer.form is HeaderForm.RAW
        assert peer.received[0].all("authorization") == [RAW]


@pytest.mark.parametrize(
    ("roles", "chosen"),
    [
        (["RECEIVER"], InterfaceRole.RECEIVER),
        (["RECEIVER", "SENDER"], InterfaceRole.SENDER),
        (["SENDER", "RECEIVER"], InterfaceRole.SENDER),
        ([None, "RECEIVER"], None),
        (["RECEIVER", None], InterfaceRole.RECEIVER),
        ([None, "SENDER"], InterfaceRole.SENDER),
        (["both"], None),
    ],
)
async def test_one_credentials_endpoint_is_taken_whatever_its_role(roles, chosen):
    listed = [endpoint("credentials", role, f"{{base}}/credentials/{role}") for role in roles]
    async with listening(offers(endpoint(), *listed)) as peer:
        answer = await read_details(peer.url())

        assert [one.key for one in answer.value if one.module == "locations"] == ["locations/SENDER"]
        assert [one.role for one in answer.value if one.module == "credentials"] == [chosen]


async def test_details_of_another_version_are_not_those_asked_for():
    async with listening(offers(endpoint(), version="2.2")) as peer:
        with pytest.raises(PeerVersionUnsupportedError, match=r"version details: they are of 2\.2, not of 2\.2\.1"):
            await read_details(peer.url())


@pytest.mark.parametrize(
    ("offered", "message"),
    [
        (
            endpoint("cdrs", url="https://collector.example/cdrs"),
            "endpoint cdrs/SENDER is on collector.example, a site other than that of the versions list",
        ),
        (endpoint("cdrs", url="http://peer.example/cdrs"), "endpoint cdrs/SENDER must be an https URL"),
        (endpoint("cdrs", url="http://169.254.169.254/cdrs"), "endpoint cdrs/SENDER must be an https URL"),
        (
            endpoint("cdrs", url="https://169.254.169.254/cdrs"),
            "endpoint cdrs/SENDER must name its host, not an IP address",
        ),
        (
            endpoint("nltnm-canary-6f1e2a-Zx9", url="http://peer.example/"),
            "endpoint (unreadable) must be an https URL",
        ),
        (endpoint("<b>", url="http://peer.example/"), "endpoint (unreadable) must be an https URL"),
    ],
)
async def test_an_endpoint_must_be_admitted_and_on_the_peers_own_site(offered, message):
    async with listening(offers(endpoint(), offered)) as peer:
        with pytest.raises(CallbackError) as failure:
            await read_details(peer.url())

        assert str(failure.value) == f"version details: {message}"


async def test_details_on_a_foreign_site_are_not_even_asked_for():
    async with listening(offers(endpoint())) as peer:
        resolve = resolving(["127.0.0.1"])
        with pytest.raises(CallbackError) as failure:
            await read_details("https://collector.example/2.2.1", versions_url=peer.url(), resolve=resolve)

        assert str(failure.value) == (
            "version details: url is on collector.example, a site other than that of the versions list"
        )
        assert (peer.connections, resolve.asked) == (0, 0)


async def test_details_have_a_sensible_number_of_endpoints():
    many = [endpoint(f"m{number}", url="{base}/m") for number in range(1001)]
    async with listening(offers(*many)) as peer:
        with pytest.raises(CallbackError, match="endpoints: must have at most 1000 entries"):
            await read_details(peer.url())


@pytest.mark.parametrize(("size", "beside"), [(1 << 10, False), (100 << 10, True)])
async def test_a_long_answer_is_not_read_in_the_event_loop(size, beside, monkeypatch):
    readers = []

    def read(body):
        readers.append(threading.current_thread())
        return envelopes.read_envelope(body)

    monkeypatch.setattr(discovery, "read_envelope", read)
    body = envelope({"version": "2.2.1", "endpoints": []})
    async with listening(says(plain(body + b" " * size))) as peer:
        await read_details(peer.url())

    assert [thread is not threading.current_thread() for thread in readers] == [beside]
