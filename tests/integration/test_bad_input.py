"""What peers send that is wrong, in every version: refused by name, and nothing changes by a refusal.

Rows of the decision table have their tests in decision_table; here each version gets what is particular to it.
"""

import copy
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from broker.ocpi import DIALECTS
from tests.integration.announcing_peers import BROAD, NEWEST, OLDEST, Subject, announced, arrays, on_sqlite, prepared
from tests.peer import FLAT
from tests.stack import Stack
from tests.strategies import Place

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, slots=True)
class Settled:
    subject: Subject
    before: object


SUBJECTS = [*((version, "POST") for version in DIALECTS), (OLDEST, "PUT"), (NEWEST, "PUT")]
WITH_ROLES = [(version, method) for version, method in SUBJECTS if version not in FLAT]


@pytest.fixture(scope="module", params=SUBJECTS, ids="-".join)
async def settled(request: pytest.FixtureRequest, stack: Stack) -> AsyncIterator[Settled]:
    """One for all refusals, because none of them may change it; at the end it still may do what it came for."""
    version, method = request.param
    home = await stack.home(versions=[version])
    async with stack.guest(home, version=version) as guest:
        subject = await prepared(stack, home, guest, version, method)
        yield Settled(subject, await subject.snapshot())
        assert (await subject.send(subject.body())).outcome == (200, 1000)


@pytest.fixture
async def subject(settled: Settled) -> AsyncIterator[Subject]:
    """For one refusal: it causes no call and changes nothing."""
    received = settled.subject.guest.platform.received
    received.clear()
    yield settled.subject
    assert received == []
    assert await settled.subject.snapshot() == settled.before


# JSON that is none, or cannot be trusted to mean one thing (row 9)


def _with_comment(comment: bytes) -> Callable[[bytes], bytes]:
    """The body with one more field, of which nothing but its JSON matters."""
    return lambda body: body[:-1] + b', "comment": ' + comment + b"}"


NOT_JSON: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "blanks": lambda _: b" \r\n\t",
    "a byte order mark": lambda body: b"\xef\xbb\xbf" + body,
    "UTF-16": lambda body: body.decode().encode("utf-16"),
    "a form": lambda _: b"token=abc&url=https%3A%2F%2Fpeer.example",
    "XML": lambda _: b"<credentials/>",
    "NaN": _with_comment(b"NaN"),
    "Infinity": _with_comment(b"Infinity"),
    "-Infinity": _with_comment(b"[-Infinity]"),
    "1,000 levels": _with_comment(arrays(1_000)),
    "100,000 levels": _with_comment(arrays(100_000)),
    "33 levels": _with_comment(arrays(32)),
    "half of a surrogate pair": _with_comment(b'"\\ud83d"'),
    "a key twice": _with_comment(b'1, "comment": 1'),
    "a key twice within": _with_comment(b'{"a": 1, "b": 2, "a": 1}'),
    "party_id twice": lambda body: body.replace(b'"party_id"', b'"party_id": "XXX", "party_id"'),
    "token twice": lambda body: body.replace(b'"token"', b'"token": "first", "token"'),
    "5,000 digits": _with_comment(b"9" * 5_000),
    "a comma too many": lambda body: body[:-1] + b",}",
    "a comment": lambda body: body + b"// Kabelwerk",
}


@on_sqlite
@pytest.mark.parametrize("settled", [(NEWEST, "POST"), (NEWEST, "PUT")], ids="-".join, indirect=True, scope="module")
@pytest.mark.parametrize("spoilt", NOT_JSON.values(), ids=NOT_JSON)
async def test_what_cannot_be_trusted_to_mean_one_thing_is_400(
    subject: Subject, spoilt: Callable[[bytes], bytes]
) -> None:
    """SC-01, TR-09, F23."""
    body = subject.body()

    reply = await subject.send(spoilt(json.dumps(body).encode()))

    assert reply.outcome == (400, 2001)
    assert body["token"] not in reply.message


# Objects that break a rule (row 11)


def _required(version: str) -> list[Place]:
    party = ("business_details", "party_id", "country_code")
    if version in FLAT:
        return [Place((name,)) for name in ("token", "url", *party)] + [Place(("business_details", "name"))]
    inner = [Place(("roles", 0, name)) for name in ("role", *party)]
    return [Place((name,)) for name in ("token", "url", "roles")] + [*inner, Place((*inner[1].steps, "name"))]


