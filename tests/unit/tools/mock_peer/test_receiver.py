"""What a mock peer without faults answers: a correct strict platform."""

import asyncio
from base64 import b64encode
from typing import Any

import pytest

from broker.core.model import HeaderForm
from broker.tools.mock_peer.platform import MockPeer, mock_peer
from tests.unit.tools.mock_peer.conftest import announcement, asked, posted

pytestmark = pytest.mark.anyio

CREDENTIALS = "/ocpi/2.2.1/credentials"
LOCATIONS = "/ocpi/2.2.1/sender/locations"


async def test_an_invitation_opens_the_lists_and_credentials_and_nothing_else(receiver: MockPeer) -> None:
    listed = await asked(receiver, "GET", "/ocpi/versions", receiver.token)
    details = await asked(receiver, "GET", "/ocpi/2.2.1", receiver.token)
    own = await asked(receiver, "GET", CREDENTIALS, receiver.token)

    assert listed.json["data"] == [{"version": "2.2.1", "url": f"{receiver.base}/ocpi/2.2.1"}]
    assert {entry["identifier"] for entry in details.json["data"]["endpoints"]} >= {"credentials", "locations"}
    assert own.json["data"]["token"] == receiver.token
    assert (await asked(receiver, "GET", LOCATIONS, receiver.token)).outcome == (401, 2000)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_with_an_invitation_there_is_neither_put_nor_delete(receiver: MockPeer, method: str) -> None:
    answer = await asked(receiver, method, CREDENTIALS, receiver.token)

    assert answer.outcome == (405, 2000)
    assert answer.headers["allow"] == "GET, POST"


@pytest.mark.parametrize("path", ["/ocpi/versions", "/ocpi/2.2.1", CREDENTIALS, LOCATIONS, "/elsewhere"])
@pytest.mark.parametrize("token", [None, "stranger"])
async def test_a_stranger_learns_nothing(receiver: MockPeer, path: str, token: str | None) -> None:
    answer = await asked(receiver, "GET", path, token)

    assert answer.outcome == (401, 2000)
    assert answer.headers["www-authenticate"] == "Token"


async def test_post_calls_back_and_replaces_the_invitation(receiver: MockPeer, sender: MockPeer) -> None:
    first = receiver.token
    answer = await posted(receiver, sender)
    issued = answer.json["data"]["token"]

    assert answer.outcome == (200, 1000)
    assert [event.resource for event in sender.journal.find(event="request")] == ["versions", "details"]
    assert receiver.issued == {issued}
    assert (await asked(receiver, "GET", LOCATIONS, issued)).outcome == (200, 1000)
    assert (await posted(receiver, sender, first)).outcome == (401, 2000)
    again = await posted(receiver, sender, issued)
    assert again.outcome == (405, 2000)
    assert again.headers["allow"] == "GET, PUT, DELETE"


async def test_put_replaces_the_token_at_once(receiver: MockPeer, sender: MockPeer) -> None:
    first = (await posted(receiver, sender)).json["data"]["token"]

    answer = await asked(receiver, "PUT", CREDENTIALS, first, announcement(sender))

    assert answer.outcome == (200, 1000)
    assert (await asked(receiver, "GET", "/ocpi/versions", first)).status == 401
    assert (await asked(receiver, "GET", "/ocpi/versions", answer.json["data"]["token"])).status == 200


