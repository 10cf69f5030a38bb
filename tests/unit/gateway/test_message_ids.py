"""Message ids: echoed if harmless, else replaced (ID-02 to ID-04, ID-07, F20)."""

from uuid import UUID

import pytest

from gateway.message_ids import MessageIds, read_message_ids

NEW = UUID("00000000-0000-4000-8000-000000000000")


def read(*headers):
    return read_message_ids(headers, lambda: NEW)


def test_both_are_taken_over():
    assert read((b"x-correlation-id", b"c 1"), (b"x-request-id", b"r-1")) == MessageIds("r-1", "c 1")


def test_missing_ones_are_made():
    assert read((b"host", b"x")) == MessageIds(str(NEW), str(NEW), sent=False)


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ([(b"x-request-id", b"r"), (b"x-correlation-id", b"c")], True),
        ([(b"x-request-id", b"r")], False),
        ([(b"x-correlation-id", b"c")], False),
        ([(b"x-request-id", b"r"), (b"x-correlation-id", b"")], False),
        ([], False),
    ],
)
def test_it_is_known_whether_both_were_sent(headers, sent):
    """ID-07: a request without them is served, and noted from 2.2 on."""
    assert read(*headers).sent is sent


def test_of_two_the_first_counts():
    assert read((b"x-request-id", b"one"), (b"x-request-id", b"two")).request_id == "one"


@pytest.mark.parametrize("value", [b"a", b"a" * 128, b"a b", b"0b6f5e3c-51d6-4b0e-8a26-0f7f6a3a8f11", b"~!\"'<>"])
def test_printable_ascii_is_echoed(value):
    assert read((b"x-request-id", value)).request_id == value.decode()


@pytest.mark.parametrize(
    "value", [b"", b" ", b" a", b"a ", b"a" * 129, b"a\tb", b"a\nb", b"a\x00", b"caf\xc3\xa9", b"\x7f"]
)
def test_anything_else_is_replaced(value):
    assert read((b"x-request-id", value)).request_id == str(NEW)


def test_they_become_headers():
    assert MessageIds("r", "c").headers == [(b"x-request-id", b"r"), (b"x-correlation-id", b"c")]
