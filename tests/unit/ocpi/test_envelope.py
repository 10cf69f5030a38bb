"""The envelope, its timestamp, and JSON read strictly (EN-01 to EN-08, TY-07, TR-09, F23)."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.ocpi.dialect import ABSENT, Malformed
from broker.ocpi.envelope import (
    Envelope,
    EnvelopeError,
    NotJsonError,
    StatusCode,
    failure,
    loads,
    read_envelope,
    success,
    write_timestamp,
)
from tests.unit.ocpi.examples import example

NOW = datetime(2026, 3, 2, 9, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "moment",
    [NOW, NOW.replace(microsecond=123456), NOW.astimezone(timezone(timedelta(hours=2)))],
)
def test_a_timestamp_is_utc_with_z_and_without_fraction(moment):
    assert write_timestamp(moment) == "2026-03-02T09:15:00Z"


def test_a_timestamp_needs_a_time_zone():
    with pytest.raises(ValueError, match="time zone"):
        write_timestamp(NOW.replace(tzinfo=None))


def test_a_failure_is_written_as_in_the_examples():
    assert failure(StatusCode.CLIENT_ERROR, "already registered, use PUT", NOW) == example(
        "errors", "already_registered"
    )


def test_a_success_without_data_leaves_it_out():
    """EN-06."""
    assert success(ABSENT, NOW) == {
        "status_code": 1000,
        "status_message": "Success",
        "timestamp": "2026-03-02T09:15:00Z",
    }


def test_null_is_data():
    """UN-03: what DELETE answers in 2.0."""
    assert success(None, NOW) == {"data": None, **success(ABSENT, NOW)}


@pytest.mark.parametrize("data", [[], {}, [{"version": "2.2.1"}], {"token": "t"}])
def test_data_survives(data):
    assert read_envelope(json.dumps(success(data, NOW)).encode()) == Envelope(data)


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b'{"status_code":1000,"data":[]}', []),
        (b'{"status_code":"1000","data":[]}', []),
        (b'{"status_code":1999,"data":5,"timestamp":"yesterday"}', 5),
        (b'{"status_code":1000}', None),
        (b' {"status_code":1000,"data":null,"x":1} ', None),
    ],
)
def test_a_success_is_read(body, data):
    assert read_envelope(body).data == data


WHEN = "timestamp: must be a time of day in UTC, such as 2026-01-05T10:00:00Z"


@pytest.mark.parametrize(
    ("fields", "flaws"),
    [
        ({"status_code": "1000"}, ("status_code: is a number in a string",)),
        ({"timestamp": None}, ("timestamp: is missing",)),
        ({"timestamp": 5}, (WHEN,)),
        ({"timestamp": "yesterday"}, (WHEN,)),
        ({"timestamp": "2026-01-05T10:00:00+02:00"}, (WHEN,)),
        ({"timestamp": "2026-01-05 10:00:00Z"}, (WHEN,)),
        ({"timestamp": "2026-01-05T10:00:00"}, ()),
        ({"timestamp": "2026-01-05T10:00:00.123Z"}, ()),
        ({"status_message": None}, ()),
    ],
)
def test_what_is_not_right_around_the_data_is_said(fields, flaws):
    """EN-01, EN-04, TY-07, F16."""
    assert read_envelope(json.dumps(success([], NOW) | fields).encode()).flaws == flaws


@pytest.mark.parametrize("code", [2000, 2001, 2999, 3001, 4003, 9999])
def test_a_failure_is_raised_with_its_code_and_without_the_words_of_the_peer(code):
    body = json.dumps({"status_code": code, "status_message": "canary", "data": []}).encode()

    with pytest.raises(EnvelopeError) as raised:
        read_envelope(body)

    assert raised.value.code == code
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'"1000"',
        b"{}",
        b'{"status_code":null}',
        b'{"status_code":true}',
        b'{"status_code":1000.0}',
        b'{"status_code":999}',
        b'{"status_code":10000}',
        b'{"status_code":"1e3"}',
        b'{"data":[]}',
    ],
)
def test_what_is_no_envelope_is_refused(body):
    with pytest.raises(Malformed):
        read_envelope(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is not JSON"),
        (b"   ", "is not JSON"),
        (b"{", "is not JSON"),
        (b"{'a':1}", "is not JSON"),
        (b'{"a":1,}', "is not JSON"),
        (b'{"a":1}{"b":2}', "is not JSON"),
        (b"<html>", "is not JSON"),
        (b"\xef\xbb\xbf{}", "is not JSON"),
        ('{"a":1}'.encode("utf-16"), "is not UTF-8"),
        (b'"\xff"', "is not UTF-8"),
        (b'{"a":NaN}', "a number that JSON does not know"),
        (b'{"a":-Infinity}', "a number that JSON does not know"),
        (b'{"token":"a","token":"b"}', "the same key twice"),
        (b'{"a":{"url":"a","url":"a"}}', "the same key twice"),
        (b'{"to\\u006ben":"a","token":"b"}', "the same key twice"),
        (b'"\\ud800"', "half of a surrogate pair"),
        (b'{"\\udfff":[]}', "half of a surrogate pair"),
        (b"[" * 33 + b"]" * 33, "deeper than 32"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "deeper than 32"),
        (b"[" * 200_000, "deeper than 32"),
        (b"1" * 5_000, "a number that is too long"),
    ],
)
def test_what_cannot_be_trusted_to_mean_one_thing_is_not_json(body, said):
    with pytest.raises(NotJsonError, match=said):
        loads(body)


def test_a_refusal_does_not_repeat_the_text():
    with pytest.raises(NotJsonError) as raised:
        loads(b'{"token": "canary" oops}')

    assert "canary" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("body", "parsed"),
    [
        (b"[" * 32 + b"1" + b"]" * 32, None),
        ('{"n":"Rondje \u26a1"}'.encode(), {"n": "Rondje \u26a1"}),
        (b'"\\ud83d\\udd0c"', "\U0001f50c"),
        (b'[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
    ],
)
def test_sound_json_is_read(body, parsed):
    assert loads(body) == (parsed if parsed is not None else json.loads(body))


@given(st.binary(max_size=40))
def test_no_bytes_make_it_fail_otherwise(body):
    try:
        loads(body)
    except NotJsonError:
        return
