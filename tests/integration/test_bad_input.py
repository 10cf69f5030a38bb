"""What peers send that is wrong or odd, in every version: refused by name or put up with, and nothing changes by a
refusal.

Rows of the decision table have their tests in test_decision_table; here each version gets what is particular to it.
"""

import copy
import itertools
import json
import string
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from broker.ocpi import DIALECTS
from tests.peer import FLAT, Platform, Received, Reply, Served, encoded, envelope, new_token, platform_running, role
from tests.stack import Guest, Home, Stack
from tests.strategies import Place

pytestmark = pytest.mark.anyio

# What is refused is refused before the database: once is enough.
on_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True, scope="session")
BROAD = "\U0001f50c"


@dataclass(frozen=True, slots=True)
class Subject:
    """A peer that may POST (invited) or PUT (registered) in one version."""

    stack: Stack
    home: Home
    guest: Guest
    version: str
    method: str

    @property
    def flat(self) -> bool:
        return self.version in FLAT

    @property
    def party(self) -> str:
        """Where the fields of the only party are."""
        return "" if self.flat else "roles[0]."

    def body(self, **changes: Any) -> dict[str, Any]:
        """A credentials object in order, with a token that the peer accepts; changes are to its party."""
        return announced(self.guest.platform, self.version, self.guest.party, **changes)

    async def send(self, content: bytes | dict[str, Any], **more: Any) -> Reply:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        return await self.guest.sender.request(self.method, self.guest.sender.credentials_url, content=data, **more)

    async def snapshot(self) -> object:
        """All that a refusal must not change (RR-15, UR-08)."""
        peer = await self.home.peer(self.guest.name)
        held = (await self.home.held(self.guest.name)).token if self.method == "PUT" else None
        shown = (await self.home.verify(self.guest.sender.token, "credentials")).valid
        return peer.state, peer.version, peer.versions_url, str(peer.parties), str(peer.endpoints), shown, held


def announced(platform: Platform, version: str, party: str, **changes: Any) -> dict[str, Any]:
    """A credentials object as the version has it; a change to ... takes a field of the party away."""
    token = new_token()
    platform.accepted.add(token)
    entry = {name: value for name, value in {**role(party), **changes}.items() if value is not ...}
    common = {"token": token, "url": platform.versions_url}
    if version in FLAT:
        entry.pop("role", None)
        return {**common, **entry}
    return {**common, "roles": [entry]}


async def prepared(stack: Stack, home: Home, guest: Guest, version: str, method: str) -> Subject:
    """A subject that has done what comes before its method."""
    subject = Subject(stack, home, guest, version, method)
    guest.sender.credentials_url = f"{guest.sender.base}/{version}/credentials"
    if method == "PUT":
        reply = await guest.sender.request(
            "POST", guest.sender.credentials_url, content=json.dumps(subject.body()).encode()
        )
        assert reply.outcome == (200, 1000), reply
        guest.sender.token = reply.token
        await guest.sender.versions()  # so that the exchange is confirmed
    return subject


@dataclass(frozen=True, slots=True)
class Settled:
    subject: Subject
    before: object


OLDEST, *_, NEWEST = DIALECTS
SUBJECTS = [*((version, "POST") for version in DIALECTS), (OLDEST, "PUT"), (NEWEST, "PUT")]
WITH_ROLES = [(version, method) for version, method in SUBJECTS if version not in FLAT]
every_version = pytest.mark.parametrize("version", DIALECTS)


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


@pytest.fixture
async def fresh(stack: Stack, version: str) -> AsyncIterator[Subject]:
    """One invited peer for one test that succeeds."""
    home = await stack.home(versions=[version])
    async with stack.guest(home, version=version) as guest:
        yield await prepared(stack, home, guest, version, "POST")


# JSON that is none, or cannot be trusted to mean one thing (row 9)


def _nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


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
    "1,000 levels": _with_comment(_nested(1_000)),
    "100,000 levels": _with_comment(_nested(100_000)),
    "33 levels": _with_comment(_nested(32)),
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


