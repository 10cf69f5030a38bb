"""Tokens are renewed in time and not all at once (TK-02)."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.rotation import due, start

HOUR = 3600 * 1_000_000
DAY = 24 * HOUR
PERIOD = 30 * 24 * 3600
SINCE = 1_767_225_600_000_000
UIDS = [f"6f1c0f3e-0000-4000-8000-{number:012}" for number in range(1000)]
BUCKETS = 24


def crowding(moments, first, last):
    """How full the fullest of equal parts of the time is, as a multiple of the mean."""
    parts = Counter(min(BUCKETS - 1, int((moment - first) / (last - first) * BUCKETS)) for moment in moments)
    return max(parts.values()) / (len(moments) / BUCKETS)


@given(st.text(max_size=40), st.integers(0, 2**52), st.integers(1, 400 * 24 * 3600))
def test_a_peers_turn_comes_in_the_last_fifth_of_the_period(uid, since, period):
    turn = due(uid, since, period) - since

    assert 0.8 * period * 1_000_000 - 1 <= turn <= period * 1_000_000


def test_without_a_period_nothing_is_due():
    assert due(UIDS[0], SINCE, 0) is None


def test_every_broker_finds_the_same_turn():
    """Written down: another hash would move every turn at an upgrade."""
    assert due("uid-1", SINCE, PERIOD) == due("uid-1", SINCE, PERIOD) == SINCE + 2_560_396_748_080


def test_turns_are_spread_evenly():
    turns = [due(uid, SINCE, PERIOD) for uid in UIDS]

    assert crowding(turns, SINCE + 24 * DAY, SINCE + 30 * DAY) < 3


def test_who_was_together_once_is_not_the_next_time():
    near = sorted(UIDS, key=lambda uid: due(uid, SINCE, PERIOD))[:40]
    again = [due(uid, SINCE + 24 * DAY, PERIOD) for uid in near]

    assert max(again) - min(again) > 4 * DAY


@pytest.mark.parametrize("late", [-DAY, 0, 1, HOUR - 1])
def test_in_good_time_it_begins_at_once(late):
    now = SINCE + DAY

    assert start("uid-1", now - late, now) == now


@pytest.mark.parametrize(
    ("late", "within"), [(HOUR, HOUR), (3 * HOUR, 3 * HOUR), (6 * HOUR, 6 * HOUR), (DAY, 6 * HOUR)]
)
def test_a_backlog_is_worked_off_over_hours(late, within):
    now = SINCE + DAY

    begun = [start(uid, now - late, now) for uid in UIDS]

    assert all(now <= moment <= now + within for moment in begun)
    assert crowding(begun, now, now + within) < 3


@given(st.integers(0, 2**52), st.integers(0, 2**52))
def test_nothing_begins_before_its_time_is_looked_at(at, now):
    assert now <= start("uid-1", at, now) <= now + 6 * HOUR
