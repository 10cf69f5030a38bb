"""What is told about a job while somebody waits for it, and how that ends."""

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from broker.cli.following import Clock, Sight, Story, ended_before, failure, follow, in_words, quarantine, unproven
from ocpi_broker.v1 import resources_pb2 as pb

NOW = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
NAME = "tenants/acme/peers/kw"
SEE = "see `ocpi-broker peer show kw --tenant acme`"
REFUSED = "the peer answered HTTP 200, OCPI 2001: no such party"
IN_DOUBT = "it is not known whether the peer has done it"


def after(seconds):
    moment = Timestamp()
    moment.FromDatetime(NOW + timedelta(seconds=seconds))
    return moment


def error(message=REFUSED, reason="PEER_REFUSED"):
    detail = Any()
    detail.Pack(ErrorInfo(domain="ocpi-broker", reason=reason))
    return Status(code=9, message=message, details=[detail])


def exchange(uid, *steps, **more):
    more.setdefault("direction", pb.EXCHANGE_DIRECTION_OUTBOUND)
    return pb.Exchange(uid=uid, steps=[pb.ExchangeStep(summary=step) for step in steps], **more)


def peer(job=None, state=pb.PEER_STATE_CONNECTING):
    return pb.Peer(name=NAME, state=state, job=job)


RUNNING = peer(pb.Job(state=pb.JOB_STATE_RUNNING, attempts=1))
DONE = peer(state=pb.PEER_STATE_REGISTERED)


def waiting(seconds, attempts=1, **more):
    job = pb.Job(state=pb.JOB_STATE_WAITING, attempts=attempts, next_attempt_time=after(seconds), **more)
    return peer(job)


class Watcher:
    """Somebody who looks on: each look finds the next sight, and the last one again and again."""

    def __init__(self, *sights):
        self.sights = list(sights)
        self.time = NOW
        self.said = []

    def look(self):
        return self.sights.pop(0) if len(self.sights) > 1 else self.sights[0]

    def sleep(self, seconds):
        self.time += timedelta(seconds=seconds)

    def follow(self, patience=300, before=frozenset()):
        until = NOW + timedelta(seconds=patience)
        return follow(self.look, self.said.append, Story(before), until, Clock(lambda: self.time, self.sleep))


def test_each_step_is_told_once_and_as_it_happens():
    watcher = Watcher(
        Sight(RUNNING),
        Sight(RUNNING, [exchange("b", "one"), exchange("a", "old")]),
        Sight(RUNNING, [exchange("b", "one", "two"), exchange("a", "old")]),
        Sight(DONE, [exchange("b", "one", "two", "three"), exchange("a", "old")]),
    )

    assert watcher.follow(before=frozenset("a")) == DONE
    assert watcher.said == ["one", "two", "three"]


def test_what_was_odd_is_told_once_and_with_a_success_too():
    odd = "token: has more than 64 characters; it was kept (quirk token_max_len)"
    watcher = Watcher(
        Sight(RUNNING, [exchange("a", "one", warnings=["versions list: timestamp: is missing"])]),
        Sight(DONE, [exchange("a", "one", "two", warnings=["versions list: timestamp: is missing", odd])]),
    )

    watcher.follow()

    assert watcher.said == ["one", "warning: versions list: timestamp: is missing", "two", f"warning: {odd}"]


def test_two_exchanges_of_one_attempt_are_told_in_their_order():
    watcher = Watcher(Sight(DONE, [exchange("b", "with 2.2.1"), exchange("a", "with 2.3.0")]))

    watcher.follow()

    assert watcher.said == ["with 2.3.0", "with 2.2.1"]


def test_what_the_peer_asks_for_meanwhile_is_not_our_job():
    theirs = exchange("a", "their PUT", direction=pb.EXCHANGE_DIRECTION_INBOUND)
    watcher = Watcher(Sight(DONE, [theirs]))

    watcher.follow()

    assert watcher.said == []


def test_an_exchange_that_runs_already_is_news_and_one_that_has_ended_is_not():
    running = exchange("a", outcome=pb.EXCHANGE_OUTCOME_RUNNING)
    ended = exchange("b", outcome=pb.EXCHANGE_OUTCOME_UNKNOWN)

    assert ended_before([running, ended]) == {"b"}


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (waiting(30, outcome_unknown=True, last_error=error()), f"{REFUSED}; {IN_DOUBT}; next attempt in 30 s"),
        (waiting(300, last_error=error()), f"{REFUSED}; next attempt in 5 min"),
        (waiting(-3), "it has not worked yet; next attempt in 0 s"),
    ],
    ids=["lost", "refused", "due"],
)
def test_a_pause_is_told_once_with_its_reason(job, said):
    watcher = Watcher(Sight(job), Sight(job), Sight(DONE))

    watcher.follow()

    assert watcher.said == [said]


