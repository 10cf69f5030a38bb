"""The Authorization header as peers may send it: 401 unless it is exactly a token that we know (AU-12, AU-14)."""

import asyncio
import itertools
import json
import re
from contextlib import closing
from dataclasses import dataclass
from socket import create_connection
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.ocpi import DIALECTS
from tests.peer import Sender, encoded, raw
from tests.stack import Guest, Stack
from tests.strategies import settled

pytestmark = [
    pytest.mark.anyio,
    # A header is read before the database is asked.
    pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True, scope="session"),
]

# Others of Appendix B: real tokens, none of which is known here.
STRANGERS = [
    "ZXhhbXBsZS10b2tlbg==",
    "ZXhhbXBsZS10b2tlbgo=",
    "ZXhhbXBsZS10b2tlbg",
    "WlhoaGJYQnNaUzEwYjJ0bGJnPT0=",
    "NWM2YTlmMGUtN2QxYi00YjhlLTlhMzQtMmYwZDYxYzdiZTU1",
    "5c6a9f0e-7d1b-4b8e-9a34-2f0d61c7be55",
    "b7d0c1e2-0f43-4a6e-8d59-3c1a7e92f640",
    "!",
    "~",
    "IQ==",
    "fg==",
    "!~" * 32,
    "0123456789abcdef" * 4,
]


def _value(header: str) -> str:
    return header.removeprefix("Token ")


def accepted(token: str) -> list[str]:
    """Every spelling that means the token (AU-02 to AU-06, A1, A2)."""
    base64 = _value(encoded(token))
    return [
        raw(token),
        encoded(token),
        f"token {base64}",
        f"TOKEN {token}",
        f"Token  {base64}",
        encoded(f"{token}\n"),
        encoded(f"{token}\r\n"),
    ]


def refused(token: str) -> list[str]:
    base64 = _value(encoded(token))
    return [
        "Token",
        token,
        base64,
        f"Bearer {base64}",
        f"Basic {base64}",
        f"Token {_value(encoded(base64))}",
        f"Token a {token}",
        f"Token {token} b",
        f"Token\t{base64}",
        f"Token:{base64}",
        f'Token "{token}"',
        f"Token {token},Token {token}",
        f"Token {token}\xe9",
        f"Token {base64}{'=' * 10}",
        f"Token {'a' * 10_000}",
        *(f"Token {stranger}" for stranger in STRANGERS),
    ]


async def _shown(sender: Sender, url: str, value: str) -> int:
    headers: Any = [("Authorization", value.encode("latin-1"))]
    return (await sender.request("GET", url, headers=headers)).status


@pytest.mark.parametrize("version", DIALECTS)
async def test_a_token_is_known_in_every_form_that_means_it_and_in_no_other(stack: Stack, version: str) -> None:
    """Appendix B, with the token of an invitation: both forms in every version."""
    async with stack.guest(await stack.home(versions=[version])) as guest:
        url = f"{guest.sender.base}/{version}"

        good = {value: await _shown(guest.sender, url, value) for value in accepted(guest.sender.token)}
        bad = {}
        for number, value in enumerate(refused(guest.sender.token)):
            guest.sender.source = f"198.51.100.{number + 1}"  # failures of one source are limited
            bad[value] = await _shown(guest.sender, url, value)

    assert [value for value, status in good.items() if status != 200] == []
    assert [value for value, status in bad.items() if status != 401] == []


async def test_two_headers_are_refused_even_if_both_are_good(guest: Guest) -> None:
    headers = [("Authorization", raw(guest.sender.token)), ("Authorization", encoded(guest.sender.token))]

    reply = await guest.sender.request("GET", guest.sender.versions_url, headers=headers)

    assert reply.status == 401


# Bytes that no client library would send


@dataclass(frozen=True, slots=True)
class Wire:
    """Requests written byte by byte."""

    host: str
    port: int
    path: str

    def get(self, values: list[bytes], source: str) -> tuple[int, dict[str, Any], bytes]:
        """Status, envelope and head of the answer."""
        lines = [f"GET {self.path} HTTP/1.1".encode(), b"Host: gateway", b"Connection: close"]
        lines += [f"X-Forwarded-For: {source}".encode(), *(b"Authorization: " + value for value in values)]
        with closing(create_connection((self.host, self.port), timeout=10)) as connection:
            connection.sendall(b"\r\n".join([*lines, b"", b""]))
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body), head.lower()


def headers_about(token: str) -> st.SearchStrategy[list[bytes]]:
    """Anything in latin-1 but the end of a line, with the pieces of which good headers are made."""
    noise = st.text(st.characters(max_codepoint=0xFF, exclude_characters="\r\n\x00"), max_size=300)
    pieces = st.sampled_from(["Token", "token ", "Token ", " ", "\t", ",", "=", token, _value(encoded(token))])
    value = st.one_of(noise, st.lists(st.one_of(pieces, pieces, noise), max_size=4).map("".join))
    known = st.sampled_from(accepted(token))
    return st.lists(st.one_of(value, known).map(lambda text: text.encode("latin-1")), max_size=2)


def means(token: str, values: list[bytes]) -> bool:
    """Whether the headers show the token, by the words of the specification."""
    spellings = "|".join(re.escape(_value(text)) for text in (raw(token), *map(encoded, _with_line_ends(token))))
    whole = re.compile(rf"[ \t]*token +({spellings})[ \t]*", re.IGNORECASE)
    found = [whole.fullmatch(value.decode("latin-1")) for value in values]
    return len(found) == 1 and found[0] is not None and found[0][1] in spellings.replace("\\", "").split("|")


def _with_line_ends(token: str) -> list[str]:
    return [token, f"{token}\n", f"{token}\r\n"]


async def test_no_bytes_in_the_header_are_more_than_a_refusal(stack: Stack, guest: Guest) -> None:
    """AU-12: never 5xx; 400 only for what is no HTTP; 200 for exactly a known token."""
    token, address = guest.sender.token, stack.http.removeprefix("http://")
    host, _, port = address.rpartition(":")
    wire = Wire(host, int(port), guest.sender.versions_url.removeprefix(stack.http))
    sources = (f"198.51.{n // 250}.{n % 250 + 1}" for n in itertools.count())

    @settings(settled, max_examples=150)
    @given(headers_about(token))
    def attack(values: list[bytes]) -> None:
        status, envelope, head = wire.get(values, next(sources))
        control = any((byte < 0x20 and byte != 0x09) or byte == 0x7F for value in values for byte in value)
        expected = {200} if means(token, values) else {401, 400} if control else {401}
        assert status in expected, (values, status)
        assert envelope["status_code"] == (1000 if status == 200 else 2000)
        assert b"\r\nx-request-id: " in head
        assert b"\r\nx-correlation-id: " in head
        assert b"\r\ncontent-type: application/json" in head

    await asyncio.to_thread(attack)