async def test_delete_ends_both_tokens(receiver: MockPeer, registered: MockPeer) -> None:
    issued = registered.held

    answer = await asked(receiver, "DELETE", CREDENTIALS, issued)

    assert answer.outcome == (200, 1000)
    assert "data" not in answer.json
    assert (receiver.held, receiver.issued, receiver.registered) == (None, frozenset(), False)
    assert (await asked(receiver, "DELETE", CREDENTIALS, issued)).status == 401


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b"{", (400, 2001)),
        (b"", (400, 2001)),
        ([], (200, 2001)),
        ({"token": "x"}, (200, 2001)),
        ({"token": "x", "url": "http://127.0.0.1:9/", "roles": []}, (200, 2001)),
    ],
)
async def test_a_bad_body_leaves_the_invitation_usable(
    receiver: MockPeer, sender: MockPeer, body: Any, outcome: tuple[int, int]
) -> None:
    assert (await asked(receiver, "POST", CREDENTIALS, receiver.token, body)).outcome == outcome

    assert (await posted(receiver, sender)).outcome == (200, 1000)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("http:500@versions", 3001),
        ("html@details", 3001),
        ("wrong-version-in-details", 3002),
        ("missing-version", 3002),
        ("missing-module:credentials", 3003),
    ],
)
async def test_callbacks_that_fail_leave_the_invitation_usable(
    receiver: MockPeer, sender: MockPeer, fault: str, code: int
) -> None:
    sender.fault(fault)
    assert (await posted(receiver, sender)).outcome == (200, code)
    assert (receiver.registered, receiver.issued) == (False, frozenset())

    sender.no_fault()
    assert (await posted(receiver, sender)).outcome == (200, 1000)


async def test_it_can_be_kept_on_this_machine(sender: MockPeer) -> None:
    """Whoever registers names the URL that is called."""
    async with mock_peer(local=True) as receiver:
        answer = await posted(receiver, sender, url="https://ocpi.example.com/versions")
        assert answer.outcome == (200, 3001)
        assert "not on this machine" in answer.json["status_message"]
        assert (await posted(receiver, sender)).outcome == (200, 1000)


async def test_of_two_posts_at_once_one_succeeds(receiver: MockPeer, sender: MockPeer) -> None:
    sender.fault("slow:0.2@versions")

    answers = await asyncio.gather(posted(receiver, sender), posted(receiver, sender))

    assert sorted(answer.outcome for answer in answers) == [(200, 1000), (200, 3000)]
    assert len(receiver.issued) == 1


@pytest.mark.parametrize(
    ("partners", "outcome"),
    [
        ([], (200, 1000)),
        (["NL/LMH/EMSP"], (200, 1000)),
        (["DE/KWL/CPO", "NL/*/EMSP"], (200, 1000)),
        (["NL/LMH/CPO"], (200, 2001)),
        (["DE/*/*"], (200, 2001)),
    ],
)
async def test_it_can_be_told_who_may_register(sender: MockPeer, partners: list[str], outcome: tuple[int, int]) -> None:
    async with mock_peer(partners=partners) as receiver:
        answer = await posted(receiver, sender)

    assert answer.outcome == outcome
    assert (outcome[1] == 1000) != ("roles[0]" in answer.json["status_message"])


async def test_a_token_of_ours_is_none_of_theirs(receiver: MockPeer, sender: MockPeer) -> None:
    """CO-41: also one that belongs to another invitation; nobody is called back."""
    for token in (receiver.token, receiver.invite(), "x" * 65):
        answer = await posted(receiver, sender, receiver.token, token=token)
        assert answer.outcome == (200, 2001)
        assert answer.json["status_message"].startswith("token: ")
        assert token not in answer.json["status_message"]
    assert sender.journal.find(event="request") == []
    assert (await posted(receiver, sender)).outcome == (200, 1000)


async def test_a_put_falls_back_to_the_token_before(receiver: MockPeer, registered: MockPeer) -> None:
    """UR-06: when the other side does not take its new token yet, in either form. A POST has no token before."""
    held = receiver.held
    changes = {"token": "not-accepted-yet"}

    answer = await asked(receiver, "PUT", CREDENTIALS, registered.held, {**announcement(registered), **changes})

    assert answer.outcome == (200, 1000)
    assert receiver.held == "not-accepted-yet"
    shown = [event.token for event in receiver.journal.find(event="call", resource="versions")[-3:]]
    assert len(set(shown[:2])) == 1
    assert shown[2][:6] == str(held)[:6]
    assert (await posted(receiver, registered, receiver.invite(), **changes)).outcome == (200, 3001)


