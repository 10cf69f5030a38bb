"""What probes say together, and when the next is due."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.health import (
    FAILURES,
    Failed,
    Health,
    HealthState,
    Refused,
    Trouble,
    Worked,
    due,
    following,
    idle_until,
    step,
    unprobed,
    warning,
)
from broker.core.model import HeaderForm, Policy, Sealed
from broker.core.peer import HeldToken, PeerState
from tests.unit.core.peers import peer

SECOND = 1_000_000
HOUR = 3600
NOW = 1_767_225_600_000_000
RAW, BASE64 = HeaderForm.RAW, HeaderForm.BASE64
FINE = Worked(RAW, RAW)
DEAD = Refused("versions list: HTTP 401")
AWAY = Failed(Trouble.UNREACHABLE, "versions list: could not connect to kwl.example")
UIDS = [f"6f1c0f3e-0000-4000-8000-{number:012}" for number in range(2000)]
OUTCOMES = st.sampled_from([FINE, DEAD, AWAY, Worked(RAW, BASE64)])


def after(*outcomes, health=Health(), now=NOW):  # noqa: B008  a value
    for number, outcome in enumerate(outcomes):
        health = step(health, outcome, now + number)
    return health


def test_one_success_is_enough():
    assert after(FINE) == Health(HealthState.OK, since=NOW, last_probe=NOW, last_out=NOW)


def test_further_successes_do_not_move_the_beginning():
    health = after(FINE, FINE, FINE)

    assert (health.since, health.last_probe, health.last_out) == (NOW, NOW + 2, NOW + 2)


@pytest.mark.parametrize("count", range(1, FAILURES))
def test_fewer_failures_than_that_say_nothing(count):
    health = after(FINE, *[AWAY] * count)

    assert (health.state, health.since, health.trouble, health.message) == (HealthState.OK, NOW, None, "")
    assert (health.last_out, health.last_probe) == (NOW, NOW + count)


def test_it_fails_since_the_first_failure_for_the_reason_of_the_last():
    health = after(FINE, AWAY, AWAY, DEAD)

    assert (health.state, health.since) == (HealthState.FAILING, NOW + 1)
    assert (health.trouble, health.message) == (Trouble.PEER_REJECTED_TOKEN, DEAD.message)
    assert health.last_out == NOW


def test_what_fails_keeps_its_beginning_and_tells_the_newest_reason():
    health = after(*[AWAY] * 20, DEAD)

    assert (health.state, health.since, health.trouble) == (HealthState.FAILING, NOW, Trouble.PEER_REJECTED_TOKEN)


def test_one_success_ends_it():
    health = after(*[AWAY] * 9, FINE)

    assert health == Health(HealthState.OK, since=NOW + 9, last_probe=NOW + 9, last_out=NOW + 9)


def test_a_success_in_between_starts_the_count_anew():
    health = after(FINE, AWAY, AWAY, FINE, AWAY, AWAY)

    assert health.state is HealthState.OK


def test_the_other_form_is_contact_and_failure_in_one():
    health = after(*[Worked(RAW, asked=BASE64)] * 3)

    assert (health.state, health.trouble) == (HealthState.FAILING, Trouble.WRONG_AUTH_FORM)
    assert "refused in the form base64" in health.message
    assert "set the quirk auth_form_out=raw" in health.message
    assert health.last_out == NOW + 2


@given(st.lists(OUTCOMES, max_size=30))
def test_the_state_follows_from_the_last_outcomes_alone(outcomes):
    health = after(*outcomes)

    last = outcomes[-FAILURES:]
    bad = [outcome is not FINE for outcome in last]
    assert (health.state is HealthState.FAILING) == (len(bad) == FAILURES and all(bad))
    assert (health.trouble is not None) == (health.state is HealthState.FAILING)
    assert health.failures <= FAILURES
    assert (health.failing_from is not None) == bool(health.failures)


def test_who_is_not_probed_any_more_is_unknown_and_was_met_all_the_same():
    health = replace(after(*[AWAY] * 3), last_in=5, last_out=6)

    assert unprobed(health, NOW + 9) == Health(since=NOW + 9, last_probe=NOW + 2, last_in=5, last_out=6)


def test_who_was_unknown_stays_so():
    health = Health(since=7, last_in=5)

    assert unprobed(health, NOW) is health


# When


@given(st.sampled_from(UIDS), st.integers(60, 40 * 24 * HOUR))
def test_whatever_breaks_is_known_within_an_interval(uid, interval):
    health, turn = after(FINE), following(uid, after(FINE), interval, NOW)
    assert turn >= NOW + 0.75 * interval * SECOND - 1
    while health.state is not HealthState.FAILING:
        last, health = turn, step(health, AWAY, turn)
        turn = following(uid, health, interval, turn)

    assert last <= NOW + interval * SECOND + FAILURES


def test_a_failure_is_confirmed_within_minutes():
    assert following("uid-1", after(AWAY), 24 * HOUR, NOW) == NOW + 120 * SECOND
    assert following("uid-1", after(AWAY), 60, NOW) == NOW + 3 * SECOND


def test_what_fails_is_probed_at_the_usual_pace():
    assert following("uid-1", after(*[AWAY] * 5), HOUR, NOW) >= NOW + 0.75 * HOUR * SECOND


def test_turns_are_spread():
    turns = [following(uid, after(FINE), HOUR, NOW) for uid in UIDS]

    part = 0.15 * HOUR * SECOND / 20
    fullest = Counter(int((turn - min(turns)) / part) for turn in turns).most_common(1)[0][1]
    assert fullest < 2 * len(UIDS) / 20


@pytest.mark.parametrize("anew", [True, False])
def test_what_has_failed_is_looked_at_at_once(anew):
    for count in (1, 2, 3):
        assert due("uid-1", after(FINE, *[AWAY] * count), HOUR, NOW + 10, anew=anew) == NOW + 10


@pytest.mark.parametrize("anew", [True, False])
def test_who_was_met_is_left_alone_for_a_while(anew):
    met = Health(last_out=NOW)

    assert due("uid-1", met, HOUR, NOW + 60 * SECOND, anew=anew) >= NOW + 0.75 * HOUR * SECOND


def test_whose_turn_has_come_is_probed():
    assert due("uid-1", Health(), HOUR, NOW, anew=False) == NOW
    assert due("uid-1", Health(last_out=NOW - HOUR * SECOND), HOUR, NOW, anew=False) == NOW


def test_a_turn_of_ones_own_comes_when_it_was_said():
    health, turn = after(FINE), following("uid-1", after(FINE), HOUR, NOW)

    assert due("uid-1", health, HOUR, turn, anew=False) == turn


@pytest.mark.parametrize("health", [Health(), Health(last_out=NOW - 99 * HOUR * SECOND)])
def test_many_new_ones_do_not_come_at_once(health):
    """A thousand that were imported, or whose interval was made shorter: none at once, all within the interval."""
    turns = sorted(due(uid, health, HOUR, NOW, anew=True) for uid in UIDS)

    assert turns[0] >= NOW + 0.1 * HOUR * SECOND
    assert turns[-1] <= NOW + 0.9 * HOUR * SECOND
    assert turns[len(turns) // 2] == pytest.approx(NOW + 0.5 * HOUR * SECOND, abs=0.05 * HOUR * SECOND)


HELD = HeldToken(Sealed("k", b"box"), NOW)


def test_a_registered_peer_is_probed():
    assert idle_until(peer(held=HELD), Policy(), NOW) is None


@pytest.mark.parametrize(
    ("one", "policy"),
    [
        (peer(held=HELD), Policy(probe_interval=0)),
        (peer(held=HELD, blocked=True), Policy()),
        (peer(held=HELD, state=PeerState.INVITED), Policy()),
        (peer(held=HELD, state=PeerState.UNREGISTERED), Policy()),
        (peer(), Policy()),
    ],
)
def test_others_are_not(one, policy):
    again = idle_until(one, policy, NOW)

    assert again is not None
    assert NOW + HOUR * SECOND // 2 <= again <= NOW + 2 * HOUR * SECOND


def test_who_is_connecting_will_be_soon():
    assert idle_until(peer(held=HELD, state=PeerState.CONNECTING), Policy(), NOW) == NOW + 60 * SECOND


def test_only_a_failing_connection_is_warned_of():
    assert warning(after(FINE, AWAY)) is None
    said = warning(after(*[AWAY] * 3))

    assert said is not None
    assert said.id == "CONNECTION_FAILING"
    assert said.message == (
        "the connection has been failing since 2026-01-01 00:00 UTC: UNREACHABLE: versions list: could not connect "
        "to kwl.example"
    )