def test_every_pause_is_told():
    watcher = Watcher(Sight(waiting(1)), Sight(RUNNING), Sight(waiting(9, attempts=2)), Sight(DONE))

    watcher.follow()

    assert watcher.said == [f"it has not worked yet; next attempt in {left} s" for left in (1, 8)]


def test_a_job_that_waits_for_its_turn_is_nothing_to_tell():
    watcher = Watcher(Sight(waiting(0, attempts=0)), Sight(DONE))

    watcher.follow()

    assert watcher.said == []


def test_it_ends_when_the_job_has_failed():
    failed = peer(pb.Job(state=pb.JOB_STATE_FAILED, attempts=3, last_error=error()))

    assert Watcher(Sight(RUNNING), Sight(failed)).follow() == failed


def test_it_ends_when_the_time_is_up():
    watcher = Watcher(Sight(RUNNING))

    assert watcher.follow(patience=10) == RUNNING
    assert watcher.time == NOW + timedelta(seconds=10)


@pytest.mark.parametrize(("seconds", "waits"), [(299, True), (301, False)])
def test_nobody_waits_for_an_attempt_that_comes_too_late(seconds, waits):
    watcher = Watcher(Sight(waiting(seconds)), Sight(DONE))

    assert (watcher.follow(patience=300) == DONE) is waits


def test_what_was_wanted_is_no_failure():
    assert failure(DONE, pb.PEER_STATE_REGISTERED, NOW) is None
    assert failure(peer(state=pb.PEER_STATE_UNREGISTERED), pb.PEER_STATE_UNREGISTERED, NOW) is None


def test_an_end_by_force_is_one_although_the_peer_could_not_be_told():
    """F17."""
    mark = peer(pb.Job(kind=pb.EXCHANGE_KIND_DELETE, state=pb.JOB_STATE_FAILED, last_error=error()))
    mark.state = pb.PEER_STATE_UNREGISTERED

    assert failure(mark, pb.PEER_STATE_UNREGISTERED, NOW) is None
    assert failure(mark, pb.PEER_STATE_REGISTERED, NOW) is not None


def test_a_peer_in_quarantine_is_told_with_what_it_announced_and_its_warnings():
    asked = [pb.Party(country_code="DE", party_id=f"KW{number}", role=pb.ROLE_CPO) for number in range(7)]
    found = [pb.Finding(id="QUARANTINED", message="approve them")]
    one = pb.Peer(name="tenants/acme/peers/kw", quarantined=True, requested_parties=asked, findings=found)

    assert quarantine(one) == (
        "kw has exchanged tokens with us and is in quarantine: services get no token for it; "
        "it announced DE/KW0/CPO, DE/KW1/CPO, DE/KW2/CPO, DE/KW3/CPO, DE/KW4/CPO; approve them"
    )


def test_a_failed_job_says_why_and_what_can_be_done():
    job = pb.Job(state=pb.JOB_STATE_FAILED, last_error=error(), advice="ask the peer which parties it has")
    registered = peer(job, pb.PEER_STATE_REGISTERED)

    said = failure(registered, pb.PEER_STATE_REGISTERED, NOW)

    assert said == f"{REFUSED} [PEER_REFUSED]; ask the peer which parties it has"


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (RUNNING, f"not done yet; the job goes on by itself: {SEE}"),
        (
            waiting(3600, last_error=error(), advice="ask the peer"),
            (
                f"not done yet, {REFUSED} [PEER_REFUSED]; the job goes on by itself, next attempt in 60 min; "
                f"if that does not help, ask the peer: {SEE}"
            ),
        ),
        (peer(state=pb.PEER_STATE_INVITED), "kw is invited: the job was ended by something else"),
    ],
    ids=["running", "waiting", "gone"],
)
def test_who_leaves_early_is_told_how_it_goes_on(left, said):
    assert failure(left, pb.PEER_STATE_REGISTERED, NOW) == said


@pytest.mark.parametrize(("seconds", "text"), [(-5, "0 s"), (29.6, "30 s"), (119, "119 s"), (120, "2 min")])
def test_a_pause_in_words(seconds, text):
    assert in_words(seconds) == text


def test_a_token_that_has_not_worked_is_told_with_what_to_do():
    peer = pb.Peer(name=NAME, state=pb.PEER_STATE_REGISTERED)
    assert unproven(peer) is None
    peer.findings.add(id="TOKEN_UNPROVEN", message="the token that the peer announced has not worked yet: HTTP 401")

    said = unproven(peer)

    assert said.startswith("kw has exchanged tokens with us, but the token that the peer announced has not worked yet")
    assert said.endswith("ask the peer whether it knows this token, or for a new registration token, and connect again")