async def test_lenient_lost_answers_can_be_repeated() -> None:
    async with mock_peer(lenient=True) as receiver, mock_peer(parties=["NL/LMH/EMSP"]) as sender:
        first = (await posted(receiver, sender)).json["data"]["token"]
        second = (await posted(receiver, sender)).json["data"]["token"]
        assert (await asked(receiver, "GET", "/ocpi/versions", first)).status == 401
        third = (await asked(receiver, "PUT", CREDENTIALS, second, announcement(sender))).json["data"]["token"]
        assert (await asked(receiver, "GET", "/ocpi/versions", second)).status == 200
        assert (await asked(receiver, "GET", "/ocpi/versions", third)).status == 200
        assert (await asked(receiver, "GET", "/ocpi/versions", second)).status == 401
        assert (await posted(receiver, sender)).status == 401


async def test_a_new_invitation_replaces_the_connection(receiver: MockPeer, registered: MockPeer) -> None:
    before = registered.held

    await registered.register(receiver.versions_url, receiver.invite())

    assert before is not None
    assert receiver.accepts(before) is None
    assert receiver.issued == {registered.held}


@pytest.mark.parametrize(("form", "good"), [(HeaderForm.RAW, 0), (HeaderForm.BASE64, 1)])
async def test_it_can_be_particular_about_the_header(form: HeaderForm, good: int) -> None:
    async with mock_peer(accepts=[form]) as receiver:
        shown = [receiver.token, b64encode(receiver.token.encode()).decode()]
        statuses = [(await asked(receiver, "GET", "/ocpi/versions", text)).status for text in shown]

    assert statuses == [200 if index == good else 401 for index in range(2)]


async def test_message_ids_come_back_and_go_on_to_callbacks(receiver: MockPeer, sender: MockPeer) -> None:
    ids = ("X-Request-ID: one", "X-Correlation-ID: both")

    answer = await asked(receiver, "POST", CREDENTIALS, receiver.token, announcement(sender), *ids)

    assert (answer.headers["x-request-id"], answer.headers["x-correlation-id"]) == ("one", "both")
    assert {request.header("X-Correlation-ID") for request in sender.received} == {"both"}
    assert len({request.header("X-Request-ID") for request in sender.received} - {"one"}) == 2


async def test_what_is_nowhere_is_404_and_other_methods_are_405(receiver: MockPeer) -> None:
    assert (await asked(receiver, "GET", "/ocpi/2.1.1", receiver.token)).outcome == (404, 2000)
    assert (await asked(receiver, "POST", "/ocpi/versions", receiver.token)).headers["allow"] == "GET"
    assert (await asked(receiver, "PATCH", CREDENTIALS, receiver.token)).outcome == (405, 2000)


async def test_events_and_state_give_no_token_away(receiver: MockPeer, registered: MockPeer) -> None:
    await registered.rotate()
    told = repr([event.document() for event in receiver.events]) + repr(receiver.state()) + repr(receiver.received)

    secrets = [receiver.token, registered.held, receiver.held, *registered.earlier, *receiver.earlier]
    assert len(secrets) == 5
    assert [secret for secret in secrets if secret is None or secret in told or secret[:8] in told] == []
    assert {event.event for event in receiver.events} == {"request", "call", "exchange"}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"versions": ["2.1"]}, "versions are of"),
        ({"versions": []}, "versions are of"),
        ({"parties": ["DE/KWL"]}, "CC/PID/ROLE"),
        ({"parties": ["DE/*/CPO"]}, "must be written like"),
        ({"modules": ["locations"]}, "must be written like"),
        ({"partners": ["DE/KWL"]}, "CC/PID/ROLE"),
        ({"faults": ["nonsense"]}, "there is no fault"),
        ({"versions": ["2.1.1"], "parties": ["DE/KWL/CPO", "DE/KWL/EMSP"]}, "one party"),
        ({"versions": ["2.1.1"], "modules": ["tokens/SENDER", "tokens/RECEIVER"]}, "once only"),
    ],
)
async def test_what_it_cannot_be_is_said_at_the_start(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        async with mock_peer(**settings):
            pass
