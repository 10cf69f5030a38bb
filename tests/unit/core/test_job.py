"""When an attempt follows another one, and what an operator is told when none does (F2, RS-10)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.exchange import ExchangeKind
from broker.core.job import MOST_ATTEMPTS, Job, JobState, failed, next_attempt
from broker.core.model import Version
from broker.errors import AnswerLostError, OutcomeUnknownError, PeerRefusedError, PeerUnusableError

POST, PUT, DELETE = ExchangeKind.POST, ExchangeKind.PUT, ExchangeKind.DELETE
SECOND = 1_000_000
NOW = 7_000 * SECOND
JOB = Job(PUT, JobState.WAITING, 1, 2)


@pytest.mark.parametrize(
    ("attempts", "scheduled", "chance", "seconds"),
    [
        (0, False, 0.0, 30),
        (0, False, 0.5, 37.5),
        (1, False, 0.0, 300),
        (1, False, 0.5, 375),
        (0, True, 0.0, 300),
        (1, True, 0.0, 3600),
        (1, True, 0.5, 4500),
        (2, False, 0.0, None),
        (2, True, 0.0, None),
        (9, False, 0.0, None),
    ],
)
def test_three_attempts_are_made_by_themselves(attempts, scheduled, chance, seconds):
    due = next_attempt(replace(JOB, attempts=attempts, scheduled=scheduled), NOW, chance)

    assert due == (None if seconds is None else NOW + seconds * SECOND)


@pytest.mark.parametrize(("asked", "due"), [(0, 30), (29, 30), (600, 600), (86_400, 86_400)])
def test_a_peer_that_wants_to_be_left_alone_is_not_asked_before(asked, due):
    """Retry-After."""
    assert next_attempt(JOB, NOW, 0, not_before=NOW + asked * SECOND) == NOW + due * SECOND
    assert next_attempt(replace(JOB, attempts=2), NOW, 0, not_before=NOW + asked * SECOND) is None


@given(st.booleans(), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_each_pause_is_longer_than_the_one_before_and_chance_makes_it_half_as_long_again_at_most(scheduled, one, other):
    job = replace(JOB, scheduled=scheduled)
    first, second = (next_attempt(replace(job, attempts=made), 0, chance) for made, chance in enumerate((one, other)))
    shortest = [next_attempt(replace(job, attempts=made), 0, 0) for made in (0, 1)]

    assert shortest[0] <= first <= 1.5 * shortest[0] < shortest[1] <= second <= 1.5 * shortest[1]


def test_no_more_than_three_follow_each_other():
    job, made = JOB, 0
    while job is not None:
        made += 1
        job = replace(job, attempts=job.attempts + 1) if next_attempt(job, NOW, 0) else None

    assert made == MOST_ATTEMPTS == 3


WORDS = {
    "ANSWER_LOST": "its token is lost",
    "PEER_REJECTED_TOKEN": "new registration token",
    "OUTCOME_UNKNOWN": "try again; if the peer says",
    "PEER_UNUSABLE": "versions URL",
    "PEER_VERSION_UNSUPPORTED": "agree with the peer on a version",
    "PEER_ENDPOINTS_MISSING": "these modules",
    "NOT_EXPRESSIBLE": "use another version",
    "EXCHANGE_IN_PROGRESS": "when the peer has used its token",
    "INTERNAL": "log of the broker",
    "PEER_REFUSED": "look at the exchange, tell the peer",
}


@pytest.mark.parametrize("reason", WORDS)
@pytest.mark.parametrize("kind", [POST, PUT])
def test_there_is_advice_for_each_reason(kind, reason):
    advice = replace(JOB, kind=kind, state=JobState.FAILED, reason=reason).advice

    assert WORDS[reason] in advice


def test_each_reason_has_advice_of_its_own():
    assert len({replace(JOB, reason=reason).advice for reason in WORDS}) == len(WORDS)


@pytest.mark.parametrize(
    ("kind", "way_out"), [(POST, "reset this connection"), (PUT, "peer update --renew reregister")]
)
def test_a_refusal_has_the_way_out_of_its_request(kind, way_out):
    assert way_out in replace(JOB, kind=kind, state=JobState.FAILED, reason="PEER_REFUSED").advice


def test_before_anything_has_gone_wrong_there_is_none():
    assert JOB.advice == ""


@pytest.mark.parametrize("reason", WORDS)
def test_a_peer_that_cannot_be_told_can_be_left_by_force_and_only_once(reason):
    """UN-06, F17."""
    job = replace(JOB, kind=DELETE, state=JobState.FAILED, reason=reason)

    assert "use force" in job.advice
    assert replace(job, force=True).advice == "tell the peer that the registration has ended"


@pytest.mark.parametrize(
    ("sent", "confirming", "unknown"),
    [(None, False, False), (Version("2.2.1"), False, True), (Version("2.2.1"), True, False), (None, True, False)],
)
def test_an_outcome_is_unknown_from_sending_until_it_is_settled(sent, confirming, unknown):
    assert replace(JOB, sent_version=sent, confirming=confirming).outcome_unknown is unknown


@pytest.mark.parametrize(("until", "running"), [(0, False), (NOW, False), (NOW + 1, True)])
def test_an_attempt_runs_while_its_lease_holds(until, running):
    assert replace(JOB, running_until=until).is_running(NOW) is running


@pytest.mark.parametrize(
    ("kind", "what"), [(POST, "registering"), (PUT, "renewing the tokens"), (DELETE, "unregistering")]
)
def test_a_job_says_what_it_does(kind, what):
    assert replace(JOB, kind=kind).what == what


IN_DOUBT = replace(JOB, sent_version=Version("2.2.1"), reason="OUTCOME_UNKNOWN", message="POST credentials: HTTP 502")


@pytest.mark.parametrize(
    ("before", "error", "reason", "message"),
    [
        (
            IN_DOUBT,
            PeerUnusableError("versions list: HTTP 503"),
            "OUTCOME_UNKNOWN",
            "; since then:\u00a0versions list: HTTP 503",
        ),
        (
            IN_DOUBT,
            PeerRefusedError("POST credentials: HTTP 400"),
            "OUTCOME_UNKNOWN",
            "; since then:\u00a0POST credentials: HTTP 400",
        ),
        (IN_DOUBT, OutcomeUnknownError("POST credentials: HTTP 502"), "OUTCOME_UNKNOWN", ""),
        (JOB, PeerUnusableError("versions list: HTTP 503"), "PEER_UNUSABLE", None),
    ],
)
def test_what_is_in_doubt_stays_in_front_of_what_goes_wrong_since(before, error, reason, message):
    after = failed(before, error, NOW, again=True, in_doubt=before is IN_DOUBT)

    assert (after.reason, after.state, after.attempts) == (reason, JobState.WAITING, before.attempts + 1)
    assert after.message == (str(error) if message is None else f"{IN_DOUBT.message}{message}")
    last = failed(after, PeerUnusableError("again"), NOW, again=False, in_doubt=True)
    assert last.message.count("; since then:") <= 1


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OutcomeUnknownError("POST credentials: HTTP 502"), "POST credentials: HTTP 502"),
        (
            PeerUnusableError("versions list: HTTP 503"),
            (
                "a request may have reached the peer, and the attempt ended before an answer came; "
                "since then:\u00a0versions list: HTTP 503"
            ),
        ),
    ],
)
def test_so_does_what_an_attempt_that_died_has_left_in_doubt(error, message):
    after = failed(replace(JOB, sent_version=Version("2.2.1"), reason=None), error, NOW, again=True, in_doubt=True)

    assert (after.reason, after.message) == ("OUTCOME_UNKNOWN", message)


def test_what_settles_a_doubt_is_told_with_what_was_seen_then():
    """The answer may have come, and have been of no use: that is what the peer has to mend."""
    after = failed(IN_DOUBT, AnswerLostError("versions list: HTTP 401"), NOW, again=False, in_doubt=True)

    assert after.reason == "ANSWER_LOST"
    assert after.message == f"versions list: HTTP 401; before that: {IN_DOUBT.message}"


def test_the_words_of_a_peer_do_not_cut_what_was_seen():
    """They have no blank but the usual one."""
    seen = replace(IN_DOUBT, message='POST credentials: HTTP 500; the peer says: "time-out; since then: ask ops"')

    after = failed(seen, PeerUnusableError("versions list: HTTP 503"), NOW, again=True, in_doubt=True)

    assert after.message.startswith(seen.message)
