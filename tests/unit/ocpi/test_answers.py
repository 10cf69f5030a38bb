"""What a peer answers to our POST or PUT: the token is found in whatever came, and in what is none it is not (F12)."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.model import Role, Token
from broker.ocpi import DIALECTS
from broker.ocpi.answers import read_answer
from broker.ocpi.envelope import EnvelopeError
from tests import strategies
from tests.strategies import settled

OFFERED = Token("ours-55d1c0f2a9b34e78")
THEIRS = "theirs-0a1b2c3d4e5f"
URL = "https://peer.example/ocpi/versions"
ROLE = {"role": "CPO", "country_code": "DE", "party_id": "KWL", "business_details": {"name": "Kabelwerk"}}
OBJECT = {"token": THEIRS, "url": URL, "roles": [ROLE]}
MOST = 4 << 20
SECONDS = 20.0
"""For the worst that fits into an answer, on a machine that is busy; it takes one or two."""

every_version = pytest.mark.parametrize("version", DIALECTS)


def envelope(data, **more):
    return {"status_code": 1000, "timestamp": "2026-01-05T10:00:00Z", "data": data, **more}


def read(body, *, version="2.2.1", success=True):
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_answer(DIALECTS[version], octets, OFFERED, success=success)


def refused(body, **more):
    with pytest.raises(ValueError) as raised:
        read(body, **more)
    return raised.value


@every_version
@pytest.mark.parametrize(
    "body",
    [
        envelope(OBJECT),
        OBJECT,
        {"token": THEIRS},
        envelope({"token": THEIRS}),
        envelope([OBJECT]),
        envelope({"credentials": OBJECT}),
        envelope(envelope(OBJECT)),
        envelope(None, **OBJECT),
        envelope(json.dumps(OBJECT)),
        json.dumps(envelope(OBJECT)),
        envelope(THEIRS),
        {"data": OBJECT},
        {"status_code": 200, "data": OBJECT},
        {"success": True, "result": {"Token": THEIRS, "url": URL}},
        envelope({"token": f" {THEIRS}\r\n"}),
        envelope({"token": [THEIRS]}),
        envelope([{"token": OFFERED.reveal()}, OBJECT]),
        envelope(OBJECT | {"token": OFFERED.reveal()}, token=THEIRS),
    ],
    ids=lambda body: str(body)[:40],
)
def test_a_token_is_kept_wherever_it_stands(version, body):
    assert read(body, version=version).token == Token(THEIRS)


@every_version
@pytest.mark.parametrize(
    "text",
    [
        '{"data":{"token":"%s","url":"https://peer.example/ocpi',
        '{"data":{"token" : "%s","roles":[],},}',
        'Notice: x in y.php\n{"token":"%s"}',
        '{"data":{"token":"%s","load":NaN}}',
        '{"data":{"token":"%s"},"data":null}',
        '\ufeff{"data":{"token":"%s"}}',
        '{"data":{"token":"%s","name":"Kabel\nwerk"}}',
        '{"data":{"token":"%s","name":"\\ud83d"}}',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32"])
def test_a_token_is_kept_in_what_is_hardly_json(version, text, encoding):
    assert read((text % THEIRS).encode(encoding), version=version).token == Token(THEIRS)


def test_a_token_ends_where_its_string_ends():
    """And not at the last quote of a body without blanks."""
    assert read(b'{"token":"abc","url":"https://peer.example/v",').token == Token("abc")


def test_escapes_are_undone_where_no_json_is_left():
    assert read(rb'{"token":"b\/Q8\u002bzT1","url"').token == Token("b/Q8+zT1")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"OK",
        b"<html></html>",
        b'{"data":{"token":"abc',
        {"success": False, "errors": {"token": "required"}},
        envelope("Registered"),
        envelope("https://peer.example/ocpi/2.2.1/credentials/7"),
        envelope(json.dumps({"message": "registered"}, separators=(",", ":"))),
        envelope({"token": OFFERED.reveal()}),
        envelope(OBJECT | {"token": OFFERED.reveal()}),
        envelope({"detail": [{"input": {"token": OFFERED.reveal(), "url": URL}}]}),
        f'{{"token":"{OFFERED.reveal()}",'.encode(),
        *(envelope({"token": value}) for value in (None, "", " ", "#NA", "two words", "t\xf6ken", True, 1.5, {}, [])),
    ],
)
def test_what_is_no_token_for_us_is_not_taken_for_one(body):
    refused(body)


def test_a_token_that_is_ours_is_said_to_be():
    assert str(refused(envelope(OBJECT | {"token": OFFERED.reveal()}))) == "token: is the one that we sent"


@pytest.mark.parametrize("code", [2000, 2001, 3001, 7010])
def test_a_refusal_is_one_whatever_stands_beside_it(code):
    error = refused(envelope(OBJECT, status_code=code, status_message="no"))

    assert isinstance(error, EnvelopeError)
    assert (error.code, error.said) == (code, "no")


@pytest.mark.parametrize(("body", "kept"), [(envelope({"token": THEIRS}), True), ({"token": THEIRS}, False)])
def test_without_a_success_of_http_the_envelope_has_to_report_one(body, kept):
    """A8."""
    if kept:
        assert read(body, success=False).token == Token(THEIRS)
    else:
        refused(body, success=False)


@pytest.mark.parametrize(
    ("body", "warnings"),
    [
        (envelope(OBJECT), ()),
        ({"data": OBJECT}, ("status_code: must be a number of four digits",)),
        (OBJECT, ("data: is missing; the object stands without an envelope",)),
        (envelope([OBJECT]), ("data[0]: is where the object stands; it must be data",)),
        (envelope(json.dumps(OBJECT)), ("data: is JSON in a string",)),
        (envelope(THEIRS), ("data: is a token instead of an object with one",)),
        (envelope(OBJECT | {"roles": [ROLE, ROLE]}), ("roles[1]: names the same party in the same role again",)),
        (envelope(OBJECT, timestamp=None) | {"status_code": "1000"},
         ("status_code: is a number in a string", "timestamp: is missing")),
        (envelope({"Token": THEIRS, "url": "/v", "roles": ROLE | {"role": "cpo"}}, timestamp=None),
         ("timestamp: is missing", "token: is written in other letters",
          "url: must be an absolute URL; the one that we know was kept",
          "roles: is an object instead of a list", "roles[0].role: must be written in upper case")),
    ],
)  # fmt: skip
def test_every_oddity_is_said_once(body, warnings):
    assert read(body).warnings == warnings


def test_parties_are_read_in_the_shape_of_any_version():
    flat = {"token": THEIRS, "url": URL, "country_code": "de", "party_id": "kwl"}

    (party,) = read(envelope(flat)).parties

    assert (party.country_code, party.party_id, party.role, party.details) == ("DE", "KWL", None, None)


@pytest.mark.parametrize("written", ["NLHBT", "nlhbt", "NL*HBT"])
def test_a_hub_is_read_and_what_stands_in_for_it_is_not(written):
    stand_in = {"role": "OTHER", "country_code": "NL", "party_id": "HBT"}
    body = envelope({"token": THEIRS, "url": URL, "hub_party_id": written, "roles": [stand_in]})

    (hub,) = read(body, version="2.3.0").parties

    assert (hub.country_code, hub.party_id, hub.role) == ("NL", "HBT", Role.HUB)


@pytest.mark.parametrize("name", [THEIRS, "x" * 5000, "a\x1b[31m", "\ud83d", "z\u0308"])
def test_names_that_a_peer_chose_are_not_repeated(name):
    """They may be long, garbled, or a token."""
    found = read(envelope({name: OBJECT}))

    assert found.token == Token(THEIRS)
    assert name not in " ".join(found.warnings)
    "".join(found.warnings).encode()


def test_a_name_that_is_a_word_is_not_repeated_if_it_is_the_token():
    body = envelope({"wordlikesecret": {"token": "wordlikesecret", "url": URL}})

    assert "wordlikesecret" not in " ".join(read(body).warnings)


def test_half_an_emoji_goes_no_further():
    """No database takes it."""
    body = json.dumps(envelope(OBJECT)).replace("Kabelwerk", "Kabel\\ud83d").encode()

    (party,) = read(body).parties

    assert party.details.name == "Kabel "


HOSTILE = {
    "nested lists": b"[" * MOST,
    "nested objects": b'{"a":' * (MOST // 5),
    "nested and closed": b"[" * (MOST // 2) + b"]" * (MOST // 2),
    "objects without a token": b"[" + b"{}," * (MOST // 3 - 1) + b"{}]",
    "200,000 objects with an empty token": b'{"x":[' + b'{"token":""},' * 200_000 + b"{}]}",
    "200,000 fields": json.dumps({f"k{number}": {"token": ""} for number in range(170_000)}).encode(),
    "keys that begin": b'"token":"' * (MOST // 9),
    "keys and blanks": (b'"token"' + b" " * 1000) * (MOST // 1007),
    "strings that do not end": (b'"token":"' + b"a" * 2040) * (MOST // 2049),
    "escapes": (b'"token":"' + b"\\\\" * 1500) * (MOST // 3009),
    "our own token": f'"token":"{OFFERED.reveal()}",'.encode() * (MOST // 32),
    "json in json": json.dumps(json.dumps(json.dumps([{"token": ""}] * 30_000))).encode(),
    "many strings of json": json.dumps(["[" + "0," * 9000 + "0]"] * 200).encode(),
    "a long number": b"1" * MOST,
    "zeros": b"\x00" * MOST,
    "utf-16": b"\xff\xfe" + b"[\x00" * (MOST // 2),
    "a long name": b'{"' + b"n" * (MOST - 100) + b'":{"token":"theirs-0a1b2c3d4e5f"}}',
}  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("success", [True, False])
def test_the_worst_that_fits_is_read_in_time(body, success):
    """As long as reading the same as a request takes, and a little; never with the square of its length."""
    began = time.perf_counter()
    try:
        found = read(body, success=success)
    except ValueError:
        pass
    else:
        assert found.token != OFFERED
        assert sum(map(len, found.warnings)) < 10_000
    assert time.perf_counter() - began < SECONDS


@every_version
@given(body=st.binary(max_size=200), success=st.booleans())
@settled
def test_no_bytes_make_it_fail_otherwise(version, body, success):
    try:
        read(body, version=version, success=success)
    except ValueError:
        return


def garbled(value):
    """The bytes of a document, cut or with some replaced."""
    octets = json.dumps(value).encode()
    return st.one_of(
        st.just(octets),
        st.integers(0, len(octets)).map(lambda end: octets[:end]),
        st.tuples(st.integers(0, max(len(octets) - 1, 0)), st.binary(max_size=3)).map(
            lambda change: octets[: change[0]] + change[1] + octets[change[0] + 1 :]
        ),
    )


@every_version
@settled
@given(data=st.data())
def test_whatever_comes_back_is_a_token_of_theirs_or_a_refusal(version, data):
    """Objects with something wrong in them, in which our own token may stand, cut and garbled."""
    value = data.draw(strategies.mutated(strategies.credentials(data.draw(st.sampled_from(list(DIALECTS))))))
    if isinstance(value, dict) and data.draw(st.booleans()):
        value = value | {"token": OFFERED.reveal()}
    wrapped = data.draw(st.sampled_from([value, envelope(value), envelope([value]), envelope(json.dumps(value))]))
    body = data.draw(garbled(wrapped))

    try:
        found = read(body, version=version, success=data.draw(st.booleans()))
    except ValueError:
        return
    assert found.token != OFFERED
    " ".join([*found.warnings, *(party.details.name for party in found.parties if party.details)]).encode()


@every_version
@settled
@given(data=st.data())
def test_no_field_but_the_token_can_cost_it(version, data):
    """F-B: whatever is wrong with the rest, a legal token in its place is kept."""
    value = data.draw(strategies.mutated(strategies.credentials(version)))
    rest = value if isinstance(value, dict) else {"rest": value}

    found = read(envelope(rest | {"token": THEIRS}), version=version)

    assert found.token == Token(THEIRS)