# What is put up with


async def _party(subject: Subject) -> Any:
    (one,) = (await subject.home.peer(subject.guest.name)).parties
    return one


@every_version
@on_sqlite
async def test_fields_that_nobody_knows_are_ignored_wherever_they_are(fresh: Subject) -> None:
    """EN-09; a peer may send the fields of two versions together (Appendix C)."""
    details = {"name": "Kabelwerk", "logo": None, "website": None, "slogan": BROAD}
    body = fresh.body(business_details=details, evse_count=5, nested={"a": [None, 1.5e3, True]})
    country_code, party_id, _ = fresh.guest.party.split("/")
    extra = {} if fresh.flat else {"country_code": country_code, "party_id": party_id}

    reply = await fresh.send({**extra, "x-version": "1", "comment": json.loads(_nested(30)), **body})

    assert reply.outcome == (200, 1000)
    assert (await _party(fresh)).business_details.name == "Kabelwerk"


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (BROAD * 100, BROAD * 100),
        (BROAD * 101, BROAD * 100),
        ("e\u0301" * 50, "e\u0301" * 50),
        ("\u202eKabel\u200bwerk", "\u202eKabel\u200bwerk"),
        ("Kabel\twerk\x00", "Kabel werk "),
    ],
    ids=["100 characters", "101 characters", "combining", "right to left", "control"],
)
async def test_a_name_is_counted_in_characters_and_cut(fresh: Subject, name: str, kept: str) -> None:
    """TY-01, CO-40: in both databases, which count in different units."""
    reply = await fresh.send(fresh.body(business_details={"name": name}))

    assert reply.outcome == (200, 1000)
    assert (await _party(fresh)).business_details.name == kept


@every_version
@on_sqlite
async def test_a_token_of_64_characters_is_used_as_it_came(fresh: Subject) -> None:
    """CO-41."""
    token = "!~" * 31 + new_token()[-2:]
    fresh.guest.platform.accepted.add(token)

    reply = await fresh.send({**fresh.body(), "token": token})

    assert reply.outcome == (200, 1000)
    assert (await fresh.home.held(fresh.guest.name)).token == token


@every_version
@on_sqlite
async def test_a_url_of_255_characters_is_used_as_it_came(fresh: Subject) -> None:
    """TY-03, TR-14."""
    platform = fresh.guest.platform
    url = f"{platform.base}/{'a' * (254 - len(platform.base))}"

    async def listed(request: Received) -> Served:
        assert f"{platform.base}{request.path}" == url
        return envelope(platform.versions())

    platform.script["unknown"] = listed
    reply = await fresh.send({**fresh.body(), "url": url})

    assert (len(url), reply.outcome) == (255, (200, 1000))
    assert (await fresh.home.peer(fresh.guest.name)).versions_url == url


@every_version
@on_sqlite
async def test_ids_may_be_in_lower_case(fresh: Subject) -> None:
    """CO-43, A20."""
    country_code, party_id, _ = fresh.guest.party.split("/")

    reply = await fresh.send(fresh.body(country_code=country_code.lower(), party_id=party_id.lower()))

    found = await _party(fresh)
    assert reply.outcome == (200, 1000)
    assert (found.country_code, found.party_id) == (country_code, party_id)


LOGO = {"url": "https://peer.example/logo.png", "category": "OPERATOR", "type": "png"}


@every_version
@on_sqlite
async def test_the_width_of_a_logo_may_be_a_string(fresh: Subject) -> None:
    """F23; what is no number at all costs only itself."""
    details = {"name": "Kabelwerk", "logo": {**LOGO, "width": "512", "height": 1e400}}
    body = json.dumps(fresh.body(business_details=details)).replace("Infinity", "1e400")

    reply = await fresh.send(body.encode())

    logo = (await _party(fresh)).business_details.logo
    assert reply.outcome == (200, 1000)
    assert (logo.url, logo.width, logo.height) == (LOGO["url"], 512, 0)