@on_sqlite
async def test_null_for_a_required_field_is_2001_and_named(subject: Subject) -> None:
    """EN-10, CO-39: as if it were missing."""
    for place in _required(subject.version):
        body = subject.body()

        reply = await subject.send(place.replaced(body, None))

        assert reply.outcome == (200, 2001), place
        assert str(place) in reply.message, place
        assert body["token"] not in reply.message


Spoil = Callable[[Subject, dict[str, Any]], tuple[dict[str, Any], str]]


def _at_top(name: str, value: Any) -> Spoil:
    return lambda _, body: ({**body, name: value}, name)


def _at_party(name: str, value: Any) -> Spoil:
    return lambda subject, _: (subject.body(**{name: value}), f"{subject.party}{name}")


def _other_shape(subject: Subject, body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """CO-44: the flat object where roles are due, and the other way round."""
    other = "2.2.1" if subject.flat else "2.1.1"
    made = announced(subject.guest.platform, other, subject.guest.party)
    return {**made, "token": body["token"]}, "roles"


INVALID: dict[str, Spoil] = {
    "the shape of other versions": _other_shape,
    "a token of 65 characters": _at_top("token", "t" * 65),
    "a token with a blank": _at_top("token", "Token of-theirs"),
    "a token with a line feed": _at_top("token", "of-theirs\n"),
    "a token beyond ASCII": _at_top("token", f"of-theirs{BROAD}"),
    "a token in a list": _at_top("token", ["of-theirs"]),
    "a url of 256 characters": lambda subject, body: (
        {**body, "url": body["url"] + "a" * (256 - len(body["url"]))},
        "url",
    ),
    "a url with a blank": _at_top("url", "https://peer.example/ocpi versions"),
    "a url beyond ASCII": _at_top("url", "https://peer.example/\xe4"),
    "a url without a host": _at_top("url", "https:///versions"),
    "a url with an impossible port": _at_top("url", "https://peer.example:99999/versions"),
    "a url whose xn-- host stands for nothing": _at_top("url", "https://xn--a.com/versions"),
    "a url that is #NA": _at_top("url", "#NA"),
    "a party_id of two": _at_party("party_id", "KW"),
    "a party_id of four": _at_party("party_id", "KWLX"),
    "a party_id that is #NA": _at_party("party_id", "#NA"),
    "a party_id beyond ASCII": _at_party("party_id", "K\uff37L"),
    "a party_id that grows in upper case": _at_party("party_id", "K\xdf"),
    "a country_code of three": _at_party("country_code", "DEU"),
    "a country_code of one": _at_party("country_code", "D"),
    "a country_code beyond ASCII": _at_party("country_code", "D\u0415"),
    "business_details that are a name": _at_party("business_details", "Kabelwerk"),
    "business_details in a list": _at_party("business_details", [{"name": "Kabelwerk"}]),
    "a name that is empty": lambda subject, _: (
        subject.body(business_details={"name": ""}),
        f"{subject.party}business_details.name",
    ),
    "a name that is a number": lambda subject, _: (
        subject.body(business_details={"name": 100}),
        f"{subject.party}business_details.name",
    ),
}


@on_sqlite
@pytest.mark.parametrize("spoil", INVALID.values(), ids=INVALID)
async def test_an_object_that_breaks_a_rule_is_2001_and_says_where(subject: Subject, spoil: Spoil) -> None:
    """CO-39, SC-02."""
    body, path = spoil(subject, subject.body())

    reply = await subject.send(body)

    assert reply.outcome == (200, 2001)
    assert path in reply.message
    assert str(body["token"]) not in reply.message


@on_sqlite
@pytest.mark.parametrize("settled", WITH_ROLES, ids="-".join, indirect=True, scope="module")
async def test_a_party_after_the_first_is_named_by_its_index(subject: Subject) -> None:
    body = subject.body()
    body["roles"].append({**copy.deepcopy(body["roles"][0]), "party_id": "TOO LONG"})

    reply = await subject.send(body)

    assert reply.outcome == (200, 2001)
    assert "roles[1].party_id" in reply.message
