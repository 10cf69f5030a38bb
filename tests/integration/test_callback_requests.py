"""Calls to other platforms over real sockets: what is sent, and in which form of the header (F13, RS-12)."""

import uuid

import pytest

from broker.core.model import HeaderForm, Version
from broker.outbound.discovery import Answer
from broker.outbound.http_call import CallbackError
from tests.integration.raw_peer import (
    BASE64,
    RAW,
    TOKEN,
    calling,
    envelope,
    listening,
    lists,
    plain,
    read_versions,
    says,
)

pytestmark = pytest.mark.anyio


# --- what we send -----------------------------------------------------------------------------------------------------


async def test_a_version_list_is_read():
    async with listening(lists("2.1.1", "2.2.1")) as peer:
        answer = await read_versions(peer.url())

        assert answer == Answer(
            ((Version("2.1.1"), peer.url("/ocpi/2.1.1")), (Version("2.2.1"), peer.url("/ocpi/2.2.1"))),
            HeaderForm.BASE64,
        )


async def test_a_request_carries_these_headers_and_no_others():
    async with listening(lists("2.2.1")) as peer:
        await read_versions(peer.url())

        [request] = peer.received
        assert {name: value for name, value in request.headers if name != "x-request-id"} == {
            "host": f"127.0.0.1:{peer.port}",
            "accept": "application/json",
            "accept-encoding": "identity",
            "authorization": BASE64,
            "connection": "close",
            "user-agent": "ocpi-broker",
            "x-correlation-id": "corr-1",
        }
        assert len(request.headers) == 8


async def test_every_request_has_its_own_id_and_keeps_the_correlation():
    async with (
        listening(says(plain(b"", status="401 Unauthorized"), plain(envelope([])))) as peer,
        calling() as peers,
    ):
        await peers.versions(peer.url(), TOKEN, HeaderForm.RAW, correlation_id="corr-7")
        await peers.versions(peer.url(), TOKEN, HeaderForm.RAW, correlation_id="corr-7")

        ids = [uuid.UUID(request.all("x-request-id")[0]) for request in peer.received]
        assert len(set(ids)) == len(ids) == 3
        assert [request.all("x-correlation-id") for request in peer.received] == [["corr-7"]] * 3


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/ocpi/versions/",
        "/OCPI//a/../b/./%7E%2f%zz?tenant=a+b&c=[1]@:,;",
        "/?",
        "/ocpi?next=https://other.example/",
    ],
)
async def test_a_url_is_used_byte_for_byte(target):
    async with listening(lists("2.2.1")) as peer:
        await read_versions(peer.url(target))

        assert peer.received[0].target == target


@pytest.mark.parametrize(("rest", "target"), [("", "/"), ("?a=1", "/?a=1")])
async def test_a_url_without_a_path_asks_for_the_root(rest, target):
    async with listening(lists("2.2.1")) as peer:
        await read_versions(peer.url(rest))

        assert peer.received[0].target == target


async def test_cookies_are_not_kept_and_connections_are_not_reused():
    async with (
        listening(says(plain(envelope([]), "Set-Cookie: session=1; Path=/", "Connection: keep-alive"))) as peer,
        calling() as peers,
    ):
        for _ in range(2):
            await peers.versions(peer.url(), TOKEN, HeaderForm.RAW, correlation_id="c")

        assert peer.connections == 2
        assert peer.received[1].all("cookie") == []


async def test_proxies_and_passwords_of_the_environment_are_not_used(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password secret\n")
    netrc.chmod(0o600)
    async with listening(lists("2.2.1")) as peer, listening(lists("2.2.1")) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(""))
            monkeypatch.setenv(name.lower(), proxy.url(""))
        monkeypatch.setenv("NETRC", str(netrc))

        await read_versions(peer.url())

        assert (peer.connections, proxy.connections) == (1, 0)
        assert peer.received[0].all("authorization") == [BASE64]


# --- the form of the header (F13, RS-12) ------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
@pytest.mark.parametrize(
    ("first", "second", "sent"),
    [(HeaderForm.BASE64, HeaderForm.RAW, [BASE64, RAW]), (HeaderForm.RAW, HeaderForm.BASE64, [RAW, BASE64])],
)
async def test_a_token_that_is_not_recognised_is_shown_once_more_in_the_other_form(status, first, second, sent):
    async with listening(says(plain(b"", status=status), plain(envelope([])))) as peer:
        answer = await read_versions(peer.url(), form=first)

        assert answer.form is second
        assert [request.all("authorization") for request in peer.received] == [[sent[0]], [sent[1]]]


@pytest.mark.parametrize("again", ["401 Unauthorized", "403 Forbidden", "400 Bad Request", "404 Not Found"])
async def test_a_token_that_is_recognised_in_neither_form_is_told_apart(again):
    async with listening(says(plain(b"", status="401 Unauthorized"), plain(b"", status=again))) as peer:
        with pytest.raises(CallbackError) as failure:
            await read_versions(peer.url())

        assert failure.value.unauthorized
        assert failure.value.reason == "PEER_UNUSABLE"
        assert str(failure.value) == "versions list: HTTP 401"
        assert len(peer.received) == 2


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (plain(b"", status="500 Oops"), "versions list: HTTP 500"),
        (plain(envelope(code=3000)), "versions list: the answer has OCPI status code 3000"),
        (b"nonsense\r\n\r\n", "versions list: the answer was cut off or is not HTTP"),
    ],
)
async def test_a_failure_of_another_kind_in_the_second_form_is_not_about_the_token(second, message):
    async with listening(says(plain(b"", status="401 Unauthorized"), second)) as peer:
        with pytest.raises(CallbackError) as failure:
            await read_versions(peer.url())

        assert str(failure.value) == message
        assert not failure.value.unauthorized


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "500 Oops", "503 Later"])
async def test_nothing_else_is_asked_twice(status):
    async with listening(says(plain(b"", status=status))) as peer:
        with pytest.raises(CallbackError, match=f"versions list: HTTP {status[:3]}") as failure:
            await read_versions(peer.url())

        assert not failure.value.unauthorized
        assert len(peer.received) == 1