@every_version
@on_sqlite
async def test_decoration_that_is_wrong_is_dropped(fresh: Subject) -> None:
    """CO-40."""
    details = {"name": "Kabelwerk", "website": "www.kabelwerk.example", "logo": {**LOGO, "category": "MASCOT"}}

    reply = await fresh.send(fresh.body(business_details=details))

    found = (await _party(fresh)).business_details
    assert reply.outcome == (200, 1000)
    assert found.website == ""


TIMES: dict[str, Any] = {
    "an offset": "2026-03-02T11:15:00+02:00",
    "zero offset": "2026-03-02T09:15:00+00:00",
    "no designator": "2026-03-02T09:15:00",
    "a fraction": "2026-03-02T09:15:00.1Z",
    "27 characters": "2026-03-02T09:15:00.123456Z",
    "a blank": "2026-03-02 09:15:00",
    "1970": "1970-01-01T00:00:00Z",
    "2099": "2099-12-31T23:59:60Z",
    "a number": 1772442900,
    "null": None,
    "rubbish": "yesterday",
}


@every_version
@on_sqlite
async def test_the_time_in_a_peers_answers_does_not_matter(fresh: Subject) -> None:
    """F16: whatever its clock says and however it writes it."""
    subject = fresh
    for name, timestamp in TIMES.items():
        platform = subject.guest.platform
        platform.script = {
            "versions": _answering(platform.versions, timestamp),
            "details": _answering(platform.details, timestamp),
        }
        reply = await subject.send(subject.body())
        assert reply.outcome == (200, 1000), name
        subject.guest.sender.token = reply.token
        subject = replace(subject, method="PUT")


def _answering(data: Callable[[], Any], timestamp: Any) -> Any:
    async def script(_: Received) -> Served:
        return envelope(data(), timestamp=timestamp)

    return script


@every_version
@on_sqlite
@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "Application/JSON;charset=utf-16", "???"]
)
async def test_the_content_type_does_not_matter(fresh: Subject, content_type: str | None) -> None:
    """What parses as JSON is JSON."""
    typed = {} if content_type is None else {"Content-Type": content_type}

    response = await fresh.stack.client.post(
        fresh.guest.sender.credentials_url,
        content=json.dumps(fresh.body()).encode(),
        headers={"Authorization": encoded(fresh.guest.sender.token), **typed},
    )

    assert (response.status_code, response.json()["status_code"]) == (200, 1000)
    assert response.headers["content-type"] == "application/json"


# As many as there may be

IDS = ["".join(letters) for letters in itertools.product(string.ascii_uppercase + string.digits, repeat=3)]


@pytest.mark.parametrize("version", [version for version in DIALECTS if version not in FLAT][-1:])
async def test_20_000_roles_are_taken_in_one_transaction_and_one_more_is_refused(stack: Stack, version: str) -> None:
    """F23."""
    home = await stack.home(versions=[version])
    invitation = await home.invite()
    async with platform_running(version=version) as platform:
        sender = stack.sender(invitation, platform)
        sender.credentials_url = f"{sender.base}/{version}/credentials"
        body = announced(platform, version, "SE/AAA/CPO")
        entries = [{**role(f"SE/{one}/CPO", "K"), "party_id": one} for one in IDS[:20_001]]

        refused = await sender.request("POST", sender.credentials_url, content=_with(body, entries))
        before = await home.peer(invitation.peer.name)
        taken = await sender.request("POST", sender.credentials_url, content=_with(body, entries[:-1]))
        after = await home.peer(invitation.peer.name)

    assert refused.outcome == (200, 2001)
    assert "roles" in refused.message
    assert len(before.parties) == 0
    assert taken.outcome == (200, 1000)
    assert len(after.parties) == 20_000


def _with(body: dict[str, Any], entries: list[dict[str, Any]]) -> bytes:
    return json.dumps({**body, "roles": entries}, separators=(",", ":")).encode()
