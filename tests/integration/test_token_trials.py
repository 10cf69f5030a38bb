"""Whether a peer takes a token: what it is asked, in which forms, and what that says."""

import pytest

from broker.core.model import HeaderForm
from broker.core.quirks import Quirks
from broker.outbound.discovery import USUAL, Tolerances
from broker.outbound.token_trials import Subject, TokenTrials, Verdict
from tests.integration import raw_peer
from tests.integration.raw_peer import TOKEN, calling, envelope, listening, plain

pytestmark = pytest.mark.anyio

RAW, BASE64 = HeaderForm.RAW, HeaderForm.BASE64
FIXED = Tolerances(Quirks(auth_form_out=BASE64))
YES = plain(envelope([]))
NO = plain(b"", status="401 Unauthorized")
NEVER = plain(b"", status="403 Forbidden")
BROKEN = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort"
HEADERS = {RAW: raw_peer.RAW, BASE64: raw_peer.BASE64}


def answering(raw, base64, nothing=YES):
    """A peer that answers so to what it is shown, wherever it is asked."""
    answers = {raw_peer.RAW: raw, raw_peer.BASE64: base64, None: nothing}

    async def answer(peer, writer):
        shown = peer.received[-1].all("authorization")
        await peer.write(writer, answers[shown[0] if shown else None])

    return answer


async def tried(how, peer, *, tolerances=USUAL, credentials=True, **more):
    """What came of it, and the headers that were shown on the way."""
    subject = Subject(peer.url(), BASE64, tolerances, peer.url("/credentials") if credentials else None, **more)
    async with calling() as http:
        trial = await getattr(TokenTrials(http), how)(subject, TOKEN, "corr-1")
    return trial, [(request.all("authorization") or [None])[0] for request in peer.received]


@pytest.mark.parametrize("how", ["taken", "known"])
@pytest.mark.parametrize(
    ("options", "verdict", "forms"),
    [
        ({}, Verdict.WORKED, [BASE64, RAW]),
        ({"tolerances": FIXED}, Verdict.REFUSED, [BASE64]),
        ({"tolerances": FIXED, "either_form": True}, Verdict.WORKED, [BASE64, RAW]),
    ],
)
async def test_the_other_form_is_tried_unless_an_operator_has_set_one(how, options, verdict, forms):
    async with listening(answering(raw=YES, base64=NO, nothing=NO)) as peer:
        trial, shown = await tried(how, peer, **options)

    assert trial.verdict is verdict, trial
    assert trial.form is (RAW if verdict is Verdict.WORKED else BASE64)
    assert shown[: len(forms)] == [HEADERS[form] for form in forms]
    assert raw_peer.RAW not in shown[len(forms) :]


@pytest.mark.parametrize(
    ("answers", "verdict", "finding"),
    [
        ((YES, YES, NO), Verdict.WORKED, ""),
        ((YES, YES, NEVER), Verdict.WORKED, ""),
        ((YES, YES, YES), Verdict.OPEN, "the peer answers the same without a token"),
        ((NO, NO, YES), Verdict.REFUSED, "GET credentials: HTTP 401"),
        ((NEVER, NEVER, YES), Verdict.REFUSED, "GET credentials: HTTP 403"),
        ((YES, BROKEN, NO), Verdict.FAILED, "credentials: the answer was cut off or is not HTTP"),
    ],
)
async def test_a_token_is_known_where_those_who_show_none_are_refused(answers, verdict, finding):
    async with listening(answering(*answers)) as peer:
        trial, _ = await tried("known", peer)

    assert trial.verdict is verdict
    assert trial.finding.startswith(finding)
    assert bool(trial.finding) is (verdict is not Verdict.WORKED)
    assert trial.verdict.proves_nothing is (verdict is Verdict.OPEN)


async def test_without_a_credentials_endpoint_nobody_is_asked_whether_the_token_is_known():
    async with listening(answering(YES, YES, NO)) as peer:
        trial, shown = await tried("known", peer, credentials=False)

    assert (trial.verdict, trial.form, shown) == (Verdict.NOT_ASKED, BASE64, [])
    assert trial.verdict.proves_nothing


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [(YES, Verdict.WORKED), (NO, Verdict.REFUSED), (NEVER, Verdict.REFUSED), (BROKEN, Verdict.FAILED)],
)
async def test_a_token_is_taken_where_the_version_list_is_answered(answer, verdict):
    async with listening(answering(answer, answer)) as peer:
        trial, _ = await tried("taken", peer)

    assert trial.verdict is verdict, trial
    assert (trial.error is None) is (verdict is Verdict.WORKED)
